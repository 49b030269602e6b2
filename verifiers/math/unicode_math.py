"""Bring Unicode mathematics down to ASCII and LaTeX."""

# ruff: noqa: RUF001  (look-alike characters are what this table is for)

import re
import unicodedata

from llmenvs.verifiers.math.tables import split_words

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5),
    "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8),
    "⅞": (7, 8), "⅐": (1, 7), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_GREEK = split_words(
    "α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu "
    "ν nu ξ xi π pi ρ rho σ sigma τ tau φ phi ϕ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta "
    "Λ Lambda Ξ Xi Π Pi Σ Sigma Φ Phi Ψ Psi Ω Omega µ mu ϵ epsilon"
)
_COMMANDS = split_words(
    "× times ⋅ cdot · cdot ∙ cdot ÷ div √ surd ∞ infty ≤ le ≥ ge ⩽ le ⩾ ge ≠ ne ≈ approx ± pm "
    "∓ mp ∪ cup ∩ cap ∈ in ∅ emptyset ∖ setminus → to ∑ sum ∏ prod ∫ int ≡ equiv ∀ forall "
    "∃ exists ⟨ langle ⟩ rangle ⌊ lfloor ⌋ rfloor ⌈ lceil ⌉ rceil ∠ angle △ triangle … ldots "
    "⋯ ldots ℝ reals ℤ integers ℕ naturals ℚ rationals ℂ complexes ∧ land ∨ lor ∣ mid ∛ cuberoot"
)
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
    invisible = (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A))
    for code in (0x00AD, 0xFEFF, *invisible):
        table[code] = ""
    for code in (0x00A0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000):
        table[code] = " "
    return table


_TABLE = _table()
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_LOWERED = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]")


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

    >>> to_ascii("√２²"), to_ascii("½π")
    ('\\surd 2^{2}', '\\frac{1}{2}\\pi ')
    """
    if text.isascii():
        return text
    text = _RAISED.sub(lambda m: f"^{{{''.join(_SUPERSCRIPTS[c] for c in m.group())}}}", text)
    text = _LOWERED.sub(lambda m: f"_{{{''.join(_SUBSCRIPTS[c] for c in m.group())}}}", text)
    return _FOREIGN.sub(_ascii_char, text.translate(_TABLE))
