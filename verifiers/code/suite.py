"""Running tests in a sandbox of their own, against proxies of a solution that runs in another.

This process holds the tests and their expected values, and never the policy's code: what a proxy
returns is plain data that the verifier carried over. So an ``__eq__`` that is always true, a frame
walk or a patched `unittest` on the solution's side find nothing here to work on.
"""

import builtins
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from llmenvs.verifiers.code.protocol import ProtocolError, decode, encode
from llmenvs.verifiers.code.values import Iterated

TESTS_FILE = "tests.py"
_MAX_MESSAGE = 400
_MAX_ARGUMENTS = 120
_NEVER_RAISED = (AssertionError, StopIteration, StopAsyncIteration, Warning)
"""Exceptions that would say something about a test and not about the solution."""

Test = tuple[str, Callable[[], str]]
"""A name, and what runs it and returns why it failed, "" where it passed."""


class Verifier(Protocol):
    """The process that carries calls to the solution and takes the verdict."""

    def read(self) -> dict[str, Any]:
        """Return the next message."""
        ...

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        ...


class SolutionError(Exception):
    """The solution raised what is no built-in exception, or gave no answer."""


class Calls:
    """What proxies have in common: the way to the solution, and what has gone over it.

    Attributes:
        number: of calls so far.
        last: the last one and what came of it, for messages.
    """

    def __init__(self, verifier: Verifier, *, mirror_arguments: bool) -> None:
        self.number = 0
        self.last = ""
        self._verifier = verifier
        self._mirror_arguments = mirror_arguments

    def proxy(self, name: str) -> Callable[..., Any]:
        """Return what stands for a function of the solution."""

        def function(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        function.__name__ = function.__qualname__ = name
        return function

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        request = {"call": name, "args": encode(args), "kwargs": encode(kwargs)}
        self.number += 1
        self.last = f"{name}({_shorten(', '.join(map(repr, args)))})"
        self._verifier.send(request)
        answer = self._verifier.read()
        if "value" not in answer:
            error = _recreate(answer)
            self.last += f" raised {type(error).__name__}"
            raise error
        value = decode(answer["value"])
        if self._mirror_arguments:
            _mirror(args, decode(answer["arguments"]))
        if type(value) is Iterated:
            value = iter(value.items)
        self.last += f" returned {_shorten(repr(value))}"
        return value


def run_suite(job: dict[str, Any], verifier: Verifier) -> None:
    """Run the tests of a job and send the verdict."""
    calls = Calls(verifier, mirror_arguments=job["mirror"])
    outcomes = []
    for name, test in _collect(job, calls):
        before, calls.last = calls.number, ""
        problem = test()
        if problem and calls.last:
            problem = f"{problem}; {calls.last}"
        made = calls.number - before
        if name != "module" or problem or made:
            outcomes.append([name, not problem, _shorten(problem, _MAX_MESSAGE), made])
    verifier.send({"outcomes": outcomes, "calls": calls.number})


def _collect(job: dict[str, Any], calls: Calls) -> Iterator[Test]:
    """Load the tests, and give them one by one; the module itself is the first."""
    solution = types.ModuleType("solution")
    for name in job["names"]:
        setattr(solution, name, calls.proxy(name))
    sys.modules["solution"] = solution
    module = types.ModuleType("tests")
    sys.modules["tests"] = module
    namespace = module.__dict__
    for name in job["names"]:
        namespace[name] = getattr(solution, name)
    namespace["candidate"] = getattr(solution, job["names"][0])

    yield "module", _statements(job["tests"], TESTS_FILE, namespace)
    for name, value in list(namespace.items()):
        if isinstance(value, type):
            yield from _tests_of_class(name, value)
        elif name.startswith("test") and callable(value) and name not in job["names"]:
            yield from _with_parameters(name, value)
    if callable(check := namespace.get("check")) and "check" not in job["names"]:
        yield "check", _guarded(lambda: check(namespace["candidate"]))
    for index, source in enumerate(job["checks"]):
        yield f"checks[{index}]", _statements(source, f"checks[{index}]", namespace)


def _tests_of_class(name: str, kind: type) -> Iterator[Test]:
    unittest = sys.modules.get("unittest")
    methods = [method for method in dir(kind) if method.startswith("test")]
    if unittest is not None and issubclass(kind, unittest.TestCase):
        for method in methods:
            yield f"{name}.{method}", _unittest_case(kind, method)
    elif name.startswith("Test"):
        for method in methods:
            case = partial(_plain_case, kind, method)
            yield from _with_parameters(f"{name}.{method}", case, getattr(kind, method))


def _plain_case(kind: type, method: str, **parameters: Any) -> None:
    instance = kind()
    getattr(instance, "setup_method", lambda *_: None)()
    getattr(instance, method)(**parameters)


def _with_parameters(name: str, test: Any, marked: Any = None) -> Iterator[Test]:
    """Give a test once for each row of its ``pytest.mark.parametrize``, or as it is."""
    marks = getattr(test if marked is None else marked, "pytestmark", [])
    rows: list[dict[str, Any]] = [{}]
    for mark in marks:
        if mark.name == "parametrize":
            rows = [{**row, **more} for row in rows for more in _parameters(*mark.args[:2])]
    for index, row in enumerate(rows):
        yield f"{name}[{index}]" if row else name, _guarded(partial(test, **row))


def _parameters(names: Any, rows: Any) -> Iterator[dict[str, Any]]:
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",")]
    for row in rows:
        if type(row).__name__ == "ParameterSet":  # pytest.param
            row = row.values
        elif len(names) == 1:
            row = (row,)
        yield dict(zip(names, row, strict=True))


def _unittest_case(kind: Any, method: str) -> Callable[[], str]:
    def run() -> str:
        import unittest

        result = unittest.TestResult()
        kind(method).run(result)
        problems = [*result.errors, *result.failures]
        if problems:
            return str(problems[0][1]).strip().rpartition("\n")[2]
        if result.skipped or result.expectedFailures or result.unexpectedSuccesses:
            return "the test was skipped, or is not meant to pass"
        return "" if result.testsRun == 1 else "the test did not run"

    return _guarded(run)


def _statements(source: str, file: str, namespace: dict[str, Any]) -> Callable[[], str]:
    import linecache  # here, for only processes that run tests have a use for it

    def run() -> None:
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), namespace)  # noqa: S102 (the target's own tests)

    return _guarded(run)


def _guarded(test: Callable[[], str | None]) -> Callable[[], str]:
    def run() -> str:
        try:
            return test() or ""
        except BaseException as error:
            return _describe(error)

    return run


def _describe(error: BaseException) -> str:
    """Return the exception, and the line of the tests that it came from."""
    import traceback

    text = type(error).__name__
    message = _shorten(str(error), _MAX_MESSAGE // 2)
    text += f": {message}" if message else ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == TESTS_FILE or frame.filename.startswith("checks["):
            return f"{text} at `{frame.line}`" if frame.line else text
    return text


def _recreate(answer: dict[str, Any]) -> Exception:
    """Return the built-in exception that is nearest to what the solution raised."""
    for name in answer.get("raised", ()):
        kind = getattr(builtins, str(name), None)
        if not isinstance(kind, type) or not issubclass(kind, Exception) or kind is Exception:
            continue
        if issubclass(kind, _NEVER_RAISED):
            break
        try:
            error = kind(answer.get("message", ""))
        except TypeError:  # it takes more arguments, as UnicodeDecodeError
            break
        return error if isinstance(error, Exception) else SolutionError(name)
    reason = answer.get("lost") or answer.get("unsaid") or ":".join(answer.get("raised", ())[:1])
    return SolutionError(reason or "no answer")


def _mirror(args: tuple[Any, ...], after: Any) -> None:
    if type(after) is not tuple or len(after) != len(args):
        raise ProtocolError("the arguments after the call are not those before it")
    for argument, changed in zip(args, after, strict=True):
        if type(argument) is not type(changed):
            continue
        if isinstance(argument, list):
            argument[:] = changed
        elif isinstance(argument, dict | set):
            argument.clear()
            argument.update(changed)


def _shorten(text: str, most: int = _MAX_ARGUMENTS) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
