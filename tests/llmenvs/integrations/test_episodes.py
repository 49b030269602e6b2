"""A row names its episode, and plays as that episode whoever plays it."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations.episodes import EnvPool, EpisodeSpec, draw_episodes
from llmenvs.integrations.playing import play_episode, renderer_for
from llmenvs.policy import Prompt
from llmenvs.running_episode import RolloutLimits
from llmenvs.tokenizers import ByteTokenizer
from llmenvs.transcript import Completion

GRID = "llmenvs/GridWorld-v0"
LIMITS = RolloutLimits()
JSON = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5))


@given(st.text(), st.none() | st.text(), st.integers(0, 2**63), JSON)
def test_a_spec_survives_json(
    env_id: str, task_id: str | None, seed: int, options: dict[str, Any]
) -> None:
    spec = EpisodeSpec(env_id, task_id, seed, options)
    record = json.loads(json.dumps({**spec.to_dict(), "more": 1}))

    assert EpisodeSpec.from_dict(record, column="label") == spec


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (None, "label must hold env_id, task_id and seed of an episode, got None"),
        ({"task_id": "x"}, "label must hold env_id"),
        ({"env_id": GRID, "seed": "x"}, "seed must be a number and env_options JSON in label"),
        ({"env_id": GRID, "env_options": "{"}, "env_options JSON"),
        ({"env_id": GRID, "env_options": 3}, "env_options JSON"),
    ],
)
def test_a_record_that_names_no_episode_is_refused(record: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EpisodeSpec.from_dict(record, column="label")


def test_episodes_follow_from_their_seed_and_start_as_they_say() -> None:
    first = draw_episodes(GRID, num_episodes=4, seed=1)
    again = draw_episodes(GRID, num_episodes=2, seed=1)
    other = draw_episodes(GRID, num_episodes=4, seed=2)

    assert first[:2] == again
    assert not {e.spec.seed for e in first} & {e.spec.seed for e in other}
    env = first[3].spec.make()
    text, _ = env.reset(seed=first[3].spec.seed, options={"task_id": first[3].spec.task_id})
    assert text == "".join(message["content"] for message in first[3].messages)


def test_episodes_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ValueError, match="num_episodes must be at least 1, got 0"):
        draw_episodes(GRID, num_episodes=0)
    with pytest.raises(ValueError, match="JSON-ready"):
        draw_episodes(GRID, num_episodes=1, env_options={"max_turns": {1}})
    with pytest.raises(ValueError, match="no_such_option"):
        draw_episodes(GRID, num_episodes=1, env_options={"no_such_option": 1})


def test_a_pool_lends_each_environment_to_one_episode_and_again_after_it() -> None:
    pool, spec = EnvPool(), EpisodeSpec(GRID)
    with pool.borrow(spec) as one, pool.borrow(spec) as two:
        assert one is not two
    with pool.borrow(spec) as again:
        assert again in (one, two)
    with pool.borrow(EpisodeSpec(GRID, env_options={"max_turns": 3})) as other:
        assert other not in (one, two)


class Mover:
    """Samples the same move; fails at its turn ``fails_at``."""

    def __init__(self, fails_at: int | None = None) -> None:
        self._fails_at = fails_at
        self._turn = 0

    async def act_one(self, prompt: Prompt) -> Completion:
        self._turn += 1
        if self._turn - 1 == self._fails_at:
            raise RuntimeError("the server is gone")
        ids = ByteTokenizer().encode("<action>up</action>")
        return Completion.from_tokens(ByteTokenizer(), ids, logprobs=[-0.5] * len(ids))


def _play(spec: EpisodeSpec, policy: Mover) -> Any:
    renderer = renderer_for(ByteTokenizer())
    played = play_episode(spec, policy, pool=EnvPool(), renderer=renderer, limits=LIMITS)
    return asyncio.run(played)


def test_a_fault_is_raised_before_the_first_turn_and_kept_as_undecided_after_it() -> None:
    assert _play(EpisodeSpec(GRID, seed=3), Mover()).valid
    with pytest.raises(ValueError, match=r"task 'none' in 'llmenvs/GridWorld-v0' cannot start"):
        _play(EpisodeSpec(GRID, "none"), Mover())
    with pytest.raises(RuntimeError, match="the server is gone"):
        _play(EpisodeSpec(GRID), Mover(fails_at=0))
    late = _play(EpisodeSpec(GRID), Mover(fails_at=2))

    assert not late.valid
    assert len(late.turn_rewards) == 2
