"""Start a fork-server: ``python -s -P -S start.py FD``, run as a file inside the sandbox.

The packages above `llmenvs.verifiers.code` are stood in for by empty ones, since importing the real
ones would load Gymnasium and numpy, and since nothing of llmenvs but this folder can be seen from
inside.
"""

import os
import sys
import types

FOLDER = os.path.dirname(os.path.abspath(__file__))


def make_importable() -> None:
    """Let the modules of this folder be imported under their full names."""
    for name, path in (
        ("llmenvs", []),
        ("llmenvs.verifiers", []),
        ("llmenvs.verifiers.code", [FOLDER]),
    ):
        package = types.ModuleType(name)
        package.__path__ = path
        sys.modules[name] = package


if __name__ == "__main__":
    make_importable()
    from llmenvs.verifiers.code.fork_server import main

    main(int(sys.argv[1]))
