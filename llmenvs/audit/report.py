"""What an audit found, in numbers and as a text."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmenvs.audit.audit import FindingKind, Record

_MOST_SURVIVORS = 12
_LONGEST_DETAIL = 300


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """Return the numbers of an audit, JSON-ready.

    ``mutation_score`` is over all mutants, None where there were none; ``sound`` counts the tasks
    without a finding.
    """
    kinds = Counter(kind for record in records for kind in sorted(kinds_of(record)))
    tried = sum(record["mutants"]["tried"] for record in records if "mutants" in record)
    killed = sum(record["mutants"]["killed"] for record in records if "mutants" in record)
    return {
        "tasks": len(records),
        "sound": sum(not record["findings"] for record in records),
        "findings": {kind.value: kinds[kind.value] for kind in FindingKind},
        "with_reference": sum("reference" in record for record in records),
        "mutants": tried,
        "killed": killed,
        "mutation_score": killed / tried if tried else None,
        "tasks_without_survivors": sum(
            "mutants" in record and not record["survivors"] for record in records
        ),
    }


def kinds_of(record: Record) -> set[str]:
    """Return the kinds of findings of a task."""
    return {finding["kind"] for finding in record["findings"]}


def markdown(name: str, summary: Mapping[str, Any], records: Sequence[Record]) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(name, summary, records)) + "\n"


def _lines(name: str, summary: Mapping[str, Any], records: Sequence[Record]) -> Iterator[str]:
    yield f"# Audit of {name}\n"
    yield f"{summary['tasks']} tasks, {summary['sound']} without a finding; content hash "
    yield f"`{summary['content_hash']}`. {_score_line(summary)}\n"
    yield "| finding | tasks |\n|---|---|"
    yield from (f"| {kind} | {count} |" for kind, count in summary["findings"].items())
    for record in records:
        if record["findings"]:
            yield from _lines_of_task(record)


def _score_line(summary: Mapping[str, Any]) -> str:
    if summary["mutation_score"] is None:
        return "No mutants were made."
    return (
        f"{summary['killed']} of {summary['mutants']} mutants failed "
        f"({summary['mutation_score']:.1%}); a survivor may do what the reference does."
    )


def _lines_of_task(record: Record) -> Iterator[str]:
    yield f"\n## {record['task_id']}\n"
    for finding in record["findings"]:
        yield f"- **{finding['kind']}**: {_one_line(finding['detail'])}"
    yield from (f"- {note}" for note in record["notes"])
    survivors = record.get("survivors", [])
    if survivors and FindingKind.WEAK in kinds_of(record):
        yield "\n```diff"
        yield from (survivor["diff"] for survivor in survivors[:_MOST_SURVIVORS])
        yield "```"
        if len(survivors) > _MOST_SURVIVORS:
            yield f"\nand {len(survivors) - _MOST_SURVIVORS} more."


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_DETAIL].replace("|", "\\|").replace("`", "'")
