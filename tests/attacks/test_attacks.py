"""No exploit of the suite succeeds, and every honest answer does."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmenvs.verifiers.registry import VERIFIERS, load_verifier

FOLDER = Path(__file__).parent
FIELDS = {"kind", "note", "completion", "target", "options", "repeat", "most"}
ATTACKS = [
    pytest.param(path.stem, json.loads(line), id=f"{path.stem}: {json.loads(line)['note']}")
    for path in sorted(FOLDER.glob("*.jsonl"))
    for line in path.read_text("utf-8").splitlines()
]


@pytest.mark.parametrize(("name", "row"), ATTACKS)
def test_exploits_do_not_pay_and_honest_answers_do(name: str, row: dict[str, Any]) -> None:
    if name not in VERIFIERS:
        pytest.skip(f"there is no verifier {name!r} yet")
    assert set(row) <= FIELDS
    assert row["kind"] in ("exploit", "honest")
    verifier = load_verifier(name, row.get("options"))

    verdict = verifier(row["completion"] * row.get("repeat", 1), row.get("target"))

    assert verdict.success is (row["kind"] == "honest"), verdict.reason
    if row["kind"] == "exploit":
        assert verdict.score is not None
        assert verdict.score <= row.get("most", 0.5), verdict.reason


def test_every_verifier_is_attacked() -> None:
    elsewhere = {"code"}  # in its own sandboxes, under tests/verifiers/code

    assert set(VERIFIERS) - elsewhere <= {path.stem for path in FOLDER.glob("*.jsonl")}
