"""A run of training leaves what it says, goes on exactly where it was, and stops when it must."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from llmenvs import ByteTokenizer, RolloutLimits, Trajectory
from llmenvs.agents.algorithms import ALGORITHMS
from llmenvs.agents.checkpoints import CheckpointError
from llmenvs.agents.grpo import GRPOConfig
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.train import TrainingStopped, train
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.trainer import Iteration
from llmenvs.agents.transformer import Transformer, TransformerConfig

LETTER, NAN = "llmenvs_tests/Letter-v0", "llmenvs_tests/NaN-v0"
DEAD, UNDECIDED = "llmenvs_tests/Dead-v0", "llmenvs_tests/Undecided-v0"
LIMITS = RolloutLimits(max_new_tokens=2, max_episode_tokens=120)
SETTINGS = GRPOConfig(num_groups=2, group_size=2, num_epochs=1, limits=LIMITS)
CONFIG = TrainConfig("grpo", {LETTER: 1.0}, SETTINGS, iterations=6, num_envs=4, save_every=2)
CLOCK = ("wall_s", "tokens_per_s", "memory_bytes")


def curve(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "model/weights.pt", weights_only=True)
    return found


def assert_same_run(one: Path, other: Path) -> None:
    assert curve(one) == curve(other)
    assert (one / "transcripts.jsonl").read_bytes() == (other / "transcripts.jsonl").read_bytes()
    for name, values in weights(one).items():
        assert torch.equal(values, weights(other)[name])


def interrupt(config: TrainConfig, out: Path, *, after: int) -> None:
    """Stop in the middle of the run, as a kill between two iterations does."""

    def stop(iteration: Iteration) -> None:
        if iteration.number + 1 == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, out, on_iteration=stop)


def test_a_run_leaves_its_config_metrics_transcripts_checkpoints_model_and_summary(
    tmp_path: Path,
) -> None:
    summary = train(replace(CONFIG, transcripts_every=3, num_transcripts=2), tmp_path)
    transcripts = (tmp_path / "transcripts.jsonl").read_text().splitlines()

    assert json.loads((tmp_path / "run.json").read_text())["group_size"] == 2
    assert [row["iteration"] for row in curve(tmp_path)] == list(range(6))
    assert [json.loads(line)["iteration"] for line in transcripts] == [0, 0, 3, 3]
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["000004", "000006"]
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert (summary["episodes"], summary["iterations"]) == (24, 6)
    assert 0.0 <= summary["reward_mean"] <= 2.0
    assert summary["valid_share"] == 1.0
    assert {"kl", "length_mean", "tokens_per_s", "memory_bytes", "success_mean"} <= set(
        json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    )


@pytest.mark.parametrize("after", [1, 3, 4])
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, after: int) -> None:
    config = replace(CONFIG, curriculum=True, transcripts_every=1)
    train(config, tmp_path / "whole")
    interrupt(config, tmp_path / "stopped", after=after)
    train(config, tmp_path / "stopped")

    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
    assert any(row["loss"] != 0.0 for row in curve(tmp_path / "whole"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_goes_on_bit_for_bit(tmp_path: Path, algorithm: str) -> None:
    small: dict[str, Any] = {"limits": LIMITS, "num_groups": 2, "group_size": 2, "batch_size": 4}
    kind = ALGORITHMS[algorithm].settings
    known = {k: v for k, v in small.items() if k in kind.__dataclass_fields__}
    config = TrainConfig(
        algorithm,
        {LETTER: 1.0},
        kind(**known),
        iterations=4,
        num_envs=4,
        save_every=3,
        data_episodes=8,
    )
    train(config, tmp_path / "whole")
    interrupt(config, tmp_path / "stopped", after=3)
    train(config, tmp_path / "stopped")

    assert curve(tmp_path / "whole") == curve(tmp_path / "stopped")
    assert any(row["loss"] != 0.0 for row in curve(tmp_path / "whole"))
    for name, values in weights(tmp_path / "whole").items():
        assert torch.equal(values, weights(tmp_path / "stopped")[name])


def test_a_finished_run_takes_more_iterations(tmp_path: Path) -> None:
    train(replace(CONFIG, iterations=8), tmp_path / "whole")
    train(replace(CONFIG, iterations=5), tmp_path / "longer")
    train(replace(CONFIG, iterations=8), tmp_path / "longer")

    assert_same_run(tmp_path / "whole", tmp_path / "longer")


def test_a_corrupt_checkpoint_is_refused_and_the_older_one_goes_on(tmp_path: Path) -> None:
    train(replace(CONFIG, iterations=8), tmp_path / "whole")
    train(CONFIG, tmp_path / "damaged")
    state = tmp_path / "damaged/checkpoints/000006/state.pt"
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 1
    state.write_bytes(data)
    longer = replace(CONFIG, iterations=8)
    with pytest.raises(CheckpointError, match=r"000006/state.pt is corrupt.*resume_from=4"):
        train(longer, tmp_path / "damaged")
    assert state.read_bytes() == data
    assert len(curve(tmp_path / "damaged")) == 6
    train(longer, tmp_path / "damaged", resume_from=4)

    assert_same_run(tmp_path / "whole", tmp_path / "damaged")


def test_the_folder_of_another_run_is_refused_unless_it_may_be_dropped(tmp_path: Path) -> None:
    train(CONFIG, tmp_path)
    other = replace(CONFIG, seed=1)
    before = curve(tmp_path)
    with pytest.raises(ValueError, match="holds another run: its seed is 0, not 1"):
        train(other, tmp_path)
    assert curve(tmp_path) == before
    with pytest.raises(ValueError, match=r"its learning_rate is 0\.001, not 0\.1"):
        train(replace(CONFIG, settings=replace(SETTINGS, learning_rate=0.1)), tmp_path)
    train(other, tmp_path, overwrite=True)

    assert curve(tmp_path) != before


def test_a_reward_that_is_nan_leaves_its_episode_out(tmp_path: Path) -> None:
    summary = train(replace(CONFIG, envs={NAN: 1.0}), tmp_path)

    assert 0.0 < summary["valid_share"] < 1.0
    assert any(row["loss"] != 0.0 for row in curve(tmp_path))


def test_a_dead_environment_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped, match=r"no episode of the last 3.*the sandbox is gone"):
        train(replace(CONFIG, envs={DEAD: 1.0}), tmp_path)


def test_undecided_groups_change_nothing_and_the_run_goes_on(tmp_path: Path) -> None:
    summary = train(replace(CONFIG, envs={UNDECIDED: 1.0}, iterations=8), tmp_path)

    assert 0.0 < summary["valid_share"] < 1.0


def test_weights_that_are_not_finite_stop_the_run(tmp_path: Path) -> None:
    def spoil(iteration: Iteration) -> None:
        if iteration.number == 3:
            with torch.no_grad():
                model.head.weight.fill_(float("nan"))

    model = Transformer(TransformerConfig(vocab_size=257, max_length=128, width=8))
    policy = TransformerPolicy(model, ByteTokenizer())
    with pytest.raises(
        TrainingStopped,
        match=r"iteration 4: the model's logits are not.*after 4 iterations, is kept",
    ):
        train(CONFIG, tmp_path, policy=policy, on_iteration=spoil)
    fresh = TransformerPolicy(
        Transformer(TransformerConfig(vocab_size=257, max_length=128, width=8)), ByteTokenizer()
    )

    assert train(CONFIG, tmp_path, policy=fresh)["iterations"] == 6


def test_environments_are_mixed_by_weight(tmp_path: Path) -> None:
    seen: list[Trajectory] = []
    config = replace(
        CONFIG, envs={LETTER: 0.7, UNDECIDED: 0.3}, settings=replace(SETTINGS, num_groups=40)
    )
    train(
        replace(config, iterations=2),
        tmp_path,
        on_iteration=lambda iteration: seen.extend(iteration.trajectories),
    )
    share = sum(t.info["task_id"].startswith(LETTER) for t in seen) / len(seen)

    assert share == pytest.approx(0.7, abs=0.15)


def test_tensorboard_gets_the_metrics_once(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = replace(CONFIG, tensorboard=True)
    interrupt(config, tmp_path, after=3)
    train(config, tmp_path)
    events = reader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()

    assert [event.step for event in events.Scalars("reward_mean")] == list(range(6))


def test_given_episodes_are_played_once_and_kept(tmp_path: Path) -> None:
    config = TrainConfig(
        "sft", {LETTER: 1.0}, iterations=2, num_envs=4, data_episodes=12, solved_only=True
    )
    train(config, tmp_path)
    before = (tmp_path / "data.jsonl").read_bytes()
    train(replace(config, iterations=3), tmp_path)
    again = replace(config, data=str(tmp_path / "data.jsonl"))
    train(again, tmp_path / "again")

    assert (tmp_path / "data.jsonl").read_bytes() == before
    assert (tmp_path / "again/data.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": "grpu"}, "algorithm must be one of"),
        ({"envs": {}}, "envs must have weights above 0"),
        ({"envs": {LETTER: -1.0}}, "envs must have weights above 0"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"keep_checkpoints": 1}, "keep_checkpoints must be at least 2, got 1"),
        ({"algorithm": "sft", "settings": None, "curriculum": True}, "needs an algorithm that"),
        ({"algorithm": "ppo"}, "settings of ppo must be a PPOConfig, got a GRPOConfig"),
    ],
)
def test_impossible_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"envs": {"llmenvs/GridWorl-v0": 1.0}}, "'llmenvs/GridWorl-v0' cannot be made"),
        ({"envs": {"CartPole-v1": 1.0}}, "must be a TextEnv, got CartPoleEnv"),
        ({"env_options": {"max_turn": 3}}, "cannot be made: .*max_turn"),
        ({"env_options": {"x:max_turns": 3}}, "is of none of the environments"),
        (
            {"renderer": "chat"},
            "renderer 'chat' needs a tokenizer of transformers.*got a FastTokenizer",
        ),
        ({"device": "cud"}, "device 'cud' cannot be used"),
        ({"model": "no/such/model"}, "'no/such/model' is neither 'tiny' nor a folder"),
    ],
)
def test_what_cannot_be_made_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        train(replace(CONFIG, **changes), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_bad_input_loses_nothing_of_the_run_that_it_was_to_replace(tmp_path: Path) -> None:
    train(CONFIG, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for changes in ({"model": "no/such/model"}, {"envs": {"no-v0": 1.0}}):
        with pytest.raises(ValueError, match="no"):
            train(replace(CONFIG, **changes), tmp_path, overwrite=True)
    bad_data = TrainConfig("sft", {LETTER: 1.0}, data="nowhere.jsonl")
    with pytest.raises(ValueError, match="data must be policy, oracle, random, noop or a file"):
        train(bad_data, tmp_path, overwrite=True)

    assert {path: path.read_bytes() for path in before} == before
