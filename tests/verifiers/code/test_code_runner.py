"""Each form of job gives what the code did, and each way to end is told apart from a pass."""

from typing import Any

import numpy as np
import pytest

from llmenvs.verifiers.code import (
    Call,
    Ending,
    FunctionJob,
    Iterated,
    Limits,
    Missing,
    Opaque,
    Raised,
    Returned,
    RunResult,
    Sandbox,
    StdinJob,
    SuiteJob,
    open_sandbox,
)

LIMITS = Limits(cpu_s=1.0, wall_s=30.0)


def call(sandbox: Sandbox, source: str, *args: Any, limits: Limits = LIMITS) -> RunResult:
    """Call ``f`` once."""
    return sandbox.run(FunctionJob(source, (Call("f", args),)), limits)


def suite(sandbox: Sandbox, source: str, tests: str, *checks: str, mirror: bool = False) -> Any:
    """Run tests of ``f`` and return the report."""
    job = SuiteJob(source, tests, ("f",), checks, mirror_arguments=mirror)
    return sandbox.run(job, LIMITS).suite


# The function form


def test_calls_give_values_and_exceptions_in_order(sandbox: Sandbox) -> None:
    source = (
        "def f(x, *, y=1):\n    return x / y\nclass A:\n    def g(self, x):\n        return [x]\n"
    )
    calls = (Call("f", (1,)), Call("f", (1,), {"y": 0}), Call("A.g", (2,)), Call("h"))
    result = sandbox.run(FunctionJob(source, calls), LIMITS)

    assert result.ending is Ending.FINISHED
    assert result.calls[0] == Returned(1.0)
    assert isinstance(result.calls[1], Raised)
    assert result.calls[1].types[:3] == ("ZeroDivisionError", "ArithmeticError", "Exception")
    assert result.calls[2] == Returned([2])
    assert isinstance(result.calls[3], Raised)
    assert result.calls[3].types[0] == "AttributeError"


def test_values_keep_their_types(sandbox: Sandbox) -> None:
    given = (True, 1, 1.5, (1, [2]), {1, 2}, {"a": None}, b"x", 1 << 100, 2j)
    for value in given:
        returned = call(sandbox, "def f(x):\n    return x", value).calls[0]
        assert isinstance(returned, Returned)
        assert type(returned.value) is type(value)
        assert returned.value == value
    assert call(sandbox, "def f():\n    yield 1").calls == (Returned(Iterated((1,))),)
    opaque = call(sandbox, "class C: pass\ndef f():\n    return C()").calls[0]
    assert isinstance(opaque, Returned)
    assert type(opaque.value) is Opaque


def test_arguments_are_copies_and_can_be_asked_for(sandbox: Sandbox) -> None:
    numbers = [3, 1]
    source = "def f(x):\n    x.sort()"
    job = FunctionJob(source, (Call("f", (numbers,)),), mirror_arguments=True)
    result = sandbox.run(job, LIMITS)

    assert result.calls == (Returned(None, ([1, 3],)),)
    assert numbers == [3, 1]


def test_later_calls_wait_for_earlier_ones_and_can_be_left_out(sandbox: Sandbox) -> None:
    seen = []

    def accept(index: int, result: object) -> bool:
        seen.append((index, result))
        return index < 1

    job = FunctionJob("def f(x):\n    return x", tuple(Call("f", (i,)) for i in range(4)))
    result = sandbox.run(job, LIMITS, accept=accept)

    assert result.ending is Ending.STOPPED
    assert seen == [(0, Returned(0)), (1, Returned(1))]
    assert [type(each) for each in result.calls] == [Returned, Returned, Missing, Missing]


def test_an_error_in_accept_reaches_the_caller_and_harms_no_later_run(sandbox: Sandbox) -> None:
    job = FunctionJob("def f():\n    return 1", (Call("f"),))

    def accept(index: int, result: object) -> bool:
        raise KeyError(index)

    with pytest.raises(KeyError):
        sandbox.run(job, LIMITS, accept=accept)
    assert sandbox.run(job, LIMITS).calls == (Returned(1),)


def test_arguments_that_are_no_plain_data_are_the_callers_fault(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="plain data"):
        call(sandbox, "def f(x):\n    return x", object())
    assert call(sandbox, "def f(x):\n    return x", '{"opaque": 1}').ending is Ending.FINISHED


def test_a_source_is_loaded_as_a_module_and_not_as_a_program(sandbox: Sandbox) -> None:
    source = "def f():\n    return __name__\nif __name__ == '__main__':\n    raise SystemExit(0)\n"
    assert call(sandbox, source).calls == (Returned("solution"),)


def test_deep_recursion_that_a_program_asks_for_is_granted(sandbox: Sandbox) -> None:
    source = "import sys\nsys.setrecursionlimit(100_000)\ndef f(n):\n    return n and 1 + f(n - 1)"
    assert call(sandbox, source, 50_000).calls == (Returned(50_000),)


# How runs end


@pytest.mark.parametrize(
    ("source", "ending", "detail"),
    [
        ("def f(:", Ending.LOAD_ERROR, "SyntaxError"),
        ("raise KeyError(1)", Ending.LOAD_ERROR, "KeyError: 1"),
        ("import sys; sys.exit(0)", Ending.LOAD_ERROR, "SystemExit: 0"),
        ("import numpy.no_such", Ending.LOAD_ERROR, "ModuleNotFoundError"),
        ("import os; os._exit(0)", Ending.EXITED, "exit status 0"),
        ("def f():\n    import os; os._exit(7)", Ending.EXITED, "exit status 7"),
        ("def f():\n    while True: pass", Ending.CPU_LIMIT, "1 s of CPU"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", Ending.SIGNAL, "SIGTERM"),
        ("x = bytearray(1 << 40)", Ending.MEMORY_LIMIT, "MemoryError"),
        ("while True: print('x' * 10_000)", Ending.OUTPUT_LIMIT, "bytes of output"),
        ("import os\ndef f():\n    os.write(4, b'\\1\\0\\0\\0x')", Ending.BAD_MESSAGE, "no JSON"),
        ("def f():\n    raise SystemExit", Ending.FINISHED, ""),
        ("x = 1 #" + "x" * (1 << 20), Ending.SOURCE_LIMIT, "over the limit"),
    ],
)
def test_endings_are_told_apart(sandbox: Sandbox, source: str, ending: Ending, detail: str) -> None:
    result = call(sandbox, source)

    assert result.ending is ending, result
    assert detail in result.detail
    assert len(result.calls) == 1
    assert not isinstance(result.calls[0], Returned)


def test_time_on_the_clock_has_a_limit_of_its_own(sandbox: Sandbox) -> None:
    result = call(sandbox, "import time\ndef f():\n    time.sleep(60)", limits=Limits(wall_s=0.5))

    assert result.ending is Ending.WALL_LIMIT
    assert result.cpu_s < 0.4
    assert 0.5 <= result.wall_s < 30.0


def test_results_have_a_limit(sandbox: Sandbox) -> None:
    limits = Limits(result_bytes=1000)
    result = call(sandbox, "def f():\n    return 'x' * 2000", limits=limits)
    assert result.calls == (Missing("a result of 2013 bytes, over the limit of 1000"),)

    forged = "import os\ndef f():\n    os.write(4, b'\\xff\\xff\\0\\0' + b'x' * 60000)"
    assert call(sandbox, forged, limits=limits).ending is Ending.BAD_MESSAGE


def test_files_have_limits(sandbox: Sandbox) -> None:
    source = "def f():\n    open('x', 'wb').write(b'x' * 2_000_000)"
    result = call(sandbox, source, limits=Limits(file_bytes=1_000_000))
    assert not isinstance(result.calls[0], Returned)
    assert call(sandbox, source).calls == (Returned(None),)


def test_what_a_run_took_is_told(sandbox: Sandbox) -> None:
    result = sandbox.run(StdinJob("x = bytearray(50 << 20)\nfor _ in range(10**6): pass"), LIMITS)

    assert 0.005 < result.cpu_s < 1.0
    assert result.wall_s > 0
    assert result.peak_memory_bytes > 50 << 20


@pytest.mark.parametrize("name", ["cpu_s", "wall_s", "memory_bytes", "output_bytes", "files"])
def test_limits_must_be_over_zero(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be over 0 and finite, got 0"):
        Limits(**{name: 0})


# The stdin form


def test_a_program_reads_and_writes_as_anywhere(sandbox: Sandbox) -> None:
    source = (
        "import atexit, sys, threading\n"
        "atexit.register(lambda: print('last'))\n"
        "threading.Timer(0.05, lambda: print('timer')).start()\n"
        "print(__name__, input(), sys.stdin.readline(), sys.stdin.read())\n"
        "sys.stdin.seek(0)\n"
        "print(len(sys.stdin.read()), 'é')\n"
    )
    result = sandbox.run(StdinJob(source, "one\ntwo\nthree\nfour"), LIMITS)

    assert result.ending is Ending.FINISHED, result
    wanted = "__main__ one two\n three\nfour\n18 é\ntimer\nlast\n"
    assert result.stdout.decode() == wanted


def test_a_program_without_input_is_at_its_end(sandbox: Sandbox) -> None:
    result = sandbox.run(StdinJob("input()"), LIMITS)
    assert (result.ending, result.exit_status) == (Ending.EXCEPTION, 1)
    assert "EOFError" in result.detail
    assert b"EOFError" in result.stderr


@pytest.mark.parametrize(("argument", "status"), [("", 0), ("0", 0), ("3", 3), ("'no'", 1)])
def test_only_status_0_is_an_end_as_wished(sandbox: Sandbox, argument: str, status: int) -> None:
    result = sandbox.run(StdinJob(f"import sys; sys.exit({argument})"), LIMITS)

    assert result.exit_status == status
    assert result.ending is (Ending.FINISHED if status == 0 else Ending.EXITED)


def test_input_and_output_may_be_long(sandbox: Sandbox) -> None:
    text = "x" * 900_000
    result = sandbox.run(StdinJob("print(input(), end='')", text), LIMITS)
    assert result.stdout.decode() == text


def test_standard_error_is_cut_and_no_reason_to_stop(sandbox: Sandbox) -> None:
    result = sandbox.run(StdinJob("import sys; sys.stderr.write('x' * 500_000)"), LIMITS)
    assert result.ending is Ending.FINISHED
    assert len(result.stderr) == 1 << 16


def test_runs_draw_the_same_numbers_and_know_nothing_of_each_other(sandbox: Sandbox) -> None:
    source = "import random\nprint(random.random(), {'a', 'b', 'c'})\nopen('x', 'x')"
    results = [sandbox.run(StdinJob(source), LIMITS) for _ in range(3)]

    assert {result.ending for result in results} == {Ending.FINISHED}
    assert len({result.stdout for result in results}) == 1


# The suite form


def test_a_suite_says_what_each_test_gave(sandbox: Sandbox) -> None:
    tests = """
import unittest
from solution import f

assert f(1) == 2

def test_good():
    assert f(2) == 4 and f(0) == 0

def test_bad():
    assert f(3) == 7

class Case(unittest.TestCase):
    def test_case(self):
        self.assertEqual(f(4), 8)
    def test_wrong(self):
        self.assertEqual(f(4), 9)
    @unittest.skip("no")
    def test_skipped(self):
        pass

class TestPlain:
    def setup_method(self):
        self.n = 5
    def test_plain(self):
        assert f(self.n) == 10

def check(candidate):
    assert candidate(6) == 12
"""
    report = suite(sandbox, "def f(x):\n    return 2 * x", tests, "assert f(7) == 14", "1 / 0")

    assert {outcome.name: outcome.passed for outcome in report.outcomes} == {
        "module": True,
        "test_good": True,
        "test_bad": False,
        "Case.test_case": True,
        "Case.test_skipped": False,
        "Case.test_wrong": False,
        "TestPlain.test_plain": True,
        "check": True,
        "checks[0]": True,
        "checks[1]": False,
    }
    assert not report.passed
    bad = next(outcome for outcome in report.outcomes if outcome.name == "test_bad")
    assert bad.message == "AssertionError at `assert f(3) == 7`; f(3) returned 6"
    assert report.num_calls == sum(outcome.num_calls for outcome in report.outcomes) == 9


def test_a_pass_needs_tests_that_call_the_solution(sandbox: Sandbox) -> None:
    source = "def f(x):\n    return x"
    assert suite(sandbox, source, "assert f(1) == 1").passed
    assert suite(sandbox, source, "").detail == "there are no tests"
    untouched = suite(sandbox, source, "def test_a():\n    assert True")
    assert not untouched.passed
    assert "never called" in untouched.detail


def test_exceptions_reach_the_tests_as_the_nearest_built_in(sandbox: Sandbox) -> None:
    source = "class Mine(ValueError): pass\ndef f(x):\n    raise Mine('no')"
    tests = (
        "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    1/0"
    )
    assert suite(sandbox, source, tests).passed
    lying = "class Mine(AssertionError): pass\ndef f(x):\n    raise Mine"
    tests = "try:\n    f(1)\nexcept AssertionError:\n    pass"
    assert not suite(sandbox, lying, tests).passed


def test_changes_in_place_are_seen_only_where_asked_for(sandbox: Sandbox) -> None:
    source = "def f(x):\n    x.sort()"
    tests = "x = [2, 1]\nassert f(x) is None\nassert x == [1, 2]"
    assert suite(sandbox, source, tests, mirror=True).passed
    assert not suite(sandbox, source, tests).passed
    cheat = "def f(x):\n    x.clear()\n    return []"
    assert not suite(sandbox, cheat, "x = [2, 1]\nassert f(x) == sorted(x)").passed


def test_a_solution_that_ends_in_a_test_has_failed(sandbox: Sandbox) -> None:
    tests = "def test_a():\n    try:\n        f(1)\n    except BaseException:\n        pass\n"
    job = SuiteJob("import os\ndef f(x):\n    os._exit(0)", tests, ("f",))
    result = sandbox.run(job, LIMITS)

    assert result.ending is Ending.EXITED
    assert result.suite is not None
    assert not result.suite.passed


def test_tests_that_end_without_a_verdict_are_no_pass(sandbox: Sandbox) -> None:
    report = suite(sandbox, "def f(x):\n    return x", "f(1)\nimport os\nos._exit(0)")
    assert not report.passed
    assert "gave no verdict: exit status 0" in report.detail


def test_a_solution_that_does_not_load_has_no_report(sandbox: Sandbox) -> None:
    result = sandbox.run(SuiteJob("1 / 0", "assert f(1)", ("f",)), LIMITS)
    assert result.ending is Ending.LOAD_ERROR
    assert result.suite is None


def test_the_tests_never_reach_the_process_of_the_solution(sandbox: Sandbox) -> None:
    source = (
        "import gc\n"
        "def f(x):\n"
        "    mark = '_'.join(['A', 'MARK'])\n"
        "    return [str(o)[:50] for o in gc.get_objects() if mark in str(o)[:100_000]]\n"
    )
    tests = "A_MARK = 1\ndef test_a():\n    assert f('y') == []\n"
    assert suite(sandbox, source, tests).passed


def test_tests_may_use_pytest(sandbox: Sandbox) -> None:
    tests = """
import pytest
from solution import f

@pytest.mark.parametrize("x", [1, 2, pytest.param(3, id="three")])
def test_one(x):
    assert f(x) == pytest.approx(2 * x)

@pytest.mark.parametrize("x, y", [(1, 2), (2, 5)])
def test_two(x, y):
    assert f(x) == y

class TestRaises:
    def test_raises(self):
        with pytest.raises(TypeError, match="operand"):
            f(None)

def test_skipped():
    pytest.skip("no")
"""
    report = suite(sandbox, "def f(x):\n    return 2 * x", tests)

    assert {outcome.name: outcome.passed for outcome in report.outcomes} == {
        "test_one[0]": True,
        "test_one[1]": True,
        "test_one[2]": True,
        "test_two[0]": True,
        "test_two[1]": False,
        "TestRaises.test_raises": True,
        "test_skipped": False,
    }


# Preloaded modules


def test_preloaded_modules_are_there_and_others_are_not() -> None:
    with open_sandbox(preload=("numpy",)) as sandbox:
        source = "import numpy as np\ndef f(x):\n    return np.linalg.inv(x) @ x, np.random.rand()"
        first, second = (call(sandbox, source, np.eye(2)).calls[0] for _ in range(2))
        assert isinstance(first, Returned)
        assert isinstance(second, Returned)
        assert np.array_equal(first.value[0], np.eye(2))
        assert first.value[1] == second.value[1]
        for name in ("scipy", "hypothesis", "llmenvs.data"):
            assert call(sandbox, f"import {name}").ending is Ending.LOAD_ERROR
    with pytest.raises(ValueError, match="not installed"):
        open_sandbox(preload=("no_such_module",))
