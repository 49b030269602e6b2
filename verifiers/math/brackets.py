r"""Reduce brackets from the inside out, so that nesting costs a stack entry and no Python frame."""

from dataclasses import dataclass, field

from llmenvs.verifiers.math.builder import Builder
from llmenvs.verifiers.math.items import Group, Item, ParseError
from llmenvs.verifiers.math.lexer import Token, TokenKind
from llmenvs.verifiers.math.limits import MAX_NESTING
from llmenvs.verifiers.math.nodes import (
    EMPTY_SET,
    Call,
    Interval,
    Matrix,
    Node,
    Number,
    Sequence,
    SequenceKind,
    call,
)
from llmenvs.verifiers.math.statements import parse_statement
from llmenvs.verifiers.math.tables import split_words

_CLOSERS = {
    "(": frozenset({")", "]"}),
    "[": frozenset({"]", ")"}),
    "{": frozenset({"}"}),
    r"\{": frozenset({r"\}"}),
    r"\langle": frozenset({r"\rangle"}),
    r"\lfloor": frozenset({r"\rfloor"}),
    r"\lceil": frozenset({r"\rceil"}),
    r"\lvert": frozenset({r"\rvert"}),
    r"\lVert": frozenset({r"\rVert"}),
}
_SAME = {r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lbrack": "[", r"\rbrack": "]", r"\lparen": "(",
         r"\rparen": ")"}  # fmt: skip
_CLOSING = frozenset().union(*_CLOSERS.values())
_MATRICES = frozenset(
    split_words("matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix array psmallmatrix")
)
_ROUNDINGS = {r"\lfloor": "floor", r"\lceil": "ceil"}
_BARS = frozenset({r"\lvert", r"\lVert"})
_INFIX = frozenset({r"\choose", r"\over"})
_MAX_CONTAINERS = 40


@dataclass(slots=True)
class _Frame:
    """An open bracket and what has been read since; it is filled as the tokens come."""

    opening: str
    spaced: bool
    items: list[Item] = field(default_factory=list)
    nesting: int = 0


def parse_tokens(tokens: list[Token], builder: Builder) -> Node:
    """Return the tree of an answer.

    Raises:
        ParseError: the tokens are no mathematics that we read.
        OverBudgetError: there is too much of it.
    """
    stack = [_Frame("", spaced=False)]
    for token in tokens:
        text = _SAME.get(token.text, token.text)
        if token.kind is TokenKind.BEGIN or (text in _CLOSERS and token.kind is not TokenKind.TEXT):
            opening = f"env:{text}" if token.kind is TokenKind.BEGIN else text
            stack.append(_Frame(opening, token.spaced))
            if len(stack) > MAX_NESTING:
                raise ParseError(f"more than {MAX_NESTING} brackets open at once")
        elif token.kind is TokenKind.END or (text in _CLOSING and token.kind is not TokenKind.TEXT):
            frame = stack.pop()
            if not stack or not _matches(frame.opening, text, token.kind):
                raise ParseError(f"an unexpected {text!r}")
            group = _reduce(frame, text, builder)
            stack[-1].items.append(group)
            stack[-1].nesting = max(stack[-1].nesting, group.nesting)
        else:
            stack[-1].items.append(token)
    if len(stack) != 1:
        raise ParseError(f"an unclosed {stack[-1].opening!r}")
    return _infix(stack[0].items, builder)


def _matches(opening: str, closing: str, kind: TokenKind) -> bool:
    if kind is TokenKind.END:
        return opening == f"env:{closing}"
    return closing in _CLOSERS.get(opening, ())


def _reduce(frame: _Frame, closing: str, builder: Builder) -> Group:
    node = _content(frame, closing, builder)
    only = frame.items[0] if len(frame.items) == 1 else None
    raw = only.text if isinstance(only, Token) else ""
    nesting = frame.nesting + isinstance(node, Sequence | Matrix | Interval)
    if nesting > _MAX_CONTAINERS:
        raise ParseError(f"more than {_MAX_CONTAINERS} containers in one another")
    return Group(frame.opening, node, frame.spaced, raw, nesting)


def _content(frame: _Frame, closing: str, builder: Builder) -> Node:
    opening, items = frame.opening, frame.items
    if opening.startswith("env:"):
        return _environment(opening.removeprefix("env:"), items, builder)
    if opening == r"\{":
        return _set(items, builder)
    if not items:
        if opening == "{":
            return Sequence(SequenceKind.LIST, ())
        raise ParseError("an empty bracket")
    node = _infix(items, builder) if opening == "{" else parse_statement(items, builder)
    if opening in _ROUNDINGS:
        return call(_ROUNDINGS[opening], node)
    if opening in _BARS:
        if isinstance(node, Number):
            return Number(abs(node.value), node.digits, node.exponent)
        return call("abs", node)
    if isinstance(node, Sequence) and node.kind is SequenceKind.LIST and opening != "{":
        return _bracketed(opening, closing, node)
    return node


def _infix(items: list[Item], builder: Builder) -> Node:
    r"""Read ``a \\over b`` and ``n \\choose k``, which divide all of their group."""
    for at, item in enumerate(items):
        if isinstance(item, Token) and item.text in _INFIX:
            left = parse_statement(items[:at], builder)
            right = parse_statement(items[at + 1 :], builder)
            return (builder.divide if item.text == r"\over" else builder.binomial)(left, right)
    return parse_statement(items, builder)


def _bracketed(opening: str, closing: str, node: Sequence) -> Node:
    square = "[" if opening == "[" else "", "]" if closing == "]" else ""
    if any(square) and len(node.items) == 2:
        return Interval(*node.items, bool(square[0]), bool(square[1]))
    kind = SequenceKind.LIST if all(square) else SequenceKind.TUPLE
    return Sequence(kind, node.items, node.joined_by_or)


def _set(items: list[Item], builder: Builder) -> Node:
    if not items:
        return EMPTY_SET
    for at, item in enumerate(items):
        if at and isinstance(item, Token) and item.text in {"|", r"\mid", ":"}:
            first = items[0]
            if isinstance(first, Group) or first.kind is TokenKind.WORD:
                condition = parse_statement(items[at + 1 :], builder)
                return Call("such_that", (condition,), 1)
    node = parse_statement(items, builder)
    if isinstance(node, Sequence) and node.kind is SequenceKind.LIST:
        return Sequence(SequenceKind.SET, node.items)
    return Sequence(SequenceKind.SET, (node,))


def _environment(name: str, items: list[Item], builder: Builder) -> Node:
    if name not in _MATRICES:
        return parse_statement([x for x in items if not _is(x, "&")], builder)
    rows: list[list[list[Item]]] = [[[]]]
    for item in items:
        if _is(item, "\\\\"):
            rows.append([[]])
        elif _is(item, "&"):
            rows[-1].append([])
        elif not _is(item, r"\hline"):
            rows[-1][-1].append(item)
    if rows[-1] == [[]]:
        rows.pop()
    if len({len(row) for row in rows}) != 1:
        raise ParseError("a matrix with rows of different lengths")
    matrix = Matrix(tuple(tuple(parse_statement(c, builder) for c in row) for row in rows))
    return builder.determinant(matrix) if name == "vmatrix" else matrix


def _is(item: Item, text: str) -> bool:
    return isinstance(item, Token) and item.kind is not TokenKind.TEXT and item.text == text
