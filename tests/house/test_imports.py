"""Imports inside functions: only where they put off a heavy or an optional library."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {
    "cv2", "highspy", "imagehash", "lark", "numpy", "PIL", "polars", "pyarrow", "pydicom",
    "pyspark", "rich", "scipy", "sqlglot", "torch",
}  # fmt: skip
# Modules that import others of the package when they are called, and say why on top.
FACES = {"cxr_duck", "cxr_duck.experiment_data"}
# Modules for Spark load pyspark when a session is opened, and say then what to install.
FOR_SPARK = {"cxr_duck.engines.spark.engines", "cxr_duck.engines.spark.session"}
# Spark sends it by value to workers that need not have this package.
SENT = "cxr_duck.io.urls"


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    _name(path): ast.parse(path.read_text(encoding="utf-8"))
    for path in (ROOT / "cxr_duck").rglob("*.py")
}


def _imports(nodes: Iterable[ast.AST], inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield each module that is imported, not for types alone, and whether in a function."""
    for node in nodes:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name if name in MODULES else node.module or "", inside) for name in full)
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(ast.iter_child_nodes(node), inside or function)


IMPORTS = {module: list(_imports(tree.body)) for module, tree in MODULES.items()}


@cache
def _loaded(module: str) -> frozenset[str]:
    """Return the heavy libraries that are loaded once a module of the package is imported."""
    seen: set[str] = set()
    to_see = [module]
    while to_see:
        parts = to_see.pop().split(".")
        for name in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
            if name not in seen:
                seen.add(name)
                to_see += [other for other, inside in IMPORTS.get(name, ()) if not inside]
    return frozenset(seen & HEAVY)


def test_imports_inside_functions_put_something_heavy_off() -> None:
    """Every other import of the package's own modules stands at the top, where readers look."""
    put_off = 0
    for module, imports in IMPORTS.items():
        if module in FACES or module.startswith("cxr_duck.cli"):
            continue
        for other, inside in imports:
            if not inside or not other.startswith("cxr_duck") or other in FOR_SPARK:
                continue
            put_off += 1
            heavy = _loaded(other) - _loaded(module)
            assert heavy or module == SENT, f"{module} imports {other} in a function for nothing"
    assert put_off > 5


def test_what_is_loaded_is_seen() -> None:
    """The test above sees through modules to what they load, and no further than their tops."""
    assert _loaded("cxr_duck.query.resolve") == {"lark"}
    assert _loaded("cxr_duck.query.find") == set()
    assert "numpy" in _loaded("cxr_duck.datasets.making")
    assert _loaded("cxr_duck.experiment_data") == set()


def test_packages_say_why_they_import_late() -> None:
    """Where a module imports another in a function, its package or the module says why on top."""
    for module, imports in IMPORTS.items():
        if any(inside and name.startswith("cxr_duck") for name, inside in imports):
            package = "cxr_duck.cli" if module.startswith("cxr_duck.cli") else module
            told = [package, package.rpartition(".")[0]]
            docs = [ast.get_docstring(MODULES[name]) or "" for name in told if name in MODULES]
            assert any("import" in doc for doc in docs), f"{module}: say why it imports late"
