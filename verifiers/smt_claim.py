"""A checker program for claims in SMT-LIB, on z3: is the claim equivalent to what is known?

    python -m llmenvs.verifiers.smt_claim ANSWER TARGET

TARGET holds trusted SMT-LIB: declarations and assertions. ANSWER holds one formula over the same
names, such as ``(= x 4)``, and is right if it holds exactly where all the assertions do; one that
merely follows from them, such as ``true``, is not. A claim that z3 cannot settle is refused, unless
the target alone is too hard. The last line says why; the exit status is 0 for right, 1 for wrong, 2
where the target is no good.

`smt_verifier` makes the verifier. The claim is given to z3's own parser as one term, within
parentheses that are counted first, so that it can hold no command.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmenvs.verifiers.external import ExternalVerifier
from llmenvs.verifiers.external_process import Limits

ACCEPTED, REFUSED, BAD_TARGET = 0, 1, 2
SOLVER_MS = 4_000
"""Wall time of one question to z3; a claim asks two, the target alone one."""

_TOKEN = re.compile(r'"(?:[^"]|"")*"|\|[^|]*\||;[^\n]*|[()]|[^\s()";|]+|["|]')
_LIMITS = Limits(cpu_s=20, wall_s=60.0, memory_bytes=4 << 30)


def smt_verifier(*, block: str | None = None, limits: Limits = _LIMITS) -> ExternalVerifier:
    """Return a verifier of claims; its target is SMT-LIB text with declarations and assertions.

    Args:
        block: the tag that holds the claim, as of `ExternalVerifier`.
        limits: of one run.
    """
    command = [sys.executable, "-P", "-m", "llmenvs.verifiers.smt_claim", "{answer}", "{target}"]
    return ExternalVerifier(command, block=block, suffix=".smt2", limits=limits)


def main(arguments: Sequence[str]) -> int:
    """Judge a claim; return the exit status."""
    answer, target = (Path(name).read_text("utf-8") for name in arguments)
    status, reason = judge_claim(answer, target)
    sys.stdout.write(" ".join(reason.split())[:300] + "\n")
    return status


def judge_claim(answer: str, target: str) -> tuple[int, str]:
    """Return the exit status and the reason."""
    import z3  # type: ignore[import-untyped]  # it has no types

    try:
        known = z3.And(*z3.parse_smt2_string(target))
    except z3.Z3Exception as error:
        return BAD_TARGET, f"the target is no SMT-LIB: {error}"
    if not is_one_term(answer):
        return REFUSED, "the claim is not one term"
    declarations = "\n".join(
        command for command in commands_of(target) if command.startswith("(de")
    )
    try:
        claims = z3.parse_smt2_string(f"{declarations}\n(assert {answer}\n)")
    except z3.Z3Exception as error:
        return REFUSED, f"the claim is no formula over the names of the target: {error}"
    if len(claims) != 1:
        return REFUSED, "the claim is not one formula"
    for question, otherwise in (
        (z3.And(known, z3.Not(claims[0])), "the claim does not follow"),
        (z3.And(claims[0], z3.Not(known)), "the claim holds in more cases"),
    ):
        found = _settle(z3, question)
        if found == "sat":
            return REFUSED, otherwise
        if found != "unsat":
            hard = _settle(z3, known) == "unknown"
            return (BAD_TARGET if hard else REFUSED), "z3 cannot settle it"
    return ACCEPTED, "equivalent"


def _settle(z3: Any, question: Any) -> str:
    solver = z3.Solver()
    solver.set("timeout", SOLVER_MS)
    solver.add(question)
    return str(solver.check())


def is_one_term(text: str) -> bool:
    """Return whether ``text`` is one atom or one pair of parentheses, with all its quotes closed.

    >>> is_one_term("(= x 4)"), is_one_term("true) (assert false")
    (True, False)
    """
    depth = terms = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in ('"', "|"):
            return False
        if mark.startswith(";"):
            continue
        terms += depth == 0 and mark != ")"
        depth += (mark == "(") - (mark == ")")
        if depth < 0 or terms > 1:
            return False
    return depth == 0 and terms == 1


def commands_of(text: str) -> list[str]:
    r"""Return the commands of a script.

    >>> commands_of("(declare-const x Int) ; x\n(assert (> x 1))")
    ['(declare-const x Int)', '(assert (> x 1))']
    """
    commands = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark == "(":
            if depth == 0:
                start = token.start()
            depth += 1
        elif mark == ")":
            depth -= 1
            if depth == 0:
                commands.append(text[start : token.end()])
    return commands


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
