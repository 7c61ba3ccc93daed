"""What editors offer: completions and signatures as jedi finds them, without running anything; and `dir()`."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import jedi
import pytest

import curriculab as cl

ROOT = Path(__file__).parents[1]
PROJECT = jedi.Project(ROOT)
HEAD = "import curriculab as cl\n"
PACKAGES = ["curriculab"] + sorted(p.name for p in pkgutil.walk_packages(cl.__path__, "curriculab.") if p.ispkg)


def completions(code: str) -> set[str]:
    found = jedi.Script(HEAD + code, project=PROJECT).complete()
    return {name.name for name in found if not name.name.startswith("_")}


def signature(call: str) -> jedi.api.classes.Signature:
    (found,) = jedi.Script(f"{HEAD}{call}(", project=PROJECT).get_signatures()
    return found


def test_the_package_completes_to_its_public_names() -> None:
    found = completions("cl.")
    assert found >= set(cl.__all__)
    assert found - set(cl.__all__) == {"cli"}  # a module beside the packages


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("cl.load_pool('ladder', n=10, seed=0)", {"groupby", "index", "columns", "query"}),
        ("cl.Bench(model, train, test).run({})", {"items", "exposure", "metrics", "variants", "seeds", "failed"}),
        ("cl.compare(runs)", {"table", "levels", "scores", "verdict", "null"}),
        ("cl.difficulty.answer_loss(pool, model)", {"groupby", "rank", "to_frame"}),
        ("cl.load_runs('runs')", {"items", "exposure"}),
        ("cl.simulate({}, pool)", {"items", "exposure"}),
        ("cl.tables", {"comparison", "levels"}),
        ("cl.report", {"methods_paragraph", "write"}),
    ],
)
def test_results_complete_to_what_they_offer(value: str, names: set[str]) -> None:
    assert completions(f"x = {value}\nx.") >= names


@pytest.mark.slow
def test_signatures_name_parameters_and_result() -> None:
    assert [p.name for p in signature("cl.load_pool").params][:2] == ["source", "columns"]
    assert signature("cl.compare").to_string().endswith("-> Comparison")


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_shows_public_names_only(package: str) -> None:
    module = importlib.import_module(package)
    shown = dir(module)
    assert set(module.__all__) <= set(shown)
    for name in shown:
        assert not name.startswith("_"), name
        value = getattr(module, name)
        assert not isinstance(value, ModuleType) or name in module.__all__, f"{name} is a module that is not public"


def test_every_package_is_marked_as_typed() -> None:
    assert (ROOT / "curriculab" / "py.typed").exists()
    assert sorted(cl.__all__) == cl.__all__ == dir(cl)
