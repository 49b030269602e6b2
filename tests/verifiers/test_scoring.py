"""Scoring keeps order and keeps each failure to its own row, in this process and in others."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.verifiers import Status, Verdict, Verifier, score_async, score_many
from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.scoring import score_stream
from llmenvs.verifiers.worker_pool import WorkerError, WorkerPool

LENGTH = LengthVerifier(max_length=3)


def hostile() -> Verifier:
    """A verifier that does what a completion says; made in a function, so that it pickles whole."""

    def verify(completion: str, target: Any) -> Verdict:
        import os
        import time

        if completion == "raise":
            raise RuntimeError("a bug in the verifier")
        if completion == "exit":
            raise SystemExit(3)
        if completion == "die":
            os.abort()
        if completion == "sleep":
            time.sleep(60)
        if completion == "allocate":
            return Verdict.scored(float(len(bytearray(1 << 40))), success=True)
        if completion == "malformed":
            return "not a verdict"  # type: ignore[return-value]  # on purpose
        return Verdict.scored(float(target), success=True, extracted=completion)

    return verify


@pytest.mark.parametrize("workers", [0, 2])
def test_verdicts_come_in_order(workers: int) -> None:
    verdicts = score_many(
        hostile(), [str(n) for n in range(500)], list(range(500)), workers=workers
    )

    assert [verdict.score for verdict in verdicts] == [float(n) for n in range(500)]
    assert [verdict.extracted for verdict in verdicts] == [str(n) for n in range(500)]


@settings(max_examples=10)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=20), max_size=30))
def test_workers_change_no_verdict_whatever_the_characters(completions: list[str]) -> None:
    targets = [None] * len(completions)

    assert score_many(LENGTH, completions, targets, workers=1) == score_many(
        LENGTH, completions, targets
    )


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("raise", "the verifier raised RuntimeError: a bug in the verifier"),
        ("exit", "the verifier raised SystemExit: 3"),
        ("malformed", "the verifier must return a Verdict, got str"),
    ],
)
def test_a_failure_is_an_error_of_its_own_row(workers: int, completion: str, reason: str) -> None:
    verdicts = score_many(
        hostile(), ["a", completion, "b"], [1, 1, 1], workers=workers, timeout_s=20
    )

    assert [verdict.status for verdict in verdicts] == [Status.SCORED, Status.ERROR, Status.SCORED]
    assert verdicts[1].reason == reason


def test_a_worker_that_dies_costs_one_row_and_is_replaced() -> None:
    completions = ["a"] * 50 + ["die"] + ["b"] * 50 + ["die"] + ["c"] * 50
    verdicts = score_many(hostile(), completions, [1] * len(completions), workers=2)

    lost = [index for index, verdict in enumerate(verdicts) if verdict.score is None]
    assert lost == [50, 101]
    assert verdicts[50].reason == (
        "the worker was ended by signal 6 (Aborted) while it scored this row"
    )


def test_a_row_that_hangs_is_a_timeout_and_the_others_are_scored() -> None:
    start = time.monotonic()
    verdicts = score_many(hostile(), ["a", "sleep", "b"], [1, 1, 1], workers=1, timeout_s=1.0)

    assert [v.status for v in verdicts] == [Status.SCORED, Status.TIMEOUT, Status.SCORED]
    assert verdicts[1].reason == "no verdict within 1 s"
    assert time.monotonic() - start < 30


def test_memory_of_a_worker_is_limited() -> None:
    verdicts = score_many(
        hostile(), ["a", "allocate"], [1, 1], workers=1, memory_limit_bytes=2 << 30
    )

    assert verdicts[0].score == 1.0
    assert "MemoryError" in verdicts[1].reason


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_target_is_a_row_with_an_error(workers: int) -> None:
    verdicts = score_many(LENGTH, ["a", "b"], [None, 7], workers=workers)

    assert [verdict.status for verdict in verdicts] == [Status.SCORED, Status.ERROR]
    assert "target must be None, got 7" in verdicts[1].reason


def test_a_target_that_does_not_pickle_costs_its_own_row() -> None:
    verdicts = score_many(hostile(), ["a", "b", "c"], [1, threading.Lock(), 3], workers=1)

    assert [verdict.score for verdict in verdicts] == [1.0, None, 3.0]
    assert "does not pickle" in verdicts[1].reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"completions": ["a"]}, "got 1 completions and 2 targets"),
        ({"completions": "ab"}, "must be a list of str, got one str"),
        ({"workers": -1}, "need workers >= 0"),
        ({"timeout_s": 0.0}, "timeout_s > 0"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    given_: dict[str, Any] = {"completions": ["a", "b"], "targets": [None, None], **arguments}

    with pytest.raises(ValueError, match=message):
        score_many(LENGTH, **given_)


def test_a_verifier_that_does_not_pickle_is_refused() -> None:
    lock = threading.Lock()
    with pytest.raises(ValueError, match="the verifier must pickle"):
        score_many(lambda completion, target: lock, ["a"], [None], workers=1)  # type: ignore[arg-type]


def test_a_verifier_that_does_not_load_is_an_error_of_the_call() -> None:
    class Broken:
        def __call__(self, completion: str, target: Any) -> Verdict:
            raise AssertionError

        def __setstate__(self, state: object) -> None:
            raise RuntimeError("cannot load here")

        def __getstate__(self) -> dict[str, int]:
            return {"a": 1}

    with pytest.raises(WorkerError, match="could not load the verifier: RuntimeError: cannot load"):
        score_many(Broken(), ["a"], [None], workers=1)


def test_async_scoring_leaves_the_loop_free() -> None:
    async def main() -> tuple[list[Verdict], int]:
        ticks = 0
        work = asyncio.ensure_future(score_async(LENGTH, ["a"] * 2000, [None] * 2000, workers=1))
        while not work.done():
            ticks += 1
            await asyncio.sleep(0.001)
        return await work, ticks

    verdicts, ticks = asyncio.run(main())

    assert len(verdicts) == 2000
    assert ticks > 1


def test_a_cancelled_call_ends_its_workers() -> None:
    async def main() -> None:
        await asyncio.wait_for(
            score_async(hostile(), ["sleep"], [1], workers=1, timeout_s=50), timeout=2.0
        )

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    assert _children() == []


def test_threads_may_score_at_once() -> None:
    results: list[list[Verdict]] = []

    def work() -> None:
        results.append(score_many(LENGTH, ["a", "long one"], [None, None], workers=1))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 3
    assert results[0] == results[1] == results[2]


def test_a_stream_is_read_only_so_far_ahead() -> None:
    num_read = 0

    def rows() -> Any:
        nonlocal num_read
        while True:
            num_read += 1
            yield "a", None

    verdicts = score_stream(LENGTH, rows(), workers=1)
    for _ in range(10):
        next(verdicts)

    assert num_read < 100_000
    verdicts.close()  # type: ignore[attr-defined]  # a generator
    assert _children() == []


def test_a_pool_serves_call_after_call_with_the_same_processes() -> None:
    def who(completion: str, target: Any) -> Verdict:
        import os

        return Verdict.scored(float(os.getpid()), success=True)

    with WorkerPool(who, workers=1, timeout_s=10) as pool:
        pids = {verdict.score for _ in range(3) for verdict in pool.score([("a", None)] * 5)}

    assert len(pids) == 1
    assert os.getpid() not in pids
    assert _children() == []


def test_progress_is_shown_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    score_many(LENGTH, ["a"] * 3, [None] * 3, progress=True)

    assert capsys.readouterr().out == ""


SCRIPT = """
    from llmenvs.verifiers import score_many
    from llmenvs.verifiers.verdict import Verdict

    class Mine:
        def __call__(self, completion, target):
            return Verdict.scored(float(len(completion)), success=True)

    print("started")
    print([v.score for v in score_many(Mine(), ["a", "bb"], [None, None], workers=2)])
"""


def test_an_unguarded_script_may_score_in_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    output = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert output.splitlines() == ["started", "[1.0, 2.0]"]


def test_a_killed_parent_leaves_no_worker(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import os, time
            from llmenvs.verifiers import score_many
            from llmenvs.verifiers.verdict import Verdict

            def slow(completion, target):
                print(os.getpid(), file=open(target, "w"), flush=True)
                time.sleep(50)

            score_many(slow, ["a"], [os.environ["PID_FILE"]], workers=1)
        """)
    )
    pid_file = tmp_path / "pid"
    with subprocess.Popen(
        [sys.executable, script], env={**os.environ, "PID_FILE": str(pid_file)}
    ) as parent:
        _wait_for(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
        worker = int(pid_file.read_text())
        parent.send_signal(signal.SIGKILL)
    _wait_for(lambda: not _alive(worker))


def _wait_for(condition: Any, *, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _children() -> list[str]:
    """The command lines of this process's worker processes."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text()
            except FileNotFoundError:
                continue
            if "llmenvs.verifiers.worker" in command:
                found.append(command)
    return found
