"""Keys and values of what a model has read, kept so that they need not be computed again.

`KeptStates` are those of one sequence, `EpisodeCache` keeps them for episodes between their turns,
and `CachingDecoder` is a `Decoder` that goes on from them. Axes: B sequences, T tokens, heads, and
the width of a head.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_PASS_COST = {"cpu": 32, "cuda": 2048}
"""By the kind of device, how many tokens more a pass could read in the time that its weights take:
measured with SmolLM2-135M on a CPU; an estimate on a GPU, which is idle below some such number."""


@dataclass(frozen=True, slots=True)
class KeptStates:
    """What attention needs to know of one sequence.

    Attributes:
        keys: of each layer, (heads, T, width).
        values: of each layer, (heads, T, width).
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    def __len__(self) -> int:
        return self.keys[0].shape[1]

    @property
    def num_bytes(self) -> int:
        """In memory."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))


class StackedStates(NamedTuple):
    """States of several sequences, padded on the left.

    Attributes:
        keys: of each layer, (B, heads, T, width).
        values: of each layer, (B, heads, T, width).
        real: (B, T) bool, False where there is padding.
    """

    keys: list[Tensor]
    values: list[Tensor]
    real: Tensor


def stack_states(kept: Sequence[KeptStates | None]) -> StackedStates:
    """Return the states of all, at least one of which is not None; None is a row of padding."""
    found = next(states for states in kept if states is not None)
    lengths = [0 if states is None else len(states) for states in kept]
    device = found.keys[0].device
    real = torch.arange(max(lengths), device=device) >= (
        max(lengths) - torch.tensor(lengths, device=device)[:, None]
    )

    def stacked(layers: Sequence[Sequence[Tensor] | None], layer: int) -> Tensor:
        heads, _, width = found.keys[layer].shape
        result = found.keys[layer].new_zeros(len(kept), heads, max(lengths), width)
        for row, tensors in enumerate(layers):
            if tensors is not None:
                result[row, :, max(lengths) - lengths[row] :] = tensors[layer]
        return result

    keys = [None if states is None else states.keys for states in kept]
    values = [None if states is None else states.values for states in kept]
    layers = range(len(found.keys))
    return StackedStates(
        [stacked(keys, layer) for layer in layers],
        [stacked(values, layer) for layer in layers],
        real,
    )


def states_of_row(
    keys: Sequence[Tensor], values: Sequence[Tensor], real: Tensor | None, row: int
) -> KeptStates:
    """Return a copy of one sequence's states, without the padding.

    Args:
        keys: of each layer, (B, heads, T, width).
        values: of each layer, (B, heads, T, width).
        real: (B, T) bool, or None where nothing is padded.
        row: which.
    """

    def taken(layers: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if real is None:
            return tuple(layer[row].clone() for layer in layers)
        columns = real[row].nonzero()[:, 0]
        return tuple(layer[row].index_select(1, columns) for layer in layers)

    return KeptStates(taken(keys), taken(values))


class CachingDecoder(ABC):
    """A `Decoder` that keeps keys and values, and goes on from those that were kept before."""

    def start(
        self, sequences: Sequence[Sequence[int]], kept: Sequence[KeptStates | None] | None = None
    ) -> Tensor:
        """See `Decoder`. Sequences of which much more is new are read in a pass of their own."""
        if kept is None or not any(kept):
            return self._read(sequences, [None] * len(sequences))
        news = [
            sequence[0 if states is None else len(states) :]
            for sequence, states in zip(sequences, kept, strict=True)
        ]
        kind = next(states for states in kept if states is not None).keys[0].device.type
        groups = groups_of_like_length(
            [len(new) for new in news], pass_cost=_PASS_COST.get(kind, _PASS_COST["cuda"])
        )
        if len(groups) == 1:
            return self._read(news, kept)
        logits: dict[int, Tensor] = {}
        read: dict[int, KeptStates] = {}
        for rows in groups:
            found = self._read([news[row] for row in rows], [kept[row] for row in rows])
            for place, row in enumerate(rows):
                states = self.keep(place)
                assert states is not None, "what was kept once can be kept again"  # noqa: S101
                logits[row], read[row] = found[place], states
        self._go_on_from(stack_states([read[row] for row in range(len(news))]))
        return torch.stack([logits[row] for row in range(len(news))])

    @abstractmethod
    def keep(self, row: int) -> KeptStates | None:
        """See `Decoder`."""

    @abstractmethod
    def _read(self, news: Sequence[Sequence[int]], kept: Sequence[KeptStates | None]) -> Tensor:
        """Read what is new after what was kept; returns the logits (B, V) at the end."""

    @abstractmethod
    def _go_on_from(self, states: StackedStates) -> None:
        """Take ``states`` for all that has been read."""


def groups_of_like_length(lengths: Sequence[int], *, pass_cost: int) -> list[list[int]]:
    """Return the indices in the groups that are cheapest to read one after the other.

    A group costs what its sequences do when all are padded to the longest, and ``pass_cost`` tokens
    besides: a pass reads all weights, however short it is.

    >>> groups_of_like_length([900, 30, 700, 60], pass_cost=100)
    [[0], [2], [3, 1]]
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    # From each place of the order on, backwards: the least cost, and where the next group begins.
    best: list[tuple[int, int]] = [(0, len(order))]
    for place in reversed(range(len(order))):
        longest = lengths[order[place]]
        ends = range(place + 1, len(order) + 1)
        costs = (
            (longest * (end - place) + pass_cost + best[len(order) - end][0], end) for end in ends
        )
        best.append(min(costs))
    groups = []
    place = 0
    while place < len(order):
        end = best[len(order) - place][1]
        groups.append(order[place:end])
        place = end
    return groups


class EpisodeCache:
    """States of episodes between their turns; mutable.

    What was kept of an episode is used once, and only for a prompt that begins with all of it: a
    new episode of the same name, or a template that rewrites what was said, is read anew.

    Args:
        max_bytes: what is kept at most; the oldest goes first. 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes must be at least 0, got {max_bytes!r}")
        self.max_bytes = max_bytes
        self._kept: dict[str, tuple[tuple[int, ...], KeptStates]] = {}
        self._num_bytes = 0

    def take(self, episode_id: str, token_ids: Sequence[int]) -> KeptStates | None:
        """Return, and forget, what was kept of the beginning of ``token_ids``; None if nothing."""
        found = self._kept.pop(episode_id, None)
        if found is None:
            return None
        read, states = found
        self._num_bytes -= states.num_bytes
        is_continued = len(read) < len(token_ids) and tuple(token_ids[: len(read)]) == read
        return states if is_continued else None

    def put(self, episode_id: str, token_ids: Sequence[int], states: KeptStates) -> None:
        """Keep the states of ``token_ids``, (T,), unless they alone are more than may be kept."""
        self._drop(episode_id)
        if states.num_bytes > self.max_bytes:
            return
        self._kept[episode_id] = tuple(token_ids), states
        self._num_bytes += states.num_bytes
        while self._num_bytes > self.max_bytes:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget everything: the weights have changed, or the memory is needed."""
        self._kept.clear()
        self._num_bytes = 0

    def _drop(self, episode_id: str) -> None:
        found = self._kept.pop(episode_id, None)
        if found is not None:
            self._num_bytes -= found[1].num_bytes

    def __len__(self) -> int:
        return len(self._kept)
