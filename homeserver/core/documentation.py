"""What attributes of a class mean: it is written where they are defined, as the string below each."""

import ast
import inspect
import textwrap


def documentation_of(class_: type) -> dict[str, str]:
    """For each attribute of *class_* that has a string below it, that string, in one paragraph."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(class_))).body
    assert isinstance(node, ast.ClassDef)
    found = {}
    for before, after in zip(node.body, node.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and _is_text(after):
            found[before.target.id] = " ".join(ast.literal_eval(after.value).split())  # type: ignore[attr-defined]
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
