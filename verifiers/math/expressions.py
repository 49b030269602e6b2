r"""Parse the inside of one bracket: sums, products, powers, functions and what they stand on.

Brackets are reduced beforehand (see `brackets`), so an item is a token or a finished group, and
Python's stack does not grow with the nesting of the input.
"""

from collections.abc import Sequence as Items

from llmenvs.verifiers.math import functions
from llmenvs.verifiers.math import vocabulary as words
from llmenvs.verifiers.math.builder import Builder
from llmenvs.verifiers.math.items import Group, Item, ParseError
from llmenvs.verifiers.math.lexer import Token, TokenKind, tokenize
from llmenvs.verifiers.math.limits import MAX_DEPTH
from llmenvs.verifiers.math.literals import in_base, read_number, repeating
from llmenvs.verifiers.math.nodes import (
    Constant,
    Matrix,
    Node,
    Number,
    Sequence,
    Symbol,
    call,
    integer,
    render,
)


class ExpressionParser:
    """A cursor over the items of one bracket."""

    def __init__(self, items: Items[Item], builder: Builder) -> None:
        self.items = list(items)
        self.build = builder
        self.at = 0
        self.bars = 0
        self.depth = 0

    def parse(self) -> Node:
        """Return the expression that all the items make.

        Raises:
            ParseError: they make none.
        """
        node = self.additive()
        if self.at < len(self.items):
            raise ParseError(f"unexpected {_show(self.items[self.at])}")
        return node

    # Looking at the items

    def peek(self) -> Item | None:
        """Return the next item."""
        return self.items[self.at] if self.at < len(self.items) else None

    def peek_text(self) -> str:
        """Return the text of the next item if it is a sign, command or word, else ''."""
        item = self.peek()
        return item.text if isinstance(item, Token) and item.kind in _NAMED else ""

    def take(self, *texts: str) -> bool:
        """Step over the next item if it is one of ``texts``."""
        if self.peek_text() in texts:
            self.at += 1
            return True
        return False

    def descend(self) -> None:
        """Count one more Python frame.

        Raises:
            ParseError: there are too many.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError("too many nested prefixes")

    # Sums and products

    def additive(self) -> Node:
        """Read a sum."""
        self.descend()
        terms: list[Node] = []
        while True:
            text = self.peek_text()
            sign = words.ADDITIVE.get(text)
            if sign is None and terms:
                break
            if sign is not None:
                self.at += 1
            term = self.multiplicative()
            if sign == "-":
                term = self.build.negate(term)
            elif sign in {"pm", "mp"}:
                term = call(sign, term)
            terms.append(term)
        self.depth -= 1
        return self.build.add(terms)

    def multiplicative(self) -> Node:
        """Read a product, with or without signs between its factors."""
        factors = [self.signed()]
        product: Node | None = None
        while True:
            text = self.peek_text()
            if text in words.TIMES:
                self.at += 1
                factors.append(self.signed())
            elif text in words.DIVIDE:
                self.at += 1
                top = self.build.multiply(factors)
                product = self.build.divide(top, self.signed())
                factors = [product]
            elif self.starts_factor():
                factors.append(self.power())
            else:
                return self.build.multiply(factors)

    def starts_factor(self) -> bool:
        """Return whether the next item can be multiplied by standing next to another."""
        item = self.peek()
        if isinstance(item, Group):
            return True
        if item is None:
            return False
        if item.kind is TokenKind.SIGN:
            return item.text == "|" and self.bars == 0
        if item.kind is TokenKind.COMMAND:
            return item.text not in words.OPERATORS
        return item.kind in {TokenKind.NUMBER, TokenKind.WORD} or (
            item.kind is TokenKind.TEXT and words.is_symbolic(item.text)
        )

    def signed(self) -> Node:
        """Read a factor with any number of signs before it."""
        negative = False
        while self.peek_text() in {"-", "+"}:
            negative ^= self.peek_text() == "-"
            self.at += 1
        node = self.power()
        return self.build.negate(node) if negative else node

    def power(self) -> Node:
        """Read a factor with its exponent, factorial signs and degree signs."""
        node = self.postfix(self.primary())
        if self.take("^", "**"):
            self.descend()
            exponent = self.exponent()
            self.depth -= 1
            if exponent == Constant("circ"):
                return self.postfix(call("degrees", node))
            if isinstance(exponent, Symbol) and exponent.name in {"T", "top"}:
                node = _transpose(node) if isinstance(node, Matrix) else call("transpose", node)
            else:
                node = self.build.power(node, exponent)
            node = self.postfix(node)
        return node

    def exponent(self) -> Node:
        """Read what stands after ``^``."""
        return self.signed()

    def postfix(self, node: Node) -> Node:
        """Read the signs that follow a factor."""
        while (text := self.peek_text()) in _POSTFIX:
            self.at += 1
            if text == "!":
                node = self.build.factorial(node)
            elif text == r"\degree":
                node = call("degrees", node)
            else:
                node = self.build.divide(node, integer(100))
        return node

    # What stands on its own

    def primary(self) -> Node:
        """Read a number, a name, a bracket, or a function with its argument."""
        item = self.peek()
        if item is None:
            raise ParseError("something is missing at the end")
        self.at += 1
        if isinstance(item, Group):
            return item.node
        match item.kind:
            case TokenKind.NUMBER:
                return self.number(item)
            case TokenKind.WORD:
                return self.word(item)
            case TokenKind.COMMAND:
                return self.command(item.text)
            case TokenKind.TEXT if words.is_symbolic(item.text):
                return ExpressionParser(tokenize(item.text), self.build).parse()
            case TokenKind.SIGN if item.text == "|":
                return self.absolute()
        raise ParseError(f"unexpected {item.text[:40]!r}")

    def number(self, item: Token) -> Node:
        """Read a number with its base, its repeating digits or the fraction of a mixed number."""
        following = self.peek_text()
        decimal = "." in item.text and item.text.replace(".", "").isdecimal()
        if following in {r"\overline", r"\bar", r"\dot"} and decimal:
            return self.repeating(item.text)
        if following in {"...", r"\ldots", r"\dots", r"\cdots"} and decimal:
            self.at += 1
            return _continued(item.text)
        if following == "_":
            return self.based(item.text)
        period = _period(self.peek()) if decimal else ""
        if period:  # 0.1(6), as it is written in Europe
            self.at += 1
            return repeating(item.text, period)
        value = read_number(item.text)
        if isinstance(value, Number) and value.value.denominator == 1 and not value.digits:
            return self.mixed(value)
        return value

    def repeating(self, prefix: str) -> Node:
        """Read the digits under a bar, or under dots."""
        period = ""
        while self.take(r"\overline", r"\bar", r"\dot"):
            digits = self.digits_of_argument()
            period += digits
        if not period.isdecimal():
            raise ParseError("a bar over something that is not digits")
        return repeating(prefix, period)

    def digits_of_argument(self) -> str:
        """Return the digits in the next group or token."""
        item = self.peek()
        self.at += 1
        if isinstance(item, Token):
            return item.text
        return item.raw if isinstance(item, Group) else ""

    def based(self, digits: str) -> Node:
        """Read a number whose base follows as a subscript."""
        self.at += 1
        base = words.BASES.get(self.subscript().strip('"').lower())
        value = in_base(digits, base) if base else None
        if value is None:
            raise ParseError("a subscript that is no base")
        return value

    def mixed(self, whole: Number) -> Node:
        """Read ``3/4`` after a whole number, as in ``2 3/4``; an improper fraction is a factor."""
        rest = [x for x in self.items[self.at : self.at + 3] if isinstance(x, Token)]
        if self.peek_text() in words.FRACTIONS:
            start = self.at
            self.at += 1
            top, bottom = self.argument(), self.argument()
        elif [x.text.isdecimal() or x.text for x in rest] == [True, "/", True]:
            start = self.at
            self.at += 3
            top, bottom = read_number(rest[0].text), read_number(rest[2].text)
        else:
            return whole
        if isinstance(top, Number) and isinstance(bottom, Number):
            p, q = top.value, bottom.value
            if 0 < p < q and p.denominator == q.denominator == 1:
                return Number(whole.value + p / q)
        self.at = start
        return whole

    def argument(self) -> Node:
        r"""Read one argument of a command: a group, one digit (``\frac12``), or one name."""
        item = self.peek()
        if isinstance(item, Token) and item.kind is TokenKind.NUMBER and len(item.text) > 1:
            self.items[self.at] = Token(TokenKind.NUMBER, item.text[1:], spaced=False)
            return read_number(item.text[0]) if item.text[0].isdecimal() else self.primary()
        if isinstance(item, Token) and item.kind is TokenKind.WORD and len(item.text) > 1:
            self.items[self.at] = Token(TokenKind.WORD, item.text[1:], spaced=False)
            return words.letter(item.text[0])
        self.descend()
        node = self.primary()
        self.depth -= 1
        return node

    def word(self, item: Token) -> Node:
        """Read a run of letters: a function, a named constant, or a product of variables."""
        text = item.text
        if text in words.FUNCTIONS:
            return self.function(text)
        if text in words.CONSTANTS:
            return words.CONSTANTS[text]
        if text in words.GREEK:
            return self.named(words.GREEK[text])
        if len(text) > (words.MAX_CAPITALS if text.isupper() else words.MAX_PRODUCT_LETTERS):
            raise ParseError(f"a word: {text[:40]!r}")
        if len(text) > 1:
            self.at -= 1
            self.items[self.at] = Token(TokenKind.WORD, text[1:], spaced=False)
            return words.letter(text[0])
        return self.named(text)

    def named(self, name: str) -> Node:
        """Read the primes, subscript and arguments that follow a variable's name."""
        subscript = ""
        while True:
            if self.take("'"):
                name += "'"
            elif self.take("_"):
                subscript = self.subscript()
            elif self.peek_text() == "^" and self.is_prime(self.at + 1):
                self.at += 2
                name += "'"
            else:
                break
        if subscript:
            return self.applied(Symbol(f"{name}_{subscript}"))
        return self.applied(words.letter(name))

    def is_prime(self, at: int) -> bool:
        """Return whether a prime stands at ``at``."""
        item = self.items[at] if at < len(self.items) else None
        return (isinstance(item, Token) and item.text == r"\prime") or (
            isinstance(item, Group) and item.node == Symbol("prime")
        )

    def applied(self, symbol: Node) -> Node:
        """Read the arguments of an unknown function such as ``f`` or ``P``."""
        item = self.peek()
        if (
            isinstance(item, Group)
            and item.opening == "("
            and isinstance(symbol, Symbol)
            and symbol.name.rstrip("'").partition("_")[0] in words.APPLIED
        ):
            self.at += 1
            args = item.node.items if isinstance(item.node, Sequence) else (item.node,)
            return call("apply", symbol, *args)
        return symbol

    def subscript(self) -> str:
        """Return what stands after ``_`` as text."""
        item = self.peek()
        if item is None:
            raise ParseError("an empty subscript")
        self.at += 1
        if isinstance(item, Group):
            return item.raw or render(item.node).replace(" ", "")
        return item.text.strip().lstrip("\\")

    def absolute(self) -> Node:
        """Read what stands between two bars."""
        self.descend()
        self.bars += 1
        inner = self.additive()
        self.bars -= 1
        self.depth -= 1
        if not self.take("|"):
            raise ParseError("an unmatched bar")
        if isinstance(inner, Matrix):
            return self.build.determinant(inner)
        if isinstance(inner, Number):
            return Number(abs(inner.value), inner.digits, inner.exponent)
        return call("abs", inner)

    def command(self, name: str) -> Node:
        """Read a command; `functions` knows the longer ones."""
        return functions.read_command(self, name)

    def function(self, name: str) -> Node:
        """Read a function with its argument."""
        return functions.read_function(self, name)


_POSTFIX = frozenset({"!", "%", r"\%", r"\degree"})
_NAMED = frozenset({TokenKind.SIGN, TokenKind.COMMAND, TokenKind.WORD})


def _period(item: Item | None) -> str:
    """Return the digits in a bracket that follows a decimal without a space."""
    if not isinstance(item, Group) or item.spaced or item.opening != "(":
        return ""
    return item.raw if item.raw.isdecimal() else ""


def _show(item: Item) -> str:
    return repr(item.text[:40]) if isinstance(item, Token) else f"{item.opening!r}"


def _transpose(matrix: Matrix) -> Matrix:
    return Matrix(tuple(zip(*matrix.rows, strict=True)))


def _continued(text: str) -> Node:
    """Read a decimal that goes on: by repetition if its digits show one, else as cut off."""
    decimals = text.partition(".")[2]
    for length in (1, 2, 3, 4, 5, 6):
        period = decimals[-length:]
        repeats = max(2, 3 if length == 1 else 2)
        if len(decimals) >= repeats * length and decimals.endswith(period * repeats):
            return repeating(text[: len(text) - length * repeats], period)
    number = read_number(text)
    if isinstance(number, Number):
        return Number(number.value, number.digits, number.exponent, truncated=True)
    return number
