"""The Docker daemon: reaching it, and saying what is the matter in words that help."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmenvs.verifiers.code.job import SandboxError

if TYPE_CHECKING:
    from docker import DockerClient

BUILD_COMMAND = "llmenvs sandbox build-image"
LABEL = "llmenvs.sandbox"
"""Of every container of ours; its value is the host and the process id of the owner."""

_START_S = 60.0
_LOOK_S = 5.0
_NO_PYTHON = ("executable file not found", "no such file or directory")


def describe_daemon(image: str) -> str:
    """Return what the daemon is, and whether it has an image, or why there is none."""
    try:
        client = connect(timeout_s=_LOOK_S)
    except SandboxError as error:
        return str(error)
    try:
        with explained("describe a container", image):
            version = client.version()["Version"]
            client.images.get(image)
    except SandboxError as error:
        return str(error)
    finally:
        client.close()
    return f"Docker {version} at {daemon_address()}, with the image {image}"


def connect(*, timeout_s: float = _START_S) -> "DockerClient":
    """Return a client of the daemon that ``DOCKER_HOST`` names, or the one of this machine.

    Args:
        timeout_s: of each request.

    Raises:
        SandboxError: the package is not installed, or no daemon answers.
    """
    try:
        import docker
    except ImportError as error:
        raise SandboxError(
            'the docker backend needs the docker package: pip install "llmenvs[docker]"'
        ) from error
    if daemon_address().startswith("ssh://"):
        raise SandboxError(
            f"no Docker daemon is reached by ssh, got {daemon_address()} in DOCKER_HOST; forward "
            "its socket with `ssh -L` and name that as unix://"
        )
    try:
        require_listener(timeout_s)
        return docker.from_env(timeout=timeout_s)
    except (docker.errors.DockerException, OSError, ValueError) as error:
        raise SandboxError(
            f"no Docker daemon answers at {daemon_address()} ({_root_cause(error)}); start one, "
            "or name another in DOCKER_HOST"
        ) from error


def daemon_address() -> str:
    """Return where the daemon is looked for."""
    return os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"  # as the SDK does


def require_listener(timeout_s: float = _START_S) -> None:
    """Return if somebody listens where the daemon is looked for.

    To be asked before the SDK is, which where nobody does leaves a socket of its own open.

    Raises:
        OSError: nobody does.
    """
    address = daemon_address()
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as tried:
            tried.settimeout(timeout_s)
            tried.connect(address.removeprefix("unix://"))


@contextmanager
def explained(what: str, image: str) -> Iterator[None]:
    """Turn what the daemon says against something into a `SandboxError` with what to do.

    Args:
        what: that is tried, as "start a container".
        image: of the container.

    Raises:
        SandboxError: the daemon refused, or is gone.
    """
    import docker
    import requests

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise SandboxError(
            f"the daemon at {daemon_address()} has no image {image!r}; make it with "
            f"`{BUILD_COMMAND} --tag {image}`, or pull it"
        ) from error
    except docker.errors.APIError as error:
        said = str(error.explanation or error)
        raise SandboxError(
            f"the daemon would not {what} of {image!r}: {said}{_advice(said)}"
        ) from (error)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise SandboxError(
            f"the daemon at {daemon_address()} did not {what} of {image!r} "
            f"({_root_cause(error)}); is it still running?"
        ) from error


def _advice(said: str) -> str:
    lower = said.lower()
    if "no space left" in lower:
        return "; its disk is full: make room, as with `docker system prune`"
    if any(words in lower for words in _NO_PYTHON):
        return "; an image needs a python3 on its PATH"
    if "security" in lower or "not supported" in lower or "unknown" in lower:
        return "; the backend does without none of its restrictions, so take another daemon"
    return ""


def _root_cause(error: BaseException) -> str:
    while (cause := error.__cause__) is not None:
        error = cause
    return f"{type(error).__name__}: {error}"
