"""Registries: found by name without importing, closest names, a stable order, units of other packages."""

import subprocess
import sys

import pytest

from curriculab.registry.registry import Registry, Unit, decorated_units, judge
from curriculab.rewards import verify_rows

COLOURS = '''
"""Two colours."""
raise_if_imported = __import__("seen")

def plain():
    pass

@colour
def red():
    return "f00"

@registry.colour("deep blue", warm=False, near=("violet", "black"))
def blue():
    return "00f"
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `paints` with two colours in `paints.colours` and one in `paints.more.metal`; `seen` cannot be had."""
    (tmp_path / "paints" / "more").mkdir(parents=True)
    for folder in ("paints", "paints/more"):
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "paints" / "colours.py").write_text(COLOURS)
    (tmp_path / "paints" / "more" / "metal.py").write_text(
        "from curriculab.registry.registry import Registry\n"
        "def colour(f): return f\n"
        "@colour\n"
        "class Gold:\n"
        "    shine = 9\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [m for m in sys.modules if m.split(".")[0] in ("paints", "others", "broken")]:
        del sys.modules[name]


def offer(folder, distribution, lines):
    """An installed package that offers entry points of the group curriculab.colours."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[curriculab.colours]\n" + "\n".join(lines) + "\n")


def test_units_of_a_package_are_found_in_its_files_without_importing_them(package):
    found = Registry("colour", "paints")
    assert list(found) == ["red", "deep blue", "Gold"]  # files by path, units by line
    blue = found.unit("deep blue")
    assert (blue.module, blue.attribute) == ("paints.colours", "blue")
    assert blue.about == {"warm": False, "near": ("violet", "black")}
    assert "paints.colours" not in sys.modules and "paints.more.metal" not in sys.modules
    assert "deep blue" in found and "green" not in found and len(found) == 3


def test_a_unit_is_imported_when_it_is_looked_up(package):
    found = Registry("colour", "paints")
    assert found["Gold"].shine == 9
    assert "paints.more.metal" in sys.modules and "paints.colours" not in sys.modules
    with pytest.raises(ImportError, match="No module named 'seen'"):
        found["red"]


def test_an_unknown_name_is_answered_with_the_closest_one(package):
    class ColourError(ValueError):
        pass

    with pytest.raises(ColourError) as error:
        Registry("colour", "paints", error=ColourError)["gold"]
    assert str(error.value) == "no colour 'gold'; did you mean 'Gold'? there are: red, deep blue, Gold"
    with pytest.raises(ValueError) as error:
        Registry("colour")["x"]
    assert str(error.value) == "no colour 'x'; there are: none yet"


def test_the_decorator_returns_what_it_registers():
    shapes = Registry("shape")

    @shapes.register
    def ring():
        return "o"

    @shapes.register("square", corners=4)
    class Square:
        pass

    assert ring() == "o" and shapes["ring"] is ring and shapes["square"] is Square
    assert shapes.unit("square").about == {"corners": 4}
    assert list(shapes) == ["ring", "square"]


def test_a_name_is_given_once_but_a_cell_may_run_again():
    shapes = Registry("shape")

    def ring():
        return 1

    shapes.register(ring)
    ring.__code__ = (lambda: 2).__code__  # the same function of the same place, written anew
    shapes.register(ring)

    def other():
        pass

    with pytest.raises(ValueError) as error:
        shapes.register("ring")(other)
    place = f"{__name__}:test_a_name_is_given_once_but_a_cell_may_run_again.<locals>.ring"
    assert str(error.value) == f"there is a shape 'ring' already ({place}); register this one by another name"


def test_an_own_name_is_not_taken_from_outside(package):
    found = Registry("colour", "paints")
    with pytest.raises(ValueError, match=r"there is a colour 'red' already \(paints.colours:red\)"):
        found.register("red")(lambda: None)


def test_arguments_of_the_decorator_are_written_out(package):
    (package / "paints" / "bad.py").write_text("\n\n@colour(warm=len('ab'))\ndef grey(): pass\n")
    with pytest.raises(ValueError) as error:
        list(decorated_units("paints", "colour"))
    assert str(error.value) == (
        "paints.bad:grey (line 3): the arguments of its decorator are computed; write them out as plain values, so "
        "that they can be read without importing the file"
    )


def test_a_name_ending_in_a_colon_stands_for_all_that_begin_with_it():
    readers = Registry("reader")
    readers.register("gym:")(lambda: "any task")
    readers.register("gym:long:")(lambda: "long tasks")
    assert readers["gym:maze"]() == "any task"
    assert readers["gym:long:maze"]() == "long tasks"
    assert "gym:maze" in readers and "hf:maze" not in readers


def test_other_packages_offer_units_by_entry_points(package):
    offer(package, "other-paints", ["teal = others.teal:teal", "azure = others.teal:shades.azure"])
    (package / "others").mkdir()
    (package / "others" / "teal.py").write_text("def teal(): return '088'\nclass shades:\n    azure = '07f'\n")
    found = Registry("colour", "paints")
    assert found["Gold"] and "_entry_points" not in vars(found)  # not read as long as own names suffice
    assert list(found) == ["red", "deep blue", "Gold", "azure", "teal"]
    assert found.unit("teal") == Unit("teal", "others.teal", "teal", {}, "other-paints")
    assert "others.teal" not in sys.modules
    assert found["teal"]() == "088" and found["azure"] == "07f"


def test_a_package_installed_meanwhile_is_seen_after_refresh(package):
    found = Registry("colour", "paints")
    assert "teal" not in found
    offer(package, "other-paints", ["teal = others.teal:teal"])
    found.refresh()
    assert "teal" in found


def test_an_own_unit_is_not_replaced_by_another_package(package):
    offer(package, "other-paints", ["Gold = others.teal:teal"])
    found = Registry("colour", "paints")
    with pytest.warns(UserWarning, match="the package other-paints offers a colour 'Gold', a name that curriculab has"):
        assert list(found) == ["red", "deep blue", "Gold"]
    assert found["Gold"].shine == 9


@pytest.mark.parametrize(
    ("text", "why"),
    [("import no_such_module_at_all", "No module named 'no_such_module_at_all'"), ("", "has no attribute 'teal'")],
)
def test_an_entry_point_that_cannot_be_imported_names_its_package(package, text, why):
    offer(package, "other-paints", ["teal = broken.teal:teal"])
    (package / "broken").mkdir()
    (package / "broken" / "teal.py").write_text(text)
    with pytest.raises(ImportError) as error:
        Registry("colour", "paints")["teal"]
    said = str(error.value)
    assert said.startswith("the colour 'teal' of the package other-paints (broken.teal:teal) cannot be imported: ")
    assert why in said and said.endswith("; update or uninstall that package") and "\n" not in said


def test_units_can_be_found_another_way():
    found = Registry("colour", "paints", find=lambda package: [Unit("path", "os.path", "join", {"from": package})])
    import os

    assert found["path"] is os.path.join and found.unit("path").about == {"from": "paints"}


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="no package 'no_such_paints' to search for units; check its name"):
        list(Registry("colour", "no_such_paints"))


def test_the_registry_needs_no_torch():
    text = (
        "import sys, curriculab.registry.registry; print([m for m in ('torch', 'pandas', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "pandas", "numpy", "curriculab.protocol"} & set(out.split())


def test_what_stands_below_the_judge_finds_it():
    assert judge() is verify_rows
