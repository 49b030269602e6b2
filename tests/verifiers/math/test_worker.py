"""The worker is limited, is replaced when it is lost, and ends with the process that started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmenvs
from llmenvs.verifiers.math import client, verify_math
from llmenvs.verifiers.math.answers import read_answer
from llmenvs.verifiers.math.client import (
    AlgebraBudget,
    Worker,
    WorkerLostError,
    WorkerTimeoutError,
)
from llmenvs.verifiers.math.limits import OverBudgetError
from llmenvs.verifiers.math.nodes import Node

ROOT = Path(llmenvs.__file__).absolute().parents[1]
HARD = r"\int_0^1 \sin(\cos(\tan(x^x)))dx"


def node(text: str) -> Node:
    return read_answer(text).node


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.stop()


@pytest.mark.parametrize(
    ("target", "answer", "equal"),
    [
        (r"\frac{1}{3}", r"\int_0^1 x^2 dx", True),
        (r"\frac{1}{4}", r"\int_0^1 x^2 dx", False),
        ("1", r"\lim_{x\to 0}\frac{\sin x}{x}", True),
        (r"\frac{\pi^2}{6}", r"\sum_{n=1}^{\infty}\frac{1}{n^2}", True),
        ("e", r"\lim_{n\to\infty}(1+\frac1n)^n", True),
        ("x^2", r"\int_0^x 2t dt", True),
    ],
)
def test_sympy_decides_what_arithmetic_cannot(
    worker: Worker,
    target: str,
    answer: str,
    equal: bool,
) -> None:
    assert worker.equal(node(target), node(answer), 2.0)[0] is equal


def test_time_spent_on_the_answer_is_over_budget(worker: Worker) -> None:
    with pytest.raises(OverBudgetError, match="cpu"):
        worker.equal(node("7"), node(HARD), 0.1)


def test_time_spent_on_the_target_is_a_timeout(worker: Worker) -> None:
    with pytest.raises(WorkerTimeoutError):
        worker.equal(node(HARD), node("7"), 0.1)


def test_a_lost_worker_is_replaced(worker: Worker) -> None:
    worker.start()
    process = worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert worker.equal(node("1"), node(r"\lim_{x\to 0}\frac{\sin x}{x}"), 2.0)[0]


def test_a_worker_that_cannot_start_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MODULE", "llmenvs.verifiers.math.missing")

    with pytest.raises(WorkerLostError, match="did not start"):
        Worker().start()


def test_one_budget_serves_a_whole_verdict(worker: Worker) -> None:
    budget = AlgebraBudget(worker, cpu_s=0.0)

    with pytest.raises(OverBudgetError):
        budget.equal(node("1"), node("1"))


def test_many_hard_parts_cost_no_more_than_one() -> None:
    answer = ",".join(HARD.replace("1", str(k), 1) for k in range(1, 9))
    start = time.monotonic()
    verdict = verify_math(rf"\boxed{{{answer}}}", r"\sqrt2,\sqrt3,\sqrt5,\pi")

    assert verdict.score == 0.0
    assert time.monotonic() - start < 60


def test_no_worker_outlives_a_killed_parent() -> None:
    script = (
        "import time\n"
        "from llmenvs.verifiers.math.client import WORKER\n"
        "WORKER.start()\n"
        "print(WORKER._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    end = time.monotonic() + 20
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_starts_from_an_unguarded_script(tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text(
        "from llmenvs.verifiers.math import verify_math\n"
        "print(verify_math(r'\\boxed{\\int_0^1 x^2 dx}', '1/3').success)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True
    )

    assert done.stdout.strip() == "True"


def test_importing_the_verifier_imports_no_algebra() -> None:
    script = (
        "import sys, llmenvs.verifiers.math\n"
        "print(sorted({'sympy', 'mpmath', 'scipy'} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )

    assert done.stdout.strip() == "[]"
