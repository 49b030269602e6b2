"""A tensor that grows along its third axis in place, as keys and values do while decoding.

``torch.cat`` copies everything for every token; decoding a thousand tokens deep would spend most of
its time on that.
"""

import torch
from torch import Tensor

_MARGIN = 128
"""Tokens; room is made for so many more, or a quarter more, than there are."""


class GrowingTensor:
    """States (B, heads, T, width), with room behind them; mutable.

    Args:
        states: those until now; they are not copied before something is appended.
    """

    def __init__(self, states: Tensor) -> None:
        self._room = states
        self._length = states.shape[2]

    @property
    def states(self) -> Tensor:
        """All of them, (B, heads, T, width): a view that must not be written to."""
        return self._room[:, :, : self._length]

    def append(self, new: Tensor) -> Tensor:
        """Append states (B, heads, T', width); returns all of them."""
        total = self._length + new.shape[2]
        if total > self._room.shape[2]:
            size = total + max(_MARGIN, total // 4)
            room = self._room.new_empty(*new.shape[:2], size, new.shape[3])
            room[:, :, : self._length] = self.states
            self._room = room
        self._room[:, :, self._length : total] = new
        self._length = total
        return self.states

    def select(self, rows: Tensor) -> None:
        """Keep some of the sequences, by their indices (B',); one may be kept several times."""
        selected = self._room.new_empty(len(rows), *self._room.shape[1:])
        selected[:, :, : self._length] = self.states.index_select(0, rows)
        self._room = selected


def are_all_rows(rows: Tensor, num_rows: int) -> bool:
    """Return whether ``rows`` (B',) are all of them in their order, so that none must be moved."""
    return len(rows) == num_rows and bool(
        (rows == torch.arange(num_rows, device=rows.device)).all()
    )
