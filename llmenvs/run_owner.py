"""Whose a folder of results is: ``run.json`` in it says what decides the run."""

import json
from collections.abc import Mapping
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
