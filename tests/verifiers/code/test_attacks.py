"""No attack of the list earns a pass, in any sandbox, and honest code passes after each of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llmenvs.verifiers.code.outer import Outer

RUNNER = Path(__file__).with_name("attack_runner.py")


def attack(command: list[str], arrangement: str, *options: str) -> None:
    run = subprocess.run(
        [*command, str(RUNNER), arrangement, *options],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    bad = [row for row in rows if row["passed"] or row["honest_failed"]]

    assert not bad
    assert run.returncode == 0, run.stderr
    assert len(rows) > 100


def test_no_quick_attack_passes(outer: Outer, python_command: list[str]) -> None:
    if outer is not Outer.NAMESPACES or python_command[0] == "setpriv":
        pytest.skip("the others are tried by the slow test")
    attack(python_command, outer, "--quick")


@pytest.mark.slow
def test_no_attack_passes(outer: Outer, python_command: list[str]) -> None:
    attack(python_command, outer)


@pytest.mark.slow
def test_no_attack_passes_in_a_container(docker_host: str) -> None:
    attack([sys.executable], "docker")
