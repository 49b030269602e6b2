"""Environments and verifiers over HTTP: the servers, and `RemoteEnv`, their client.

``llmenvs serve env`` and ``llmenvs serve verifier`` run the servers; docs/serving.md shows how. All
of it needs the extra ``serve``, which is asked for when a name is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmenvs.serving.connection import RefusedError, RemoteError, SessionGoneError
    from llmenvs.serving.remote_env import RemoteEnv

__all__ = ["RefusedError", "RemoteEnv", "RemoteError", "SessionGoneError"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'llmenvs.serving' has no attribute {name!r}")
    module = "remote_env" if name == "RemoteEnv" else "connection"
    try:
        return getattr(importlib.import_module(f"llmenvs.serving.{module}"), name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"llmenvs.serving needs the package {error.name!r}: pip install 'llmenvs[serve]'"
        ) from error
