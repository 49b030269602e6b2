"""The transcripts of a run scored again by another verifier, without asking any policy.

The target is the one in the record. An episode that was cut before the policy wrote anything, as
one lost to an endpoint, stays as it is. The run's own verdict is kept beside the new one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from llmenvs.bench.episode_record import FILE_NAME, EpisodeRecord, read_episodes
from llmenvs.bench.failures import failures_of
from llmenvs.bench.records import write_summary
from llmenvs.bench.run_files import read_owner, write_records, write_whole
from llmenvs.bench.summary import run_figures
from llmenvs.trajectory import StopReason
from llmenvs.verifiers import Verdict, score_many
from llmenvs.verifiers.registry import load_verifier
from llmenvs.verifiers.verdict import Status


@dataclass(frozen=True, slots=True)
class Rescoring:
    """How transcripts are scored.

    Attributes:
        verifier: its name, or ``package.module:Class``.
        options: of its constructor.
        turns: whether it reads the policy's last turn, or all of them joined by line breaks.
        workers: processes to score in; 0 for this one.
    """

    verifier: str
    options: Mapping[str, Any]
    turns: Literal["last", "all"] = "last"
    workers: int = 0


def rescore(folder: Path, rescoring: Rescoring, out: Path) -> dict[str, Any]:
    """Score a run again, and return and write the summary in ``out``.

    Args:
        folder: of the run, which is left as it is.
        rescoring: how.
        out: for the new records and summary; another folder, which holds no run.

    Raises:
        ValueError: no run or no such verifier, ``out`` is taken, or the verifier does not take the
            targets of the run.
        OSError: a folder cannot be read or written.
    """
    owner = read_owner(folder)
    verifier = load_verifier(rescoring.verifier, rescoring.options)
    if (out / "run.json").exists() or (out / FILE_NAME).exists():
        raise ValueError(f"{out} holds a run already; choose another folder")
    records = list(read_episodes(folder))
    if not records:
        raise ValueError(f"{folder} holds no episodes")
    read = [_completion(record, rescoring.turns) for record in records]
    scored = [index for index, text in enumerate(read) if text is not None]
    _try_target(verifier, records, scored)
    verdicts = score_many(
        verifier,
        [read[index] or "" for index in scored],
        [records[index].target for index in scored],
        workers=rescoring.workers,
    )
    for index, verdict in zip(scored, verdicts, strict=True):
        records[index] = rescored(records[index], verdict)
    summary = _summary(records, owner, folder, rescoring)
    out.mkdir(parents=True, exist_ok=True)
    write_records(out / FILE_NAME, records)
    write_whole(out / "run.json", json.dumps(_owner(owner, folder, rescoring), indent=2) + "\n")
    write_summary(out, summary)
    return summary


def rescored(record: EpisodeRecord, verdict: Verdict) -> EpisodeRecord:
    """Return a record with another verdict, its score as the reward, and the old one beside it."""
    success = verdict.success
    told = verdict.to_dict()
    stop_reason = record.stop_reason
    if not verdict.decided:
        stop_reason = StopReason.UNDECIDED
    elif stop_reason is StopReason.UNDECIDED:
        stop_reason = StopReason.TERMINATED
    error = None if verdict.decided else verdict.reason
    return replace(
        record,
        reward=verdict.score or 0.0,
        success=success,
        valid=verdict.decided,
        verdict=told,
        previous_verdict=record.verdict,
        stop_reason=stop_reason,
        error=error,
        failures=failures_of(
            success=success,
            stop_reason=stop_reason,
            verdict=told,
            completions=record.completions,
            target=record.target,
            wanted_calls=record.wanted_calls,
            predicted_calls=record.predicted_calls,
            call_problems=record.call_problems,
            error=error,
        ),
    )


def _completion(record: EpisodeRecord, turns: Literal["last", "all"]) -> str | None:
    """Return what is scored; None where there is nothing, or the policy was cut off."""
    if record.stop_reason is StopReason.ERROR or not record.completions:
        return None
    return record.completions[-1] if turns == "last" else "\n".join(record.completions)


def _try_target(verifier: Any, records: Sequence[EpisodeRecord], scored: Sequence[int]) -> None:
    """Refuse a verifier that takes other targets, which would leave every episode undecided."""
    if not scored:
        return
    record = records[scored[0]]
    try:
        verifier("", record.target)
    except ValueError as error:
        raise ValueError(
            f"the verifier does not take the target of task {record.task_id!r}: {error}"
        ) from error


def _summary(
    records: Sequence[EpisodeRecord],
    owner: Mapping[str, Any],
    folder: Path,
    rescoring: Rescoring,
) -> dict[str, Any]:
    changed = sum(_is_changed(record) for record in records)
    by_env: dict[str, list[EpisodeRecord]] = {env_id: [] for env_id in owner["envs"]}
    for record in records:
        by_env[record.env].append(record)
    overall, per_env = run_figures(by_env, owner["dataset_hashes"])
    return {
        **overall,
        "cost": None,
        **_owner(owner, folder, rescoring),
        "changed": changed,
        "undecided": sum(_is_undecided(record) for record in records),
        "per_env": per_env,
    }


def _owner(owner: Mapping[str, Any], folder: Path, rescoring: Rescoring) -> dict[str, Any]:
    return {
        **owner,
        "rescored_from": folder.name,
        "verifier": rescoring.verifier,
        "verifier_options": dict(rescoring.options),
        "turns": rescoring.turns,
    }


def _is_changed(record: EpisodeRecord) -> bool:
    """Return whether an episode that was scored again has another outcome than before."""
    if record.stop_reason is StopReason.ERROR or record.verdict is None:
        return False
    before = record.previous_verdict or {}
    return any(before.get(key) != record.verdict[key] for key in ("score", "success"))


def _is_undecided(record: EpisodeRecord) -> bool:
    return record.verdict is not None and record.verdict["status"] in (
        Status.ERROR.value,
        Status.TIMEOUT.value,
    )
