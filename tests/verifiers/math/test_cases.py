"""The verifier agrees with labelled cases: ours, the shared ones, and those of Math-Verify."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmenvs.verifiers.math import verify_math

HERE = Path(__file__).parent
SHARED = HERE.parents[3] / "shared" / "cases"


def _load(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _share_right(
    rows: list[dict[str, Any]], target: str, completion: str
) -> tuple[float, list[str]]:
    wrong = [
        f"{row[completion]!r} for {row[target]!r}"
        for row in rows
        if (verify_math(row[completion], row[target]).score == 1.0) is not row["expected"]
    ]
    return 1 - len(wrong) / len(rows), wrong


def test_our_own_cases_all_hold() -> None:
    share, wrong = _share_right(_load(HERE / "own_cases.jsonl"), "target", "completion")

    assert share == 1.0, wrong


def test_the_shared_cases_hold() -> None:
    share, wrong = _share_right(_load(SHARED / "math.jsonl"), "gold", "pred")

    assert share >= 0.98, wrong


def test_the_undisputed_cases_of_math_verify_hold() -> None:
    rows = [row for row in _load(SHARED / "math_verify.jsonl") if "label_note" not in row]
    share, wrong = _share_right(rows, "gold", "pred")

    assert share >= 0.98, wrong


def test_the_cases_that_users_reported_hold() -> None:
    share, wrong = _share_right(_load(SHARED / "math_reported.jsonl"), "gold", "pred")

    assert share >= 22 / 25, wrong


def test_every_target_gets_full_marks_for_itself() -> None:
    rows = _load(HERE / "own_cases.jsonl")
    targets = {row["target"] for row in rows} - {r"\frac{0}{0}"}  # undefined equals nothing

    refused = [t for t in targets if verify_math(f"\\boxed{{{t}}}", t).score != 1.0]

    assert not refused
