"""`RoundedCopy`: a model whose weights are bfloat16, to sample from while the fp32 ones learn.

Autocast alone would round every weight again for each token. Buffers, such as the frequencies of
rotary positions, stay as they are: positions are the one thing that bfloat16 cannot count.
"""

import copy

import torch
from torch import nn


class RoundedCopy:
    """The copy of one model, two bytes for each weight; mutable."""

    def __init__(self) -> None:
        self._source: nn.Module | None = None
        self._copy = nn.Module()
        self._device = torch.device("cpu")
        self._written: list[int] = []

    @torch.no_grad()
    def of(self, model: nn.Module) -> nn.Module:
        """Return the copy as ``model`` is now; weights that were changed are rounded anew."""
        parameters = list(model.parameters())
        device = parameters[0].device
        written = [parameter._version for parameter in parameters]  # counted by torch
        if self._source is not model or self._device != device:
            rounded = {id(p): nn.Parameter(p.bfloat16(), requires_grad=False) for p in parameters}
            self._copy = copy.deepcopy(model, rounded)
            self._source, self._device = model, device
        elif self._written != written:
            for target, source in zip(self._copy.parameters(), parameters, strict=True):
                target.copy_(source)
        self._written = written
        return self._copy
