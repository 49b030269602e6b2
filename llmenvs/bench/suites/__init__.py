"""Suite files that come with the package, and where a suite that is asked for is."""

from importlib import resources
from pathlib import Path


def suite_path(name: str) -> Path:
    """Return the path of a suite: a file's, or that of a bundled one by its name.

    Raises:
        ValueError: there is none.

    >>> suite_path("tools").name
    'tools.toml'
    """
    if Path(name).suffix == ".toml":
        return Path(name)
    folder = Path(str(resources.files("llmenvs.bench.suites")))
    bundled = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if name not in bundled:
        raise ValueError(f"suite must be a .toml file or one of {list(bundled)}, got {name!r}")
    return bundled[name]
