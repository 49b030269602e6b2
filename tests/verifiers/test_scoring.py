"""Rows are scored in order, each failure is kept to its row, and no process is left behind."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.verifiers import backlog
from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.scoring import score_async, score_many, score_stream
from llmenvs.verifiers.verdict import Status, Verdict, Verifier
from llmenvs.verifiers.worker_pool import WorkerError, WorkerPool

ROOT = Path(__file__).parents[2]


class ObedientVerifier:
    """Score 1.0, after having died, hung, raised or allocated as the completion demands."""

    def __call__(self, completion: str, target: Any) -> Verdict:
        word, _, rest = completion.partition(" ")
        if word == "exit":
            os._exit(int(rest))
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "sleep":
            time.sleep(float(rest))
        if word == "raise":
            raise LookupError(rest)
        if word == "allocate":
            bytearray(int(rest))
        if word == "backtrack":  # holds the interpreter lock for longer than anyone waits
            re.match(r"(a|a)*$", "a" * 60 + "b")
        if word == "pid":
            Path(rest).write_text(str(os.getpid()))
        if word == "print":
            os.write(1, b"\xff\xff not a message\n")
        return Verdict.scored(1.0, success=True, reason=f"{target}", extracted=completion)


@pytest.fixture
def obedient() -> Verifier:
    return ObedientVerifier()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], limit_s: float = 10.0) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pid_in(path: Path) -> int:
    assert wait_until(lambda: path.exists() and path.read_text() != "")
    return int(path.read_text())


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_verdicts_come_in_order_whatever_the_workers(workers: int) -> None:
    completions = ["x" * (i % 97) for i in range(5000)]
    verifier = LengthVerifier(max_length=50, margin=50)

    verdicts = score_many(verifier, completions, [None] * 5000, workers=workers)

    assert verdicts == [verifier(completion) for completion in completions]


@pytest.mark.parametrize("workers", [0, 2])
def test_no_rows_give_no_verdicts(workers: int) -> None:
    assert score_many(LengthVerifier(), [], [], workers=workers) == []


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(ObedientVerifier(), workers=1, timeout_s=60) as pool:
        yield pool


@settings(deadline=None)
@given(st.lists(st.text() | st.just("\ud800 lone"), max_size=30))
def test_any_text_survives_the_way_to_a_worker_and_back(pool: WorkerPool, texts: list[str]) -> None:
    verdicts = list(pool.score(zip(texts, range(len(texts)), strict=True)))

    assert [verdict.extracted for verdict in verdicts] == texts
    assert [verdict.reason for verdict in verdicts] == [str(i) for i in range(len(texts))]


def test_a_row_that_fails_in_any_way_fails_alone(obedient: Verifier) -> None:
    bad = {
        10: ("exit 3", Status.ERROR, "exited with status 3"),
        20: ("kill", Status.ERROR, r"ended by signal 9 \(Killed\)"),
        30: ("sleep 100", Status.TIMEOUT, "no verdict within 0.5 s"),
        40: ("raise here", Status.ERROR, "LookupError: here"),
        50: ("backtrack", Status.TIMEOUT, "no verdict within 0.5 s"),
        60: ("exit 0", Status.ERROR, "exited with status 0"),
    }
    completions = [bad[i][0] if i in bad else f"row {i}" for i in range(70)]

    verdicts = score_many(obedient, completions, [None] * 70, workers=2, timeout_s=0.5)

    assert len(verdicts) == 70
    for i, verdict in enumerate(verdicts):
        if i in bad:
            assert verdict.status is bad[i][1]
            assert re.search(bad[i][2], verdict.reason)
        else:
            assert verdict.extracted == completions[i]


def test_a_row_that_allocates_too_much_fails_alone(obedient: Verifier) -> None:
    completions = ["before", f"allocate {1 << 33}", "after"]

    verdicts = score_many(obedient, completions, [None] * 3, workers=1, memory_limit_bytes=1 << 30)

    assert [verdict.status for verdict in verdicts] == ["scored", "error", "scored"]
    assert "MemoryError" in verdicts[1].reason


def test_a_bad_target_is_an_error_of_its_row() -> None:
    verdicts = score_many(LengthVerifier(), ["a", "b"], [None, 7], workers=1)

    assert [verdict.status for verdict in verdicts] == [Status.SCORED, Status.ERROR]
    assert "target must be None, got 7" in verdicts[1].reason


class RefusesToUnpickle:
    def __reduce__(self) -> tuple[Any, ...]:
        return (int, ("no number",))


@pytest.mark.parametrize(
    ("target", "reason"),
    [(threading.Lock(), "does not pickle"), (RefusesToUnpickle(), "does not unpickle")],
)
def test_a_target_that_cannot_travel_is_an_error_of_its_row(
    obedient: Verifier, target: Any, reason: str
) -> None:
    targets: list[Any] = list(range(200))
    targets[120] = target

    verdicts = score_many(obedient, ["x"] * 200, targets, workers=1)

    assert [i for i, verdict in enumerate(verdicts) if not verdict.decided] == [120]
    assert reason in verdicts[120].reason


def test_numbers_of_numpy_come_back_as_numbers() -> None:
    def verifier(completion: str, target: Any) -> Verdict:
        score = np.float32(0.5)
        return Verdict.scored(score, success=np.bool_(1), parts={"n": np.int64(3)})  # type: ignore[arg-type, dict-item]  # what callers do

    (verdict,) = score_many(verifier, ["x"], [None], workers=1)

    assert (verdict.score, verdict.success, dict(verdict.parts)) == (0.5, True, {"n": 3.0})


def test_a_malformed_verdict_fails_alone() -> None:
    def verifier(completion: str, target: Any) -> Verdict:
        parts = {"part": "no number" if target == 30 else 1.0}
        return Verdict.scored(1.0, success=True, parts=parts)  # type: ignore[arg-type]  # the point

    verdicts = score_many(verifier, ["x"] * 100, list(range(100)), workers=1)

    assert [i for i, verdict in enumerate(verdicts) if not verdict.decided] == [30]
    assert "malformed verdict" in verdicts[30].reason


def test_what_a_verifier_writes_to_standard_output_does_no_harm(obedient: Verifier) -> None:
    (verdict,) = score_many(obedient, ["print"], [None], workers=1)

    assert verdict.score == 1.0


def test_lengths_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match="got 2 completions and 1 targets"):
        score_many(LengthVerifier(), ["a", "b"], [None])


def test_one_str_is_not_a_list_of_completions() -> None:
    with pytest.raises(ValueError, match="got one str: 'abc'"):
        score_many(LengthVerifier(), "abc", [None] * 3)


@pytest.mark.parametrize(("workers", "timeout_s"), [(-1, 1.0), (1, 0.0), (1, float("nan"))])
def test_numbers_out_of_range_are_named(workers: int, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="need workers >= 0 and timeout_s > 0"):
        score_many(LengthVerifier(), [], [], workers=workers, timeout_s=timeout_s)


def test_a_verifier_that_does_not_pickle_is_named_at_once() -> None:
    lock = threading.Lock()

    def verifier(completion: str, target: Any) -> Verdict:
        with lock:
            return LengthVerifier()(completion)

    with pytest.raises(ValueError, match=r"the verifier must pickle .* cannot pickle .*lock"):
        score_many(verifier, ["x"], [None], workers=1)


def test_workers_that_cannot_load_the_verifier_are_an_error_and_not_a_row() -> None:
    class Fails(LengthVerifier):
        def __reduce__(self) -> tuple[Any, ...]:
            return (int, ("no number",))

    with pytest.raises(WorkerError, match=r"could not load the verifier: ValueError"):
        score_many(Fails(), ["x"], [None], workers=1)


def test_workers_that_die_at_the_start_are_not_replaced_for_ever() -> None:
    class Dies(LengthVerifier):
        def __reduce__(self) -> tuple[Any, ...]:
            return (os._exit, (7,))

    with pytest.raises(WorkerError, match=r"3 workers in a row .* exited with status 7"):
        score_many(Dies(), ["x"], [None], workers=1)


def test_rows_are_read_a_bounded_number_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MAX_ROWS_AHEAD", 100)
    num_read = 0

    def rows() -> Iterator[tuple[str, None]]:
        nonlocal num_read
        for _ in range(10_000):
            num_read += 1
            yield "x", None

    num_ahead = 0
    for i, _ in enumerate(score_stream(LengthVerifier(), rows(), workers=2)):
        num_ahead = max(num_ahead, num_read - i)

    assert num_read == 10_000
    assert num_ahead <= 100


def test_leaving_the_stream_early_ends_the_workers(obedient: Verifier, tmp_path: Path) -> None:
    rows = [(f"pid {tmp_path / 'pid'}", None), ("sleep 100", None)]
    stream = score_stream(obedient, iter(rows), workers=1)

    next(stream)
    pid = pid_in(tmp_path / "pid")
    assert is_alive(pid)
    stream.close()  # type: ignore[attr-defined]  # it is a generator

    assert not is_alive(pid)


def test_a_pool_goes_on_after_an_early_end_and_ends_its_workers(obedient: Verifier) -> None:
    with WorkerPool(obedient, workers=2, timeout_s=60) as pool:
        stream = pool.score([("a", None), ("sleep 100", None), ("b", None)])
        assert next(stream).extracted == "a"
        with pytest.raises(RuntimeError, match="one pass at a time"):
            next(pool.score([("c", None)]))
        stream.close()  # type: ignore[attr-defined]  # it is a generator

        assert [verdict.extracted for verdict in pool.score([("c", None), ("d", None)])] == [
            "c",
            "d",
        ]


def test_a_forked_copy_of_a_pool_leaves_its_workers_alone(
    obedient: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WorkerPool(obedient, workers=1, timeout_s=60) as pool:
        first = [verdict.reason for verdict in pool.score([("a", os.getpid())])]
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)  # a real fork warns where there are threads
            pool.close()

        assert [verdict.reason for verdict in pool.score([("b", os.getpid())])] == first


def test_an_exception_of_the_rows_passes_through() -> None:
    def rows() -> Iterator[tuple[str, None]]:
        yield "x", None
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(score_stream(LengthVerifier(), rows(), workers=1))


def test_threads_score_side_by_side() -> None:
    results: dict[int, list[Verdict]] = {}

    def score(length: int) -> None:
        results[length] = score_many(
            LengthVerifier(max_length=1), ["x" * length] * 50, [None] * 50, workers=1
        )

    threads = [threading.Thread(target=score, args=(length,)) for length in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {length: len(verdicts) for length, verdicts in results.items()} == {0: 50, 1: 50, 2: 50}
    assert all(verdict.parts["length"] == 2 for verdict in results[2])


@pytest.mark.parametrize("workers", [0, 1])
def test_the_event_loop_runs_while_rows_are_scored(obedient: Verifier, workers: int) -> None:
    async def main() -> tuple[list[Verdict], int]:
        scoring = asyncio.create_task(score_async(obedient, ["sleep 0.3"], [None], workers=workers))
        ticks = 0
        while not scoring.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return await scoring, ticks

    verdicts, ticks = asyncio.run(main())

    assert verdicts[0].score == 1.0
    assert ticks >= 5


def test_cancelling_the_task_ends_its_workers(obedient: Verifier, tmp_path: Path) -> None:
    async def main() -> int:
        completions = [f"pid {tmp_path / 'pid'}", "sleep 100"]
        scoring = asyncio.create_task(score_async(obedient, completions, [None] * 2, workers=1))
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.01)
        scoring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scoring
        return pid_in(tmp_path / "pid")

    assert not is_alive(asyncio.run(main()))


def test_progress_is_shown_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = score_many(LengthVerifier(), ["x"] * 3, [None] * 3, progress=True)

    assert len(verdicts) == 3
    assert "scoring" in capsys.readouterr().err


UNGUARDED = """
import os, sys
from llmenvs.verifiers.scoring import score_many
from llmenvs.verifiers.verdict import Verdict

class Mine:
    def __call__(self, completion, target):
        if completion.startswith("pid"):
            open(completion[4:], "w").write(str(os.getpid()))
        if completion == "backtrack":
            import re
            re.match(r"(a|a)*$", "a" * 60 + "b")
        return Verdict.scored(1.0, success=True, reason=target)

print("started")
verdicts = score_many(Mine(), sys.argv[1:], ["t"] * len(sys.argv[1:]), workers=2)
print([verdict.reason for verdict in verdicts])
"""


def run_script(tmp_path: Path, *completions: str) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    return subprocess.Popen(
        [sys.executable, str(script), *completions],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # A shell lets a command in the background ignore SIGINT, and it would pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def test_an_unguarded_script_with_its_own_verifier_runs_once(tmp_path: Path) -> None:
    with run_script(tmp_path, "a", "b", "c") as process:
        output, errors = process.communicate(timeout=60)

    assert errors == ""
    assert output == "started\n['t', 't', 't']\n"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_parent_that_is_killed_leaves_no_worker(tmp_path: Path, how: signal.Signals) -> None:
    with run_script(tmp_path, f"pid {tmp_path / 'pid'}", "backtrack", "backtrack") as process:
        pid = pid_in(tmp_path / "pid")
        time.sleep(0.3)  # so that it is within the expression, which holds the interpreter lock
        assert is_alive(pid)
        process.send_signal(how)
        process.wait(timeout=10)

        assert wait_until(lambda: not is_alive(pid), 5)
