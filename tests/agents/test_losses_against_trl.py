"""On the same tensors, our losses are those that TRL's own trainers compute, or differ as said.

TRL's loss code is a method of its trainers. It is called here on an object that has what the method
reads: the settings, and log-probabilities in place of a model.
"""

import warnings
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from llmenvs.agents.batching import TrainingBatch
from llmenvs.agents.grpo import GRPOConfig, grpo_loss
from llmenvs.agents.losses import dpo_loss

pytest.importorskip("trl", reason="trl is not installed")
pytest.importorskip("pandas", reason="trl's trainers need pandas")
pytest.importorskip("datasets", reason="trl's trainers need datasets")
pytest.importorskip("accelerate", reason="trl's trainers need accelerate")

B, T, CONSTANT = 4, 6, 9
ACCELERATOR = SimpleNamespace(
    num_processes=1,
    device=torch.device("cpu"),
    gather=lambda x: x,
    gather_for_metrics=lambda x: x,
    reduce=lambda x, reduction: x,
)


@pytest.fixture(scope="module")
def trl() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports
        from trl.trainer.dpo_trainer import DPOTrainer
        from trl.trainer.grpo_trainer import GRPOTrainer
    return SimpleNamespace(grpo=GRPOTrainer._compute_loss, dpo=DPOTrainer._compute_loss)


def tensors(seed: int) -> tuple[Tensor, TrainingBatch]:
    """Return log-probabilities with gradient, and a batch whose first column is a prompt."""
    g = torch.Generator().manual_seed(seed)
    logprobs = -torch.rand(B, T, generator=g, dtype=torch.double)
    on = torch.rand(B, T, generator=g) < 0.6
    on[:, 0], on[:, 1] = False, True  # TRL's means need a token in each completion
    weights = torch.randn(B, 1, generator=g, dtype=torch.double).expand(B, T)
    return logprobs.requires_grad_(), TrainingBatch(
        token_ids=torch.zeros(B, T, dtype=torch.long),
        loss_mask=on,
        old_logprobs=logprobs.detach() + 0.3 * torch.randn(B, T, generator=g, dtype=torch.double),
        weights=weights,
        episodes=torch.arange(B),
        ref_logprobs=logprobs.detach() + 0.3 * torch.randn(B, T, generator=g, dtype=torch.double),
    )


def trl_grpo(trl: Any, logprobs: Tensor, batch: TrainingBatch, **settings: Any) -> Tensor:
    """Return the loss of TRL's `GRPOTrainer`; what stands before the completion is left out."""
    shown = {
        "model": SimpleNamespace(training=False),
        "accelerator": ACCELERATOR,
        "aux_loss_enabled": False,
        "top_entropy_quantile": 1.0,
        "off_policy_mask_threshold": None,
        "importance_sampling_level": "token",
        "beta": 0.0,
        "epsilon_low": 0.2,
        "epsilon_high": 0.2,
        "args": SimpleNamespace(delta=None, use_bias_correction_kl=False),
        "use_vllm": "importance_sampling_ratio" in settings,
        "vllm_importance_sampling_correction": True,
        "max_completion_length": CONSTANT,
        "_entropy_bonus_enabled": False,
        "_metrics": {"eval": defaultdict(list)},
        "_get_per_token_logps_and_entropies": lambda *_, **__: (
            logprobs[:, 1:],
            torch.zeros(B, T - 1),
            None,
        ),
    }
    ratio = settings.pop("importance_sampling_ratio", None)
    assert batch.ref_logprobs is not None
    inputs = {
        "prompt_ids": batch.token_ids[:, :1],
        "prompt_mask": torch.ones(B, 1, dtype=torch.long),
        "completion_ids": batch.token_ids[:, 1:],
        "completion_mask": torch.ones(B, T - 1, dtype=torch.long),
        "tool_mask": batch.loss_mask[:, 1:].long(),
        "advantages": batch.weights[:, 0],
        "old_per_token_logps": batch.old_logprobs[:, 1:],
        "ref_per_token_logps": batch.ref_logprobs[:, 1:],
        "num_items_in_batch": batch.loss_mask.sum(),
        "importance_sampling_ratio": ratio,
    }
    loss: Tensor = trl.grpo(SimpleNamespace(**{**shown, **settings}), None, inputs)
    return loss


def check(ours: Tensor, theirs: Tensor, logprobs: Tensor) -> None:
    """Compare values and gradients."""
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, logprobs, retain_graph=True)[0] for loss in (ours, theirs))
    )


AGGREGATIONS: list[tuple[dict[str, Any], str]] = [
    ({"aggregation": "token"}, "dapo"),
    ({"aggregation": "token"}, "bnpo"),
    ({"aggregation": "sequence"}, "grpo"),
    ({"aggregation": "constant", "constant_length": CONSTANT}, "dr_grpo"),
]


@pytest.mark.parametrize(("settings", "loss_type"), AGGREGATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_the_clip_and_each_aggregation_with_a_kl_term(
    trl: Any, settings: dict[str, Any], loss_type: str, seed: int
) -> None:
    logprobs, batch = tensors(seed)
    config = GRPOConfig(kl_coefficient=0.07, clip_high=0.28, **settings)
    theirs = trl_grpo(trl, logprobs, batch, loss_type=loss_type, beta=0.07, epsilon_high=0.28)

    check(grpo_loss(logprobs, batch, config), theirs, logprobs)


@pytest.mark.parametrize("seed", range(3))
def test_the_ratio_of_a_whole_sequence(trl: Any, seed: int) -> None:
    """GSPO. TRL takes the ratio's gradient through the mean, ours is GSPO-token: they agree."""
    logprobs, batch = tensors(seed)
    batch = replace(batch, ref_logprobs=batch.old_logprobs)
    config = GRPOConfig(ratio="sequence", aggregation="sequence", clip_low=0.1, clip_high=0.1)
    theirs = trl_grpo(
        trl,
        logprobs,
        batch,
        loss_type="grpo",
        importance_sampling_level="sequence",
        epsilon_low=0.1,
        epsilon_high=0.1,
    )

    check(grpo_loss(logprobs, replace(batch, ref_logprobs=None), config), theirs, logprobs)


def test_truncated_importance_sampling_leaves_the_kl_term_alone(trl: Any) -> None:
    logprobs, batch = tensors(0)
    ratio = torch.rand(B, T, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    config = GRPOConfig(kl_coefficient=0.07, importance_cap=2.0)
    theirs = trl_grpo(
        trl,
        logprobs,
        batch,
        loss_type="dapo",
        beta=0.07,
        importance_sampling_ratio=ratio[:, 1:],
    )

    check(grpo_loss(logprobs, replace(batch, importance_weights=ratio), config), theirs, logprobs)


def test_where_means_of_micro_batches_differ_from_trls(trl: Any) -> None:
    """TRL's "grpo" and "bnpo" average micro-batches; ours add up to the loss of the whole batch.

    For the mean by token these are different numbers as soon as micro-batches hold different
    numbers of tokens: TRL's "bnpo" depends on how the batch is cut, which is why "dapo" was added.
    """
    logprobs, batch = tensors(0)
    config = GRPOConfig()
    batch = replace(batch, ref_logprobs=None)
    cuts = [torch.tensor([0]), torch.tensor([1, 2, 3])]
    ours = sum(grpo_loss(logprobs[i], _rows(batch, i), config, batch=batch) for i in cuts)

    torch.testing.assert_close(ours, grpo_loss(logprobs, batch, config))
    averaged = sum(grpo_loss(logprobs[i], _rows(batch, i), config) for i in cuts) / 2
    assert not torch.isclose(torch.as_tensor(averaged), torch.as_tensor(ours))


def _rows(batch: TrainingBatch, indices: Tensor) -> TrainingBatch:
    """Return rows without cutting columns, so that shapes fit the log-probabilities."""
    return TrainingBatch(
        batch.token_ids[indices],
        batch.loss_mask[indices],
        batch.old_logprobs[indices],
        batch.weights[indices],
        batch.episodes[indices],
    )


@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_dpos_sigmoid_loss_rewards_and_margins(trl: Any, beta: float) -> None:
    g = torch.Generator().manual_seed(0)
    per_token = (-torch.rand(2 * B, T - 1, generator=g, dtype=torch.double)).requires_grad_()
    ref = -torch.rand(2 * B, generator=g, dtype=torch.double)
    metrics: dict[str, dict[str, list[float]]] = {"eval": defaultdict(list)}
    outputs = SimpleNamespace(
        log_probs=per_token,
        entropy=torch.zeros(2 * B, T - 1),
        mean_logits=torch.zeros(2 * B, T - 1),
        is_top1=torch.zeros(2 * B, T - 1, dtype=torch.bool),
    )
    shown = SimpleNamespace(
        model=SimpleNamespace(training=False),
        accelerator=ACCELERATOR,
        aux_loss_enabled=False,
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        loss_types=["sigmoid"],
        loss_weights=[1.0],
        use_weighting=False,
        beta=beta,
        label_smoothing=0.0,
        _metrics=metrics,
        _total_train_tokens=0,
    )
    inputs = {
        "input_ids": torch.zeros(2 * B, T, dtype=torch.long),
        "completion_mask": torch.ones(2 * B, T, dtype=torch.long),
        "attention_mask": torch.ones(2 * B, T, dtype=torch.long),
        "ref_chosen_logps": ref[:B],
        "ref_rejected_logps": ref[B:],
    }
    theirs = trl.dpo(shown, lambda **_: outputs, inputs, return_outputs=False)
    sums = per_token.sum(1)
    ours = dpo_loss(sums[:B], sums[B:], ref[:B], ref[B:], beta=beta)
    rewards = beta * (sums - ref).detach()

    check(ours, theirs, per_token)
    margin = (rewards[:B] - rewards[B:]).mean().item()
    assert metrics["eval"]["rewards/margins"][0] == pytest.approx(margin)
