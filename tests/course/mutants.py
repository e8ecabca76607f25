"""Wrong answers made from a right one: each has one small change in its code.

`mutants` changes the syntax tree of a function in one place: another comparison, another operator,
a number that is off by one, a call that is left out, another of the function's own names … A loop
counts its turns and stops after some thousand, so that a mutant cannot run for ever.
"""

import ast
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

_MOST_TURNS = 5000

_OTHER_OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
}
_OTHER_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_OTHER_NAMES = {
    "sum": "mean",
    "mean": "sum",
    "max": "min",
    "min": "max",
    "median": "mean",
    "argmin": "argmax",
    "std": "var",
    "softmax": "exp",
    "floor": "ceil",
    "round": "floor",
    "maximum": "minimum",
}


class Endless(Exception):
    """A mutant went round too often."""


def mutants(source: str) -> list[tuple[str, Callable[..., Any]]]:
    """Return changed versions of the last function of a source, each with its changed lines."""
    tree = ast.parse(source)
    before = ast.unparse(tree)
    texts = {text: _difference(before, text) for text in _changes(tree) if text != before}
    return [(what, _compiled(text)) for text, what in texts.items()]


def _difference(before: str, after: str) -> str:
    """Return the lines of a mutant that are not those of the answer."""
    old = before.splitlines()
    new = [line.strip() for line in after.splitlines() if line not in old]
    return " ⏎ ".join(new) or "without: " + " ⏎ ".join(
        line.strip() for line in old if line not in after.splitlines()
    )


def _compiled(text: str) -> Callable[..., Any]:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.While):
            node.body.insert(0, ast.parse("_turn()").body[0])
    turns = [0]

    def turn():
        turns[0] += 1
        if turns[0] > _MOST_TURNS:
            raise Endless

    names = {"np": np, "torch": torch, "math": math, "_turn": turn}
    exec(compile(ast.fix_missing_locations(tree), "<mutant>", "exec"), names)
    function = [node for node in tree.body if isinstance(node, ast.FunctionDef)][-1]
    found = names[function.name]

    def answer(*arguments):
        turns[0] = 0
        return found(*arguments)

    return answer


def _changes(tree: ast.Module) -> Iterator[str]:
    """Yield the source of a tree with one change after the other."""
    function = [node for node in tree.body if isinstance(node, ast.FunctionDef)][-1]
    names = sorted({a.arg for a in function.args.args})
    for path in list(_places(tree)):
        node = _at(tree, path)
        others = list(_instead_of(node, names))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.For | ast.If | ast.Break):
            others.append(ast.Pass())
        for other in others:
            _put(tree, path, other)
            yield ast.unparse(tree)
        _put(tree, path, node)


def _places(node: ast.AST, path: tuple = ()) -> Iterator[tuple]:
    for field, value in ast.iter_fields(node):
        if field in ("args", "decorator_list", "returns") and isinstance(node, ast.FunctionDef):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for i, child in children:
            if isinstance(child, ast.AST):
                here = (*path, (field, i))
                yield here
                yield from _places(child, here)


def _at(tree: ast.AST, path: tuple) -> Any:
    for field, i in path:
        tree = getattr(tree, field) if i is None else getattr(tree, field)[i]
    return tree


def _put(tree: ast.AST, path: tuple, node: ast.AST) -> None:
    parent, (field, i) = _at(tree, path[:-1]), path[-1]
    if i is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[i] = node


def _instead_of(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a part of the tree."""
    if isinstance(node, ast.BinOp):
        for operator in _OTHER_OPERATORS.get(type(node.op), ()):
            yield ast.BinOp(node.left, operator(), node.right)
        yield node.left
        yield node.right
    elif isinstance(node, ast.Compare):
        for operator in _OTHER_COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [operator()], node.comparators)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Call):
        yield from _other_calls(node)
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node.value)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(name, ast.Load()) for name in names if name != node.id)
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        yield ast.Tuple(node.elts[::-1], ast.Load())


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    """Yield a call without itself, without an argument, and of another function."""
    if node.args:
        yield node.args[0]
    if isinstance(node.func, ast.Attribute):
        yield node.func.value
        if other := _OTHER_NAMES.get(node.func.attr):
            called = ast.Attribute(node.func.value, other, ast.Load())
            yield ast.Call(called, node.args, node.keywords)
    for i in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])
    if len(node.args) == 1 and isinstance(node.func, ast.Attribute):
        yield ast.Call(node.func, [], node.keywords)  # over all axes


def _other_constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield from (ast.Constant(other) for other in (value + 1, value - 1))
    elif isinstance(value, float):
        yield from (ast.Constant(other) for other in (2 * value, value / 2))
