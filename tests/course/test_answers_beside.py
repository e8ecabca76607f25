"""No answer stands beside its question: a student finds no line of a solution elsewhere.

Lines are compared as syntax trees. A variable of the solution may stand for any expression, and a
method for the function of that name, so an answer is found under other names and in other clothes.
"""

import ast
import re
import textwrap

import pytest
from building import NOTEBOOKS, build

SOURCES = sorted((NOTEBOOKS / "source").glob("*.py"))
_LEAST = 3  # nodes beside variables: what is smaller, such as a mean, everybody writes

# Lines of solutions that may stand elsewhere, and why.
ALLOWED = {
    "align_to_words: (times >= start) & (times < end)": "the folded hint of 1.3",
    "align_to_words: frames[inside].mean(0)": "the folded hint of 1.3",
    "split_by_speaker: np.random.default_rng(0).permutation(len(different))": "any shuffle",
    "masked_softmax: scores.masked_fill(~visible, float('-inf'))": "the folded hint of 3.3",
    "count_parameters: embeddings + n_layers * layer": "a sum and a product, of anything",
    "early_stop: epoch + 1": "a number and one",
    "early_stop: best + 1": "a number and one",
    "bigram_counts: (codes[:-1], codes[1:])": "the folded hint of 7.3",
    "bigram_counts: codes[:-1]": "all but the last",
    "bigram_counts: codes[1:]": "all but the first",
    "worst_group: errors[groups == name]": "the folded hint of 7.4",
    "scale_by_group: frames[groups == name]": "the rows of a group",
}


def plain(tree: ast.AST) -> ast.AST:
    """Write methods, and functions of np and torch, as calls of plain names."""

    class Plain(ast.NodeTransformer):
        def visit_Call(self, node):
            self.generic_visit(node)
            if not isinstance(node.func, ast.Attribute):
                return node
            owner = node.func.value
            library = isinstance(owner, ast.Name) and owner.id in ("np", "torch")
            arguments = node.args if library else [owner, *node.args]
            name = ast.Name(f".{node.func.attr}", ast.Load())
            return ast.Call(name, arguments, node.keywords)

    return Plain().visit(tree)


def is_open(node: ast.AST) -> bool:
    """Tell whether a part of a solution may stand for any expression."""
    length = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return isinstance(node, ast.Name) or (length and node.func.id == "len")


def matches(pattern, node, meaning: dict[str, str]) -> bool:
    """Tell whether an expression is the pattern, with some meaning of its variables."""
    if isinstance(pattern, ast.AST) and is_open(pattern):
        dumped = ast.dump(node) if isinstance(node, ast.AST) else repr(node)
        return meaning.setdefault(ast.dump(pattern), dumped) == dumped
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, list):
        return len(pattern) == len(node) and all(
            matches(a, b, meaning) for a, b in zip(pattern, node)
        )
    if not isinstance(pattern, ast.AST):
        return pattern == node
    if isinstance(pattern, ast.Call) and isinstance(pattern.func, ast.Name):
        if not (isinstance(node.func, ast.Name) and node.func.id == pattern.func.id):
            return False
        return matches(pattern.args, node.args, meaning) and matches(
            pattern.keywords, node.keywords, meaning
        )
    skipped = ("ctx", "lineno", "col_offset", "end_lineno", "end_col_offset")
    return all(
        matches(getattr(pattern, field), getattr(node, field), meaning)
        for field in pattern._fields
        if field not in skipped
    )


def size(node: ast.AST) -> int:
    """Return how many parts an expression has beside variables."""
    if is_open(node) or isinstance(node, ast.expr_context):
        return 0
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return 1 + sum(map(size, [*node.args, *node.keywords]))
    return 1 + sum(size(child) for child in ast.iter_child_nodes(node))


def lines_of(solution: str) -> dict[str, ast.AST]:
    """Return the right sides of a solution's statements, by how they are written."""
    found = {}
    for node in ast.walk(ast.parse(solution)):
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.Return):
            continue
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else []
        for value in (node.value, *parts):
            pattern = plain(ast.parse(ast.unparse(value), mode="eval").body)
            if size(pattern) >= _LEAST:
                found[ast.unparse(value)] = pattern
    return found


def answers_beside(solved) -> list[str]:
    """Return the lines of solutions that a student finds elsewhere in the notebook."""
    solutions, given = {}, []
    for cell, untried in zip(solved.cells, build.for_students(solved).cells):
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            solutions[cell.metadata["nbgrader"]["grade_id"]] = lines_of(cell.source)
        elif untried.cell_type == "code":
            given.append(untried.source)
        else:
            given += quoted(untried.source)
    expressions = [
        node
        for source in given
        for node in ast.walk(plain(ast.parse(source)))
        if isinstance(node, ast.expr)
    ]
    return [
        f"{name}: {text}"
        for name, lines in solutions.items()
        for text, pattern in lines.items()
        if any(matches(pattern, expression, {}) for expression in expressions)
    ]


def quoted(text: str):
    """Yield the code that a text quotes."""
    for code in re.findall(r"`([^`\n]+)`", text) + re.findall(r"```\w*\n(.*?)```", text, re.S):
        try:
            ast.parse(textwrap.dedent(code))
        except SyntaxError:
            continue
        yield textwrap.dedent(code)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_answer_stands_beside_its_question(path):
    assert [line for line in answers_beside(build.read_source(path)) if line not in ALLOWED] == []


def test_what_is_allowed_is_there():
    found = {line for path in SOURCES for line in answers_beside(build.read_source(path))}
    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    ("number", "line", "found"),
    [
        (0, "np.arange(faces.shape[1]) < sizes[:, None]", "masked_mean"),
        (1, "((a.T[:, None] - b[None]) ** 2).sum(-1)", "nearest_code"),
        (2, "(q @ keys.T + n.log()).softmax(-1)", "count_softmax"),
        (4, "(last - now) / (last - start)", "schedule"),
        (5, "(np.round(five.clip(-3, 3)) == np.round(said.clip(-3, 3))).mean()", "acc7"),
        (5, "(attention[codes] / sizes[codes])[cue].sum()", "cue_mass"),
        (5, "np.quantile(means, [0.025, 0.975])", "paired_bootstrap"),
        (6, "3 * torch.arange(N) // N", "counts_by_third"),
    ],
)
def test_an_answer_in_other_clothes_is_found(number, line, found):
    solved = build.read_source(SOURCES[number])
    cell = next(c for c in solved.cells if c.cell_type == "code")
    cell.source += f"\nanswer = {line}"
    new = [text for text in answers_beside(solved) if text not in ALLOWED]
    assert [text.partition(":")[0] for text in new] == [found]
