"""pyproject.toml ships every package folder, and the wheel works outside of the checkout."""

import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FOLDERS = {folder: name for name, folder in SETUPTOOLS["package-dir"].items()}


def test_every_package_folder_is_listed() -> None:
    """setuptools cannot discover mapped packages: one left out would be missing from the wheel."""
    found = [
        ".".join([name, *init.parent.relative_to(ROOT / folder).parts])
        for folder, name in FOLDERS.items()
        for init in (ROOT / folder).rglob("__init__.py")  # which follows no symlink
    ]

    assert sorted(SETUPTOOLS["packages"]) == sorted(found)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # what setuptools left of before
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT],
        check=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_puts_nothing_at_the_top_level_but_llmenvs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"llmenvs"}
    assert "llmenvs/py.typed" in names
    assert "llmenvs/verifiers/verdict.py" in names
    assert "llmenvs/bench/transcript_page.html" in names


def test_the_wheel_installs_and_imports_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """With the core's own dependencies alone: no torch, and no checkout on the path."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel], check=True
    )
    imports = "; ".join(f"import {name}" for name in SETUPTOOLS["packages"])
    code = f"{imports}; import gymnasium; gymnasium.make('llmenvs/GridWorld-v0').reset(seed=0)"
    subprocess.run([python, "-W", "error", "-c", code], check=True, cwd=tmp_path)
    listed = subprocess.run(
        [tmp_path / "env" / "bin" / "llmenvs", "--help"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert "demo" in listed.stdout
