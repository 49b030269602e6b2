"""Mutants are programs that differ in one place, of every operator, and nothing is run for them."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.audit.mutants import mutants_of
from llmenvs.data.code_test import Problem, load_problems


def bodies(source: str) -> dict[str, list[str]]:
    """The last lines of the mutants, by operator."""
    found: dict[str, list[str]] = {}
    for mutant in mutants_of(source):
        found.setdefault(mutant.operator, []).append(mutant.source.splitlines()[-1].strip())
    return found


@pytest.mark.parametrize(
    ("line", "operator", "mutated"),
    [
        ("x = a + b", "arithmetic", ["x = a - b"]),
        ("x += b", "arithmetic", ["x -= b"]),
        ("x = a < b", "comparison", ["x = a <= b"]),
        ("x = a < b == c", "comparison", ["x = a <= b == c", "x = a < b != c"]),
        ("x = a in b", "comparison", ["x = a not in b"]),
        ("x = a and b", "boolean", ["x = a or b"]),
        ("x = not a", "unary", ["x = a"]),
        ("x = -a", "unary", ["x = a"]),
        ("x = True", "constant", ["x = False"]),
        ("x = 5", "constant", ["x = 6", "x = 4"]),
        ("x = 'a'", "constant", ["x = ''"]),
        ("x = ''", "constant", ["x = 'XX'"]),
        ("x = a[1:]", "constant", ["x = a[2:]", "x = a[0:]"]),
        ("x = b if a else c", "condition", ["x = b if not a else c"]),
        ("x = [a for a in b if a]", "condition", ["x = [a for a in b if not a]"]),
        ("x = range(n)", "range", ["x = range(n + 1)", "x = range(n - 1)"]),
        ("x = range(a, n, s)", "range", ["x = range(a, n + 1, s)", "x = range(a, n - 1, s)"]),
        ("x.append(a)", "deletion", ["pass"]),
        ("x = a", "deletion", ["pass"]),
        ("raise x", "deletion", ["pass"]),
    ],
)
def test_each_operator_changes_one_place(line: str, operator: str, mutated: list[str]) -> None:
    assert bodies(line)[operator] == mutated


def test_conditions_returns_and_jumps_are_changed_within_blocks() -> None:
    source = "def f(x):\n    while x:\n        if x:\n            break\n    return x"
    texts = {mutant.source for mutant in mutants_of(source)}

    for old, new in [
        ("while x:", "while not x:"),
        ("if x:", "if not x:"),
        ("break", "continue"),
        ("return x", "return"),
    ]:
        assert source.replace(old, new) in texts


def test_what_says_nothing_about_the_behaviour_is_left_alone() -> None:
    source = '@cache\ndef f(x: "int" = None) -> "str":\n    "Docstring 1."\n    import re\n    pass'

    assert mutants_of(source) == []


def test_definitions_that_the_tested_one_does_not_use_are_left_alone() -> None:
    source = (
        "A = 1\n\ndef g():\n    return 2\n\ndef h():\n    return 3\n\ndef f():\n    return h() + A"
    )
    changed = {mutant.line for mutant in mutants_of(source, names=["f"])}

    assert changed == {1, 7, 10}
    assert {mutant.line for mutant in mutants_of(source, names=["missing"])} == {1, 4, 7, 10}


def test_a_reference_that_is_not_python_is_refused() -> None:
    with pytest.raises(ValueError, match="the reference is not Python"):
        mutants_of("def f(:")


@settings(max_examples=15)
@given(st.sampled_from(list(load_problems().values())))
def test_mutants_parse_differ_and_show_where(problem: Problem) -> None:
    source = problem.solution(problem.variant_values[0])
    mutants = mutants_of(source)
    texts = [mutant.source for mutant in mutants]

    assert len(set(texts)) == len(texts) > 0
    assert ast.unparse(ast.parse(source)) not in texts
    for mutant in mutants:
        ast.parse(mutant.source)
        assert mutant.diff.startswith("@@")
        assert 1 <= mutant.line <= source.count("\n") + 1
    assert mutants_of(source) == mutants
