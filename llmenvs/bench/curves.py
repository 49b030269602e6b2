"""Learning curves as PNG, by matplotlib (extra ``[agents]``), which is imported when used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Curve:
    """One panel of a picture.

    Attributes:
        name: what is measured, the label of the vertical axis.
        values: one for each iteration.
        levels: horizontal lines to compare with, by name.
        limits: of the vertical axis, or None to fit the values.
    """

    name: str
    values: Sequence[float]
    levels: Mapping[str, float] = field(default_factory=dict)
    limits: tuple[float, float] | None = None


def draw_curves(path: Path, curves: Sequence[Curve], *, title: str, x_label: str) -> None:
    """Draw ``curves`` beside each other, pale, with their running means, and write a PNG."""
    # The object interface, not pyplot: it keeps no global figures and needs no display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(curves), 3.8), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for panel, curve in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves, strict=True):
        panel.plot(range(len(curve.values)), curve.values, color="#a9cbf2", linewidth=1)
        panel.plot(
            range(len(curve.values)), running_mean(curve.values), color="#2a78d6", linewidth=2
        )
        for name, level in curve.levels.items():
            panel.axhline(level, color="#8a8a85", linewidth=1, linestyle="--")
            panel.annotate(
                name,
                (1.0, level),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                color="#55554f",
                fontsize=9,
            )
        panel.set_xlabel(x_label)
        panel.set_ylabel(curve.name)
        if curve.limits is not None:
            panel.set_ylim(*curve.limits)
        panel.grid(color="#e4e4df", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def running_mean(values: Sequence[float], *, window: int = 10) -> list[float]:
    """Return the mean of each value and up to ``window - 1`` before it.

    >>> running_mean([1.0, 3.0, 5.0], window=2)
    [1.0, 2.0, 4.0]
    """
    means = []
    for end in range(1, len(values) + 1):
        recent = values[max(0, end - window) : end]
        means.append(sum(recent) / len(recent))
    return means
