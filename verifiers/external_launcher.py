"""Set limits on this process, then become the program that is named.

Run by `llmenvs.verifiers.external` as a file, with an interpreter that loads nothing else:
``python -I -S external_launcher.py CPU_S MEMORY_BYTES FILE_BYTES PROGRAM ARGUMENT…``. Limits that
are set between fork and exec would need Python code in a copy of a process that has threads.
"""

import os
import resource
import sys

EXIT_NOT_STARTED = 127


def main() -> None:
    """Limit, and become the program."""
    cpu_s, memory_bytes, file_bytes = map(int, sys.argv[1:4])
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_FSIZE, file_bytes, file_bytes)
    _limit(resource.RLIMIT_CPU, cpu_s, cpu_s + 1)  # first a signal that says why, then the kill
    _limit(resource.RLIMIT_AS, memory_bytes, memory_bytes)
    try:
        os.execvp(sys.argv[4], sys.argv[4:])  # noqa: S606 (no shell is the point)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[4]} cannot be started: {error}\n")
        sys.exit(EXIT_NOT_STARTED)


def _limit(kind: int, soft: int, hard: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    main()
