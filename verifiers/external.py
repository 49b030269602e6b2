"""Let a program check the answer: a proof assistant, a solver, a linter, a compiler.

The program is one that you trust, and its verdict is read from its exit status, or from the last
line of its output by patterns (RE2's syntax). Anything else that it does is its own failure and
leaves the completion undecided: a checker that crashes says nothing about the answer. What the
answer makes it spend is the policy's fault: where CPU time, memory or output run out, the score is
0; where the wall time goes by without CPU time, the verdict is undecided.

`llmenvs.verifiers.smt_claim` is a checker for claims in SMT-LIB, on z3. A Lean or Coq file is
checked in the same way, as in ``ExternalVerifier(["lean", "{answer}"], suffix=".lean")``.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmenvs.verifiers.blocks import checked_text, without_fence
from llmenvs.verifiers.external_process import Limits, Run, run_limited
from llmenvs.verifiers.verdict import Status, Verdict

_SHOWN_CHARS = 200
_DEFAULT_LIMITS = Limits()


class ExternalVerifier:
    """Score 1.0 where a checker program accepts the answer, 0.0 where it refuses it.

    Args:
        command: the program and its arguments, without a shell. "{answer}" and "{target}" in an
            argument become the paths of files that hold them; without "{answer}" the answer is the
            standard input.
        accepted_exits: the exit statuses that mean right.
        refused_exits: those that mean wrong; all others mean that the checker failed.
        accepted_output: a pattern that the last line of the output matches in whole where the
            answer is right; given together with ``refused_output``, the exit status then does not
            count.
        refused_output: the same where it is wrong.
        suffix: of the answer's file, such as ".lean".
        block: the tag that holds the answer, such as "answer"; None for all that follows
            ``</think>``. A code fence around the answer is taken off.
        limits: what a run may spend: a `Limits`, or its fields by name, as a command line has them.

    Raises:
        ValueError: the program is not there, an exit status or pattern is no good, or right and
            wrong are not told apart; on a call, ``target`` is a text where the command has no
            "{target}", or the reverse.

    >>> verifier = ExternalVerifier(["grep", "--quiet", "four"])
    >>> [verifier(text, None).score for text in ("it is four", "it is five")]
    [1.0, 0.0]
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        accepted_exits: Sequence[int] = (0,),
        refused_exits: Sequence[int] = (1,),
        accepted_output: str | None = None,
        refused_output: str | None = None,
        suffix: str = "",
        block: str | None = None,
        limits: Limits | Mapping[str, Any] = _DEFAULT_LIMITS,
    ) -> None:
        if isinstance(command, str) or not command or not all(isinstance(w, str) for w in command):
            raise ValueError(f"command must be a list of str and not empty, got {command!r}")
        if shutil.which(command[0]) is None:
            raise ValueError(f"there is no program {command[0]!r} to run")
        if not accepted_exits or set(accepted_exits) & set(refused_exits):
            raise ValueError(
                "an exit status must mean right or wrong, "
                f"got {accepted_exits=} and {refused_exits=}"
            )
        if (accepted_output is None) != (refused_output is None):
            raise ValueError(
                "accepted_output and refused_output go together, "
                f"got {accepted_output=} and {refused_output=}"
            )
        if "/" in suffix or "\0" in suffix:
            raise ValueError(f"suffix must be the end of a file name, got {suffix!r}")
        self.command = list(command)
        self.accepted_exits = frozenset(accepted_exits)
        self.refused_exits = frozenset(refused_exits)
        self.accepted_output = accepted_output
        self.refused_output = refused_output
        self.suffix = suffix
        self.block = block
        self.limits = _as_limits(limits)
        if accepted_output is not None and refused_output is not None:
            _matches(accepted_output, "")
            _matches(refused_output, "")
        self._takes_target = any("{target}" in word for word in command)

    def __call__(self, completion: str, target: str | None = None) -> Verdict:
        """Judge the answer in ``completion``; ``target`` is a text that the command asks for."""
        if self._takes_target != isinstance(target, str):
            raise ValueError(
                "target must be a str exactly where the command has '{target}', "
                f"got {target!r} and {self.command!r}"
            )
        answer = checked_text(completion, self.block)
        if answer is None:
            return Verdict.no_answer("there is no answer")
        answer = without_fence(answer)
        try:
            run = self._run(answer, target or "")
        except OSError as error:
            return Verdict.undecided(Status.ERROR, reason=f"the checker could not be run: {error}")
        return self._verdict(run, answer[:_SHOWN_CHARS])

    def _run(self, answer: str, target: str) -> Run:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder = Path(name)
            paths = {"{answer}": folder / f"answer{self.suffix}", "{target}": folder / "target"}
            for path, text in zip(paths.values(), (answer, target), strict=True):
                path.write_bytes(text.encode("utf-8", "replace"))
            words = [_filled(word, paths) for word in self.command]
            asks_for_file = any("{answer}" in word for word in self.command)
            stdin = Path("/dev/null") if asks_for_file else paths["{answer}"]
            return run_limited(words, folder=folder, stdin=stdin, limits=self.limits)

    def _verdict(self, run: Run, answer: str) -> Verdict:
        spent = (run.out_of_cpu and "CPU time") or (run.out_of_output and "output")
        if spent:
            reason = f"the checker spent its {spent} on the answer"
            return Verdict.scored(0.0, success=False, reason=reason, extracted=answer)
        if run.out_of_time:
            reason = f"the checker did not end within {self.limits.wall_s} s, nor compute"
            return Verdict.undecided(Status.TIMEOUT, reason=reason, extracted=answer)
        line = _last_line(run.output)
        accepts, refuses = self._judged(run, line)
        if accepts == refuses:
            said = _last_line(run.errors) or line
            reason = f"the checker failed, exit status {run.exit_status}: {said}"
            return Verdict.undecided(Status.ERROR, reason=reason, extracted=answer)
        reason = f"the checker {'accepts' if accepts else 'refuses'}: {line}".rstrip(": ")
        return Verdict.scored(float(accepts), success=accepts, reason=reason, extracted=answer)

    def _judged(self, run: Run, line: str) -> tuple[bool, bool]:
        if self.accepted_output is None or self.refused_output is None:
            return run.exit_status in self.accepted_exits, run.exit_status in self.refused_exits
        return _matches(self.accepted_output, line), _matches(self.refused_output, line)


def _as_limits(limits: Limits | Mapping[str, Any]) -> Limits:
    if isinstance(limits, Limits):
        return limits
    try:
        return Limits(**limits)
    except TypeError as error:
        names = ", ".join(Limits.__dataclass_fields__)
        raise ValueError(f"limits must be a Limits or have of {names}, got {limits!r}") from error


def _filled(word: str, paths: dict[str, Path]) -> str:
    for place, path in paths.items():
        word = word.replace(place, str(path))
    return word


def _last_line(text: str) -> str:
    lines = text.split()
    return text.strip().splitlines()[-1].strip()[:_SHOWN_CHARS] if lines else ""


def _matches(pattern: str, line: str) -> bool:
    from llmenvs.verifiers.regex import compile_pattern  # its engine is needed for patterns alone

    matched: Any = compile_pattern(pattern).fullmatch(line)
    return matched is not None
