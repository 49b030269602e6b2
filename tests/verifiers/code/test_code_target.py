"""A target is read in one of four forms, and a bad one is refused with the key that is wrong."""

from typing import Any

import pytest

from llmenvs.verifiers.code import Call, Limits
from llmenvs.verifiers.code.target import (
    FunctionTarget,
    Settings,
    StdinTarget,
    SuiteTarget,
    read_target,
)

ADD = {"entry_point": "add", "inputs": [[1, 2]], "outputs": [3]}
ECHO = {"stdin": ["a"], "stdout": ["a"]}


def read(target: Any) -> Any:
    return read_target(target, Settings())


def test_each_form_is_read() -> None:
    function, program = read(ADD), read({"stdin": "a", "stdout": "b", "entry_point": None})
    suite = read({"asserts": ["assert add(1, 2) == 3"], "setup": "import math"})
    module = read({"test": "def check(candidate):\n    assert candidate(1)", "entry_point": "add"})

    assert isinstance(function, FunctionTarget)
    assert function.calls == (Call("add", (1, 2)),)
    assert isinstance(program, StdinTarget)
    assert (program.stdin, program.stdout) == (("a",), ("b",))
    assert isinstance(suite, SuiteTarget)
    assert (suite.names, suite.checks, suite.tests) == (
        ("add",),
        ("assert add(1, 2) == 3",),
        "import math",
    )
    assert isinstance(module, SuiteTarget)
    assert module.names == ("add",)


def test_arguments_may_have_names() -> None:
    target = read({**ADD, "inputs": [{"a": 1, "b": 2}]})
    assert target.calls == (Call("add", (), {"a": 1, "b": 2}),)


def test_what_the_target_says_goes_before_the_settings() -> None:
    target = read({**ADD, "tolerance": 1e-3, "order_free": True, "limits": {"cpu_s": 2}})

    assert target.settings.rule.tolerance == 1e-3
    assert target.settings.rule.order_free == 1
    assert target.settings.limits == Limits(cpu_s=2)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "target must be a dict, got NoneType"),
        ({}, "must hold one of 'outputs'"),
        ({**ADD, **ECHO}, "must hold one of"),
        ({**ADD, "output": 1}, r"has a key 'output' .* \(did you mean 'outputs'\?\)"),
        ({**ADD, "whitespace": "any"}, "'whitespace'"),
        ({**ADD, "entry_point": None}, r"target\['entry_point'\] .* got None"),
        ({**ADD, "entry_point": "add("}, r"target\['entry_point'\]"),
        ({**ADD, "inputs": [1]}, r"target\['inputs'\]\[0\] must be a list of the arguments"),
        ({**ADD, "inputs": [[1], [2]]}, "equally long and not empty, got 2 and 1"),
        ({**ADD, "inputs": [], "outputs": []}, "not empty, got 0 and 0"),
        ({**ADD, "outputs": 3}, r"target\['outputs'\] must be a list"),
        ({**ADD, "groups": ["a", "b"]}, r"target\['groups'\] must be a list of 1 names"),
        ({**ADD, "tolerance": "small"}, "in the target, tolerance must be a number, got 'small'"),
        ({**ADD, "order_free": 1.5}, "order_free"),
        ({**ADD, "sequences_alike": 1}, "sequences_alike must be a bool"),
        ({**ADD, "limits": {"cpu": 1}}, r"did you mean 'cpu_s'\?"),
        ({**ADD, "limits": {"cpu_s": 0}}, "cpu_s must be over 0"),
        ({**ADD, "limits": {"cpu_s": True}}, r"limits\['cpu_s'\] must be a number"),
        ({**ADD, "limits": 3}, "limits must be a dict"),
        ({"stdin": [1], "stdout": ["a"]}, r"target\['stdin'\]\[0\] must be a str, got 1"),
        ({"stdin": "a", "stdout": ["a"]}, r"target\['stdin'\] must be a list"),
        ({**ECHO, "whitespace": "none"}, "whitespace must be one of exact, trailing, any"),
        ({"asserts": []}, r"target\['asserts'\] must be a list of statements"),
        ({"asserts": "assert f(1)"}, r"target\['asserts'\] must be a list"),
        ({"asserts": ["assert f(1) =="]}, r"target\['asserts'\]\[0\] is not Python"),
        ({"asserts": ["assert 1"]}, "must call at least one function of the solution"),
        ({"asserts": ["assert f(1)"], "setup": 1}, r"target\['setup'\] must be source text"),
        ({"asserts": ["assert f(1)"], "mirror_arguments": 1}, "must be a bool"),
        ({"test": " "}, r"target\['test'\] must be source text"),
        ({"test": "assert f(1)", "entry_point": "a b"}, r"target\['entry_point'\]"),
    ],
)
def test_a_bad_target_is_refused_by_name(target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(target)
