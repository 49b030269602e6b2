"""Choosing a sandbox: by name, or the strongest that this machine has; never a silent downgrade."""

import platform
import sys
from collections.abc import Sequence

from llmenvs.verifiers.code import landlock, seccomp
from llmenvs.verifiers.code.exposure import find_exposure
from llmenvs.verifiers.code.job import Sandbox, SandboxError, SandboxUnavailable
from llmenvs.verifiers.code.outer import Outer, bubblewrap_path
from llmenvs.verifiers.code.pool import LocalSandbox, start_probed
from llmenvs.verifiers.code.worker import WorkerSettings

BACKENDS = ("local", "docker", "unsafe-local")


def open_sandbox(
    backend: str | None = None,
    *,
    workers: int = 1,
    preload: Sequence[str] = (),
    outer: Outer | None = None,
    image: str | None = None,
) -> Sandbox:
    """Return an open sandbox; close it, or use it in a ``with`` statement.

    Args:
        backend: ``"local"``, ``"docker"`` or ``"unsafe-local"``, which isolates nothing and is
            never chosen for you. None takes ``"local"`` where it can isolate.
        workers: most runs at a time, at least 1.
        preload: modules that every run shall find imported already, as ``"numpy"``. Only these and
            what they require can be imported besides the standard library.
        outer: the outer layer of ``"local"``, None for the strongest that works here.
        image: of the containers of ``"docker"``, with a ``python3`` of version 3.11 or newer and
            what ``preload`` names; None for the one that ``llmenvs sandbox build-image`` makes.

    Raises:
        SandboxUnavailable: the backend cannot isolate on this machine; the message says why.
        ValueError: an argument is out of range.
    """
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    if workers < 1:
        raise ValueError(f"need workers >= 1, got {workers}")
    if image is not None and backend != "docker":
        raise ValueError(f"an image is for backend='docker' alone, got {image!r} for {backend!r}")
    if backend == "docker":
        return _open_docker(image, workers=workers, preload=preload)
    if sys.platform != "linux":
        raise SandboxUnavailable(
            f"code can be isolated on Linux only, and this is {sys.platform}; run on Linux, or in "
            "a Linux container"
        )
    exposure = find_exposure(preload)
    if backend == "unsafe-local":
        settings = WorkerSettings(Outer.NOTHING, exposure, tuple(preload), isolated=False)
        return LocalSandbox("unsafe-local", settings, workers=workers)
    candidates = [
        WorkerSettings(layer, exposure, tuple(preload))
        for layer in (Outer if outer is None else (outer,))
    ]
    return open_strongest(candidates, workers=workers)


def _open_docker(image: str | None, *, workers: int, preload: Sequence[str]) -> Sandbox:
    from llmenvs.verifiers.code import docker_worker  # needs an extra, and time to import

    settings = docker_worker.DockerSettings(
        docker_worker.DEFAULT_IMAGE if image is None else image, tuple(preload)
    )
    return docker_worker.open_docker(settings, workers=workers)


def open_strongest(candidates: Sequence[WorkerSettings], *, workers: int) -> LocalSandbox:
    """Return a local sandbox of the first settings whose probe finds all doors closed.

    Raises:
        SandboxUnavailable: there are none; the message has the reason for each.
    """
    reasons = []
    for settings in candidates:
        reason = why_not(settings.outer)
        if not reason:
            try:
                first = start_probed(settings)
            except SandboxError as error:
                reason = str(error)
            else:
                return LocalSandbox("local", settings, workers=workers, first=first)
        reasons.append(f"{settings.outer}: {reason}")
    raise SandboxUnavailable(
        f"this machine cannot isolate code ({'; '.join(reasons)}); it takes a kernel with "
        "Landlock (Linux 5.13), or one that lets this user make namespaces, and seccomp"
    )


def why_not(outer: Outer) -> str:
    """Return why an outer layer cannot be tried here, "" if it can."""
    if seccomp.native_table() is None:
        known = " and ".join(seccomp.TABLES)
        return f"seccomp filters are known for 64-bit {known}, and this is {platform.machine()}"
    if outer is Outer.BUBBLEWRAP and bubblewrap_path() is None:
        return "bwrap is not installed"
    if outer is Outer.NOTHING and not landlock.landlock_abi():
        return "the kernel has no Landlock"
    return ""
