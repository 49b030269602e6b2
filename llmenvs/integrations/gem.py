"""``llmenvs/Gem-v0``: the games of GEM (gem-llm 0.1) as text environments.

GEM's games are text in, text out, without a network, and so can be wrapped without loss: rewards
and texts are GEM's own. Two things are put right. A game draws from the global generators; here it
gets the state that it left, so that an episode follows from its seed whatever else is played. And a
game that ends by its limit of turns is both terminated and truncated in GEM; since the prompt tells
the limit, it is terminated here.

Left out: GEM's ``qa:``, ``math:``, ``code:`` and ``eval:`` environments, which load data sets over
the network and score a grader's failure as a wrong answer; ``rg:``, for which
``llmenvs/ReasoningGym-v0`` is stricter; and those that need a browser, a container or pictures. A
game tells no winning moves, so that there is no oracle.
"""

import contextlib
import copy
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.integrations.versions import check_version
from llmenvs.policy import FunctionPolicy, Policy, Prompt
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task, TaskSet
from llmenvs.verifiers import Verdict

TESTED = "0.1.0"
_PREFIX = "game:"
_SUCCESS, _FORMAT_ERROR = 1.0, -0.1  # gem.utils.constants.LanguageGameReward
_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True)
class GemState:
    """Where a game stands.

    Attributes:
        game: GEM's object; never stepped itself, but a copy of it.
        randomness: of `random` and `numpy.random`, as the game left it.
        total_reward: so far.
    """

    game: Any
    randomness: tuple[Any, Any]
    total_reward: float = 0.0


class GemEnv(TextEnv[GemState]):
    r"""Play a game of GEM.

    Action: what the game asks for, mostly within ``\boxed{…}``.
    Reward: GEM's, of each turn: 1.0 for winning, in between what the game gives, -0.1 for a text
    that it cannot read, which ends it.
    Terminated: the game is over, by its limit of turns too.
    Verdict, at the end: score the sum of rewards, and success if the game was won.
    Hidden: what the game hides.

    Args:
        game: GEM's id, such as ``"game:GuessTheNumber-v0-easy"``.
        options: of the game's constructor, such as ``{"max_turns": 5}``. GEM takes misspelled ones
            without a word; here they are refused.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        render_mode: see `TextEnv`.

    Raises:
        ImportError: gem-llm is not installed.
        ValueError: no such game, one that cannot be wrapped, or an option that it does not have.
    """

    def __init__(
        self,
        *,
        game: str,
        options: Mapping[str, Any] | None = None,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        render_mode: str | None = None,
    ) -> None:
        self._game = _made(game, dict(options or {}))
        super().__init__(
            tasks=TaskSet([{"task_id": game}]),
            tokenizer=tokenizer,
            renderer=renderer,
            render_mode=render_mode,
        )

    def begin_episode(self, task: Task) -> Opening[GemState]:
        """Start the game with a seed drawn by `np_random`."""
        seed = int(self.np_random.integers(2**31))
        with _randomness(_seeded(seed)) as left:
            game = copy.deepcopy(self._game)
            text, info = game.reset(seed=seed)
        prompt = _joined(text, info)
        return Opening(GemState(game, left()), [{"role": "user", "content": prompt}])

    def take_turn(self, state: GemState, action: str) -> Turn[GemState]:
        """Let a copy of the game take the turn."""
        with _randomness(state.randomness) as left:
            game = copy.deepcopy(state.game)
            text, reward, terminated, truncated, info = game.step(action)
        reward, over = float(reward), bool(terminated or truncated)
        total = state.total_reward + reward
        verdict = Verdict.scored(total, success=reward >= _SUCCESS, reason=text) if over else None
        return Turn(
            GemState(game, left(), total),
            f"\n{text}\n" if over else f"\n{_joined(text, info)}",
            reward,
            terminated=over,
            action_valid=reward != _FORMAT_ERROR,
            verdict=verdict,
        )

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``random`` and ``noop``; there is no oracle.

        ``random`` makes the game's own random move, or none where the game offers none.
        """
        return {
            "random": FunctionPolicy(self._random_move),
            "noop": FunctionPolicy(lambda prompt: ""),
        }

    def _random_move(self, prompt: Prompt) -> str:
        if self._state is None:
            raise ValueError("the random policy plays in the environment that asked")
        with _randomness(_seeded(prompt.seed)), contextlib.suppress(NotImplementedError):
            return str(copy.deepcopy(self._state.game).sample_random_action())
        return ""


def _made(game: str, options: dict[str, Any]) -> Any:
    check_version("gem-llm", tested=TESTED, extra="gem")
    if not game.startswith(_PREFIX):
        raise ValueError(
            f"game must be one of GEM's games, whose ids begin with {_PREFIX!r}, got {game!r}: its "
            "other environments need a network or score failures as wrong answers; for rg: use "
            "llmenvs/ReasoningGym-v0"
        )
    import difflib
    import inspect

    import gem  # type: ignore[import-untyped]  # it has no type information
    from gem.envs.registration import ENV_REGISTRY  # type: ignore[import-untyped]  # likewise

    if game not in ENV_REGISTRY:
        near = difflib.get_close_matches(game, ENV_REGISTRY)
        raise ValueError(f"GEM has no game {game!r}; did you mean one of {near}?")
    with _randomness(_seeded(0)):
        made = gem.make(game, **options)
    unknown = set(options) - set(inspect.signature(type(made)).parameters)
    if unknown:
        raise ValueError(f"game {game!r} has no options {sorted(unknown)}")
    return made


def _joined(text: str, info: Mapping[str, Any]) -> str:
    suffix = info.get("suffix", "")
    return f"{text}\n{suffix}\n" if suffix else f"{text}\n"


def _seeded(seed: int) -> tuple[Any, Any]:
    generator = random.Random(seed)  # noqa: S311 (no secret)
    return generator.getstate(), dict(np.random.MT19937(seed).state)


@contextlib.contextmanager
def _randomness(state: tuple[Any, Any]) -> Iterator[Any]:
    """Set the global generators, which games draw from, and put them back after.

    Yields a function that returns the state in which they were left.
    """
    with _LOCK:
        before = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002
        left: list[tuple[Any, Any]] = []
        try:
            yield lambda: left[0]
            left.append((random.getstate(), np.random.get_state(legacy=False)))  # noqa: NPY002
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
