"""A trajectory becomes OpenEnv's `TrainingTrace` and comes back, with masks over both parts."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations.openenv_samples import from_openenv, to_openenv
from llmenvs.integrations.samples import sample_of
from llmenvs.trajectory import Trajectory

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS)
def test_a_trajectory_survives_the_round_trip(
    random_trajectory: Callable[[int], Trajectory], seed: int
) -> None:
    trajectory = random_trajectory(seed)
    sample = sample_of(trajectory)
    if sample.logprobs is None:
        with pytest.raises(ValueError, match="requires the log-probability"):
            to_openenv(trajectory)
        return
    trace = json.loads(json.dumps(to_openenv(trajectory)))
    if not sample.response_ids:
        with pytest.raises(ValueError, match="a trace without turns"):
            from_openenv(trace)
        return
    trained = sum(sum(turn["loss_mask"]) for turn in trace["turns"])

    assert sample_of(from_openenv(trace)) == sample
    assert trained == (sum(sample.response_mask) if sample.valid else 0)
    assert trace["turns"][0]["metadata"]["episode_reward"] == sample.reward


@given(seed=SEEDS)
def test_openenv_takes_the_trace(random_trajectory: Callable[[int], Trajectory], seed: int) -> None:
    training = pytest.importorskip("openenv.core.harness.training")
    if sample_of(random_trajectory(seed)).logprobs is None:
        return
    trace = to_openenv(random_trajectory(seed))
    checked = training.TrainingTrace.model_validate(trace)

    assert checked.model_dump(exclude_defaults=True).get("turns", []) == [
        {key: value for key, value in turn.items() if value} for turn in trace["turns"]
    ]


def test_a_trace_that_is_no_chain_is_refused() -> None:
    def turn(name: str, prompt: list[int]) -> dict[str, object]:
        sampled: dict[str, object] = {"completion_token_ids": [5], "per_token_logps": [-0.5]}
        return {"node_id": name, "prompt_token_ids": prompt, "metadata": {}, **sampled}

    trajectory = from_openenv({"turns": [turn("a", [1]), turn("b", [1, 5, 2])]})

    assert trajectory.token_ids.tolist() == [1, 5, 2, 5]
    assert not trajectory.valid  # OpenEnv keeps rewards elsewhere
    with pytest.raises(ValueError, match="turn 'b' does not begin with the tokens before it"):
        from_openenv({"turns": [turn("a", [1]), turn("b", [9])]})
