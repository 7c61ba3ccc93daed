"""Imports are followed in the files: what a module uses is found, what it does not use is not."""

import textwrap

import pytest

from curriculab.registry.imports import ImportGraph, text_digest

FILES = {
    "__init__.py": '__version__ = "1"\n',
    "tools/__init__.py": "from house.tools.saw import cut\nfrom house.tools import drill\nLENGTH = 3\n",
    "tools/saw.py": "def cut():\n    return 1\n",
    "tools/drill.py": "def bore():\n    return 2\n",
    "tools/deep/plane.py": "def plane():\n    return 3\n",
    "rooms/__init__.py": "def __getattr__(name):\n    ...\n",
    "rooms/kitchen.py": "from ..tools import cut\n",
    "rooms/hall.py": "import house.tools.drill\n",
    "rooms/attic.py": "import numpy\ndef up():\n    from house.rooms.hall import x\n",
    "rooms/types.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.rooms import hall\n",
    "rooms/lazy.py": "from house import rooms\nrooms.attic_stairs()\n",
    "rooms/garden.py": "def attic_stairs():\n    ...\n",
    "rooms/named.py": "from house.tools import LENGTH\nfrom house import __version__\n",
    "rooms/circle.py": "from house.rooms import circle_back\n",
    "rooms/circle_back.py": "from house.rooms.circle import y\n",
    "rooms/alias.py": "import house as h\nh.tools.drill.bore()\n",
    "rooms/stubbed.py": "from house.shed import rake\n",
    "shed/__init__.py": "attach_stub()\n",
    "shed/__init__.pyi": "from .corner import rake as rake\n",
    "shed/corner.py": "from house.tools.deep.plane import plane as rake\n",
}


@pytest.fixture
def graph(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return ImportGraph({"house": tmp_path / "house"})


@pytest.mark.parametrize(
    ("module", "used"),
    [
        ("kitchen", ["tools.saw"]),  # through the package, to where it is defined, and relative
        ("hall", ["tools.drill"]),
        ("attic", ["rooms.hall", "tools.drill"]),  # inside a function, and through another
        ("types", []),
        ("lazy", ["rooms.garden"]),
        ("named", ["tools", "tools.drill", "tools.saw"]),  # a constant of the package itself; no version
        ("circle", ["rooms.circle_back"]),
        ("alias", ["tools.drill"]),
        ("stubbed", ["shed.corner", "tools.deep.plane"]),
    ],
)
def test_a_module_uses_what_it_imports_and_nothing_else(graph, module, used):
    found = graph.closure([f"house.rooms.{module}"])
    assert sorted(found) == sorted([f"house.rooms.{module}", *(f"house.{name}" for name in used)])


def test_a_file_that_changes_is_read_again(graph, tmp_path):
    before = graph.closure(["house.rooms.kitchen"])
    (tmp_path / "house" / "tools" / "saw.py").write_text("def cut():\n    return 22\n")
    after = graph.closure(["house.rooms.kitchen"])
    assert {name for name in before if before[name] != after[name]} == {"house.tools.saw"}


CODE = '''
"""What it does."""

from typing import Annotated


def draw(pool, tau: Annotated[float, Knob(0.05, 2.0, "temperature")] = 0.4):
    """Draws rows."""
    # the warmest first
    return pool * tau + 1  # noqa


class Box:
    """A box."""
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("What it does.", "What it really does.", True),
        ("    # the warmest first\n", "", True),
        ('    """Draws rows."""\n', "", True),
        ('    """A box."""', "    pass", False),
        ('"temperature"', '"temperature of the draw"', True),
        ('"temperature"', 'help="temperature of the draw"', True),
        ("pool * tau", "(pool  *  tau)", True),
        ("0.05", "0.06", False),
        ("0.4", "0.5", False),
        ("pool * tau", "pool / tau", False),
        ("+ 1", "+ 1.0", False),
    ],
)
def test_the_syntax_tree_counts_and_words_do_not(old, new, same):
    assert old in CODE
    assert (text_digest(CODE) == text_digest(CODE.replace(old, new))) == same


def test_part_of_a_statement_counts_as_text():
    assert text_digest("lambda x: x),") != text_digest("lambda x: x + 1),")
    assert text_digest(textwrap.dedent("    lambda x: x")) == text_digest("(lambda x: x)  # as it is")


def test_an_unknown_module_is_named(graph):
    with pytest.raises(ValueError, match="no file of a module 'house.cellar' is found in"):
        graph.source("house.cellar")
