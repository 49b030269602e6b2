r"""Bring the notations of an answer down to one: Unicode to LaTeX, spacing and sizing removed.

Everything here is one pass of a table or of a regular expression without nested repetition, so the
time is linear in the text.
"""

import re
import unicodedata

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5),
    "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8),
    "⅞": (7, 8), "⅐": (1, 7), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_GREEK = (
    "α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu "
    "ν nu ξ xi π pi ρ rho σ sigma τ tau φ phi ϕ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta "
    "Λ Lambda Ξ Xi Π Pi Σ Sigma Φ Phi Ψ Psi Ω Omega µ mu ϵ epsilon"
).split()
_COMMANDS = (
    "× times ⋅ cdot · cdot ∙ cdot ÷ div √ surd ∞ infty ≤ le ≥ ge ⩽ le ⩾ ge ≠ ne ≈ approx ± pm "
    "∓ mp ∪ cup ∩ cap ∈ in ∅ emptyset ∖ setminus → to ∑ sum ∏ prod ∫ int ≡ equiv ∀ forall "
    "∃ exists ⟨ langle ⟩ rangle ⌊ lfloor ⌋ rfloor ⌈ lceil ⌉ rceil ∠ angle △ triangle … ldots "
    "⋯ ldots ℝ reals ℤ integers ℕ naturals ℚ rationals ℂ complexes ∧ land ∨ lor ∣ mid ∛ cuberoot"
).split()
_PLAIN = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "∕": "/", "⁄": "/", "∗": "*",
    "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"', "，": ", ", "、": ", ", "；": "; ", "：": ":",
    "。": ". ", "∶": ":", "٫": ".", "％": "%", "°": r"^{\circ}", "º": r"^{\circ}", "ı": "i",
    "℃": r"\text{ celsius}", "℉": r"\text{ fahrenheit}", "¢": r"\text{ cents}",
}  # fmt: skip


def _table() -> dict[int, str]:
    table = {ord(char): text for char, text in _PLAIN.items()}
    for names in (_GREEK, _COMMANDS):
        pairs = zip(names[::2], names[1::2], strict=True)
        table.update({ord(char): f"\\{name} " for char, name in pairs})
    table.update({ord(c): f"\\frac{{{p}}}{{{q}}}" for c, (p, q) in _VULGAR.items()})
    for code in (0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x200E, 0x200F, 0x2061, 0x2062):
        table[code] = ""
    for code in (0x00A0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000):
        table[code] = " "
    return table


_TABLE = _table()
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_LOWERED = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def _ascii_char(match: re.Match[str]) -> str:
    char = match.group()
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    if "\uff01" <= char <= "\uff5e":  # full-width ASCII
        return chr(ord(char) - 0xFEE0)
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 and plain.isascii() else char


def to_ascii(text: str) -> str:
    r"""Return ``text`` with Unicode digits, signs and letters of mathematics as ASCII or LaTeX.

    >>> to_ascii("−５²"), to_ascii("½π")
    ('-5^{2}', '\\frac{1}{2}\\pi ')
    """
    if text.isascii():
        return text
    text = _RAISED.sub(lambda m: f"^{{{''.join(_SUPERSCRIPTS[c] for c in m.group())}}}", text)
    text = _LOWERED.sub(lambda m: f"_{{{''.join(_SUBSCRIPTS[c] for c in m.group())}}}", text)
    return _FOREIGN.sub(_ascii_char, text.translate(_TABLE))


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
_SPACES = re.compile(r"(?<!\\)\\[,;:\s]|~|\\(?:quad|qquad|enspace|thinspace|medspace|hfill|hspace\{[^{}]*\})"
                     r"(?![A-Za-z])")  # fmt: skip
_WRAPPERS = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|mathit|mathsf|mathtt|mathcal|ensuremath|vec|mathbin|mathord|"
    r"overrightarrow|widehat|hat|bar|tilde|underline|pmb|bold|mathop|mathstrut|emph)(?![A-Za-z])"
)
_LETTERS = re.compile(r"\\(?:mathbb|mathds|Bbb)\s*\{?\s*([RZNQC])\s*\}?")
_SETS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complexes"}
_TEXTLIKE = re.compile(r"\\(?:textbf|textit|textrm|textsf|texttt|textnormal|mbox|hbox|operatorname"
                       r"|mathrm|rm|textsc|textup)\*?(?=\s*\{)")  # fmt: skip
_TEMPERATURE = re.compile(
    r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)\s*(?:\\text\s*\{\s*([CF])\s*\}|([CF])\b)"
)
_MODULUS = re.compile(r"\\pmod\s*(?:\{[^{}]*\}|\d)|\\bmod\s*\d+|\(\\mod\s*\d+\)|\(mod\s*\d+\)")
_ORDINAL = re.compile(r"\^\s*\{?\s*\\text\s*\{\s*(?:th|st|nd|rd)\s*\}\s*\}?|(?<=\d)(?:th|st|nd|rd)\b")
_LETTER_TIMES = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)|(?<=\d)\s[xX]\s(?=\d)")
GLUED_WORD = re.compile(r"(?<=[\d)\]}])(and|or)(?=[A-Z(\\\d\[])")
_HAS_COMMAND = re.compile(r"[\\~{]")


def _temperature(match: re.Match[str]) -> str:
    scale = match.group(1) or match.group(2)
    return rf"\text{{ {'celsius' if scale == 'C' else 'fahrenheit'} }}"


def normalize(text: str) -> str:
    r"""Return an answer in the one notation that the lexer reads.

    >>> normalize(r"\left( 12\,345 \right)")
    '( 12345  )'
    """
    text = to_ascii(text)
    if _CONTROL.search(text):
        text = _CONTROL.sub("", text)
    if "x" in text or "X" in text:
        text = _LETTER_TIMES.sub(r" \\times ", text)
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
    text = _MODULUS.sub("", text)
    text = _ORDINAL.sub("", text)
    text = _TEMPERATURE.sub(_temperature, text)
    return _SPACES.sub(" ", text)
