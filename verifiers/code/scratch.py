"""The folder that a run may write in.

Where each run mounts a file system of its own over it, there is nothing to make or to clear. Where
mounts are not to be had, the server makes a folder for each run and removes it afterwards, and
looks at it while the run goes on, since nothing else bounds what all files take together.
"""

import os
from contextlib import suppress
from typing import Protocol

_BLOCK_BYTES = 512


class Scratch(Protocol):
    """The folder of the runs.

    Attributes:
        path: of the folder, the same for all runs of a server.
        watched: whether `is_over` has to be asked during a run.
    """

    @property
    def path(self) -> str:
        """Where it is."""
        ...

    @property
    def watched(self) -> bool:
        """Whether to ask `is_over`."""
        ...

    def make(self) -> None:
        """Get ready for a run."""
        ...

    def is_over(self, size_bytes: int, files: int) -> bool:
        """Return whether the run has written more, or more files, than it may."""
        ...

    def clear(self) -> None:
        """Remove what a run has left."""
        ...

    def remove(self) -> None:
        """Remove all, for good."""
        ...


def make_scratch(path: str | None, uid: int | None, temporary: str) -> Scratch:
    """Return the scratch at ``path``, where runs mount their own, or in a new folder for None.

    Args:
        path: of a folder, or None.
        uid: of the user that runs become, None where they stay what the server is.
        temporary: the folder to make a new one in.
    """
    return MountedScratch(path) if path is not None else FolderScratch(uid, temporary)


class MountedScratch:
    """A mount point: each run mounts an empty file system on it that ends with the run."""

    watched = False

    def __init__(self, path: str) -> None:
        self.path = path

    def make(self) -> None:
        """Do nothing: the run mounts it."""

    def is_over(self, size_bytes: int, files: int) -> bool:
        """Return False: the mount has its limits itself."""
        return False

    def clear(self) -> None:
        """Do nothing: it ended with the run."""

    def remove(self) -> None:
        """Do nothing: it is the file system of the namespace."""


class FolderScratch:
    """A folder made anew for each run, in one of the server's own."""

    watched = True

    def __init__(self, uid: int | None, temporary: str) -> None:
        import tempfile  # here, since it brings much that a mounted scratch has no use for

        self._uid = uid
        self._base = tempfile.mkdtemp(prefix="llmenvs-sandbox-", dir=temporary)
        os.chmod(self._base, 0o711)  # noqa: S103 (a dropped user must pass through it)
        self.path = os.path.join(self._base, "run")

    def make(self) -> None:
        """Make the folder of the next run."""
        os.mkdir(self.path, 0o700)
        if self._uid is not None:
            os.chown(self.path, self._uid, self._uid)

    def is_over(self, size_bytes: int, files: int) -> bool:
        """Return whether the run has written more, or more files, than it may."""
        num_files = num_bytes = 0
        folders = [self.path]
        while folders:
            for entry in _entries(folders.pop()):
                num_files += 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    with suppress(OSError):  # it is gone by now
                        num_bytes += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                if num_files > files or num_bytes > size_bytes:
                    return True
        return False

    def clear(self) -> None:
        """Remove the folder of the run that has ended."""
        try:
            os.rmdir(self.path)  # as it nearly always is: empty
        except OSError:
            _remove_tree(self.path)

    def remove(self) -> None:
        """Remove the folder for good."""
        _remove_tree(self._base)


def _remove_tree(path: str) -> None:
    """Remove a folder with all in it, however deep that is.

    Folders within folders are first moved up, so that no path grows over the limit of the kernel
    and nothing here recurses: a run may have nested its folders for that very purpose.
    """
    with suppress(OSError):
        number = 0
        folders = [path]
        while folders:
            folder = folders[-1]
            os.chmod(folder, 0o700)
            deeper = []
            for entry in _entries(folder):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                elif folder == path:
                    deeper.append(entry.path)
                else:
                    number += 1
                    deeper.append(os.path.join(path, f"moved.{number}"))
                    os.chmod(entry.path, 0o700)  # to move a folder is to write to it
                    os.rename(entry.path, deeper[-1])
            if folder != path:
                os.rmdir(folders.pop())
                folders += deeper
            elif deeper:
                folders += deeper
            else:
                os.rmdir(folders.pop())


def _entries(folder: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # it is gone by now, or cannot be read
        return []
