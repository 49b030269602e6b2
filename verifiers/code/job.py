"""What a sandbox is asked to run and what it gives back, as plain data.

The invariant that all of this serves: no process that runs the policy's code ever holds an expected
value, a test's source or a verdict. A job for such a process therefore has no field for any of
them; a `SuiteJob` has tests, and they run in a second sandbox that never sees the policy's code.

*Plain data* is what crosses: None, bool, int, float (NaN and infinities too), complex, str, bytes,
list, tuple, set, frozenset, dict, numpy arrays of numbers, and `Iterated` and `Opaque`, which stand
for what is not one of these. Types are exact: a subclass arrives as its base, True is not 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, TypeAlias

MIB = 1 << 20
GIB = 1 << 30
_MOST = 1 << 60  # what the kernel's own limits can say


class SandboxUnavailable(RuntimeError):
    """This machine cannot isolate as asked; the message says what is missing and what would do."""


class SandboxError(RuntimeError):
    """A job could not be delivered to a sandbox. What happens after delivery is a `RunResult`.

    The difference is what keeps a crash from being a strategy: code that has been delivered and
    brings its sandbox down has failed.
    """


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use; a run that goes over a limit is killed.

    Attributes:
        cpu_s: seconds of CPU time, of all threads together, over 0. This is what judges code.
        wall_s: seconds on the clock, over 0; looser, so that a busy machine fails nobody.
        memory_bytes: address space beyond what a run starts with.
        output_bytes: of standard output. Standard error beyond 64 KiB is dropped.
        result_bytes: of one message with results, as it is encoded.
        source_bytes: of the job's source, in UTF-8; a longer one is not run.
        file_bytes: of all files of the run together, where the backend can count (see
            `llmenvs sandbox doctor`), and of one file everywhere.
        files: files of the run, where the backend can count.
    """

    cpu_s: float = 5.0
    wall_s: float = 20.0
    memory_bytes: int = GIB
    output_bytes: int = MIB
    result_bytes: int = 4 * MIB
    source_bytes: int = MIB
    file_bytes: int = 16 * MIB
    files: int = 512

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < _MOST:
                raise ValueError(f"{name} must be over 0 and finite, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function of the solution.

    Attributes:
        function: its name; ``Class.method`` makes an instance without arguments first.
        args, kwargs: plain data. The solution gets copies.
    """

    function: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FunctionJob:
    """Load ``source`` as a module (not as ``__main__``) and make the calls, one after another.

    Attributes:
        source: the policy's code.
        calls: each is sent only after the one before it was answered.
        mirror_arguments: also report the arguments as they are after each call, for tasks that ask
            for a change in place.
    """

    source: str
    calls: tuple[Call, ...]
    mirror_arguments: bool = False


@dataclass(frozen=True, slots=True)
class StdinJob:
    """Run ``source`` as a program (``__main__``) with ``stdin``, in a process of its own."""

    source: str
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class SuiteJob:
    """Run tests in a second sandbox, against proxies of the solution's functions.

    The solution's code and the tests never share a process. A test module may hold plain asserts,
    ``test_...`` functions, ``unittest.TestCase`` classes and a ``check(candidate)``
    as HumanEval has it; it may import the functions from ``solution`` or use their bare names.

    Attributes:
        source: the policy's code.
        tests: source of the test module; may be empty.
        names: functions of the solution that the tests may call, at least one. The first is also
            known as ``candidate``.
        checks: statements that run one by one after ``tests``, in its namespace, each a test of its
            own, as MBPP's list of asserts.
        mirror_arguments: apply what a call did to its list, dict and set arguments to the tests'
            own. Off by default, for then ``def f(x): x.clear(); return []`` passes
            ``assert f(x) == sorted(x)``.
    """

    source: str
    tests: str
    names: tuple[str, ...]
    checks: tuple[str, ...] = ()
    mirror_arguments: bool = False

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("names must hold at least one function of the solution, got none")


Job: TypeAlias = FunctionJob | StdinJob | SuiteJob


@dataclass(frozen=True, slots=True)
class Returned:
    """A call that returned.

    Attributes:
        value: as the solution's process sent it; plain data, and nothing else is known of it.
        arguments: after the call, where the job asked for them.
    """

    value: Any
    arguments: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """A call that raised.

    Attributes:
        types: names of the exception's type and its bases, the type first.
        message: ``str`` of it, shortened.
    """

    types: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A call without an answer, and why."""

    reason: str


CallResult: TypeAlias = Returned | Raised | Missing
Accept: TypeAlias = Callable[[int, CallResult], bool]
"""Told the index and result of each call as it comes in; False ends the run there."""


class Ending(StrEnum):
    """How a run ended. Only `FINISHED` can be a pass; `STOPPED` is the caller's own wish."""

    FINISHED = "finished"
    """It did what it was asked: every call answered, or the program ended with status 0."""
    STOPPED = "stopped"
    """The caller's ``accept`` returned False."""
    LOAD_ERROR = "load error"
    """The source did not compile, or raised while it was loaded (function and suite forms)."""
    EXCEPTION = "exception"
    """The program ended by an exception (stdin form)."""
    EXITED = "exited early"
    """It ended before it had answered, or with a status that is not 0."""
    CPU_LIMIT = "cpu limit"
    WALL_LIMIT = "wall limit"
    MEMORY_LIMIT = "memory limit"
    OUTPUT_LIMIT = "output limit"
    RESULT_LIMIT = "result limit"
    SOURCE_LIMIT = "source limit"
    """The source is longer than allowed; nothing ran."""
    SIGNAL = "killed by a signal"
    BAD_MESSAGE = "bad message"
    """What came in place of a result is none, so the code has tampered with the process."""
    WORKER_LOST = "worker lost"
    """The sandbox's own process ended during the run, after the job was delivered."""


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One test of a suite.

    Attributes:
        name: of the function or ``Class.method``; ``check``, ``module``, or ``checks[i]``.
        passed: whether it ran to its end. A skipped test has not passed.
        message: what failed, shortened; "" where it passed.
        num_calls: calls of the solution that it made.
    """

    name: str
    passed: bool
    message: str
    num_calls: int


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """What the process that ran the tests said.

    Attributes:
        passed: there was an explicit verdict, every test passed, the solution was called at least
            once, and the calls that the tests counted are those that went through the broker.
        outcomes: of each test, in order.
        num_calls: calls that went through the broker.
        detail: why there is no pass although no single test failed, "" otherwise.
    """

    passed: bool
    outcomes: tuple[TestOutcome, ...]
    num_calls: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one job gave.

    Attributes:
        ending: how the process that ran the solution ended.
        detail: one line about the ending: the exception, the signal, the limit.
        calls: one for each of a function job's calls, `Missing` where none was answered.
        suite: of a suite job whose solution could be loaded, else None.
        stdout, stderr: the first bytes, up to the limits.
        exit_status: None where the process was killed or never ran.
        cpu_s, wall_s, peak_memory_bytes: of the solution's process, as the kernel counted them.
    """

    ending: Ending
    detail: str = ""
    calls: tuple[CallResult, ...] = ()
    suite: SuiteReport | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    exit_status: int | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0


class Sandbox(Protocol):
    """Runs jobs, each in a fresh isolated process. Safe to use from many threads at once.

    Attributes:
        name: of the backend, as it stands in verdicts.
    """

    @property
    def name(self) -> str:
        """The backend's name."""
        ...

    def run(self, job: Job, limits: Limits, *, accept: Accept | None = None) -> RunResult:
        """Run one job and return what it gave, whatever the code does.

        Waits while all workers are busy.

        Args:
            job: what to run.
            limits: for the run; in a suite job for each of the two processes.
            accept: of a function job; see `Accept`.

        Raises:
            SandboxError: the job could not be delivered.
            ValueError: the job cannot be encoded, as an argument that is not plain data.
        """
        ...

    def close(self) -> None:
        """End all workers. A run in progress ends with `Ending.WORKER_LOST`."""
        ...

    def __enter__(self) -> "Sandbox": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
