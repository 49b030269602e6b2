"""Looking for an answer in pages is fast, and finds just what the slow way finds."""

from hypothesis import example, given
from hypothesis import strategies as st

from llmenvs.envs.search_qa_reward import stands_in
from llmenvs.verifiers.search_reward import holds_gold

words = st.sampled_from(
    ["The", "a", "an", "Rome", "rome", "jean-paul", "U.S.", "5%", "é", "İ", "''"]
)
texts = st.lists(st.one_of(words, st.text(max_size=4)), max_size=8).map(" ".join)
answers = st.lists(texts.filter(str.strip), min_size=1, max_size=3)


@given(st.lists(texts, max_size=3), answers)
@example(["Jean-Paul was here"], ["jean paul", "jeanpaul"])
@example(["the u s"], ["US"])
@example(["Jerome"], ["Rome"])
@example(["anything"], ["the", "?!"])
@example(["\ud800 Rome"], ["Rome"])
def test_an_answer_stands_in_a_page_or_not_as_search_r1_says(
    pages: list[str], golds: list[str]
) -> None:
    assert stands_in(pages, golds) == holds_gold(pages, golds)


@given(st.lists(texts, min_size=1, max_size=3), st.data())
def test_words_of_a_page_are_found_alike(pages: list[str], data: st.DataObject) -> None:
    page = data.draw(st.sampled_from(pages))
    part = " ".join(page.split()[1:3]) or "?"

    assert stands_in(pages, [part]) == holds_gold(pages, [part])
