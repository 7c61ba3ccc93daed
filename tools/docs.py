"""Build the documentation site, without network: `python -m tools.docs`, or `make docs`.

    docs/*.md                 the guides                           -> site/*.html
    public names              their docstrings                     -> site/api/*.html
    the catalogue of methods  one section a method                 -> site/methods.html
    notebooks/*.ipynb         executed, a page of their own each   -> site/notebooks/*.html

Executing the notebooks takes minutes. An executed page is kept in `.docs-cache/` under a digest of the notebook and
of the package's source, so that it is made anew only when either changes; `--notebooks as-they-are` executes none.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import shutil
import sys
import tempfile
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from types import ModuleType

import nbformat
from sphinx.cmd.build import main as sphinx

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".docs-cache"
PACKAGES = (
    "data",
    "difficulty",
    "methods",
    "objectives",
    "rewards",
    "environments",
    "engine",
    "simulation",
    "bench",
    "runs",
    "statistics",
    "figures",
    "paper",
    "widgets",
    "registry",
    "protocol",
)


def build(to: Path, *, execute: bool, notebooks: Iterable[Path] | None = None) -> int:
    """Write the site into the folder `to`; the number of Sphinx's errors (0: all went well)."""
    if notebooks is None:
        notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "docs")
        shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "CHANGELOG.md", folder)
        write_api(source / "api")
        write_methods(source / "methods.md")
        write_notebooks(list(notebooks), source, execute=execute)
        return sphinx(["-q", "-b", "html", "-c", str(source), str(source), str(to)])


def write_api(folder: Path) -> None:
    """One page a package, with the public names of it."""
    folder.mkdir()
    lines = ["# API reference", "", "Public names, from their docstrings.", "", "```{toctree}", "curriculab"]
    (folder / "curriculab.md").write_text(page(importlib.import_module("curriculab")))
    for name in PACKAGES:
        module = importlib.import_module(f"curriculab.{name}")
        (folder / f"{name}.md").write_text(page(module))
        lines.append(name)
    (folder / "index.md").write_text("\n".join([*lines, "```", ""]))


def page(module: ModuleType) -> str:
    """The docstring of a package and one entry for every public name that is no module."""
    parts = [
        f"# {module.__name__}",
        "",
        "```{eval-rst}",
        f".. automodule:: {module.__name__}",
        "   :no-members:",
        "```",
    ]
    for name in public(module):
        value = getattr(module, name, None)
        if value is None or isinstance(value, ModuleType):
            continue  # a module of its own page, or of none
        options = ["   :no-index:"] if module.__name__ == "curriculab" else []  # each has its place in a subpackage
        parts += ["", "```{eval-rst}", *directive(f"{module.__name__}.{name}", value), *options, "```"]
    return "\n".join([*parts, ""])


def public(module: ModuleType) -> list[str]:
    """`__all__`, or the names that a module defines itself."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return sorted(name for name in own if not name.startswith("_"))


def directive(name: str, value: object) -> list[str]:
    """How Sphinx is asked to document a value."""
    if inspect.isclass(value):
        return [f".. autoclass:: {name}", "   :members:"]
    if callable(value):
        return [f".. autofunction:: {name}"]
    shown = repr(value)
    return [f".. py:data:: {name}", f"   :value: {shown if len(shown) <= 100 else shown[:100] + ' ...'}"]


def write_methods(path: Path) -> None:
    """The catalogue: a section a method, with its head and its signature."""
    methods = importlib.import_module("curriculab.methods")
    basis = importlib.import_module("curriculab.bench.checking").basis
    parts = [
        "# Methods",
        "",
        "Every method that is written, grouped by what it varies. `curriculab methods` lists them. A status is that of",
        "the claim in the method's file: held or refuted on a simulated student, which is no promise for a model;",
        "*mechanism* where only what the method decides is claimed; *not testable at this size* where the claimed",
        "effect is below what the check can detect; *stale* where code that the check runs has changed since.",
    ]
    group = None
    for entry in methods.CATALOG:
        if not entry.path.exists():
            continue
        if entry.group != group:
            group = entry.group
            parts += ["", f"## {group}"]
        head = inspect.getdoc(sys.modules[getattr(methods, entry.function).__module__]) or ""
        parts += ["", f"### {entry.title}", "", "```text", head, "```", ""]
        parts += [f"Status: {entry.status}{basis(entry)}.", ""]
        parts += ["```{eval-rst}", f".. autofunction:: curriculab.methods.{entry.function}", "```"]
    path.write_text("\n".join([*parts, ""]))


def write_notebooks(paths: list[Path], source: Path, *, execute: bool) -> None:
    """A page a notebook under `_extra/notebooks`, and the page that lists them."""
    pages = source / "_extra" / "notebooks"
    pages.mkdir(parents=True)
    lines = ["# Notebooks", ""]
    lines.append("Executed on a CPU with the embedded model." if execute else "Not executed in this build.")
    lines += ["Run them yourself with `make lab`.", ""]
    for path in paths:
        shutil.copy(notebook_page(path, execute=execute), pages / f"{path.stem}.html")
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].removeprefix("# ")
        lines.append(f'- <a href="notebooks/{path.stem}.html">{path.stem[:2]}: {title}</a>')
    (source / "notebooks.md").write_text("\n".join([*lines, ""]))


def notebook_page(path: Path, *, execute: bool) -> Path:
    """The notebook as HTML, from the cache where notebook and package are unchanged."""
    run = importlib.import_module("notebooks.run")
    kept = CACHE / f"{path.stem}-{digest(path) if execute else 'as-it-is'}.html"
    if execute and kept.exists():
        return kept
    notebook = nbformat.read(path, as_version=4)
    if execute:
        print(f"executing {path.name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            run.execute(notebook, cwd=Path(folder), report=lambda line: None)
        for old in CACHE.glob(f"{path.stem}-*.html"):
            old.unlink()
    run.write_html(notebook, kept)
    return kept


def digest(path: Path) -> str:
    """A digest of the notebook and of the package's source."""
    found = blake2b(path.read_bytes(), digest_size=8)
    for source in sorted((ROOT / "curriculab").rglob("*.py")):
        found.update(source.read_bytes())
    return found.hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "site", help="folder of the site (default: site)")
    parser.add_argument("--notebooks", choices=("executed", "as-they-are"), default="executed")
    options = parser.parse_args(arguments)
    failed = build(options.to, execute=options.notebooks == "executed")
    print(f"{options.to / 'index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
