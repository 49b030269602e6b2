"""The first program of a container: it takes llmenvs' modules from standard input, and no file.

It is given to ``python3 -c``, so an image needs nothing of llmenvs, and the daemon may be on
another machine. The modules stay in memory: nothing has to be mounted or written.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (an image may have any)
    sys.exit("its python3 is {}.{}, and 3.11 or newer is needed".format(*sys.version_info[:2]))

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGES = ("llmenvs", "llmenvs.verifiers", "llmenvs.verifiers.code")
LENGTH_DIGITS = 12


class Sources:
    """Finds and loads modules of `llmenvs.verifiers.code` in a dict of their sources.

    Args:
        sources: by the last part of their names.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of one of the modules, or of the empty packages above them."""
        package, _, last = name.rpartition(".")
        if name in PACKAGES:
            return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]
        if package != PACKAGES[-1] or last not in self._sources:
            return None
        spec = ModuleSpec(name, self, origin=f"/{name.replace('.', '/')}.py")  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the importer."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the source of a module."""
        if module.__name__ in PACKAGES:
            return
        source = self._sources[module.__name__.rpartition(".")[2]]
        code = compile(source, str(module.__file__), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 (our own source, sent by our verifier)


def read_exactly(size: int) -> bytes:
    """Read so many bytes of standard input; ends the process where there are fewer."""
    data = bytearray()
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


if __name__ == "__main__":
    sys.path[:] = [folder for folder in sys.path if folder]
    message: dict[str, Any] = json.loads(read_exactly(int(read_exactly(LENGTH_DIGITS))))
    sys.meta_path.append(Sources(message["sources"]))
    importlib.import_module("llmenvs.verifiers.code.docker_relay").main(message["config"])
