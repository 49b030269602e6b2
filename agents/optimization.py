"""`Learner`: the weights that a trainer moves, how it moves them, and how far it has come."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from llmenvs.agents.distributed import add_gradients, share_weights
from llmenvs.agents.lora import are_unlearned, copy_learned, without_adapters
from llmenvs.agents.policy import TransformerPolicy


@dataclass(frozen=True, slots=True)
class Descent:
    """One update.

    Attributes:
        loss: the sum of the losses of its micro-batches.
        grad_norm: the norm of the gradient before it was clipped.
    """

    loss: float
    grad_norm: float


class Learner:
    """A policy, the modules that learn or stand still beside it, and one optimizer.

    Args:
        policy: what learns.
        learning_rate: of AdamW, which is used without weight decay.
        max_grad_norm: where the norm of the whole gradient is clipped.
        seed: of everything that is random in training.
        critic: learns too, with the same optimizer.
        reference: stands still; kept in the state, since a run that is taken up again starts from
            other weights than those it began with. One that is the policy with its adapters off has
            nothing to be kept.

    Weights of the policy or the critic that do not learn are not in the state: whoever goes on from
    it has them.
    """

    def __init__(
        self,
        policy: TransformerPolicy,
        *,
        learning_rate: float,
        max_grad_norm: float,
        seed: int,
        critic: nn.Module | None = None,
        reference: TransformerPolicy | None = None,
    ) -> None:
        self.policy = policy
        self.reference = reference
        self.num_iterations = 0
        self._seed = seed
        self._max_grad_norm = max_grad_norm
        self._modules = {"model": policy.model}
        if critic is not None:
            self._modules["critic"] = critic
        every = [p for module in self._modules.values() for p in module.parameters()]
        learned = {id(p): p for p in every if p.requires_grad}  # a critic may share the body
        self._parameters = list(learned.values())
        self._optimizer = torch.optim.AdamW(self._parameters, lr=learning_rate, weight_decay=0.0)
        if reference is not None and not _is_shared(reference.model, policy.model):
            self._modules["reference"] = reference.model
        share_weights(list(self._modules.values()))

    def rng(self) -> np.random.Generator:
        """Return the generator of the iteration that is next."""
        return np.random.default_rng([self._seed, self.num_iterations])

    def descend(self, losses: Iterable[Tensor]) -> Descent:
        """Take one step down the sum of ``losses``, each of which is freed before the next is made.

        Where several processes train together, down the sum of those of all of them.

        Raises:
            FloatingPointError: a loss or the gradient is not finite; the weights are left as they
                were.
        """
        self._optimizer.zero_grad()
        total = 0.0
        for loss in losses:
            loss.backward()
            total += loss.item()
        total = add_gradients(self._parameters, total)
        norm = float(nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm))
        if not np.isfinite(norm) or not np.isfinite(total):
            raise FloatingPointError(
                f"the loss is {total} and the norm of its gradient {norm} in iteration "
                f"{self.num_iterations}: look for NaN rewards or log-probabilities in the batch"
            )
        self._optimizer.step()
        return Descent(total, norm)

    def finish_iteration(self) -> int:
        """Count the iteration, and the policy's version; returns the iteration's number."""
        self.num_iterations += 1
        self.policy.version += 1
        return self.num_iterations - 1

    def state_dict(self) -> dict[str, Any]:
        """Return the weights, the optimizer's state and the counters."""
        return {
            "num_iterations": self.num_iterations,
            "policy_version": self.policy.version,
            "seed": self._seed,
            "optimizer": self._optimizer.state_dict(),
            **{name: _own_state(module) for name, module in self._modules.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken.

        Raises:
            ValueError: it has other entries, comes from another seed, or its weights do not fit.
        """
        expected = set(self.state_dict())
        if set(state) != expected:
            raise ValueError(f"the state must have {sorted(expected)}, got {sorted(state)}")
        if state["seed"] != self._seed:
            raise ValueError(
                f"the state comes from a run with seed {state['seed']}, this one has {self._seed}"
            )
        for name, module in self._modules.items():
            try:
                _load_own_state(module, state[name])
            except RuntimeError as error:  # torch's own message lists the weights
                raise ValueError(f"the weights of the {name} do not fit: {error}") from error
        self._optimizer.load_state_dict(state["optimizer"])
        self.num_iterations = state["num_iterations"]
        self.policy.version = state["policy_version"]


def frozen_copy(policy: TransformerPolicy) -> TransformerPolicy:
    """Return the policy as it is now, to be kept as the reference, on ``policy.reference_device``.

    Of a policy whose adapters have not learned anything yet, it is the policy without them: its
    weights are not copied.
    """
    model = (
        without_adapters(policy.model)
        if are_unlearned(policy.model)
        else copy_learned(policy.model).requires_grad_(requires_grad=False)
    )
    device = policy.reference_device
    if device is not None and device != policy.device:
        model = copy.deepcopy(model).to(device)
    return TransformerPolicy(
        model, policy.tokenizer, temperature=policy.temperature, precision=policy.precision
    )


def _own_state(module: nn.Module) -> dict[str, Tensor]:
    """Return the state of a module, but for what stands still in one of which a part learns."""
    state = module.state_dict()
    parameters = dict(module.named_parameters(remove_duplicate=False))
    if not any(p.requires_grad for p in parameters.values()):
        return state
    frozen = {name for name, p in parameters.items() if not p.requires_grad}
    return {name: values for name, values in state.items() if name not in frozen}


def _load_own_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load what `_own_state` returned; a RuntimeError says what does not fit."""
    own = set(_own_state(module))
    if set(state) != own:
        raise RuntimeError(f"it has no {sorted(own - set(state))}, and {sorted(set(state) - own)}")
    module.load_state_dict(state, strict=False)


def _is_shared(reference: nn.Module, model: nn.Module) -> bool:
    """Return whether all weights of ``reference`` are those of ``model`` themselves."""
    own = {id(p) for p in model.parameters()}
    return all(id(p) in own for p in reference.parameters())
