"""`record_of_episode`: what is kept of an episode that has just ended in its environment."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.bench.endpoint_account import EpisodeAccount
from llmenvs.bench.episode_record import EpisodeRecord, RecordedSegment
from llmenvs.bench.failures import failures_of
from llmenvs.bench.targets import category_of, difficulty_of, target_of, wanted_calls_of
from llmenvs.env import TextEnv
from llmenvs.trajectory import Trajectory
from llmenvs.transcript import Author
from llmenvs.verifiers.tool_call import parse_tool_calls


def record_of_episode(
    env: TextEnv[Any],
    trajectories: Sequence[Trajectory],
    *,
    env_id: str,
    episode: int,
    sample: int,
    account: EpisodeAccount | None = None,
) -> EpisodeRecord:
    """Return the record of an episode.

    Args:
        env: in which it was played, and in which no other has begun since.
        trajectories: of the episode, more than one where its chat template split it.
        env_id: of the environment.
        episode: its number.
        sample: which of the task.
        account: of the endpoint, if there was one.
    """
    last = trajectories[-1]
    info = last.info
    task_id = info.get("task_id", "")
    task: Mapping[str, Any] = env.task if task_id else {}
    verdict = info.get("verdict")
    told = None if verdict is None else verdict.to_dict()
    # An episode that could not start has no task, and its environment holds the one before.
    segments = _segments(env, () if account is None else account.reasoning) if task_id else ()
    completions = [s.text for s in segments if s.author is Author.POLICY]
    wanted = wanted_calls_of(env, task) if task_id else None
    parsed = [parse_tool_calls(text) for text in completions] if wanted is not None else []
    success = (verdict is not None and verdict.success is True) if last.valid else None
    given: dict[str, Any] = {
        "success": success,
        "verdict": told,
        "target": target_of(env, task) if task_id else None,
        "wanted_calls": wanted,
        "predicted_calls": tuple(call.to_dict() for one in parsed for call in one.calls),
        "call_problems": tuple(problem for one in parsed for problem in one.problems),
        "stop_reason": last.stop_reason,
        "error": info.get("error", None if last.valid or told is None else told["reason"]),
    }
    return EpisodeRecord(
        env=env_id,
        episode=episode,
        sample=sample,
        task_id=task_id,
        category=category_of(task),
        difficulty=difficulty_of(task),
        seed=info["seed"],
        segments=segments,
        messages=last.messages,
        turn_rewards=tuple(r for t in trajectories for r in t.turn_rewards.tolist()),
        reward=last.total_reward,
        valid=last.valid,
        usage=None if account is None else account.usage,
        failures=failures_of(completions=completions, **given),
        **given,
    )


def _segments(env: TextEnv[Any], reasoning: Sequence[str | None]) -> tuple[RecordedSegment, ...]:
    turn = -1
    segments = []
    for segment in env.transcript.segments:
        turn += segment.author is Author.POLICY
        thoughts = reasoning[turn] if 0 <= turn < len(reasoning) else None
        segments.append(
            RecordedSegment(
                author=segment.author,
                text=segment.text,
                num_tokens=len(segment.token_ids),
                turn=turn if turn >= 0 else None,
                reasoning=thoughts if segment.author is Author.POLICY else None,
            )
        )
    return tuple(segments)
