"""`CausalLM`: a causal language model of the ``transformers`` package, as the agents use models."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from llmenvs.agents.decoding import pad_left
from llmenvs.agents.growing_tensor import are_all_rows
from llmenvs.agents.kept_states import (
    CachingDecoder,
    KeptStates,
    StackedStates,
    stack_states,
    states_of_row,
)


class CausalLM(nn.Module):
    """Token ids (B, T) to logits (B, T, V), with a cache for decoding.

    The model is in evaluation mode and stays there: with dropout, the probabilities of the update
    would not be those of the sampling.

    Args:
        model: a `transformers.PreTrainedModel` with a language-model head.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model.eval()
        self._is_static = False
        self._compiled: tuple[int, Any] = (0, None)  # of the model with that id: a copy has another

    def train(self, mode: bool = True) -> "CausalLM":  # noqa: FBT001, FBT002 (torch's signature)
        """Leave the model in evaluation mode; see the class."""
        del mode
        return self

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding: ids from 0 to one less can be read."""
        size: int = self.model.get_input_embeddings().weight.shape[0]
        return size

    @property
    def max_length(self) -> int | None:
        """Positions that the model was made for; None if it does not say."""
        length: int | None = getattr(self.model.config, "max_position_embeddings", None)
        return length

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return the logits (B, T, V) of the token after each position; padding is on the right."""
        logits: Tensor = self._run(self.model, token_ids).logits
        return logits

    def logits_at(self, token_ids: Tensor, wanted: Tensor) -> Tensor:
        """Return the logits (N, V) at the N positions where ``wanted`` (B, T) is True, by rows."""
        columns = wanted.any(dim=0).nonzero().squeeze(1)
        logits = self._run(self.model, token_ids, logits_to_keep=columns).logits
        at: Tensor = logits[wanted[:, columns]]
        return at

    def hidden_states(self, token_ids: Tensor) -> Tensor:
        """Return (B, T, width), what the model has read up to each position."""
        hidden: Tensor = self._run(self.model.base_model, token_ids).last_hidden_state
        return hidden

    def head_logits(self, hidden: Tensor) -> Tensor:
        """Return the logits (N, V) of hidden states (N, width); see `has_plain_head`."""
        logits: Tensor = self.model.get_output_embeddings()(hidden)
        return logits

    @cached_property
    def has_plain_head(self) -> bool:
        """Whether the logits are the head of the hidden states, without a scale or a cap."""
        if self.model.get_output_embeddings() is None:
            return False
        with torch.no_grad():
            token_ids = torch.arange(min(8, self.vocab_size), device=self.model.device)[None]
            return torch.equal(self.head_logits(self.hidden_states(token_ids)), self(token_ids))

    def hidden_and_logits_at(self, token_ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Return `hidden_states` and `logits_at` of one pass."""
        columns = wanted.any(dim=0).nonzero().squeeze(1)
        output = self._run(self.model, token_ids, logits_to_keep=columns, output_hidden_states=True)
        return output.hidden_states[-1], output.logits[wanted[:, columns]]

    def _run(self, module: Any, token_ids: Tensor, **options: Any) -> Any:
        return module(input_ids=token_ids, use_cache=False, **options)

    def decoder(self) -> "CausalLMDecoder":
        """Return a `Decoder` with a cache, see `decode_statically`."""
        if not self._is_static:
            return CausalLMDecoder(self.model)
        from llmenvs.agents.static_decoding import StaticDecoder, compiled_forward

        if self._compiled[0] != id(self.model):
            self._compiled = id(self.model), compiled_forward(self.model)
        return StaticDecoder(self.model, self._compiled[1])

    def decode_statically(self) -> None:
        """Decode in tensors of fixed shapes from now on, compiled where the model is on CUDA.

        A model whose layers see a window is decoded as before.
        """
        self._is_static = getattr(self.model.config, "sliding_window", None) is None


class CausalLMDecoder(CachingDecoder):
    """A `Decoder` over the cache of ``transformers``; short sequences are padded on the left."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = None
        self._real: Tensor | None = None  # (B, T) bool, None where nothing is padded
        self._num_rows = 0  # B

    def advance(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        """See `Decoder`."""
        if not are_all_rows(rows, self._num_rows):
            self._select(rows.to(self._model.device))
        positions = None
        if self._real is not None:
            grown = torch.ones(len(rows), 1, dtype=torch.bool, device=self._real.device)
            self._real = torch.cat([self._real, grown], dim=1)
            positions = self._real.sum(dim=1, keepdim=True) - 1
        return self._run(token_ids[:, None].to(self._model.device), positions)

    def keep(self, row: int) -> KeptStates | None:
        """See `Decoder`; a layer that sees a window, or has no keys and values, is not kept."""
        from llmenvs.agents.growing_cache import is_growing

        if not is_growing(self._cache):
            return None
        keys = [layer.keys for layer in self._cache.layers]
        values = [layer.values for layer in self._cache.layers]
        return states_of_row(keys, values, self._real, row)

    def _read(self, news: Sequence[Sequence[int]], kept: Sequence[KeptStates | None]) -> Tensor:
        token_ids, real = pad_left(news, device=self._model.device)
        self._cache, self._real, self._num_rows = None, real, len(news)
        positions = None if real is None else (real.cumsum(dim=1) - 1).clamp(min=0)
        if any(kept):
            states = stack_states(kept)
            self._go_on_from(states)
            if real is None:
                real = torch.ones_like(token_ids, dtype=torch.bool)
            positions = states.real.sum(dim=1, keepdim=True) + (real.cumsum(dim=1) - 1).clamp(min=0)
            self._real = torch.cat([states.real, real], dim=1)
        return self._run(token_ids, positions)

    def _go_on_from(self, states: StackedStates) -> None:
        from llmenvs.agents.growing_cache import growing_cache

        self._cache, self._real = growing_cache(states), states.real
        self._num_rows = len(states.real)

    def _select(self, rows: Tensor) -> None:
        from llmenvs.agents.growing_cache import select_rows

        select_rows(self._cache, rows)
        self._num_rows = len(rows)
        if self._real is not None:
            self._real = self._real[rows]

    def _run(self, token_ids: Tensor, positions: Tensor | None) -> Tensor:
        output = self._model(
            input_ids=token_ids,
            attention_mask=None if self._real is None else self._real.long(),
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        if self._cache is None:
            from llmenvs.agents.growing_cache import let_grow

            self._cache = output.past_key_values
            let_grow(self._cache)
        logits: Tensor = output.logits[:, -1]
        return logits
