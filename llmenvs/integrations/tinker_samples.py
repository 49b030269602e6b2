"""Trajectories as tinker-cookbook's transitions (0.6), and back; plain dicts, no import of tinker.

A transition is what the policy read, what it sampled, and that turn's reward, so that no reward is
summed up. tinker-cookbook has no sample without a reward: an undecided episode has no transitions,
from which its `trajectory_to_data` makes no datum, and its notes say so.
"""

from collections.abc import Mapping
from typing import Any

from llmenvs.integrations.sample_notes import NOTES, notes_of, sample_from, trajectory_of_notes
from llmenvs.integrations.samples import sample_of, trajectory_of
from llmenvs.trajectory import Trajectory


def to_tinker(trajectory: Trajectory) -> dict[str, Any]:
    """Return ``{"transitions": [...], "final_ob": [...], "stop_reason": str}``.

    A transition is ``{"ob": ids, "ac": {"tokens", "maybe_logprobs"}, "reward", "episode_done"}``;
    `llmenvs.integrations.tinker.as_trajectory` makes tinker-cookbook's classes of them. A turn
    without tokens is a transition without tokens, which becomes no datum and keeps its reward.

    Raises:
        ValueError: the policy told no log-probabilities, which tinker requires; or the
            environment's tokens count as generated.
    """
    sample = sample_of(trajectory)
    if sample.logprobs is None and sample.response_ids:
        raise ValueError(
            "tinker requires the log-probability of each sampled token, and the policy told none "
            f"in task {sample.info.get('task_id')!r}: return Completion(text, token_ids=…, "
            "logprobs=…) from the policy"
        )
    logprobs = sample.logprobs or ()
    # Nothing to train on: without observations no datum is made, and the rewards still count.
    prompt_ids = sample.prompt_ids if sample.response_ids else ()
    transitions = [
        {
            "ob": [*prompt_ids, *sample.response_ids[:start]],
            "ac": {
                "tokens": list(sample.response_ids[start:stop]),
                "maybe_logprobs": list(logprobs[start:stop]),
            },
            "reward": reward,
            "episode_done": number == len(sample.turn_spans) - 1,
        }
        for number, ((start, stop), reward) in enumerate(
            zip(sample.turn_spans, sample.turn_rewards, strict=True)
        )
    ]
    notes = {
        **notes_of(sample),
        "prompt_ids": list(sample.prompt_ids),
        "response_ids": list(sample.response_ids),
        "logprobs": list(logprobs),
    }
    return {
        "transitions": transitions if sample.valid else [],
        "final_ob": [*sample.prompt_ids, *sample.response_ids],
        "stop_reason": sample.stop_reason.value,
        NOTES: notes,
    }


def from_tinker(record: Mapping[str, Any]) -> list[Trajectory]:
    """Return the trajectories of transitions: one, or one for each unbroken run of them.

    Args:
        record: of `to_tinker`, or of `llmenvs.integrations.tinker.as_record`. Each run of another's
            that was broken keeps its own rewards.
    """
    if (noted := record.get(NOTES)) is not None:
        return [trajectory_of_notes(noted)]
    runs: list[list[Mapping[str, Any]]] = []
    for transition in record["transitions"]:
        before = [*runs[-1][-1]["ob"], *runs[-1][-1]["ac"]["tokens"]] if runs else None
        if before is not None and list(transition["ob"][: len(before)]) == before:
            runs[-1].append(transition)
        else:
            runs.append([transition])
    return [_of_run(run) for run in runs]


def _of_run(run: list[Mapping[str, Any]]) -> Trajectory:
    ids, logprobs = list(run[0]["ob"]), [0.0] * len(run[0]["ob"])
    start, spans = len(ids), []
    for transition in run:
        new = list(transition["ob"][len(ids) :])
        said = transition["ac"]["tokens"]
        ids += [*new, *said]
        logprobs += [0.0] * len(new) + list(transition["ac"]["maybe_logprobs"] or [0.0] * len(said))
        spans.append((len(ids) - len(said) - start, len(ids) - start))
    own = {i for first, stop in spans for i in range(first, stop)}
    rewards = [float(transition["reward"]) for transition in run]
    told = all(transition["ac"]["maybe_logprobs"] is not None for transition in run)
    sample = sample_from(
        prompt_ids=ids[:start],
        response_ids=ids[start:],
        response_mask=[int(i in own) for i in range(len(ids) - start)],
        logprobs=logprobs[start:] if told else None,
        reward=sum(rewards),
        notes={
            "turn_spans": spans,
            "turn_rewards": rewards,
            "terminated": bool(run[-1]["episode_done"]),
        },
    )
    return trajectory_of(sample)
