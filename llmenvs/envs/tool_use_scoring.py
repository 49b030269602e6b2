"""How an episode of ``ToolUse-v0`` is scored: by what is true at its end, not by the path.

A success leaves the world exactly as the plan would, and tells the user the facts that were asked
for. The calls themselves are compared with the plan's in the three parts of ToolRL (Qian et al.,
2025), which tell where a policy went wrong and may give dense credit.
"""

from collections import Counter
from collections.abc import Sequence

from llmenvs.envs.tool_use_goals import Goal
from llmenvs.verifiers import Verdict
from llmenvs.verifiers.tool_call import ToolCall, score_calls
from llmenvs.worlds.changes import Change, changes_between
from llmenvs.worlds.facts import tells
from llmenvs.worlds.world import Call, World

MAX_RESPONSE_LENGTH = 2_000
"""Characters of an answer that are read for facts; who tells everything has answered nothing."""


def score_episode(
    goal: Goal,
    world: World,
    calls: Sequence[Call],
    response: str | None,
    *,
    partial_credit: float,
) -> Verdict:
    """Score what an episode came to.

    Args:
        goal: of its task.
        world: at its end.
        calls: all that the policy made, in order.
        response: what it told the user; None if it told nothing.
        partial_credit: how much of the score, from 0 to below 0.5, is the share of what was asked
            for and is done and told, where that is not all and nothing else was done.

    Returns:
        A verdict with the score in [0, 1] and the parts ``state`` (the share of the wanted changes
        that were made), ``facts`` (the share of the facts that were told), ``side_effects`` (how
        many changes were made that nobody asked for), and ``name``, ``param_name`` and
        ``param_value`` of the calls.
    """
    wanted, made = goal.solution.changes, changes_between(goal.start, world)
    extra = (made - wanted).total()
    missing = wanted - made
    told = [fact for fact in goal.solution.facts if _told(response, fact)]
    leaked = [fact for fact in goal.solution.forbidden if _told(response, fact)]
    state = 1.0 - missing.total() / wanted.total() if wanted else 1.0
    facts = 0.0 if leaked else _share(len(told), len(goal.solution.facts))
    success = state == 1.0 and facts == 1.0 and extra == 0 and response is not None
    asked = [*([state] if wanted else []), *([facts] if goal.solution.facts else [])]
    partial = 0.0 if extra or not asked else partial_credit * sum(asked) / len(asked)
    made_calls = [ToolCall(name, dict(arguments)) for name, arguments in calls]
    parts = score_calls(goal.calls, made_calls)
    return Verdict.scored(
        1.0 if success else partial,
        success=success,
        parts={
            "state": state,
            "facts": facts,
            "side_effects": float(extra),
            "name": parts.name,
            "param_name": parts.param_name,
            "param_value": parts.param_value,
        },
        reason=_reason(missing, made - wanted, goal.solution.facts, told, leaked, response),
        extracted=response,
    )


def _told(response: str | None, fact: str) -> bool:
    return response is not None and tells(response[:MAX_RESPONSE_LENGTH], fact)


def _share(count: int, total: int) -> float:
    return count / total if total else 1.0


def _reason(
    missing: Counter[Change],
    extra: Counter[Change],
    facts: Sequence[str],
    told: Sequence[str],
    leaked: Sequence[str],
    response: str | None,
) -> str:
    """Say the first thing that is wrong, the worst first."""
    if extra:
        return f"something was done that nobody asked for: {_shown(extra)}"
    if missing:
        return f"something that was asked for was not done: {_shown(missing)}"
    if response is None:
        return "the user was told nothing"
    if leaked:
        return f"the user was told {leaked[0]!r}, which answers another question"
    untold = [fact for fact in facts if fact not in told]
    return f"the user was not told {untold[0]!r}" if untold else "done and told as asked"


def _shown(changes: Counter[Change]) -> str:
    change = next(iter(changes))
    fields = ", ".join(f"{name}={value!r:.60}" for name, value in change.fields)
    return f"{change.table} {change.key or ''} {fields or 'removed'}"
