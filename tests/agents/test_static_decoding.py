"""Decoding in fixed shapes gives the tokens of the usual decoding, whoever finishes when."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmenvs import RolloutLimits, rollout
from llmenvs.agents.decoding import RecomputingDecoder
from llmenvs.agents.grpo import GRPOConfig
from llmenvs.agents.optimization import frozen_copy
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.train import train
from llmenvs.agents.train_config import TrainConfig
from llmenvs.testing import GuessDigitEnv

MakePolicy = Callable[..., TransformerPolicy]
LIMITS = RolloutLimits(max_new_tokens=9, max_episode_tokens=500)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA")


def pair(chat_policy: MakePolicy, device: str = "cpu") -> tuple[TransformerPolicy, Any]:
    usual, static = chat_policy(), chat_policy()
    for policy in (usual, static):
        policy.model.to(device)
    model: Any = static.model
    model.decode_statically()
    return usual, static


def check_decoding(usual: TransformerPolicy, static: Any, num_steps: int) -> None:
    """Rows are read, repeated, dropped and kept; the room is outgrown on the way."""
    device = usual.device
    decoder, plain = static.model.decoder(), RecomputingDecoder(usual.model, device=device)
    sequences = [[5, 6, 7], [9], [4] * 245]
    steps = [[0, 0, 1, 2, 2], [0, 1, 2, 3, 4], [4, 1, 0], [0, 2]]
    with torch.inference_mode():
        close(decoder.start(sequences), plain.start(sequences))
        for rows in [*steps, *[[1, 0]] * num_steps]:
            new = torch.tensor([11 + row for row in rows])
            found = decoder.advance(torch.tensor(rows), new)
            close(found, plain.advance(torch.tensor(rows), new))
        states = [decoder.keep(row) for row in (0, 1)]
        longer = [[*sequence, 8, 8] for sequence in plain._sequences]
        assert all(
            len(kept) == len(sequence) - 2 for kept, sequence in zip(states, longer, strict=True)
        )
        close(decoder.start(longer, states), plain.start(longer))
        close(
            decoder.advance(torch.tensor([1]), torch.tensor([3])),
            plain.advance(torch.tensor([1]), torch.tensor([3])),
        )


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_the_logits_are_those_of_reading_everything(chat_policy: MakePolicy) -> None:
    check_decoding(*pair(chat_policy), num_steps=12)


@pytest.mark.gpu
@needs_gpu
def test_the_compiled_graph_gives_them_too(chat_policy: MakePolicy) -> None:
    check_decoding(*pair(chat_policy, "cuda"), num_steps=12)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_episodes_are_the_same(chat_policy: MakePolicy, precision: str) -> None:
    played = []
    for policy in pair(chat_policy):
        policy.precision = precision
        envs: Any = [GuessDigitEnv(tokenizer=policy.tokenizer) for _ in range(3)]
        played.append(rollout(envs, policy, seeds=range(5), limits=LIMITS))
    for one, other in zip(*played, strict=True):
        if precision == "fp32":
            assert one.token_ids.tolist() == other.token_ids.tolist()
            np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-4)
        assert one.valid
        assert other.valid


def test_a_run_decodes_so_where_asked_and_its_reference_too(
    tmp_path: Path, chat_policy: MakePolicy
) -> None:
    settings = GRPOConfig(num_groups=2, group_size=2, kl_coefficient=0.1, limits=LIMITS)
    envs = {"llmenvs_tests/Letter-v0": 1.0}
    config = TrainConfig("grpo", envs, settings, num_envs=4, iterations=2, static_decoding=True)
    assert train(config, tmp_path, policy=chat_policy())["valid_share"] == 1.0
    with pytest.raises(ValueError, match="static_decoding needs a model of transformers, got a T"):
        train(TrainConfig("grpo", envs, static_decoding=True), tmp_path / "tiny")


def test_a_copy_does_not_decode_with_the_model_that_it_was_made_of(
    chat_policy: MakePolicy,
) -> None:
    _, static = pair(chat_policy)
    copied = frozen_copy(static)
    with torch.no_grad():
        for parameter in static.model.parameters():
            parameter.mul_(0.5)
    with torch.inference_mode():
        decoder: Any = copied.model.decoder()  # type: ignore[operator]
        decoder.start([[5, 6]])
        found = decoder.advance(torch.tensor([0]), torch.tensor([7]))
        close(found, copied.model(torch.tensor([[5, 6, 7]]))[:, -1])
