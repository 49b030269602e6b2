"""Scoring on Ray gives the verdicts and the order of this process, each row once, whatever is lost.

The cluster is real: its actors are processes of their own, and one of them is killed.
"""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmenvs.cli import main
from llmenvs.engines.ray_cluster import ClusterError
from llmenvs.engines.ray_scoring import score_on_ray
from llmenvs.verifiers import CodeVerifier
from llmenvs.verifiers.compose import WeightedSum
from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.math import MathVerifier
from llmenvs.verifiers.scoring import score_many
from llmenvs.verifiers.verdict import Status, Verdict

pytestmark = pytest.mark.slow  # a cluster takes seconds to start

Pids = Callable[[str], list[int]]
NoneLeft = Callable[[str], bool]


@dataclass(frozen=True)
class Recording:
    """Scores 1.0, after a while, and writes down what it was asked and in which process."""

    path: str
    wait_s: float = 0.0

    def __call__(self, completion: str, target: Any) -> Verdict:
        time.sleep(self.wait_s)
        with open(self.path, "a") as file:
            file.write(f"{completion}\n")
        return Verdict.scored(1.0, success=True, reason=f"row {completion}")


class Fatal:
    """Kills its process, or hangs, where the completion says so."""

    def __call__(self, completion: str, target: Any) -> Verdict:
        if completion == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if completion == "hang":
            time.sleep(600)
        return Verdict.scored(1.0, success=True, reason="alive")


class NeedsAbsentPackage:
    """Cannot be loaded where it arrives, as a verifier whose extra is not installed."""

    def __reduce__(self) -> Any:
        return __import__, ("a_package_that_is_not_there",)

    def __call__(self, completion: str, target: Any) -> Verdict:
        raise AssertionError


def test_verdicts_and_order_are_those_of_this_process(cluster: Any) -> None:
    completions = [f"So it is {'1' * (i % 7)}{i % 3}" for i in range(3000)]
    targets: list[Any] = [str(i % 3) if i % 50 else ["no target"] for i in range(3000)]
    rows = list(zip(completions, targets, strict=True))

    assert list(score_on_ray(MathVerifier(), rows)) == score_many(
        MathVerifier(), completions, targets
    )


def test_a_killed_actors_rows_are_redone_and_no_row_comes_twice(
    cluster: Any, actor_pids: Pids, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    rows = [(str(i), None) for i in range(400)]
    verdicts = []
    had_before_the_kill: set[str] = set()
    for verdict in score_on_ray(Recording(str(log), wait_s=0.01), rows, workers=2):
        verdicts.append(verdict)
        if len(verdicts) == 100:
            had_before_the_kill = {v.reason.split()[1] for v in verdicts}
            before = actor_pids("ProcessScorer")
            assert len(before) == 2
            os.kill(before[0], signal.SIGKILL)
    times_scored = Counter(log.read_text().split())
    redone = {row for row, times in times_scored.items() if times > 1}

    assert [verdict.reason for verdict in verdicts] == [f"row {i}" for i in range(400)]
    assert set(times_scored) == {str(i) for i in range(400)}
    assert not redone & had_before_the_kill
    assert max(times_scored.values()) <= 2


def test_a_row_that_kills_its_process_or_hangs_costs_only_itself(cluster: Any) -> None:
    completions = ["fine"] * 20 + ["die"] + ["fine"] * 20 + ["hang"] + ["fine"] * 20
    rows = [(completion, None) for completion in completions]
    verdicts = list(score_on_ray(Fatal(), rows, timeout_s=1.0))
    at_fault = {i: v.status for i, v in enumerate(verdicts) if v.status is not Status.SCORED}

    assert at_fault == {20: Status.ERROR, 41: Status.TIMEOUT}
    assert "SIG" in verdicts[20].reason or "signal" in verdicts[20].reason


def test_a_target_that_cannot_travel_is_an_error_of_its_row(cluster: Any) -> None:
    rows: list[tuple[str, Any]] = [("a", None), ("b", threading.Lock()), ("c", None)]
    verdicts = list(score_on_ray(LengthVerifier(max_length=3), rows))

    assert [verdict.status for verdict in verdicts] == [
        Status.SCORED,
        Status.ERROR,
        Status.SCORED,
    ]
    assert "does not pickle" in verdicts[1].reason


def test_a_verifier_that_a_node_cannot_load_is_an_error_at_once(cluster: Any) -> None:
    with pytest.raises(ClusterError, match="a_package_that_is_not_there"):
        list(score_on_ray(NeedsAbsentPackage(), [("a", None)]))


def test_rows_are_read_only_as_they_are_needed(cluster: Any, none_left: NoneLeft) -> None:
    num_read = 0

    def endless() -> Iterator[tuple[str, None]]:
        nonlocal num_read
        while True:
            num_read += 1
            yield "abc", None

    verdicts = score_on_ray(LengthVerifier(max_length=3), endless())
    for _ in range(10):
        assert next(verdicts).score == 1.0
    verdicts.close()  # type: ignore[attr-defined]  # it is a generator

    assert num_read < 100_000
    assert none_left("ProcessScorer")


@pytest.mark.parametrize("composed", [False, True])
def test_code_is_scored_by_one_actor_of_a_node_that_holds_the_sandboxes(
    cluster: Any, actor_pids: Pids, none_left: NoneLeft, *, composed: bool
) -> None:
    assert none_left("ThreadScorer")
    verifier: Any = CodeVerifier()
    if composed:
        verifier = WeightedSum({"code": verifier}, weights={"code": 1.0})
    target = {"entry_point": "double", "inputs": [[2], [3]], "outputs": [4, 6]}
    right, wrong = "def double(x):\n    return 2 * x", "def double(x):\n    return x"
    rows = [(right if i % 3 else wrong, target) for i in range(9)]
    scores, hosts = [], set()
    for verdict in score_on_ray(verifier, rows):
        scores.append(verdict.score)
        hosts.update(actor_pids("ThreadScorer"))

    assert scores == [float(bool(i % 3)) for i in range(9)]
    assert len(hosts) == 1
    assert not actor_pids("ProcessScorer")


def test_rows_that_wait_are_scored_at_once_on_a_node(cluster: Any, tmp_path: Path) -> None:
    class Waiting(Recording):
        blocking = True

        def __call__(self, completion: str, target: Any) -> Verdict:
            with open(self.path, "a") as file:
                file.write("+\n")
            time.sleep(1.0)
            with open(self.path, "a") as file:
                file.write("-\n")
            return Verdict.scored(1.0, success=True, reason="waited")

    log = tmp_path / "log"
    list(score_on_ray(Waiting(str(log)), [("a", None)] * 4))

    assert log.read_text().split()[:2] == ["+", "+"]


def test_the_command_writes_the_bytes_that_it_writes_without_ray(
    cluster: Any, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    lines = [json.dumps({"completion": "x" * (i % 9), "n": i}) for i in range(500)]
    lines[7] = "no json"
    source.write_text("\n".join(lines) + "\n")
    written = []
    for engine in ("local", "ray"):
        output = tmp_path / f"{engine}.jsonl"
        words = ["score", "--verifier", "length", "--option", "max_length=4", "--engine", engine]
        assert main([*words, "--input", str(source), "--output", str(output)]) == 0
        written.append(output.read_bytes())

    assert written[0] == written[1]


def test_bad_arguments_are_refused_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="need workers >= 1 and timeout_s > 0, got workers=0"):
        score_on_ray(LengthVerifier(max_length=3), [], workers=0)
    with pytest.raises(ValueError, match="the verifier must pickle to reach the nodes"):
        score_on_ray(threading.Lock(), [])  # type: ignore[arg-type]


def test_an_address_without_ray_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("{}\n")
    words = ["score", "--verifier", "length", "--input", str(source), "--ray-address", "auto"]

    assert main(words) == 2
    assert "--ray-address goes with --engine ray alone" in capsys.readouterr().err
