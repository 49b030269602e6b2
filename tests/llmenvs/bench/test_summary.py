"""The figures of a run are right by hand, and count samples of a task as what they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmenvs.bench.episode_record import EndpointUsage, EpisodeRecord, read_episodes, record_of
from llmenvs.bench.intervals import cluster_intervals, clustered
from llmenvs.bench.run_files import write_records
from llmenvs.bench.samples import sample_figures
from llmenvs.bench.summary import figures, groups_by
from llmenvs.trajectory import StopReason


def record(episode: int = 0, *, reward: float = 0.0, **given: Any) -> EpisodeRecord:
    fields: dict[str, Any] = {
        "env": "E-v0", "episode": episode, "sample": 0, "task_id": f"t{episode}",
        "category": None, "difficulty": None, "seed": episode, "segments": (), "messages": (),
        "turn_rewards": (reward,), "reward": reward, "success": reward == 1.0, "valid": True,
        "verdict": {"score": reward, "success": reward == 1.0, "status": "scored", "parts": {},
                    "reason": "", "extracted": None},
        "target": None, "wanted_calls": None, "predicted_calls": (), "call_problems": (),
        "stop_reason": StopReason.TERMINATED, "error": None, "usage": None, "failures": (),
        **given,
    }  # fmt: skip
    return EpisodeRecord(**fields)


def test_undecided_episodes_are_counted_and_enter_no_mean() -> None:
    got = figures([record(0, reward=1.0), record(1, valid=False, success=None), record(2)])

    assert (got["episodes"], got["valid_share"]) == (3, 2 / 3)
    assert (got["reward_mean"], got["success_mean"], got["turns_mean"]) == (0.5, 0.5, 1.0)
    assert figures([])["reward_mean"] is None


def test_samples_of_one_task_make_the_interval_no_narrower() -> None:
    tasks = [record(i, reward=float(i % 2)) for i in range(20)]
    copies = [record(i, reward=float(i % 2), sample=s) for i in range(20) for s in range(8)]
    one, eight = figures(tasks)["reward_ci95"], figures(copies)["reward_ci95"]

    assert eight == pytest.approx(one)
    assert figures(copies)["success_ci95"] == pytest.approx(one)


def test_a_bootstrap_interval_has_the_width_of_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(size=(400, 1))
    ((low, high),) = cluster_intervals(values, np.ones(400, np.int64)) or [(0.0, 0.0)]

    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    sums, counts = clustered(["a", "b", "a"], np.array([[1.0], [2.0], [3.0]]))
    assert (sums.tolist(), counts.tolist()) == ([[4.0], [2.0]], [2, 1])


def test_pass_at_k_majority_and_best_of_n_are_those_by_hand() -> None:
    def answer(sample: int, text: str | None, *, right: bool) -> EpisodeRecord:
        verdict: dict[str, Any] = {"extracted": text, "parts": {}}
        return record(0, sample=sample, reward=float(right), verdict=verdict, target=["Rome"])

    samples = [
        answer(0, "Oslo", right=False), answer(1, "rome", right=True),
        answer(2, "Rome ", right=True), answer(3, None, right=False),
    ]  # fmt: skip
    got = sample_figures(samples)

    assert got["pass_at_k"] == {"1": 0.5, "2": pytest.approx(5 / 6), "4": 1.0}
    assert got["majority_vote"] == 1.0
    assert got["best_of_n"] == 1.0
    assert sample_figures([samples[3], answer(1, None, right=False)])["majority_vote"] == 0.0
    assert sample_figures(samples[:1]) == {}


def test_calls_vote_by_what_they_call_in_any_order() -> None:
    f, g = ({"name": name, "parameters": {"x": 1}} for name in "fg")
    both = [
        record(0, sample=s, reward=float(s > 0), wanted_calls=(f, g), predicted_calls=calls)
        for s, calls in enumerate([(f,), (f, g), (g, f)])
    ]

    assert sample_figures(both)["majority_vote"] == 1.0


def test_tokens_are_known_only_where_all_are_told() -> None:
    told = record(0, usage=EndpointUsage(2, 1, 10, 5))
    silent = record(1, usage=EndpointUsage(1, 0, None, None))

    assert figures([told])["prompt_tokens"] == 10
    assert figures([told, silent])["prompt_tokens"] is None
    assert figures([told, silent])["retries"] == 1
    assert "requests" not in figures([record()])


def test_groups_leave_out_what_is_of_no_kind() -> None:
    rows = [record(0, category="a", reward=1.0), record(1, category="b"), record(2)]
    groups = groups_by(rows, lambda one: one.category)

    assert {name: row["success_mean"] for name, row in groups.items()} == {"a": 1.0, "b": 0.0}


def test_records_come_back_as_they_were_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    rows = [record(0, reward=1.0, usage=EndpointUsage(1, 0, 2, 3)), record(1, wanted_calls=())]
    path = tmp_path / "episodes.jsonl"
    write_records(path, rows)

    assert list(read_episodes(tmp_path)) == rows
    assert record_of(json.loads(json.dumps(rows[0].to_dict()))) == rows[0]
    path.write_bytes(path.read_bytes()[:-5])
    assert list(read_episodes(tmp_path)) == rows[:1]
    path.write_text('{"record": {}}\n')
    with pytest.raises(ValueError, match=r"episodes\.jsonl:1: is no record of an episode"):
        list(read_episodes(tmp_path))
