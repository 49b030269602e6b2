"""Wrappers around text environments: token ids in and out, whole transcripts, recorded episodes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym

from llmenvs.bench.records import write_trajectories
from llmenvs.env import TextEnv
from llmenvs.spaces import UnicodeText
from llmenvs.transcript import Completion

TokenIds = tuple[int, ...]


class TokenEnv(gym.Wrapper[TokenIds, Sequence[int], str, str]):
    r"""A text environment over token ids.

    Action: the ids that were sampled in one turn, with the end-of-turn id if it was; or a
    `Completion`, to give log-probabilities as well. Ids are kept as they are.
    Observation: the ids that are new to the policy, as the renderer made them.
    Info: that of the text environment.

    >>> env = TokenEnv(gym.make("llmenvs/GridWorld-v0"))
    >>> prompt_ids, info = env.reset(seed=0)
    >>> observation, reward, *_ = env.step([*b"right", 256])
    >>> bytes(observation)
    b'\nYou are at (1, 0).\n'
    """

    def __init__(self, env: gym.Env[str, str]) -> None:
        super().__init__(env)  # type: ignore[arg-type]  # Wrapper types `env` by its own spaces
        self._text_env = _text_env(env)
        token_ids = gym.spaces.Sequence(gym.spaces.Discrete(self._text_env.tokenizer.vocab_size))
        self.observation_space = self.action_space = token_ids

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[TokenIds, dict[str, Any]]:
        """Start an episode; returns the ids of the prompt."""
        _, info = self.env.reset(seed=seed, options=options)
        return tuple(info["token_ids"]), info

    def step(self, action: Sequence[int]) -> tuple[TokenIds, float, bool, bool, dict[str, Any]]:
        """Play the text of ``action``.

        Raises:
            ValueError: an id out of the vocabulary; the episode goes on.
        """
        _, reward, terminated, truncated, info = self._text_env_step(action)
        # Where a chat template starts a new context, all of that is new to the policy.
        spans = self._text_env.transcript.turn_spans
        stop = spans[-1][1] if spans else 0
        return info["token_ids"][stop:], float(reward), terminated, truncated, info

    def _text_env_step(self, action: Sequence[int]) -> Any:
        # `Wrapper` types the inner environment by the outer spaces.
        return self.env.step(self._completion(action))  # type: ignore[arg-type]

    def _completion(self, action: Sequence[int] | Completion) -> Completion:
        if isinstance(action, Completion):
            return action
        text = self._text_env.tokenizer.decode(_known(action, self._text_env))
        return Completion(text, token_ids=action)


class TranscriptEnv(gym.ObservationWrapper[str, str, str]):
    """A text environment whose observation is everything so far, for policies without a memory."""

    def __init__(self, env: gym.Env[str, str], *, max_length: int = 2**20) -> None:
        super().__init__(env)
        self._text_env = _text_env(env)
        self.observation_space = UnicodeText(max_length)

    def observation(self, observation: str) -> str:
        """Return the text of the whole transcript."""
        return self._text_env.transcript.text


class RecordedEnv(gym.Wrapper[str, str, str, str]):
    """Writes each episode to a file of JSON lines, as `Trajectory.to_dict` has it.

    An episode is written when it ends, or, unfinished, when the next one starts or at `close`.

    Args:
        env: a text environment.
        path: the file; episodes are appended.
    """

    def __init__(self, env: gym.Env[str, str], path: Path) -> None:
        super().__init__(env)
        self._text_env = _text_env(env)
        self._path = path
        self._unwritten = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Write what is left of the episode before, and start one."""
        self._write()
        return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        """Step, and write the episode if that ended it."""
        self._unwritten = True
        result = self.env.step(action)
        if result[2] or result[3]:
            self._write()
        return result

    def close(self) -> None:
        """Write what is left, and close the environment."""
        self._write()
        self.env.close()

    def _write(self) -> None:
        if self._unwritten:
            write_trajectories(self._path, self._text_env.trajectories())
            self._unwritten = False


def _text_env(env: gym.Env[str, str]) -> TextEnv[Any]:
    unwrapped = env.unwrapped
    if not isinstance(unwrapped, TextEnv):
        raise ValueError(f"env must be a TextEnv, got {type(unwrapped).__name__}")
    return unwrapped


def _known(token_ids: Sequence[int], env: TextEnv[Any]) -> Sequence[int]:
    """Return the ids, of which a tokenizer can decode every one; raise for the others."""
    vocab_size = env.tokenizer.vocab_size
    wrong = [i for i in token_ids if not 0 <= i < vocab_size]
    if wrong:
        raise ValueError(f"an action holds ids from 0 to {vocab_size - 1}, got {wrong[0]}")
    return token_ids
