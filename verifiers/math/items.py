"""What the parsers pass to each other: groups, and the error for what is no mathematics."""

from dataclasses import dataclass

from llmenvs.verifiers.math.lexer import Token
from llmenvs.verifiers.math.nodes import Node


class ParseError(ValueError):
    """The text is no mathematics that we read."""


@dataclass(frozen=True, slots=True)
class Group:
    """A bracket that has been read.

    Attributes:
        opening: the sign that opened it.
        node: what it holds.
        spaced: whether white space stands before it.
        raw: its only token, if it has just one.
        nesting: how many containers are nested in it.
    """

    opening: str
    node: Node
    spaced: bool = False
    raw: str = ""
    nesting: int = 0


Item = Token | Group
