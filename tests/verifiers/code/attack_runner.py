"""Run the attacks of attacks.toml in one kind of sandbox, and print a JSON object for each row.

    python attack_runner.py bubblewrap | namespaces | landlock | docker  [--quick]

A program of its own, so that tests can run it as another user. After each attack (each tenth, with
``--quick``) three honest solutions must pass in the same sandbox. It knows no sandbox but an
isolated one.
"""

import argparse
import json
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from llmenvs.verifiers.code import (
    Call,
    Ending,
    FunctionJob,
    Limits,
    Returned,
    Sandbox,
    StdinJob,
    SuiteJob,
    open_sandbox,
)
from llmenvs.verifiers.code.outer import Outer

CALLS: list[tuple[list[int], int]] = [([1, 2, 3], 14), ([4], 16), ([], 0), ([10, 20], 500)]
PROGRAMS = (("3 4\n", "12"), ("10 -2\n", "-20"), ("0 5\n", "0"))
SUITE = """
from solution import f
EXPECTED_MARK = "a mark to look for"
def test_one():
    assert f([1, 2, 3]) == 14
    assert f([]) == 0
def test_two():
    numbers = [4, 5]
    total = f(numbers)
    assert total == 41 and isinstance(total, int)
    assert numbers == [4, 5]
    try:
        f(None)
        raise RuntimeError("no exception")
    except TypeError:
        pass
"""
HONEST_FUNCTION = "def f(xs):\n    return sum(x * x for x in xs)\n"
HONEST_PROGRAM = "a, b = map(int, input().split())\nprint(a * b)\n"
LIMITS = Limits(cpu_s=0.7, wall_s=4.0, memory_bytes=400 << 20)
HONEST_LIMITS = Limits(cpu_s=5.0, wall_s=60.0, memory_bytes=400 << 20)
SLOW = (
    "alarm", "bomb", "daemon", "deadlock", "dup2", "fill", "flood", "for ever", "frame length",
    "grows", "half a frame", "handlers", "hang", "hash", "huge", "infinite", "limits",
    "patch harness", "recursion", "sleep", "spin", "swallow", "wait for",
)  # fmt: skip
"""Words of the names of attacks that last until a limit."""


def passes(sandbox: Sandbox, form: str, source: str, limits: Limits) -> bool:
    """Return whether a solution passes the task of a form."""
    if form == "function":
        calls = tuple(Call("f", (numbers,)) for numbers, _ in CALLS)
        result = sandbox.run(FunctionJob(source, calls), limits)
        wanted = [total for _, total in CALLS]
        given = [call.value if isinstance(call, Returned) else None for call in result.calls]
        same = [type(value) is int for value in given] == [True] * len(wanted) and given == wanted
        return result.ending is Ending.FINISHED and same
    if form == "suite":
        report = sandbox.run(SuiteJob(source, SUITE, ("f",)), limits).suite
        return report is not None and report.passed
    for stdin, stdout in PROGRAMS:
        result = sandbox.run(StdinJob(source, stdin), limits)
        if result.ending is not Ending.FINISHED or result.stdout != f"{stdout}\n".encode():
            return False
    return True


def honest_pass(sandbox: Sandbox) -> list[str]:
    """Return the forms in which an honest solution does not pass."""
    sources = {"function": HONEST_FUNCTION, "suite": HONEST_FUNCTION, "program": HONEST_PROGRAM}
    return [
        form for form, source in sources.items() if not passes(sandbox, form, source, HONEST_LIMITS)
    ]


def attacks(*, quick: bool) -> list[tuple[str, str, str]]:
    """Return name, form and source of each attack."""
    text = Path(__file__).with_name("attacks.toml").read_text()
    rows: list[dict[str, Any]] = tomllib.loads(text)["attack"]
    return [
        (row["name"], form, row["source"])
        for row in rows
        for form in row["forms"]
        if not (quick and any(word in row["name"] for word in SLOW))
    ]


def open_arrangement(name: str) -> Sandbox:
    """Return the sandbox of an outer layer, or of containers."""
    if name == "docker":
        return open_sandbox("docker")
    return open_sandbox("local", outer=Outer(name))


def main() -> int:
    """Run all attacks; the status is 1 if one passed, or an honest solution did not."""
    parser = argparse.ArgumentParser()
    parser.add_argument("arrangement", choices=[*Outer, "docker"])
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    status = 0
    with open_arrangement(args.arrangement) as sandbox:
        for index, (name, form, source) in enumerate(attacks(quick=args.quick)):
            start = time.monotonic()
            passed = passes(sandbox, form, source, LIMITS)
            row = {"attack": name, "form": form, "passed": passed}
            row["seconds"] = round(time.monotonic() - start, 3)
            look = not args.quick or index % 10 == 0
            row["honest_failed"] = honest_pass(sandbox) if look else []
            if passed or row["honest_failed"]:
                status = 1
            sys.stdout.write(f"{json.dumps(row)}\n")
            sys.stdout.flush()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
