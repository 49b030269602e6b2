"""The episodes that `check_text_env` plays and compares."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llmenvs.env import TextEnv, Turn
from llmenvs.policy import Prompt

_MAX_TURNS = 300
Actions = Callable[[TextEnv[Any], int], str]
"""The action of a turn, given the environment and the number of the turn."""


@dataclass(slots=True)
class Episode:
    """What happened in an episode; it grows while it is played.

    Attributes:
        actions: what the policy wrote.
        observations: the prompt, and what followed each action.
        rewards: of each step.
        infos: of the reset, and of each step.
        terminated: as the last step said.
        truncated: as the last step said.
    """

    actions: list[str] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    infos: list[dict[str, Any]] = field(default_factory=list)
    terminated: bool = False
    truncated: bool = False

    @property
    def ended(self) -> bool:
        """Whether the last step ended it, or it was given up."""
        return self.terminated or self.truncated or len(self.actions) >= _MAX_TURNS

    @property
    def success(self) -> bool | None:
        """As the last info's verdict says."""
        verdict = self.infos[-1].get("verdict")
        return None if verdict is None else verdict.success


def play(
    env: TextEnv[Any], seed: int | None, actions: Actions, *, pickled: bool = False
) -> Episode:
    """Play an episode to its end.

    Args:
        env: it is reset with ``seed``, or goes on from where it stands if that is None.
        seed: of the reset.
        actions: what to do.
        pickled: replace the environment by a pickled copy before every step.
    """
    episode = _begin(env, seed)
    while not episode.ended:
        if pickled:
            env = pickle.loads(pickle.dumps(env))  # noqa: S301 (our own bytes)
        _advance(env, episode, actions)
    return episode


def play_interleaved(
    first: tuple[TextEnv[Any], int], second: tuple[TextEnv[Any], int], actions: Actions
) -> tuple[Episode, Episode]:
    """Play two episodes, a step of each in turn."""
    pairs = [(env, _begin(env, seed)) for env, seed in (first, second)]
    while not all(episode.ended for _, episode in pairs):
        for env, episode in pairs:
            if not episode.ended:
                _advance(env, episode, actions)
    return pairs[0][1], pairs[1][1]


def scripted_actions(name: str) -> Actions:
    """Return the actions of the environment's own scripted policy of that name."""

    def act(env: TextEnv[Any], turn: int) -> str:
        transcript = env.transcript
        prompt = Prompt(
            episode_id="0",
            token_ids=transcript.token_ids,
            text=transcript.text,
            messages=transcript.messages,
            tools=env.tools,
            stop_strings=env.stop_strings,
            seed=turn,
            max_new_tokens=1_000,
        )
        return env.scripted_policies()[name].act([prompt])[0]

    return act


def with_observations_extended(env: TextEnv[Any], text: str) -> TextEnv[Any]:
    """Return ``env``, changed so that every observation ends with ``text``."""
    take_turn = env.take_turn

    def extended(state: Any, action: str) -> Turn[Any]:
        turn = take_turn(state, action)
        return turn._replace(observation=turn.observation + text)

    env.take_turn = extended  # type: ignore[method-assign]  # on this copy alone
    return env


def first_difference(expected: Episode, got: Episode) -> str | None:
    """Say where two episodes part, or None if they are the same."""
    for name in ("actions", "observations", "rewards", "infos", "terminated", "truncated"):
        one, two = getattr(expected, name), getattr(got, name)
        if one == two:
            continue
        if isinstance(one, list):
            for turn, (a, b) in enumerate(zip(one, two, strict=False)):
                if a != b:
                    return f"{name}[{turn}] is {str(b)[:120]!r}, expected {str(a)[:120]!r}"
            return f"{name} has {len(two)} entries, expected {len(one)}"
        return f"{name} is {two}, expected {one}"
    return None


def _begin(env: TextEnv[Any], seed: int | None) -> Episode:
    if seed is None:
        prompt = env.transcript.segments[0]
        info = env.restore(env.snapshot())
        return Episode(observations=[prompt.text], infos=[info])
    observation, info = env.reset(seed=seed)
    return Episode(observations=[observation], infos=[info])


def _advance(env: TextEnv[Any], episode: Episode, actions: Actions) -> None:
    action = actions(env, len(episode.actions))
    observation, reward, episode.terminated, episode.truncated, info = env.step(action)
    episode.actions.append(action)
    episode.observations.append(observation)
    episode.rewards.append(reward)
    episode.infos.append(info)
