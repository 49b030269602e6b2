"""Tabular features: a policy with one row of logits, and one value, for each state of a grid world.

What a trainer does with it can be compared with what value iteration computes. The environment, the
rollout and the trainer are those of text: `CellTokenizer` reads an observation as the one token of
the cell that it names, and a move is a token too, so that `TabularModel` is a causal language model
whose distribution depends on the last token alone.

Source: "How LLMs learn to reason" (yeesengchan.com, 2026), part 0, whose policy is such a table.
"""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_CELL = re.compile(r"\((\d+), (\d+)\)")
_MOVES = ("up", "down", "left", "right")  # in the order of the grid world's actions
_NEVER = -1e9  # a logit; infinity would make the entropy NaN


class CellTokenizer:
    """Cells and moves as tokens: cell (x, y) is ``y * width + x``, and the moves come after them.

    Args:
        width: cells from left to right.
        height: cells from bottom to top.

    >>> tokenizer = CellTokenizer(4, 4)
    >>> tokenizer.encode("A wall. You are at (2, 1)."), tokenizer.encode("right")
    ([6], [19])
    >>> tokenizer.decode([19])
    'right'
    """

    end_of_turn_id: int | None = None

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.num_cells = width * height
        self.vocab_size = self.num_cells + len(_MOVES)

    def encode(self, text: str) -> list[int]:
        """Return the token of the last cell that ``text`` names, or of the move that it is."""
        cells = _CELL.findall(text)
        if cells:
            x, y = cells[-1]
            return [int(y) * self.width + int(x)]
        move = text.strip()
        return [self.num_cells + _MOVES.index(move)] if move in _MOVES else []

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the moves among ``token_ids``."""
        return " ".join(_MOVES[i - self.num_cells] for i in token_ids if i >= self.num_cells)


class TabularModel(nn.Module):
    """Logits of the four moves for each last token, all zero at first.

    Its hidden states are the states one-hot, so that a value head on them is a table as well.

    Args:
        tokenizer: whose tokens it reads.
    """

    def __init__(self, tokenizer: CellTokenizer) -> None:
        super().__init__()
        self.num_cells = tokenizer.num_cells
        self.vocab_size = tokenizer.vocab_size
        self.table = nn.Parameter(torch.zeros(self.vocab_size, len(_MOVES)))

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return the logits (B, T, V); those of cells are so low that none is ever said."""
        return functional.pad(self.table[token_ids], (self.num_cells, 0), value=_NEVER)

    def hidden_states(self, token_ids: Tensor) -> Tensor:
        """Return (B, T, V), one-hot."""
        return functional.one_hot(token_ids, self.vocab_size).float()

    def hidden_and_logits_at(self, token_ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden states, and the logits (N, V) where ``wanted`` (B, T) is True."""
        return self.hidden_states(token_ids), self(token_ids)[wanted]

    @torch.no_grad()
    def greedy_moves(self) -> list[int]:
        """Return the most likely move of each cell."""
        moves: list[int] = self.table[: self.num_cells].argmax(1).tolist()
        return moves
