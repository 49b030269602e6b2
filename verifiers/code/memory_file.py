"""A file in memory, for a run's standard input."""

import os


def file_with(data: bytes) -> int:
    """Return a descriptor of a new file; unlike a pipe it need not be kept filled, and can seek."""
    file = os.memfd_create("stdin", os.MFD_CLOEXEC)
    written = 0
    while written < len(data):
        written += os.write(file, data[written:])
    os.lseek(file, 0, os.SEEK_SET)
    return file
