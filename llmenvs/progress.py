"""A progress bar on standard error, from rich, imported when one is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProgressBar:
    """A bar to move.

    Attributes:
        advance: counts one more as done and shows a note beside the bar.
    """

    advance: Callable[[str], None]


@contextmanager
def progress_bar(name: str, *, total: int, shown: bool) -> Iterator[ProgressBar]:
    """Show a bar of ``total`` steps while the block runs, or nothing.

    >>> with progress_bar("demo", total=2, shown=False) as bar:
    ...     bar.advance("half done")
    """
    if not shown:
        yield ProgressBar(lambda note: None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=total, note="")
        yield ProgressBar(lambda note: progress.update(task, advance=1, note=note))
