"""Plots as SVG that takes its colours from the page, so that they read in light and in dark.

Each is a figure with a caption and a text that says what it shows.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 460
_ROW_HEIGHT = 24
_LABEL_WIDTH = 162
_VALUE_WIDTH = 76
_HISTOGRAM_HEIGHT = 170
_LONGEST_LABEL = 21


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of successes, from 0 to 1, with its 95 % interval, of so many episodes."""

    label: str
    value: float
    interval: tuple[float, float] | None
    count: int


def rates_plot(title: str, note: str, rates: Sequence[Rate]) -> str:
    """Draw each rate as a dot on a line from 0 to 1, with its interval."""
    left, right = _LABEL_WIDTH, _WIDTH - _VALUE_WIDTH
    height = _ROW_HEIGHT * len(rates) + 24

    def x(share: float) -> float:
        return round(left + share * (right - left), 1)

    parts = [
        f'<line class="rule" x1="{x(tick)}" x2="{x(tick)}" y1="0" y2="{height - 20}"/>'
        f'<text class="soft" x="{x(tick)}" y="{height - 5}" text-anchor="middle">{tick:.0%}</text>'
        for tick in (0.0, 0.5, 1.0)
    ]
    for row, rate in enumerate(rates):
        y = _ROW_HEIGHT * row + 12
        parts.append(_label(rate.label, y))
        if rate.interval is not None:
            low, high = rate.interval
            parts.append(f'<line class="whisker" x1="{x(low)}" x2="{x(high)}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="bar" cx="{x(rate.value)}" cy="{y}" r="5"/>')
        parts.append(_value(f"{rate.value:.0%} of {rate.count:,}", y))
    described = "; ".join(f"{rate.label}: {rate.value:.1%} of {rate.count}" for rate in rates)
    return _figure(title, note, parts, height, described)


def counts_plot(title: str, note: str, counts: Sequence[tuple[str, int]], *, bad: bool) -> str:
    """Draw each count as a bar; ``bad`` gives them the colour of failures."""
    left, right = _LABEL_WIDTH, _WIDTH - _VALUE_WIDTH
    most = max((count for _, count in counts), default=1) or 1
    kind = "bar bad" if bad else "bar"
    parts = []
    for row, (label, count) in enumerate(counts):
        y = _ROW_HEIGHT * row + 12
        width = round((right - left) * count / most, 1)
        parts.append(_label(label, y))
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{y - 7}" width="{width}" height="14" rx="2"/>'
        )
        parts.append(f'<text x="{left + width + 6}" y="{y + 4}">{count:,}</text>')
    described = "; ".join(f"{label}: {count}" for label, count in counts)
    return _figure(title, note, parts, _ROW_HEIGHT * len(counts) + 4, described)


def histogram(
    title: str, note: str, edges: Sequence[float], counts: Sequence[int], *, unit: str
) -> str:
    """Draw how many values lie between each two ``edges``, which are one more than ``counts``."""
    left, bottom, top = 34, _HISTOGRAM_HEIGHT - 34, 8
    most = max(counts, default=1) or 1
    step = (_WIDTH - left - 8) / len(counts)
    parts = [
        f'<line class="rule" x1="{left}" x2="{_WIDTH - 8}" y1="{y}" y2="{y}"/>'
        f'<text class="soft" x="{left - 6}" y="{y + 4}" text-anchor="end">{count:,}</text>'
        for count, y in ((0, bottom), (most, top))
    ]
    for index, count in enumerate(counts):
        height = round((bottom - top) * count / most, 1)
        x = round(left + index * step + 1, 1)
        parts.append(
            f'<rect class="bar" x="{x}" y="{round(bottom - height, 1)}" '
            f'width="{round(max(step - 2, 1), 1)}" height="{height}">'
            f"<title>{_number(edges[index])} to {_number(edges[index + 1])}: {count:,}</title>"
            "</rect>"
        )
    last = len(counts)
    if all(edges[i + 1] - edges[i] == 1 for i in range(last)):  # a bar for each whole number
        places = [(i + 0.5, edges[i], "middle") for i in sorted({0, last // 2, last - 1})]
    else:
        places = [
            (0, edges[0], "start"),
            (last / 2, (edges[0] + edges[-1]) / 2, "middle"),
            (last, edges[-1], "end"),
        ]
    for place, value, anchor in places:
        parts.append(
            f'<text class="soft" x="{round(left + place * step, 1)}" y="{bottom + 15}" '
            f'text-anchor="{anchor}">{_number(value)}</text>'
        )
    parts.append(
        f'<text class="soft" x="{(left + _WIDTH - 8) / 2}" y="{bottom + 30}" '
        f'text-anchor="middle">{html.escape(unit)}</text>'
    )
    described = "; ".join(
        f"{_number(edges[i])} to {_number(edges[i + 1])}: {count}" for i, count in enumerate(counts)
    )
    return _figure(title, note, parts, _HISTOGRAM_HEIGHT, described)


def _figure(title: str, note: str, parts: Sequence[str], height: int, described: str) -> str:
    return (
        f"<figure><figcaption>{html.escape(title)}<span>{html.escape(note)}</span></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{html.escape(described, quote=True)}">{"".join(parts)}</svg></figure>'
    )


def _label(text: str, y: int) -> str:
    cut = text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
    return (
        f'<text x="{_LABEL_WIDTH - 10}" y="{y + 4}" text-anchor="end">{html.escape(cut)}'
        f"<title>{html.escape(text)}</title></text>"
    )


def _value(text: str, y: int) -> str:
    return (
        f'<text class="soft" x="{_WIDTH}" y="{y + 4}" text-anchor="end">{html.escape(text)}</text>'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"
