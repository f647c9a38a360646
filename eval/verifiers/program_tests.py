"""Test parser of code ground truths: what the tests call, and whether they test.

Tests come as statements with `assert` (MBPP), as functions that pytest would collect (KodCode), as
a `unittest.TestCase` (BigCodeBench) and as a `check(candidate)` (HumanEval). What a test only
defines is called by the judge; a test in which nothing could ever fail is refused.
"""

import ast
import builtins
import sys
from collections.abc import Iterator

from eval.verifiers.verdict import MalformedGroundTruth

Call = tuple[str, str | None]
"""A name that the judge calls, and the name of its argument, if it takes one."""
_PATCHES = ("mock", "monkeypatch")


def calls(test: str, entry_point: str | None) -> list[Call]:
    """What the judge runs of a test beside its source, in the order of the source.

    Raises:
        MalformedGroundTruth: no Python, nothing that could fail, or it needs a package.
    """
    tree = _parsed(test)
    _refuse_imports(tree)
    _refuse_subclasses(tree, needed([test], entry_point))
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found: list[Call] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in called:
            if node.name == "check" and len(node.args.args) == 1:
                if entry_point is None:
                    raise MalformedGroundTruth("nobody calls `check`, and there is no entry_point")
                found.append((node.name, entry_point))
            elif node.name.startswith("test"):
                if _needed(node):
                    raise MalformedGroundTruth(
                        f"the test {node.name} takes arguments (fixtures), which nobody gives"
                    )
                found.append((node.name, None))
        elif isinstance(node, ast.ClassDef) and _is_case(node):
            found.append((node.name, None))
    if not found and not any(_acts(statement) for statement in _reached(tree)):
        raise MalformedGroundTruth(f"the test tests nothing: {test.strip()[:80]!r}")
    return found


def needed(tests: list[str], entry_point: str | None) -> set[str]:
    """The names that the tests take from the candidate: those that nothing else gives. Where there
    are none (MBPP's 126 asks for a `sum`), the built-in functions that they call."""
    hidden: set[str] = set()
    names = {entry_point} if entry_point else set()
    for test in tests:
        tree = _parsed(test)
        bound: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "solution":
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Import | ast.ImportFrom):
                bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names |= {node.attr} if node.value.id == "solution" else set()
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.add(node.name)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                bound.add(node.id)
        loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {name for name in loaded - bound if not hasattr(builtins, name)}
        hidden |= {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        } - bound
    return (names - {"solution"}) or hidden


def _parsed(test: str) -> ast.Module:
    try:
        return ast.parse(test)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise MalformedGroundTruth(f"a test is no Python: {error}") from error


def _refuse_imports(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            top = module.partition(".")[0]
            if top != "solution" and top not in sys.stdlib_module_names:
                raise MalformedGroundTruth(f"a test imports {top}, which the sandbox has not")
            if any(part in _PATCHES for part in module.split(".")):
                raise MalformedGroundTruth(
                    f"a test imports {module}: it patches what it cannot reach, since the program "
                    "runs in another process"
                )


def _refuse_subclasses(tree: ast.Module, theirs: set[str]) -> None:
    for node in ast.walk(tree):
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        for base in bases:
            if isinstance(base, ast.Name) and base.id in theirs:
                raise MalformedGroundTruth(
                    f"a test derives a class from the program's {base.id}, which runs in another "
                    "process"
                )


def _needed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function must be given arguments."""
    return len(node.args.args) > len(node.args.defaults) or any(
        default is None for default in node.args.kw_defaults
    )


def _is_case(node: ast.ClassDef) -> bool:
    names = [
        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        for base in node.bases
    ]
    tests = any(
        isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name.startswith("test")
        for part in node.body
    )
    return tests and ("TestCase" in "".join(names) or node.name.startswith("Test"))


def _reached(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that runs when the source does: not what is inside functions nobody calls."""
    functions = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    waiting: list[ast.AST] = list(tree.body)
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and _is_main(node.test):
            continue
        yield node
        waiting += list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
            seen.add(node.id)
            waiting += functions[node.id].body


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and getattr(test.left, "id", "") == "__name__"


def _acts(node: ast.AST) -> bool:
    """Whether a statement can fail because of what a program computes."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") != "print"
    return isinstance(node, ast.Raise)
