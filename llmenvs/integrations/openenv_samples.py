"""Trajectories as OpenEnv's `TrainingTrace` (0.10), and back; plain dicts, no import of OpenEnv.

A trace has one turn for each call of the policy: the tokens that it read, those that it sampled,
and a mask over both. OpenEnv keeps rewards apart from traces, so each turn's ``metadata`` names its
own, and the episode's, which is None where the score is undecided; the masks of such an episode are
all 0. OpenEnv takes no turn without tokens: those are in the notes of the first turn alone, so an
episode without any sampled token is an empty trace, of which nothing comes back.
"""

from collections.abc import Mapping
from typing import Any

from llmenvs.integrations.sample_notes import NOTES, notes_of, sample_from
from llmenvs.integrations.samples import sample_of, trajectory_of
from llmenvs.trajectory import Trajectory


def to_openenv(trajectory: Trajectory) -> dict[str, Any]:
    """Return what ``TrainingTrace.model_validate`` takes.

    Raises:
        ValueError: the policy told no log-probabilities, which OpenEnv requires; or the
            environment's tokens count as generated.
    """
    sample = sample_of(trajectory)
    if sample.logprobs is None:
        raise ValueError(
            "OpenEnv's TrainingTurn requires the log-probability of each sampled token, and the "
            f"policy told none in task {sample.info.get('task_id')!r}: return Completion(text, "
            "token_ids=…, logprobs=…) from the policy"
        )
    turns: list[dict[str, Any]] = []
    for number, (start, stop) in enumerate(sample.turn_spans):
        if start == stop:
            continue
        read = [*sample.prompt_ids, *sample.response_ids[:start]]
        metadata = {"turn": number, "reward": sample.turn_rewards[number]}
        turns.append(
            {
                "node_id": f"{sample.info.get('task_id')}-{sample.run}-{number}",
                "prompt_token_ids": read,
                "completion_token_ids": list(sample.response_ids[start:stop]),
                "per_token_logps": list(sample.logprobs[start:stop]),
                "loss_mask": [0] * len(read) + [int(sample.valid)] * (stop - start),
                "metadata": {**metadata, "episode_reward": sample.reward},
            }
        )
    if turns:
        turns[0]["metadata"][NOTES] = notes_of(sample)
        turns[0]["metadata"]["prompt_length"] = len(sample.prompt_ids)
    return {"schema_version": 1, "turns": turns}


def from_openenv(trace: Mapping[str, Any]) -> Trajectory:
    """Return the trajectory of a trace, as `to_openenv` or OpenEnv itself made it.

    Args:
        trace: ``TrainingTrace.model_dump()``.

    Raises:
        ValueError: there is no turn, or one does not begin with the tokens of the one before; each
            of those is an episode of its own.
    """
    turns = trace["turns"]
    if not turns:
        raise ValueError("a trace without turns has no tokens, so that no trajectory can be made")
    first = turns[0]
    noted = first["metadata"].get(NOTES)
    start = first["metadata"].get("prompt_length", len(first["prompt_token_ids"]))
    ids: list[int] = list(first["prompt_token_ids"])
    sampled, logprobs = [0] * len(ids), [0.0] * len(ids)
    for turn in turns:
        read, said = turn["prompt_token_ids"], turn["completion_token_ids"]
        if list(read[: len(ids)]) != ids:
            raise ValueError(
                f"turn {turn['node_id']!r} does not begin with the tokens before it: split the "
                "trace there, and convert each part"
            )
        new = len(read) - len(ids)
        ids += [*read[len(ids) :], *said]
        sampled += [0] * new + [1] * len(said)
        logprobs += [0.0] * new + list(turn["per_token_logps"])
    sample = sample_from(
        prompt_ids=ids[:start],
        response_ids=ids[start:],
        response_mask=sampled[start:],
        logprobs=logprobs[start:],
        reward=first["metadata"].get("episode_reward"),
        notes=noted,
    )
    return trajectory_of(sample)
