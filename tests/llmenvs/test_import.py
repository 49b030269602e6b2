"""`import llmenvs` is light, registers the environments, and exports what it says."""

import subprocess
import sys

import gymnasium
import pytest

import llmenvs

HEAVY = ("torch", "transformers", "faiss", "docker", "scipy", "sympy", "jsonschema", "rich")


def test_importing_loads_no_heavy_package() -> None:
    code = "import llmenvs, llmenvs.envs, llmenvs.verifiers, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not [name for name in HEAVY if name in loaded]


def test_all_is_complete_and_sorted() -> None:
    assert llmenvs.__all__ == sorted(llmenvs.__all__)
    assert all(hasattr(llmenvs, name) for name in llmenvs.__all__)


@pytest.mark.parametrize("env_id", ["llmenvs/GridWorld-v0", "llmenvs/GridWorldDiscrete-v0"])
def test_environments_are_registered(env_id: str) -> None:
    env = gymnasium.make(env_id)

    assert env.spec is not None
    assert env.spec.id == env_id
