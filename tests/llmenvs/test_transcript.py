"""What the policy sampled is stored as it came, and every view of the tokens stays as it was."""

import copy
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import ByteTokenizer, Completion, Transcript
from llmenvs.transcript import Author, Message

ids = st.lists(st.integers(0, 2**40), max_size=20)
turns = st.lists(st.tuples(ids, ids), max_size=8)
USER: list[Message] = [{"role": "user", "content": "x"}]


@given(ids, turns)
def test_the_mask_tells_the_policy_from_the_environment(
    prompt: list[int], played: list[tuple[list[int], list[int]]]
) -> None:
    transcript = Transcript()
    transcript.add_prompt(USER, "x", prompt)
    views = [(transcript.token_ids, transcript.generated_mask)]
    for sampled, observed in played:
        transcript.add_completion("y", sampled)
        transcript.add_observation(USER, "x", observed)
        views.append((transcript.token_ids, transcript.generated_mask))
    token_ids, generated = np.asarray(transcript.token_ids), np.asarray(transcript.generated_mask)

    assert token_ids[generated].tolist() == [i for sampled, _ in played for i in sampled]
    assert token_ids[~generated].tolist() == prompt + [i for _, seen in played for i in seen]
    assert [len(view) for view, _ in views] == [len(mask) for _, mask in views]
    for view, mask in views:  # what an earlier turn was given has not changed
        assert list(view) == token_ids[: len(view)].tolist()
        assert list(mask) == generated[: len(mask)].tolist()
    for (start, stop), (sampled, _) in zip(transcript.turn_spans, played, strict=True):
        assert token_ids[start:stop].tolist() == sampled


def test_logprobs_stand_on_the_tokens_that_were_sampled() -> None:
    transcript = Transcript()
    transcript.add_prompt(USER, "x", [1, 2])
    transcript.add_completion("y", [3, 4], logprobs=(-0.5, -0.25))
    transcript.add_observation(USER, "x", [5])
    transcript.add_completion("z", [6])

    np.testing.assert_array_equal(
        transcript.logprobs, np.array([np.nan, np.nan, -0.5, -0.25, np.nan, np.nan], np.float32)
    )
    assert transcript.logprobs.dtype == np.float32


def test_segments_and_messages_say_who_wrote_what() -> None:
    transcript = Transcript()
    transcript.add_prompt([{"role": "system", "content": "s"}, *USER], "sx", [1])
    transcript.add_completion("y", [2])

    assert [segment.author for segment in transcript.segments] == [Author.PROMPT, Author.POLICY]
    assert [message["role"] for message in transcript.messages] == ["system", "user", "assistant"]
    assert transcript.text == "sxy"


def test_a_copy_grows_on_its_own() -> None:
    transcript = Transcript()
    transcript.add_prompt(USER, "x", [1])
    copied = transcript.copy()
    copied.add_completion("y", [2])

    assert len(transcript) == 1
    assert len(copied) == 2
    assert transcript.segments == copied.segments[:1]


def test_a_view_behaves_as_a_tuple_of_its_items() -> None:
    transcript = Transcript()
    transcript.add_completion("y", [7, 8, 9])
    view, mask = transcript.token_ids, transcript.generated_mask

    assert view == [7, 8, 9] == list(view)
    assert view == (7, 8, 9)
    assert view != [7, 8]
    assert view != [7, 8, 10]
    assert view != mask
    assert view != "789"
    assert (view[0], view[-1], view[1:]) == (7, 9, (8, 9))
    assert mask[0] is True
    assert 8 in view
    assert repr(view) == "TokenView([7, 8, 9])"
    with pytest.raises(IndexError, match="index 3 is out of range for 3 tokens"):
        view[3]


def test_a_view_converts_to_the_stated_dtypes_and_is_cut_off() -> None:
    transcript = Transcript()
    transcript.add_completion("y", [7, 8])
    array = np.asarray(transcript.token_ids)
    array[0] = 0

    assert array.dtype == np.int64
    assert np.asarray(transcript.generated_mask).dtype == np.bool_
    assert np.asarray(transcript.token_ids, np.int32).dtype == np.int32
    assert transcript.token_ids == [7, 8]


def test_a_view_pickles_alone() -> None:
    transcript = Transcript()
    transcript.add_completion("y", [7])
    view = transcript.token_ids
    small = len(pickle.dumps(view))
    transcript.add_completion("z", list(range(10_000)))

    assert pickle.loads(pickle.dumps(view)) == view
    assert len(pickle.dumps(view)) == small
    assert pickle.loads(pickle.dumps(transcript.generated_mask)) == transcript.generated_mask
    assert copy.deepcopy(view) == view


def test_reading_a_view_in_a_thread_does_not_stop_the_transcript_from_growing() -> None:
    transcript = Transcript()
    transcript.add_completion("y", list(range(50_000)))
    view, stop = transcript.token_ids, threading.Event()

    def read() -> None:
        while not stop.is_set():
            np.asarray(view)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(300):
        transcript.add_completion("z", [1])
    stop.set()
    reader.join()

    assert len(transcript) == 50_300


class TestCompletion:
    def test_it_is_a_string_that_carries_how_it_was_sampled(self) -> None:
        completion = Completion("up", token_ids=np.array([7, 2]), logprobs=[-0.5, 0.0])

        assert completion == "up"
        assert completion.token_ids == (7, 2)
        assert completion.logprobs == (-0.5, 0.0)

    @pytest.mark.parametrize(
        "duplicate", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
    )
    def test_it_survives_copying(self, duplicate: object) -> None:
        completion = Completion("up", token_ids=[7], logprobs=[-0.5], policy_version=3)
        copied = duplicate(completion)  # type: ignore[operator]

        assert (copied, copied.token_ids, copied.logprobs) == ("up", (7,), (-0.5,))
        assert copied.policy_version == 3

    @pytest.mark.parametrize(
        ("token_ids", "logprobs", "message"),
        [
            ([-1], None, "at least 0, got -1"),
            (None, [-1.0], "got 1 for None"),
            ([1, 2], [-1.0], "got 1 for 2"),
            ([1], [0.5], "at most 0, got 0.5"),
            ([1], [float("nan")], "got nan"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, token_ids: list[int] | None, logprobs: list[float] | None, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            Completion("x", token_ids=token_ids, logprobs=logprobs)

    def test_the_token_that_completes_a_stop_string_is_kept_whole(self) -> None:
        class Pairs(ByteTokenizer):
            """Each token is two characters."""

            def decode(self, token_ids: object) -> str:
                return "".join(f"{i:02d}" for i in token_ids)  # type: ignore[attr-defined]

        completion = Completion.from_tokens(
            Pairs(), [11, 23, 34, 55], logprobs=[-1.0, -2.0, -3.0, -4.0], stop_strings=["3", "34"]
        )

        assert completion == "1123"
        assert completion.token_ids == (11, 23)
        assert completion.logprobs == (-1.0, -2.0)

    @given(st.binary(max_size=60), st.sampled_from(["</a>", "b", "中"]))
    def test_it_ends_at_the_first_token_with_which_the_text_stops(
        self, data: bytes, stop: str
    ) -> None:
        tokenizer = ByteTokenizer()
        token_ids = [*data, *stop.encode(), *data]
        completion = Completion.from_tokens(tokenizer, token_ids, stop_strings=[stop])
        kept = completion.token_ids
        assert kept is not None

        assert completion.endswith(stop)
        assert completion.count(stop) == 1
        assert list(kept) == token_ids[: len(kept)]
        assert stop not in tokenizer.decode(kept[:-1])

    def test_without_a_stop_string_everything_is_kept(self) -> None:
        completion = Completion.from_tokens(ByteTokenizer(), [72, 105, 256], stop_strings=["!"])

        assert completion == "Hi"
        assert completion.token_ids == (72, 105, 256)


def split_transcript() -> Transcript:
    """Two turns, a context that was rendered anew, and one turn more."""
    transcript = Transcript()
    transcript.add_prompt([{"role": "user", "content": "p"}], "p", [1, 2])
    transcript.add_completion("a", [3], logprobs=(-0.5,), policy_version=4)
    transcript.add_observation([{"role": "user", "content": "o"}], "o", [5])
    transcript.add_completion("b", [6, 7])
    transcript.start_run([{"role": "user", "content": "n"}], "n", [1, 2, 8, 9])
    transcript.add_completion("c", [10, 11], logprobs=(-0.25, -0.125))
    return transcript


def test_a_new_run_starts_from_its_context_and_keeps_what_was_said() -> None:
    transcript = split_transcript()
    first, second = transcript.runs

    assert first.token_ids == (1, 2, 3, 5, 6, 7)
    assert first.turn_spans == ((2, 3), (4, 6))
    assert [m["content"] for m in first.messages] == ["p", "a", "o", "b"]
    assert second.token_ids == transcript.token_ids == (1, 2, 8, 9, 10, 11)
    assert transcript.generated_mask == (False,) * 4 + (True,) * 2
    assert transcript.text == "paobnc"
    assert [s.text for s in transcript.turns] == ["c"]
    assert transcript.logprobs[4:].tolist() == [-0.25, -0.125]


def test_the_copy_of_a_split_transcript_grows_on_its_own() -> None:
    transcript = split_transcript()
    copied = transcript.copy()
    copied.start_run([], "", [1])

    assert (len(transcript.runs), len(copied.runs)) == (2, 3)
    assert transcript.token_ids == (1, 2, 8, 9, 10, 11)
