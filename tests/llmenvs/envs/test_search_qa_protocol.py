"""The protocol is Search-R1's, and reading an action never fails nor takes long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import ByteTokenizer, Tokenizer
from llmenvs.envs.search_qa_protocol import (
    PASSAGE_TEMPLATE,
    PROMPT_TEMPLATE,
    ActionKind,
    SearchProtocol,
    num_tokens,
    parse_action,
    passage_pattern,
)
from llmenvs.retrievers import Hit

TAGS = ["<search>", "</search>", "<answer>", "</answer>", "<think>", "</think>", "<information>"]
texts = st.lists(st.one_of(st.sampled_from(TAGS), st.text(max_size=5)), max_size=12).map("".join)

SEARCH_R1_PROMPT = (
    "Answer the given question. You must conduct reasoning inside <think> and </think> first every "
    "time you get new information. After reasoning, if you find you lack some knowledge, you can "
    "call a search engine by <search> query </search> and it will return the top searched results "
    "between <information> and </information>. You can search as many times as your want. If you "
    "find no further external knowledge needed, you can directly provide the answer inside "
    "<answer> and </answer>, without detailed illustrations. For example, "
    "<answer> Beijing </answer>. Question: who?\n"
)


def test_the_prompt_is_search_r1s() -> None:
    assert PROMPT_TEMPLATE.format(question="who?") == SEARCH_R1_PROMPT


@pytest.mark.parametrize(
    ("action", "kind", "content"),
    [
        ("<search> who </search>", ActionKind.SEARCH, "who"),
        ("<think>hm</think> <answer>\nAda\n</answer>", ActionKind.ANSWER, "Ada"),
        ("<search>a</search><answer>b</answer>", ActionKind.SEARCH, "a"),
        ("<answer>b</answer><search>a</search>", ActionKind.ANSWER, "b"),
        ("a <search> tag, then <search>a</search>", ActionKind.SEARCH, "a"),
        ("<answer></answer>", ActionKind.ANSWER, ""),
        ("<search>  </search>", ActionKind.INVALID, ""),
        ("</search> <answer>b</answer>", ActionKind.INVALID, ""),
        ("<search>a</answer>", ActionKind.INVALID, ""),
        ("<search>never closed", ActionKind.INVALID, ""),
        ("<SEARCH>a</SEARCH>", ActionKind.INVALID, ""),
        ("", ActionKind.INVALID, ""),
    ],
)
def test_what_an_action_is(action: str, kind: ActionKind, content: str) -> None:
    assert parse_action(action) == (kind, content)


@given(texts, texts)
def test_nothing_after_the_first_closing_tag_matters(action: str, more: str) -> None:
    parsed = parse_action(action + "</search>")

    assert parse_action(action + "</search>" + more) == parsed


@given(texts)
def test_a_query_holds_no_tag_that_the_protocol_reads(action: str) -> None:
    kind, content = parse_action(action)

    if kind is ActionKind.SEARCH:
        assert content
        assert "<search>" not in content
        assert "</search>" not in content


def test_a_hundred_thousand_tags_are_read_at_once() -> None:
    action = "<search>" * 100_000 + "<answer>" * 100_000 + "x</answer>"

    assert parse_action(action) == (ActionKind.ANSWER, "x")


def hits(count: int, text: str = "A text.") -> list[Hit]:
    return [Hit(f"p{n}", f"Title {n}", text, 1.0 / (n + 1)) for n in range(count)]


def test_passages_are_shown_as_search_r1_shows_them() -> None:
    shown = SearchProtocol().observation(hits(2), ByteTokenizer(), max_length=10_000)

    assert shown == (
        '\n\n<information>Doc 1(Title: "Title 0") A text.\nDoc 2(Title: "Title 1") A text.'
        "</information>\n\n"
    )


def test_a_search_that_found_nothing_shows_an_empty_information() -> None:
    shown = SearchProtocol().observation([], ByteTokenizer(), max_length=10_000)

    assert shown == "\n\n<information></information>\n\n"


@pytest.mark.parametrize("limit", [30, 60, 100])
def test_an_observation_is_cut_to_the_limit_and_keeps_its_tags(
    any_tokenizer: Tokenizer, limit: int
) -> None:
    protocol = SearchProtocol(max_observation_tokens=limit * 3)
    long = hits(3, "You are at (0, 1). é " * 50)
    shown = protocol.observation(long, any_tokenizer, max_length=10_000)

    assert 0.6 * 3 * limit < num_tokens(shown, any_tokenizer) <= 3 * limit
    assert shown.startswith('\n\n<information>Doc 1(Title: "Title 0")')
    assert shown.endswith("</information>\n\n")


@given(st.text(max_size=300), st.integers(40, 200))
def test_an_observation_is_never_longer_than_its_space(text: str, max_length: int) -> None:
    shown = SearchProtocol().observation(hits(3, text), ByteTokenizer(), max_length=max_length)

    assert len(shown) <= max_length


def test_four_bytes_count_as_a_token() -> None:
    assert num_tokens("12345678", ByteTokenizer()) == 2.0


def test_passages_are_read_back_from_any_template() -> None:
    template = "[{number}] {text} (from {title})\n"
    protocol = SearchProtocol(passage_template=template)
    shown = protocol.observation(hits(2), ByteTokenizer(), max_length=10_000).strip()
    inside = shown.removeprefix("<information>").removesuffix("</information>")
    found = [(m["title"], m["text"]) for m in passage_pattern(template).finditer(inside)]

    assert found == [("Title 0", "A text."), ("Title 1", "A text.")]


def test_a_template_may_name_a_field_twice() -> None:
    found = passage_pattern("{title}: {text} ({title})\n").search("A (b): c (A (b))")

    assert found is not None
    assert found["text"] == "c"
    assert passage_pattern(PASSAGE_TEMPLATE).search("no passage") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k >= 1.*got top_k=0"),
        ({"max_turns": -1}, "max_turns=-1"),
        ({"max_query_length": 0}, "max_query_length=0"),
        ({"prompt_template": "{q}"}, "may use the fields question"),
        ({"passage_template": "{body}"}, "may use the fields number, title, text"),
    ],
)
def test_settings_out_of_their_range_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchProtocol(**options)  # type: ignore[arg-type]  # on purpose


def test_a_limit_without_room_for_passages_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be above 7\.75, which the tags alone take, got 7"):
        SearchProtocol(max_observation_tokens=7).check_tokenizer(ByteTokenizer())
