"""The episodes that an algorithm without rollouts of its own learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.trajectory_files import read_trajectories
from llmenvs.bench.metrics import is_solved
from llmenvs.env import TextEnv
from llmenvs.policy import Policy, Prompt
from llmenvs.rollout import rollout
from llmenvs.tokenizers import Tokenizer
from llmenvs.trajectory import Trajectory
from llmenvs.transcript import Completion

_STREAM = 0xDA7A  # apart from the streams of the iterations, which count from 0


def given_episodes(
    config: TrainConfig,
    envs: Sequence[TextEnv[Any]],
    policy: TransformerPolicy,
) -> list[Trajectory]:
    """Return the episodes that ``config.data`` names, of a file or played now.

    Raises:
        ValueError: there is no such policy or file, or none of the episodes was solved where only
            such count.
    """
    episodes = _episodes(config, envs, policy)
    if not config.solved_only:
        return episodes
    solved = [trajectory for trajectory in episodes if is_solved(trajectory)]
    if not solved:
        raise ValueError(f"data {config.data!r} has no solved episode among {len(episodes)}")
    return solved


def _episodes(
    config: TrainConfig, envs: Sequence[TextEnv[Any]], policy: TransformerPolicy
) -> list[Trajectory]:
    scripted = envs[0].scripted_policies()
    if config.data not in ("policy", *scripted):
        if not Path(config.data).is_file():
            raise ValueError(
                f"data must be policy, {', '.join(scripted)} or a file, got {config.data!r}"
            )
        return read_trajectories(Path(config.data))
    player: Policy = policy
    if config.data != "policy":
        player = TurnEnding(scripted[config.data], envs[0].tokenizer)
    rng = np.random.default_rng([config.seed, _STREAM])
    seeds = rng.integers(2**31, size=config.data_episodes).tolist()
    return rollout(envs, player, seeds=seeds, sampling_seed=int(rng.integers(2**31)))


class TurnEnding:
    """Ends the turns of a policy that has only text as a model has to: with a token.

    Without it a model that imitates the text would never learn to stop. A text that ends with a
    stop string has ended already.

    Args:
        author: whose texts.
        tokenizer: of the environment.
    """

    def __init__(self, author: Policy, tokenizer: Tokenizer) -> None:
        self._author = author
        self._tokenizer = tokenizer

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """See `Policy`."""
        answers = self._author.act(prompts)
        return [self._ended(a, prompt) for a, prompt in zip(answers, prompts, strict=True)]

    def _ended(self, answer: Completion, prompt: Prompt) -> Completion:
        end = self._tokenizer.end_of_turn_id
        stops = tuple(prompt.stop_strings)
        if end is None or answer.token_ids is not None or (stops and answer.endswith(stops)):
            return answer
        return Completion(answer, token_ids=[*self._tokenizer.encode(answer), end])
