"""What came of a tool call: `ToolResult`, and the errors by which a tool says that it cannot."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ToolError(Exception):
    """Raised by a tool that cannot do what was asked; its message is what the policy reads."""


class TransientToolError(ToolError):
    """Raised by a tool that would succeed if it were called again."""


class ToolResultKind(StrEnum):
    """How a call ended."""

    OK = "ok"
    """The tool ran and returned."""
    UNKNOWN_TOOL = "unknown_tool"
    """There is no tool of that name."""
    BAD_ARGUMENTS = "bad_arguments"
    """The arguments do not meet the tool's schema; it did not run."""
    FAILED = "failed"
    """The tool raised."""
    TRANSIENT = "transient"
    """The tool raised, and would succeed if it were called again."""
    TIMEOUT = "timeout"
    """The tool did not return within its time."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave.

    Attributes:
        kind: how it ended.
        text: what the policy reads: the value as JSON, a text as it is, or what was wrong.
    """

    kind: ToolResultKind
    text: str

    @property
    def ok(self) -> bool:
        """Whether the tool ran and returned."""
        return self.kind is ToolResultKind.OK


def text_of(value: Any) -> str:
    """Return what the policy reads of a tool's value.

    A text stays as it is, bytes are read as UTF-8 with U+FFFD for what is not, and anything else
    becomes JSON: dataclasses as objects, dates as ISO 8601, NaN and infinities as those words, and
    an object that has no JSON form as its ``repr``.

    >>> text_of({"total": 12.5, "paid": True})
    '{"total":12.5,"paid":true}'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    from pydantic_core import to_json  # 40 ms that only a program with tools pays

    return to_json(value, fallback=repr, inf_nan_mode="constants", bytes_mode="base64").decode()
