"""Rewards of a verifier for OpenRLHF (0.11): a file for ``--reward.remote_url``, and a server.

The file to name there is this one. A label is JSON: ``{"verifier": "math", "target": "5"}``, with
``options`` of the verifier's constructor where it needs some; `reward_label` writes it. OpenRLHF
hands over the whole text, prompt and all; what the verifier gets is only what follows the prompt.

`create_reward_server` speaks OpenRLHF's protocol for a ``--reward.remote_url`` of ``http://``, for
rewards on another machine: ``POST {"query": [str], "prompts": [str], "labels": [str]}`` is answered
by ``{"rewards": [float | null], "scores": …, "extra_logs": {"undecided": [int]}}``.

An undecided verdict is the reward None (null), as OpenRLHF itself gives to a failed request.
"""

import functools
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from llmenvs.verifiers.registry import load_verifier
from llmenvs.verifiers.scoring import score_many
from llmenvs.verifiers.verdict import Verifier

__all__ = ["create_reward_server", "reward_func", "reward_label"]


def reward_label(verifier: str, target: Any, *, options: Mapping[str, Any] | None = None) -> str:
    """Return the label of a row.

    Args:
        verifier: its name, see `llmenvs.verifiers.registry`.
        target: what the completion is checked against, JSON-ready.
        options: of the verifier's constructor, JSON-ready.

    Raises:
        ValueError: there is no such verifier or option.

    >>> reward_label("math", "5")
    '{"verifier": "math", "target": "5", "options": {}}'
    """
    load_verifier(verifier, options)
    return json.dumps({"verifier": verifier, "target": target, "options": dict(options or {})})


def reward_func(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str], **_: Any
) -> dict[str, Any]:
    r"""Return the rewards of completions; OpenRLHF calls it with lists of length 1, in a thread.

    A value is a number where there is one row, as OpenRLHF's executor takes it, else a list.

    Raises:
        ValueError: a label that is not of `reward_label`, or a query without its prompt.

    >>> prompt = "2 + 3?\n"
    >>> reward_func([prompt + r"\boxed{5}"], [prompt], [reward_label("math", "5")])["rewards"]
    1.0
    """
    rewards = _rewards(queries, prompts, labels)
    undecided = [int(reward is None) for reward in rewards]
    if len(rewards) == 1:
        return _answer(rewards[0], undecided[0])
    return _answer(rewards, undecided)


def create_reward_server(*, max_rows: int = 1024, refused: Collection[str] = ("external",)) -> Any:
    """Return the FastAPI application; run it by ``uvicorn.run(app, host=…, port=…)``.

    Only verifiers by name are served: a label cannot name code of its own. A request that is wrong
    is refused (422) with a sentence that says what to change.

    Args:
        max_rows: of a request.
        refused: verifiers that requests may not name; by default the one whose options are a
            program to run.
    """
    from fastapi import FastAPI, HTTPException
    from pydantic import BaseModel

    class RewardRequest(BaseModel):
        query: list[str]
        prompts: list[str]
        labels: list[str]

    app = FastAPI(title="llmenvs rewards")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/")
    @app.post("/get_reward")
    def get_reward(request: RewardRequest) -> dict[str, Any]:  # FastAPI runs it in a thread
        if len(request.query) > max_rows:
            raise HTTPException(422, f"at most {max_rows} rows, got {len(request.query)}")
        try:
            rewards = _rewards(request.query, request.prompts, request.labels, refused)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return _answer(rewards, [int(reward is None) for reward in rewards])

    get_reward.__annotations__["request"] = RewardRequest
    return app


def _answer(rewards: Any, undecided: Any) -> dict[str, Any]:
    return {"rewards": rewards, "scores": rewards, "extra_logs": {"undecided": undecided}}


def _rewards(
    queries: Sequence[str],
    prompts: Sequence[str],
    labels: Sequence[str],
    refused: Collection[str] = (),
) -> list[float | None]:
    if not len(queries) == len(prompts) == len(labels):
        raise ValueError(
            "queries, prompts and labels must be as many, "
            f"got {len(queries)}, {len(prompts)} and {len(labels)}"
        )
    read = [_read_label(label, refused) for label in labels]
    said = [_after_prompt(q, p) for q, p in zip(queries, prompts, strict=True)]
    rewards: list[float | None] = []
    for (verifier, target), completion in zip(read, said, strict=True):
        [verdict] = score_many(verifier, [completion], [target])
        rewards.append(verdict.score)
    return rewards


def _after_prompt(query: str, prompt: str) -> str:
    start = query.find(prompt)
    if start < 0:
        raise ValueError(
            "a query must hold its prompt, so that only what follows is scored; the prompt "
            f"{prompt!r:.80} is not in {query!r:.80}: was it cut? give the model more length"
        )
    return query[start + len(prompt) :]


def _read_label(label: Any, refused: Collection[str]) -> tuple[Verifier, Any]:
    try:
        record = json.loads(label)
        name, target, options = record["verifier"], record["target"], record.get("options") or {}
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"a label must be JSON of reward_label(verifier, target), got {label!r:.200}"
        ) from error
    if not isinstance(name, str) or ":" in name or name in refused:
        raise ValueError(f"a label must name a verifier of llmenvs that is served, got {name!r}")
    return _verifier(name, json.dumps(options, sort_keys=True)), target


@functools.lru_cache(maxsize=64)
def _verifier(name: str, options: str) -> Verifier:
    return load_verifier(name, json.loads(options))
