"""Runs are compared pair by pair with tests that agree with scipy's, or refused with the reason."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmenvs.bench.compare import compare_runs, mcnemar, paired_difference
from llmenvs.cli import main

CALL, MATH = "llmenvs/ToolCall-v0", "llmenvs/MathAnswer-v0"


def bench(out: Path, policy: str, *more: str, env: str = CALL, episodes: str = "20") -> None:
    assert main(
        ["bench", "--env", env, "--policy", policy, "--episodes", episodes, "--no-progress",
         "--out", str(out), *more]
    ) == 0  # fmt: skip


def test_a_better_run_is_better_on_the_tasks_that_both_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench(tmp_path / "a", "noop", env=MATH, episodes="12")
    bench(tmp_path / "b", "oracle", env=MATH)
    found = compare_runs(tmp_path / "a", tmp_path / "b")

    assert (found.overall.num_pairs, found.overall.num_left_out) == (12, 8)
    assert found.overall.success.difference == 1.0
    assert found.overall.success.p_value == pytest.approx(2 / 2**12, abs=1e-4)
    assert found.overall.mcnemar is not None
    assert (found.overall.mcnemar.only_a, found.overall.mcnemar.only_b) == (0, 12)
    assert sum(one.num_pairs for one in found.by_category.values()) == 12
    capsys.readouterr()
    assert main(["bench", "compare", str(tmp_path / "a"), str(tmp_path / "b"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["overall"]["num_pairs"] == 12
    assert main(["bench", "compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert "McNemar's exact test says p < 0.001" in capsys.readouterr().out


def test_runs_of_other_tasks_and_folders_without_a_run_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench(tmp_path / "a", "noop", "--env-option", "tasks=bundled:test", episodes="2")
    bench(tmp_path / "b", "noop", episodes="2")

    assert main(["bench", "compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "cannot be compared: dataset_hashes is" in capsys.readouterr().err
    assert main(["bench", "compare", str(tmp_path / "a"), str(tmp_path)]) == 2
    assert "holds no run: there is no run.json" in capsys.readouterr().err


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_mcnemar_is_the_exact_sign_test(pairs: list[tuple[bool, bool]]) -> None:
    a, b = np.array(pairs).T
    found = mcnemar(a, b)
    total = found.only_a + found.only_b
    expected = stats.binomtest(found.only_a, total).pvalue if total else 1.0

    assert found.p_value == pytest.approx(expected)
    assert mcnemar(b, a).p_value == pytest.approx(found.p_value)


def test_equal_runs_do_not_differ_and_the_sign_turns_with_the_order() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=50), rng.normal(0.5, size=50)
    there, back = paired_difference(a, b), paired_difference(b, a)

    assert paired_difference(a, a).p_value == 1.0
    assert there.difference == pytest.approx(-back.difference)
    assert there.ci95 is not None
    assert there.ci95[0] < b.mean() - a.mean() < there.ci95[1]
    assert there.p_value == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.01)
