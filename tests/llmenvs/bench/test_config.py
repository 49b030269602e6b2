"""Suites, and task sets by name, are read as written, or refused with the place and the reason."""

from pathlib import Path

import pytest

from llmenvs.bench.config import BenchConfig, EnvPlan, read_suite
from llmenvs.bench.suites import suite_path
from llmenvs.bench.task_options import with_tasks
from llmenvs.cli import main
from llmenvs.env_making import check_option_owners, make_text_env, options_of_env


def test_the_bundled_suite_can_be_played() -> None:
    suite = read_suite(suite_path("tools"))

    assert [plan.episodes for plan in suite.plans] == [None, 255]
    for plan in suite.plans:
        make_text_env(plan.env_id, **with_tasks(plan.options))


def test_a_suite_has_numbers_of_its_own_for_each_environment(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'episodes = 3\n[[environments]]\nid = "A-v0"\nsamples = 2\n'
        '[[environments]]\nid = "B-v0"\nepisodes = "all"\noptions = {max_turns = 4}\n'
    )

    assert read_suite(path).plans == (
        EnvPlan("A-v0", {}, 3, 2),
        EnvPlan("B-v0", {"max_turns": 4}, None, 1),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("episodes = ", "is not TOML"),
        ("episodes = 3", "there must be at least one"),
        ("[[environments]]\nname = 3", r"environments\[0\]: unknown \['name'\]"),
        ("[[environments]]\nid = 3", r"environments\[0\].id must be an environment's id, got 3"),
        ('[[environments]]\nid = "A"\nepisodes = 1.5', "episodes must be a whole number, got 1.5"),
        ('[[environments]]\nid = "A"\nsamples = 0', "episodes and samples must be at least 1"),
        ('[[environments]]\nid = "A"\noptions = 3', "options must be a table, got 3"),
    ],
)
def test_a_bad_suite_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(ValueError, match=message):
        read_suite(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bfcl:nothing", "category must be one of"),
        ("bundled:dev", "split must be one of"),
        ("tau2:telecom", "domain must be one of"),
        ("tau2:retail:dev", "split of retail must be one of"),
        ("some", "must be bfcl, bfcl:CATEGORY"),
        ("no.such:thing", "cannot be imported"),
    ],
)
def test_tasks_that_there_are_not_are_named(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_tasks({"tasks": name})


def test_options_of_one_environment_win_and_those_of_none_are_refused() -> None:
    assert options_of_env("A-v0", {"x": 1, "A-v0:x": 2, "B-v0:x": 3}) == {"x": 2}
    with pytest.raises(ValueError, match="'C-v0:x' is of none of the environments"):
        check_option_owners(["A-v0"], {"C-v0:x": 1})


def test_a_policy_without_what_it_needs_is_refused() -> None:
    plan = EnvPlan("llmenvs/MathAnswer-v0")
    with pytest.raises(ValueError, match="needs base_url and model"):
        BenchConfig([plan], "openai")
    with pytest.raises(ValueError, match="policy 'hf' needs model"):
        BenchConfig([plan], "hf")


def test_all_tasks_are_played_once_and_endless_ones_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "--policy", "oracle", "--episodes", "all", "--no-progress"]
    tasks = ["--env", "llmenvs/ToolCall-v0", "--env-option", "tasks=bundled:test"]

    assert main([*words, *tasks, "--out", str(tmp_path / "a")]) == 0
    assert "225" in capsys.readouterr().out
    assert main([*words, "--env", "llmenvs/MathAnswer-v0", "--out", str(tmp_path / "b")]) == 2
    assert "draws its tasks without end" in capsys.readouterr().err
