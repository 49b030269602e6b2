"""What of this machine code in a sandbox may see: Python, its libraries, and what is preloaded.

Never a whole folder of installed packages: beside numpy there may lie a benchmark with its
answers, and llmenvs itself has task sets with hidden tests. A module that is preloaded is shown
with what its distribution requires, found through the metadata that installers leave.
"""

import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from glob import glob
from importlib import metadata, util
from typing import NamedTuple

FOLDER = os.path.dirname(os.path.abspath(__file__))
"""Of the modules that run inside."""

_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_SYSTEM_PREFIXES = ("/usr", "/usr/local")
_REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Exposure(NamedTuple):
    """Paths that a sandbox shows.

    Attributes:
        python: the interpreter, with all links resolved.
        visible: files and folders to be read.
        hidden: folders beneath ``visible`` that must not be read.
        links: links at the root, path -> target.
        import_path: folders to add to ``sys.path``; only what is in ``visible`` too is there.
    """

    python: str
    visible: tuple[str, ...]
    hidden: tuple[str, ...]
    links: dict[str, str]
    import_path: tuple[str, ...]


def find_exposure(preload: Sequence[str] = ()) -> Exposure:
    """Return what runs with these modules preloaded need.

    Raises:
        ValueError: a module is not installed.
    """
    packages = sorted({path for module in preload for path in _find_package(module)})
    python = os.path.realpath(sys.executable)
    standard = os.path.realpath(sysconfig.get_path("stdlib"))
    dynamic = os.path.realpath(sysconfig.get_config_var("DESTSHARED") or standard)
    roots = _without_nested([python, standard, dynamic, *_libraries(), FOLDER])
    hidden = [path for root in roots for path in _package_folders(root)]
    return Exposure(
        python=python,
        visible=(*roots, *packages),
        hidden=tuple(sorted(set(hidden))),
        links={path: os.readlink(path) for path in ("/lib", "/lib64") if os.path.islink(path)},
        import_path=tuple(sorted({os.path.dirname(path) for path in packages})),
    )


def without_hidden(exposure: Exposure) -> tuple[list[str], list[str]]:
    """Return ``visible`` less ``hidden`` as a list of paths, and the folders that were split.

    For Landlock, which can allow what lies beneath a path but not except from it.
    """
    readable: list[str] = []
    listed: list[str] = []
    for root in exposure.visible:
        for path, is_split in _split(root, exposure.hidden):
            (listed if is_split else readable).append(path)
    return readable, [*listed, *exposure.import_path]


def is_readable_by_others(exposure: Exposure) -> bool:
    """Return whether a user who owns nothing of this machine can reach all that is visible."""
    for path in exposure.visible:
        if not os.path.exists(path):
            continue
        while path != "/":
            needed = 0o005 if os.path.isdir(path) else 0o004
            if os.stat(path).st_mode & needed != needed:
                return False
            path = os.path.dirname(path)
    return True


def _libraries() -> list[str]:
    """Return the folders of shared libraries that Python's own extensions load from."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or "none"
    folders = [f"/usr/lib/{multiarch}", f"/lib/{multiarch}", "/lib64", "/usr/lib64"]
    found = [os.path.realpath(folder) for folder in folders if os.path.isdir(folder)]
    if not found:  # musl has no other folders
        found = ["/lib", "/usr/lib"]
    library = os.path.join(sys.base_prefix, "lib")
    if os.path.realpath(sys.base_prefix) in _SYSTEM_PREFIXES:
        found += map(os.path.realpath, glob(f"{library}/libpython*.so*"))
        found += glob(f"{library}/libpython*.so*")
    else:  # a prefix of Python alone, as of pyenv, uv or conda
        found.append(os.path.realpath(library))
    return [*found, "/etc/ld.so.cache"]


def _package_folders(root: str) -> Iterator[str]:
    for name in _PACKAGE_FOLDERS:
        for depth in ("", "python3*/", "python3/"):
            yield from map(os.path.realpath, glob(f"{root}/{depth}{name}"))


def _without_nested(paths: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept


def _split(root: str, hidden: Sequence[str]) -> Iterator[tuple[str, bool]]:
    if root in hidden:
        return
    if not any(path.startswith(f"{root}/") for path in hidden):
        yield root, False
        return
    yield root, True
    for name in sorted(os.listdir(root)):
        yield from _split(os.path.join(root, name), hidden)


def _find_package(module: str) -> Iterator[str]:
    """Give the paths of a module and of what its distribution requires."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return
    spec = util.find_spec(top)
    if spec is None:
        raise ValueError(f"cannot preload {module!r}: it is not installed")
    yield from map(os.path.realpath, spec.submodule_search_locations or [str(spec.origin)])
    for name in _with_requirements(_distribution_of(top)):
        yield from _top_level_paths(name)


def _distribution_of(module: str) -> str | None:
    try:
        return metadata.distribution(module).metadata["Name"]
    except metadata.PackageNotFoundError:
        return next(iter(metadata.packages_distributions().get(module, ())), None)


def _with_requirements(name: str | None) -> list[str]:
    found: list[str] = []
    waiting = [] if name is None else [name]
    while waiting:
        name = waiting.pop()
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # not needed here, as its marker says
            continue
        found.append(name)
        for requirement in requirements:
            match = _REQUIREMENT_NAME.match(requirement)
            if match and "extra ==" not in requirement and match[0] not in found:
                waiting.append(match[0])
    return found


def _top_level_paths(distribution: str) -> Iterator[str]:
    files = metadata.files(distribution) or []
    for name in {file.parts[0] for file in files}:
        path = os.path.realpath(str(metadata.distribution(distribution).locate_file(name)))
        if name not in ("..", "__pycache__") and os.path.exists(path):
            yield path
