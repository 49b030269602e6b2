"""All doors are closed in every arrangement, and an arrangement with an open one does not serve."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from llmenvs.verifiers.code import Limits, SandboxError, SandboxUnavailable, StdinJob, open_sandbox
from llmenvs.verifiers.code import worker as worker_module
from llmenvs.verifiers.code.exposure import find_exposure, without_hidden
from llmenvs.verifiers.code.job import Ending
from llmenvs.verifiers.code.open_sandbox import open_strongest
from llmenvs.verifiers.code.outer import Outer
from llmenvs.verifiers.code.pool import start_probed
from llmenvs.verifiers.code.self_test import MIN_DOORS, probe, refuse_open_doors
from llmenvs.verifiers.code.worker import Worker, WorkerSettings

HONEST = (
    "from llmenvs.verifiers.code import *\n"
    "from llmenvs.verifiers.code.outer import Outer\n"
    "import sys\n"
    "with open_sandbox('local', outer=Outer(sys.argv[1])) as sandbox:\n"
    "    print(sandbox.run(StdinJob('print(1)'), Limits()).stdout.decode().strip())\n"
)


def test_every_arrangement_passes_its_probe(outer: Outer, python_command: list[str]) -> None:
    run = subprocess.run(
        [*python_command, "-c", HONEST, outer], capture_output=True, text=True, cwd="/", check=False
    )
    assert (run.stdout, run.stderr) == ("1\n", "")


def test_the_probe_tries_all_doors_from_a_run(outer: Outer) -> None:
    worker = Worker(WorkerSettings(outer, find_exposure()))
    try:
        findings = probe(worker)
    finally:
        worker.close()
    assert all(findings["doors"].values())
    assert not any(findings["needs"].values())
    assert len(findings["doors"]) >= MIN_DOORS


@pytest.mark.parametrize(
    ("missing", "door"), [("seccomp", "fork"), ("privileges", "keep a capability")]
)
def test_a_worker_with_an_open_door_does_not_serve(
    missing: str, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only ever inside namespaces, so that what gets out of the run gets no further.
    settings = WorkerSettings(Outer.NAMESPACES, find_exposure())
    whole = worker_module._config

    def lacking(settings: WorkerSettings, owner_fd: int) -> dict[str, object]:
        config = whole(settings, owner_fd)
        changes = {missing: False} if missing == "seccomp" else {missing: False, "uid": None}
        return {**config, **changes}

    monkeypatch.setattr(worker_module, "_config", lacking)
    with pytest.raises(SandboxError, match=f"code could .*{door}"):
        start_probed(settings)
    with pytest.raises(SandboxUnavailable, match="namespaces: not isolated"):
        open_strongest([settings], workers=1)


def test_a_file_that_should_not_be_seen_is_found_by_the_probe() -> None:
    exposure = find_exposure()
    leaky = replace(
        WorkerSettings(Outer.NAMESPACES, exposure),
        exposure=exposure._replace(visible=(*exposure.visible, *_folder_of_llmenvs())),
    )
    worker = Worker(leaky)
    try:
        with pytest.raises(SandboxError, match="read a file of the host"):
            refuse_open_doors(worker)
    finally:
        worker.close()


def _folder_of_llmenvs() -> list[str]:
    return [str(Path(worker_module.__file__).parents[1] / "verdict.py")]


def test_installed_packages_are_hidden_unless_preloaded() -> None:
    exposure = find_exposure()
    assert all("site-packages" not in path for path in exposure.visible)
    readable, listed = without_hidden(exposure)
    for hidden in exposure.hidden:
        assert not any(hidden == path or hidden.startswith(f"{path}/") for path in readable)
    assert set(listed).isdisjoint(readable)

    preloaded = find_exposure(("numpy",)).visible
    assert any(path.endswith("/numpy") for path in preloaded)
    assert not any("scipy" in path for path in preloaded)


def test_packages_beside_the_standard_library_cannot_be_read(outer: Outer) -> None:
    source = (
        "import glob, os, sysconfig\n"
        "base = sysconfig.get_path('stdlib')\n"
        "print([len(open(p).read()) for p in glob.glob(base + '/site-packages/*/*.py')[:3]])\n"
    )
    with open_sandbox("local", outer=outer) as sandbox:
        result = sandbox.run(StdinJob(source), Limits())
    assert result.stdout == b"[]\n" or result.ending is Ending.EXCEPTION
