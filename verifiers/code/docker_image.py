"""Build the image of the docker backend from the Python that runs this; nothing is downloaded.

The image holds the interpreter, its standard library, the packages asked for with what they
require, and the shared libraries that all of these load, each at the path that it has here. It has
no shell and no other program.
"""

import io
import os
import re
import site
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

from llmenvs.verifiers.code.docker_daemon import connect, explained
from llmenvs.verifiers.code.exposure import find_exposure

_SKIPPED_FOLDERS = frozenset(
    {"ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "dist-packages", "test"}
    | {"tkinter", "turtledemo", "__pycache__"}
)
_SKIPPED_FILES = ("_tkinter", "_curses", "_test", "_ctypes_test", "xxlimited", "readline")
_MADE_FOLDERS = ("tmp", "proc", "sys", "dev", "etc", "scratch")
_ETC = {
    "etc/passwd": "root:x:0:0::/:/sbin/nologin\nnobody:x:65534:65534::/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
_TAG = re.compile(r"([a-z0-9][a-z0-9._/-]*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]*))?")
_LIBRARY = re.compile(r"(?:=>\s*|^\s+)(/\S+) \(", re.MULTILINE)  # of what ldd prints


def build_image(tag: str, preload: Sequence[str] = ()) -> str:
    """Build the image and give it to the daemon.

    Args:
        tag: ``name`` or ``name:tag``.
        preload: modules to have in it, as ``"numpy"``; with what their distributions require.

    Returns:
        The id of the image.

    Raises:
        SandboxError: there is no daemon, or it refuses.
        ValueError: a module is not installed here, or the tag is none.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ValueError(f"tag must be a name in lower case, as 'sandbox:1', got {tag!r}")
    files = find_files(preload)
    client = connect()
    try:
        with tempfile.TemporaryFile() as archive, explained("import an image", tag):
            write_archive(archive, files)
            archive.seek(0)
            folder = os.path.dirname(os.path.realpath(sys.executable))
            client.api.import_image_from_data(
                archive,
                repository=match[1],
                tag=match[2] or "latest",
                changes=[f"ENV PATH={folder}", "LABEL llmenvs.sandbox.image=1"],
            )
            return str(client.images.get(tag).id)
    finally:
        client.close()


def find_files(preload: Sequence[str] = ()) -> dict[str, str]:
    """Return all that Python with these modules needs: path in the image -> path here.

    Raises:
        ValueError: a module is not installed.
    """
    exposure = find_exposure(preload)
    standard = os.path.realpath(sysconfig.get_path("stdlib"))
    dynamic = os.path.realpath(sysconfig.get_config_var("DESTSHARED") or standard)
    files = {exposure.python: exposure.python}
    for root in (standard, dynamic):
        files |= {path: path for path in _files_beneath(root, _SKIPPED_FOLDERS)}
    # Where Python looks for packages without being told: here they may lie in an environment.
    installed = site.getsitepackages([sys.base_prefix])[0]
    for package in set(exposure.visible) - set(find_exposure().visible):
        above = os.path.dirname(package)
        for path in _files_beneath(package, frozenset({"__pycache__"})):
            files[os.path.join(installed, os.path.relpath(path, above))] = path
    binaries = [path for path in files.values() if path == exposure.python or ".so" in path]
    return {library: library for library in _libraries_of(binaries)} | files


def write_archive(target: IO[bytes], files: Mapping[str, str]) -> None:
    """Write a tar of the files, readable by all, and of what a container needs besides.

    Args:
        target: of the tar.
        files: path in the image -> path here.
    """
    with tarfile.open(fileobj=target, mode="w") as archive:
        for folder in (*_MADE_FOLDERS, *_folders_above(files)):
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        for path, text in _ETC.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
        for path, link in _links():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            archive.addfile(entry)
        for path, source in files.items():
            with open(source, "rb") as file:
                entry = tarfile.TarInfo(path.lstrip("/"))
                status = os.fstat(file.fileno())
                entry.size = status.st_size
                entry.mode = 0o755 if status.st_mode & 0o111 else 0o644
                archive.addfile(entry, file)


def _files_beneath(root: str, skipped: frozenset[str]) -> Iterator[str]:
    if os.path.isfile(root):
        yield root
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name for name in folders if name not in skipped and not name.startswith("config-")
        ]
        for name in names:
            path = os.path.join(folder, name)
            if not name.startswith(_SKIPPED_FILES) and os.path.isfile(path):
                yield path


def _libraries_of(binaries: Sequence[str]) -> Iterator[str]:
    # ldd fails for some of them, which are then no programs of this machine.
    listed = subprocess.run(  # noqa: S603 (our own interpreter's files)
        ["ldd", *binaries],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    for path in sorted(set(_LIBRARY.findall(listed.stdout))):
        yield os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _folders_above(paths: Iterable[str]) -> list[str]:
    folders = set()
    for path in paths:
        while (path := os.path.dirname(path)) != "/":
            folders.add(path)
    return sorted(folders)


def _links() -> list[tuple[str, str]]:
    python = os.path.realpath(sys.executable)
    name = os.path.join(os.path.dirname(python), "python3")
    ours = [] if name == python else [(name, os.path.basename(python))]
    return [*find_exposure().links.items(), *ours]
