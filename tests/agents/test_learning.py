"""Short runs of what `benchmarks/learning.py` measures at length: the optimum of a grid."""

from typing import Any

import pytest

from llmenvs.agents.planning import policy_values, value_iteration
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.ppo import PPOConfig, PPOTrainer
from llmenvs.agents.reinforce import ReinforceConfig, ReinforceTrainer
from llmenvs.agents.tabular import CellTokenizer, TabularModel
from llmenvs.agents.trainer import Trainer, iterate
from llmenvs.envs import GridWorldEnv
from llmenvs.running_episode import RolloutLimits

LIMITS = RolloutLimits(max_new_tokens=1)
TOKENIZER = CellTokenizer(4, 4)


def envs(**options: Any) -> list[GridWorldEnv]:
    return [GridWorldEnv(random_start=True, tokenizer=TOKENIZER, **options) for _ in range(64)]


def gap(env: GridWorldEnv, model: TabularModel) -> float:
    """Return by how much the greedy policy falls short of the optimum, in its worst cell."""
    optimal = value_iteration(env.P).v
    return float((optimal - policy_values(env.P, model.greedy_moves())).max())


@pytest.mark.slow
def test_ppo_reaches_the_optimum_of_value_iteration() -> None:
    model = TabularModel(TOKENIZER)
    grid = envs()
    config = PPOConfig(
        batch_size=128,
        learning_rate=0.05,
        minibatch_size=32,
        entropy_coefficient=0.02,
        bootstrap_truncated=True,
        limits=LIMITS,
    )
    list(iterate(PPOTrainer(grid, TransformerPolicy(model, TOKENIZER), config), 50))

    assert gap(grid[0], model) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_reinforce_reaches_the_optimum_from_the_start_of_the_series() -> None:
    model = TabularModel(TOKENIZER)
    grid = envs()
    config = ReinforceConfig(learning_rate=0.1, entropy_coefficient=0.3, limits=LIMITS)
    list(iterate(ReinforceTrainer(grid, TransformerPolicy(model, TOKENIZER), config), 60))
    values = policy_values(grid[0].P, model.greedy_moves())

    assert values[0] == pytest.approx(2.0)


def test_without_rewards_to_tell_moves_apart_nothing_is_learned() -> None:
    """The control: one turn, no terminal in reach, every move costs the same."""
    row = {"width": 4, "height": 4, "start": [0, 0], "terminals": [[3, 3, 5]]}
    grid = [GridWorldEnv(tasks=[row], max_turns=1, tokenizer=TOKENIZER) for _ in range(16)]
    model = TabularModel(TOKENIZER)
    trainer: Trainer = PPOTrainer(
        grid, TransformerPolicy(model, TOKENIZER), PPOConfig(batch_size=32, limits=LIMITS)
    )
    list(iterate(trainer, 3))

    assert not model.table.any()


def test_cells_and_moves_are_tokens() -> None:
    env = GridWorldEnv(tokenizer=TOKENIZER)
    _, info = env.reset(seed=0)
    env.step("right")

    assert list(info["token_ids"]) == [0]
    assert list(env.transcript.token_ids) == [0, 19, 1]
    assert TOKENIZER.decode([0, 16, 17]) == "up down"
    assert TOKENIZER.encode("neither") == []
