"""The set-up: one list of pins, one version, and a `make .venv` that installs what README.md says."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INDEX = "https://download.pytorch.org/whl/cpu"


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pairs = [re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)", line) for line in lines]
    assert all(pairs), [line for line, pair in zip(lines, pairs, strict=True) if not pair]
    found = dict(pair.groups() for pair in pairs if pair)
    assert len(found) == len(lines), "a package is pinned twice"
    return found


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for group in (PROJECT["dependencies"], *extras) for line in group]


# One list of pins


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_every_requirement_is_pinned_inside_its_range(requirement: Requirement) -> None:
    pin = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin), f"{requirement} but constraints.txt pins {pin}"


def test_constraints_hold_nothing_that_only_a_cuda_machine_has() -> None:
    assert [name for name in pins() if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_conda_reads_the_same_pins_and_extras_as_make() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, section = environment["dependencies"]
    extras = re.search(r"^EXTRAS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert extras
    assert section == {"pip": ["-c constraints.txt", f"-e .[{extras[1]}]"]}
    assert pip == "pip"
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


@pytest.mark.skipif(not (Path(sys.prefix) / ".installed").exists(), reason="not an environment that make set up")
def test_make_installed_what_is_pinned() -> None:
    installed = {canonicalize_name(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()}
    other = {name: installed[name] for name, pin in pins().items() if installed.get(name, pin).split("+")[0] != pin}
    assert other == {}


@pytest.mark.slow
def test_whatever_the_package_imports_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in requirements()}
    providers = importlib.metadata.packages_distributions()
    for path in (ROOT / "curriculab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            for module in {name.split(".")[0] for name in modules} - sys.stdlib_module_names - {"curriculab"}:
                found = {canonicalize_name(name) for name in providers.get(module, [module])}
                assert found & declared, f"{path.relative_to(ROOT)} imports {module}: declare it in pyproject.toml"


# One version, one list of Debian packages


def test_versions_agree() -> None:
    import curriculab

    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert {PROJECT["version"], curriculab.__version__, importlib.metadata.version("curriculab")} == {newest[1]}


def test_continuous_integration_installs_the_debian_packages_that_the_readme_lists() -> None:
    script = (ROOT / ".ci" / "run").read_text().replace("\\\n", " ")
    readme = (ROOT / "README.md").read_text()
    installed = re.search(r"apt-get install [-\w ]*--no-install-recommends +([\w -]+?) *<", script)
    listed = re.search(r"sudo apt install (.+)\n +make test-all\n", readme)
    assert installed and listed
    assert installed[1].split() == listed[1].split()


def dry_run(target: str, *arguments: str) -> str:
    """What `make target` would run last, called by hand: a run of these tests sets REQUIRE itself."""
    command = ["make", "--dry-run", "--assume-old=.venv/.installed", target, *arguments]
    plain = {k: v for k, v in os.environ.items() if k not in ("REQUIRE", "MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_the_full_run_takes_every_mark_and_skips_nothing() -> None:
    full, daily = dry_run("test-all", "TORCH_INDEX="), dry_run("test")
    assert " REQUIRE=all " in full and " -m pytest " in full and full.endswith("--dist worksteal")
    assert daily.endswith(' -m "not (hour or real or engine or docs)"') and " REQUIRE= " in daily
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    assert {"hour", "real", "engine", "docs"} <= {line.split(":")[0] for line in declared}
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[-1] == "make test-all REQUIRE=all TORCH_INDEX="


# make .venv, with a Python that only writes down what it was asked

FAKE_PYTHON = """#!/bin/sh
case "$1 $2" in
    "-c "*) exec {python} "$@" ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac
echo "$*" >> {log}
"""


class Setup:
    """A copy of the files that decide the set-up, and what `make .venv` runs there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.programs = folder, folder / "log", folder / "programs"
        self.programs.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder)
        self.program("python3", FAKE_PYTHON.format(python=sys.executable, log=self.log))

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def make(self, *arguments: str) -> list[str]:
        """The commands of Python that this `make .venv` ran."""
        self.log.write_text("")
        environment = {**os.environ, "PATH": f"{self.programs}:/usr/bin:/bin"}
        for name in ("TORCH_INDEX", "PYTHON", "MAKEFLAGS", "MAKELEVEL"):
            environment.pop(name, None)
        subprocess.run(["make", ".venv", *arguments], cwd=self.folder, env=environment, check=True, capture_output=True)
        return self.log.read_text().splitlines()


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


PACKAGES = "-m pip install -q -c constraints.txt -e .[test,bench,lint,docs]"
TORCH = "-m pip install -q -c constraints.txt --no-deps torch"
TORCH_CPU = f"-m pip install -q -c constraints.txt --no-deps --extra-index-url {INDEX} --retries 1 --timeout 15 torch"

without_driver = pytest.mark.skipif(
    Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi", path="/usr/bin:/bin") is not None,
    reason="this machine has an NVIDIA driver",
)


@without_driver
def test_without_a_driver_torch_comes_first_and_from_the_cpu_index(setup: Setup) -> None:
    assert setup.make() == ["-m venv .venv", TORCH_CPU, PACKAGES]


@without_driver
def test_a_broken_nvidia_smi_is_no_driver(setup: Setup) -> None:
    setup.program("nvidia-smi", "#!/bin/sh\nexit 9\n")
    assert setup.make() == ["-m venv .venv", TORCH_CPU, PACKAGES]


@without_driver
def test_another_index_can_be_named(setup: Setup) -> None:
    other = "https://mirror.example/cpu"
    assert setup.make(f"TORCH_INDEX={other}") == ["-m venv .venv", TORCH_CPU.replace(INDEX, other), PACKAGES]


def test_with_a_driver_torch_is_the_cuda_build(setup: Setup) -> None:
    setup.program("nvidia-smi", "#!/bin/sh\nexit 0\n")
    assert setup.make() == ["-m venv .venv", TORCH, PACKAGES]


def test_an_empty_index_switches_it_off(setup: Setup) -> None:
    assert setup.make("TORCH_INDEX=") == ["-m venv .venv", TORCH, PACKAGES]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_the_set_up_runs_again_only_after_a_change(setup: Setup, name: str) -> None:
    assert setup.make()
    assert setup.make() == []
    os.utime(setup.folder / "Makefile")
    assert setup.make() == []
    later = (setup.folder / ".venv" / ".installed").stat().st_mtime + 1
    os.utime(setup.folder / name, (later, later))
    assert setup.make()[-1] == PACKAGES


def test_a_set_up_that_failed_is_tried_again(setup: Setup) -> None:
    good = (setup.programs / "python3").read_text()
    setup.program("python3", good + 'case "$*" in *-e*) exit 1 ;; esac\n')
    with pytest.raises(subprocess.CalledProcessError):
        setup.make()
    setup.program("python3", good)
    assert setup.make()[-1] == PACKAGES


def test_an_old_python_is_named(setup: Setup) -> None:
    old = "import sys; sys.version_info = (3, 10, 12); sys.version = '3.10.12 (main)'"
    setup.program("python3", f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c "{old}\n$2"\n')
    with pytest.raises(subprocess.CalledProcessError) as failure:
        setup.make()
    line = failure.value.stderr.decode().splitlines()[0]
    assert line == "Python 3.10.12 found, 3.11 or newer needed: make PYTHON=/path/to/python3.11"


# Skips by name

SAMPLE = """
import pytest

@pytest.mark.needs("pdffonts", "data:rows.jsonl")
def test_both(): pass

@pytest.mark.needs("data:rows.jsonl")
def test_rows(dataset): assert dataset("rows.jsonl").read_text() == "{}"

@pytest.mark.needs("reasoning-gym")
def test_gym(): import reasoning_gym
"""


def outcome(folder: Path, *, require: str = "", data: Path | None = None, path: str = "/nowhere") -> tuple[str, int]:
    """What pytest says of SAMPLE under this project's conftest, with only `path` to look for programs."""
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "test_sample.py").write_text(SAMPLE)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = needs\n    browser\n    notebook\n")
    (folder / "reasoning_gym.py").write_text("")
    environment = {**os.environ, "PATH": path, "REQUIRE": require, "CURRICULAB_DATA": str(data or "")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return result.stdout + result.stderr, result.returncode


@pytest.mark.slow
def test_what_is_missing_is_skipped_and_listed_by_name(tmp_path: Path) -> None:
    said, code = outcome(tmp_path)
    assert code == 0
    lines = said.splitlines()
    at = next(i for i, line in enumerate(lines) if "skipped for what this machine lacks" in line)
    assert lines[at + 1 : at + 5] == [
        "data:rows.jsonl: put rows.jsonl into a folder and set CURRICULAB_DATA to it",
        "  test_sample.py::test_rows",
        "pdffonts: apt install poppler-utils",
        "  test_sample.py::test_both",
    ]
    assert lines[-1].startswith("1 passed, 2 skipped")


@pytest.mark.slow
def test_require_all_fails_for_programs_and_not_for_data(tmp_path: Path) -> None:
    said, code = outcome(tmp_path, require="all")
    assert code == 1
    assert "REQUIRE=all, and pdffonts is missing: apt install poppler-utils" in said
    assert said.splitlines()[-1].startswith("1 passed, 1 skipped, 1 error")


@pytest.mark.slow
def test_nothing_is_skipped_where_all_is_there(tmp_path: Path) -> None:
    (tmp_path / "pdffonts").write_text("#!/bin/sh\n")
    (tmp_path / "pdffonts").chmod(0o755)
    (tmp_path / "rows.jsonl").write_text(json.dumps({}))
    said, code = outcome(tmp_path, require="all", data=tmp_path, path=str(tmp_path))
    assert code == 0
    assert "lacks" not in said
    assert said.splitlines()[-1].startswith("3 passed")


def test_another_word_than_all_is_refused(tmp_path: Path) -> None:
    said, code = outcome(tmp_path, require="some")
    assert code == 4
    assert said.splitlines() == ["ERROR: REQUIRE=some: only REQUIRE=all is known", ""]


@pytest.mark.needs("tmpfs")
def test_the_small_disk_fills_up(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "much").write_bytes(bytes(2_000_000))
