"""The tool-call verifier: our own score by default, ToolRL's reward on demand."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from llmenvs.verifiers.tool_call.calls import ToolCall, as_wanted_calls
from llmenvs.verifiers.tool_call.match import CallScore, score_calls
from llmenvs.verifiers.tool_call.parse import Dialect, ParsedCalls, parse_tool_calls
from llmenvs.verifiers.tool_call.toolrl import (
    Credit,
    LengthReward,
    ToolRLSettings,
    toolrl_reward,
    truth_calls,
)
from llmenvs.verifiers.verdict import Status, Verdict


class ToolCallVerifier:
    """Score the tool calls of a completion against the wanted ones.

    With ``mode="exact"`` the score is the mean of three parts (`match`): ``name``, ``param_name``
    and ``param_value``, in [0, 1] or mapped to ``score_range``. ``target`` is a list of
    ``{"name": …, "parameters": {…}}``, None or [] where no call is wanted, or such a list as JSON
    text. A success is exactly the wanted calls, in any order; the format of the rest of the
    completion does not matter. Making no call where none is wanted scores full, making one nothing.

    With ``mode="toolrl"`` the score is ToolRL's total (`toolrl`), in [-3, 4] by default, and its
    parts are ``format``, ``correctness`` and ``length``. ``target`` is ToolRL's ground truth as
    text, or a list as above. A success is as above, and where no call is wanted a ``<response>``
    exactly if the ground truth has one: it need not go with the highest score, as ToolRL takes true
    for 1, and pretty-printed JSON for none.

    The cost is linear in the completion, but for the calls of one name, which are matched in cubic
    time; at most 256 calls are read.

    Args:
        mode: "exact" or "toolrl".
        dialect: the only notation of calls to read; None takes the one that the completion is
            written in. Only with "exact".
        tools: the tools there are, each with ``name`` and ``parameters`` (a JSON Schema). Then the
            part ``schema`` is the share of calls that are valid, and the reason names what is not;
            the score does not depend on it. Only with "exact".
        score_range: lowest and highest score, such as (-3.0, 3.0). Only with "exact".
        credit: what earns partial credit in ToolRL's reward.
        correctness_max_one: ToolRL's correctness in [-1, 1] rather than [-3, 3].
        two_stage: ToolRL's two stages, at step 30.
        schedule: ToolRL's ranges that move over 150 steps.
        length: ToolRL's reward for long thoughts, "fixed" or "dynamic".
        step: of the training, from 0, for the moving variants of ToolRL's reward. The attribute
            ``step`` may be set between calls.

    Raises:
        ValueError: an argument is out of range or belongs to the other mode; on a call, ``target``
            is none of the above.

    >>> verifier = ToolCallVerifier()
    >>> wanted = [{"name": "add", "parameters": {"a": 1, "b": 2}}]
    >>> call = '{"name": "add", "arguments": {"b": 2, "a": 1}}'
    >>> verifier(f"<tool_call>{call}</tool_call>", wanted).score
    1.0
    >>> verifier("add(a=1, b=3)", wanted).parts["param_value"]
    0.5
    """

    def __init__(
        self,
        *,
        mode: Literal["exact", "toolrl"] = "exact",
        dialect: Dialect | str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        score_range: tuple[float, float] = (0.0, 1.0),
        credit: Credit = "fine",
        correctness_max_one: bool = False,
        two_stage: bool = False,
        schedule: bool = False,
        length: LengthReward | None = None,
        step: int = 0,
    ) -> None:
        self.mode = mode
        self.dialect = None if dialect is None else Dialect(dialect)
        self.score_range = tuple(score_range)  # a list, where it comes from JSON
        self.settings = ToolRLSettings(credit, correctness_max_one, two_stage, schedule, length)
        self.step = step
        self._check(tools)
        self.schemas = None
        if tools is not None:
            # Imported here: jsonschema takes longer to import than all the rest.
            from llmenvs.verifiers.tool_call.tool_schemas import ToolSchemas

            self.schemas = ToolSchemas(tools)

    def _check(self, tools: Sequence[Mapping[str, Any]] | None) -> None:
        if self.mode not in ("exact", "toolrl"):
            raise ValueError(f"mode must be 'exact' or 'toolrl', got {self.mode!r}")
        if (
            len(self.score_range) != 2
            or not -1e9 <= self.score_range[0] < self.score_range[1] <= 1e9
        ):
            raise ValueError(f"score_range must be (lowest, highest), got {self.score_range!r}")
        credits_ = ("fine", "intermediate", "coarse", "refined")
        if self.settings.credit not in credits_:
            raise ValueError(f"credit must be one of {credits_}, got {self.settings.credit!r}")
        if self.settings.length not in (None, "fixed", "dynamic"):
            raise ValueError(
                f"length must be 'fixed', 'dynamic' or None, got {self.settings.length!r}"
            )
        if self.step < 0:
            raise ValueError(f"step must be at least 0, got {self.step}")
        if self.mode == "exact" and (self.settings != ToolRLSettings() or self.step):
            raise ValueError(
                f"credit, correctness_max_one, two_stage, schedule, length and step need "
                f"mode='toolrl', got {self.settings!r} and step={self.step}"
            )
        if self.mode == "toolrl" and (tools or self.dialect or self.score_range != (0.0, 1.0)):
            raise ValueError(
                f"dialect, tools and score_range need mode='exact', got dialect={self.dialect!r}, "
                f"tools={tools!r} and score_range={self.score_range!r}"
            )

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Judge the calls of ``completion`` against the wanted ones in ``target``."""
        if self.mode == "toolrl":
            return self._toolrl(completion, target)
        wanted = as_wanted_calls(target)
        parsed = parse_tool_calls(completion, dialect=self.dialect)
        score = _compared(wanted, parsed)
        parts = {
            "name": score.name,
            "param_name": score.param_name,
            "param_value": score.param_value,
        }
        reason = score.reason if parsed.well_formed else f"{score.reason}: {parsed.problems[0]}"
        if self.schemas is not None:
            problems = [self.schemas.problem(call) for call in parsed.calls]
            problems += parsed.problems
            wrong = [problem for problem in problems if problem is not None]
            parts["schema"] = 1.0 - len(wrong) / len(problems) if problems else 1.0
            reason = "; ".join([reason, *wrong[:1]]) if parsed.well_formed else reason
        low, high = self.score_range
        attempted = parsed.dialect is not None
        return Verdict(
            low + (high - low) * score.mean,
            score.exact,
            Status.SCORED if attempted or not wanted else Status.NO_ANSWER,
            parts,
            reason,
            parsed.source if attempted else None,
        )

    def _toolrl(self, completion: str, target: Any) -> Verdict:
        truth, wanted = _ground_truth(target)
        reward = toolrl_reward(completion, truth, settings=self.settings, step=self.step)
        parsed = parse_tool_calls(completion, dialect=Dialect.TAGGED)
        score = _compared(wanted, parsed)
        success, reason = score.exact, score.reason
        if success and not wanted and ("<response>" in completion) != ("<response>" in truth):
            success = False
            reason = "a response is " + ("missing" if "<response>" in truth else "not wanted")
        attempted = parsed.dialect is not None
        return Verdict(
            reward.total,
            success,
            Status.SCORED if attempted or not wanted else Status.NO_ANSWER,
            reward._asdict(),
            reason,
            parsed.source if attempted else None,
        )


def _compared(wanted: list[ToolCall], parsed: ParsedCalls) -> CallScore:
    try:
        return score_calls(wanted, parsed.calls, len(parsed.problems))
    except (TypeError, RecursionError) as error:  # calls that were parsed are JSON and not deep
        raise ValueError(f"target must hold JSON values: {error}") from error


def _ground_truth(target: Any) -> tuple[str, list[ToolCall]]:
    """Return ToolRL's ground truth and the calls that it wants."""
    if isinstance(target, str) and "<" in target and target.lstrip()[:1] not in ("[", "{"):
        calls = [ToolCall(call["name"], call["parameters"]) for call in truth_calls(target)]
        return target, calls
    calls = as_wanted_calls(target)
    if not calls:
        return "<response></response>", calls
    lines = "\n".join(json.dumps(call.to_dict()) for call in calls)
    return f"<tool_call>\n{lines}\n</tool_call>", calls
