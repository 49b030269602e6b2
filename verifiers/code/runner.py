"""The forms of jobs: what is said to a confined process, and what its answers amount to.

Nothing that the process says is trusted to be more than a value. How it ended comes from its
sandbox.
"""

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from llmenvs.verifiers.code.answers import read_answer, read_outcomes, read_raised
from llmenvs.verifiers.code.job import (
    Accept,
    Call,
    CallResult,
    Ending,
    FunctionJob,
    Job,
    Limits,
    Missing,
    RunResult,
    SandboxError,
    StdinJob,
    SuiteJob,
    SuiteReport,
)
from llmenvs.verifiers.code.process import Exit, Process
from llmenvs.verifiers.code.protocol import ProtocolError, encode, pack_frame

_MAX_CALLS = 100_000
_LIMIT_ENDINGS = {
    "cpu": Ending.CPU_LIMIT,
    "wall": Ending.WALL_LIMIT,
    "files": Ending.OUTPUT_LIMIT,
    "lost": Ending.WORKER_LOST,
}

Start = Callable[[bytes, bytes | None], Process]
"""Starts a process with the first frame of its job, and with standard input if it is a program."""


def run_job(
    job: Job, limits: Limits, *, accept: Accept | None, start: Start, start_tests: Start
) -> RunResult:
    """Run a job of any form.

    Args:
        job: what to run.
        limits: that the processes were started with.
        accept: see `llmenvs.verifiers.code.job.Sandbox.run`.
        start: starts a process for the solution.
        start_tests: starts one, in another sandbox, for the tests of a suite.

    Raises:
        SandboxError: a process could not be started.
        ValueError: the job cannot be encoded.
    """
    size = len(job.source.encode(errors="surrogatepass"))
    if size > limits.source_bytes:
        detail = f"the source has {size} bytes, over the limit of {limits.source_bytes}"
        missing = len(job.calls) if isinstance(job, FunctionJob) else 0
        return RunResult(Ending.SOURCE_LIMIT, detail, calls=(Missing(detail),) * missing)
    if isinstance(job, StdinJob):
        return run_program(job, limits, start)
    if isinstance(job, FunctionJob):
        return run_calls(job, limits, start, accept)
    return run_suite(job, limits, start, start_tests)


def run_program(job: StdinJob, limits: Limits, start: Start) -> RunResult:
    """Run a program on its standard input."""
    header = pack_frame({"form": "program", "source": job.source})
    process = start(header, job.stdin.encode(errors="surrogateescape"))
    exited = process.finish(kill=False)
    _require_ready(process, exited)
    ending, detail = _ending_of(process, exited, limits)
    if ending is Ending.EXITED:
        raised = None
        with suppress(ProtocolError):
            raised = process.receive()
        if raised is not None and exited.status != 0:
            ending, detail = _ending_of_error(raised, Ending.EXCEPTION)
        elif exited.status == 0:
            ending, detail = Ending.FINISHED, ""
    return _result(process, exited, ending, detail)


def run_calls(job: FunctionJob, limits: Limits, start: Start, accept: Accept | None) -> RunResult:
    """Load a solution and make the calls, each only after the one before was answered."""
    requests = [_pack_call(call, mirror=job.mirror_arguments) for call in job.calls]
    solution = Solution(job.source, limits, start)
    results: list[CallResult] = []
    ending: Ending | None = None
    try:
        if solution.load():
            for index, request in enumerate(requests):
                answer = solution.ask(request)
                if answer is None:
                    break
                results.append(answer)
                if accept is not None and not accept(index, answer):
                    ending = Ending.STOPPED
                    break
            else:
                ending = Ending.FINISHED
    finally:
        exited = solution.process.finish(kill=True)
    ending, detail = solution.ending(exited, ending)
    missing = (Missing(f"{ending}: {detail}" if detail else ending),)
    calls = (*results, *missing * (len(requests) - len(results)))
    return _result(solution.process, exited, ending, detail, calls=calls)


def run_suite(job: SuiteJob, limits: Limits, start: Start, start_tests: Start) -> RunResult:
    """Run tests in one process and the solution in another, and carry plain data between them."""
    message = {
        "form": "suite",
        "tests": job.tests,
        "checks": job.checks,
        "names": job.names,
        "mirror": job.mirror_arguments,
    }
    # The tests first: once the solution has run, nothing may fail that counts as our own fault.
    tests = _deliver(start_tests, pack_frame(message))
    report: SuiteReport | None = None
    try:
        solution = Solution(job.source, limits, start)
        try:
            if solution.load():
                report = Broker(job, tests, solution).run()
        finally:
            exited = solution.process.finish(kill=True)
    finally:
        tests_exit = tests.finish(kill=True)
    ending, detail = solution.ending(exited, None if solution.lost else Ending.FINISHED)
    if report is not None and not report.outcomes and not report.detail:
        _, why = _ending_of(tests, tests_exit, limits)
        report = _no_pass(report.num_calls, f"the tests gave no verdict: {why}")
    if report is not None and report.passed and ending is not Ending.FINISHED:
        report = replace(report, passed=False, detail=detail)
    return _result(solution.process, exited, ending, detail, suite=report)


class Solution:
    """A solution in its process, as the forms that call its functions see it.

    Attributes:
        process: that it runs in.
        lost: whether it will answer no more.
    """

    def __init__(self, source: str, limits: Limits, start: Start) -> None:
        self.lost = True
        self._limits = limits
        self._failure: tuple[Ending, str] | None = None
        header = {"form": "calls", "source": source, "result_bytes": limits.result_bytes}
        self.process = _deliver(start, pack_frame(header))

    def load(self) -> bool:
        """Wait until the source is loaded; return whether it could be."""
        message = self._receive()
        if message is None:
            return False
        if "load" not in message:
            self._failure = (Ending.BAD_MESSAGE, "an answer before the source was loaded")
        elif message["load"] is not None:
            self._failure = _ending_of_error(message["load"], Ending.LOAD_ERROR)
        else:
            self.lost = False
        return not self.lost

    def ask(self, request: bytes) -> CallResult | None:
        """Make a call and return its result, None if there will be none."""
        message = self.ask_raw(request)
        if message is None:
            return None
        try:
            return read_answer(message)
        except ProtocolError as error:
            self._fail(error)
            return None

    def ask_raw(self, request: bytes) -> dict[str, Any] | None:
        """Make a call and return the message that answers it, None if there will be none."""
        self.process.send(request)
        return self._receive()

    def ending(self, exited: Exit, wanted: Ending | None) -> tuple[Ending, str]:
        """Return how the process ended: as wanted, if nothing else was the matter."""
        if self._failure is not None:
            return self._failure
        if wanted is not None and not self.process.overflow:
            return wanted, ""
        return _ending_of(self.process, exited, self._limits)

    def _receive(self) -> dict[str, Any] | None:
        try:
            message = self.process.receive()
        except ProtocolError as error:
            self._fail(error)
            return None
        self.lost = message is None or self.lost
        return message

    def _fail(self, error: ProtocolError) -> None:
        self.lost = True
        self._failure = (Ending.BAD_MESSAGE, str(error))


class Broker:
    """Carries calls from the process of the tests to that of the solution.

    Args:
        job: with the names that may be called.
        tests, solution: the two processes, both ready.
    """

    def __init__(self, job: SuiteJob, tests: Process, solution: Solution) -> None:
        self._job = job
        self._tests = tests
        self._solution = solution
        self._num_calls = 0

    def run(self) -> SuiteReport:
        """Return what the tests said; a report without outcomes if they said nothing."""
        while True:
            try:
                message = self._tests.receive()
                if message is None:
                    return _no_pass(self._num_calls)
                if "call" not in message:
                    return self._report(message)
                self._tests.send(pack_frame(self._carry(message)))
            except ProtocolError as error:
                return _no_pass(self._num_calls, f"from the tests: {error}")

    def _carry(self, message: dict[str, Any]) -> dict[str, Any]:
        self._num_calls += 1
        if message["call"] not in self._job.names or self._num_calls > _MAX_CALLS:
            raise ProtocolError("a call of what is not to be called, or too many of them")
        request = {
            "function": message["call"],
            "args": message.get("args"),
            "kwargs": message.get("kwargs"),
            "mirror": self._job.mirror_arguments,
        }
        answer = None if self._solution.lost else self._solution.ask_raw(pack_frame(request))
        if answer is None:
            return {"lost": "the solution's process has ended"}
        known = ("value", "arguments", "raised", "message", "unsaid")
        return {key: answer[key] for key in known if key in answer}

    def _report(self, message: dict[str, Any]) -> SuiteReport:
        outcomes = read_outcomes(message)
        detail = ""
        if not outcomes:
            detail = "there are no tests"
        elif message.get("calls") != self._num_calls:
            detail = f"the tests counted {message.get('calls')} calls of {self._num_calls}"
        elif self._num_calls == 0:
            detail = "the tests never called the solution"
        passed = not detail and all(outcome.passed for outcome in outcomes)
        return SuiteReport(passed, outcomes, self._num_calls, detail)


def _no_pass(num_calls: int, detail: str = "") -> SuiteReport:
    return SuiteReport(passed=False, outcomes=(), num_calls=num_calls, detail=detail)


def _deliver(start: Start, job: bytes) -> Process:
    """Start a process that will be asked more later, and wait until it is confined."""
    process = start(job, None)
    try:
        ready = process.receive()
    except BaseException:
        process.finish(kill=True)
        raise
    if ready is None:
        _require_ready(process, process.finish(kill=True))
    return process


def _require_ready(process: Process, exited: Exit) -> None:
    """Raise unless the process was confined; nothing of its job can have run before that."""
    ready = None
    with suppress(ProtocolError):
        ready = process.receive()
    if ready is None:
        words = process.stderr.decode(errors="replace").strip() or f"it ended with {exited}"
        raise SandboxError(f"a run could not be confined: {words}")


def _pack_call(call: Call, *, mirror: bool) -> bytes:
    request = {
        "function": call.function,
        "args": encode(call.args),
        "kwargs": encode(dict(call.kwargs)),
        "mirror": mirror,
    }
    frame = pack_frame(request)
    # JSON escapes quotes in strings, so this can only be the tag.
    if b'{"opaque": ' in frame or b'{"iterated": ' in frame:
        raise ProtocolError(f"the arguments of a call must be plain data, got {call!r:.300}")
    return frame


def _ending_of_error(message: Any, otherwise: Ending) -> tuple[Ending, str]:
    try:
        error = read_raised(message)
    except ProtocolError as problem:
        return Ending.BAD_MESSAGE, str(problem)
    ending = Ending.MEMORY_LIMIT if error.types[0] == "MemoryError" else otherwise
    return ending, f"{error.types[0]}: {error.message}" if error.message else error.types[0]


def _ending_of(process: Process, exited: Exit, limits: Limits) -> tuple[Ending, str]:
    """Return how a process ended that nobody wanted to end."""
    if process.overflow == "output":
        return Ending.OUTPUT_LIMIT, f"more than {limits.output_bytes} bytes of output"
    if process.overflow:
        return Ending.RESULT_LIMIT, f"more than {limits.result_bytes} bytes of results"
    if exited.why in _LIMIT_ENDINGS:
        detail = {
            "cpu": f"more than {limits.cpu_s:g} s of CPU time",
            "wall": f"more than {limits.wall_s:g} s, of which {exited.cpu_s:.2f} s of CPU time",
            "files": f"more than {limits.files} files or {limits.file_bytes} bytes in files",
            "lost": "the sandbox ended with it",
        }
        return _LIMIT_ENDINGS[exited.why], detail[exited.why]
    if exited.signal == signal.SIGXCPU:
        return Ending.CPU_LIMIT, f"more than {limits.cpu_s:g} s of CPU time"
    if exited.signal:
        return Ending.SIGNAL, _signal_name(exited.signal)
    return Ending.EXITED, f"exit status {exited.status}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _result(
    process: Process,
    exited: Exit,
    ending: Ending,
    detail: str,
    *,
    calls: tuple[CallResult, ...] = (),
    suite: SuiteReport | None = None,
) -> RunResult:
    return RunResult(
        ending,
        detail,
        calls,
        suite,
        process.stdout,
        process.stderr,
        exited.status,
        exited.cpu_s,
        exited.wall_s,
        exited.peak_bytes,
    )
