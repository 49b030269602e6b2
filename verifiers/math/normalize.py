r"""Bring the notations of an answer down to one: Unicode to LaTeX, spacing and sizing removed.

Everything here is one pass of a table or of a regular expression without nested repetition, so the
time is linear in the text.
"""

import re

from llmenvs.verifiers.math.unicode_math import to_ascii

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_KNOWN = (
    "frac|dfrac|tfrac|cfrac|sqrt|boxed|fbox|text|mathrm|left|right|pi|infty|cup|cap|times|cdot|le|"
    "leq|ge|geq|ne|neq|lt|gt|pm|circ|sin|cos|tan|ln|log|begin|end|quad|theta|alpha|beta|binom|in|%"
)
_DOUBLED = re.compile(rf"(?<!\\)\\\\(?=(?:{_KNOWN})(?![A-Za-z]))")
_SIZING = re.compile(
    r"\\(?:left|right|bigl|bigr|Bigl|Bigr|biggl|biggr|Biggl|Biggr|big|Big|bigg|Bigg|displaystyle|"
    r"textstyle|scriptstyle|limits|nolimits|middle|mathopen|mathclose|phantom\{\})(?![A-Za-z])"
    r"\s*(?:\.(?![\dA-Za-z]))?"
)
_GROUPING = re.compile(r"(?<=\d)\s?(?:\{\s?,\s?\}|,\\!|\\[,;:!]|,\\[,;:])\s*(?=\d{3}(?!\d))")
_COMMA = re.compile(r"\{\s?,\s?\}")
_SPACES = re.compile(
    r"(?<!\\)\\[,;:\s]|~|"
    r"\\(?:quad|qquad|enspace|thinspace|medspace|hfill|hspace\{[^{}]*\})(?![A-Za-z])"
)
_WRAPPERS = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|mathit|mathsf|mathtt|mathcal|ensuremath|vec|mathbin|mathord|"
    r"overrightarrow|widehat|hat|bar|tilde|underline|pmb|bold|mathop|mathstrut|emph)(?![A-Za-z])"
)
_LETTERS = re.compile(r"\\(?:mathbb|mathds|Bbb)\s*\{?\s*([RZNQC])\s*\}?")
_SETS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complexes"}
_TEXTLIKE = re.compile(r"\\(?:textbf|textit|textrm|textsf|texttt|textnormal|mbox|hbox|operatorname"
                       r"|mathrm|rm|textsc|textup)\*?(?=\s*\{)")  # fmt: skip
_NAMED_FUNCTION = re.compile(
    r"\\text\s*\{\s*(lcm|gcd|sin|cos|tan|cot|csc|ln|log|arcsin|arccos|arctan|sinh|cosh|tanh)\s*\}"
)
_UNIT_FRACTION = re.compile(
    r"\\[dt]?frac\s*\{\s*\\text\s*\{\s*(\w+)\s*\}\s*\}\s*\{\s*\\text\s*\{\s*(\w+)\s*\}"
    r"\s*(\^\s*\d|\^\s*\{\d\})?\s*\}"
)
_CURRENCY = re.compile(r"\\(pounds|euro|yen)(?![A-Za-z])\s*")
_SIGNS = {"pounds": "£", "euro": "€", "yen": "¥"}
_TEXT_DEGREE = re.compile(r"\\text\s*\{\s*(\^\{\\circ\}\s*[CF]?)\s*\}")
_TEMPERATURE = re.compile(
    r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)\s*(?:\\text\s*\{\s*([CF])\s*\}|([CF])\b)"
)
_MODULUS = re.compile(r"\\pmod\s*(?:\{[^{}]*\}|\d)|\\bmod\s*\d+|\(\\mod\s*\d+\)|\(mod\s*\d+\)")
_ORDINAL = re.compile(
    r"\^\s*\{?\s*\\text\s*\{\s*(?:th|st|nd|rd)\s*\}\s*\}?|(?<=\d)(?:th|st|nd|rd)\b"
)
_LETTER_TIMES = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)|(?<=\d)\s[xX]\s(?=\d)")
GLUED_WORD = re.compile(r"(?<=[\d)\]}])(and|or)(?=[A-Z(\\\d\[])")
_HAS_COMMAND = re.compile(r"[\\~{]")


def _temperature(match: re.Match[str]) -> str:
    scale = match.group(1) or match.group(2)
    return rf"\text{{ {'celsius' if scale == 'C' else 'fahrenheit'} }}"


def normalize(text: str) -> str:
    r"""Return an answer in the one notation that the lexer reads.

    >>> normalize(r"\left( 12\,345 \right)")
    '( 12345 )'
    """
    text = to_ascii(text)
    if _CONTROL.search(text):
        text = _CONTROL.sub("", text)
    text = _ORDINAL.sub("", text)
    if "x" in text or "X" in text:
        text = _LETTER_TIMES.sub(r" \\times ", text)
    text = text.replace("per cent", "percent")
    text = GLUED_WORD.sub(r" \1 ", text)
    if not _HAS_COMMAND.search(text):
        return text
    if r"\\" in text:
        text = _DOUBLED.sub(r"\\", text)
    text = _GROUPING.sub("", text)
    text = _COMMA.sub(",", text).replace(r"\!", "")
    text = _SIZING.sub("", text)
    text = _LETTERS.sub(lambda m: f"\\{_SETS[m.group(1)]} ", text)
    text = _TEXTLIKE.sub(r"\\text", text)
    text = _WRAPPERS.sub("", text)
    text = _NAMED_FUNCTION.sub(r"\\\1 ", text)
    text = _UNIT_FRACTION.sub(r"\\text{ \1/\2}\3", text)
    text = _CURRENCY.sub(lambda m: _SIGNS[m.group(1)], text)
    text = _MODULUS.sub("", text)
    text = _TEXT_DEGREE.sub(r"\1", text)
    text = _TEMPERATURE.sub(_temperature, text)
    return _SPACES.sub(" ", text)
