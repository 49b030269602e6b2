"""A cluster is used as it is found, ended only by who started it, and refused by name if unfit."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from llmenvs import __version__
from llmenvs.engines.ray_cluster import ClusterError, differences, ray_cluster

ALONE = """
import os, sys
from llmenvs.engines.ray_cluster import nodes_of, ray_cluster
before = dict(os.environ)
with ray_cluster(num_cpus=1) as ray:
    assert dict(os.environ) == before or "RAY_AUTH_MODE" in os.environ
    with ray_cluster() as again:
        assert again.is_initialized()
    assert ray.is_initialized()
    (node,) = nodes_of(ray)
    print(node.address, node.num_cpus)
assert not ray.is_initialized()
"""
SCORE = """
import os, sys
from llmenvs.cli import main
os.environ["PYTHONPATH"] = sys.argv[1]  # of the nodes alone: this process has its llmenvs already
raise SystemExit(main(["score", "--engine", "ray", "--workers", "1", "--verifier", "length",
                       "--option", "max_length=3", "--input", sys.argv[2]]))
"""


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, connected to no cluster, with no folder in its path.

    Ray's workers look into the folders of the driver's path before those of their own.
    """
    command = [sys.executable, "-P", "-c", program, *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=tempfile.gettempdir()
    )


@pytest.mark.slow
def test_a_local_cluster_is_on_loopback_and_ends_with_its_block() -> None:
    pytest.importorskip("ray")
    done = run(ALONE)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["127.0.0.1", "1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('__version__ = "9.9.9"\n', "has llmenvs 9.9.9, but"),
        ('raise ImportError("none of it")\n', "has no llmenvs, but"),
    ],
)
def test_a_node_with_another_llmenvs_or_none_is_named(text: str, said: str, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "llmenvs.py").write_text(text)
    source = tmp_path / "in.jsonl"
    source.write_text('{"completion": "abc"}\n')
    done = run(SCORE, str(tmp_path), str(source))

    assert done.returncode == 2, done.stderr
    assert f"node 127.0.0.1 {said} {__version__} is needed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_no_cluster_at_an_address_is_said_plainly_and_soon() -> None:
    pytest.importorskip("ray")
    with (
        pytest.raises(ClusterError, match=r"no Ray cluster at '127\.0\.0\.1:1'"),
        ray_cluster("127.0.0.1:1"),
    ):
        pass


@pytest.mark.slow
def test_the_example_of_the_documentation_runs() -> None:
    pytest.importorskip("ray")
    text = (Path(__file__).parents[3] / "docs" / "scaling.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = run(example)

    assert done.stdout.splitlines() == ["[1.0, 1.0]", "[2.0, 2.0, 2.0, 2.0]"], done.stderr


def test_versions_must_be_equal_and_of_python_the_minor_one() -> None:
    ours = {"llmenvs": "1.2.3", "python": "3.11"}

    assert differences(ours, {"llmenvs": "1.2.3", "python": "3.11.9"}) == []
    assert differences(ours, {"llmenvs": "1.2.4", "python": "3.12.0"}) == [
        "llmenvs 1.2.4, but 1.2.3 is needed",
        "python 3.12.0, but 3.11 is needed",
    ]


def test_cpus_are_of_a_cluster_that_is_started() -> None:
    with (
        pytest.raises(ValueError, match="num_cpus must be at least 1, and goes with a cluster"),
        ray_cluster("auto", num_cpus=2),
    ):
        pass
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ
