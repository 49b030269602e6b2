"""Settings that save memory change nothing else, and a lack of it names those that are left."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from llmenvs import RolloutLimits
from llmenvs.agents.algorithms import ALGORITHMS
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.memory import is_out_of_memory, memory_advice
from llmenvs.agents.model_files import save_model
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.train import TrainingStopped, train
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.trainer import Iteration

MakePolicy = Callable[..., TransformerPolicy]
LETTER = {"llmenvs_tests/Letter-v0": 1.0}
LIMITS = RolloutLimits(max_new_tokens=4, max_episode_tokens=400)


def first_losses(start: Path, out: Path, algorithm: str, **settings: Any) -> list[float]:
    kind = ALGORITHMS[algorithm].settings
    small: dict[str, Any] = {
        "limits": LIMITS,
        "num_groups": 3,
        "group_size": 2,
        "batch_size": 6,
        "learning_rate": 1e-2,
    }
    known = {k: v for k, v in {**small, **settings}.items() if k in kind.__dataclass_fields__}
    config = TrainConfig(algorithm, LETTER, kind(**known), model=str(start))
    losses: list[float] = []
    train(
        replace(config, iterations=2, num_envs=6, data_episodes=8),
        out,
        on_iteration=lambda iteration: losses.append(iteration.update["loss"]),
    )
    return losses


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_packing_by_tokens_changes_nothing_else(
    tmp_path: Path, chat_policy: MakePolicy, algorithm: str
) -> None:
    save_model(tmp_path / "start", chat_policy())
    whole = first_losses(tmp_path / "start", tmp_path / "whole", algorithm)
    packed = first_losses(
        tmp_path / "start", tmp_path / "packed", algorithm, micro_batch_tokens=150
    )
    assert packed == pytest.approx(whole, rel=1e-3, abs=1e-5)
    assert any(loss != 0.0 for loss in whole)


def test_a_run_with_everything_that_saves_memory_learns(
    tmp_path: Path, chat_policy: MakePolicy
) -> None:
    pytest.importorskip("peft")
    save_model(tmp_path / "start", chat_policy())
    settings = GRPOConfig(
        num_groups=2,
        group_size=4,
        learning_rate=1e-2,
        kl_coefficient=0.1,
        importance_cap=2.0,
        micro_batch_tokens=200,
        limits=LIMITS,
    )
    config = TrainConfig(
        "grpo",
        LETTER,
        settings,
        model=str(tmp_path / "start"),
        iterations=2,
        num_envs=8,
        precision="bf16",
        lora_rank=2,
        gradient_checkpointing=True,
        reference_device="cpu",
    )
    iterations: list[Iteration] = []
    train(config, tmp_path / "run", on_iteration=iterations.append)
    moved = iterations[-1].update

    assert moved["ref_kl"] > 0.0
    assert 0.5 < moved["importance_weight"] < 1.5
    assert moved["grad_norm"] > 0.0


class _Exhausted(TransformerPolicy):
    """Samples, and has no memory left for the update."""

    def logprobs(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")


def test_a_lack_of_memory_ends_the_run_with_the_settings_that_are_left(
    tmp_path: Path, chat_policy: MakePolicy
) -> None:
    whole = chat_policy()
    policy = _Exhausted(whole.model, whole.tokenizer)
    settings = GRPOConfig(
        num_groups=2, group_size=4, micro_batch_size=2, kl_coefficient=0.1, limits=LIMITS
    )
    config = TrainConfig("grpo", LETTER, settings, iterations=2, num_envs=8, model="large")
    with pytest.raises(TrainingStopped) as stopped:
        train(config, tmp_path, policy=policy)
    message = str(stopped.value)

    for knob in (
        "lower micro_batch_size (now 2)",
        "micro_batch_tokens (now all at once)",
        "precision bf16",
        "gradient_checkpointing on",
        "lora_rank 16",
        "reference_device cpu",
        "max_episode_tokens (now 400)",
        "Tried to allocate 2 GiB",
        "there is no checkpoint yet",
    ):
        assert knob in message
    assert "\n" not in message


def test_what_is_turned_already_is_not_named_again() -> None:
    settings = GRPOConfig(micro_batch_size=1)
    config = TrainConfig(
        "grpo", LETTER, settings, precision="bf16", lora_rank=2, gradient_checkpointing=True
    )
    advice = memory_advice(config, RuntimeError("no memory"))
    assert "max_episode_tokens" in advice
    for knob in ("micro_batch", "precision", "gradient_checkpointing", "lora", "reference_device"):
        assert knob not in advice


def test_the_cpu_s_lack_of_memory_is_known_and_another_error_is_not() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_the_reference_stays_where_it_was_put(chat_policy: MakePolicy) -> None:
    policy = chat_policy(reference_device=torch.device("meta"))
    trainer = GRPOTrainer([], policy, GRPOConfig(kl_coefficient=0.1))
    reference = trainer._learner.reference
    assert reference is not None
    assert reference.device.type == "meta"
    assert policy.device.type == "cpu"


def test_a_device_that_is_not_there_is_named(tmp_path: Path, chat_policy: MakePolicy) -> None:
    config = TrainConfig("grpo", LETTER, reference_device="cud")
    with pytest.raises(ValueError, match="reference_device 'cud' cannot be used"):
        train(config, tmp_path, policy=chat_policy())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA")
@pytest.mark.parametrize("static_decoding", [False, True])
def test_a_run_on_a_gpu_with_everything_that_saves_its_memory(
    tmp_path: Path, chat_policy: MakePolicy, static_decoding: bool
) -> None:
    pytest.importorskip("peft")
    save_model(tmp_path / "start", chat_policy())
    settings = GRPOConfig(
        num_groups=2,
        group_size=4,
        kl_coefficient=0.1,
        importance_cap=2.0,
        micro_batch_tokens=200,
        limits=LIMITS,
    )
    config = TrainConfig(
        "grpo",
        LETTER,
        settings,
        model=str(tmp_path / "start"),
        iterations=2,
        num_envs=8,
        device="cuda",
        precision="bf16",
        lora_rank=2,
        gradient_checkpointing=True,
        static_decoding=static_decoding,
        reference_device="cpu",
    )
    summary = train(config, tmp_path / "run")
    assert summary["valid_share"] == 1.0
    assert summary["memory_bytes"] == torch.cuda.max_memory_allocated()
