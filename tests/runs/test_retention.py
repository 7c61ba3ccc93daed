"""curriculab runs: what lies in a store, how large it is; removing and exporting."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from threading import Timer

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.runs import COLUMNS, Runs, Store, import_runs
from curriculab.runs.commands import age, bytes_of, main
from curriculab.runs.retention import entries, find, remove
from curriculab.runs.store import seal

LONG_AGO = time.time() - 40 * 86400


@pytest.fixture(scope="module")
def runs() -> Runs:
    pool = cl.load_pool("ladder", n=240, seed=0, skills=["add", "sort"])
    train, test = cl.split(pool, test=12, by="level", seed=0)
    variants = {"random": cl.methods.random_order, "easy first": partial(cl.methods.easy_to_hard, by="level")}
    return cl.simulate(variants, train, tests=test, steps=4, batch_size=4, seed=0)


@pytest.fixture
def store(tmp_path: Path, runs: Runs) -> Path:
    """Two finished runs, a failed one, a damaged one, a bench cut off, and what a crash left."""
    root = tmp_path / "runs"
    for i, record in enumerate(runs.records):
        Store(root).save(record, f"{i:016x}")
    broken = Store(root).save(runs.records[0], f"{7:016x}")
    (broken / "items.parquet").write_bytes((broken / "items.parquet").read_bytes()[:50])
    for name in (".bench-0123456789abcdef", ".part-x", "figures", "damaged-random-3"):
        (root / name).mkdir()
        (root / name / "file").write_bytes(b"x" * 2000)
        for path in (root / name / "file", root / name):
            os.utime(path, (LONG_AGO, LONG_AGO))
    return root


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main([*map(str, arguments)]) == code
    out, err = capsys.readouterr()
    return out if code == 0 else err.rstrip("\n")


def size_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


# -- looking ----------------------------------------------------------------------------------------------------------
def test_every_run_is_listed_with_what_it_is_and_its_size(store, runs, capsys):
    found = {e.id: e for e in entries(store)}
    states = {
        "random-0000000000000000": "finished",
        "easy-first-0000000000000001": "finished",
        "random-0000000000000007": "damaged",
        ".bench-0123456789abcdef": "unfinished",
        ".part-x": "leftover",
        "damaged-random-3": "damaged",
    }
    assert {name: e.state for name, e in found.items()} == states  # figures/ is none of the store's
    last = runs.items[(runs.items.variant == "easy first") & (runs.items.step == 4)]
    easy = found["easy-first-0000000000000001"]
    assert (easy.variant, easy.seed, easy.steps) == ("easy first", 0, 4)
    assert easy.accuracy == pytest.approx(last.correct.mean())
    assert all(e.size == size_of(e.path) for e in found.values())
    text = said(capsys, "--store", store)
    assert re.search(r"^easy first +0 +4 +0\.\d{3} +[\d.]+ kB +20\d\d-.*finished +easy-first-0{15}1$", text, re.M)
    whole = bytes_of(sum(e.size for e in found.values()))
    assert text.endswith(f"\n2 runs and 4 unfinished or damaged, {whole} in {store}\n")
    assert "    random-0000000000000007: Arrow" in text
    assert said(capsys, "list", "--store", store) == text


def test_a_bench_whose_lock_is_held_is_running(store, capsys):
    with (store / ".bench-0123456789abcdef" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert next(e for e in entries(store) if e.id.startswith(".bench")).state == "running"
        text = said(capsys, "prune", "--unfinished", "--yes", "--store", store)
        assert text.startswith(".bench-0123456789abcdef stays: it is being trained\n")
        assert (store / ".bench-0123456789abcdef").is_dir() and not (store / ".part-x").exists()
    assert next(e for e in entries(store) if e.id.startswith(".bench")).state == "unfinished"


def test_one_that_looks_is_not_taken_for_one_that_trains(store, capsys):
    """Two listings at once: neither reports the bench that was cut off as in training, nor keeps it from going."""
    bench = store / ".bench-0123456789abcdef"
    (bench / "lock").touch()
    os.utime(bench / "lock", (LONG_AGO, LONG_AGO))
    other = (
        "import sys, time; from pathlib import Path; from curriculab.runs import retention\n"
        "plain = retention._shared\n"
        "def slow(file):\n    found = plain(file); print(found, flush=True); time.sleep(60); return found\n"
        "retention._shared = slow; retention.held(Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", other, str(bench)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "True\n"  # it looks, and holds what it looks at
            assert next(e for e in entries(store) if e.id.startswith(".bench")).state == "unfinished"
        finally:
            process.kill()
    with (bench / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        Timer(0.1, partial(fcntl.flock, lock, fcntl.LOCK_UN)).start()
        said(capsys, "prune", "--unfinished", "--yes", "--store", store)
    assert not bench.exists()


def test_runs_of_another_format_are_named_so_and_stay(store, capsys):
    for path in store.glob("*-000000000000000[01]/spec.json"):
        spec = json.loads(path.read_text())
        del spec["format"]  # as 0.1.0 wrote it
        path.write_text(json.dumps(spec))
        (path.parent / "files.json").unlink()
        seal(path.parent)
    found = [e for e in entries(store) if e.id.endswith(("0000", "0001"))]
    assert [(e.state, e.seed) for e in found] == [("other format", 0)] * 2
    text = said(capsys, "--store", store)
    line = "it is of format 1, written by curriculab 0.1.0 before its modules moved; this version reads format 2."
    assert f"    random-0000000000000000: {line}" in text and " finished " not in text
    assert "\n2 that this version cannot read and 4 unfinished or damaged, " in text
    assert "spec.json" in said(capsys, "show", "easy", "--store", store)
    for how in (["--damaged"], ["--failed"], ["--unfinished"], ["--variant", "random"]):
        said(capsys, "prune", *how, "--yes", "--store", store)
    assert {e.id for e in found} <= {e.id for e in entries(store)}
    line = f"^none of the runs in {store} can be loaded: 2 of another version's format; train them again with Bench.run"
    with pytest.warns(UserWarning, match="2 runs of another version's format"), pytest.raises(ValueError, match=line):
        cl.load_runs(store)


def test_a_run_from_near(store, capsys):
    text = said(capsys, "show", "easy", "--store", store)
    assert "simulated  true" in text and re.search(r"step +solver +accuracy +n", text)
    assert "lines: metrics 4, exposure 16," in text
    assert "file" in said(capsys, "show", ".bench", "--store", store)


def test_ids_are_names_never_paths(store, capsys):
    for name in ("../runs", "/etc", "figures/..", "..", ""):
        assert said(capsys, "show", name, "--store", store, code=2) == (
            f"{name!r} is a path, expected the name of a folder in the store; --store says where that is"
        )
        said(capsys, "prune", name, "--yes", "--store", store, code=2)
    assert said(capsys, "show", "nobody", "--store", store, code=2) == (
        "'nobody' fits nothing in the store, expected one; take a name from the list"
    )
    assert "'random' fits 2 (random-0" in said(capsys, "show", "random", "--store", store, code=2)
    assert find(entries(store), "0000000000000001").variant == "easy first"
    assert said(capsys, "--store", store / "no", code=2) == (
        f"there is no store {store}/no in {Path.cwd()}; name one with --store"
    )


# -- removing ---------------------------------------------------------------------------------------------------------
def test_prune_says_what_it_would_remove_and_removes_only_with_yes(store, capsys):
    sizes = {e.id: e.size for e in entries(store)}
    told = said(capsys, "prune", "--damaged", "--store", store)
    gone = bytes_of(sizes["random-0000000000000007"] + sizes["damaged-random-3"])
    assert told.endswith(f"would remove 2 unfinished or damaged, {gone} from {store}; say --yes to do it\n")
    assert {e.id for e in entries(store)} == set(sizes)
    told = said(capsys, "prune", "--damaged", "--yes", "--store", store)
    assert told.endswith(f"removed 2 unfinished or damaged, {gone}: {gone} are free\n")
    assert {e.id for e in entries(store)} == set(sizes) - {"random-0000000000000007", "damaged-random-3"}
    assert said(capsys, "prune", "--damaged", "--store", store) == "nothing to remove\n"


def test_prune_goes_by_variant_and_age_together(store, capsys):
    os.utime(store / "random-0000000000000000" / "spec.json", (LONG_AGO, LONG_AGO))  # not its last change
    assert said(capsys, "prune", "--older-than", "30d", "--store", store) == "nothing to remove\n"
    for path in (*(store / "random-0000000000000000").iterdir(), store / "random-0000000000000000"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    told = said(capsys, "prune", "--older-than", "30d", "--store", store)
    assert "random-0000000000000000" in told and "easy-first" not in told
    assert said(capsys, "prune", "--older-than", "9w", "--store", store) == "nothing to remove\n"
    assert said(capsys, "prune", "--older-than", "1d", "--variant", "easy first", "--store", store) == (
        "nothing to remove\n"
    )
    said(capsys, "prune", "--variant", "easy first", "--yes", "--store", store)
    assert {e.variant for e in entries(store)} == {"random", None}


def test_prune_without_a_wish_or_with_a_wrong_one_removes_nothing(store, capsys):
    before = {e.id for e in entries(store)}
    assert said(capsys, "prune", "--yes", "--store", store, code=2).startswith("prune removes nothing by itself: name")
    assert said(capsys, "prune", "--variant", "hard", "--yes", "--store", store, code=2) == (
        "no run of the variant 'hard' in the store; it has easy first, random"
    )
    assert said(capsys, "prune", "--older-than", "soon", "--yes", "--store", store, code=2) == (
        "--older-than soon: expected a number of hours, days or weeks, such as 12h, 30d or 2w"
    )
    assert {e.id for e in entries(store)} == before
    assert (age("12h"), age("30"), age("2w")) == (43200, 30 * 86400, 14 * 86400)


def test_what_was_just_written_may_still_be_written(store, capsys):
    os.utime(store / ".part-x" / "file")
    told = said(capsys, "prune", "--unfinished", "--yes", "--store", store)
    assert ".part-x stays: it changed in the last ten minutes, so something may be writing it" in told
    assert (store / ".part-x").is_dir() and not (store / ".bench-0123456789abcdef").exists()


def test_links_lead_nowhere(store, tmp_path, capsys):
    outside = tmp_path / "precious-0123456789abcdef"
    outside.mkdir()
    (outside / "spec.json").write_text("{}")
    (store / "linked-0123456789abcdef").symlink_to(outside)
    assert "linked" not in said(capsys, "--store", store)
    entry = entries(store)[0]
    (store / "random-0000000000000000" / "link").symlink_to(outside)
    said(capsys, "prune", "random-0000000000000000", "--yes", "--store", store)
    assert (outside / "spec.json").exists()
    with pytest.raises(ValueError, match="lies outside the store .*, expected a folder in it; remove it by hand$"):
        remove(store, [type(entry)(outside, "finished", 0, 0.0)])


# -- exporting --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_exported_tables_are_those_of_the_runs(store, runs, tmp_path, capsys, form):
    told = said(capsys, "export", "--format", form, "--to", tmp_path / "out", "--store", store)
    read = pd.read_csv if form == "csv" else pd.read_parquet
    for name in COLUMNS:
        path = tmp_path / "out" / f"{name}.{form}"
        assert f"{bytes_of(path.stat().st_size):>9}  {path}\n" in told
        wanted = getattr(runs, name)
        found = read(path)
        assert len(found) == len(wanted) and list(found.columns) == list(wanted.columns)
    keys = ["variant", "seed", "step"]
    found = read(tmp_path / "out" / f"metrics.{form}").sort_values(keys)
    np.testing.assert_array_equal(found.loss, runs.metrics.sort_values(keys).loss)


def test_exported_curves_come_back(store, runs, tmp_path, capsys):
    out = tmp_path / "logs"
    told = said(capsys, "export", "--format", "tensorboard", "--to", out, "--store", store)
    assert f"{out}/easy first-seed0\n" in told
    again = import_runs(str(out / "{variant}-seed{seed}"))
    assert sorted(again.variants) == ["easy first", "random"]
    for variant in again.variants:
        mine, theirs = (r.metrics[r.metrics.variant == variant] for r in (runs, again))
        np.testing.assert_allclose(theirs.loss.dropna(), mine.loss, rtol=1e-6)
        curve, back = (r.accuracy()[r.accuracy().variant == variant] for r in (runs, again))
        np.testing.assert_allclose(back.accuracy, curve.accuracy, rtol=1e-6)
        assert back.step.tolist() == curve.step.tolist()
    wrong = said(capsys, "export", "--format", "tensorboard", "--to", out, "--store", store, code=2)
    assert wrong.endswith("holds event files already; name another folder with --to, or remove them")


def test_one_variant_is_exported_alone(store, tmp_path, capsys):
    said(capsys, "export", "--variant", "random", "--to", tmp_path / "out", "--store", store)
    assert set(pd.read_csv(tmp_path / "out" / "metrics.csv").variant) == {"random"}
    assert said(capsys, "export", ".bench", "--to", tmp_path / "no", "--store", store, code=2) == (
        f"{store} holds no finished run of that name; curriculab runs lists what there is"
    )
