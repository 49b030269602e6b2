"""Nothing that follows the first stop string stays, neither as text nor as tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import ByteTokenizer, Completion, Tokenizer
from llmenvs.stop_strings import cut_after_stop, end_of_first_stop

STOPS = ("</a>", "</b>")
pieces = st.lists(st.sampled_from([*STOPS, "<a>", "</", ">", "x", "é", " "]), max_size=12)


@given(pieces.map("".join))
def test_a_text_is_cut_where_the_first_stop_ends(text: str) -> None:
    cut = cut_after_stop(text, STOPS, ByteTokenizer())

    assert text.startswith(cut)
    if cut != text:
        assert cut.endswith(STOPS)
    assert sum(cut.count(stop) for stop in STOPS) == any(stop in text for stop in STOPS)


@given(pieces.map("".join))
def test_tokens_are_cut_with_the_text(text: str) -> None:
    ids = ByteTokenizer().encode(text)
    logprobs = [-0.5 - i for i in range(len(ids))]
    cut = cut_after_stop(
        Completion(text, token_ids=ids, logprobs=logprobs, policy_version=3), STOPS, ByteTokenizer()
    )

    assert isinstance(cut, Completion)
    assert cut.token_ids is not None
    assert ByteTokenizer().decode(cut.token_ids) == cut
    assert cut.logprobs == tuple(logprobs[: len(cut.token_ids)])
    assert cut.policy_version == 3


def test_the_token_that_completes_a_stop_string_is_kept_whole(any_tokenizer: Tokenizer) -> None:
    ids = any_tokenizer.encode("up</action>\nYou are at") + any_tokenizer.encode(" (0, 1)")
    decoded = any_tokenizer.decode(ids)
    cut = cut_after_stop(Completion(decoded, token_ids=ids), ["</action>"], any_tokenizer)

    assert isinstance(cut, Completion)
    assert cut.token_ids is not None
    assert cut == "up</action>"
    assert cut.token_ids == tuple(ids[: len(cut.token_ids)])
    assert "</action>" in any_tokenizer.decode(cut.token_ids)
    assert "</action>" not in any_tokenizer.decode(cut.token_ids[:-1])


def test_an_end_of_turn_token_after_the_stop_string_is_kept() -> None:
    action = Completion("x</a>", token_ids=[*b"x</a>", 256])

    assert cut_after_stop(action, STOPS, ByteTokenizer()) is action


def test_tokens_that_go_on_where_the_text_was_cut_are_cut_too() -> None:
    action = Completion("x</a>", token_ids=[*b"x</a> junk"])
    cut = cut_after_stop(action, STOPS, ByteTokenizer())

    assert isinstance(cut, Completion)
    assert cut.token_ids == tuple(b"x</a>")


def test_a_completion_without_tokens_stays_a_completion() -> None:
    cut = cut_after_stop(Completion("x</a> junk", policy_version=2), STOPS, ByteTokenizer())

    assert isinstance(cut, Completion)
    assert (str(cut), cut.token_ids, cut.policy_version) == ("x</a>", None, 2)


@pytest.mark.parametrize("action", ["", "no stop", "ends</b>"])
def test_what_has_nothing_after_a_stop_is_left_alone(action: str) -> None:
    assert cut_after_stop(action, STOPS, ByteTokenizer()) == action


def test_ids_out_of_the_vocabulary_are_left_to_the_environment() -> None:
    action = Completion("x", token_ids=[999])

    assert cut_after_stop(action, STOPS, ByteTokenizer()) is action


def test_the_stop_that_ends_first_counts_and_not_the_one_named_first() -> None:
    assert end_of_first_stop("a</b>c</a>", STOPS) == 5
    assert end_of_first_stop("none", STOPS) is None
