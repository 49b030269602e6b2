"""A rollout on Ray gives the trajectories of this process, also where an actor is killed in it."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import llmenvs
from llmenvs import Completion, Prompt, Trajectory
from llmenvs.async_rollout import rollout_async
from llmenvs.cli import main
from llmenvs.policy import FunctionPolicy
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import StopReason

pytestmark = pytest.mark.slow  # a cluster takes seconds to start

Pids = Callable[[str], list[int]]


class Sampling:
    """Draws bytes from the seed of the prompt, and says with which log-probabilities."""

    def __init__(self) -> None:
        self.num_calls = 0

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        self.num_calls += 1
        return [self._answer(prompt) for prompt in prompts]

    async def act_one(self, prompt: Prompt) -> Completion:
        return self._answer(prompt)

    def _answer(self, prompt: Prompt) -> Completion:
        rng = np.random.default_rng([prompt.seed, len(prompt.token_ids)])
        move = ["up", "down", "left", "right", "nowhere"][rng.integers(5)]
        text = f"<action>{move}</action>"
        ids = list(text.encode())
        return Completion(text, token_ids=ids, logprobs=[-0.5] * len(ids), policy_version=3)


def grid_worlds(count: int) -> list[gym.Env[str, str]]:
    options: dict[str, Any] = {"random_start": True, "max_turns": 5}
    return [gym.make("llmenvs/GridWorld-v0", **options) for _ in range(count)]


def as_dicts(trajectories: list[Trajectory]) -> list[dict[str, Any]]:
    return [trajectory.to_dict() for trajectory in trajectories]


ARGUMENTS: dict[str, Any] = {
    "seeds": [7, 7, 1, 2, 3, 4, 5],
    "numbers": [10, 11, 12, 13, 14, 15, 16],
    "sampling_seed": 5,
}


def test_trajectories_are_those_of_this_process_masks_and_all(cluster: Any) -> None:
    envs = grid_worlds(3)
    seen: list[int] = []
    here = llmenvs.rollout(envs, Sampling(), **ARGUMENTS)
    there = llmenvs.rollout(
        envs,
        Sampling(),
        engine="ray",
        on_episode=lambda runs: seen.append(runs[0].info["episode"]),
        **ARGUMENTS,
    )

    assert as_dicts(there) == as_dicts(here)
    assert sorted(seen) == ARGUMENTS["numbers"]
    assert all(t.generated_mask.any() and t.policy_version == 3 for t in there)


def test_an_asynchronous_policy_gives_them_too(cluster: Any) -> None:
    envs = grid_worlds(2)
    there = asyncio.run(rollout_async(envs, Sampling(), engine="ray", **ARGUMENTS))

    assert as_dicts(there) == as_dicts(llmenvs.rollout(envs, Sampling(), **ARGUMENTS))


def test_limits_hold_there(cluster: Any) -> None:
    envs, limits = grid_worlds(2), RolloutLimits(max_new_tokens=64, max_episode_tokens=300)
    there = llmenvs.rollout(envs, Sampling(), engine="ray", limits=limits, **ARGUMENTS)

    assert as_dicts(there) == as_dicts(
        llmenvs.rollout(envs, Sampling(), limits=limits, **ARGUMENTS)
    )
    assert any(t.stop_reason is StopReason.TOKEN_LIMIT for t in there)


def test_episodes_of_a_killed_actor_are_played_again_to_the_same_state(
    cluster: Any, actor_pids: Pids
) -> None:
    killed: list[int] = []

    class Killing(Sampling):
        def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
            if not killed and any(len(prompt.messages) >= 5 for prompt in prompts):
                killed.extend(actor_pids("EnvHost"))  # all, in the middle of an episode
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
            return super().act(prompts)

    envs = grid_worlds(3)
    there = llmenvs.rollout(envs, Killing(), engine="ray", **ARGUMENTS)

    assert killed
    assert as_dicts(there) == as_dicts(llmenvs.rollout(envs, Sampling(), **ARGUMENTS))


def test_a_policy_that_fails_on_one_prompt_ends_that_episode_alone(cluster: Any) -> None:
    def answer(prompt: Prompt) -> Completion:
        if prompt.episode_id == "5-12" and len(prompt.messages) > 1:
            raise RuntimeError("no answer to this one")
        return Sampling()._answer(prompt)

    envs = grid_worlds(2)
    there = llmenvs.rollout(envs, FunctionPolicy(answer), engine="ray", **ARGUMENTS)

    assert as_dicts(there) == as_dicts(llmenvs.rollout(envs, FunctionPolicy(answer), **ARGUMENTS))
    assert [t.info["episode"] for t in there if not t.valid] == [12]
    assert "no answer to this one" in there[2].info["error"]


def test_code_environments_share_one_actor_of_a_node(cluster: Any, actor_pids: Pids) -> None:
    envs: list[gym.Env[str, str]] = [gym.make("llmenvs/CodeTest-v0") for _ in range(3)]
    oracle = envs[0].unwrapped.scripted_policies()["oracle"]  # type: ignore[attr-defined]
    hosts: set[int] = set()

    def answer(prompt: Prompt) -> str:
        hosts.update(actor_pids("EnvHost"))
        (completion,) = oracle.act([prompt])
        return str(completion)

    there = llmenvs.rollout(envs, FunctionPolicy(answer), seeds=range(5), engine="ray")

    assert len(hosts) == 1
    assert all(t.total_reward == 1.0 for t in there)


def test_bench_on_ray_gives_the_figures_and_records_of_this_process(
    cluster: Any, tmp_path: Path
) -> None:
    kept = []
    for engine in ("local", "ray"):
        out = tmp_path / engine
        words = ["bench", "--env", "llmenvs/GridWorld-v0", "--policy", "random", "--seed", "3"]
        words += ["--episodes", "6", "--concurrency", "3", "--no-progress", "--engine", engine]
        assert main([*words, "--out", str(out)]) == 0
        lines = (out / "episodes.jsonl").read_text().splitlines()
        summary = json.loads((out / "summary.json").read_text())
        kept.append((sorted(lines), summary["reward_mean"], summary["turns_mean"]))

    assert kept[0] == kept[1]


def test_the_environments_of_the_caller_hold_the_episodes_that_ended(cluster: Any) -> None:
    (env,) = grid_worlds(1)
    (there,) = llmenvs.rollout([env], Sampling(), seeds=[4], engine="ray")
    text_env: Any = env.unwrapped

    assert text_env.trajectory().token_ids.tolist() == there.token_ids.tolist()


def test_unknown_engines_are_refused() -> None:
    with pytest.raises(ValueError, match="engine must be 'local' or 'ray', got 'dask'"):
        llmenvs.rollout(grid_worlds(1), Sampling(), seeds=[0], engine="dask")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ray_address goes with engine='ray' alone"):
        llmenvs.rollout(grid_worlds(1), Sampling(), seeds=[0], ray_address="auto")
