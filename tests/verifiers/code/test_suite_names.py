"""The functions under test are those that a suite uses and does not define."""

import pytest

from llmenvs.verifiers.code.suite_names import names_under_test

CASES = {
    "bare names": ("assert add(1, 2) == 3\nassert sub(1, 2) == -1", ("add", "sub")),
    "within functions": ("def test_it():\n    assert add(1, 2) == 3", ("add",)),
    "within classes": ("class T:\n    def test(self):\n        self.x = add(1)", ("add",)),
    "within comprehensions": ("assert [f(x) for x in range(3)] == [1]", ("f",)),
    "not what is imported": ("import math\nassert f(1) == math.sqrt(2)", ("f",)),
    "not what is defined": ("def g(x):\n    return x\nassert f(1) == g(1)", ("f",)),
    "not what is built in": ("assert sorted(f(1)) == list(range(3))", ("f",)),
    "not what is global elsewhere": (
        "def set_up():\n    global x\n    x = 1\nset_up()\nassert f(x) == 2",
        ("f",),
    ),
    "imported from solution": ("from solution import a, b as c\nassert a(1) == c(1)", ("a", "b")),
    "of solution": ("import solution\nassert solution.f(1) == 1", ("f",)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_names_are_found(name: str) -> None:
    tests, expected = CASES[name]
    assert set(names_under_test(tests)) == set(expected)


def test_the_entry_point_comes_first_and_stands_for_candidate() -> None:
    tests = "def check(candidate):\n    assert helper(candidate(1)) == 2"

    assert names_under_test(tests, entry_point="f") == ("f", "helper")
    assert names_under_test("assert candidate(1)", entry_point="f") == ("f",)


def test_a_suite_that_tests_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one function of the solution"):
        names_under_test("assert 1 == 1")
    with pytest.raises(ValueError, match="the source of the tests is not Python"):
        names_under_test("assert (")
