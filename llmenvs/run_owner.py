"""Whose a folder of results is: ``run.json`` in it says what decides the run."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def check_owner(owner: Path, identity: Mapping[str, Any]) -> None:
    """Refuse a folder that is another run's, so that the same command alone goes on with it.

    Args:
        owner: the ``run.json`` of the folder; it is there.
        identity: what decides the run, JSON-ready.

    Raises:
        ValueError: it is another run's; the message says in what it differs. Or it cannot be read.
    """
    try:
        theirs = json.loads(owner.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{owner} is not JSON ({error}); overwrite the run") from error
    ours = json.loads(json.dumps(identity))  # as it is read back: tuples are lists
    for key in sorted({*ours, *theirs}):
        if theirs.get(key) != ours.get(key):
            raise ValueError(
                f"{owner.parent} holds another run: its {key} is {theirs.get(key)!r}, not "
                f"{ours.get(key)!r}; choose another folder, or overwrite it"
            )


@contextmanager
def locked_folder(folder: Path, *, doing: str) -> Iterator[None]:
    """Hold the folder for this process while the block runs; the lock ends with the process.

    Args:
        folder: it is there; ``lock`` in it is the file that is locked.
        doing: what the holder does, for the message to another.

    Raises:
        ValueError: another process holds it.
    """
    import fcntl  # of POSIX, as the sandbox and the training stack are

    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another process is {doing} in {folder}") from None
        yield
