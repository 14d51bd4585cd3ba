"""What may import what: errors < ir < ops < stages < compiler < programs < (train, ...) < export < model < cli."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nngraph

ROOT = Path(nngraph.__file__).parent
KERNELS = ROOT.parent / "kernels" / "nngraph_kernels"
STAGES = ("declare", "lower", "differentiate", "optimize", "schedule", "plan", "emit", "run")
LAYERS = [
    ["errors", "cores"],
    ["ir"],
    ["ops"],
    [*STAGES],
    ["compiler", "domains", "machines"],
    ["programs"],
    ["train", "report", "gradcheck", "bench", "doctor"],
    ["export", "draw"],
    ["model"],
    ["interchange", "loading"],
    ["plot"],
    ["cli"],
    ["__main__"],
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}

# Imports of something above, made inside a function for the user's convenience: (module, what it imports).
UPWARD = {
    ("nngraph.declare.graph", "draw"),  # Graph.draw, _repr_svg_ and _repr_html_
    ("nngraph.declare.graph", "compiler"),
}


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Modules that a file imports, and whether it does so when it is loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {id(node) for outer in ast.walk(tree) if deferred(outer) for node in ast.walk(outer)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            whole = [f"{base}.{alias.name}" for alias in node.names] if base == "nngraph" else [base]
            yield from ((name, id(node) not in inner) for name in whole)


def deferred(node: ast.AST) -> bool:
    typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    return typing_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def part_of(module: str) -> str:
    names = module.split(".")
    return names[1] if names[0] == "nngraph" and len(names) > 1 else ""


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_downward(path: Path):
    own = part_of(name_of(path))
    assert own in LEVEL, f"{path}: a part of nngraph that the import rule does not name"
    for module, at_once in imports(path):
        other = part_of(module)
        if not other or other == own or (not at_once and (name_of(path), other) in UPWARD):
            continue
        assert other in LEVEL, f"{path} imports {module}, which the import rule does not name"
        assert LEVEL[other] < LEVEL[own], f"{path} imports {module}: only {LAYERS[: LEVEL[own]]} stand below it"


@pytest.mark.parametrize("path", sorted(KERNELS.rglob("*.py")), ids=lambda path: path.name)
def test_kernels_import_nothing_of_nngraph(path: Path):
    allowed = {"numpy", "numba", "llvmlite", "nngraph_kernels", *sys.stdlib_module_names}
    for module, _ in imports(path):
        assert module.split(".")[0] in allowed, f"{path} imports {module}"


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh process after `code`."""
    paths = [str(ROOT.parent), str(ROOT.parent / "kernels")]
    script = f"import sys; sys.path[:0] = {paths!r}; {code}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in run.stdout.split()}


def test_importing_nngraph_is_light():
    heavy = {"numpy", "numba", "llvmlite", "networkx", "pydantic", "onnx", "rich", "click", "safetensors"}
    assert not loaded_by("import nngraph") & heavy


def test_declaring_and_lowering_import_no_networkx():
    code = (
        "import nngraph as ng; from nngraph.lower.lower import lower; g = ng.Graph(); "
        "g.output(g.relu(g.linear(g.input('x', (3,)), 2))); lower(g.declaration())"
    )
    assert not loaded_by(code) & {"numba", "llvmlite", "networkx", "pydantic", "onnx"}


def test_compiling_imports_no_numba():
    """Unless a kernel is missing: the text of kernels is written without it."""
    assert not loaded_by("import nngraph.model, nngraph.programs") & {"numba", "networkx", "onnx"}


def test_type_checkers_see_the_public_names():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        (node.module, alias.name)
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names if alias.asname == alias.name
    }  # fmt: skip
    assert seen == {(module, name) for module, names in nngraph.PUBLIC.items() for name in names}


def test_public_names_can_be_loaded():
    for name in nngraph.__all__:
        assert getattr(nngraph, name) is not None
    assert set(nngraph.__all__) <= set(dir(nngraph))
    with pytest.raises(AttributeError, match="no attribute 'grap'"):
        nngraph.grap  # noqa: B018
