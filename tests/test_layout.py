"""The layout of the package: who imports whom, how large files and classes are, and how plain statements are.

What stands against a rule still is counted in `layout_exceptions.json`; its numbers may only shrink.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
EXCEPTIONS = json.loads((ROOT / "tests" / "layout_exceptions.json").read_text())

LONGEST_FILE = 450
LONGEST_CLASS = 220
MOST_PACKAGES = 16
MOST_FILES_AT_THE_TOP = 3
MOST_LINES_EXEMPT_FROM_FORMATTING = 20
TABLES_OF_DATA = {"curriculab/data/clinic_world.py"}
MAY_IMPORT_BY_NAME = re.compile(r"curriculab/(registry/\w+|cli|(\w+/)*__init__)\.py")

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((root / "curriculab").rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text())


# Imports


def recipe(target: str) -> list[list[str]]:
    """The commands of a target of the Makefile, with the programs of the Python that runs this test."""
    makefile = (ROOT / "Makefile").read_text()
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert lines, f"the Makefile has no target {target}"
    programs = Path(sys.executable).parent
    replaced = lines[1].replace("$(PY)", ".venv/bin/python").replace(".venv/bin/", f"{programs}/")
    return [line.split() for line in replaced.splitlines()]


def lint(root: Path) -> str:
    """What `make lint` says of the imports of the package in `root`; nothing where it finds nothing."""
    (command,) = (words for words in recipe("lint") if words[0].endswith("lint-imports"))
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout


def imported_by_name(root: Path) -> list[str]:
    """Calls of `import_module` and `__import__`, which import-linter does not see, where they may not stand."""
    found = []
    for path, tree in modules(root):
        for node in ast.walk(tree):
            called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if called in ("import_module", "__import__") and not MAY_IMPORT_BY_NAME.fullmatch(path):
                found.append(path)
    return found


def circles(root: Path) -> list[list[str]]:
    """Modules that import each other, packages' `__init__` files included."""
    graph = grimp.build_graph("curriculab", cache_dir=None) if root == ROOT else graph_of(root)
    reached = {name: graph.find_upstream_modules(name) for name in graph.modules if name != "curriculab"}
    together = {frozenset([a, *(b for b in above if a in reached.get(b, ()))]) for a, above in reached.items()}
    return sorted(sorted(names) for names in together if len(names) > 1)


def graph_of(root: Path) -> grimp.ImportGraph:
    """The imports of a copy of the package, read by a process that finds that copy first."""
    code = "import grimp; g = grimp.build_graph('curriculab', cache_dir=None); "
    code += "print([(m, sorted(g.find_modules_directly_imported_by(m))) for m in g.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    graph = grimp.ImportGraph()
    for module, imported in ast.literal_eval(result.stdout):
        graph.add_module(module)
        for other in imported:
            graph.add_import(importer=module, imported=other)
    return graph


@pytest.mark.slow
@pytest.mark.parametrize("command", recipe("lint"), ids=lambda command: " ".join(command[1:])[-40:])
def test_make_lint_finds_nothing(command: list[str]) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_make_lint_checks_style_layout_and_imports() -> None:
    checks = [" ".join(command) for command in recipe("lint")]
    assert all(any(what in check for check in checks) for what in ("ruff check .", "ruff format --check", "imports"))


def test_only_registries_and_lazy_packages_import_by_name() -> None:
    found = imported_by_name(ROOT)
    assert len(found) <= EXCEPTIONS["imports_by_name"], found


def test_no_module_imports_itself_by_way_of_others() -> None:
    found = circles(ROOT)
    assert len(found) <= EXCEPTIONS["circles"], found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and the rules, to plant faults in."""
    ignore = shutil.ignore_patterns("__pycache__", "*.json", "embedded")
    shutil.copytree(ROOT / "curriculab", tmp_path / "curriculab", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(root: Path, path: str, code: str) -> None:
    file = root / "curriculab" / path
    file.write_text(f"{file.read_text()}\n{code}\n")


UPWARD = {
    "at the top": "from curriculab.widgets.panel import Panel",
    "late": "def late():\n    from curriculab.widgets.panel import Panel\n    return Panel",
    "type-only": "if TYPE_CHECKING:\n    import curriculab.widgets.panel",
}


@pytest.mark.slow
@pytest.mark.parametrize("code", UPWARD.values(), ids=UPWARD)
def test_an_import_of_an_upper_layer_is_found(copy: Path, code: str) -> None:
    plant(copy, "data/splitting.py", code)
    assert "curriculab.data.splitting -> curriculab.widgets.panel" in lint(copy)


@pytest.mark.slow
def test_a_circle_is_found(copy: Path) -> None:
    plant(
        copy, "figures/theme.py", "def late():\n    from curriculab.figures.explore import explore\n    return explore"
    )
    assert ".theme -> .explore" in lint(copy)


@pytest.mark.slow
def test_a_circle_by_way_of_a_package_is_found(copy: Path) -> None:
    plant(copy, "figures/theme.py", "def late():\n    from curriculab.figures import palette\n    return palette")
    (found,) = [names for names in circles(copy) if "curriculab.figures.theme" in names]
    assert "curriculab.figures" in found


def test_an_import_by_name_is_found(copy: Path) -> None:
    plant(copy, "data/splitting.py", "import importlib\nlate = importlib.import_module('curriculab.widgets.panel')")
    assert "curriculab/data/splitting.py" in imported_by_name(copy)


# Sizes


def long_files(root: Path) -> list[str]:
    paths = [path for path in sorted((root / "curriculab").rglob("*.py")) if len(lines(path)) > LONGEST_FILE]
    return [name for name in (path.relative_to(root).as_posix() for path in paths) if name not in TABLES_OF_DATA]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def long_classes(root: Path) -> list[str]:
    found = []
    for path, tree in modules(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.end_lineno - node.lineno + 1 > LONGEST_CLASS:
                found.append(path)
    return found


def without_docstring(root: Path) -> list[str]:
    """Packages whose docstring does not say what belongs there, in ten words or more."""
    packages = ((path, tree) for path, tree in modules(root) if path.endswith("__init__.py"))
    return [path for path, tree in packages if len((ast.get_docstring(tree) or "").split()) < 10]


def test_files_and_classes_are_short() -> None:
    files, classes = long_files(ROOT), long_classes(ROOT)
    assert len(files) <= EXCEPTIONS["long_files"], files
    assert len(classes) <= EXCEPTIONS["long_classes"], classes


def test_the_top_of_the_package_tells_the_story() -> None:
    top = ROOT / "curriculab"
    packages = [path for path in top.iterdir() if (path / "__init__.py").exists()]
    files = [path for path in top.glob("*.py")]
    assert len(packages) <= MOST_PACKAGES
    assert len(files) <= MOST_FILES_AT_THE_TOP
    assert all(len(list(package.rglob("*.py"))) > 1 for package in packages), "a package without modules"


def test_every_package_says_what_belongs_there() -> None:
    assert without_docstring(ROOT) == []


def test_faults_of_size_are_found(copy: Path) -> None:
    long_class = "class Long:\n" + "    x = 0\n" * LONGEST_CLASS
    plant(copy, "data/splitting.py", long_class)
    plant(copy, "data/mapping.py", "# line\n" * LONGEST_FILE)
    (copy / "curriculab" / "data" / "__init__.py").write_text('"""TODO"""\n')
    assert "curriculab/data/splitting.py" in long_classes(copy)
    assert "curriculab/data/mapping.py" in long_files(copy)
    assert without_docstring(copy) == ["curriculab/data/__init__.py"]


# Plain statements


def nested_comprehensions(tree: ast.AST, inside: bool = False) -> int:
    """How many comprehensions stand inside another one."""
    found = 0
    for child in ast.iter_child_nodes(tree):
        comprehension = isinstance(child, COMPREHENSIONS)
        found += comprehension and inside
        found += nested_comprehensions(child, inside or comprehension)
    return found


def chained_conditionals(tree: ast.AST) -> int:
    """How many conditional expressions have another one as condition or as one of their values."""
    conditionals = [node for node in ast.walk(tree) if isinstance(node, ast.IfExp)]
    parts = [(node.test, node.body, node.orelse) for node in conditionals]
    return sum(any(isinstance(part, ast.IfExp) for part in three) for three in parts)


def counted(count: Callable[[ast.AST], int]) -> Counter[str]:
    """How often by file, without the files that hold none."""
    return +Counter({path: count(tree) for path, tree in modules(ROOT)})


@pytest.mark.parametrize("count", [nested_comprehensions, chained_conditionals], ids=lambda count: count.__name__)
def test_statements_are_plain(count: Callable[[ast.AST], int]) -> None:
    found = counted(count)
    assert found.total() <= EXCEPTIONS[count.__name__], f"write as plain statements in {dict(found)}"


def test_dense_expressions_are_found() -> None:
    nested = ast.parse(
        "[[x for x in row] for row in table]\n[x for x in row if x]\n{k: {v: [w for w in v]} for k in a}"
    )
    assert nested_comprehensions(nested) == 2
    chained = ast.parse("a if b else c if d else e\na if b else c\n(a if b else c) if d else e")
    assert chained_conditionals(chained) == 2


def test_few_lines_are_exempt_from_the_formatter() -> None:
    mark = "# fmt" + ": skip"
    folders = ("benchmarks", "curriculab", "tests", "tools")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert sum(path.read_text().count(mark) for path in files) <= MOST_LINES_EXEMPT_FROM_FORMATTING
