"""The docker backend: one long-lived container for each fork-server, and nothing run by ``exec``.

A container has no network, a read-only file system, no capability, a user of its own, and limits of
processes and memory; inside it each run is confined by Landlock and seccomp as everywhere. It ends
with the connection to its owner, however that ends, and the daemon then removes it.
"""

import json
import os
import platform
import socket
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from llmenvs.verifiers.code import docker_frames as frames
from llmenvs.verifiers.code.docker_daemon import LABEL, connect, explained, require_listener
from llmenvs.verifiers.code.docker_process import DockerProcess, FrameStream
from llmenvs.verifiers.code.docker_relay import SCRATCH
from llmenvs.verifiers.code.docker_start import LENGTH_DIGITS
from llmenvs.verifiers.code.job import GIB, MIB, Limits, SandboxError, SandboxUnavailable
from llmenvs.verifiers.code.outer import ENVIRONMENT
from llmenvs.verifiers.code.pool import PooledSandbox
from llmenvs.verifiers.code.process import Process
from llmenvs.verifiers.code.self_test import refuse_open_doors
from llmenvs.verifiers.code.worker import OWN_USER_THREADS, START_TIMEOUT_S, next_uid

if TYPE_CHECKING:
    from docker.models.containers import Container

DEFAULT_IMAGE = f"llmenvs-sandbox:python{platform.python_version()}"
_MEMORY_BYTES = 4 * GIB
_SCRATCH_BYTES = 256 * MIB
_SCRATCH_FILES = 16_384
_OPEN_FILES = 1024
_OTHER_PROCESSES = 16


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """How containers are started.

    Attributes:
        image: that the daemon has, with a ``python3`` of version 3.11 or newer.
        preload: modules that are imported beforehand, installed in the image.
        memory_bytes: of a container, for its run and its scratch folder together.
        runtime: the daemon's OCI runtime, as ``"runsc"``; None for its default.
    """

    image: str = DEFAULT_IMAGE
    preload: tuple[str, ...] = ()
    memory_bytes: int = _MEMORY_BYTES
    runtime: str | None = None

    def __post_init__(self) -> None:
        if not self.image:
            raise ValueError("image must name an image, got ''")


def open_docker(settings: DockerSettings, *, workers: int) -> PooledSandbox:
    """Return a sandbox of containers, the first of which has started.

    Raises:
        SandboxUnavailable: there is no daemon, or a container of the image cannot isolate.
    """
    try:
        first = start_probed(settings, ())
    except SandboxError as error:
        raise SandboxUnavailable(str(error)) from error
    return PooledSandbox("docker", partial(start_probed, settings), workers=workers, first=first)


def start_probed(settings: DockerSettings, preload: tuple[str, ...]) -> "DockerWorker":
    """Start a container and return it if all doors are closed.

    Args:
        settings: of the container.
        preload: more modules for it.

    Raises:
        SandboxError: there is no daemon, it does not start, or a door is open.
    """
    worker = DockerWorker(replace(settings, preload=(*settings.preload, *preload)))
    try:
        refuse_open_doors(worker)
    except BaseException:
        worker.close()
        raise
    return worker


class DockerWorker:
    """A container with a fork-server; for one run at a time.

    Args:
        settings: of the container.

    Attributes:
        start_s: how long it took to answer.

    Raises:
        SandboxError: it could not be started; the message says why.
    """

    def __init__(self, settings: DockerSettings) -> None:
        start = time.monotonic()
        self._stream: FrameStream | None = None
        self._container: Container | None = None
        self._client = connect()
        try:
            with explained("make a container", settings.image):
                self._container = self._client.containers.create(**_options(settings))
            with explained("attach to a container", settings.image):
                stream = self._stream = FrameStream(_attach(self._container))
            _WORKERS.add(self)
            with explained("start a container", settings.image):
                self._container.start()
            _wait_until_ready(stream, settings)
        except BaseException:
            self.close()
            raise
        self.start_s = time.monotonic() - start

    def start_process(self, limits: Limits, job: bytes, *, stdin: bytes | None) -> Process:
        """Start a process; see `llmenvs.verifiers.code.process.Server`."""
        if self._stream is None:
            raise SandboxError("the container is closed")
        return DockerProcess(self._stream, limits, job, stdin=stdin)

    def close(self) -> None:
        """End the container and whatever runs in it."""
        import docker
        import requests

        if self._stream is not None:
            self._stream.close()
        if self._container is not None:
            # It ends by itself and is removed; this waits for it, and makes sure.
            with suppress(docker.errors.DockerException, requests.RequestException, OSError):
                require_listener()
                self._container.remove(force=True, v=True)
            self._container = None
        self._client.close()

    def forget(self) -> None:
        """Let go of the container in a process that was forked from its owner."""
        if self._stream is not None:
            self._stream.forget()
        self._stream = self._container = None


def _wait_until_ready(stream: FrameStream, settings: DockerSettings) -> None:
    config = {"preload": settings.preload, "threads": OWN_USER_THREADS}
    message = json.dumps({"sources": _sources(), "config": config}).encode()
    stream.send(f"{len(message):0{LENGTH_DIGITS}}".encode() + message)
    try:
        frame = stream.receive(START_TIMEOUT_S)
    except ConnectionError:
        words = stream.last_words.decode(errors="replace").strip()[-500:]
        problem = words or "it ended without a word"
    else:
        if frame is None:
            problem = f"no word from it in {START_TIMEOUT_S:g} s"
        elif frame[0] != frames.ENDING:
            problem = f"it began with a frame of kind {frame[0]}"
        else:
            problem = json.loads(frame[1]).get("error", "")
    if problem:
        raise SandboxError(f"the image {settings.image!r} cannot run a fork-server: {problem}")


_WORKERS: "weakref.WeakSet[DockerWorker]" = weakref.WeakSet()


def _let_go_of_all() -> None:
    # A fork that kept a copy of the socket would keep the container alive after its owner.
    for worker in list(_WORKERS):
        worker.forget()


os.register_at_fork(after_in_child=_let_go_of_all)


def _options(settings: DockerSettings) -> dict[str, Any]:
    import docker

    user = next_uid()
    processes = OWN_USER_THREADS + _OTHER_PROCESSES
    scratch = f"rw,noexec,nosuid,nodev,size={_SCRATCH_BYTES},nr_inodes={_SCRATCH_FILES}"
    limits = {"nofile": _OPEN_FILES, "core": 0, "memlock": 0}
    return {
        "image": settings.image,
        "entrypoint": ["python3", "-s", "-S", "-c", _program()],
        "environment": _environment(),
        "use_config_proxy": False,  # or the run would see the addresses, and perhaps a password
        "stdin_open": True,
        "working_dir": "/",
        "hostname": "sandbox",
        "user": f"{user}:{user}",
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "ipc_mode": "private",
        "pids_limit": processes,
        "mem_limit": settings.memory_bytes,
        "memswap_limit": settings.memory_bytes,
        "tmpfs": {SCRATCH: f"{scratch},mode=0700,uid={user},gid={user}"},
        "ulimits": [
            docker.types.Ulimit(name=name, soft=most, hard=most) for name, most in limits.items()
        ],
        "healthcheck": {"test": ["NONE"]},  # an image's own would be run by exec
        "log_config": docker.types.LogConfig(type="none"),
        "labels": {LABEL: f"{platform.node()}:{os.getpid()}"},
        "auto_remove": True,
        "runtime": settings.runtime,
    }


def _environment() -> dict[str, str]:
    # The image says where its python3 is, and nothing else.
    kept = {name: value for name, value in ENVIRONMENT.items() if name != "PATH"}
    return {**kept, "PYTHONPATH": "", "PYTHONHOME": ""}


def _attach(container: "Container") -> socket.socket:
    streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    attached = container.attach_socket(params=streams)
    raw = getattr(attached, "_sock", attached)
    if type(raw) is not socket.socket:
        raise SandboxError(
            f"the daemon is reached by {type(raw).__name__}; the docker backend needs a plain "
            "unix:// or tcp:// address in DOCKER_HOST"
        )
    # Taken from the SDK's objects, which would close it, or keep a copy of it open.
    return socket.socket(fileno=raw.detach())


@cache
def _program() -> str:
    return resources.files(__package__).joinpath("docker_start.py").read_text()


@cache
def _sources() -> dict[str, str]:
    folder = resources.files(__package__)
    files: Sequence[Any] = [file for file in folder.iterdir() if file.name.endswith(".py")]
    return {file.name.removesuffix(".py"): file.read_text() for file in files}
