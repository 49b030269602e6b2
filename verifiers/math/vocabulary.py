"""The names that the parser knows: functions, constants, operators, relations and connectives."""

from llmenvs.verifiers.math.nodes import INFINITY, PI, Constant, Node, Symbol
from llmenvs.verifiers.math.tables import split_words

MAX_PRODUCT_LETTERS = 3
"""A longer run of letters is a word and no product."""
MAX_CAPITALS = 12
"""The same for capital letters, which name the corners of figures."""

FUNCTIONS = frozenset(
    split_words(
        "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc asin acos atan sinh "
        "cosh tanh coth sech csch arcsinh arccosh arctanh asinh acosh atanh ln log lg exp sqrt "
        "abs gcd lcm max min floor ceil det sgn sign Re Im arg erf binom factorial cbrt"
    )
)
ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "tg": "tan", "ctg": "cot", "cosec": "csc",
    "arctg": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "sgn": "sign",
    "Re": "re", "Im": "im", "operatorname": "", "sh": "sinh", "ch": "cosh", "th": "tanh",
}  # fmt: skip
FUNCTION_COMMANDS = frozenset(f"\\{name}" for name in FUNCTIONS | {"tg", "ctg", "cosec", "arctg"})
INVERSES = {
    "sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec",
    "csc": "arccsc", "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh",
}  # fmt: skip
_GREEK_NAMES = split_words(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi "
    "rho varrho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma "
    "Upsilon Phi Psi Omega ell hbar partial nabla prime circ top perp imath jmath"
)
_SAME = {"varepsilon": "epsilon", "vartheta": "theta", "varrho": "rho", "varphi": "phi",
         "ell": "l"}  # fmt: skip
GREEK = {name: _SAME.get(name, name) for name in _GREEK_NAMES if len(name) > 1}
CONSTANTS: dict[str, Node] = {
    "pi": PI, "infinity": INFINITY, "infty": INFINITY, "inf": INFINITY, "oo": INFINITY,
    "Infinity": INFINITY,
}  # fmt: skip
CONSTANT_COMMANDS: dict[str, Node] = {
    r"\pi": PI, r"\infty": INFINITY, r"\circ": Constant("circ"), r"\reals": Constant("reals"),
    r"\integers": Constant("integers"), r"\naturals": Constant("naturals"),
    r"\rationals": Constant("rationals"), r"\complexes": Constant("complexes"),
    r"\emptyset": Constant("empty"), r"\varnothing": Constant("empty"), r"\O": Constant("empty"),
    r"\ldots": Constant("dots"), r"\dots": Constant("dots"), r"\cdots": Constant("dots"),
    r"\dotsc": Constant("dots"), r"\dotsb": Constant("dots"), r"\imath": Constant("i"),
}  # fmt: skip
ADDITIVE = {"+": "+", "-": "-", r"\pm": "pm", r"\mp": "mp"}
TIMES = frozenset({"*", r"\times", r"\cdot", r"\ast", r"\bullet"})
DIVIDE = frozenset({"/", r"\div"})
NEGATIONS = frozenset({"not", "no", "never", "cannot", "neither", "nor", "isn't", "except"})
QUALIFIERS = NEGATIONS | {"or", "and", "more", "less", "than", "least", "most", "between", "to"}
"""Words that make a value another one, as in "7 or more"."""
INTRODUCTIONS = frozenset(
    {"is", "are", "be", "equals", ":", "=", "so", "thus", "hence", "therefore", "get", "answer"}
)
"""Words at the end of a text that leads up to an answer."""
FRACTIONS = frozenset({r"\nicefrac", r"\sfrac", r"\frac", r"\dfrac", r"\tfrac", r"\cfrac"})
RELATIONS = {
    "=": "=", "==": "=", ":=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=",
    r"\lt": "<", r"\gt": ">", r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=", r"\leqq": "<=",
    r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=", r"\geqq": ">=",
    r"\ne": "!=", r"\neq": "!=", "!=": "!=", r"\in": "in", r"\notin": "notin",
    r"\approx": "~", r"\simeq": "~", r"\sim": "sim", r"\cong": "sim", r"\equiv": "equiv",
    r"\propto": "propto", r"\subset": "subset", r"\subseteq": "subseteq",
    r"\to": "to", r"\rightarrow": "to", r"\mapsto": "mapsto", r"\parallel": "parallel",
    r"\perp": "perp", r"\implies": "implies", r"\Rightarrow": "implies", r"\iff": "iff",
    r"\Leftrightarrow": "iff", r"\doteq": "=", r"\coloneqq": "=", r"\le q": "<=",
}  # fmt: skip
SET_OPERATORS = {
    r"\cup": "union", r"\bigcup": "union", r"\cap": "intersection", r"\bigcap": "intersection",
    r"\setminus": "difference", r"\backslash": "difference", r"\sqcup": "union",
}  # fmt: skip
OPERATORS = (
    frozenset(TIMES | DIVIDE | RELATIONS.keys() | SET_OPERATORS.keys())
    | frozenset({r"\pm", r"\mp", r"\%", "\\\\", "&", r"\&", r"\degree", r"\land", r"\lor"})
    | frozenset({r"\wedge", r"\vee", r"\forall", r"\exists", r"\choose", r"\over", r"\$", r"\,"})
) - {"*", "/"}
AND_WORDS = frozenset({"and", "&", ", and", "und", "et", "with", ",and"})
OR_WORDS = frozenset({"or", ", or", "and/or"})
APPLIED = frozenset(split_words("f g h F G H P W Q T phi psi Phi Gamma"))
"""Names that a bracket applies instead of multiplying."""
BASES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "sixteen": 16, "bin": 2, "oct": 8, "hex": 16,
    **{str(base): base for base in range(2, 37)},
}  # fmt: skip
EMPTY_PHRASES = frozenset(
    {"empty set", "no solution", "no solutions", "no real solution", "no real solutions", "none",
     "the empty set", "no solution exists"}
)  # fmt: skip
REAL_PHRASES = frozenset(
    {"all real numbers", "all reals", "the set of all real numbers", "real numbers", "all real x",
     "all real values of x", "any real number"}
)  # fmt: skip
UNDEFINED_PHRASES = frozenset({"undefined", "dne", "does not exist", "indeterminate"})


def letter(name: str) -> Node:
    """Return the variable ``name``, or the constant that it always stands for."""
    return Constant(name) if name in {"e", "i"} else Symbol(name)


def is_symbolic(text: str) -> bool:
    r"""Return whether what stands in ``\text{…}`` is a number or a single letter."""
    text = text.strip()
    return (len(text) == 1 and text.isalnum()) or text.replace(".", "", 1).isdecimal()
