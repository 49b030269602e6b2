"""Notations of the same thing are read as the same tree, and prose is left alone."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.math.answers import read_answer
from llmenvs.verifiers.math.lexer import Reading
from llmenvs.verifiers.math.limits import MAX_ANSWER_CHARS, OverBudgetError
from llmenvs.verifiers.math.nodes import (
    BaseNumber,
    Interval,
    LongInteger,
    Matrix,
    Node,
    Number,
    Quantity,
    Ratio,
    Relation,
    Sequence,
    Symbol,
    Text,
    render,
)


def node(text: str) -> Node:
    return read_answer(text).node


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12,345", 12345),
        (r"12\,345", 12345),
        ("12{,}345", 12345),
        ("1 000", 1000),
        ("-.25", Fraction(-1, 4)),
        (r"\frac12", Fraction(1, 2)),
        (r"2\frac{3}{4}", Fraction(11, 4)),
        ("2 3/4", Fraction(11, 4)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        ("0.(3)", Fraction(1, 3)),
        ("0.333...", Fraction(1, 3)),
        ("3.2E+05", 320_000),
        (r"3.2 \times 10^{5}", 320_000),
        ("2 x 10^3", 2_000),
        ("\uff15", 5),
        ("½", Fraction(1, 2)),
        ("5!", 120),
        (r"\binom{8}{3}", 56),
        (r"8^{2/3}", 4),
        ("forty-two", 42),
        ("-4^2", -16),
    ],
)
def test_numbers_are_exact(text: str, value: Fraction) -> None:
    found = node(text)

    assert isinstance(found, Number)
    assert found.value == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("(1,2)", Sequence),
        ("[0,1)", Interval),
        ("x>3", Relation),
        ("3:4", Ratio),
        ("5 cm", Quantity),
        (r"\$18", Quantity),
        ("204_5", BaseNumber),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", Matrix),
        (r"\text{(C)}", Symbol),
        ("Tuesday", Text),
        ("9" * 5_000, LongInteger),
    ],
)
def test_each_kind_of_answer_has_its_own_type(text: str, kind: type) -> None:
    assert isinstance(node(text), kind)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\left(1,\,2\right)", "(1, 2)"),
        ("√12", r"\sqrt{12}"),
        ("2π", r"2\pi"),
        ("x²", "x^{2}"),
        (r"\dfrac{x}{y}", r"\frac{x}{y}"),
        ("x ≤ 3", r"x \leq 3"),
        ("(-∞, 3)", r"(-\infty,3)"),
        (r"\sin x", r"\sin(x)"),
        ("a_{1}", "a_1"),
        (r"\boxed{x}", "x"),
        ("$x$", "x"),
        (r"$\\frac{x}{y}$", r"\frac{x}{y}"),
    ],
)
def test_notations_are_brought_down_to_one(left: str, right: str) -> None:
    assert render(node(left)) == render(node(right))


def test_the_reading_decides_what_is_ambiguous() -> None:
    assert isinstance(read_answer("1,234", Reading(grouping=False)).node, Sequence)
    assert read_answer("1,5", Reading(decimal_comma=True)).node == node("1.5")
    assert read_answer("2e3", Reading(scientific=False)).node != node("2000")


def test_computing_is_noted() -> None:
    assert read_answer("2+3").computed
    assert read_answer(r"\frac{6}{8}").computed
    assert not read_answer(r"-2\frac{3}{4}").computed
    assert not read_answer(r"2 \times 10^{3}").computed


def test_an_answer_that_is_too_long_is_over_budget() -> None:
    with pytest.raises(OverBudgetError, match="characters"):
        read_answer("x" * (MAX_ANSWER_CHARS + 1))


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
    )
)
def test_a_decimal_is_read_as_what_it_says(value: object) -> None:
    found = node(f"{value:f}")

    assert isinstance(found, Number)
    assert found.value == Fraction(str(value))


@given(st.integers(0, 10**12))
def test_grouped_digits_are_one_number(value: int) -> None:
    assert render(node(f"{value:,}")) == str(value)
