"""Tests stand where the package stands: tests/engine/test_lora.py tests curriculab/engine/lora.py.

Modules without a test file of their own are listed in `modules_without_tests.json`; the list may only shrink.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WITHOUT = json.loads((ROOT / "tests" / "modules_without_tests.json").read_text())

OF_THE_REPOSITORY = {"benchmarks", "tools"}  # tests/tools/test_make_stubs.py tests tools/make_stubs.py
OF_NOTEBOOKS = {"browser", "notebooks"}  # what these test is a notebook, or all of them
CONTRACTS = {  # test files over all units of a package, and why they are not one file a unit
    "tests/methods/test_contract.py": "one contract for every method of the catalogue, a new one included",
    "tests/methods/test_budgets.py": "every method under each axis of a budget, and the shares of its stages",
    "tests/methods/test_knobs.py": "help and bounds of every knob, those of a new method included",
    "tests/methods/test_planted.py": "errors planted into every method, each seen by its check or by a test",
    "tests/methods/test_on_the_model.py": "the same for every method, answered by a model instead of a student",
    "tests/widgets/test_defaults.py": "each panel of a notebook against the Python that it shows",
}
# A unit of these is one file: a contract holds it, so that a new one needs no test file.
OPEN_SETS = {
    "curriculab/data/sources",
    "curriculab/difficulty/measures",
    "curriculab/methods/online",
    "curriculab/methods/order",
    "curriculab/methods/reward",
    "curriculab/objectives",
    "curriculab/rewards/verifiers",
}


def files_of_tests(root: Path) -> list[Path]:
    """Test files in the folders of tests; those right in tests/ are about the repository as a whole."""
    paths = (path.relative_to(root / "tests") for path in sorted((root / "tests").rglob("test_*.py")))
    return [path for path in paths if len(path.parts) > 1 and path.parts[0] not in OF_NOTEBOOKS]


def unit_of(test: Path) -> Path:
    """The module that a test file is named after."""
    folder = Path() if test.parts[0] in OF_THE_REPOSITORY else Path("curriculab")
    return folder / test.with_name(test.name.removeprefix("test_"))


def without_unit(root: Path) -> list[str]:
    names = {f"tests/{path.as_posix()}" for path in files_of_tests(root) if not (root / unit_of(path)).is_file()}
    return sorted(names - set(CONTRACTS))


def without_test(root: Path) -> set[str]:
    """Modules of the package without a test file of their own, those of open sets excepted."""
    found = set()
    for path in (root / "curriculab").rglob("*.py"):
        module = path.relative_to(root)
        if path.name.startswith("__") or module.parent.as_posix() in OPEN_SETS:
            continue
        folder = root / "tests" / module.parent.relative_to("curriculab")
        if not (folder / f"test_{path.name}").is_file():
            found.add(module.as_posix())
    return found


def test_every_test_file_is_named_after_its_unit() -> None:
    assert without_unit(ROOT) == [], "name it after a module of that package, or move what it tests to such a file"


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_is_there_and_has_no_unit(name: str) -> None:
    assert (ROOT / name).is_file() and CONTRACTS[name]
    assert not (ROOT / unit_of(Path(name).relative_to("tests"))).exists()


def test_new_modules_have_a_test_file() -> None:
    new = sorted(without_test(ROOT) - set(WITHOUT))
    assert new == [], "write tests/PACKAGE/test_MODULE.py; modules_without_tests.json only shrinks"


def test_the_list_of_modules_without_a_test_file_only_shrinks() -> None:
    gone = sorted(set(WITHOUT) - without_test(ROOT))
    assert gone == [], "strike these from modules_without_tests.json: they have a test file now, or are gone"
    assert sorted(set(WITHOUT)) == WITHOUT


def test_a_file_without_unit_and_a_module_without_tests_are_found(tmp_path: Path) -> None:
    planted = ("curriculab/engine/lora.py", "curriculab/engine/new.py", "curriculab/engine/irt/marginal.py")
    planted += ("curriculab/protocol.py", "tools/stubs.py", "tests/test_anything.py", "tests/test_protocol.py")
    planted += ("tests/engine/test_lora.py", "tests/engine/test_irt.py", "tests/engine/irt/test_marginal.py")
    planted += (
        "tests/lora/test_new.py",
        "tests/tools/test_stubs.py",
        "tests/tools/test_none.py",
        "tests/engine/made.py",
    )
    for name in planted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert without_unit(tmp_path) == ["tests/engine/test_irt.py", "tests/lora/test_new.py", "tests/tools/test_none.py"]
    assert without_test(tmp_path) == {"curriculab/engine/new.py"}
