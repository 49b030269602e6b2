"""Tables of figures as HTML."""

import html
from collections.abc import Sequence


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first cell of each row names it. Cells are text, and are escaped.

    A cell with an interval behind it, ``0.50 [0.40, 0.60]``, shows the interval small.
    """
    # A last column of words is read from its left edge, as numbers are compared at their right.
    kind = ' class="words"' if rows and rows[0][-1][:1].isalpha() and len(columns) > 2 else ""
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    body = "".join(_row(row) for row in rows)
    return (
        f'<div class="wide"><table{kind}><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def with_interval(mean: float | None, interval: Sequence[float] | None, *, percent: bool) -> str:
    """Return a mean with its interval as a cell; the mean of nothing is a hyphen.

    >>> with_interval(0.5, (0.4, 0.6), percent=True)
    '50.0 % [40.0, 60.0]'
    """
    if mean is None:
        return "-"
    factor, unit, digits = (100, " %", 1) if percent else (1, "", 3)
    shown = f"{factor * mean:.{digits}f}{unit}"
    if interval is None:
        return shown
    low, high = (f"{factor * bound:.{digits}f}" for bound in interval)
    return f"{shown} [{low}, {high}]"


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    return f'<tr><th scope="row">{html.escape(first)}</th>{"".join(map(_cell, others))}</tr>'


def _cell(text: str) -> str:
    value, bracket, interval = text.partition(" [")
    small = f" <small>{html.escape(bracket.strip() + interval)}</small>" if bracket else ""
    return f"<td>{html.escape(value)}{small}</td>"
