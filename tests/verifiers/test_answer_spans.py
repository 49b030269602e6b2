"""The answer that is read is the policy's last closed one, never the prompt's or a page's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.answer_spans import extract_answer, information_blocks, policy_text


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("<answer> Rome </answer>", "Rome"),
        ("<answer>\nRome\n</answer> and so on", "Rome"),
        ("<answer></answer>", ""),
        ("<answer>1</answer><answer>2", "1"),
        ("put it in <answer> tags: <answer>Rome</answer>", "Rome"),
        ("<answer> <answer> Rome </answer> </answer>", "Rome"),
        ("<ans<information>x</information>wer>Rome</answer>", None),
        ("<Answer>Rome</Answer>", None),
        ("<answer>Rome<answer>", None),
        ("</answer>Rome<answer>", None),
    ],
)
def test_the_last_closed_answer_counts(completion: str, answer: str | None) -> None:
    assert extract_answer(completion) == answer


PROMPT = (
    "<|im_start|>user\nBetween <answer> and </answer>, as <answer> Beijing </answer>.<|im_end|>"
)
LLAMA = "<|start_header_id|>assistant<|end_header_id|>\n\n"


@pytest.mark.parametrize("header", ["<|im_start|>assistant\n", LLAMA])
def test_the_example_in_a_prompt_is_not_an_answer(header: str) -> None:
    assert extract_answer(f"{PROMPT}\n{header}I do not know.") is None
    assert extract_answer(f"{PROMPT}\n{header}<answer>Rome</answer>") == "Rome"


@given(st.text(alphabet="ab<>/", max_size=20), st.text(max_size=20))
def test_a_plain_answer_is_what_the_usual_expression_finds(before: str, answer: str) -> None:
    completion = f"{before}<answer>{answer}</answer>"
    if "<answer>" in answer or "</answer>" in answer or "<information>" in answer:
        return

    found = re.findall(r"<answer>(.*?)</answer>", completion, re.DOTALL)
    assert extract_answer(completion) == found[-1].strip()


def test_pages_are_taken_out_and_can_be_listed() -> None:
    transcript = "a<information> 1 </information>b<information>2</information></information>c"

    assert policy_text(transcript).split() == ["a", "b", "</information>c"]
    assert information_blocks(transcript) == ["1", "2"]


def test_a_page_that_lost_its_end_hides_all_that_follows() -> None:
    transcript = "a<information>one <answer>two</answer>"

    assert policy_text(transcript) == "a"
    assert information_blocks(transcript) == []
