"""The README's code runs as it stands there, only smaller."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import curriculab as cl

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PLANTED = ROOT / "tests" / "methods" / "planted"
SMALLER = {"n=3000": "n=240", "test=300": "test=24", "steps=100": "steps=2", "evaluate_every=25": "evaluate_every=1"}

AS_A_NOTEBOOK = """
import ast, asyncio, sys, types
code = compile(sys.stdin.read(), "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
asyncio.run(types.FunctionType(code, globals())())
"""


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.mark.pocket
def test_the_code_blocks_run(tmp_path):
    code = "\n".join(blocks())
    for number, smaller in SMALLER.items():
        assert number in code
        code = code.replace(number, smaller)
    code += "\nprint(result.table.to_string()); print(result.verdict); print(len(preview.exposure)); print(waste)"
    ran = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:curriculab", "-c", AS_A_NOTEBOOK],
        cwd=tmp_path,
        input=code,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "easy first, shuffled scores" in ran.stdout and "1600" in ran.stdout
    assert "signal" in ran.stdout and "rising" in ran.stdout
    assert (tmp_path / "figures" / "curves.html").exists()


def test_the_fixed_names_open_the_readme():
    first = "".join(blocks()[:2])
    for line in (
        'pool = cl.load_pool("ladder", n=3000, seed=0)',
        'train, test = cl.split(pool, test=300, by="level", seed=0)',
        'result = cl.compare(runs, to="random")',
        'cl.figures.export(figure, "figures/curves", width=3.25)',
    ):
        assert line in first


def test_the_readme_opens_with_what_it_does_a_film_two_commands_and_a_bench_with_its_output():
    readme = (ROOT / "README.md").read_text()
    opening, first, rest = re.split(r"```python\n(.*?)```", readme, maxsplit=1, flags=re.DOTALL)
    moving = re.search(r"!\[[^\]]{20,}\]\((docs/images/\w+\.webp)\)", opening)
    assert moving and "curriculum learning" in opening and "    make demo\n" in opening
    assert len([line for line in first.splitlines() if line]) <= 11
    still = re.search(r"!\[[^\]]{20,}\]\((docs/images/\w+\.png)\)", rest)
    with Image.open(ROOT / moving[1]) as film, Image.open(ROOT / still[1]) as picture:
        assert (film.format, picture.format) == ("WEBP", "PNG") and film.n_frames >= 10
    assert sum((ROOT / name[1]).stat().st_size for name in (moving, still)) < 2_000_000
    output = re.match(r"\s*```text\n(.*?)```", rest, flags=re.DOTALL)
    assert output and re.match(r"(Yes|No)\. ", output[1]) and "for new rows of this kind" in output[1]
    assert re.search(r"\nvariant +accuracy +difference +95% interval +p \(Holm\)\nrandom ", output[1])


def test_the_tree_has_a_line_for_every_package():
    readme = (ROOT / "README.md").read_text()
    architecture = (ROOT / "docs" / "architecture.md").read_text()
    packages = sorted(path.parent.name for path in (ROOT / "curriculab").glob("*/__init__.py"))
    assert sorted(re.findall(r"^\| `curriculab/(\w+)/` \|", readme, re.MULTILINE)) == packages
    assert sorted(re.findall(r"^\| `(\w+)/` \|", architecture, re.MULTILINE)) == packages


def test_every_file_that_the_readme_names_is_there():
    readme = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_what_the_readme_says_of_the_methods_is_what_was_recorded():
    said = re.search(
        r"Of (\d+) with a check, (\d+) hold .*?; (\d+) are refuted\s.*?; of (\d+) three seeds cannot tell .*?; "
        r"of (\d+) the mechanism",
        README,
        re.DOTALL,
    )
    results = [cl.methods.check.result_of(one) for one in cl.methods.load_checks().values()]
    counts = [
        len(results),
        *(results.count(one) for one in ("held", "refuted", "not testable at this size", "mechanism")),
    ]
    assert [int(number) for number in said.groups()] == counts and sum(counts[1:]) == counts[0]
    errors = [len(json.loads(path.read_text())) for path in PLANTED.glob("*.json") if path.name != "seen.json"]
    assert f"{sum(errors)}\nplanted errors" in README or f"{sum(errors)} planted errors" in README
