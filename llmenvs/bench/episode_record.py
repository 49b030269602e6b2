"""`EpisodeRecord`: all that a table, a viewer or a scorer needs of an episode, without a tokenizer.

``episodes.jsonl`` of a run holds one trajectory a line, as `Trajectory.to_dict` has it, with the
key ``env``; the last line of an episode, and of most the only one, has the key ``record`` besides,
which adds the texts of the segments, the target, the calls and what the endpoint was asked for.
docs/bench.md has the format.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from llmenvs.trajectory import StopReason
from llmenvs.transcript import Author

FILE_NAME = "episodes.jsonl"


@dataclass(frozen=True, slots=True)
class RecordedSegment:
    """What one side wrote at once.

    Attributes:
        author: the prompt's, the policy or the environment (its tools included).
        text: as it was written.
        num_tokens: of the environment's tokenizer; where a chat template starts a new run of an
            episode, those of the whole context.
        turn: of the policy, from 0, that it is or follows; None of the prompt.
        reasoning: what an endpoint gave beside the completion as its thoughts; never scored.
    """

    author: Author
    text: str
    num_tokens: int
    turn: int | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointUsage:
    """What an endpoint was asked for in an episode.

    Attributes:
        requests: that were sent, retries included.
        retries: of them.
        prompt_tokens: as the endpoint counts; None where it did not always tell.
        completion_tokens: likewise.
    """

    requests: int
    retries: int
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One episode of a run; JSON-ready but for its dataclasses.

    Attributes:
        env: the id of the environment.
        episode: its number, from 0; the samples of an episode share it, and the task.
        sample: which completion of the task, from 0.
        task_id: "" where the episode could not start.
        category: what kind of task, where the task says.
        difficulty: likewise, as text.
        seed: of the reset.
        segments: in order.
        messages: the text view, as chat APIs have it.
        turn_rewards: one for each turn of the policy.
        reward: the return.
        success: as the verdict says, False without one; None where it is not valid.
        valid: the score is decided.
        verdict: `Verdict.to_dict`; None where the episode was not scored.
        target: what it was checked against, as the environment's verifier takes it; None where
            there is no such thing.
        wanted_calls: ``{"name": …, "parameters": …}``; None where the task is not about calls.
        predicted_calls: those that the policy wrote and that can be read, of all turns.
        call_problems: one line for each attempt at a call that cannot be read.
        stop_reason: why it ended.
        error: what went wrong where nobody's score is to blame; None otherwise.
        usage: of an endpoint; None with any other policy.
        failures: the labels of `llmenvs.bench.failures`; empty for a success.
        previous_verdict: what the run itself said, where ``llmenvs rescore`` wrote the record.
    """

    env: str
    episode: int
    sample: int
    task_id: str
    category: str | None
    difficulty: str | None
    seed: int
    segments: tuple[RecordedSegment, ...]
    messages: tuple[Mapping[str, Any], ...]
    turn_rewards: tuple[float, ...]
    reward: float
    success: bool | None
    valid: bool
    verdict: Mapping[str, Any] | None
    target: Any
    wanted_calls: tuple[Mapping[str, Any], ...] | None
    predicted_calls: tuple[Mapping[str, Any], ...]
    call_problems: tuple[str, ...]
    stop_reason: StopReason
    error: str | None
    usage: EndpointUsage | None
    failures: tuple[str, ...]
    previous_verdict: Mapping[str, Any] | None = None

    @property
    def completions(self) -> tuple[str, ...]:
        """What the policy wrote, turn by turn."""
        return tuple(s.text for s in self.segments if s.author is Author.POLICY)

    def without_texts(self) -> "EpisodeRecord":
        """Return what figures need, so that a long run need not keep its transcripts at hand."""
        segments = tuple(replace(s, text="", reasoning=None) for s in self.segments)
        return replace(self, segments=segments, messages=())

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict with the keys of the fields; their values are not copied."""
        row = {name: getattr(self, name) for name in _FIELDS}
        row["segments"] = [
            {name: getattr(segment, name) for name in _SEGMENT_FIELDS} for segment in self.segments
        ]
        row["usage"] = None if self.usage is None else asdict(self.usage)
        return row


# By name and not by asdict, which copies every value in depth and takes ten times as long.
_FIELDS = tuple(field.name for field in fields(EpisodeRecord))
_SEGMENT_FIELDS = tuple(field.name for field in fields(RecordedSegment))


def record_of(row: Mapping[str, Any]) -> EpisodeRecord:
    """Return the record of an `EpisodeRecord.to_dict` that went through JSON.

    Raises:
        KeyError: a field is missing.
        TypeError: a field is unknown, or is of another type.
        ValueError: an author or a stop reason that there is not.
    """
    wanted, usage = row["wanted_calls"], row["usage"]
    given = {
        **row,
        "segments": tuple(
            RecordedSegment(**{**segment, "author": Author(segment["author"])})
            for segment in row["segments"]
        ),
        "wanted_calls": None if wanted is None else tuple(wanted),
        "usage": None if usage is None else EndpointUsage(**usage),
        "stop_reason": StopReason(row["stop_reason"]),
    }
    for name in ("messages", "turn_rewards", "predicted_calls", "call_problems", "failures"):
        given[name] = tuple(row[name])
    return EpisodeRecord(**given)


def read_episodes(folder: Path) -> Iterator[EpisodeRecord]:
    """Yield the episodes of a run in the order in which they ended, each once.

    A last line that is not whole, since the run is under way or was killed, is left out.

    Args:
        folder: of the run, with ``episodes.jsonl`` in it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line that is no record; the message names file and line.
    """
    path = folder / FILE_NAME
    for number, row in _rows(path):
        if "record" not in row and row.get("stop_reason") == StopReason.SPLIT.value:
            continue  # the last run of the episode has the record
        try:
            yield record_of(row["record"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}:{number}: is no record of an episode: {error!r}") from error


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"{path}:{number}: must be an object, got {row!r:.80}")
            yield number, row
