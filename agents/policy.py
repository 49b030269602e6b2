"""`TransformerPolicy`: a language model that acts in environments and can be trained.

Tokens are sampled with one generator for each prompt, seeded by ``Prompt.seed``, so that what a
prompt gets does not depend on the batch that it is in (but for rounding in the model).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from llmenvs.policy import Prompt
from llmenvs.tokenizers import Tokenizer
from llmenvs.transcript import Completion


class TransformerPolicy:
    """Samples from ``model`` until a stop string, the end of the turn, or the limit of tokens.

    Args:
        model: from token ids (B, T) to logits (B, T, V); it must be causal, since sequences are
            padded on the right.
        tokenizer: the environment's own.
        temperature: above 0, of the sampling and of `logprobs` alike, so that the ratio of new and
            old probabilities is 1 before the first update.
    """

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, *, temperature: float = 1.0) -> None:
        if temperature <= 0.0:
            raise ValueError(f"temperature must be above 0, got {temperature!r}")
        self.model = model
        self.tokenizer = tokenizer
        self.temperature = temperature
        self.version = 0
        """Counted up by the trainer with every update of the weights."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Sample one completion for each prompt."""
        rows = [_Row(prompt, list(prompt.token_ids)) for prompt in prompts]
        unfinished = list(rows)
        while unfinished:
            logprobs = self._next_logprobs([row.token_ids for row in unfinished])
            for row, row_logprobs in zip(unfinished, logprobs, strict=True):
                row.append(_draw(row_logprobs, row.generator), row_logprobs)
            unfinished = [row for row in unfinished if not self._is_finished(row)]
        return [self._completion(row) for row in rows]

    def logprobs(self, token_ids: Tensor) -> Tensor:
        """Return the log-probability of each token after those before it, with gradient.

        Args:
            token_ids: (B, T) int64, padded on the right.

        Returns:
            (B, T) in nats; 0.0 for the first token, which nothing predicts.
        """
        logits = self.model(token_ids[:, :-1]) / self.temperature
        return _taken(logits.log_softmax(-1), token_ids)

    def evaluate(
        self, token_ids: Tensor, *, value_head: Callable[[Tensor], Tensor] | None = None
    ) -> "Evaluation":
        """Return what an actor-critic needs to know of each token, with gradient.

        Args:
            token_ids: (B, T) int64, padded on the right.
            value_head: from the model's hidden states (B, T, width) to values (B, T). With it, the
                model must have ``hidden_states`` and ``head``, and its body is run once for both.
        """
        if value_head is None:
            logits, values = self.model(token_ids[:, :-1]), None
        else:
            hidden = self.model.hidden_states(token_ids)  # type: ignore[operator]  # see above
            logits, values = self.model.head(hidden[:, :-1]), value_head(hidden)  # type: ignore[operator]
        distribution = (logits / self.temperature).log_softmax(-1)
        entropy = -(distribution.exp() * distribution).sum(-1)
        return Evaluation(
            _taken(distribution, token_ids), nn.functional.pad(entropy, (1, 0)), values
        )

    @torch.inference_mode()
    def _next_logprobs(self, sequences: Sequence[Sequence[int]]) -> np.ndarray[tuple[int, int]]:
        lengths = [len(sequence) for sequence in sequences]
        if min(lengths) == 0:
            raise ValueError("a prompt must have at least one token: the model has nothing to read")
        padded = torch.zeros(len(sequences), max(lengths), dtype=torch.long)
        for row, sequence in enumerate(sequences):
            padded[row, : len(sequence)] = torch.tensor(sequence)
        logits = self.model(padded.to(self.device))
        last = logits[torch.arange(len(sequences)), torch.tensor(lengths) - 1]
        values: np.ndarray[tuple[int, int]] = (
            (last.float() / self.temperature).log_softmax(-1).cpu().numpy()
        )
        return values

    def _is_finished(self, row: "_Row") -> bool:
        generated = row.generated
        if len(generated) >= row.prompt.max_new_tokens:
            return True
        if generated[-1] == self.tokenizer.end_of_turn_id:
            return True
        text = self.tokenizer.decode(generated)
        return any(stop in text for stop in row.prompt.stop_strings)

    def _completion(self, row: "_Row") -> Completion:
        return Completion.from_tokens(
            self.tokenizer,
            row.generated,
            logprobs=row.logprobs,
            stop_strings=row.prompt.stop_strings,
            policy_version=self.version,
        )


class Evaluation(NamedTuple):
    """What a policy says of tokens; 0.0 for the first one, which nothing predicts.

    Attributes:
        logprobs: (B, T), of each token after those before it, in nats.
        entropy: (B, T), of the distribution from which the token was drawn, in nats.
        values: (B, T), at each position what the value head says of everything up to it, or None.
    """

    logprobs: Tensor
    entropy: Tensor
    values: Tensor | None


def _taken(distribution: Tensor, token_ids: Tensor) -> Tensor:
    """Return (B, T) of log-probabilities (B, T - 1, V), 0.0 for the first token."""
    taken = distribution.gather(-1, token_ids[:, 1:, None]).squeeze(-1)
    return nn.functional.pad(taken, (1, 0))


@dataclass(slots=True)
class _Row:
    """A completion as it grows."""

    prompt: Prompt
    token_ids: list[int]
    logprobs: list[float] = field(default_factory=list)
    generator: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.prompt.seed)

    @property
    def generated(self) -> list[int]:
        return self.token_ids[len(self.token_ids) - len(self.logprobs) :]

    def append(self, token_id: int, logprobs: "np.ndarray[tuple[int]]") -> None:
        self.token_ids.append(token_id)
        self.logprobs.append(min(0.0, float(logprobs[token_id])))


def _draw(logprobs: "np.ndarray[tuple[int]]", generator: np.random.Generator) -> int:
    """Draw by inverting the cumulative distribution: one uniform number for a token."""
    cumulative = np.exp(logprobs.astype(np.float64)).cumsum()
    drawn = np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right")
    return int(min(drawn, len(cumulative) - 1))
