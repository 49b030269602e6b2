"""Environments and verifiers over HTTP: the servers, and `RemoteEnv`, their client.

``llmenvs serve env`` and ``llmenvs serve verifier`` run the servers; docs/serving.md shows how. All
of it needs the extra ``serve``.
"""

try:
    from llmenvs.serving.connection import RefusedError, RemoteError, SessionGoneError
    from llmenvs.serving.remote_env import RemoteEnv
except ModuleNotFoundError as error:
    raise ImportError(
        f"llmenvs.serving needs the package {error.name!r}: pip install 'llmenvs[serve]'"
    ) from error

__all__ = ["RefusedError", "RemoteEnv", "RemoteError", "SessionGoneError"]
