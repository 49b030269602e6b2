"""`TransformerPolicy`: a language model that acts in environments and can be trained.

Tokens are sampled with one generator for each prompt, seeded by ``Prompt.seed``, so that what a
prompt gets does not depend on the batch that it is in (but for rounding in the model).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from llmenvs.agents.decoding import Decoder, decoder_of
from llmenvs.agents.kept_states import EpisodeCache, KeptStates
from llmenvs.agents.rounded_copy import RoundedCopy
from llmenvs.agents.settings import above, at_least, one_of
from llmenvs.agents.stopping import StopStrings
from llmenvs.agents.token_scores import (
    Features,
    SplitModel,
    TokenScores,
    features_at,
    score_tokens,
)
from llmenvs.policy import Prompt
from llmenvs.tokenizers import Tokenizer
from llmenvs.transcript import Completion

Precision = Literal["fp32", "bf16"]


class TransformerPolicy:
    """Samples from ``model`` until a stop string, the end of the turn, or the limit of tokens.

    What the model has read of an episode is kept until its next turn, of which only what is new is
    read then. It is forgotten when `version` changes.

    Args:
        model: from token ids (B, T) to logits (B, T, V); it must be causal, since sequences are
            padded on the right. A `LanguageModel` is sampled from with its cache.
        tokenizer: the environment's own. Ids that it does not have, such as the rows that pad an
            embedding to a round size, get no probability.
        temperature: above 0, of the sampling and of `logprobs` alike, so that the ratio of new and
            old probabilities is 1 before the first update.
        max_kept_bytes: of keys and values between the turns; 0 keeps none.
        precision: fp32, or bf16 for the products of an update, while the weights, their gradients
            and all probabilities stay in float32, and for a copy of the weights that is sampled
            from. What is sampled has other log-probabilities than the update computes, by some
            hundredths: that is what the ratio to the policy that sampled, and ``importance_cap`` of
            GRPO, correct.
        reference_device: where a copy of the policy as it begins is kept; beside it by default.
        chunk_tokens: how many tokens have logits at once in an update, at least 1.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer,
        *,
        temperature: float = 1.0,
        max_kept_bytes: int = 2 * 1024**3,
        precision: Precision = "fp32",
        reference_device: torch.device | None = None,
        chunk_tokens: int = 512,
    ) -> None:
        above(0.0, temperature=temperature)
        at_least(1, chunk_tokens=chunk_tokens)
        one_of(get_args(Precision), precision=precision)
        self.model = model
        self.tokenizer = tokenizer
        self.temperature = temperature
        self.precision = precision
        self.reference_device = reference_device
        self.chunk_tokens = chunk_tokens
        self.version = 0
        """Counted up by the trainer with every update of the weights."""
        self._rounded = RoundedCopy()
        self._episodes = EpisodeCache(max_kept_bytes)
        self._kept_version = self.version

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @torch.inference_mode()
    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Sample one completion for each prompt; equal prompts are read once."""
        if not all(len(prompt.token_ids) for prompt in prompts):
            raise ValueError("a prompt must have at least one token: the model has nothing to read")
        stops = {
            strings: StopStrings(self.tokenizer, strings)
            for strings in {tuple(prompt.stop_strings) for prompt in prompts}
        }
        rows = [_Row(prompt, stops[tuple(prompt.stop_strings)]) for prompt in prompts]
        is_bf16 = self.precision == "bf16"
        model = self._rounded.of(self.model) if is_bf16 else self.model
        decoder = decoder_of(model, device=self.device)
        logits, places = self._start(decoder, prompts)
        unfinished = rows
        while True:
            token_ids = self._draw(unfinished, logits)
            kept = []
            for index, row in enumerate(unfinished):
                if self._is_finished(row):
                    self._keep(decoder, places[index], row)
                else:
                    kept.append(index)
            if not kept:
                return [self._completion(row) for row in rows]
            unfinished = [unfinished[i] for i in kept]
            places = [places[i] for i in kept]
            logits = decoder.advance(torch.tensor(places), token_ids[kept])
            places = list(range(len(unfinished)))

    def forget_episodes(self) -> None:
        """Free what is kept between turns."""
        self._episodes.clear()

    def _start(self, decoder: Decoder, prompts: Sequence[Prompt]) -> tuple[Tensor, list[int]]:
        """Read the prompts, equal ones once; returns logits (B, V) and the place of each prompt."""
        if self._kept_version != self.version:
            self._episodes.clear()
            self._kept_version = self.version
        distinct: dict[tuple[int, ...], int] = {}
        kept: list[KeptStates | None] = []
        places = []
        for prompt in prompts:
            token_ids = tuple(prompt.token_ids)
            states = self._episodes.take(prompt.episode_id, token_ids)
            place = distinct.setdefault(token_ids, len(distinct))
            places.append(place)
            if place == len(kept):
                kept.append(states)
            elif kept[place] is None:
                kept[place] = states
        logits = decoder.start(list(distinct), kept)
        return logits[torch.tensor(places, device=self.device)], places

    def _keep(self, decoder: Decoder, place: int, row: "_Row") -> None:
        """Keep what has been read: everything but the token that was drawn last."""
        if self._episodes.max_bytes == 0:
            return
        states = decoder.keep(place)
        if states is not None:
            read = (*row.prompt.token_ids, *row.token_ids[:-1])
            self._episodes.put(row.prompt.episode_id, read, states)

    def logprobs(self, token_ids: Tensor, *, loss_mask: Tensor | None = None) -> Tensor:
        """Return the log-probability of each token after those before it, with gradient.

        Args:
            token_ids: (B, T) int64, padded on the right.
            loss_mask: (B, T) bool, the tokens that are asked about; all by default. With it,
                sequences that are equal up to their last such token are computed once, and the
                logits, the largest tensor of an update, exist at those tokens alone.

        Returns:
            (B, T) in nats; 0.0 for the first token, which nothing predicts, and off the mask.
        """
        wanted = torch.ones_like(token_ids, dtype=torch.bool) if loss_mask is None else loss_mask
        wanted = wanted[:, 1:]  # by the position that predicts
        length = int(wanted.any(dim=0).nonzero().max()) + 1 if bool(wanted.any()) else 0
        if length == 0:
            return torch.zeros(token_ids.shape, device=token_ids.device)
        rows, inverse = torch.unique(token_ids[:, : length + 1], dim=0, return_inverse=True)
        counts = torch.zeros(len(rows), length, dtype=torch.long, device=rows.device)
        asked = counts.index_add(0, inverse, wanted[:, :length].long()) > 0
        with self.autocast():
            features = features_at(self.model, rows[:, :-1], asked)
            taken = self._scores(features, rows[:, 1:][asked]).logprobs
        logprobs = torch.zeros(asked.shape, device=taken.device).masked_scatter(asked, taken)
        logprobs = torch.where(wanted[:, :length], logprobs[inverse], 0.0)
        return functional.pad(logprobs, (1, token_ids.shape[1] - 1 - length))

    def evaluate(
        self,
        token_ids: Tensor,
        *,
        loss_mask: Tensor,
        value_head: Callable[[Tensor], Tensor] | None = None,
    ) -> "Evaluation":
        """Return what an actor-critic needs to know of each token, with gradient.

        Args:
            token_ids: (B, T) int64, padded on the right.
            loss_mask: (B, T) bool, the tokens that are asked about.
            value_head: from hidden states (B, T, width) to values (B, T). With it, the model must
                be a `HiddenStates`, and its body is run once for both heads.
        """
        wanted = functional.pad(loss_mask[:, 1:], (0, 1))  # by the position that predicts
        targets = token_ids[:, 1:][wanted[:, :-1]]
        with self.autocast():
            features, values = self._features(token_ids, wanted, value_head)
            scores = self._scores(features, targets, with_entropy=True)
        assert scores.entropy is not None  # noqa: S101 (for mypy: it was asked for)
        empty = torch.zeros(token_ids.shape, device=token_ids.device)
        on = functional.pad(wanted[:, :-1], (1, 0))
        return Evaluation(
            empty.masked_scatter(on, scores.logprobs),
            empty.masked_scatter(on, scores.entropy),
            values,
        )

    def _features(
        self, token_ids: Tensor, wanted: Tensor, value_head: Callable[[Tensor], Tensor] | None
    ) -> tuple[Features, Tensor | None]:
        """Return the features where ``wanted`` is True, and the values if there is a head."""
        model: Any = self.model
        if value_head is None:
            return features_at(model, token_ids, wanted), None
        if isinstance(model, SplitModel) and model.has_plain_head:
            hidden = model.hidden_states(token_ids)
            return Features(hidden[wanted], model.head_logits), value_head(hidden)
        hidden, logits = model.hidden_and_logits_at(token_ids, wanted)
        return Features(logits, lambda chunk: chunk), value_head(hidden)

    def _scores(
        self, features: Features, targets: Tensor, *, with_entropy: bool = False
    ) -> TokenScores:
        return score_tokens(
            features,
            targets,
            known=self._known,
            chunk_tokens=self.chunk_tokens,
            with_entropy=with_entropy,
        )

    def autocast(self) -> torch.autocast:
        """Return the context in which the model learns, see ``precision``."""
        is_bf16 = self.precision == "bf16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=is_bf16)

    def _known(self, logits: Tensor) -> Tensor:
        """Return the logits of the tokenizer's ids, as they are sampled from."""
        return logits[..., : self.tokenizer.vocab_size].float() / self.temperature

    def _draw(self, rows: Sequence["_Row"], logits: Tensor) -> Tensor:
        """Append a token to each row, drawn by inverting the cumulative distribution; (B,) ids."""
        logprobs = self._known(logits).log_softmax(-1)
        cumulative = logprobs.double().exp().cumsum(-1)
        if not bool(cumulative[:, -1].isfinite().all()):
            raise FloatingPointError("the model's logits are not finite: its weights are spoiled")
        uniform = torch.tensor([[row.generator.random()] for row in rows], dtype=torch.float64)
        points = uniform.to(cumulative.device) * cumulative[:, -1:]
        drawn = torch.searchsorted(cumulative, points, right=True)
        drawn = drawn.clamp(max=logprobs.shape[-1] - 1)
        taken = logprobs.gather(-1, drawn).clamp(max=0.0)
        for row, token_id, logprob in zip(
            rows, drawn.flatten().tolist(), taken.flatten().tolist(), strict=True
        ):
            row.token_ids.append(token_id)
            row.logprobs.append(logprob)
        return drawn.flatten()

    def _is_finished(self, row: "_Row") -> bool:
        if len(row.token_ids) >= row.prompt.max_new_tokens:
            return True
        if row.token_ids[-1] == self.tokenizer.end_of_turn_id:
            return True
        return row.stop_strings.is_in(row.token_ids)

    def _completion(self, row: "_Row") -> Completion:
        return Completion.from_tokens(
            self.tokenizer,
            row.token_ids,
            logprobs=row.logprobs,
            stop_strings=row.prompt.stop_strings,
            policy_version=self.version,
        )


class Evaluation(NamedTuple):
    """What a policy says of the tokens of a mask; 0.0 off it.

    Attributes:
        logprobs: (B, T), of each token after those before it, in nats.
        entropy: (B, T), of the distribution from which the token was drawn, in nats.
        values: (B, T), at each position what the value head says of everything up to it, or None.
    """

    logprobs: Tensor
    entropy: Tensor
    values: Tensor | None


@dataclass(slots=True)
class _Row:
    """A completion as it grows."""

    prompt: Prompt
    stop_strings: StopStrings
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    generator: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.prompt.seed)
