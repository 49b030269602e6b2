"""A training sample holds exactly what was sampled, ends with it, and never invents a score."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmenvs
from llmenvs.env_making import make_text_env
from llmenvs.integrations.samples import (
    TrainingSample,
    sample_of,
    sample_of_record,
    samples_of,
    spans_of,
    trajectory_of,
)
from llmenvs.policy import FunctionPolicy
from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.transcript import Transcript
from llmenvs.verifiers import Status, Verdict

SEEDS = st.integers(0, 2**32 - 1)


def worked_example() -> Trajectory:
    transcript = Transcript()
    transcript.add_prompt([{"role": "user", "content": "p"}], "p", [1, 2])
    transcript.add_completion("a", [3, 4], logprobs=(-0.5, -0.25))
    transcript.add_observation([{"role": "tool", "content": "o"}], "o", [9, 9])
    transcript.add_completion("b", [5], logprobs=(-1.0,))
    transcript.add_observation([{"role": "tool", "content": "end"}], "end", [9])
    return Trajectory.from_transcript(
        transcript,
        [0.5, 1.0],
        terminated=True,
        truncated=False,
        valid=True,
        stop_reason=StopReason.TERMINATED,
        info={"task_id": "t"},
    )


def test_a_case_worked_by_hand() -> None:
    sample = sample_of(worked_example())

    assert sample.prompt_ids == (1, 2)
    assert sample.response_ids == (3, 4, 9, 9, 5)  # what came after the last turn is dropped
    assert sample.response_mask == (1, 1, 0, 0, 1)
    assert sample.logprobs == (-0.5, -0.25, 0.0, 0.0, -1.0)
    assert sample.token_rewards == (0.0, 0.5, 0.0, 0.0, 1.0)
    assert sample.turn_spans == ((0, 2), (4, 5))
    assert (sample.reward, sample.valid, sample.info["task_id"]) == (1.5, True, "t")


@given(seed=SEEDS)
def test_the_mask_marks_what_was_sampled_and_nothing_else(
    seed: int, random_trajectory: Callable[[int], Trajectory]
) -> None:
    trajectory = random_trajectory(seed)
    sample = sample_of(trajectory)
    kept = [i for i, m in zip(sample.response_ids, sample.response_mask, strict=True) if m]

    assert kept == trajectory.token_ids[trajectory.generated_mask].tolist()
    assert not sample.response_ids or sample.response_mask[-1] == 1
    assert (sample.reward is None) == (not trajectory.valid)
    if sample.logprobs is not None:
        masked = [x for x, m in zip(sample.logprobs, sample.response_mask, strict=True) if not m]
        assert masked == [0.0] * len(masked)


@given(seed=SEEDS)
def test_a_trajectory_comes_back_but_for_what_follows_its_last_token(
    seed: int, random_trajectory: Callable[[int], Trajectory]
) -> None:
    trajectory = random_trajectory(seed)
    back = trajectory_of(sample_of(trajectory))
    length = len(back.token_ids)

    for name in ("token_ids", "generated_mask", "rewards"):
        assert getattr(back, name).tolist() == getattr(trajectory, name)[:length].tolist()
    assert not trajectory.generated_mask[length:].any()
    assert back.turn_rewards.tolist() == trajectory.turn_rewards.tolist()
    assert (back.valid, back.stop_reason) == (trajectory.valid, trajectory.stop_reason)
    assert sample_of(back) == sample_of(trajectory)


def test_an_undecided_episode_has_no_reward() -> None:
    env = make_text_env("llmenvs/MathAnswer-v0", verifier=_undecided)
    sample = sample_of(llmenvs.rollout([env], FunctionPolicy(lambda p: "5"), seeds=[0])[0])

    assert sample.reward is None
    assert not sample.trainable


def test_logprobs_are_all_there_or_none() -> None:
    transcript = Transcript()
    transcript.add_prompt([], "", [1])
    transcript.add_completion("a", [3], logprobs=(-0.5,))
    transcript.add_completion("b", [4])
    trajectory = Trajectory.from_transcript(
        transcript,
        [0.0, 1.0],
        terminated=True,
        truncated=False,
        valid=True,
        stop_reason=StopReason.TERMINATED,
    )

    assert sample_of(trajectory).logprobs is None
    assert sample_of(trajectory).turn_spans == ((0, 1), (1, 2))  # the mask alone is one span


def test_an_episode_that_a_template_split_is_a_sample_for_each_run() -> None:
    transcript = Transcript()
    transcript.add_prompt([], "", [1])
    transcript.add_completion("a", [3])
    transcript.start_run([], "", [1, 7, 8])
    transcript.add_completion("b", [4])
    runs = Trajectory.from_runs(
        transcript,
        [0.5, 1.0],
        terminated=True,
        truncated=False,
        valid=True,
        stop_reason=StopReason.TERMINATED,
    )
    first, second = samples_of(runs)

    assert (first.response_ids, second.response_ids) == ((3,), (4,))
    assert second.prompt_ids == (1, 7, 8)  # the sampled 3 stands there as the template writes it
    assert first.reward == second.reward == 1.5
    assert [trajectory_of(s).total_reward for s in (first, second)] == [1.5, 1.5]


def test_tokens_of_the_environment_that_count_as_generated_are_refused() -> None:
    env = make_text_env("llmenvs/GridWorld-v0")
    env.mask_environment = False
    env.reset(seed=0)
    env.step("<action>up</action>")

    with pytest.raises(ValueError, match="export with mask_environment=True"):
        sample_of(env.trajectory())


def test_a_response_that_ends_with_the_environment_is_refused() -> None:
    with pytest.raises(ValueError, match="must end with a token that the policy sampled"):
        TrainingSample((1,), (2, 3), (1, 0), None, (0.0, 0.0), ((0, 1),), (0.0,), 0.0)
    with pytest.raises(ValueError, match="response_mask must have one entry"):
        TrainingSample((1,), (2, 3), (1,), None, (0.0, 0.0), ((0, 1),), (0.0,), 0.0)


@given(st.lists(st.integers(0, 1)))
def test_spans_cover_the_ones_of_a_mask(mask: list[int]) -> None:
    covered = np.zeros(len(mask), int)
    for start, stop in spans_of(mask):
        covered[start:stop] = 1

    assert covered.tolist() == mask


def test_a_record_with_a_sum_alone_has_it_on_the_last_turn() -> None:
    sample = sample_of_record([1], [2, 3, 4, 5], [1, 0, 1, 0], reward=2.0)

    assert sample.response_ids == (2, 3, 4)
    assert sample.turn_rewards == (0.0, 2.0)
    assert sample.token_rewards == (0.0, 0.0, 2.0)


def _undecided(completion: str, target: object) -> Verdict:
    return Verdict.undecided(Status.ERROR, reason="the worker was lost")
