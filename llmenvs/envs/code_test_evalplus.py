"""Rows of HumanEval+ and MBPP+ as tasks of ``CodeTest-v0``.

Each input becomes an assert, whose expected value is what the reference gave in the sandbox. The
values are written into the asserts as Python, for JSON has no tuples, sets and complex numbers.
They are compared as EvalPlus compares: by ``==``, or within ``atol`` and a relative 1e-7 where it
is not 0 or the expected value is made of floats.

A few functions of MBPP have more than one right answer, and `_SPECIAL` says how EvalPlus takes
them. Two of its allowances are left out: ``are_equivalent`` (Mbpp/164) may return anything there,
and ``sum_div`` (Mbpp/295) may always return 0, so that programs pass that do nothing.

Source: evalplus 0.3.1, ``eval/__init__.py``, ``eval/_special_oracle.py`` and ``data/mbpp.py``.
"""

import cmath
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmenvs.envs.code_test_rows import Row, definitions_besides, task_id_of, text_of
from llmenvs.verifiers.code.job import (
    Call,
    FunctionJob,
    Limits,
    Returned,
    Sandbox,
    SandboxError,
)
from llmenvs.verifiers.code.target import read_limits
from llmenvs.verifiers.code.values import Iterated, Opaque

EVALPLUS_LIMITS: Mapping[str, float] = MappingProxyType({"cpu_s": 20.0, "wall_s": 60.0})
"""Of all tests of a task: there are up to a thousand, and some are large."""

_MANY_DIGITS_BITS = 10_000  # Python neither writes nor reads longer ints in decimal

_SAME = """
def _is_floats(value):
    if isinstance(value, float):
        return True
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(item, float) for item in value)
    return False


def _close(given, expected, atol):
    if isinstance(expected, (list, tuple)):
        if type(given) is not type(expected) or len(given) != len(expected):
            return False
        return all(_close(*pair, atol) for pair in zip(given, expected))
    if given == expected or (given != given and expected != expected):
        return True
    numbers = (int, float, complex)
    if not isinstance(given, numbers) or not isinstance(expected, numbers):
        return False
    return abs(given - expected) <= atol + 1e-07 * abs(expected)


def _same(given, expected, args, atol):
    if given == expected:
        return True
    atol = atol or (1e-06 if _is_floats(expected) else 0)
    return atol != 0 and type(given) is type(expected) and _close(given, expected, atol)
"""
_SET_EQUAL = """
def _same(given, expected, args, atol):
    return set(given) == set(expected)
"""
_NOT_NONE = """
def _same(given, expected, args, atol):
    found = given if isinstance(given, bool) else given is not None
    return found == (expected if isinstance(expected, bool) else expected is not None)
"""
_SPECIAL = {
    "find_zero": """
def _same(given, expected, args, atol):
    return abs(sum(a * given**i for i, a in enumerate(args[0]))) <= atol
""",
    "surface_Area": """
def _same(given, expected, args, atol):
    base, height = args
    slant = ((base / 2) ** 2 + height**2) ** 0.5
    return given == expected or abs(given - round(base**2 + 2 * base * slant)) <= atol
""",
    "digit_distance_nums": """
def _same(given, expected, args, atol):
    first, second = map(str, args)
    width = max(len(first), len(second))
    digits = zip(first.zfill(width), second.zfill(width))
    return given == expected or given == sum(abs(int(a) - int(b)) for a, b in digits)
""",
    **dict.fromkeys(
        ("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly"),
        _SET_EQUAL,
    ),
    **dict.fromkeys(("larg_nnum", "intersection_array", "find_dissimilar", "Diff"), _SET_EQUAL),
    **dict.fromkeys(("check_str", "text_match_three", "text_starta_endb"), _NOT_NONE),
}
_NOT_PLAIN = frozenset({"check_str", "text_match_three", "text_starta_endb"})


def evalplus_row(
    row: Row, *, base_only: bool, limits: Mapping[str, float], sandbox: Sandbox
) -> Row:
    """Return a task for a row of HumanEval+ or MBPP+.

    Raises:
        ValueError: a field is missing or not of its type, or the reference fails on an input.
    """
    task_id, name, prompt = task_id_of(row), text_of(row, "entry_point"), text_of(row, "prompt")
    solution = prompt + text_of(row, "canonical_solution")
    atol = row.get("atol", 0)
    if isinstance(atol, bool) or not isinstance(atol, int | float) or not 0 <= atol < math.inf:
        raise ValueError(f"['atol']: must be a number of at least 0, got {atol!r:.80}")
    fields = ["base_input"] if base_only else ["base_input", "plus_input"]
    inputs = [values for field in fields for values in _inputs(row, field, task_id)]
    if not inputs:
        raise ValueError("['base_input']: must hold at least one input")
    outputs = _outputs(solution, name, inputs, read_limits(limits, Limits()), sandbox)
    is_mbpp = task_id.startswith("Mbpp")
    helpers = "" if is_mbpp else definitions_besides(prompt, name)
    return {
        "task_id": task_id,
        "statement": f"Complete this Python program. Write all of it.\n\n{_fenced(prompt)}",
        "interface": f"Write the function `{name}`.",
        "target": {
            "asserts": [
                f"assert _same(candidate(*{args}), {output}, {args}, {atol!r})"
                for args, output in zip(map(python_text, inputs), outputs, strict=True)
            ],
            "setup": f"{helpers}\n{_SPECIAL.get(name, _SAME)}".strip(),
            "entry_point": name,
            "limits": dict(limits),
        },
        "solution": solution,
    }


def python_text(value: Any) -> str:
    """Return Python source of plain data.

    Raises:
        ValueError: it is none, as an instance of a class.

    >>> python_text([(1,), {2.5: {3}}, float("nan"), 1j])
    "[(1,), {2.5: {3}}, float('nan'), 1j]"
    """
    if type(value) is dict:
        items = (f"{python_text(key)}: {python_text(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if type(value) in (list, tuple, set, frozenset):
        return _text_of_collection(value)
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return _text_of_scalar(value)
    raise ValueError(f"is not plain data: {value!r:.80}")


def _text_of_scalar(value: Any) -> str:
    if type(value) is int and value.bit_length() > _MANY_DIGITS_BITS:
        return hex(value)
    if type(value) in (float, complex) and not cmath.isfinite(value):
        return f"{type(value).__name__}({str(value)!r})"
    return repr(value)


def _text_of_collection(value: Any) -> str:
    items = [python_text(item) for item in value]
    if type(value) is list:
        return f"[{', '.join(items)}]"
    if type(value) is tuple:
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    items.sort()  # the order of a set differs from one process to the next
    if type(value) is set and items:
        return f"{{{', '.join(items)}}}"
    return f"{type(value).__name__}([{', '.join(items)}])"


def _outputs(
    solution: str, name: str, inputs: list[list[Any]], limits: Limits, sandbox: Sandbox
) -> list[str]:
    calls = tuple(Call(name, tuple(values)) for values in inputs)
    try:
        result = sandbox.run(FunctionJob(solution, calls), limits)
    except (SandboxError, ValueError) as error:
        raise ValueError(f"['canonical_solution']: cannot be run ({error})") from error
    outputs = []
    for index, given in enumerate(result.calls):
        if not isinstance(given, Returned):
            raise ValueError(
                f"['canonical_solution']: fails on input {index} ({given}; {result.ending})"
            )
        value = given.value.items if isinstance(given.value, Iterated) else given.value
        if name in _NOT_PLAIN and isinstance(value, Opaque):
            value = True  # a match; only that there is one is compared
        try:
            outputs.append(python_text(value))
        except ValueError as error:
            raise ValueError(
                f"['canonical_solution']: on input {index} the result {error}"
            ) from None
    return outputs


def _inputs(row: Row, field: str, task_id: str) -> list[list[Any]]:
    values = row.get(field)
    if values == {} or values is None:  # as the files have it where there are none
        values = []
    if not isinstance(values, list) or not all(isinstance(item, list) for item in values):
        raise ValueError(f"[{field!r}]: must be a list of argument lists, got {values!r:.80}")
    restore = _RESTORED.get(task_id)
    if restore is None:
        return values
    try:
        return [list(restore(item)) for item in values]
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(f"[{field!r}]: does not have the types of {task_id} ({error})") from error


def _fenced(prompt: str) -> str:
    return f"```python\n{prompt.strip()}\n```"


def _deep_tuple(value: Any) -> Any:
    return tuple(map(_deep_tuple, value)) if isinstance(value, list) else value


def _tuples(values: list[Any]) -> list[Any]:
    return [tuple(item) for item in values]


def _first_is_tuple(values: list[Any]) -> list[Any]:
    return [tuple(values[0]), *values[1:]]


def _tuple_or_same(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_RESTORATIONS: list[tuple[Callable[[list[Any]], Any], tuple[int, ...]]] = [
    (
        _tuples,
        (
            *(2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424),
            *(429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
        ),
    ),
    (
        lambda values: [_tuples(item) for item in values],
        (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
    ),
    (lambda values: [_tuples(values[0]), values[1]], (75, 413, 444, 753)),
    (lambda values: [values[0], tuple(values[1])], (106, 750)),
    (
        lambda values: [
            [set(item) if isinstance(item, list) and item else {} for item in values[0]]
        ],
        (115,),
    ),
    (lambda values: [float(values[0]), complex(values[1])], (124,)),
    (_first_is_tuple, (250, 307, 405, 446, 617, 720, 763, 808)),
    (lambda values: [tuple(_tuples(item)) for item in values], (259, 401, 445)),
    (lambda values: [tuple(_tuple_or_same(item) for item in values[0])], (278,)),
    (
        lambda values: [{key: tuple(item) for key, item in values[0].items()}, *values[1:]],
        (722,),
    ),
    (lambda values: [complex(values[0])], (252,)),
    (_deep_tuple, (580, 615, 791)),
]
"""What JSON has made of the arguments of some tasks of MBPP+, and how they were meant."""

_RESTORED = {f"Mbpp/{number}": restore for restore, numbers in _RESTORATIONS for number in numbers}
