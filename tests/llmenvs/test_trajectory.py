"""Rewards lie on generated tokens, arrays are read-only, and padding never holds NaN."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import StopReason, Trajectory, Transcript, collate
from llmenvs.trajectory import episodes_of
from llmenvs.verifiers import Verdict

ids = st.lists(st.integers(0, 300), max_size=6)
rewards = st.floats(-100, 100, width=32)
turns = st.lists(st.tuples(ids, ids, rewards), max_size=6)


def trajectory(
    prompt: list[int], played: list[tuple[list[int], list[int], float]], **changes: Any
) -> Trajectory:
    transcript = Transcript()
    transcript.add_prompt([{"role": "user", "content": "p"}], "p", prompt)
    for sampled, observed, _ in played:
        transcript.add_completion("c", sampled, logprobs=tuple(-0.5 for _ in sampled))
        transcript.add_observation([{"role": "user", "content": "o"}], "o", observed)
    fields: dict[str, Any] = {
        "terminated": True,
        "truncated": False,
        "valid": True,
        "stop_reason": StopReason.TERMINATED,
    }
    return Trajectory.from_transcript(transcript, [r for *_, r in played], **{**fields, **changes})


@given(ids, turns)
def test_rewards_lie_on_generated_tokens_and_add_up(
    prompt: list[int], played: list[tuple[list[int], list[int], float]]
) -> None:
    t = trajectory(prompt, played)
    spoken = [i for i, (sampled, *_) in enumerate(played) if sampled]
    placed = sum(r for i, (*_, r) in enumerate(played) if spoken and i >= spoken[0])

    assert not t.rewards[~t.generated_mask].any()
    assert np.isclose(t.rewards.sum(), placed, atol=1e-3)
    assert np.isnan(t.logprobs[~t.generated_mask]).all()
    assert not np.isnan(t.logprobs[t.generated_mask]).any()
    assert t.prompt_length == len(prompt) + (sum(len(o) for _, o, _ in played) if not played else 0)


def test_each_turns_reward_is_on_its_last_token() -> None:
    t = trajectory([1, 2], [([3, 4], [5], -1.0), ([6], [7], 5.0)])

    assert t.rewards.tolist() == [0, 0, 0, -1, 0, 5, 0]
    assert t.turn_spans.tolist() == [[2, 4], [5, 6]]
    assert t.total_reward == 4.0


def test_a_turn_without_tokens_rewards_the_generated_token_before_it() -> None:
    t = trajectory([1], [([], [2], 1.0), ([3], [4], 2.0), ([], [5], 4.0)])

    assert t.rewards.tolist() == [0, 0, 6, 0, 0]  # 1.0 has no token before it
    assert t.turn_rewards.tolist() == [1, 2, 4]


def test_dtypes_are_the_stated_ones_and_arrays_are_read_only() -> None:
    t = trajectory([1], [([2], [3], 1.0)])
    dtypes = {
        "token_ids": np.int64,
        "generated_mask": np.bool_,
        "logprobs": np.float32,
        "rewards": np.float32,
        "turn_spans": np.int64,
        "turn_rewards": np.float32,
    }

    for name, dtype in dtypes.items():
        assert getattr(t, name).dtype == dtype
        with pytest.raises(ValueError, match="read-only"):
            getattr(t, name)[...] = 0


def test_the_oldest_weights_count() -> None:
    transcript = Transcript()
    for version in (4, 3, None):
        transcript.add_completion("c", [1], policy_version=version)
    t = Trajectory.from_transcript(
        transcript,
        [0, 0, 0],
        terminated=True,
        truncated=False,
        valid=True,
        stop_reason=StopReason.TERMINATED,
    )

    assert t.policy_version == 3


def test_a_reward_too_few_is_refused() -> None:
    transcript = Transcript()
    transcript.add_completion("c", [1])

    with pytest.raises(ValueError, match="one entry for each completion, got 0 for 1"):
        Trajectory.from_transcript(
            transcript,
            [],
            terminated=True,
            truncated=False,
            valid=True,
            stop_reason=StopReason.TERMINATED,
        )


def test_arrays_of_other_lengths_are_refused() -> None:
    t = trajectory([1], [([2], [3], 1.0)])
    fields = {name: getattr(t, name) for name in Trajectory.__dataclass_fields__}

    with pytest.raises(ValueError, match=r"logprobs must have shape \(3,\), got \(2,\)"):
        Trajectory(**{**fields, "logprobs": t.logprobs[:2].copy()})


def test_to_dict_is_json_without_nan() -> None:
    verdict = Verdict.scored(1.0, success=True)
    t = trajectory([1], [([2], [3], 1.0)], info={"task_id": "a", "verdict": verdict})
    row = json.loads(json.dumps(t.to_dict(), allow_nan=False))

    assert row["logprobs"] == [None, -0.5, None]
    assert row["info"] == {"task_id": "a", "verdict": verdict.to_dict()}
    assert set(row) == set(Trajectory.__dataclass_fields__)


def test_repr_is_one_short_line() -> None:
    assert repr(trajectory([1], [([2], [3], 1.0)])) == (
        "Trajectory(3 tokens, 1 generated in 1 turns, total_reward=1, "
        "stop_reason='terminated', valid=True)"
    )


@given(st.lists(st.tuples(ids, turns), min_size=1, max_size=5), st.integers(0, 9))
def test_a_batch_holds_each_trajectory_and_padding_without_nan(
    episodes: list[tuple[list[int], list[tuple[list[int], list[int], float]]]], pad: int
) -> None:
    ts = [trajectory(prompt, played) for prompt, played in episodes]
    batch = collate(ts, pad_token_id=pad)

    for row, t in enumerate(ts):
        length = len(t.token_ids)
        assert batch.token_ids[row, :length].tolist() == t.token_ids.tolist()
        assert (batch.token_ids[row, length:] == pad).all()
        assert batch.padding_mask[row].sum() == length
        assert batch.generated_mask[row].sum() == t.generated_mask.sum()
        assert batch.rewards[row].sum() == pytest.approx(t.rewards.sum(), abs=1e-3)
    assert not np.isnan(batch.logprobs).any()
    assert not batch.logprobs[~batch.generated_mask].any()
    assert batch.valid.dtype == np.bool_


def test_no_trajectories_make_no_batch() -> None:
    with pytest.raises(ValueError, match="at least one, got none"):
        collate([], 0)


def split(rewards: list[float], *, unanswered: bool = False, **changes: Any) -> list[Trajectory]:
    """Return an episode of three turns, of which the last has a context of its own."""
    transcript = Transcript()
    transcript.add_prompt([{"role": "user", "content": "p"}], "p", [1, 2])
    for sampled in ([3], [4, 5]):
        transcript.add_completion("c", sampled, policy_version=sampled[0])
        transcript.add_observation([{"role": "user", "content": "o"}], "o", [6])
    transcript.start_run([], "", [1, 2, 7, 8])
    transcript.add_completion("c", [9], policy_version=1)
    if unanswered:
        transcript.start_run([], "", [1, 2])
    fields: dict[str, Any] = {
        "terminated": True,
        "truncated": False,
        "valid": True,
        "stop_reason": StopReason.TERMINATED,
        "info": {"task_id": "t"},
    }
    return Trajectory.from_runs(transcript, rewards, **{**fields, **changes})


@pytest.mark.parametrize("unanswered", [False, True])
def test_each_run_is_a_trajectory_with_the_return_of_the_episode(unanswered: bool) -> None:
    first, last = split([1.0, 2.0, 4.0], unanswered=unanswered)

    assert [first.total_reward, last.total_reward] == [7.0, 7.0]
    assert [first.run, last.run] == [0, 1]
    assert first.rewards.tolist() == [0, 0, 1, 0, 0, 2, 0]
    assert last.rewards.tolist() == [0, 0, 0, 0, 4]
    assert last.prompt_length == 4
    assert [first.policy_version, last.policy_version] == [3, 1]


def test_the_last_run_alone_has_the_end_of_the_episode() -> None:
    first, last = split([0.0, 0.0, 1.0])

    assert (first.terminated, first.truncated, first.stop_reason) == (
        False,
        False,
        StopReason.SPLIT,
    )
    assert (last.terminated, last.stop_reason) == (True, StopReason.TERMINATED)
    assert all(not t.valid for t in split([0.0] * 3, valid=False))


def test_runs_need_a_reward_for_each_completion() -> None:
    with pytest.raises(ValueError, match="must have one entry for each completion, got 2 for 1"):
        split([0.0] * 4)


def test_runs_are_put_together_to_episodes() -> None:
    alone = trajectory([1], [([2], [3], 1.0)])
    one, two = split([1.0, 2.0, 4.0]), split([0.0, 0.0, 0.0])

    assert episodes_of([*one, alone, *two]) == [one, [alone], two]
    with pytest.raises(ValueError, match="but run 1 of task 't' follows something else"):
        episodes_of([one[1], one[0]])
    with pytest.raises(ValueError, match="but run 1"):
        episodes_of([one[1]])
    with pytest.raises(ValueError, match="but run 0"):
        episodes_of([one[0], *two])
    with pytest.raises(ValueError, match="its last run is missing"):
        episodes_of([*two, one[0]])
