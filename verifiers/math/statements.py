r"""Parse what stands between separators: lists, relations, set operations, ratios and units."""

import re

from llmenvs.verifiers.math import vocabulary as words
from llmenvs.verifiers.math.builder import Builder
from llmenvs.verifiers.math.expressions import ExpressionParser
from llmenvs.verifiers.math.items import Group, Item, ParseError
from llmenvs.verifiers.math.lexer import Token, TokenKind
from llmenvs.verifiers.math.limits import MAX_UNIT_WORDS
from llmenvs.verifiers.math.nodes import (
    Call,
    Node,
    Quantity,
    Ratio,
    Relation,
    Sequence,
    SequenceKind,
    Text,
    call,
    render,
)
from llmenvs.verifiers.math.units import (
    CURRENCY_SIGNS,
    DEGREE,
    PERCENT,
    is_ambiguous,
    known_unit,
    read_unit,
)

_UNION_LETTERS = frozenset({"U", "u"})
_PUNCTUATION = " ,;.:"


def parse_statement(items: list[Item], builder: Builder) -> Node:
    """Return the node that ``items`` make: a list where separators stand between them.

    Raises:
        ParseError: they make none.
    """
    parts, separators = _split(_merge_negations(items))
    if not parts:
        raise ParseError("nothing to read")
    if len(parts) == 1:
        return _parse_part(parts[0], builder)
    nodes = [_parse_part(part, builder) for part in parts]
    chunks: list[list[Node]] = [[nodes[0]]]
    for node, separator in zip(nodes[1:], separators, strict=True):
        if separator == ",":
            chunks[-1].append(node)
        else:
            chunks.append([node])
    if len(chunks) > 1 and all(len(c) > 1 and _is_assignment(c[0]) for c in chunks):
        systems = (Sequence(SequenceKind.LIST, tuple(chunk)) for chunk in chunks)
        return Sequence(SequenceKind.LIST, tuple(systems))
    flat: list[Node] = []
    for node in nodes:
        nested = isinstance(node, Sequence) and node.kind is SequenceKind.LIST
        flat.extend(node.items if nested and isinstance(node, Sequence) else (node,))
    return Sequence(SequenceKind.LIST, tuple(flat), joined_by_or="or" in separators)


def _is_assignment(node: Node) -> bool:
    return isinstance(node, Relation) and node.operators == ("=",)


def _merge_negations(items: list[Item]) -> list[Item]:
    r"""Join ``!`` and ``=`` into one sign where it is no factorial, and ``\not`` with its sign."""
    merged: list[Item] = []
    for item in items:
        last = merged[-1] if merged else None
        if isinstance(item, Token) and isinstance(last, Token):
            before = merged[-2] if len(merged) > 1 else None
            word = isinstance(before, Token) and before.kind is TokenKind.WORD
            if last.text == "!" and item.text == "=" and (last.spaced or word) and not item.spaced:
                merged[-1] = Token(TokenKind.SIGN, "!=", last.spaced)
                continue
            if last.text == r"\not" and item.text in {"=", r"\in"}:
                name = "!=" if item.text == "=" else r"\notin"
                merged[-1] = Token(TokenKind.COMMAND, name, last.spaced)
                continue
        merged.append(item)
    return merged


def _separator(item: Item) -> str | None:
    if not isinstance(item, Token):
        return None
    if item.kind in {TokenKind.TEXT, TokenKind.WORD}:
        word = " ".join(item.text.lower().strip(_PUNCTUATION).split())
        if word in words.AND_WORDS:
            return "and"
        if word in words.OR_WORDS:
            return "or"
        return "," if item.kind is TokenKind.TEXT and not word else None
    if item.text in {",", ";"}:
        return item.text
    return {"\\\\": ";", r"\land": "and", r"\wedge": "and", r"\lor": "or", r"\vee": "or",
            r"\&": "and"}.get(item.text)  # fmt: skip


def _split(items: list[Item]) -> tuple[list[list[Item]], list[str]]:
    parts: list[list[Item]] = [[]]
    separators: list[str] = []
    for item in items:
        separator = _separator(item)
        if separator is None:
            parts[-1].append(item)
        elif parts[-1]:
            parts.append([])
            separators.append(separator)
        elif separators and separator != ",":
            separators[-1] = separator if separators[-1] == "," and separator == "or" else ","
    if not parts[-1]:
        parts.pop()
        del separators[-1:]
    return parts, separators


def _parse_part(items: list[Item], builder: Builder) -> Node:
    while len(items) > 1 and _is_introduction(items[0]) and not _is_relation(items[1]):
        items = items[1:]
    operands: list[list[Item]] = [[]]
    operators: list[str] = []
    for item in items:
        name = words.RELATIONS.get(item.text) if isinstance(item, Token) else None
        if name is None or (isinstance(item, Token) and item.kind is TokenKind.TEXT):
            operands[-1].append(item)
        elif operands[-1] or operators:
            operators.append(name)
            operands.append([])
        elif name not in {"=", "~"}:
            raise ParseError("a relation without its left side")
    if not operators:
        return _parse_operand(operands[0], builder)
    if not operands[-1]:
        raise ParseError("a relation without its right side")
    nodes = [_parse_label(operands[0], builder)]
    nodes += [_parse_operand(operand, builder) for operand in operands[1:]]
    return Relation(tuple(operators), tuple(nodes))


def _is_relation(item: Item) -> bool:
    return isinstance(item, Token) and item.text in words.RELATIONS


def _is_introduction(item: Item) -> bool:
    """Return whether ``item`` only leads up to the answer; "not" or "at least" say more."""
    if not isinstance(item, Token) or item.kind is not TokenKind.TEXT:
        return False
    text = item.text.lower().strip()
    if not text:
        return True
    last = re.findall(r"[a-z']+|[:=]", text)[-1:]
    return words.NEGATIONS.isdisjoint(text.split()) and bool(words.INTRODUCTIONS & {*last})


def _parse_label(items: list[Item], builder: Builder) -> Node:
    try:
        return _parse_operand(items, builder)
    except ParseError:
        tokens = [item for item in items if isinstance(item, Token)]
        if any(x.kind in {TokenKind.WORD, TokenKind.TEXT} and len(x.text) > 1 for x in tokens):
            return Text(" ".join(" ".join(x.text for x in tokens).lower().split()))
        raise


def _parse_operand(items: list[Item], builder: Builder) -> Node:
    items, unit_text = _split_unit(items)
    node = _parse_sets(items, builder)
    if unit_text is not None:
        unit = PERCENT if unit_text == "%" else read_unit(unit_text)
        return node if unit is None else Quantity(node, unit)
    return _degrees(node)


def _degrees(node: Node) -> Node:
    match node:
        case Call(op="degrees", args=(value,)):
            return Quantity(value, DEGREE)
        case Call(op="mul", args=(factor, Call(op="degrees", args=(value,)))):
            return Quantity(call("mul", factor, value), DEGREE)
    return node


def _split_unit(items: list[Item]) -> tuple[list[Item], str | None]:
    """Return the items without the unit at their end or the currency before them, and its text."""
    first = items[0] if items else None
    if isinstance(first, Token) and len(items) > 1:
        sign = first.text.lstrip("\\")
        if sign in CURRENCY_SIGNS or (
            first.kind is TokenKind.WORD and sign in {"USD", "Rs", "EUR"}
        ):
            rest, trailing = _split_unit(items[1:])
            return rest, sign if trailing is None or trailing == sign else f"{sign} {trailing}"
    end = len(items)
    while len(items) - end < MAX_UNIT_WORDS and end > 1 and (width := _unit_width(items, end)):
        end -= width
    if end == len(items) or end == 0:
        return items, None
    tail = [_spell(item) for item in items[end:]]
    if tail[0] in {"%", r"\%"}:
        # What follows a percent sign says of what: "20 % increase".
        earlier = any(isinstance(x, Token) and x.text in {"%", r"\%"} for x in items[:end])
        return (items, None) if earlier else (items[:end], "%")
    unit = " ".join(tail).replace(r"\%", "%").replace(r"\cdot", " ")
    if not words.QUALIFIERS.isdisjoint(unit.lower().split()):
        raise ParseError(f"more than a unit: {unit[:40]!r}")
    return items[:end], unit


def _spell(item: Item) -> str:
    if isinstance(item, Group):
        return render(item.node)
    return item.text.strip()


def _unit_width(items: list[Item], end: int) -> int:
    """Return how many of the items before ``end`` belong to a unit: 0, 1 or 2."""
    item = items[end - 1]
    if isinstance(item, Token):
        if item.kind is TokenKind.TEXT:
            known = known_unit(item.text.strip()) is not None
            return int((known or not words.is_symbolic(item.text)) and bool(item.text.strip()))
        if item.kind is TokenKind.WORD:
            return int(_is_unit_word(items, end - 1))
        if item.text in {"%", r"\%", *CURRENCY_SIGNS, r"\$"}:
            return 1
        if item.text in {"/", r"\cdot"} and end < len(items):
            return int(end > 2 and _unit_width(items, end - 1) > 0)
    power = isinstance(item, Group) or item.kind is TokenKind.NUMBER
    if power and end > 3 and _spell(items[end - 2]) == "^" and _spell(item).lstrip("-").isdecimal():
        below = items[end - 3]
        unit = isinstance(below, Token) and below.kind in {TokenKind.TEXT, TokenKind.WORD}
        return 2 if unit and _unit_width(items, end - 2) else 0
    return 0


def _is_unit_word(items: list[Item], at: int) -> bool:
    item, before = items[at], items[at - 1]
    if not isinstance(item, Token) or item.text in words.FUNCTIONS | words.CONSTANTS.keys():
        return False
    letters = any(isinstance(x, Token) and x.kind is TokenKind.WORD and len(x.text) == 1
                  for x in items[:at])  # fmt: skip
    if known_unit(item.text) is not None:
        if is_ambiguous(item.text):
            after_slash = isinstance(before, Token) and before.text == "/" and at > 1
            return (item.spaced and not letters) or after_slash
        return not letters or len(item.text) > 2
    plain = item.spaced and len(item.text) > 2 and item.text not in words.GREEK
    command = isinstance(before, Token) and before.kind is TokenKind.COMMAND
    return plain and not (letters or command or item.text.isupper())


def _parse_sets(items: list[Item], builder: Builder) -> Node:
    operands: list[list[Item]] = [[]]
    names: list[str] = []
    for at, item in enumerate(items):
        name = words.SET_OPERATORS.get(item.text) if isinstance(item, Token) else None
        if name is None and isinstance(item, Token) and item.text in _UNION_LETTERS:
            beside = items[at - 1 : at] + items[at + 1 : at + 2]
            name = "union" if len(beside) == 2 and all(map(_is_range, beside)) else None
        if name is None:
            operands[-1].append(item)
        else:
            names.append(name)
            operands.append([])
    nodes = [_parse_ratio(operand, builder) for operand in operands]
    node = nodes[0]
    for name, right in zip(names, nodes[1:], strict=True):
        node = call(name, node, right)
    return node


def _is_range(item: Item) -> bool:
    return isinstance(item, Group) and item.opening in {"(", "[", r"\{"}


def _parse_ratio(items: list[Item], builder: Builder) -> Node:
    operands: list[list[Item]] = [[]]
    for item in items:
        if isinstance(item, Token) and item.text in {":", r"\colon"}:
            operands.append([])
        else:
            operands[-1].append(item)
    nodes = [ExpressionParser(operand, builder).parse() for operand in operands]
    if len(nodes) == 1:
        return nodes[0]
    minutes = operands[-1][0]
    clock = isinstance(minutes, Token) and len(minutes.text) == 2 and minutes.text[0] in "012345"
    return Ratio(tuple(nodes), clock)
