"""Which modules a module really uses, read from the files without running them.

graph = ImportGraph({"curriculab": Path("curriculab")})
graph.closure(["curriculab.methods.order.pudf"])   # {"curriculab.difficulty.irt.response": "9b1f...", ...}

What counts: imports of every kind, those inside functions included; those under TYPE_CHECKING decide nothing. A name
taken from a package counts as the module that defines it, so that one method of `curriculab.methods` does not bring in
all the others. Of each module the syntax tree is hashed without docstrings and without the help texts of knobs: another
comment, another explanation, another layout is the same code.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Use = tuple[str, tuple[str, ...]]  # a module, and the names that are taken from it, one within the other


@dataclass(frozen=True)
class Source:
    """One file: digest of its syntax tree, what it uses, and its names: those it defines, and those it imports."""

    digest: str
    uses: frozenset[Use]
    defined: frozenset[str]
    imported: Mapping[str, Use]
    texts: frozenset[str]


class ImportGraph:
    """Modules below the folders of some packages, or of single files; all other modules are left out.

    Parameters
    ----------
    homes : mapping of str to Path
        The folder (or the file) of each top-level name that is followed.
    """

    def __init__(self, homes: Mapping[str, Path]) -> None:
        self.homes = dict(homes)
        self._found: dict[str, Path | None] = {}
        self._extended: dict[tuple[tuple[str, Path], ...], ImportGraph] = {}

    def extended(self, homes: Mapping[str, Path]) -> ImportGraph:
        """A graph that follows other top-level names as well; this one stays as it is."""
        key = tuple(sorted(homes.items()))
        if key not in self._extended:
            self._extended[key] = ImportGraph({**homes, **self.homes})
        return self._extended[key]

    def locate(self, name: str) -> Path | None:
        """The file of a module, None where it is none of those that are followed."""
        if name not in self._found:
            self._found[name] = self._locate(name)
        return self._found[name]

    def _locate(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        home = self.homes.get(top)
        if home is None or home.is_file():
            return None if rest else home
        path = home.joinpath(*rest)
        candidates = [path / "__init__.py", *([path.with_name(f"{path.name}.py")] if rest else [])]
        return next((c for c in candidates if c.is_file()), None)

    def source(self, name: str) -> Source:
        """A module's file, read once for each state it is found in."""
        path = self.locate(name)
        if path is None:
            raise ValueError(f"no file of a module {name!r} is found in {', '.join(map(str, self.homes.values()))}")
        state = path.stat()
        return _read(str(path), name, state.st_mtime_ns, state.st_size)

    def closure(self, roots: Iterable[str | Use]) -> dict[str, str]:
        """Digest of every module that the roots use, themselves included, by name in alphabetical order."""
        found: dict[str, str] = {}
        stack: list[str] = []
        for root in roots:
            if isinstance(root, str) and root.split(".")[0] in self.homes:
                self.source(root)  # raises where it is mistyped
            stack += [root] if isinstance(root, str) else self.resolve(*root)
        while stack:
            name = stack.pop()
            if name in found or self.locate(name) is None:
                continue
            source = self.source(name)
            found[name] = source.digest
            for module, inner in source.uses:
                stack += self.resolve(module, inner)
        return dict(sorted(found.items()))

    def resolve(self, module: str, names: tuple[str, ...], seen: frozenset[Use] = frozenset()) -> set[str]:
        """The modules that define what `names` leads to from a module; empty where none of them is followed."""
        path = self.locate(module)
        if path is None or (module, names) in seen:
            return set()
        if path.name != "__init__.py":
            return {module}
        if not names or names[0].startswith("__"):
            return set()  # the version and the like: values that records hold themselves
        seen, first, rest = seen | {(module, names)}, names[0], names[1:]
        source, inner = self.source(module), f"{module}.{first}"
        if first == "*":
            return {module}
        told = source.imported.get(first)
        if told is not None and told != (module, (first,)):
            return self.resolve(told[0], (*told[1], *rest), seen)
        if self.locate(inner) is not None:
            return self.resolve(inner, rest, seen)
        if first in source.defined:
            return {module}
        return self._lazy(module, first, rest, seen)

    def _lazy(self, package: str, name: str, rest: tuple[str, ...], seen: frozenset[Use]) -> set[str]:
        """A name that a package loads when it is first asked for: from its stub, or from the module that defines it."""
        home = self.locate(package)
        stub = home.with_suffix(".pyi")
        if stub.is_file():
            state = stub.stat()
            told = _read(str(stub), package, state.st_mtime_ns, state.st_size).imported.get(name)
            if told is not None:
                return self.resolve(told[0], (*told[1], *rest), seen)
        below = [_module_name(package, home.parent, path) for path in sorted(home.parent.rglob("*.py"))]
        of_its_name = [m for m in below if m.rpartition(".")[2] == name]
        for modules in (of_its_name, below):
            found = {m for m in modules if name in self.source(m).defined}
            if found:
                return found
        return set()


def _module_name(package: str, home: Path, path: Path) -> str:
    parts = path.relative_to(home).with_suffix("").parts
    return ".".join([package, *parts]).removesuffix(".__init__")


@functools.lru_cache(maxsize=4096)
def _read(path: str, name: str, changed: int, size: int) -> Source:
    text = Path(path).read_text(encoding="utf-8")
    package = name if Path(path).name.startswith("__init__.") else name.rpartition(".")[0]
    return read_source(text, package)


def read_source(text: str, package: str = "", known: Mapping[str, Use] | None = None) -> Source:
    """What a text of Python uses. known: names that mean something before it begins, such as a notebook's imports."""
    tree = ast.parse(text)
    running = list(_running(tree))
    uses: set[Use] = set()
    bound: dict[str, set[Use]] = {name: {use} for name, use in (known or {}).items()}
    for node in running:
        for name, use in _imports(node, package):
            uses.add(use)
            bound.setdefault(name, set()).add(use)
    uses.update(use for node in running for use in _attributes(node, bound))
    imported = {name: use for node in tree.body for name, use in _imports(node, package)}
    texts = frozenset(text for node in running for text in _texts(node))
    return Source(tree_digest(tree), frozenset(uses), frozenset(_defined(tree)), imported, texts)


def _imports(node: ast.AST, package: str) -> Iterator[tuple[str, Use]]:
    """Names that an import statement binds, and what each one is."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name, (alias.name, ())
            if not alias.asname:
                top = alias.name.split(".")[0]
                yield top, (top, ())
    elif isinstance(node, ast.ImportFrom):
        module = _absolute(node, package)
        for alias in node.names:
            yield alias.asname or alias.name, (module, (alias.name,))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    home = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*home, *([node.module] if node.module else [])])


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and _type_checking(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _type_checking(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


def _attributes(node: ast.AST, bound: Mapping[str, set[Use]]) -> Iterator[Use]:
    """What is reached through an imported name: `methods.sec` is ("curriculab.methods", ("sec",))."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    if names and isinstance(node, ast.Name):
        for module, inner in bound.get(node.id, ()):
            yield module, (*inner, *names)


def _defined(tree: ast.Module) -> Iterator[str]:
    """Names that a module's top level defines itself."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def _texts(node: ast.AST) -> Iterator[str]:
    """Short texts, and names of attributes: among them the columns that the code reads."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= 100:
        yield node.value
    elif isinstance(node, ast.Attribute):
        yield node.attr


# -- the syntax tree ----------------------------------------------------------------------------------------------
def tree_digest(tree: ast.AST) -> str:
    """Digest (16 hex digits) of a syntax tree without docstrings and help texts of knobs."""
    return hashlib.blake2b(repr(_plain(tree)).encode(), digest_size=8).hexdigest()


def text_digest(text: str) -> str:
    """`tree_digest` of a text of Python; of the text itself where it is only a part of a statement."""
    try:
        return tree_digest(ast.parse(text))
    except SyntaxError:
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _plain(value: object) -> object:
    """A node as nested tuples without what is empty: versions of Python differ in which empty fields there are."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = dict(ast.iter_fields(value))
    if isinstance(value, DOCUMENTED) and ast.get_docstring(value, clean=False) is not None:
        fields["body"] = value.body[1:]
    if isinstance(value, ast.Call) and _called(value) == "Knob":
        fields["args"] = value.args[:2]  # (low, high, help)
        fields["keywords"] = [k for k in value.keywords if k.arg != "help"]
    return (type(value).__name__, *((k, _plain(v)) for k, v in fields.items() if v not in (None, [])))


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))
