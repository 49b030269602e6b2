"""Choosing a sandbox: by name, or the strongest that this machine has; never a silent downgrade."""

from collections.abc import Sequence

from llmenvs.verifiers.code.job import Sandbox, SandboxUnavailable

BACKENDS = ("local", "docker", "unsafe-local")


def open_sandbox(
    backend: str | None = None, *, workers: int = 1, preload: Sequence[str] = ()
) -> Sandbox:
    """Return an open sandbox; close it, or use it in a ``with`` statement.

    Args:
        backend: ``"local"``, ``"docker"`` or ``"unsafe-local"``, which isolates nothing and is
            never chosen for you. None takes ``"local"`` where it can isolate.
        workers: most runs at a time, at least 1.
        preload: modules that every run shall find imported already, as ``"numpy"``.

    Raises:
        SandboxUnavailable: the backend cannot isolate on this machine; the message says why.
        ValueError: an argument is out of range.
    """
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    raise SandboxUnavailable("no backend is built yet")
