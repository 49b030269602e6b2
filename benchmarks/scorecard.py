"""Run the attack suite against our verifiers and those of others, and write docs/scorecard.md.

    python benchmarks/scorecard.py [--peer-python PYTHON_WITH_MATH_VERIFY]

The rows are those of tests/attacks/. A scorer withstands an exploit if it pays at most half for it,
or what the row says that partial credit may pay, and accepts an honest answer if it pays more; ours
by its success. Undecided is neither. Peers
score the same rows: Math-Verify where a Python has it, open-r1's, Search-R1's and ToolRL's scoring
as `scorecard_peers` describes them.
"""

import argparse
import datetime
import importlib.util
import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from llmenvs.verifiers.judge import judge
from llmenvs.verifiers.registry import VERIFIERS, load_verifier

HERE = Path(__file__).parent
ROOT = HERE.parent
Row = dict[str, Any]
PEERS = {"format": "open-r1-style", "answer": "Search-R1-style", "tool_call": "ToolRL-style"}
LIMIT_S = 10
"""Wall seconds of a peer for one row; one that needs more is undecided."""

PACKAGES = ("jsonschema", "google-re2", "py3langid", "sympy", "scipy")


@dataclass(frozen=True, slots=True)
class Result:
    """How a scorer did on one file; the misses are notes of rows."""

    verifier: str
    scorer: str
    exploits: int
    withstood: int
    honest: int
    accepted: int
    misses: tuple[str, ...]


def main() -> None:
    """Write the scorecard."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--attacks", type=Path, default=ROOT / "tests" / "attacks")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "scorecard.md")
    parser.add_argument("--peer-python", type=Path, help="a Python that has Math-Verify")
    args = parser.parse_args()
    python = math_verify_python(args.peer_python)
    results = []
    for path in sorted(args.attacks.glob("*.jsonl")):
        name = path.stem
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        if name in VERIFIERS:
            results.append(compare(name, "llmenvs", rows, [ours(name, row) for row in rows]))
        if name in PEERS:
            asked = [row for row in rows if not row.get("options")]
            given = [ask_peer(PEERS[name], row) for row in asked]
            results.append(compare(name, PEERS[name], asked, given))
        if name == "math" and python is not None:
            results.append(compare(name, "Math-Verify", rows, ask_math_verify(python, rows)))
    args.out.write_text(rendered(results, machine(python)), "utf-8")
    print(f"{args.out}: {len(results)} rows")


def text_of(row: Row) -> str:
    """Return the completion of a row."""
    text: str = row["completion"]
    return text * int(row.get("repeat", 1))


def ours(name: str, row: Row) -> bool | None:
    """Return whether our verifier passes the row, None if it is undecided."""
    verifier = load_verifier(name, row.get("options"))
    verdict = judge(verifier, text_of(row), row.get("target"))
    if verdict.score is None:
        return None
    return verdict.success if row["kind"] == "honest" else verdict.score > fair(row)


def fair(row: Row) -> float:
    """Return the most that a scorer may pay for an exploit, of 1."""
    return float(row.get("most", 0.5))


def compare(name: str, scorer: str, rows: list[Row], passed: list[bool | None]) -> Result:
    """Count what a scorer got right."""
    pairs = list(zip(rows, passed, strict=True))
    exploits = [(row, given) for row, given in pairs if row["kind"] == "exploit"]
    honest = [(row, given) for row, given in pairs if row["kind"] == "honest"]
    return Result(
        name,
        scorer,
        len(exploits),
        sum(given is False for _, given in exploits),
        len(honest),
        sum(given is True for _, given in honest),
        tuple(row["note"] for row, given in pairs if given is not (row["kind"] == "honest")),
    )


def math_verify_python(given: Path | None) -> Path | None:
    """Return a Python that has Math-Verify, or None."""
    if given is not None:
        return given
    return Path(sys.executable) if importlib.util.find_spec("math_verify") else None


def ask_peer(scorer: str, row: Row) -> bool | None:
    """Return whether a peer pays more than is fair, None where it takes too long."""
    request = {"scorer": scorer, "completion": text_of(row), "target": row.get("target")}
    reply = ask([sys.executable, HERE / "scorecard_peers.py"], request)
    return None if reply is None else reply["score"] > fair(row)


def ask_math_verify(python: Path, rows: list[Row]) -> list[bool | None]:
    """Return Math-Verify's verdicts, None where it takes too long."""
    verdicts: list[bool | None] = []
    for row in rows:
        request = {"rows": [(row["target"], text_of(row))], "seconds": 0}
        reply = ask([python, HERE / "verifiers_peer.py"], request)
        verdicts.append(None if reply is None else reply["verdicts"][0])
    return verdicts


def ask(command: list[str | Path], request: dict[str, Any]) -> dict[str, Any] | None:
    """Return the last line that a program answers, as JSON; None where it takes too long."""
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=True,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return None
    reply: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return reply


def machine(python: Path | None) -> str:
    """Return the versions that the scorecard was made with."""
    found = [f"llmenvs {metadata.version('llmenvs')}", f"Python {platform.python_version()}"]
    found += [f"{package} {metadata.version(package)}" for package in PACKAGES]
    if python is not None:
        code = "from importlib.metadata import version; print(version('math-verify'))"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        found.append(f"math-verify {done.stdout.strip()}")
    return ", ".join(found)


def rendered(results: list[Result], versions: str) -> str:
    """Return the page."""
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        "# Scorecard",
        "",
        f"Made by `make scorecard` on {today} with {versions}.",
        "",
        "Each row of `tests/attacks/` is an exploit that must not pay, or an honest answer that",
        "must; an undecided one counts as missed. The scoring in the style of open-r1, Search-R1",
        "and ToolRL is ours, written from descriptions of theirs; they are not asked where a row",
        f"needs other settings, and have {LIMIT_S} s for a row.",
        "",
        "| verifier | scorer | exploits withstood | honest answers accepted |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {r.verifier} | {r.scorer} | {r.withstood} of {r.exploits} "
        f"| {r.accepted} of {r.honest} |"
        for r in results
    ]
    lines += ["", "## What was missed", ""]
    lines += [
        f"- {r.verifier}, {r.scorer}: {'; '.join(r.misses)}." for r in results if r.misses
    ] or ["Nothing."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
