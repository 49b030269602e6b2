"""Mutants of a reference solution: programs that differ from it in one place and are likely wrong.

The operators are the usual ones: arithmetic, comparison and boolean operators swapped, conditions
negated, constants and the ends of ranges off by one, what is returned dropped, statements deleted,
``break`` and ``continue`` swapped. The source is parsed and written again, never run here.

A mutant may do the same as the reference, which no program can tell in general: what survives is
for a person to look at. Annotations, docstrings, decorators and imports are not changed.

Source: Offutt et al., "An experimental determination of sufficient mutant operators", 1996, and
statement deletion, Untch 2009.
"""

import ast
import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

_SWAPPED_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_SWAPPED_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_UNTOUCHED_FIELDS = frozenset({"annotation", "returns", "decorator_list", "type_params"})
_DELETED = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Raise)

_Change = tuple[str, ast.AST]
"""What is done, and the node that takes the place of the one that was there."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed program.

    Attributes:
        operator: what was done, such as ``"comparison"``.
        line: of the reference, from 1.
        source: the program.
        diff: the lines that differ from the reference as it is written again, in unified form.
    """

    operator: str
    line: int
    source: str
    diff: str


def mutants_of(source: str, *, names: Collection[str] = ()) -> list[Mutant]:
    r"""Return all mutants of a program that differ from it and from each other, in its order.

    Args:
        source: the program.
        names: functions or classes that are tested: others are changed only if these use them. All
            of the program is changed if it defines none of them.

    Raises:
        ValueError: the source is not Python.

    >>> for mutant in mutants_of("def f(x):\n    return x + 1"):
    ...     print(mutant.operator, "|", mutant.source.splitlines()[-1].strip())
    return | return
    arithmetic | return x - 1
    constant | return x + 2
    constant | return x + 0
    """
    try:
        tree = ast.parse(source)
        original = ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"the reference is not Python ({error})") from error
    unused = _unused(tree, names)
    found: dict[str, Mutant] = {}
    for operator, line, text in _changed_texts(tree, unused):
        if text != original and text not in found:
            found[text] = Mutant(operator, line, text, _diff(original, text))
    return list(found.values())


def _unused(tree: ast.Module, names: Collection[str]) -> set[ast.stmt]:
    """Return the definitions of a module that the named ones do not use."""
    definitions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    waiting = [name for name in names if name in definitions]
    if not waiting:
        return set()
    waiting += _names_in([node for node in tree.body if node not in definitions.values()])
    used: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in used:
            used.add(name)
            waiting += _names_in([definitions[name]])
    return {node for name, node in definitions.items() if name not in used}


def _names_in(nodes: Sequence[ast.AST]) -> list[str]:
    found = (inner for node in nodes for inner in ast.walk(node))
    return [node.id for node in found if isinstance(node, ast.Name)]


def _changed_texts(tree: ast.Module, unused: set[ast.stmt]) -> Iterator[tuple[str, int, str]]:
    for parent, name, index, node in _places(tree, unused):
        for operator, replacement in _changes(node):
            _put(parent, name, index, replacement)
            text = ast.unparse(ast.fix_missing_locations(tree))
            _put(parent, name, index, node)
            yield operator, getattr(node, "lineno", 1), text


def _places(
    parent: ast.AST, unused: Collection[ast.AST]
) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield each node that may be changed, with where it stands, from the outside in."""
    for name, value in ast.iter_fields(parent):
        if name in _UNTOUCHED_FIELDS:
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if isinstance(child, ast.AST) and child not in unused and not _is_untouched(child):
                yield parent, name, index, child
                yield from _places(child, unused)


def _is_untouched(node: ast.AST) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


def _changes(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.stmt):
        yield from _changes_of_statement(node)
    elif isinstance(node, ast.comprehension):
        for index, test in enumerate(node.ifs):
            ifs = [*node.ifs[:index], _negated(test), *node.ifs[index + 1 :]]
            changed = ast.comprehension(node.target, node.iter, ifs, node.is_async)
            yield "condition", changed
    elif isinstance(node, ast.expr):
        yield from _changes_of_expression(node)


def _changes_of_statement(node: ast.stmt) -> Iterator[_Change]:
    if isinstance(node, ast.If):
        yield "condition", ast.If(_negated(node.test), node.body, node.orelse)
    elif isinstance(node, ast.While):
        yield "condition", ast.While(_negated(node.test), node.body, node.orelse)
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield "return", ast.Return(None)
    elif isinstance(node, ast.Break):
        yield "jump", ast.Continue()
    elif isinstance(node, ast.Continue):
        yield "jump", ast.Break()
    elif isinstance(node, ast.AugAssign) and type(node.op) in _SWAPPED_OPERATORS:
        operator = _SWAPPED_OPERATORS[type(node.op)]()
        yield "arithmetic", ast.AugAssign(node.target, operator, node.value)
    if isinstance(node, _DELETED):
        yield "deletion", ast.Pass()


def _changes_of_expression(node: ast.expr) -> Iterator[_Change]:
    if isinstance(node, ast.BinOp) and type(node.op) in _SWAPPED_OPERATORS:
        yield "arithmetic", ast.BinOp(node.left, _SWAPPED_OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            swapped = _SWAPPED_COMPARISONS[type(operator)]()
            ops = [*node.ops[:index], swapped, *node.ops[index + 1 :]]
            yield "comparison", ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield "boolean", ast.BoolOp(_other(node.op), node.values)
    elif isinstance(node, ast.UnaryOp):
        if not isinstance(node.op, ast.UAdd | ast.Invert):
            yield "unary", node.operand
    elif isinstance(node, ast.IfExp):
        yield "condition", ast.IfExp(_negated(node.test), node.body, node.orelse)
    elif isinstance(node, ast.Constant):
        yield from (("constant", ast.Constant(value)) for value in _other_constants(node.value))
    elif isinstance(node, ast.Call):
        yield from _changed_ranges(node)


def _changed_ranges(node: ast.Call) -> Iterator[_Change]:
    """Yield a call of ``range`` that ends one later or earlier."""
    if not isinstance(node.func, ast.Name) or node.func.id != "range" or not node.args:
        return
    place = min(len(node.args), 2) - 1
    for operator in (ast.Add(), ast.Sub()):
        stop = ast.BinOp(node.args[place], operator, ast.Constant(1))
        args = [*node.args[:place], stop, *node.args[place + 1 :]]
        yield "range", ast.Call(node.func, args, node.keywords)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _other(operator: ast.boolop) -> ast.boolop:
    return ast.Or() if isinstance(operator, ast.And) else ast.And()


def _other_constants(value: object) -> tuple[bool | int | float | str, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int | float):
        return (value + 1, value - 1)
    if isinstance(value, str):
        return ("",) if value else ("XX",)
    return ()


def _diff(original: str, text: str) -> str:
    lines = difflib.unified_diff(original.splitlines(), text.splitlines(), n=0, lineterm="")
    return "\n".join(list(lines)[2:])
