"""Decoding in tensors of fixed shapes, so that one compiled graph decodes every token on a GPU.

A small model's token costs more to launch than to compute. With shapes that do not change, its
kernels are recorded once (CUDA graphs, through `torch.compile`) and replayed. A row that has
finished is computed on with the others, unseen: a token costs a pass over the weights either way.
Rooms are doubled and batches padded to powers of two, so that there are few shapes to compile.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from llmenvs.agents.causal_lm import CausalLMDecoder
from llmenvs.agents.kept_states import KeptStates, StackedStates, states_of_row

_LEAST_ROOM = 256  # tokens


class FixedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values (B, heads, room, width), of which a token's are written in place.

    Args:
        keys: (B, heads, T, width), those that there are.
        values: (B, heads, T, width).
        room: tokens that there is place for, above T.
        place: (1,) int64, where the next token is written; shared by all layers.
    """

    def __init__(self, keys: Tensor, values: Tensor, *, room: int, place: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self._all_keys, self._all_values = _with_room(keys, room), _with_room(values, room)
        self.keys, self.values = self._all_keys, self._all_values
        self._place = place

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the states of one token; returns all keys and all values, the room included."""
        del args, kwargs
        keys, values = self._all_keys, self._all_values
        keys.index_copy_(2, self._place, key_states.to(keys.dtype))
        values.index_copy_(2, self._place, value_states.to(values.dtype))
        return keys, values

    def get_seq_length(self) -> int:
        """Return 0: positions and mask are given, and a number that changes would compile anew."""
        return 0


class StaticDecoder(CausalLMDecoder):
    """A `Decoder` that reads as `CausalLMDecoder` does, and decodes in fixed shapes.

    Args:
        model: of ``transformers``.
        forward: the model's, or its compiled form.
    """

    def __init__(self, model: Any, forward: Any) -> None:
        super().__init__(model)
        self._forward = forward
        self._slots: Tensor | None = None  # (B',) where each row is; None before the first token
        self._seen = torch.empty(0)  # (slots, room) bool
        self._place = torch.zeros(1, dtype=torch.long, device=model.device)
        self._length = 0  # tokens in the room

    def advance(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        """See `Decoder`."""
        rows, token_ids = rows.to(self._model.device), token_ids.to(self._model.device)
        is_repeated = len(rows) > self._num_rows or len(rows.unique()) < len(rows)
        if self._slots is None or is_repeated or self._length == self._seen.shape[1]:
            self._move(rows if self._slots is None else self._slots[rows])
        else:
            self._slots = self._slots[rows]
        self._num_rows = len(rows)
        assert self._slots is not None  # noqa: S101 (for mypy: it was moved at least once)
        new = torch.zeros(len(self._seen), 1, dtype=torch.long, device=rows.device)
        new[self._slots, 0] = token_ids
        self._seen[:, self._length] = True
        self._place.fill_(self._length)
        self._length += 1
        logits = self._forward(
            input_ids=new,
            attention_mask=_additive(self._seen, self._cache.layers[0].keys.dtype),
            position_ids=self._seen.sum(dim=1, keepdim=True) - 1,
            past_key_values=self._cache,
            use_cache=True,
        ).logits
        at: Tensor = logits[:, -1][self._slots].clone()  # the next replay writes over it
        return at

    def keep(self, row: int) -> KeptStates | None:
        """See `Decoder`."""
        if self._slots is None:
            return super().keep(row)
        keys, values = (
            [getattr(layer, name)[:, :, : self._length] for layer in self._cache.layers]
            for name in ("keys", "values")
        )
        seen = self._seen[:, : self._length]
        return states_of_row(keys, values, seen, int(self._slots[row]))

    def _read(self, news: Sequence[Sequence[int]], kept: Sequence[KeptStates | None]) -> Tensor:
        self._slots = None
        return super()._read(news, kept)

    def _go_on_from(self, states: StackedStates) -> None:
        self._slots = None
        super()._go_on_from(states)

    def _move(self, chosen: Tensor) -> None:
        """Put the states of ``chosen`` (B',) into a room for more tokens, padded to 2**n rows."""
        layers = self._cache.layers
        if self._slots is None:
            self._length = layers[0].keys.shape[2]
        length = self._length
        room, num_slots = _LEAST_ROOM, 1
        while room <= length:
            room *= 2
        while num_slots < len(chosen):
            num_slots *= 2
        padded = torch.cat([chosen, chosen[:1].expand(num_slots - len(chosen))])
        seen = self._seen[:, :length] if self._slots is not None else self._real
        self._seen = torch.zeros(num_slots, room, dtype=torch.bool, device=chosen.device)
        self._seen[:, :length] = True if seen is None else seen[padded]
        cache: Any = DynamicCache()
        cache.layers = [
            FixedLayer(
                layer.keys[:, :, :length][padded],
                layer.values[:, :, :length][padded],
                room=room,
                place=self._place,
            )
            for layer in layers
        ]
        self._cache = cache
        self._slots = torch.arange(len(chosen), device=chosen.device)


def compiled_forward(model: Any) -> Any:
    """Return ``model.forward`` as a recorded graph on CUDA, and as it is elsewhere."""
    if model.device.type != "cuda":
        return model.forward
    return torch.compile(model.forward, mode="reduce-overhead", dynamic=False)


def _with_room(states: Tensor, room: int) -> Tensor:
    fixed = states.new_zeros(*states.shape[:2], room, states.shape[3])
    fixed[:, :, : states.shape[2]] = states
    if fixed.is_cuda:
        torch._dynamo.mark_static_address(fixed)  # a graph may write to it
    return fixed


def _additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to the scores of attention, (B, 1, 1, room)."""
    added = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return added.masked_fill(~seen, torch.finfo(dtype).min)[:, None, None, :]
