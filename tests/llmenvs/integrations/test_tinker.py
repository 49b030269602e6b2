"""tinker-cookbook's own rollouts play our environments, and its data trains on what was sampled."""

import asyncio
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations.samples import sample_of
from llmenvs.integrations.tinker_samples import from_tinker, to_tinker
from llmenvs.trajectory import Trajectory

GRID = "llmenvs/GridWorld-v0"
SEEDS = st.integers(0, 2**32 - 1)


def told(trajectory: Trajectory) -> bool:
    sample = sample_of(trajectory)
    return sample.logprobs is not None or not sample.response_ids


@given(seed=SEEDS)
def test_a_trajectory_survives_the_round_trip(
    random_trajectory: Callable[[int], Trajectory], seed: int
) -> None:
    trajectory = random_trajectory(seed)
    if not told(trajectory):
        with pytest.raises(ValueError, match="requires the log-probability"):
            to_tinker(trajectory)
        return
    record = json.loads(json.dumps(to_tinker(trajectory)))
    [back] = from_tinker(record)

    assert sample_of(back) == sample_of(trajectory)
    assert bool(record["transitions"]) == (trajectory.valid and len(trajectory.turn_rewards) > 0)


def test_a_broken_prefix_is_another_trajectory() -> None:
    def transition(ob: list[int], tokens: list[int], reward: float, *, done: bool) -> Any:
        ac = {"tokens": tokens, "maybe_logprobs": None}
        return {"ob": ob, "ac": ac, "reward": reward, "episode_done": done}

    transitions = [
        transition([1], [2], 0.5, done=False),
        transition([1, 2, 3], [4], 1.0, done=False),
        transition([9], [5], 2.0, done=True),
    ]
    first, second = from_tinker({"transitions": transitions})

    assert first.token_ids.tolist() == [1, 2, 3, 4]
    assert first.turn_rewards.tolist() == [0.5, 1.0]
    assert (second.total_reward, second.terminated, first.terminated) == (2.0, True, False)


@given(seed=SEEDS)
def test_the_cookbooks_data_trains_exactly_the_sampled_tokens(
    random_trajectory: Callable[[int], Trajectory], seed: int
) -> None:
    pytest.importorskip("tinker_cookbook.rl.types")
    from tinker_cookbook.rl.data_processing import trajectory_to_data

    from llmenvs.integrations.tinker import as_record, as_trajectory

    trajectory = random_trajectory(seed)
    if not told(trajectory):
        return
    sample = sample_of(trajectory)
    theirs = as_trajectory(to_tinker(trajectory))
    data = trajectory_to_data(theirs, 1.0)
    if not sample.valid or not sample.response_ids:
        assert data == []
        assert sum(t.reward for t in theirs.transitions) == pytest.approx(sample.reward or 0.0)
        return
    [datum] = data
    mask = datum.loss_fn_inputs["mask"].to_torch().tolist()
    targets = datum.loss_fn_inputs["target_tokens"].to_torch().tolist()
    tail = len(sample.response_ids)

    assert targets[len(targets) - tail :] == list(sample.response_ids)
    assert mask == [0.0] * (len(mask) - tail) + [float(own) for own in sample.response_mask]
    [back] = from_tinker(as_record(theirs))
    assert sample_of(back).response_mask == sample.response_mask
    assert back.turn_rewards.tolist() == trajectory.turn_rewards.tolist()


class FakeCompleter:
    """Samples the tokens of a text and the end-of-turn token."""

    def __init__(self, tokenizer: Any, text: str) -> None:
        self._ids = [*tokenizer.encode(text), tokenizer.eos_token_id]

    async def __call__(self, model_input: Any, stop: Any, *, max_tokens: int | None = None) -> Any:
        from tinker_cookbook.completers import TokensWithLogprobs

        return TokensWithLogprobs(self._ids, [-0.5] * len(self._ids))


def play(builder: Any, text: str) -> Any:
    from tinker_cookbook.rl.rollouts import do_group_rollout

    completer = FakeCompleter(builder.tokenizer, text)
    return asyncio.run(do_group_rollout(builder, completer))


@pytest.mark.slow
def test_a_group_is_played_and_becomes_one_datum_each(
    byte_tokenizer: Callable[[], Any], one_step_options: dict[str, Any]
) -> None:
    pytest.importorskip("tinker_cookbook.rl.rollouts")
    from tinker_cookbook.rl.data_processing import trajectory_to_data

    from llmenvs.integrations.tinker import episode_groups

    tokenizer = byte_tokenizer()
    [builder] = episode_groups(
        GRID, tokenizer=tokenizer, num_groups=1, group_size=2, env_options=one_step_options
    )
    builder = pickle.loads(pickle.dumps(builder))
    won = play(builder, "<action>right</action>")
    lost = play(builder, "<action>up</action>")

    assert [len(t.transitions) for t in won.trajectories_G] == [1, 1]
    assert [len(t.transitions) for t in lost.trajectories_G] == [4, 4]
    assert min(won.get_total_rewards()) > max(lost.get_total_rewards())
    [datum] = trajectory_to_data(lost.trajectories_G[0], 1.0)
    sampled = 4 * (len(tokenizer.encode("<action>up</action>")) + 1)
    assert datum.loss_fn_inputs["mask"].to_torch().sum() == sampled


@pytest.mark.slow
def test_only_what_the_policy_wrote_earns_and_undecided_is_never_zero(
    byte_tokenizer: Callable[[], Any], undecided_env_id: str
) -> None:
    pytest.importorskip("tinker_cookbook.rl.rollouts")
    from llmenvs.integrations.tinker import UndecidedError, episode_groups

    task = {"task_id": "t", "question": r"Say \boxed{5}.", "answer": "5"}
    more: dict[str, Any] = {"tokenizer": byte_tokenizer(), "num_groups": 1, "group_size": 1}
    [leak] = episode_groups("llmenvs/MathAnswer-v0", env_options={"tasks": [task]}, **more)
    [lost] = episode_groups(undecided_env_id, **more)

    assert play(leak, "no idea").get_total_rewards() == [0.0]
    assert play(leak, r"\boxed{5}").get_total_rewards() == [1.0]
    with pytest.raises(UndecidedError, match="could not be scored: the worker was lost"):
        play(lost, "5")


@pytest.mark.slow
def test_wrong_arguments_say_what_to_change(byte_tokenizer: Callable[..., Any]) -> None:
    pytest.importorskip("tinker_cookbook.rl.types")
    from llmenvs.integrations.tinker import episode_groups

    tokenizer = byte_tokenizer()
    with pytest.raises(ValueError, match="group_size must be at least 1, got 0"):
        episode_groups(GRID, tokenizer=tokenizer, num_groups=1, group_size=0)
    with pytest.raises(ValueError, match="GridWord"):
        episode_groups("llmenvs/GridWord-v0", tokenizer=tokenizer, num_groups=1, group_size=1)
    with pytest.raises(ValueError, match="JSON-ready"):
        episode_groups(
            GRID, tokenizer=tokenizer, num_groups=1, group_size=1, env_options={"tasks": object()}
        )
