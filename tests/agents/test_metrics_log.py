"""Metrics reach the places that were asked for, and a missing package is named."""

import sys
from pathlib import Path

import pytest

from llmenvs.agents.metrics_log import TensorBoardLog, WeightsAndBiasesLog, metrics_logs
from llmenvs.agents.train_summary import note_of


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the package, about its own dependencies
def test_weights_and_biases_takes_a_run_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for first in (0, 1):
        with metrics_logs(
            tmp_path, first=first, tensorboard=False, wandb_project="p", config={"seed": 0}
        ) as logs:
            for log in logs:
                log.write(first, {"loss": 0.5, "reward_mean": float("nan")})
    names = [path.name for path in (tmp_path / "wandb").glob("offline-run-*")]
    run_id = (tmp_path / "wandb_run_id").read_text().strip()

    assert names
    assert all(name.endswith(run_id) for name in names)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("package", "make"),
    [
        ("wandb", lambda path: WeightsAndBiasesLog("p", path, config={})),
        ("torch.utils.tensorboard", lambda path: TensorBoardLog(path, first=0)),
    ],
)
def test_a_missing_package_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    make: object,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install (wandb|tensorboard)"):
        make(tmp_path)  # type: ignore[operator]  # of the table


def test_the_note_shows_the_figures_that_there_are() -> None:
    metrics = {"reward_mean": 0.5, "kl": None, "tokens_per_s": 1234.5, "memory_bytes": 2**20}

    assert note_of(metrics) == "reward +0.50 1234 tok/s 1 MiB"
    assert note_of({"loss": 1.25, "memory_bytes": 0}) == "loss 1.250 0 MiB"
