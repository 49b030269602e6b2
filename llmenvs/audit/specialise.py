"""A reference with the values of its variant put in, so that what other variants need is gone.

Our own problems share one reference between variants, with a keyword-only parameter for what they
differ in. A mutant of code that a variant never comes to would pass its tests, and say nothing of
them.
"""

import ast
from typing import Any


def specialised(source: str) -> str:
    r"""Return a program whose keyword-only parameters with constant defaults are those constants.

    >>> print(specialised("def f(x, *, up=True):\n    return x + 1 if up else x - 1"))
    def f(x):
        return x + 1
    """
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            _specialise(node)
    return ast.unparse(ast.fix_missing_locations(tree))


def _specialise(function: ast.FunctionDef) -> None:
    assigned = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    args, values = function.args, {}
    for argument, default in list(zip(args.kwonlyargs, args.kw_defaults, strict=True)):
        if isinstance(default, ast.Constant) and argument.arg not in assigned:
            values[argument.arg] = default
            args.kwonlyargs.remove(argument)
            args.kw_defaults.remove(default)
    folder = _Folder(values)
    function.body = folder.block(function.body)


class _Folder(ast.NodeTransformer):
    """Puts constants in for names, and leaves out the branches that are not taken then."""

    def __init__(self, values: dict[str, ast.Constant]) -> None:
        self._values = values

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements that can be reached, at least one."""
        kept: list[ast.stmt] = []
        for statement in body:
            found: Any = self.visit(statement)
            kept += found if isinstance(found, list) else [found]
            if kept and isinstance(kept[-1], ast.Return | ast.Raise | ast.Break | ast.Continue):
                break
        return kept or [ast.Pass()]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Fold what is inside, its statements as blocks."""
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, self.block(value))
            elif isinstance(value, list):
                folded = [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
                setattr(node, name, folded)
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Put a value in for a name."""
        return self._values.get(node.id, node) if isinstance(node.ctx, ast.Load) else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Decide whether two constants are equal."""
        self.generic_visit(node)
        sides = [node.left, *node.comparators]
        values = [side.value for side in sides if isinstance(side, ast.Constant)]
        if len(node.ops) == 1 and len(values) == len(sides):
            if isinstance(node.ops[0], ast.Eq):
                return ast.Constant(values[0] == values[1])
            if isinstance(node.ops[0], ast.NotEq):
                return ast.Constant(values[0] != values[1])
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """Leave out operands that decide nothing."""
        self.generic_visit(node)
        decisive = isinstance(node.op, ast.Or)
        kept: list[ast.expr] = []
        for operand in node.values:
            if isinstance(operand, ast.Constant) and isinstance(operand.value, bool):
                if operand.value is decisive:
                    kept.append(operand)
                    break
            else:
                kept.append(operand)
        node.values = kept
        return node if len(kept) > 1 else (kept or [ast.Constant(not decisive)])[0]

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """Take one side."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        """Take one branch."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node
