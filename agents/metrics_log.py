"""Where the metrics of each iteration go: JSON lines always, TensorBoard and W&B when asked."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

Metrics = Mapping[str, float | int | None]


class MetricsLog(Protocol):
    """Takes the metrics of one iteration after the other."""

    def write(self, iteration: int, metrics: Metrics) -> None:
        """Write them; None is a figure that there is not."""
        ...


class JSONLinesLog:
    """One object a line, on the disk before `write` returns; NaN and infinity become null.

    Args:
        path: appended to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, iteration: int, metrics: Metrics) -> None:
        """Append a line."""
        row = {"iteration": iteration, **{name: finite(x) for name, x in metrics.items()}}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


class TensorBoardLog:
    """Scalars for TensorBoard.

    Args:
        folder: of the event files.
        first: the iteration from which the run goes on; what an earlier process wrote from there on
            is not shown.

    Raises:
        ModuleNotFoundError: the package ``tensorboard`` is not installed.
    """

    def __init__(self, folder: Path, *, first: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "writing for TensorBoard needs the package tensorboard: pip install tensorboard"
            ) from error
        self._writer: Any = SummaryWriter(str(folder), purge_step=first)

    def write(self, iteration: int, metrics: Metrics) -> None:
        """Write the figures that there are."""
        for name, value in metrics.items():
            if finite(value) is not None:
                self._writer.add_scalar(name, value, iteration)
        self._writer.flush()

    def close(self) -> None:
        """Finish the event file."""
        self._writer.close()


class WeightsAndBiasesLog:
    """A run of Weights & Biases, taken up again where the folder has one.

    Args:
        project: of the run.
        folder: of the training run, whose name it gets.
        config: shown with it.

    Raises:
        ModuleNotFoundError: the package ``wandb`` is not installed.
    """

    def __init__(self, project: str, folder: Path, *, config: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "writing to Weights & Biases needs the package wandb: pip install wandb"
            ) from error
        identity = folder / "wandb_run_id"
        run_id = identity.read_text().strip() if identity.exists() else None
        self._run: Any = wandb.init(
            project=project,
            name=folder.name,
            dir=str(folder),
            config=dict(config),
            id=run_id,
            resume=None if run_id is None else "allow",
        )
        identity.write_text(self._run.id + "\n")

    def write(self, iteration: int, metrics: Metrics) -> None:
        """Send the figures that there are."""
        known = {name: value for name, value in metrics.items() if finite(value) is not None}
        self._run.log(known, step=iteration)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


@contextmanager
def metrics_logs(
    folder: Path,
    *,
    first: int,
    tensorboard: bool,
    wandb_project: str | None,
    config: Mapping[str, Any],
) -> Iterator[Sequence[MetricsLog]]:
    """Open the logs of a run and close them with the block.

    Args:
        folder: of the run.
        first: the iteration from which it goes on.
        tensorboard: whether to write for TensorBoard.
        wandb_project: of Weights & Biases, or None.
        config: see `WeightsAndBiasesLog`.
    """
    with ExitStack() as stack:
        logs: list[MetricsLog] = [JSONLinesLog(folder / "metrics.jsonl")]
        if tensorboard:
            board = TensorBoardLog(folder / "tensorboard", first=first)
            stack.callback(board.close)
            logs.append(board)
        if wandb_project is not None:
            wandb = WeightsAndBiasesLog(wandb_project, folder, config=config)
            stack.callback(wandb.close)
            logs.append(wandb)
        yield logs


def finite(value: float | int | None) -> float | int | None:
    """Return ``value``, or None where it is NaN or infinite, which JSON cannot say."""
    return None if value is None or not math.isfinite(value) else value
