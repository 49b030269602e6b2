"""Episodes as the transcript viewer reads them: JSON in which each text stands once."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import Any

from llmenvs.bench.episode_record import EpisodeRecord, RecordedSegment
from llmenvs.bench.report.call_diff import CallDiff, diff_calls
from llmenvs.transcript import Author

OUTCOMES = ("solved", "failed", "invalid")


def outcome_of(record: EpisodeRecord) -> str:
    """Return which of `OUTCOMES` it came to."""
    if not record.valid:
        return "invalid"
    return "solved" if record.success else "failed"


class ViewerData:
    """What the page's script is given; mutable."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._episodes: list[dict[str, Any]] = []

    def add(self, record: EpisodeRecord, *, run: str | None = None) -> None:
        """Add an episode, of the run of that name where there are several."""
        verdict: Mapping[str, Any] = record.verdict or {}
        key = f"{record.env}/{record.episode}/{record.sample}"
        self._episodes.append(
            {
                "key": key if run is None else f"{run}/{key}",
                "run": run,
                "env": record.env,
                "episode": record.episode,
                "sample": record.sample,
                "task": record.task_id or f"episode {record.episode}",
                "category": record.category,
                "difficulty": record.difficulty,
                "outcome": outcome_of(record),
                "reward": record.reward,
                "turn_rewards": list(record.turn_rewards),
                "generated": sum(
                    segment.num_tokens
                    for segment in record.segments
                    if segment.author is Author.POLICY
                ),
                "stop": record.stop_reason.value.replace("_", " "),
                "reason": verdict.get("reason"),
                "parts": dict(verdict.get("parts", {})),
                "extracted": verdict.get("extracted"),
                "target": _shown_target(record),
                "error": record.error,
                "failures": [name.replace("_", " ") for name in record.failures],
                "problems": list(record.call_problems),
                "calls": [_shown_call(call) for call in _calls(record)],
                "segments": [piece for s in record.segments for piece in self._segment(s)],
            }
        )

    def to_json(self) -> str:
        """Return it as ASCII without ``<``: it may stand in a script element, whatever it holds."""
        data = {"texts": list(self._texts), "episodes": self._episodes}
        return json.dumps(data, separators=(",", ":"), default=str).replace("<", "\\u003c")

    def _segment(self, segment: RecordedSegment) -> list[tuple[str, int, int | None, int]]:
        pieces = [(segment.author.value, segment.text, segment.num_tokens)]
        if segment.reasoning:
            pieces.insert(0, ("reasoning, not scored", segment.reasoning, 0))
        return [
            (author, self._texts.setdefault(text, len(self._texts)), segment.turn, num_tokens)
            for author, text, num_tokens in pieces
        ]

    def __len__(self) -> int:
        return len(self._episodes)


def _calls(record: EpisodeRecord) -> Iterable[CallDiff]:
    if record.wanted_calls is None:
        return []
    # BFCL lists several right values, of which the first stands in the wanted calls.
    has_choices = isinstance(record.target, Mapping) and "possible_answer" in record.target
    any_value = bool(has_choices and record.success)
    return diff_calls(record.wanted_calls, record.predicted_calls, any_value=any_value)


def _shown_call(call: CallDiff) -> dict[str, Any]:
    return {
        "state": call.difference.value,
        "wanted": call.wanted,
        "called": call.called,
        "parameters": [astuple(parameter) for parameter in call.parameters],
    }


def _shown_target(record: EpisodeRecord) -> str | None:
    """Return the target; calls have a table of their own."""
    if record.target is None or record.wanted_calls is not None:
        return None
    if isinstance(record.target, str):
        return record.target
    return json.dumps(record.target, ensure_ascii=False, indent=1, default=str)
