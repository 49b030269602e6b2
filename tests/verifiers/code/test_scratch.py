"""What a run leaves in its folder is counted and removed, whatever it is."""

import os
from pathlib import Path

from llmenvs.verifiers.code.scratch import FolderScratch


def nest(depth: int, name: str = "d") -> None:
    """Make folders within folders, deeper than a path can say, and leave."""
    home = os.open(".", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name)
        os.chdir(name)
    os.fchdir(home)
    os.close(home)


def test_deep_folders_are_counted_and_removed(tmp_path: Path) -> None:
    scratch = FolderScratch(None, str(tmp_path))
    scratch.make()
    here = os.getcwd()
    os.chdir(scratch.path)
    try:
        nest(3000)
        Path("file").write_bytes(b"x" * 10_000)
        os.symlink("/", "link")
        os.mkdir("closed", 0)
    finally:
        os.chdir(here)

    assert scratch.is_over(1 << 20, 500)
    assert not scratch.is_over(1 << 20, 5000)
    assert scratch.is_over(1000, 5000)

    scratch.clear()
    assert not os.path.exists(scratch.path)
    scratch.make()
    scratch.clear()
    scratch.remove()
    assert not list(tmp_path.iterdir())
