"""Adapters alone learn and are kept; the reference is the model without them, not a copy of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from llmenvs import ByteTokenizer, RolloutLimits
from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.checkpoints import CheckpointError
from llmenvs.agents.grpo import GRPOConfig
from llmenvs.agents.lora import add_lora, are_unlearned, fingerprint, has_adapters, without_adapters
from llmenvs.agents.model_files import load_policy, save_model
from llmenvs.agents.optimization import Learner, frozen_copy
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.ppo import PPOConfig
from llmenvs.agents.train import train
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.agents.value_model import SeparateCritic

pytest.importorskip("peft")
MakePolicy = Callable[..., TransformerPolicy]
TOKENS = torch.arange(12).view(2, 6)
LIMITS = RolloutLimits(max_new_tokens=3, max_episode_tokens=400)
LETTER = {"llmenvs_tests/Letter-v0": 1.0}
SETTINGS = GRPOConfig(
    num_groups=2, group_size=2, learning_rate=1e-2, kl_coefficient=0.1, limits=LIMITS
)


@pytest.fixture
def start(tmp_path: Path, chat_policy: MakePolicy) -> Path:
    save_model(tmp_path / "start", chat_policy())
    return tmp_path / "start"


def config(start: Path, **changes: Any) -> TrainConfig:
    known: dict[str, Any] = {"lora_rank": 2, "iterations": 4, "num_envs": 4, "save_every": 2}
    return TrainConfig("grpo", LETTER, SETTINGS, model=str(start), **{**known, **changes})


def learned(policy: TransformerPolicy) -> TransformerPolicy:
    generator = torch.Generator().manual_seed(1)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    return policy


def adapted(policy: TransformerPolicy, *, rank: int = 2, seed: int = 0) -> TransformerPolicy:
    add_lora(policy.model, rank=rank, seed=seed)
    return policy


def test_a_new_adapter_changes_nothing_and_alone_learns(chat_policy: MakePolicy) -> None:
    plain, policy = chat_policy(), adapted(chat_policy())
    names = [name for name, p in policy.model.named_parameters() if p.requires_grad]

    assert torch.equal(plain.model(TOKENS), policy.model(TOKENS))
    assert names
    assert all("lora_" in name for name in names)
    assert are_unlearned(policy.model)
    assert not are_unlearned(learned(policy).model)
    assert not are_unlearned(plain.model)


def test_its_weights_follow_the_seed_and_leave_the_global_generator_alone(
    chat_policy: MakePolicy,
) -> None:
    policies = [chat_policy() for _ in range(3)]
    before = torch.get_rng_state()
    states = [
        adapted(policy, seed=seed).model.state_dict()
        for policy, seed in zip(policies, (0, 0, 1), strict=True)
    ]
    assert torch.equal(before, torch.get_rng_state())
    same, other = (
        all(torch.equal(values, state[name]) for name, values in states[0].items())
        for state in states[1:]
    )
    assert same
    assert not other


def test_without_adapters_it_is_the_model_before_and_nothing_is_copied(
    chat_policy: MakePolicy,
) -> None:
    plain, policy = chat_policy(), learned(adapted(chat_policy()))
    bare = without_adapters(policy.model)

    assert torch.equal(bare(TOKENS), plain.model(TOKENS))
    assert not torch.equal(policy.model(TOKENS), plain.model(TOKENS))
    own = {id(p) for p in policy.model.parameters()}
    assert all(id(p) in own for p in bare.parameters())


def test_the_reference_stands_still_without_a_copy_of_the_weights(chat_policy: MakePolicy) -> None:
    policy = adapted(chat_policy())
    reference = frozen_copy(policy)
    before = reference.logprobs(TOKENS)
    learned(policy)

    assert torch.equal(reference.logprobs(TOKENS), before)
    own = {id(p) for p in policy.model.parameters()}
    assert all(id(p) in own for p in reference.model.parameters())
    assert reference.model is not policy.model


def test_the_reference_of_adapters_that_have_learned_has_them(chat_policy: MakePolicy) -> None:
    policy = learned(adapted(chat_policy()))
    reference = frozen_copy(policy)
    before = reference.logprobs(TOKENS)
    assert torch.equal(before, policy.logprobs(TOKENS))
    assert not any(p.requires_grad for p in reference.model.parameters())
    assert any(p.requires_grad for p in policy.model.parameters())
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter.mul_(0.5)
    assert torch.equal(reference.logprobs(TOKENS), before)


def test_the_state_of_a_learner_has_the_adapters_alone(chat_policy: MakePolicy) -> None:
    policy = adapted(chat_policy())
    options: dict[str, Any] = {"learning_rate": 1e-3, "max_grad_norm": 1.0, "seed": 0}
    critic = SeparateCritic(policy.model)
    learner = Learner(policy, critic=critic, reference=frozen_copy(policy), **options)
    state = learner.state_dict()

    assert "reference" not in state
    assert all("lora_" in name for name in state["model"])
    assert all("lora_" in name or name.startswith("head.") for name in state["critic"])
    learner.load_state_dict(state)
    state["model"] = {**state["model"], "stranger": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"the weights of the model do not fit.*stranger"):
        learner.load_state_dict(state)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # of peft
def test_what_was_saved_loads_with_peft_and_without(
    tmp_path: Path, chat_policy: MakePolicy
) -> None:
    from peft import PeftModel

    policy = learned(adapted(chat_policy()))
    save_model(tmp_path / "model", policy)
    merged = load_policy(str(tmp_path / "model"))
    base: Any = chat_policy().model
    with_peft = PeftModel.from_pretrained(base.model, tmp_path / "model" / "adapter")
    expected = policy.model(TOKENS)

    assert not has_adapters(merged.model)
    torch.testing.assert_close(merged.model(TOKENS), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(with_peft(TOKENS).logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("settings", [SETTINGS, PPOConfig(batch_size=4, critic="separate")])
def test_a_run_goes_on_bit_for_bit_from_adapters(
    tmp_path: Path, start: Path, settings: Any
) -> None:
    algorithm = "grpo" if settings is SETTINGS else "ppo"
    settings = replace(settings, limits=LIMITS)
    whole = replace(config(start), algorithm=algorithm, settings=settings)
    train(whole, tmp_path / "whole")
    train(replace(whole, iterations=2), tmp_path / "longer")
    train(whole, tmp_path / "longer")
    rows = [
        [
            {k: v for k, v in json.loads(line).items() if not k.endswith(("_s", "_bytes"))}
            for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        ]
        for name in ("whole", "longer")
    ]
    assert rows[0] == rows[1]
    assert any(row["loss"] != 0.0 for row in rows[0])
    sizes = [f.stat().st_size for f in (tmp_path / "whole/checkpoints").rglob("state.pt")]
    assert (
        max(sizes)
        < 3
        * (tmp_path / "whole/model/adapter/adapter_model.safetensors").stat().st_size
        * (2 if algorithm == "ppo" else 1)
        + 100_000
    )


def test_other_weights_under_the_adapters_are_refused(
    tmp_path: Path, start: Path, chat_policy: MakePolicy
) -> None:
    train(config(start, iterations=2), tmp_path / "run")
    save_model(start, chat_policy(seed=1))
    with pytest.raises(CheckpointError, match="made for other weights than those of model"):
        train(config(start), tmp_path / "run")


def test_a_fingerprint_sees_a_bit(chat_policy: MakePolicy) -> None:
    policy = adapted(chat_policy())
    before = fingerprint(policy.model)
    frozen = next(p for p in policy.model.parameters() if not p.requires_grad)
    assert fingerprint(adapted(chat_policy()).model) == before
    frozen.data.view(torch.int32)[0, 0] ^= 1
    assert fingerprint(policy.model) != before


def test_what_cannot_have_adapters_is_named(chat_policy: MakePolicy) -> None:
    with pytest.raises(ValueError, match="needs a model of transformers, got a Transformer"):
        add_lora(Transformer(TransformerConfig(vocab_size=257, width=8)), rank=2, seed=0)
    with pytest.raises(ValueError, match="lora_rank must be at least 1, got 0"):
        add_lora(chat_policy().model, rank=0, seed=0)
    with pytest.raises(ValueError, match="needs a model without adapters"):
        add_lora(adapted(chat_policy()).model, rank=2, seed=0)
    with pytest.raises(ValueError, match="lora_rank must be at least 1, got 0"):
        TrainConfig("grpo", LETTER, lora_rank=0)


def test_a_layer_that_stores_its_weight_the_other_way_round_is_merged_too(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes: dict[str, Any] = {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 257}
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_positions=32, **sizes))
    policy = TransformerPolicy(CausalLM(network), ByteTokenizer())
    with pytest.warns(UserWarning, match="fan_in_fan_out"):
        add_lora(policy.model, rank=2, seed=0)
    learned(policy)
    from llmenvs.agents.lora import save_merged

    save_merged(tmp_path, policy.model)  # type: ignore[arg-type]
    merged = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(merged(TOKENS).logits, policy.model(TOKENS), atol=1e-4, rtol=1e-4)
