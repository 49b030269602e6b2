"""The docker backend, in a private engine: it isolates, says what is wrong, and leaves nothing."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from llmenvs.verifiers import CodeVerifier, Status
from llmenvs.verifiers.code import (
    Call,
    Ending,
    FunctionJob,
    Limits,
    Returned,
    Sandbox,
    SandboxError,
    SandboxUnavailable,
    StdinJob,
    SuiteJob,
    open_sandbox,
)
from llmenvs.verifiers.code.self_test import MIN_DOORS, probe

docker = pytest.importorskip("docker")

from llmenvs.verifiers.code.docker_daemon import LABEL  # noqa: E402 (after the skip)
from llmenvs.verifiers.code.docker_image import build_image  # noqa: E402
from llmenvs.verifiers.code.docker_worker import (  # noqa: E402
    DEFAULT_IMAGE,
    DockerSettings,
    DockerWorker,
    open_docker,
)

LIMITS = Limits(cpu_s=5.0, wall_s=60.0)
ECHO = FunctionJob("def f(x):\n    return x", (Call("f", (1,)),))
TARGET = {"entry_point": "f", "inputs": [[1]], "outputs": [1]}
OWNER = """
import os, time
from llmenvs.verifiers.code import *
sandbox = open_sandbox("docker")
if not os.fork():
    time.sleep(20); os._exit(0)
print("ready", flush=True)
sandbox.run(StdinJob("while True: pass"), Limits(cpu_s=99.0, wall_s=99.0))
"""


@pytest.fixture(scope="module")
def containers(docker_address: str) -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", docker_address)
        with open_sandbox("docker") as sandbox:
            yield sandbox


@pytest.fixture
def client(docker_host: str) -> Iterator[Any]:
    with closing(docker.from_env()) as client:
        yield client


def ours(client: Any, pid: int) -> list[Any]:
    """The containers that a process owns."""
    found = client.containers.list(filters={"label": LABEL})
    return [each for each in found if each.labels[LABEL].endswith(f":{pid}")]


def newest(client: Any, before: list[Any]) -> Any:
    (container,) = set(ours(client, os.getpid())) - set(before)
    return container


def test_jobs_of_all_forms_run(containers: Sandbox) -> None:
    assert containers.name == "docker"
    assert containers.run(ECHO, LIMITS).calls == (Returned(1),)

    program = containers.run(StdinJob("print(int(input()) * 2)", "3\n"), LIMITS)
    assert (program.ending, program.stdout) == (Ending.FINISHED, b"6\n")

    suite = containers.run(SuiteJob(ECHO.source, "assert f(3) == 3", ("f",)), LIMITS).suite
    assert suite is not None
    assert suite.passed


def test_limits_end_a_run_and_the_next_one_works(containers: Sandbox) -> None:
    spin = containers.run(StdinJob("while True: pass"), Limits(cpu_s=0.3, wall_s=60.0))
    flood = containers.run(StdinJob("while True: print('x' * 9999)"), LIMITS)
    large = containers.run(StdinJob("x = bytearray(3 << 30)"), LIMITS)

    assert spin.ending is Ending.CPU_LIMIT
    assert flood.ending is Ending.OUTPUT_LIMIT
    assert large.ending is Ending.MEMORY_LIMIT
    assert containers.run(ECHO, LIMITS).calls == (Returned(1),)


def test_large_inputs_and_outputs_cross_whole(containers: Sandbox) -> None:
    text = "é" * 400_000
    job = FunctionJob(ECHO.source, (Call("f", (text,)), Call("f", (len(text),))))
    assert containers.run(job, LIMITS).calls == (Returned(text), Returned(len(text)))

    copied = containers.run(
        StdinJob("import sys; sys.stdout.write(sys.stdin.read())", text), LIMITS
    )
    assert copied.stdout.decode() == text


def test_a_container_has_all_its_restrictions(client: Any) -> None:
    before = ours(client, os.getpid())
    with open_sandbox("docker"):
        config = newest(client, before).attrs

    host = config["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["AutoRemove"]
    assert 0 < host["PidsLimit"] < 200
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert not host["Privileged"]
    assert not host["Binds"]
    assert int(config["Config"]["User"].partition(":")[0]) > 1000


def test_the_probe_finds_all_doors_closed(docker_host: str) -> None:
    worker = DockerWorker(DockerSettings())
    try:
        findings = probe(worker)
    finally:
        worker.close()
    assert all(findings["doors"].values())
    assert not any(findings["needs"].values())
    assert len(findings["doors"]) >= MIN_DOORS


def test_the_environment_of_the_owner_does_not_cross(
    docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
    with open_sandbox("docker") as sandbox:
        result = sandbox.run(StdinJob("import os; print(dict(os.environ))"), LIMITS)
    assert result.ending is Ending.FINISHED
    assert b"secret" not in result.stdout


def test_a_container_lost_in_a_run_fails_the_run_and_is_replaced(client: Any) -> None:
    before = ours(client, os.getpid())
    with open_sandbox("docker") as sandbox:
        container = newest(client, before)
        killer = threading.Timer(0.5, container.kill)
        killer.start()
        result = sandbox.run(StdinJob("import time; time.sleep(30)"), LIMITS)
        killer.join()
        assert result.ending is Ending.WORKER_LOST
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)


def test_a_container_lost_while_idle_is_replaced_unnoticed(client: Any) -> None:
    before = ours(client, os.getpid())
    with open_sandbox("docker") as sandbox:
        newest(client, before).kill()
        time.sleep(0.5)
        assert sandbox.run(ECHO, LIMITS).calls == (Returned(1),)


def test_a_close_ends_a_run_and_leaves_no_container(client: Any) -> None:
    before = ours(client, os.getpid())
    sandbox = open_sandbox("docker")
    results = []
    slow = StdinJob("import time; time.sleep(60)")
    thread = threading.Thread(target=lambda: results.append(sandbox.run(slow, LIMITS)))
    thread.start()
    time.sleep(2.0)
    sandbox.close()
    thread.join(timeout=20)

    assert [result.ending for result in results] == [Ending.WORKER_LOST]
    assert set(ours(client, os.getpid())) == set(before)
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run(ECHO, LIMITS)


def test_a_killed_owner_leaves_no_container(client: Any) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        assert ours(client, owner.pid)
        owner.kill()
        deadline = time.monotonic() + 5.0
        while ours(client, owner.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not ours(client, owner.pid)


def test_a_verifier_runs_in_containers(docker_host: str) -> None:
    verifier = CodeVerifier("docker", workers=1)
    assert verifier("```python\ndef f(x):\n    return x\n```", TARGET).score == 1.0
    assert verifier("```python\nimport os; os._exit(0)\n```", TARGET).score == 0.0
    assert verifier.backend == "docker"


def test_an_image_is_for_the_docker_backend_alone() -> None:
    with pytest.raises(ValueError, match=r"'python:3\.12'"):
        open_sandbox("local", image="python:3.12")
    with pytest.raises(ValueError, match=r"'python:3\.12'"):
        CodeVerifier(image="python:3.12")


def test_an_image_has_a_name() -> None:
    with pytest.raises(ValueError, match="image must name an image"):
        open_sandbox("docker", image="")


@pytest.mark.parametrize(
    ("address", "problem"), [("ssh://elsewhere", "ssh -L"), ("nonsense", "Invalid bind")]
)
def test_an_address_that_does_not_do_is_named(
    address: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(SandboxUnavailable, match=f"{address} .*{problem}"):
        open_sandbox("docker")


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(SandboxUnavailable, match=r'pip install "llmenvs\[docker\]"'):
        open_sandbox("docker")


def test_without_a_daemon_it_is_said_where_one_was_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(SandboxUnavailable, match=r"unix:///nowhere/docker\.sock .*DOCKER_HOST"):
        open_sandbox("docker")


def test_an_absent_image_is_named(docker_host: str) -> None:
    with pytest.raises(SandboxUnavailable, match="no image 'absent:1'; make it with `llmenvs sand"):
        open_sandbox("docker", image="absent:1")


def import_image(client: Any, name: str, files: dict[str, bytes]) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    client.api.import_image_from_data(archive.getvalue(), repository=name, tag="1")


def test_an_image_without_a_working_python_is_named(client: Any) -> None:
    before = client.containers.list(all=True)
    import_image(client, "bare", {"etc/nothing": b""})
    with pytest.raises(SandboxUnavailable, match=r"'bare:1'.*needs a python3 on its PATH"):
        open_sandbox("docker", image="bare:1")

    import_image(client, "broken", {"usr/bin/python3": b"no program"})
    with pytest.raises(SandboxUnavailable, match="'broken:1'"):
        open_sandbox("docker", image="broken:1")
    assert set(client.containers.list(all=True)) <= set(before)


def test_a_module_that_the_image_has_not_is_named(docker_host: str) -> None:
    with pytest.raises(SandboxUnavailable, match=r"'llmenvs-.*cannot preload 'numpy'"):
        open_sandbox("docker", preload=["numpy"])


def test_a_refused_option_is_not_left_out(docker_host: str) -> None:
    with pytest.raises(SandboxUnavailable, match=r"daemon would not .*none-such"):
        open_docker(DockerSettings(runtime="none-such"), workers=1)


@pytest.mark.parametrize("tag", ["Upper", "", "a b", "a:"])
def test_a_tag_that_is_none_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="tag must be"):
        build_image(tag)


@pytest.mark.slow
def test_an_image_may_have_packages(docker_host: str) -> None:
    build_image("with-numpy:1", ["numpy"])
    source = "import numpy, sys\nprint(numpy.arange(4).sum(), 'scipy' in sys.modules)"
    with open_sandbox("docker", image="with-numpy:1", preload=["numpy"]) as sandbox:
        assert sandbox.run(StdinJob(source), LIMITS).stdout == b"6 False\n"


@pytest.mark.slow
def test_a_daemon_that_dies_in_a_run_fails_it_and_is_missed_after_it(
    start_engine: Callable[..., dict[str, Any]],
) -> None:
    engine = start_engine()
    build_image(DEFAULT_IMAGE)
    verifier = CodeVerifier("docker", workers=1, limits={"wall_s": 30.0})
    assert verifier("def f(x):\n    return x", TARGET).score == 1.0

    killer = threading.Timer(0.5, os.kill, (engine["pid"], signal.SIGKILL))
    killer.start()
    in_run = verifier("import time\ndef f(x):\n    time.sleep(20)", TARGET)
    killer.join()
    after = verifier("def f(x):\n    return x", TARGET)

    assert in_run.score == 0.0
    assert after.status is Status.ERROR
    assert "Docker daemon" in after.reason or "daemon at" in after.reason


@pytest.mark.slow
def test_a_full_disk_is_named(start_engine: Callable[..., dict[str, Any]]) -> None:
    start_engine("--data", "size=40m")
    with pytest.raises(SandboxError, match="disk is full: make room"):
        build_image(DEFAULT_IMAGE)
