"""What a policy's turn in ``ToolUse-v0`` says: calls, an answer to the user, or neither."""

from dataclasses import dataclass

from llmenvs.verifiers.tool_call import ToolCall, parse_tool_calls
from llmenvs.verifiers.tool_call.parse import without_thoughts

_OPEN, _CLOSE = "<response>", "</response>"


@dataclass(frozen=True, slots=True)
class Action:
    """A turn as it was read.

    Attributes:
        calls: to be run; empty if there are none, or a fault.
        response: what the user is told; None where there are calls, or no answer.
        fault: why what looks like calls cannot be read.
    """

    calls: tuple[ToolCall, ...]
    response: str | None
    fault: str


def read_action(text: str, *, tagged: bool) -> Action:
    """Read a turn; a turn with calls has no answer, since their results are not known yet.

    Args:
        text: what the policy wrote.
        tagged: the answer stands within ``<response>``, whose end may be missing where a stop
            string was cut off; otherwise every text without a call is the answer.

    >>> read_action("<think>7?</think><response>It is 7.</response>", tagged=True).response
    'It is 7.'
    >>> read_action("It is 7.", tagged=True)
    Action(calls=(), response=None, fault='')
    """
    parsed = parse_tool_calls(text)
    if not parsed.well_formed:
        return Action((), None, parsed.problems[0])
    if parsed.calls:
        return Action(tuple(parsed.calls), None, "")
    said = without_thoughts(text)
    if not tagged:
        return Action((), said.strip(), "")
    start = said.rfind(_OPEN)
    if start < 0:
        return Action((), None, "")
    return Action((), said[start + len(_OPEN) :].partition(_CLOSE)[0].strip(), "")
