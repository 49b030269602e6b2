"""A checkpoint is there as a whole or not at all, and a damaged one is refused by name."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from llmenvs.agents.checkpoints import CheckpointError, Checkpoints

STATE: dict[str, Any] = {"weights": torch.arange(100.0), "step": 3, "name": None, "seen": [1, 2.5]}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    made = Checkpoints(tmp_path / "checkpoints", keep=3)
    for iteration in (1, 2, 3):
        made.save(iteration, {**STATE, "step": iteration})
    return made


def test_what_was_saved_is_loaded_and_the_oldest_go(checkpoints: Checkpoints) -> None:
    checkpoints.save(4, {**STATE, "step": 4})
    loaded = checkpoints.load(4)

    assert checkpoints.iterations() == [2, 3, 4]
    assert torch.equal(loaded.pop("weights"), STATE["weights"])
    assert loaded == {"step": 4, "name": None, "seen": [1, 2.5]}


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def spoil_manifest(file: Path) -> None:
    (file.parent / "manifest.json").write_text("{")


def drop_manifest(file: Path) -> None:
    (file.parent / "manifest.json").unlink()


def later_format(file: Path) -> None:
    manifest = file.parent / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip, r"000003/state\.pt is corrupt: its SHA-256"),
        (cut, r"000003/state\.pt is corrupt: it has \d+ bytes, not \d+"),
        (os.unlink, r"000003/state\.pt is missing"),
        (spoil_manifest, r"000003/manifest\.json is corrupt"),
        (drop_manifest, r"000003/manifest\.json is missing"),
        (later_format, r"000003/manifest\.json has format 2; this version reads 1"),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_the_whole_one_before_it_named(
    checkpoints: Checkpoints, damage: Any, message: str
) -> None:
    damage(checkpoints.path(3) / "state.pt")
    with pytest.raises(CheckpointError, match=message + r".*resume_from=2 goes on from there"):
        checkpoints.load(3)
    flip(checkpoints.path(2) / "state.pt")
    with pytest.raises(CheckpointError, match="resume_from=1 goes on"):
        checkpoints.load(3)
    flip(checkpoints.path(1) / "state.pt")
    with pytest.raises(CheckpointError, match="no older one that is whole"):
        checkpoints.load(3)


def test_nothing_but_data_is_ever_unpickled(checkpoints: Checkpoints) -> None:
    checkpoints.save(9, {"code": print})
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.load(9)


def test_a_save_that_was_cut_off_leaves_the_others_as_they_were(checkpoints: Checkpoints) -> None:
    (checkpoints.folder / "unfinished-4").mkdir()
    (checkpoints.folder / "unfinished-4/state.pt").write_bytes(b"half")

    assert checkpoints.iterations() == [1, 2, 3]
    checkpoints.save(4, STATE)
    assert checkpoints.load(4)["step"] == 3


def test_a_checkpoint_is_replaced_by_one_of_its_number(checkpoints: Checkpoints) -> None:
    checkpoints.save(2, {"step": "again"})

    assert checkpoints.load(2) == {"step": "again"}
    with pytest.raises(ValueError, match="keep must be at least 2, got 1"):
        Checkpoints(checkpoints.folder, keep=1)
