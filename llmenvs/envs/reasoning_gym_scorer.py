"""reasoning-gym's scorers, made safe and strict. It runs in a worker process, never in ours.

``eval`` is called on the answer by the scorers of ``binary_matrix``, ``n_queens``,
``spiral_matrix`` and ``string_insertion``; sympy's ``parse_expr``, which is ``eval`` too, by those
of ``countdown``, ``intermediate_integration``, ``polynomial_multiplication``, ``puzzle24`` and
``simple_integration``. Here the first read Python literals and nothing else, and the second
arithmetic: numbers, operators, variables of one letter and named functions. Others hang on an
answer such as ``1e999999999``; so there is a limit of CPU time.

Four scorers take wrong answers for right, and are held to more: ``game_of_life_halting`` takes
every text that is not empty, ``puzzle24`` any numbers, rounded, ``coin_flip`` the first digit
alone, and ``complex_arithmetic`` "nan".
"""

import ast
import functools
import importlib
import json
import re
import resource
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from llmenvs.envs.reasoning_gym_tasks import dataset_of, known_answer
from llmenvs.verifiers.verdict import Status, Verdict

CPU_LIMIT_S = 5
MAX_ANSWER_CHARS = 100_000
_ALMOST_ONE = 1.0 - 1e-9
_SHOWN_CHARS = 200

_CALL_EVAL = (
    "reasoning_gym.algorithmic.binary_matrix",
    "reasoning_gym.algorithmic.spiral_matrix",
    "reasoning_gym.algorithmic.string_insertion",
    "reasoning_gym.games.n_queens",
)
_CALL_PARSE_EXPR = ("reasoning_gym.games.countdown", "reasoning_gym.games.puzzle24")
_FUNCTIONS = frozenset(
    [
        "exp",
        "log",
        "ln",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "asin",
        "acos",
        "atan",
        "acot",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "Abs",
        "pi",
    ]
)
_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Call,
    ast.Name,
    ast.Constant,
    ast.Load,
    ast.operator,
    ast.unaryop,
)


class GuardedScorer:
    """A verifier of extracted answers: reasoning-gym's own scorer, strict or with partial credit.

    The target is a dict with ``dataset``, ``config`` (JSON) and ``entry``, an item.

    Args:
        partial_credit: keep what the scorer gives between 0 and 1; otherwise it counts as 0.
    """

    def __init__(self, *, partial_credit: bool) -> None:
        self.partial_credit = partial_credit

    def __call__(self, completion: str, target: Mapping[str, Any]) -> Verdict:
        """Judge an answer."""
        _guard()
        dataset = dataset_of(target["dataset"], target["config"])
        _limit_cpu()
        entry = target["entry"]
        shown = completion[:_SHOWN_CHARS]
        try:
            score = _score(dataset, target["dataset"], completion, entry)
        except Exception as error:
            # Where the scorer takes a right answer, it was this one that broke it.
            if not self._takes_known_answer(dataset, target["dataset"], entry):
                reason = f"reasoning-gym's scorer failed: {error!r}"
                return Verdict.undecided(Status.ERROR, reason=reason, extracted=shown)
            reason = f"the answer cannot be read: {error!r:.100}"
            return Verdict.scored(0.0, success=False, reason=reason, extracted=shown)
        success = score >= _ALMOST_ONE
        kept = min(max(score, 0.0), 1.0) if self.partial_credit else 0.0
        reason = f"reasoning-gym's score is {score:g}"
        return Verdict.scored(
            1.0 if success else kept, success=success, reason=reason, extracted=shown
        )

    def _takes_known_answer(self, dataset: Any, name: str, entry: Mapping[str, Any]) -> bool:
        known = known_answer(entry)
        if known is None:
            return True
        try:
            return _score(dataset, name, known, entry) >= _ALMOST_ONE
        except Exception:
            return False


def check_arithmetic(text: str) -> None:
    """Refuse what is not arithmetic: anything that ``eval`` could make more of than a number.

    Raises:
        ValueError: it is not; the message names what is not allowed.

    >>> check_arithmetic("x**2/2 + sin(3*x) + C")
    >>> check_arithmetic("().__class__")
    Traceback (most recent call last):
      ...
    ValueError: Attribute is not arithmetic
    """
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        if not isinstance(node, _NODES):
            raise ValueError(f"{type(node).__name__} is not arithmetic")
        if isinstance(node, ast.Constant) and type(node.value) not in (int, float):
            raise ValueError(f"{node.value!r:.40} is not a number")
        if isinstance(node, ast.Call) and (not isinstance(node.func, ast.Name) or node.keywords):
            raise ValueError("only named functions may be called")
        if isinstance(node, ast.Name) and len(node.id) > 1 and node.id not in _FUNCTIONS:
            raise ValueError(f"{node.id!r:.40} is neither a variable nor a known function")


def _score(dataset: Any, name: str, answer: str, entry: Mapping[str, Any]) -> float:
    condition = _CONDITIONS.get(name)
    if condition is not None and not condition(answer, entry):
        return 0.0
    score = float(dataset.score_answer(answer, entry))
    return score if score == score else 0.0  # NaN


def _is_the_answer(answer: str, entry: Mapping[str, Any]) -> bool:
    return answer.strip().casefold() == str(entry["answer"]).casefold()


def _uses_the_given_numbers(answer: str, entry: Mapping[str, Any]) -> bool:
    import sympy  # type: ignore[import-untyped]  # it has no type information

    used = sorted(int(number) for number in re.findall(r"\d+", answer))
    return used == sorted(entry["metadata"]["numbers"]) and sympy.parse_expr(answer) == 24


def _is_the_probability(answer: str, entry: Mapping[str, Any]) -> bool:
    given, wanted = (float(Fraction(text.replace(",", ""))) for text in (answer, entry["answer"]))
    return abs(given - wanted) <= 1e-4  # reasoning-gym's tolerance


def _is_finite(answer: str, entry: Mapping[str, Any]) -> bool:
    return "nan" not in answer.casefold() and "inf" not in answer.casefold()


_CONDITIONS: Mapping[str, Callable[[str, Mapping[str, Any]], bool]] = {
    "coin_flip": _is_the_probability,
    "complex_arithmetic": _is_finite,
    "game_of_life_halting": _is_the_answer,
    "puzzle24": _uses_the_given_numbers,
}


@functools.cache
def _guard() -> None:
    """Take ``eval`` from the scorers that call it, for this process, which only scores."""
    import sympy
    from sympy.parsing import sympy_parser  # type: ignore[import-untyped]  # likewise

    warnings.simplefilter("ignore")  # of Python's parser, on what models write
    original = sympy_parser.parse_expr

    def parse_arithmetic(text: str, *args: Any, **options: Any) -> Any:
        check_arithmetic(text)
        return original(text, *args, **options)

    sympy.parse_expr = parse_arithmetic
    for name in _CALL_PARSE_EXPR:
        vars(importlib.import_module(name))["parse_expr"] = parse_arithmetic
    for name in _CALL_EVAL:
        vars(importlib.import_module(name))["eval"] = ast.literal_eval


def _limit_cpu() -> None:
    """Let the kernel end this process once the next answer has spent `CPU_LIMIT_S`."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU_LIMIT_S, hard))


def as_config(config: Mapping[str, Any]) -> str:
    """Return a config as the JSON that `GuardedScorer` takes."""
    return json.dumps(dict(config), sort_keys=True)
