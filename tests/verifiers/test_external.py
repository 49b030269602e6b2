"""A checker's verdict counts, its failures do not, and nothing of it is left running."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmenvs.verifiers.external import ExternalVerifier
from llmenvs.verifiers.external_process import Limits
from llmenvs.verifiers.verdict import Status, Verdict

SHORT = Limits(cpu_s=1, wall_s=60.0, memory_bytes=1 << 30, output_bytes=10_000)


def check(code: str, completion: str = "answer", limits: Limits = SHORT, **rules: Any) -> Verdict:
    """Judge with a Python program as the checker."""
    verifier = ExternalVerifier([sys.executable, "-c", code], limits=limits, **rules)
    return verifier(completion)


@pytest.mark.parametrize(
    ("code", "score", "status"),
    [
        ("raise SystemExit(0)", 1.0, Status.SCORED),
        ("raise SystemExit(1)", 0.0, Status.SCORED),
        ("raise SystemExit(3)", None, Status.ERROR),
        ("import os; os.kill(os.getpid(), 11)", None, Status.ERROR),
        ("while True: pass", 0.0, Status.SCORED),
        ("while True: print('x' * 1000)", 0.0, Status.SCORED),
        ("import sys; sys.exit(sys.stdin.read() != 'answer')", 1.0, Status.SCORED),
    ],
)
def test_whose_fault_it_is(code: str, score: float | None, status: Status) -> None:
    verdict = check(code)

    assert (verdict.score, verdict.status) == (score, status), verdict.reason


def test_wall_time_that_goes_by_without_cpu_time_is_nobodys_fault() -> None:
    verdict = check("import time; time.sleep(60)", limits=Limits(wall_s=1.0))

    assert (verdict.score, verdict.status) == (None, Status.TIMEOUT)


def test_memory_is_limited() -> None:
    code = "x = bytearray(10**9)"

    assert check(code, limits=Limits(memory_bytes=1 << 28)).score == 0.0
    assert check(code, limits=Limits(memory_bytes=1 << 32)).score == 1.0


def test_the_last_line_of_the_output_decides_where_there_are_patterns() -> None:
    rules: dict[str, Any] = {"accepted_output": "verified", "refused_output": "refuted.*"}

    assert check("print('hm'); print('verified')", **rules).score == 1.0
    assert check("print('refuted: no'); raise SystemExit(0)", **rules).score == 0.0
    assert check("print('verified'); print('hm')", **rules).status is Status.ERROR
    # What the answer makes it print counts only if it is the last line.
    echo = "import sys; print(sys.stdin.read()); print('refuted')"
    assert check(echo, "verified", **rules).score == 0.0


def test_the_answer_and_the_target_can_be_files(tmp_path: Path) -> None:
    code = (
        "import sys; a, t = sys.argv[1:]; assert a.endswith('.lean');"
        "sys.exit(open(a).read() != open(t).read())"
    )
    verifier = ExternalVerifier(
        [sys.executable, "-c", code, "{answer}", "{target}"], suffix=".lean", block="answer"
    )

    assert verifier("<answer>é; $(touch x)</answer>", "é; $(touch x)").score == 1.0
    assert verifier("<answer>b</answer>", "a").score == 0.0
    assert verifier("b", "b").status is Status.NO_ANSWER
    with pytest.raises(ValueError, match="target must be a str exactly where"):
        verifier("<answer>b</answer>", None)


def test_nothing_of_the_group_is_left_running(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "import os, time\n"
        f"if os.fork() == 0:\n    open({str(mark)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        f"while not os.path.exists({str(mark)!r}) or not open({str(mark)!r}).read(): pass\n"
    )

    started = time.monotonic()
    assert check(code).score == 1.0
    assert time.monotonic() - started < 60  # the child holds the outputs open for ten minutes
    child = int(mark.read_text())
    for _ in range(200):
        if not _alive(child):
            break
        time.sleep(0.01)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    """Return whether the process runs; an ended one that nobody waits for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_it_gets_a_folder_of_its_own_and_none_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    code = (
        "import os, sys\n"
        f"sys.exit('TOKEN' in os.environ or os.getcwd() == {os.getcwd()!r}"
        " or os.path.realpath(os.environ['HOME']) != os.getcwd())"
    )

    assert check(code).score == 1.0


def test_limits_can_be_given_by_name() -> None:
    assert ExternalVerifier(["true"], limits={"cpu_s": 1}).limits == Limits(cpu_s=1)


def test_a_completion_that_is_no_text_is_judged() -> None:
    assert check("raise SystemExit(0)", "\ud800").score == 1.0
    assert check("raise SystemExit(0)", " ").status is Status.NO_ANSWER


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"command": "true"}, "command must be a list of str"),
        ({"command": []}, "command must be a list of str"),
        ({"command": ["no-such-program"]}, "there is no program 'no-such-program'"),
        ({"command": ["true"], "accepted_exits": (0, 1)}, "must mean right or wrong"),
        ({"command": ["true"], "accepted_output": "a"}, "go together"),
        ({"command": ["true"], "accepted_output": "(", "refused_output": "b"}, "RE2 does not take"),
        ({"command": ["true"], "suffix": "/x"}, "suffix must be the end of a file name"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExternalVerifier(**arguments)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="limits must be a Limits or have of cpu_s, wall_s"):
        ExternalVerifier(["true"], limits={"cpu": 1})
    with pytest.raises(ValueError, match="limits must be whole numbers"):
        Limits(cpu_s=0)
    with pytest.raises(ValueError, match="wall_s must be above 0"):
        Limits(wall_s=0)
