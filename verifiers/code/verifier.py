"""Run a program that a model wrote against tests, in a sandbox, and score what it did.

Three stages: `extract` finds the program in the completion, `checks` runs it against the target's
tests, and what came back is compared here. The program's process never holds an expected value.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from llmenvs.verifiers.code.checks import Outcome, run_checks
from llmenvs.verifiers.code.compare import DEFAULT_TOLERANCE
from llmenvs.verifiers.code.extract import extract_code
from llmenvs.verifiers.code.job import Limits, Sandbox, SandboxError
from llmenvs.verifiers.code.open_sandbox import BACKENDS
from llmenvs.verifiers.code.output_compare import Whitespace
from llmenvs.verifiers.code.shared_sandbox import SHARED
from llmenvs.verifiers.code.target import (
    ONE_GROUP,
    Settings,
    read_limits,
    read_rule,
    read_target,
    read_whitespace,
)
from llmenvs.verifiers.verdict import Status, Verdict

Scoring = Literal["all", "share"]
UNSAFE = "unsafe-local"

_LONGEST_REASON = 600
_LONGEST_EXTRACT = 10_000


class CodeVerifier:
    r"""Score a program by the tests that it passes: 1.0 for all of them, else 0.0 or the share.

    The score is in [0, 1]; a success is a program that passes every test. The last fenced block of
    a completion is the program, or the whole text where it is code. The parts are ``syntax`` and
    ``limits`` (1.0 or 0.0), ``tests`` (the share that passed) and the share of each group that the
    target names. With ``scoring="all"`` the tests end at the first failure, and those that were not
    run count as failed.

    A program that fails, hangs, exits or brings its sandbox down has failed. Only a sandbox that
    fails before it was handed the program gives a verdict without a score.

    Args:
        backend: ``"local"``, ``"docker"``, or ``"unsafe-local"``, which isolates nothing, is never
            chosen for you, and stands in the reason of every verdict; None takes what this machine
            can isolate with.
        scoring: ``"all"`` or ``"share"``.
        tolerance: error allowed where a float is expected, absolute or relative.
        order_free: so many levels of lists, from the outermost, may be in any order.
        sequences_alike: whether a tuple may stand for a list and the reverse.
        whitespace: of output: ``"exact"``, ``"trailing"`` (blanks at line ends are ignored) or
            ``"any"`` (a run of blanks is one, too).
        limits: a `Limits` or some of its fields by name; for all tests of a target together, so
            that a verdict takes at most ``wall_s`` seconds, and twice that for a suite of tests.
        workers: programs that run at a time, at least 1; further threads wait.
        preload: modules that every program finds imported already, as ``"numpy"``.
        image: of the containers of ``"docker"``, see `open_sandbox`.

    Raises:
        ValueError: an option or, on a call, the target is not as it must be.
        SandboxUnavailable: on the first call, nothing here can isolate; it says what to install.

    >>> verifier = CodeVerifier()
    >>> target = {"entry_point": "add", "inputs": [[1, 2], [2, 2]], "outputs": [3, 4]}
    >>> verifier("```python\ndef add(a, b):\n    return a + b\n```", target).score
    1.0
    >>> verifier("```python\ndef add(a, b):\n    return 3\n```", target).reason
    'test 2 of 2: add(2, 2) returned 3, expected 4'
    """

    blocking: ClassVar[bool] = True
    """A verdict waits for a sandbox, so that threads pay off, and share it."""

    def __init__(
        self,
        backend: str | None = None,
        *,
        scoring: Scoring = "all",
        tolerance: float = DEFAULT_TOLERANCE,
        order_free: int = 0,
        sequences_alike: bool = False,
        whitespace: Whitespace = "any",
        limits: Limits | Mapping[str, float] | None = None,
        workers: int = 2,
        preload: Sequence[str] = (),
        image: str | None = None,
    ) -> None:
        if scoring not in ("all", "share"):
            raise ValueError(f"scoring must be 'all' or 'share', got {scoring!r}")
        if backend not in (None, *BACKENDS):
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers!r}")
        leeway = {
            "tolerance": tolerance,
            "order_free": order_free,
            "sequences_alike": sequences_alike,
        }
        self.scoring = scoring
        self.settings = Settings(
            read_rule(leeway, Settings().rule),
            read_whitespace(whitespace),
            read_limits(limits or {}, Limits()),
        )
        self.workers = workers
        self.preload = tuple(preload)
        self._asked_backend = backend
        if image is not None and backend != "docker":
            raise ValueError(f"an image is for backend='docker' alone, got {image!r}")
        self._image = image

    @property
    def backend(self) -> str:
        """The name of the backend that runs the programs; asking opens it.

        Raises:
            SandboxUnavailable: nothing here can isolate.
        """
        return self._sandbox().name

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Judge ``completion``, which holds only what the policy wrote.

        Args:
            completion: any text.
            target: a dict of one of four forms: ``entry_point``, ``inputs`` and ``outputs``;
                ``stdin`` and ``stdout``; ``asserts``; or ``test``. See `target.read_target`.

        Raises:
            ValueError: the target is not as it must be; the message names the key.
            SandboxUnavailable: nothing here can isolate.
        """
        checked = read_target(target, self.settings)
        code = extract_code(completion) if isinstance(completion, str) else None
        if code is None:
            return Verdict.no_answer("the completion has no block of Python code")
        fault = _unfit(code, checked.settings.limits)
        if fault:
            return Verdict.scored(
                0.0, success=False, reason=fault, extracted=code[:_LONGEST_EXTRACT]
            )
        sandbox = self._sandbox()
        try:
            outcome = run_checks(sandbox, code, checked, run_all=self.scoring == "share")
        except (SandboxError, OSError) as error:
            return Verdict.undecided(
                Status.ERROR,
                reason=f"the sandbox failed: {error}",
                extracted=code[:_LONGEST_EXTRACT],
            )
        except ValueError as error:
            raise ValueError(f"the target cannot be sent to a sandbox: {error}") from error
        return self._verdict(outcome, code, unsafe=sandbox.name == UNSAFE)

    def _sandbox(self) -> Sandbox:
        return SHARED.get(
            self._asked_backend, workers=self.workers, preload=self.preload, image=self._image
        )

    def _verdict(self, outcome: Outcome, code: str, *, unsafe: bool) -> Verdict:
        success = outcome.all_passed
        share = outcome.share()
        score = float(success) if self.scoring == "all" else share
        reason = outcome.failure or f"all {len(outcome.passed)} tests passed"
        if outcome.failure and self.scoring == "share":
            reason = f"{sum(outcome.passed)} of {len(outcome.passed)} tests passed; {reason}"
        if unsafe:
            reason = f"[{UNSAFE}: nothing was isolated] {reason}"
        parts = {
            "syntax": float(outcome.compiles),
            "limits": float(outcome.within_limits),
            ONE_GROUP: share,
            **{name: outcome.share(name) for name in dict.fromkeys(outcome.groups)},
        }
        return Verdict.scored(
            score,
            success=success,
            parts=parts,
            reason=reason[:_LONGEST_REASON],
            extracted=code[:_LONGEST_EXTRACT],
        )

    def __repr__(self) -> str:
        return f"CodeVerifier({self._asked_backend!r}, scoring={self.scoring!r})"


def _unfit(code: str, limits: Limits) -> str:
    """Return why a program is not run at all, "" if it is."""
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        return "the program is no Unicode text: it has lone surrogates"
    if size > limits.source_bytes:
        return f"the program has {size} bytes, over the limit of {limits.source_bytes}"
    return ""
