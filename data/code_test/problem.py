"""What a problem of the bank is: a reference solution whose docstring is the statement.

The keyword-only parameters of a reference make its *variants*: ``$limit`` in the statement stands
for the value that a task has, and in the task's own solution that value is the default. A task is a
problem, a variant and tests, all drawn from the task's index; the reference says what is expected.
"""

import ast
import copy
import inspect
import itertools
import textwrap
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from string import Template
from typing import Any, Literal

import numpy as np

from llmenvs.data.code_test.dice import Dice

Draw = Callable[[Dice, int], Any]
"""From dice and a size to the arguments of a call (a tuple), or to the text on standard input."""
Form = Literal["function", "stdin"]

VISIBLE_SIZES = (3, 5)
HIDDEN_SIZES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 9, 10, 12, 14, 16)
_MAX_REDRAWS = 40


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test: the arguments of a call, or a text as the only one, and what is expected."""

    __test__ = False  # pytest, this is no test class

    arguments: tuple[Any, ...]
    expected: Any


@dataclass(frozen=True, slots=True)
class Instance:
    """A problem with its variant and its tests.

    Attributes:
        values: of the variant's parameters.
        statement: what is asked.
        visible: tests that the statement may show.
        hidden: tests that score.
        solution: source of a program that solves it.
    """

    values: Mapping[str, Any]
    statement: str
    visible: tuple[TestCase, ...]
    hidden: tuple[TestCase, ...]
    solution: str


@dataclass(frozen=True)
class Problem:
    """A family of programming tasks.

    Attributes:
        reference: the solution; of the stdin form, a function from the input to the output.
        topic: the module that it stands in.
        level: of difficulty, 1 to 4.
        draw: draws what a test gives to the solution.
        bugs: pieces of the reference's body, each once in it, and what a plausible wrong solution
            has there.
        variants: values of each keyword-only parameter of the reference.
        edges: what the hidden tests of every task give to the solution besides what is drawn.
        form: ``"function"`` or ``"stdin"``.
        held_out: of the test half.
        options: more keys of the target, as ``order_free``.
    """

    reference: Callable[..., Any]
    topic: str
    level: int
    draw: Draw
    bugs: tuple[tuple[str, str], ...]
    variants: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    edges: tuple[Any, ...] = ()
    form: Form = "function"
    held_out: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the function, which names the problem too."""
        return self.reference.__name__

    @property
    def split(self) -> str:
        """``"train"`` or ``"test"``."""
        return "test" if self.held_out else "train"

    @property
    def variant_values(self) -> list[dict[str, Any]]:
        """The values of all variants, at least one."""
        return [
            dict(zip(self.variants, values, strict=True))
            for values in itertools.product(*self.variants.values())
        ]

    @property
    def signature(self) -> str:
        """The head of the function that a solution must define."""
        return _head(_without_parameters(self._definition))

    def instance(self, index: int) -> Instance:
        """Return the task of that index, from 0; the same index gives the same task."""
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), index])
        variants = self.variant_values
        values = variants[int(rng.integers(len(variants)))]
        tests = self._tests(Dice(rng), values)
        return Instance(
            values,
            self.statement(values),
            tests[: len(VISIBLE_SIZES)],
            tests[len(VISIBLE_SIZES) :],
            self.solution(values),
        )

    def solution(self, values: Mapping[str, Any]) -> str:
        """Return the source of a right program for a variant."""
        return self._program(self._body, values)

    def wrong_solutions(self, values: Mapping[str, Any]) -> list[str]:
        """Return the sources of plausible wrong programs for a variant."""
        return [
            self._program(self._body.replace(piece, wrong), values) for piece, wrong in self.bugs
        ]

    def _program(self, body: str, values: Mapping[str, Any]) -> str:
        head = _head(_with_defaults(self._definition, values)) + ":"
        if self.form == "function":
            return f"{head}\n{body}"
        return f"import sys\n\n\n{head}\n{body}\n\nprint({self.name}(sys.stdin.read()), end='')\n"

    @cached_property
    def _source(self) -> str:
        return textwrap.dedent(inspect.getsource(self.reference))

    @property
    def _definition(self) -> ast.FunctionDef:
        definition = ast.parse(self._source).body[0]
        if not isinstance(definition, ast.FunctionDef):
            raise TypeError(f"a reference must be a plain function, got {self.reference!r}")
        definition.decorator_list, definition.body = [], [ast.Pass()]
        return definition

    @cached_property
    def _body(self) -> str:
        """What stands below the docstring."""
        definition = ast.parse(self._source).body[0]
        assert isinstance(definition, ast.FunctionDef)  # noqa: S101 (checked in _definition)
        first = definition.body[1].lineno - 1
        return "".join(self._source.splitlines(keepends=True)[first:])

    def statement(self, values: Mapping[str, Any]) -> str:
        """Return what is asked in a variant."""
        docstring = inspect.cleandoc(self.reference.__doc__ or "")
        return Template(docstring).substitute(values)

    def _tests(self, dice: Dice, values: Mapping[str, Any]) -> tuple[TestCase, ...]:
        """Draw tests that differ, no half of which has the same outcome where that can be had."""
        edges = [self._test(edge, values) for edge in self.edges]
        tests: list[TestCase] = []
        inputs = {repr(test.arguments) for test in edges}
        outcomes = Counter(repr(test.expected) for test in edges)
        for size in (*VISIBLE_SIZES, *HIDDEN_SIZES):
            for attempt in range(_MAX_REDRAWS):
                test = self._test(self.draw(dice, size), values)
                outcome = repr(test.expected)
                common = 2 * outcomes[outcome] > len(edges) + len(tests)
                if repr(test.arguments) in inputs:
                    continue
                if not common or attempt > _MAX_REDRAWS // 2:
                    tests.append(test)
                    inputs.add(repr(test.arguments))
                    outcomes[outcome] += 1
                    break
        return (*tests, *edges)

    def _test(self, drawn: Any, values: Mapping[str, Any]) -> TestCase:
        arguments = drawn if isinstance(drawn, tuple) else (drawn,)
        expected = self.reference(*copy.deepcopy(arguments), **values)
        return TestCase(arguments, expected)


def problem(
    *,
    level: int,
    draw: Draw,
    bugs: tuple[tuple[str, str], ...],
    variants: Mapping[str, Sequence[Any]] | None = None,
    edges: tuple[Any, ...] = (),
    form: Form = "function",
    held_out: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Problem]:
    """Make a `Problem` of the reference below it; the arguments are its attributes."""

    def make(reference: Callable[..., Any]) -> Problem:
        topic = reference.__module__.rpartition(".")[2]
        return Problem(
            reference,
            topic,
            level,
            draw,
            bugs,
            variants or {},
            edges,
            form,
            held_out,
            options or {},
        )

    return make


def _head(function: ast.FunctionDef) -> str:
    head = ast.unparse(function).splitlines()[0].removesuffix(":")
    return f"from typing import Any\n\n\n{head}" if "Any" in head else head


def _with_defaults(function: ast.FunctionDef, values: Mapping[str, Any]) -> ast.FunctionDef:
    """Give each keyword-only parameter its value as the default."""
    function.args.kw_defaults = [
        ast.parse(repr(values[argument.arg]), mode="eval").body
        for argument in function.args.kwonlyargs
    ]
    return function


def _without_parameters(function: ast.FunctionDef) -> ast.FunctionDef:
    """Leave out the keyword-only parameters, which are no business of the caller."""
    function.args.kwonlyargs, function.args.kw_defaults = [], []
    return function
