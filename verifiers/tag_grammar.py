"""Grammars of tagged blocks, such as ``<think> <answer>``: declare one, and match a text with it.

A declaration is a regular expression over blocks:

- ``<answer>``: one block ``<answer>…</answer>``; its text may not be blank, and may hold no tag of
  the grammar. ``<answer empty>`` may be blank. What ``<information raw>`` holds is not read at all
  but for its first closing tag: for text that somebody else wrote, which may spell tags.
- ``text``: text outside of all blocks. Where the declaration has none, only white space may stand
  there.
- One after the other, ``|`` for either, ``( )`` for a group, and ``?``, ``*`` and ``+`` after a
  block or a group for at most one, any number, and at least one.

A declaration becomes a Glushkov automaton (V. M. Glushkov, 1961), which reads each block once and
never goes back: a flood of tags takes time linear in its length.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TEXT = "text"
"""The symbol of text outside of all blocks. No tag can be called so."""

MAX_DECLARATION_CHARS = 10_000


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was read.

    Attributes:
        tag: its name, or `TEXT` for text outside of the blocks.
        body: what stands between its tags.
        start: where it begins, in characters from the start of the text.
    """

    tag: str
    body: str
    start: int


@dataclass(frozen=True, slots=True)
class Match:
    """How far a text follows a grammar.

    Attributes:
        blocks: those read before the fault, in order.
        fault: what is wrong first, on one line; "" if nothing is.
    """

    blocks: tuple[Block, ...]
    fault: str


@dataclass(frozen=True, slots=True)
class TagGrammar:
    """A grammar, compiled; make one with `compile_grammar`.

    Attributes:
        declaration: as it was given.
        symbols: the tag, or `TEXT`, of each position of the automaton.
        follow: the positions that can come after each position; after -1, those that begin.
        accepting: the positions after which a text may end; -1 where it may be empty.
        empty: the tags whose block may be blank.
        raw: the tags whose block is not read.
        tag_pattern: an opening or closing tag of the grammar.
    """

    declaration: str
    symbols: tuple[str, ...]
    follow: Mapping[int, frozenset[int]]
    accepting: frozenset[int]
    empty: frozenset[str]
    raw: frozenset[str]
    tag_pattern: re.Pattern[str]

    def match(self, text: str, *, strict: bool = True) -> Match:
        """Return the blocks of ``text`` and its first fault.

        Args:
            text: any.
            strict: whether text outside of the blocks is a fault where the grammar has no ``text``.

        >>> compile_grammar("<think> <answer>").match("<think>a</think>b").fault
        "text 'b' outside of the blocks at character 16"
        """
        reader = _Reader(self, text, strict=strict)
        try:
            reader.read()
        except _Fault as fault:
            return Match(tuple(reader.blocks), str(fault))
        return Match(tuple(reader.blocks), "")

    def after(self, positions: frozenset[int]) -> frozenset[int]:
        """Return the positions that can come next."""
        return frozenset().union(*(self.follow[position] for position in positions))


class _Fault(Exception):
    """What is wrong with a text."""


class _Reader:
    """One pass over a text; mutable."""

    def __init__(self, grammar: TagGrammar, text: str, *, strict: bool) -> None:
        self.grammar = grammar
        self.text = text
        self.free_text = TEXT in grammar.symbols
        self.refuses_text = strict and not self.free_text
        self.blocks: list[Block] = []
        self.positions = frozenset({-1})
        self.before = "at the start"

    def read(self) -> None:
        end = 0
        tags = self.grammar.tag_pattern.finditer(self.text)
        for tag in tags:
            self._outside(end, tag.start())
            name = tag["name"]
            if tag["slash"]:
                raise _Fault(f"</{name}> without <{name}> at character {tag.start()}")
            self._step(name, tag.start())
            closing = self._closing(tag, tags)
            body = self.text[tag.end() : closing.start()]
            if name not in self.grammar.empty and is_blank(body):
                raise _Fault(f"<{name}> at character {tag.start()} is empty")
            self.blocks.append(Block(name, body, tag.start()))
            self.before = f"after </{name}>"
            end = closing.end()
        self._outside(end, len(self.text))
        if not self.positions & self.grammar.accepting:
            raise _Fault(f"the text ends {self.before}, where {self._wanted()} must follow")

    def _closing(self, tag: re.Match[str], tags: Iterator[re.Match[str]]) -> re.Match[str]:
        name = tag["name"]
        for closing in tags:
            if closing["name"] == name and closing["slash"]:
                return closing
            if name not in self.grammar.raw:
                inner = closing.group()
                raise _Fault(f"{inner} within <{name}> at character {closing.start()}")
        raise _Fault(f"<{name}> at character {tag.start()} is never closed")

    def _outside(self, start: int, end: int) -> None:
        between = self.text[start:end]
        if not between or between.isspace():
            return
        if self.refuses_text:
            at = start + len(between) - len(between.lstrip())
            shown = between.strip()[:40]
            raise _Fault(f"text {shown!r} outside of the blocks at character {at}")
        if self.free_text:
            self._step(TEXT, start)
            self.blocks.append(Block(TEXT, between, start))
            self.before = "after text"

    def _step(self, symbol: str, at: int) -> None:
        following = self.grammar.after(self.positions)
        fitting = frozenset(p for p in following if self.grammar.symbols[p] == symbol)
        if not fitting:
            raise _Fault(
                f"{_spelled(symbol)} {self.before}, at character {at}, where {self._wanted()} "
                "must follow"
            )
        self.positions = fitting

    def _wanted(self) -> str:
        following = sorted(self.grammar.after(self.positions))
        wanted = list(dict.fromkeys(_spelled(self.grammar.symbols[p]) for p in following))
        if self.positions & self.grammar.accepting:
            wanted.append("the end")
        return " or ".join(wanted)


def is_blank(text: str) -> bool:
    r"""Return whether ``text`` has nothing to see: white space, controls and zero-width marks.

    >>> is_blank(" \u200b\n"), is_blank(".")
    (True, False)
    """
    if text.isascii():
        return not text.strip() or all(ch.isspace() or not ch.isprintable() for ch in text)
    return all(ch.isspace() or _is_invisible(ch) for ch in text)


def _is_invisible(char: str) -> bool:
    category = unicodedata.category(char)
    return category in ("Cc", "Cf", "Cs", "Cn") or char in _INVISIBLE_LETTERS


_INVISIBLE_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Fillers and joiners that are letters, marks or symbols by category, and blank on paper."""


def _spelled(symbol: str) -> str:
    return TEXT if symbol == TEXT else f"<{symbol}>"


_TOKEN = re.compile(
    r"\s*(?:<(?P<tag>[A-Za-z_][\w:.-]*)(?P<flags>(?:\s+(?:empty|raw))*)\s*>|(?P<text>text\b)"
    r"|(?P<operator>[()|?*+]))"
)


def compile_grammar(declaration: str) -> TagGrammar:
    """Return the grammar of a declaration, as the module describes it.

    Raises:
        ValueError: it is empty, or no declaration; the message says where.

    >>> compile_grammar("<plan>? <code>+").match("<code>1</code><code>2</code>").fault
    ''
    """
    if not isinstance(declaration, str) or not declaration.strip():
        raise ValueError(
            f"a grammar must be a text such as '<think> <answer>', got {declaration!r}"
        )
    if len(declaration) > MAX_DECLARATION_CHARS:
        raise ValueError(f"a grammar must have at most {MAX_DECLARATION_CHARS} characters")
    parser = _Parser(declaration)
    whole = parser.parse()
    tags = {symbol for symbol in parser.symbols if symbol != TEXT}
    names = "|".join(re.escape(tag) for tag in sorted(tags, key=len, reverse=True))
    follow = {position: frozenset(after) for position, after in parser.follow.items()}
    return TagGrammar(
        declaration,
        tuple(parser.symbols),
        {-1: whole.first, **follow},
        whole.last | ({-1} if whole.nullable else frozenset()),
        frozenset(tag for tag in tags if "empty" in parser.flags[tag]),
        frozenset(tag for tag in tags if "raw" in parser.flags[tag]),
        # A pattern that matches nothing, where there is no tag at all.
        re.compile(rf"<(?P<slash>/?)(?P<name>{names or '(?!)'})>"),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What Glushkov's construction needs to know of a part of a declaration."""

    nullable: bool
    first: frozenset[int]
    last: frozenset[int]


_NOTHING = _Part(nullable=True, first=frozenset(), last=frozenset())


class _Parser:
    """A recursive-descent parser that builds the automaton as it reads; mutable."""

    def __init__(self, declaration: str) -> None:
        self.declaration = declaration
        self.at = 0
        self.depth = 0
        self.symbols: list[str] = []
        self.follow: dict[int, set[int]] = {}
        self.flags: dict[str, frozenset[str]] = {}

    def parse(self) -> _Part:
        whole = self._either()
        if self.declaration[self.at :].strip():
            raise self._fault("unexpected")
        return whole

    def _either(self) -> _Part:
        part = self._sequence()
        while self._takes("|"):
            other = self._sequence()
            part = _Part(
                nullable=part.nullable or other.nullable,
                first=part.first | other.first,
                last=part.last | other.last,
            )
        return part

    def _sequence(self) -> _Part:
        part, empty = _NOTHING, True
        while (token := self._peek()) is not None and token["operator"] not in ("|", ")"):
            part, empty = self._joined(part, self._repeated()), False
        if empty:
            raise self._fault("a block must stand")
        return part

    def _joined(self, left: _Part, right: _Part) -> _Part:
        for position in left.last:
            self.follow[position] |= right.first
        return _Part(
            nullable=left.nullable and right.nullable,
            first=left.first | right.first if left.nullable else left.first,
            last=left.last | right.last if right.nullable else right.last,
        )

    def _repeated(self) -> _Part:
        part = self._single()
        while (token := self._peek()) is not None and token["operator"] in ("?", "*", "+"):
            self.at = token.end()
            if token["operator"] != "?":
                self._joined(part, part)
            optional = part.nullable or token["operator"] != "+"
            part = _Part(nullable=optional, first=part.first, last=part.last)
        return part

    def _single(self) -> _Part:
        token = self._peek()
        if token is None or token["operator"] not in (None, "("):
            raise self._fault("a block must stand")
        self.at = token.end()
        if token["operator"] is None:
            return self._block(token)
        self.depth += 1
        if self.depth > 50:
            raise self._fault("groups within groups, too many,")
        part = self._either()
        if not self._takes(")"):
            raise self._fault("a ) must stand")
        self.depth -= 1
        return part

    def _block(self, token: re.Match[str]) -> _Part:
        symbol = token["tag"] or TEXT
        flags = frozenset((token["flags"] or "").split())
        if token["tag"] == TEXT:
            raise ValueError(f"a tag of a grammar cannot be called {TEXT!r}")
        if self.flags.setdefault(symbol, flags) != flags:
            raise ValueError(
                f"<{symbol}> must have the same words everywhere in a grammar, got "
                f"{sorted(self.flags[symbol])} and {sorted(flags)}"
            )
        position = len(self.symbols)
        self.symbols.append(symbol)
        self.follow[position] = set()
        here = frozenset({position})
        return _Part(nullable=False, first=here, last=here)

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self.declaration, self.at)

    def _takes(self, operator: str) -> bool:
        token = self._peek()
        if token is None or token["operator"] != operator:
            return False
        self.at = token.end()
        return True

    def _fault(self, what: str) -> ValueError:
        rest = self.declaration[self.at :].strip()
        where = repr(rest[:30]) if rest else "the end"
        return ValueError(f"grammar {self.declaration!r}: {what} at {where}")
