"""Pictures of the grid world: a table of characters, and an RGB image."""

import numpy as np
from numpy.typing import NDArray

from llmenvs.envs.grid_layout import Cell, GridLayout

_CELL_PIXELS = 64
_PAPER, _LINE, _AGENT = (250, 250, 247), (200, 200, 195), (38, 70, 115)
_GOOD, _BAD = (74, 160, 96), (200, 76, 70)


def render_ansi(layout: GridLayout, cell: Cell) -> str:
    """Return the grid as text, the top row first; ``A`` is where the agent stands.

    >>> print(render_ansi(GridLayout(2, 2, (0, 0), {(1, 1): 5.0}), (0, 0)))
    1   .  +5
    0   A   .
        0   1
    """

    def symbol(at: Cell) -> str:
        if at == cell:
            return "A"
        return f"{layout.terminals[at]:+g}" if at in layout.terminals else "."

    rows = [
        f"{y:<2}" + " ".join(f"{symbol((x, y)):>3}" for x in range(layout.width)).rstrip()
        for y in reversed(range(layout.height))
    ]
    rows.append("  " + " ".join(f"{x:>3}" for x in range(layout.width)))
    return "\n".join(rows)


def render_rgb(layout: GridLayout, cell: Cell) -> NDArray[np.uint8]:
    """Return the grid as an image, (64 * height, 64 * width, 3): terminals green or red."""
    image = np.empty((layout.height * _CELL_PIXELS, layout.width * _CELL_PIXELS, 3), np.uint8)
    image[:] = _PAPER
    for terminal, reward in layout.terminals.items():
        _square(image, layout, terminal)[:] = _GOOD if reward > 0 else _BAD
    ys, xs = np.mgrid[:_CELL_PIXELS, :_CELL_PIXELS] - (_CELL_PIXELS - 1) / 2
    _square(image, layout, cell)[xs**2 + ys**2 < (0.3 * _CELL_PIXELS) ** 2] = _AGENT
    image[::_CELL_PIXELS] = image[_CELL_PIXELS - 1 :: _CELL_PIXELS] = _LINE
    image[:, ::_CELL_PIXELS] = image[:, _CELL_PIXELS - 1 :: _CELL_PIXELS] = _LINE
    return image


def _square(image: NDArray[np.uint8], layout: GridLayout, cell: Cell) -> NDArray[np.uint8]:
    row = (layout.height - 1 - cell[1]) * _CELL_PIXELS
    column = cell[0] * _CELL_PIXELS
    return image[row : row + _CELL_PIXELS, column : column + _CELL_PIXELS]
