"""What is checked is what the policy wrote last, after its thought and outside of pages."""

import pytest

from llmenvs.verifiers.blocks import block_bodies, checked_text, without_fence


@pytest.mark.parametrize(
    ("completion", "block", "expected"),
    [
        (" 4 ", None, "4"),
        ("<think>3</think> 4", None, "4"),
        ("<think>3", None, "<think>3"),
        ("", None, None),
        ("<think>3</think> ", None, None),
        ("<answer>3</answer><answer> 4 </answer>", "answer", "4"),
        ("<think><answer>3</answer></think> 4", "answer", None),
        ("<answer>4", "answer", None),
        ("<answer></answer>", "answer", None),
        ("<think>3</think>", "think", "3"),
        ("<information><answer>3</answer></information><answer>4</answer>", "answer", "4"),
        ("<answer>4</answer><information><answer>3</answer>", "answer", "4"),
        ("4<|im_end|>", None, "4"),
        ("<ans<information>x</information>wer>4</answer>", "answer", None),
    ],
)
def test_the_last_block_after_the_thought_counts(
    completion: str, block: str | None, expected: str | None
) -> None:
    assert checked_text(completion, block) == expected


def test_an_opening_tag_within_a_block_starts_it_again() -> None:
    assert block_bodies("<a>1<a>2</a></a>", "a") == ["2"]


@pytest.mark.parametrize("flood", ["<a>" * 300_000, "</a>" * 250_000, "<a></a>" * 140_000])
def test_floods_of_tags_take_one_pass(flood: str) -> None:
    assert all(body == "" for body in block_bodies(flood, "a"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```json\n[1]\n```", "[1]"),
        ("```\n[1]```", "[1]"),
        ("[1]", "[1]"),
        ("```json\n[1]", "```json\n[1]"),
        ("a ```\n[1]\n```", "a ```\n[1]\n```"),
        ("```", "```"),
    ],
)
def test_a_fence_around_all_of_it_is_taken_off(text: str, expected: str) -> None:
    assert without_fence(text) == expected
