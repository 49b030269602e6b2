r"""Commands and functions of the expression grammar, such as ``\frac``, ``\sqrt`` and ``\sum``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmenvs.verifiers.math import vocabulary as words
from llmenvs.verifiers.math.items import Group, ParseError
from llmenvs.verifiers.math.lexer import Token, TokenKind
from llmenvs.verifiers.math.nodes import (
    Constant,
    Matrix,
    Node,
    Number,
    Relation,
    Sequence,
    Symbol,
    call,
    integer,
    walk,
)

if TYPE_CHECKING:
    from llmenvs.verifiers.math.expressions import ExpressionParser

_BIG = {r"\sum": "sum", r"\prod": "product", r"\int": "integral", r"\lim": "limit"}
_TRANSPARENT = frozenset(
    {r"\text", r"\boxed", r"\fbox", r"\displaystyle", r"\mathrm", r"\bar", r"\not"}
)
_IDENTITY = frozenset({"(", "{"})


def read_command(parser: ExpressionParser, name: str) -> Node:
    """Read the command ``name``, which the parser has just stepped over, with its arguments."""
    if name in words.FRACTIONS:
        top = parser.argument()
        return parser.build.divide(top, parser.argument())
    if name in words.CONSTANT_COMMANDS:
        return words.CONSTANT_COMMANDS[name]
    if name in {r"\binom", r"\dbinom", r"\tbinom"}:
        n = parser.argument()
        return parser.build.binomial(n, parser.argument())
    if name in words.FUNCTION_COMMANDS or name == r"\surd":
        return read_function(parser, name.lstrip("\\"))
    if name in _BIG:
        return _read_big(parser, _BIG[name])
    if name == r"\overline":
        inner = parser.argument()
        imaginary = any(item == Constant("i") for item in walk(inner))
        return call("conjugate", inner) if imaginary else inner
    if name in _TRANSPARENT:
        return parser.argument()
    if name in {r"\angle", r"\triangle", r"\measuredangle"}:
        return call("angle", parser.multiplicative())
    if name == r"\cuberoot":
        return parser.build.root(parser.argument(), integer(3))
    if name in words.OPERATORS:
        raise ParseError(f"unexpected {name!r}")
    bare = name.lstrip("\\")
    if not bare.isalpha():
        raise ParseError(f"unexpected {name!r}")
    return parser.named(words.GREEK.get(bare, bare))


def read_function(parser: ExpressionParser, name: str) -> Node:
    r"""Read the function ``name`` with its subscript, exponent and argument."""
    if name in {"sqrt", "surd", "cbrt"}:
        return _read_root(parser, name)
    name = words.ALIASES.get(name, name)
    subscript: Node | None = None
    exponent: Node | None = None
    while True:
        if subscript is None and parser.take("_"):
            subscript = parser.argument() if name == "log" else Symbol(parser.subscript())
        elif exponent is None and parser.take("^"):
            exponent = parser.signed()
        else:
            break
    if exponent == integer(-1) and name in words.INVERSES:
        name, exponent = words.INVERSES[name], None
    node = _apply(parser, name, subscript, _read_argument(parser))
    return node if exponent is None else parser.build.power(node, exponent)


def _read_argument(parser: ExpressionParser) -> Node:
    item = parser.peek()
    if isinstance(item, Group) and item.opening in _IDENTITY:
        parser.at += 1
        return item.node
    parser.descend()
    factors = [parser.signed()]
    while parser.starts_factor():
        item = parser.peek()
        text = parser.peek_text()
        if text in words.FUNCTION_COMMANDS or text in words.FUNCTIONS:
            break
        if isinstance(item, Group) and item.opening == "(":
            break
        factors.append(parser.power())
    parser.depth -= 1
    if parser.peek_text() == "/" and _plain_fraction(parser):
        parser.at += 1
        return parser.build.divide(parser.build.multiply(factors), parser.power())
    return parser.build.multiply(factors)


def _plain_fraction(parser: ExpressionParser) -> bool:
    """Return whether a bare number follows the slash: ``sin pi/3`` is the sine of a third of pi."""
    following = parser.items[parser.at + 1 : parser.at + 2]
    return any(isinstance(x, Token) and x.kind is TokenKind.NUMBER for x in following)


def _apply(parser: ExpressionParser, name: str, subscript: Node | None, argument: Node) -> Node:
    args = argument.items if isinstance(argument, Sequence) else (argument,)
    if name == "exp":
        return parser.build.power(Constant("e"), argument)
    if name == "log" and subscript is not None:
        return call("log", argument, subscript)
    if name == "lg":
        return call("log", argument, integer(10))
    if name == "det" and isinstance(argument, Matrix):
        return parser.build.determinant(argument)
    if name == "binom" and len(args) == 2:
        return parser.build.binomial(*args)
    if name == "factorial":
        return parser.build.factorial(argument)
    if subscript is not None:
        return call("apply", Symbol(f"{name}_{subscript}"), *args)
    return call(name, *args)


def _read_root(parser: ExpressionParser, name: str) -> Node:
    degree: Node = integer(3 if name == "cbrt" else 2)
    item = parser.peek()
    if isinstance(item, Group) and item.opening == "[":
        parser.at += 1
        degree = item.node
        item = parser.peek()
    whole = name == "surd" or (isinstance(item, Group) and item.opening == "(")
    radicand = parser.primary() if whole or item is None else parser.argument()
    return parser.build.root(radicand, degree)


def _read_big(parser: ExpressionParser, op: str) -> Node:
    low: Node | None = None
    high: Node | None = None
    while parser.peek_text() in {"_", "^"}:
        below = parser.peek_text() == "_"
        parser.at += 1
        limit = parser.argument()
        low, high = (limit, high) if below else (low, limit)
    if op == "integral":
        return _read_integral(parser, low, high)
    body = parser.multiplicative()
    match op, low:
        case "limit", Relation(operators=("to",), operands=(Symbol() as variable, target)):
            return call("limit", body, variable, target)
        case _, Relation(operators=("=",), operands=(variable, first)) if high is not None:
            variable = Symbol("i") if variable == Constant("i") else variable
            return call(op, body, variable, first, high)
    args = [body, *(limit for limit in (low, high) if limit is not None)]
    return call(op, *args)


def _read_integral(parser: ExpressionParser, low: Node | None, high: Node | None) -> Node:
    for end in range(parser.at, len(parser.items)):
        item = parser.items[end]
        if not isinstance(item, Token) or item.kind is not TokenKind.WORD:
            continue
        if item.text == "d" and end + 1 < len(parser.items):
            following = parser.items[end + 1]
            name, after = (following.text if isinstance(following, Token) else ""), end + 2
        elif len(item.text) == 2 and item.text[0] == "d":
            name, after = item.text[1], end + 1
        else:
            continue
        inner = parser.items[parser.at : end]
        body = type(parser)(inner, parser.build).parse() if inner else Number(integer(1).value)
        parser.at = after
        limits = [x for x in (low, high) if x is not None]
        return call("integral", body, Symbol(name.lstrip("\\")), *limits)
    raise ParseError("an integral without its differential")
