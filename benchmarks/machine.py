"""What a figure depends on, the machine, the interpreter and the packages; and where it is kept."""

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llmenvs import __version__


def cpu_and_packages(packages: Iterable[str]) -> dict[str, Any]:
    """Return the processor, its cores, Python's version and those of ``packages``."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def system() -> dict[str, Any]:
    """Return the versions of this package, Python and the system, and the cores."""
    return {
        "llmenvs": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
    }


def keep(result: object, path: Path | None) -> None:
    """Append a result, JSON-ready, to a file of JSON lines; where there is none, do nothing."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
