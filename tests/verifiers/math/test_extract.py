r"""The answer is found where it stands, by real brace matching and a stated order of sources."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.math.boxes import closing_boxes
from llmenvs.verifiers.math.extract import Source, extract
from llmenvs.verifiers.math.prose import is_wordy


def first(text: str) -> str | None:
    found = extract(text)
    return found.candidates[0] if found is not None else None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed {4}", "4"),
        (r"\fbox{4}", "4"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{1}. Then \boxed{2}", "2"),
        (r"<think>\boxed{1}</think> \boxed{2}", "2"),
        (r"<think>\boxed{1}</think>", "1"),
        (r"<think>\boxed{1}</think> So 2", "2"),
        (r"<information>\boxed{1}</information> \boxed{2}", "2"),
        ("<answer> 7 </answer>", "7"),
        ("The answer is $7$.", "$7$"),
        ("**Final Answer:** 9", "9"),
        ("#### 42", "42"),
        ("so the number is 10, which is 11", "11"),
        (r"$\boxed{28}$ percent", r"28\%"),
        (r"1 - \sqrt{2}", r"1 - \sqrt{2}"),
    ],
)
def test_the_final_answer_is_found(text: str, answer: str) -> None:
    assert first(text) == answer


@pytest.mark.parametrize("text", ["", "   ", r"\boxed{}", r"\boxed{4", "no numbers here"])
def test_where_there_is_no_answer_none_is_found(text: str) -> None:
    assert first(text) is None


def test_information_is_never_read_even_where_it_is_not_closed() -> None:
    assert extract(r"<information>The answer is 5") is None


def test_a_box_outranks_a_later_statement() -> None:
    found = extract(r"\boxed{6} Wait, the answer is 7.")

    assert found is not None
    assert (found.source, found.candidates) == (Source.BOXED, ("6",))


@pytest.mark.parametrize(
    ("gap", "joined"),
    [(", ", True), (" and ", True), (r"$ \quad \text{and} \quad $", True), ("", True),
     (". So ", False), (" but in fact ", False), ("\n\n", False), (" is wrong; it is ", False)],
)  # fmt: skip
def test_boxes_belong_together_only_within_one_statement(gap: str, *, joined: bool) -> None:
    boxes, hedged = closing_boxes(rf"\boxed{{1}}{gap}\boxed{{2}}", unclosed=False)

    assert len(boxes) == 1 + joined
    assert not hedged


@pytest.mark.parametrize("gap", [" or ", ", or ", r" \text{or} ", " or equivalently "])
def test_or_between_boxes_is_noted_as_a_hedge(gap: str) -> None:
    assert closing_boxes(rf"\boxed{{1}}{gap}\boxed{{2}}", unclosed=False)[1]


@given(st.text(alphabet=st.sampled_from("ab1 {}\\$"), max_size=30))
def test_what_a_box_encloses_has_balanced_braces(content: str) -> None:
    for box in closing_boxes(rf"\boxed{{{content}}}", unclosed=False)[0]:
        bare = box.content.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
        assert bare.count("{") == bare.count("}")


@pytest.mark.parametrize(
    "text", ["3x + 4", r"\frac{1}{2} \text{ of it}", "5 cm", "AB = 5", "x=1 or y"]
)
def test_mathematics_is_not_prose(text: str) -> None:
    assert not is_wordy(text)


@pytest.mark.parametrize("text", ["there are 5", "5 is it", "Jane started 3 hours ago"])
def test_sentences_are_prose(text: str) -> None:
    assert is_wordy(text)
