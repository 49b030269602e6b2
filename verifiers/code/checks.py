"""Run a program against each form of target, and say which tests passed and what failed first.

All comparing is done here, in the verifier's process: what runs the program never learns what was
expected. `Ending` tells whose fault an end is; after a job was delivered, it is the program's.
"""

from dataclasses import dataclass, replace

from llmenvs.verifiers.code.compare import same_value
from llmenvs.verifiers.code.job import (
    Call,
    CallResult,
    Ending,
    FunctionJob,
    Missing,
    Raised,
    Returned,
    RunResult,
    Sandbox,
    StdinJob,
    SuiteJob,
)
from llmenvs.verifiers.code.output_compare import same_output
from llmenvs.verifiers.code.shorten import short_repr, shorten
from llmenvs.verifiers.code.target import (
    ONE_GROUP,
    CodeTarget,
    FunctionTarget,
    StdinTarget,
    SuiteTarget,
)

_OVER_LIMIT = frozenset(
    {
        Ending.CPU_LIMIT,
        Ending.WALL_LIMIT,
        Ending.MEMORY_LIMIT,
        Ending.OUTPUT_LIMIT,
        Ending.RESULT_LIMIT,
        Ending.SOURCE_LIMIT,
    }
)
_OUT_OF_TIME = frozenset({Ending.CPU_LIMIT, Ending.WALL_LIMIT})
_SYNTAX_ERRORS = ("SyntaxError", "IndentationError", "TabError")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program did on all tests.

    Attributes:
        passed: of each test; one that was not run has not passed.
        groups: the group of each test.
        failure: the first failed test in one line, "" where all passed.
        compiles: the program is Python.
        within_limits: no run was ended by a limit.
    """

    passed: tuple[bool, ...]
    groups: tuple[str, ...]
    failure: str
    compiles: bool
    within_limits: bool

    @property
    def all_passed(self) -> bool:
        """Whether every test passed, and nothing else went wrong."""
        return all(self.passed) and not self.failure

    def share(self, group: str | None = None) -> float:
        """Return the share of the tests that passed, of one group or of all."""
        chosen = [
            passed
            for passed, name in zip(self.passed, self.groups, strict=True)
            if group in (None, name)
        ]
        return sum(chosen) / len(chosen)


def run_checks(sandbox: Sandbox, source: str, target: CodeTarget, *, run_all: bool) -> Outcome:
    """Run ``source`` against ``target``.

    Args:
        sandbox: where it runs.
        source: the policy's program.
        target: the tests.
        run_all: go on after a failed test; a suite always does.

    Raises:
        SandboxError: the sandbox failed before the program was delivered.
        ValueError: a value of the target cannot be sent.
    """
    if isinstance(target, FunctionTarget):
        return _run_function(sandbox, source, target, run_all=run_all)
    if isinstance(target, StdinTarget):
        return _run_stdin(sandbox, source, target, run_all=run_all)
    return _run_suite(sandbox, source, target)


def _run_function(
    sandbox: Sandbox, source: str, target: FunctionTarget, *, run_all: bool
) -> Outcome:
    rule = target.settings.rule
    passed = [False] * len(target.calls)
    failures: dict[int, str] = {}

    def accept(index: int, result: CallResult) -> bool:
        expected = target.outputs[index]
        passed[index] = isinstance(result, Returned) and same_value(result.value, expected, rule)
        if not passed[index]:
            failures[index] = _describe(target.calls[index], result, expected)
        return passed[index] or run_all

    result = sandbox.run(FunctionJob(source, target.calls), target.settings.limits, accept=accept)
    failure = ""
    if result.ending not in (Ending.FINISHED, Ending.STOPPED) or not all(passed):
        failure = _first_failure(target, result, failures, passed)
    return Outcome(
        tuple(passed),
        target.groups,
        failure,
        compiles=_compiles(result),
        within_limits=result.ending not in _OVER_LIMIT,
    )


def _first_failure(
    target: FunctionTarget, result: RunResult, failures: dict[int, str], passed: list[bool]
) -> str:
    if result.ending is Ending.LOAD_ERROR:
        return f"the program cannot be loaded: {shorten(result.detail)}"
    first = passed.index(False) if False in passed else len(passed)
    place = f"test {first + 1} of {len(passed)}"
    if first in failures and not _unanswered(result, first):
        return f"{place}: {failures[first]}"
    if first == len(passed):
        return f"after the last test: {_describe_ending(result)}"
    call = target.calls[first]
    return (
        f"{place}: {_describe_call(call)} gave no answer ({_describe_ending(result)}), "
        f"expected {short_repr(target.outputs[first])}"
    )


def _unanswered(result: RunResult, index: int) -> bool:
    return index >= len(result.calls) or isinstance(result.calls[index], Missing)


def _run_stdin(sandbox: Sandbox, source: str, target: StdinTarget, *, run_all: bool) -> Outcome:
    """Run the program once a test; the tests share the CPU and wall time of the limits."""
    limits = target.settings.limits
    passed = [False] * len(target.stdin)
    failure, compiles, within_limits = "", True, True
    cpu_s, wall_s = limits.cpu_s, limits.wall_s
    for index, (stdin, expected) in enumerate(zip(target.stdin, target.stdout, strict=True)):
        left = replace(limits, cpu_s=cpu_s, wall_s=wall_s)
        result = sandbox.run(StdinJob(source, stdin), left)
        cpu_s, wall_s = cpu_s - result.cpu_s, wall_s - result.wall_s
        fault = _stdin_fault(result, expected, target)
        passed[index] = not fault
        if fault and not failure:
            shown = short_repr(stdin)
            failure = f"test {index + 1} of {len(passed)}: on the input {shown}, {fault}"
        compiles = compiles and _compiles(result)
        within_limits = within_limits and result.ending not in _OVER_LIMIT
        if not compiles or not within_limits or (fault and not run_all):
            break
        if (cpu_s <= 0 or wall_s <= 0) and index + 1 < len(passed):
            within_limits = False
            failure = failure or f"test {index + 2} of {len(passed)}: no time is left for it"
            break
    return Outcome(
        tuple(passed), target.groups, failure, compiles=compiles, within_limits=within_limits
    )


def _stdin_fault(result: RunResult, expected: str, target: StdinTarget) -> str:
    """Return what is wrong with one run, "" where nothing is."""
    if result.ending is not Ending.FINISHED:
        return f"the program did not end well ({_describe_ending(result)})"
    settings = target.settings
    try:
        given = result.stdout.decode()
    except UnicodeDecodeError:
        return "the output is not UTF-8"
    if same_output(
        given, expected, whitespace=settings.whitespace, tolerance=settings.rule.tolerance
    ):
        return ""
    return f"it wrote {short_repr(given)}, expected {short_repr(expected)}"


def _run_suite(sandbox: Sandbox, source: str, target: SuiteTarget) -> Outcome:
    job = SuiteJob(source, target.tests, target.names, target.checks, target.mirror_arguments)
    result = sandbox.run(job, target.settings.limits)
    report = result.suite
    outcomes = () if report is None else report.outcomes
    failure = ""
    if report is None or not report.passed or result.ending is not Ending.FINISHED:
        failure = _suite_failure(result)
    passed = tuple(outcome.passed for outcome in outcomes)
    missing = max(len(target.checks), 1) - len(passed)
    if failure and all(passed) and not missing:  # no single test is to blame, so none has passed
        passed = (False,) * len(passed)
    passed += (False,) * missing
    return Outcome(
        passed,
        (ONE_GROUP,) * len(passed),
        failure,
        compiles=_compiles(result),
        within_limits=result.ending not in _OVER_LIMIT,
    )


def _suite_failure(result: RunResult) -> str:
    if result.ending is Ending.LOAD_ERROR:
        return f"the program cannot be loaded: {shorten(result.detail)}"
    report = result.suite
    for outcome in report.outcomes if report is not None else ():
        if not outcome.passed:
            return f"{outcome.name}: {shorten(outcome.message)}"
    if report is not None and report.detail:
        return f"the tests did not pass: {shorten(report.detail)}"
    return f"the program did not end well ({_describe_ending(result)})"


def _describe(call: Call, result: CallResult, expected: object) -> str:
    shown = _describe_call(call)
    if isinstance(result, Returned):
        return f"{shown} returned {short_repr(result.value)}, expected {short_repr(expected)}"
    if isinstance(result, Raised):
        error = shorten(f"{result.types[0]}: {result.message}")
        return f"{shown} raised {error}, expected {short_repr(expected)}"
    return f"{shown} gave no answer ({result.reason}), expected {short_repr(expected)}"


def _describe_call(call: Call) -> str:
    arguments = [short_repr(value, limit=80) for value in call.args]
    arguments += [f"{name}={short_repr(value, limit=80)}" for name, value in call.kwargs.items()]
    return f"{call.function}({', '.join(arguments)})"


def _describe_ending(result: RunResult) -> str:
    if result.ending in _OUT_OF_TIME:  # which of the two comes first depends on the machine's load
        return "time limit"
    detail = shorten(result.detail)
    if not detail or detail == result.ending.value:
        return result.ending.value
    return f"{result.ending.value}: {detail}"


def _compiles(result: RunResult) -> bool:
    faulty = result.ending in (Ending.LOAD_ERROR, Ending.EXCEPTION)
    return not (faulty and result.detail.startswith(_SYNTAX_ERRORS))
