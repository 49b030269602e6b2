"""What keeping keys and values between turns saves: search episodes of four turns, SmolLM2-135M.

    python benchmarks/kept_states.py [--episodes 16] [--model FOLDER] [--threads 1] [--out FILE]

Both play the same episodes of SearchQA-v0 in the same run: three searches and an answer. What is
written is the oracle's, token for token, so that both play the same turns; every token of it is
decoded by the model as a sampled one would be. One policy keeps what was read between the turns,
the other reads each turn from the beginning.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from machine import cpu_and_packages, keep
from torch import Tensor

import llmenvs
from llmenvs.agents.model_files import load_policy
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.smollm import SMOLLM2
from llmenvs.chat_renderer import ChatRenderer
from llmenvs.policy import Policy, Prompt
from llmenvs.trajectory import Trajectory
from llmenvs.transcript import Completion

NUM_TURNS = 4


class ForcedPolicy(TransformerPolicy):
    """Writes what another policy says, each token decoded and given its probability."""

    author: Policy

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """See `TransformerPolicy.act`."""
        texts = [str(text) for text in self.author.act(prompts)]
        self._script = {
            id(prompt): [*self.tokenizer.encode(text), self.tokenizer.end_of_turn_id]
            for prompt, text in zip(prompts, texts, strict=True)
        }
        return super().act(prompts)

    def _draw(self, rows: Sequence[Any], logits: Tensor) -> Tensor:
        scripted = [self._script[id(row.prompt)][len(row.token_ids)] for row in rows]
        drawn = torch.tensor(scripted, device=logits.device)
        taken = self._known(logits).log_softmax(-1).gather(-1, drawn[:, None])[:, 0]
        for row, token_id, logprob in zip(rows, scripted, taken.tolist(), strict=True):
            row.token_ids.append(token_id)
            row.logprobs.append(min(logprob, 0.0))
        return drawn


def play(policy: ForcedPolicy, task_ids: Sequence[str]) -> tuple[list[Trajectory], dict[str, Any]]:
    """Play one episode of each task, all at once; returns them and what it took."""
    renderer = ChatRenderer(policy.tokenizer.tokenizer)  # type: ignore[attr-defined]
    envs: list[gym.Env[str, str]] = [
        gym.make("llmenvs/SearchQA-v0", renderer=renderer) for _ in task_ids
    ]
    policy.author = envs[0].unwrapped.scripted_policies()["oracle"]  # type: ignore[attr-defined]
    started, started_cpu = time.perf_counter(), time.process_time()
    trajectories = llmenvs.rollout(
        envs,
        policy,
        seeds=range(len(task_ids)),
        task_ids=list(task_ids),
        limits=llmenvs.RolloutLimits(max_new_tokens=256, max_episode_tokens=8192),
    )
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    return trajectories, {
        "wall_s": round(wall_s, 2),
        "cpu_s": round(cpu_s, 2),
        "generated_tokens": int(sum(t.generated_mask.sum() for t in trajectories)),
        "tokens": sum(len(t.token_ids) for t in trajectories),
    }


def four_turn_tasks(count: int) -> list[str]:
    """Return the first tasks with three hops that are searched one after the other."""
    env: Any = gym.make("llmenvs/SearchQA-v0").unwrapped
    return [t["task_id"] for t in env.tasks if len(t["hops"]) == NUM_TURNS - 1][:count]


def largest_gap(policy: TransformerPolicy, trajectory: Trajectory) -> float:
    """Return how far the sampled log-probabilities are from those of a teacher-forced pass."""
    token_ids = torch.tensor(trajectory.token_ids.tolist())[None]
    mask = torch.tensor(trajectory.generated_mask.tolist())
    with torch.inference_mode():
        again = policy.logprobs(token_ids, loss_mask=mask[None])[0]
    return float(np.abs(again.numpy() - trajectory.logprobs)[trajectory.generated_mask].max())


def main() -> None:
    """Measure, print, and write one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--episodes", type=int, default=16, help="at once")
    parser.add_argument("--model", default=SMOLLM2, help="a folder, or a name")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--repeats", type=int, default=2, help="pairs of runs")
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    loaded = load_policy(args.model)
    kept = ForcedPolicy(loaded.model, loaded.tokenizer)
    anew = ForcedPolicy(loaded.model, loaded.tokenizer, max_kept_bytes=0)
    task_ids = four_turn_tasks(args.episodes)
    pairs: list[dict[str, Any]] = []
    trajectories: list[Trajectory] = []
    for _ in range(args.repeats):
        trajectories, with_cache = play(kept, task_ids)
        others, without = play(anew, task_ids)
        assert all(
            np.array_equal(one.token_ids, other.token_ids)
            for one, other in zip(trajectories, others, strict=True)
        )
        pairs.append({"kept": with_cache, "anew": without})
        print(json.dumps(pairs[-1]))
    result = {
        "benchmark": "kept_states",
        "model": args.model,
        "episodes": args.episodes,
        "turns": [len(t.turn_rewards) for t in trajectories],
        "success": float(np.mean([t.total_reward for t in trajectories])),
        "ratio_wall": [round(p["anew"]["wall_s"] / p["kept"]["wall_s"], 2) for p in pairs],
        "ratio_cpu": [round(p["anew"]["cpu_s"] / p["kept"]["cpu_s"], 2) for p in pairs],
        "largest_logprob_gap": max(largest_gap(kept, t) for t in trajectories[:4]),
        "pairs": pairs,
        "threads": args.threads,
        **cpu_and_packages(["torch", "transformers"]),
    }
    print(json.dumps(result))
    keep(result, args.out)


if __name__ == "__main__":
    main()
