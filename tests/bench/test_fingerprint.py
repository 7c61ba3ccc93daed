"""What decides a run: every module that a method's run imports, and nothing else."""

from __future__ import annotations

import ast
import importlib
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import curriculab
import curriculab as cl
from curriculab import methods
from curriculab.bench.fingerprint import measure_modules, run_modules
from curriculab.difficulty.registry import MEASURES
from curriculab.difficulty.survey import request_scores
from curriculab.engine.model import Model
from curriculab.methods.check import claim_digest
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft
from curriculab.registry import fingerprint
from curriculab.registry.digests import digest_of
from curriculab.registry.imports import ImportGraph

RUNS = {
    "pudf": (methods.pudf, Sft()),  # draws rows by item response theory
    "sec": (methods.sec, Grpo()),
    "easy_to_hard": (partial(methods.easy_to_hard, by="loss"), Sft()),
}
OTHERS = ("figures.curves", "widgets.panel", "statistics.comparison", "paper.tables", "methods.order.baby_steps")


class Changed(ast.NodeTransformer):
    """Changes the first number, comparison, sum or text of a module that is no docstring and no help of a knob."""

    def __init__(self, tree: ast.Module) -> None:
        self.done = False
        docs = [n.body[0].value for n in ast.walk(tree) if _has_docstring(n)]
        helps = [text for n in ast.walk(tree) for text in _helps(n)]
        self.kept = {id(node) for node in (*docs, *helps)}

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if self.done or id(node) in self.kept:
            return node
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            self.done, node.value = True, node.value + 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.done, node.value = True, f"{node.value}!"
        elif isinstance(node, ast.Compare):
            self.done = True
            node.ops[0] = ast.NotEq() if isinstance(node.ops[0], ast.Eq) else ast.Eq()
        return super().generic_visit(node)


def _has_docstring(node: ast.AST) -> bool:
    named = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    return named and ast.get_docstring(node) is not None


def _helps(node: ast.AST) -> list[ast.AST]:
    """The help texts of a knob: Knob(low, high, help), Knob(help=help)."""
    if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Knob"):
        return []
    return [*node.args[2:], *(k.value for k in node.keywords if k.arg == "help")]


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A copy of the package that digests are read from."""
    home = tmp_path / "curriculab"
    ignored = shutil.ignore_patterns("__pycache__", "embedded")
    shutil.copytree(Path(curriculab.__file__).parent, home, ignore=ignored)
    monkeypatch.setattr(fingerprint, "GRAPH", ImportGraph({"curriculab": home}))
    return home


def file_of(package: Path, module: str) -> Path:
    path = package.joinpath(*module.removeprefix("curriculab.").split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def changed(text: str) -> str | None:
    """The text with one operator or constant changed; None where it has none."""
    tree = ast.parse(text)
    change = Changed(tree)
    tree = change.visit(tree)
    return ast.unparse(tree) if change.done else None


def digest(name: str) -> str:
    method, objective = RUNS[name]
    described = fingerprint.describe(method)
    return digest_of({"method": described, "code": run_modules(Model, [objective], ["math"])})


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_change_in_any_module_of_a_run_is_another_digest(package: Path, name: str) -> None:
    method, objective = RUNS[name]
    of_method = fingerprint.modules(method.func if isinstance(method, partial) else method)
    used = [*of_method, *run_modules(Model, [objective], ["math"])]
    assert len(set(used)) > 40 and {"curriculab.bench.scheduler", "curriculab.engine.model"} <= set(used)
    assert ("curriculab.difficulty.irt.abilities" in used) == (name == "pudf")
    before, unchanged = digest(name), []
    for module in dict.fromkeys(used):
        path = file_of(package, module)
        text = path.read_text(encoding="utf-8")
        other = changed(text)
        if other is not None:
            path.write_text(other, encoding="utf-8")
            if digest(name) == before:
                unchanged.append(module)
            path.write_text(text, encoding="utf-8")
    assert not unchanged
    assert digest(name) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_change_elsewhere_or_of_words_leaves_it(package: Path, name: str) -> None:
    before = digest(name)
    measure = MEASURES.unit("pass_rate").module.removeprefix("curriculab.")
    for module in (*OTHERS, measure):
        path = file_of(package, f"curriculab.{module}")
        path.write_text(changed(path.read_text(encoding="utf-8")), encoding="utf-8")
        assert digest(name) == before, module
    path = file_of(package, "curriculab.bench.scheduler")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"""The one loop', '"""The only loop') + "\n# another comment\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text and digest(name) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("online.sec", "simulation.abilities"),  # the student
        ("online.thompson", "methods.samplers"),  # the posterior
        ("online.cures", "methods.samplers"),
        ("online.dynamic_sampling", "methods.online.difficulty_filter"),  # the rule that it shares
        ("order.corgi", "methods.order.easy_to_hard"),
        ("order.transfer_teacher", "methods.order.competence"),
        ("order.graphmasal", "methods.order.pudf"),
        ("reward.vl_cogito", "rewards.parts"),
        ("online.adcl", "bench.phases"),  # the loop
    ],
)
def test_held_goes_stale_with_whatever_the_check_runs(package: Path, method: str, changes: str) -> None:
    module = f"curriculab.methods.{method}"
    before = claim_digest(module)
    path = file_of(package, f"curriculab.{changes}")
    path.write_text(changed(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert claim_digest(module) != before


@pytest.mark.slow
def test_another_method_leaves_what_is_held(package: Path) -> None:
    module = "curriculab.methods.online.sec"
    before = claim_digest(module)
    path = file_of(package, "curriculab.methods.online.dump")
    path.write_text(changed(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert claim_digest(module) == before


def test_a_measure_that_a_method_asks_for_by_name_counts_for_that_method_alone() -> None:
    def asking(pool, run):
        loss = yield from request_scores("answer_loss", pool)
        yield cl.Train(pool.loc[loss.nlargest(run.batch).index])

    assert "curriculab.difficulty.measures.forward" in measure_modules(asking)
    assert measure_modules(partial(methods.easy_to_hard, by="answer_loss")) == {}


def test_the_text_of_a_method_in_a_folder_without_init_counts(tmp_path, monkeypatch) -> None:
    """Such a module cannot be followed by its name, so its own text and what it reaches stand for it."""
    folder = tmp_path / "loose"
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    text = "STEP = 2\n\n\ndef mine(pool, run):\n    while True:\n        yield pool.iloc[::STEP]\n"
    found = set()
    for number, version in enumerate((text, text.replace("STEP = 2", "STEP = 3"), text.replace("yield", "yield 0 or"))):
        (folder / f"methods{number}.py").write_text(version)
        module = importlib.import_module(f"loose.methods{number}")
        described = fingerprint.describe(module.mine)
        found.add(digest_of({"method": {**described, "function": "mine"}}))
    assert len(found) == 3


def test_what_was_described_before_changes_no_digest() -> None:
    """A notebook's method that reaches classes of pandas must not bring all of pandas into later digests."""

    def mine(pool, run, kind=pd.DataFrame):
        yield cl.Train(pd.concat([kind(pool)]))

    before = digest_of(fingerprint.describe(methods.easy_to_hard)), digest_of(fingerprint.describe(mine))
    fingerprint.describe({"class": pd.DataFrame, "wraps": partial})
    assert (digest_of(fingerprint.describe(methods.easy_to_hard)), digest_of(fingerprint.describe(mine))) == before
    assert not [m for m in fingerprint.modules("curriculab.runs.store", pd.concat) if m.startswith("numpy")]


def test_a_class_of_a_module_of_ones_own_counts_by_its_code(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = set()
    for number in (1, 2):
        (tmp_path / f"own_classes{number}.py").write_text(f"class Kept:\n    size = {number}\n")
        kept = importlib.import_module(f"own_classes{number}").Kept
        described = fingerprint.describe(partial(kept, 3))
        assert described["type"] == "Kept" and described["knobs"] == {"0": 3}
        found.add(described["modules"][f"own_classes{number}"])
    assert len(found) == 2


def test_rows_without_a_task_are_judged_by_modules_that_decide_the_run():
    named = run_modules(object(), [], ["ladder"])
    chosen = run_modules(object(), [], ["ladder", None])
    assert {f"curriculab.rewards.verifiers.{name}" for name in ("numbers", "math", "words", "choice")} <= {*chosen}
    assert "curriculab.rewards.verifiers.numbers" not in named and "curriculab.rewards.verifiers.exact" in named
