"""Trajectories as the message graph of Prime Intellect's verifiers (0.4, v1), and back.

Plain dicts, no import of verifiers. A node is a message with the tokens that it adds; a trajectory
is one path of nodes. verifiers takes one reward for a trace, the sum over turns. Of an undecided
episode the reward is None and every mask False; verifiers sums such rewards up to 0.0, so that its
own runs must raise instead, as `llmenvs.integrations.prime` does.
"""

from collections.abc import Mapping
from typing import Any

from llmenvs.integrations.sample_notes import NOTES, notes_of, sample_from, trajectory_of_notes
from llmenvs.integrations.samples import TrainingSample, sample_of, trajectory_of
from llmenvs.trajectory import Trajectory
from llmenvs.transcript import Message

REWARD = "episode"
"""The name of the reward in a trace."""


def to_verifiers(trajectory: Trajectory) -> dict[str, Any]:
    """Return ``nodes``, ``rewards`` and ``info`` of a ``Trace``.

    Raises:
        ValueError: the environment's tokens count as generated.
    """
    sample = sample_of(trajectory)
    nodes: list[dict[str, Any]] = []
    end = 0
    for number, (heard, said) in enumerate(_exchanges(sample)):
        start, stop = sample.turn_spans[number]
        new = sample.prompt_ids if number == 0 else sample.response_ids[end:start]
        if new and not heard:
            heard = [{"role": "user", "content": ""}]
        for message in heard:
            ids = list(new) if message is heard[-1] else []
            _append(nodes, message, ids, [False] * len(ids), [], sampled=False)
        logprobs = sample.logprobs[start:stop] if sample.logprobs and sample.valid else ()
        trained = [sample.valid] * (stop - start)
        ids = list(sample.response_ids[start:stop])
        _append(nodes, said, ids, trained, list(logprobs), sampled=True)
        end = stop
    scored = None if sample.reward is None else {"score": sample.reward, "weight": 1.0}
    notes = {
        **notes_of(sample),
        "prompt_ids": list(sample.prompt_ids),
        "response_ids": list(sample.response_ids),
        "logprobs": None if sample.logprobs is None else list(sample.logprobs),
    }
    return {"nodes": nodes, "rewards": {REWARD: scored}, "info": {NOTES: notes}}


def from_verifiers(trace: Mapping[str, Any]) -> list[Trajectory]:
    """Return the trajectories of ``Trace.model_dump()``: one for each branch of its graph.

    Those of a trace that `to_verifiers` did not make have all of its reward on their last turn, and
    none where it has an error, or no reward at all.
    """
    if (noted := trace["info"].get(NOTES)) is not None and "prompt_ids" in noted:
        return [trajectory_of_notes(noted)]
    nodes = trace["nodes"]
    parents = {node["parent"] for node in nodes}
    leaves = [index for index in range(len(nodes)) if index not in parents]
    return [_of_path(_path(nodes, leaf), _reward(trace)) for leaf in leaves]


def _exchanges(sample: TrainingSample) -> list[tuple[list[Any], Message]]:
    """Return for each turn of the sample what was said before it, and the turn's own message."""
    turns = len(sample.turn_spans)
    said = [i for i, m in enumerate(sample.messages) if m["role"] == "assistant"]
    said = said[len(said) - turns :] if turns else []
    starts = [0, *(index + 1 for index in said)]
    return [
        (list(sample.messages[start:index]), sample.messages[index])
        for start, index in zip(starts, said, strict=False)
    ]


def _append(
    nodes: list[dict[str, Any]],
    message: Any,
    ids: list[int],
    trained: list[bool],
    logprobs: list[float],
    *,
    sampled: bool,
) -> None:
    role = "user" if message["role"] == "tool" else message["role"]  # theirs needs the call's id
    nodes.append(
        {
            "parent": len(nodes) - 1 if nodes else None,
            "message": {"role": role, "content": message["content"]},
            "sampled": sampled,
            "token_ids": ids,
            "mask": trained,
            "logprobs": logprobs,
        }
    )


def _path(nodes: Any, leaf: int) -> list[Any]:
    path, index = [], leaf
    while index is not None:
        path.append(nodes[index])
        index = nodes[index]["parent"]
    return path[::-1]


def _reward(trace: Mapping[str, Any]) -> float | None:
    rewards = [r for r in trace["rewards"].values() if r is not None]
    if trace.get("errors") or not rewards:
        return None
    return float(sum(reward["score"] * reward["weight"] for reward in rewards))


def _of_path(path: list[Any], reward: float | None) -> Trajectory:
    ids: list[int] = []
    sampled: list[int] = []
    logprobs: list[float] = []
    for node in path:
        told = iter(node["logprobs"])
        ids += node["token_ids"]
        sampled += [int(own) for own in node["mask"]]
        logprobs += [next(told, 0.0) if own else 0.0 for own in node["mask"]]
    start = sampled.index(1) if 1 in sampled else len(ids)
    complete = all(len(node["logprobs"]) == sum(node["mask"]) for node in path)
    sample = sample_from(
        prompt_ids=ids[:start],
        response_ids=ids[start:],
        response_mask=sampled[start:],
        logprobs=logprobs[start:] if complete else None,
        reward=reward,
        notes=None,
    )
    return trajectory_of(sample)
