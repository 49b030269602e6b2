"""Reading what a confined process answers: every field is checked, since it may be forged."""

from typing import Any

from llmenvs.verifiers.code.job import CallResult, Missing, Raised, Returned, TestOutcome
from llmenvs.verifiers.code.protocol import ProtocolError, decode

_MAX_TYPES = 32
_MAX_TEXT = 500
_MAX_OUTCOMES = 10_000


def read_answer(message: dict[str, Any]) -> CallResult:
    """Return the result of a call.

    Raises:
        ProtocolError: the message is no answer.
    """
    if "value" in message:
        arguments = decode(message["arguments"]) if "arguments" in message else None
        if arguments is not None and type(arguments) is not tuple:
            raise ProtocolError("the arguments after a call must be a tuple")
        return Returned(decode(message["value"]), arguments)
    if "raised" in message:
        return read_raised(message)
    if type(message.get("unsaid")) is str:
        return Missing(message["unsaid"][:_MAX_TEXT])
    raise ProtocolError("a message that answers nothing")


def read_raised(message: Any) -> Raised:
    """Return the exception that a message tells of.

    Raises:
        ProtocolError: it tells of none.
    """
    types = message.get("raised") if type(message) is dict else None
    text = message.get("message") if type(message) is dict else None
    if type(types) is not list or type(text) is not str or not types:
        raise ProtocolError("an exception must have types and a message")
    names = tuple(name[:_MAX_TEXT] for name in types[:_MAX_TYPES] if type(name) is str)
    return Raised(names or ("BaseException",), text[:_MAX_TEXT])


def read_outcomes(message: dict[str, Any]) -> tuple[TestOutcome, ...]:
    """Return the outcomes of a suite.

    Raises:
        ProtocolError: the message is no verdict.
    """
    rows = message.get("outcomes")
    if type(rows) is not list or len(rows) > _MAX_OUTCOMES:
        raise ProtocolError("a verdict must have outcomes")
    outcomes = []
    for row in rows:
        if type(row) is not list or [type(field) for field in row] != [str, bool, str, int]:
            raise ProtocolError("an outcome must be a name, a verdict, a message and a number")
        outcomes.append(TestOutcome(*row))
    return tuple(outcomes)
