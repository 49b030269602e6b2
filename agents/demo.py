"""``llmenvs demo``: the main job on a CPU, from the first episode to a policy that has learned.

It shows the environments, plays them with scripted policies, and trains a small transformer with
GRPO on the text grid world. Two things are given to it, and said on screen: a tokenizer fitted to
the environment's sentences, so that an episode is a dozen tokens, and a warm start on episodes of
the random policy, which teaches how an action is written and nothing of where to go.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.envs.registration import load_env_creator
from rich.console import Console
from rich.table import Table

import llmenvs
from llmenvs.agents.fitted_tokenizer import fit_tokenizer
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.sft import SFTConfig, SFTTrainer
from llmenvs.agents.trainer import iterate
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.bench.curves import Curve, draw_curves
from llmenvs.bench.metrics import EpisodeMetrics, episode_metrics
from llmenvs.bench.records import write_summary, write_trajectories
from llmenvs.bench.transcript_page import TranscriptGroup, write_transcript_page
from llmenvs.policy import Policy
from llmenvs.progress import progress_bar
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits
from llmenvs.tokenizers import Tokenizer
from llmenvs.trajectory import Trajectory

DESCRIPTION = "Train a small transformer on the grid world, on a CPU, and show what it learned."
ENV_ID = "llmenvs/GridWorld-v0"
_NUM_EVALUATED = 256
_NUM_SHOWN = 12
_TOKENS_SEED, _WARM_START_SEED, _EVALUATION_SEED = 1, 2, 3  # streams that share no episode
_LIMITS = RolloutLimits(max_new_tokens=8, max_episode_tokens=240)


@dataclass(frozen=True, slots=True)
class DemoConfig:
    """Settings.

    Attributes:
        seed: of the weights, the tasks and the sampling.
        num_iterations: of GRPO.
        max_turns: of an episode; with six, random moves solve a quarter of the episodes.
    """

    seed: int = 0
    num_iterations: int = 160
    max_turns: int = 6

    @property
    def grpo(self) -> GRPOConfig:
        """The trainer's settings; the KL to the warm start keeps the policy exploring."""
        return GRPOConfig(
            num_groups=16,
            group_size=16,
            learning_rate=1e-3,
            num_epochs=2,
            minibatch_size=128,
            clip_high=0.28,
            kl_coefficient=0.05,
            limits=_LIMITS,
        )


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came out.

    Attributes:
        first: of the evaluation episodes before GRPO.
        last: of the same episodes after it.
        success_curve: share of solved episodes in each iteration.
        reward_curve: mean return in each iteration.
        before: the evaluation episodes before GRPO.
        after: after it.
        tokenizer: the fitted one.
    """

    first: EpisodeMetrics
    last: EpisodeMetrics
    success_curve: list[float]
    reward_curve: list[float]
    before: list[Trajectory]
    after: list[Trajectory]
    tokenizer: Tokenizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder for results")
    parser.add_argument("--seed", type=int, default=0, help="of weights, tasks and sampling")
    parser.add_argument("--iterations", type=_positive, default=160, help="of GRPO")


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def run(args: argparse.Namespace) -> int:
    """Run the demo and write its results; returns the exit status."""
    console = Console()
    started = time.monotonic()
    torch.set_num_threads(1)  # on matrices this small a second thread costs more than it brings
    args.out.mkdir(parents=True, exist_ok=True)
    config = DemoConfig(seed=args.seed, num_iterations=args.iterations)
    _show_environments(console)
    scripted = play_scripted(config)
    _show_scripted(console, scripted, config)
    result = train(config, console=console, progress=True)
    _write(args.out, result, config, scripted, wall_s=time.monotonic() - started)
    console.print(
        f"\nSuccess on {_NUM_EVALUATED} episodes that it was not trained on: "
        f"[bold]{result.first.success_mean:.2f} before, {result.last.success_mean:.2f} after[/bold]"
        f" ({time.monotonic() - started:.0f} s, seed {config.seed}).\n"
        f"Written to {args.out}: summary.json, curve.png, transcripts.jsonl, and "
        "[bold]transcripts.html[/bold], which shows who wrote each token."
    )
    return 0


def train(
    config: DemoConfig, *, console: Console | None = None, progress: bool = False
) -> DemoResult:
    """Fit a tokenizer, warm up, train with GRPO, and evaluate before and after."""
    say = console.print if console is not None else _say_nothing
    tokenizer = _fit_tokenizer(config)
    envs = [_make(config, tokenizer=tokenizer) for _ in range(256)]
    network = Transformer(
        TransformerConfig(vocab_size=tokenizer.vocab_size, max_length=256), seed=config.seed
    )
    policy = TransformerPolicy(network, tokenizer)
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    say(
        f"\nA transformer of {num_parameters:,} parameters, from scratch. Given to it: a tokenizer "
        f"of {tokenizer.vocab_size} tokens fitted to the environment's sentences, and a warm start "
        "on random but well-written moves. Where to go, reward alone teaches."
    )
    moves = rollout(envs, _random_policy(envs[0]), seeds=_seeds(config, _WARM_START_SEED, 512))
    warm_start = SFTTrainer(policy, moves, SFTConfig(learning_rate=3e-3), seed=config.seed)
    losses = [iteration.update["loss"] for iteration in iterate(warm_start, 60)]
    before = _evaluate(envs, policy, config)
    first = episode_metrics(before)
    say(f"Warm start: loss {losses[0]:.2f} -> {losses[-1]:.2f}; success {first.success_mean:.2f}.")
    success_curve, reward_curve = [], []
    trainer = GRPOTrainer(envs, policy, config.grpo, seed=config.seed)
    with progress_bar("GRPO", total=config.num_iterations, shown=progress) as bar:
        for iteration in iterate(trainer, config.num_iterations):
            success_curve.append(iteration.metrics.success_mean)
            reward_curve.append(iteration.metrics.reward_mean)
            recent = np.mean(success_curve[-5:])
            bar.advance(f"success {recent:.2f}  reward {reward_curve[-1]:+.2f}")
    after = _evaluate(envs, policy, config)
    return DemoResult(
        first, episode_metrics(after), success_curve, reward_curve, before, after, tokenizer
    )


def play_scripted(config: DemoConfig) -> dict[str, EpisodeMetrics]:
    """Play the evaluation episodes with the oracle, the random and the no-op policy."""
    env = _make(config)
    seeds = _seeds(config, _EVALUATION_SEED, _NUM_EVALUATED)
    return {
        name: episode_metrics(rollout([env], policy, seeds=seeds))
        for name, policy in env.unwrapped.scripted_policies().items()  # type: ignore[attr-defined]
    }


def _make(config: DemoConfig, *, tokenizer: Any = None) -> gym.Env[str, str]:
    return gym.make(ENV_ID, random_start=True, max_turns=config.max_turns, tokenizer=tokenizer)


def _random_policy(env: gym.Env[str, str]) -> Policy:
    policy: Policy = env.unwrapped.scripted_policies()["random"]  # type: ignore[attr-defined]
    return policy


def _fit_tokenizer(config: DemoConfig) -> Tokenizer:
    env = _make(config)
    episodes = rollout([env], _random_policy(env), seeds=_seeds(config, _TOKENS_SEED, 300))
    texts = [message["content"] for episode in episodes for message in episode.messages]
    return fit_tokenizer(texts, vocab_size=512)


def _seeds(config: DemoConfig, stream: int, count: int) -> list[int]:
    rng = np.random.default_rng([config.seed, stream])
    seeds: list[int] = rng.integers(2**31, size=count).tolist()
    return seeds


def _evaluate(
    envs: Sequence[gym.Env[str, str]], policy: Policy, config: DemoConfig
) -> list[Trajectory]:
    seeds = _seeds(config, _EVALUATION_SEED, _NUM_EVALUATED)
    return rollout(envs, policy, seeds=seeds, limits=_LIMITS)


def _say_nothing(text: str) -> None:
    """Take the place of the console."""


def _show_environments(console: Console) -> None:
    table = Table(title="Environments of this version", title_justify="left")
    table.add_column("id")
    table.add_column("what it is")
    for env_id in sorted(spec for spec in gym.registry if spec.startswith("llmenvs/")):
        # Its class, not one that is made: some need a package that may not be there.
        doc = load_env_creator(str(gym.spec(env_id).entry_point)).__doc__ or ""
        table.add_row(env_id, doc.strip().splitlines()[0])
    console.print(table)
    env = gym.make(ENV_ID)
    console.print("What a policy reads first:")
    console.print(env.reset(seed=0)[0], style="dim", highlight=False, markup=False)


def _show_scripted(
    console: Console, scripted: dict[str, EpisodeMetrics], config: DemoConfig
) -> None:
    title = f"{ENV_ID}, random starts, {config.max_turns} moves, {_NUM_EVALUATED} episodes"
    table = Table(title=title, title_justify="left")
    for column in ("policy", "success", "mean return", "mean turns"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    for name, m in scripted.items():
        table.add_row(name, f"{m.success_mean:.2f}", f"{m.reward_mean:+.2f}", f"{m.turns_mean:.1f}")
    console.print(table)


def _write(
    folder: Path,
    result: DemoResult,
    config: DemoConfig,
    scripted: dict[str, EpisodeMetrics],
    *,
    wall_s: float,
) -> None:
    records = folder / "transcripts.jsonl"
    records.unlink(missing_ok=True)  # the records of one run, not of all that were made here
    write_trajectories(records, result.before, labels={"phase": "before"})
    write_trajectories(records, result.after, labels={"phase": "after"})
    oracle, chance = scripted["oracle"], scripted["random"]
    draw_curves(
        folder / "curve.png",
        [
            Curve(
                "share of episodes solved",
                result.success_curve,
                {"oracle": oracle.success_mean, "random moves": chance.success_mean},
                (0.0, 1.08),
            ),
            Curve(
                "mean return",
                result.reward_curve,
                {"oracle": oracle.reward_mean, "random moves": chance.reward_mean},
            ),
        ],
        title=f"GRPO on {ENV_ID}, seed {config.seed}",
        x_label="iteration (256 episodes each)",
    )
    write_transcript_page(
        folder / "transcripts.html",
        [
            TranscriptGroup("before training", result.before[:_NUM_SHOWN]),
            TranscriptGroup("after training", result.after[:_NUM_SHOWN]),
        ],
        result.tokenizer,
        title="llmenvs demo: who wrote which token",
        description=f"{ENV_ID} with random starts, before and after {config.num_iterations} "
        f"iterations of GRPO (seed {config.seed}).",
    )
    write_summary(folder, summary_of(result, config, wall_s=wall_s))


def summary_of(result: DemoResult, config: DemoConfig, *, wall_s: float) -> dict[str, Any]:
    """Return ``summary.json``: means over the evaluation episodes after training, and curves."""
    return {
        "success_first": result.first.success_mean,
        "success_last": result.last.success_mean,
        **asdict(result.last),
        "seed": config.seed,
        "env": ENV_ID,
        "iterations": config.num_iterations,
        "success_curve": result.success_curve,
        "reward_curve": result.reward_curve,
        "wall_s": round(wall_s, 1),
        "torch_threads": torch.get_num_threads(),
        "llmenvs": llmenvs.__version__,
    }
