"""Bad input of any kind: files given to load_pool, knobs, and run folders damaged byte by byte.

    python -m tests.fuzz --files 3000 --knobs 1500 --finished 300 --unfinished 60

prints how many of each were tried, what came of them, and the slowest. The tests run the same properties, fewer times.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import curriculab as cl
from curriculab import methods
from curriculab.bench.locking import Stopped
from curriculab.data.validation import PoolError
from curriculab.engine.model import Model
from curriculab.runs import Store
from tests.soak import differences

LONGEST = 500  # characters of a line that is still clear
# -- files ------------------------------------------------------------------------------------------------------------
TEXTS = st.one_of(
    st.sampled_from(["2 + 2", "4", "", " ", "nan", "null", "1,234", "[1]", "é", "\ufeff", "\x00", "\ud800", "a\r\nb"]),
    st.text(max_size=12),
    st.builds(lambda n: "x" * n, st.sampled_from([1000, 200_000])),
)
SCALARS = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.just(10**30))
NESTED = st.recursive(
    SCALARS, lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(max_size=3), of, max_size=2), max_leaves=6
)
NAMES = st.sampled_from(
    ["prompt", "answer", "id", "level", "topic", "options", "task", "solution", "held_out", "parents", "turns", "", "x"]
)
GOOD = st.fixed_dictionaries(
    {"prompt": st.sampled_from(["2 + 2", "3 + 4", "é?"]), "answer": st.sampled_from(["4", "7", 7])}
)
ROWS = st.lists(
    st.one_of(
        GOOD,
        st.builds(lambda a, b: {**a, **b}, GOOD, st.dictionaries(NAMES, NESTED, max_size=3)),
        st.dictionaries(NAMES, NESTED, max_size=4),
        NESTED,
    ),
    min_size=0,
    max_size=6,
)


def as_jsonl(rows: list, end: str) -> str:
    return "".join(json.dumps(row) + end for row in rows)


def as_json(rows: list, end: str) -> str:
    return json.dumps(rows, indent=1).replace("\n", end)


def as_csv(rows: list, end: str) -> str:
    rows = [row for row in rows if isinstance(row, dict)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end)
    writer.writerow(names)
    writer.writerows([["" if row.get(n) is None else row[n] for n in names] for row in rows])
    return out.getvalue()


def as_parquet(rows: list, end: str) -> bytes:
    out = io.BytesIO()
    try:
        pd.DataFrame([row for row in rows if isinstance(row, dict)]).to_parquet(out)
    except Exception:  # what parquet cannot hold
        pd.DataFrame({"prompt": ["2 + 2"], "answer": ["4"]}).to_parquet(out)
    return out.getvalue()


WRITERS = {".jsonl": as_jsonl, ".json": as_json, ".csv": as_csv, ".parquet": as_parquet}


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes, int | None]:
    """A name, its bytes, and how many rows it must have where it can be read (None: nobody knows)."""
    suffix, rows, end = draw(st.sampled_from(list(WRITERS))), draw(ROWS), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    made = WRITERS[suffix](rows, end)
    count = len(rows) if suffix in (".jsonl", ".json") and end != "\r" else None
    if isinstance(made, str):
        encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16", "cp1252"]))
        made = made.encode(encoding, errors="replace")
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        made, count = damaged(made, draw(st.sampled_from(DAMAGES)), draw(st.integers(0, 2**32))), None
    if draw(st.booleans()):
        suffix, made = suffix + ".gz", gzip.compress(made)
        if draw(st.booleans()):
            made, count = damaged(made, draw(st.sampled_from(DAMAGES)), draw(st.integers(0, 2**32))), None
    return f"some{suffix}", made, count


DAMAGES = ("flip", "cut", "insert", "delete", "zero", "double", "empty")


def damaged(content: bytes, how: str, seed: int) -> bytes:
    """A file's bytes after something happened to them."""
    rng = random.Random(seed)
    at = rng.randrange(len(content) + 1)
    few = at + rng.randint(1, 8)
    if how == "flip":
        at = min(at, len(content) - 1)
        return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :] if content else b"?"
    return {
        "cut": content[:at],
        "insert": content[:at] + rng.randbytes(few - at) + content[at:],
        "delete": content[:at] + content[few:],
        "zero": content[:at] + b"\0" * len(content[at:few]) + content[few:],
        "double": content + content,
        "empty": b"",
    }[how]


def read(folder: Path, name: str, content: bytes, count: int | None) -> str:
    """What load_pool makes of a file: "pool", or the line that says why not. Nothing else may come out."""
    path = folder / name
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            pool = cl.load_pool(path)
        except PoolError as error:
            line = str(error)
            assert "\n" not in line and len(line) < LONGEST and name in line, line
            return line
    assert pool.index.is_unique and len(pool) and {"prompt", "answer"} <= set(pool)
    assert count is None or len(pool) == count, f"{count} rows became {len(pool)}"
    return "pool"


# -- run folders ------------------------------------------------------------------------------------------------------
def bench(model: Model, folder: Path) -> cl.Bench:
    train, test = cl.split(cl.load_pool("ladder", levels=[1, 2], n=120, seed=0), test=8, by="level", seed=0)
    return cl.Bench(
        model,
        train,
        test,
        budget=cl.Budget(steps=4),
        batch_size=4,
        evaluate_every=2,
        max_new_tokens=4,
        store=folder,
        valid=None,
    )


VARIANTS = {"random": methods.random_order, "self paced": methods.self_paced}


def often(drive: object) -> None:
    if drive.scheduler.pending and drive.scheduler.call % 2 == 0:
        drive.checkpoint()


def stopping(drive: object) -> None:
    often(drive)
    if drive.scheduler.call == 9:
        raise Stopped


def recorded(model: Model, folder: Path) -> cl.Runs:
    asked = bench(model, folder).ask(VARIANTS, seeds=1)
    return asked.runs(asked.train(often))


def cut_off(model: Model, folder: Path) -> None:
    try:
        bench(model, folder).ask(VARIANTS, seeds=1).train(stopping)
    except Stopped:
        return
    raise AssertionError("it was to be stopped")


def hurt(root: Path, seed: int) -> tuple[Path, str]:
    """Something happens to one file below a folder; which, and what."""
    rng = random.Random(seed)
    path = rng.choice(sorted(p for p in root.rglob("*") if p.is_file()))
    how = rng.choice([*DAMAGES, "gone", "a folder"])
    before = path.read_bytes()
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how != "gone":
        after = damaged(before, how, seed)
        path.write_bytes(after)
        how = "unchanged" if after == before else how
    return path, how


def finished(source: Path, home: Path, digests: dict[str, str], seed: int) -> str:
    """Hurt one of two recorded runs: it is named and set aside with every byte, the other is read."""
    store = home / "store"
    shutil.copytree(source, store)
    try:
        name = sorted(digests.values())[seed % 2]
        path, how = hurt(store / name, seed)
        other = next(n for n in digests.values() if n != name)
        unsealed = path.name == "files.json" and how == "gone"  # then nothing is said of the other files
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            runs = cl.load_runs(store)
        lines = [str(w.message) for w in said if issubclass(w.category, UserWarning)]
        if how == "unchanged" or unsealed:
            assert len(runs.records) == 2 and not lines
            return how
        assert [r.adapter.parent.name for r in runs.records] == [other], (path, how)
        assert len(lines) == 1 and name in lines[0] and clear(lines[0]), lines
        files = {p.relative_to(store / name) for p in (store / name).rglob("*")}
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            digest = next(d for d, n in digests.items() if n == name)
            assert Store(store).load("again", digest) is None
        lines = [str(w.message) for w in said if issubclass(w.category, UserWarning)]
        assert len(lines) == 1 and f"damaged-{name}" in lines[0] and clear(lines[0]), lines
        aside = store / f"damaged-{name}"
        assert not (store / name).exists() and {p.relative_to(aside) for p in aside.rglob("*")} == files
        return f"set aside: {how}"
    finally:
        shutil.rmtree(store)


def names(store: Path) -> dict[str, str]:
    """Folders of recorded runs by their digest."""
    return {p.parent.name.rpartition("-")[2]: p.parent.name for p in store.glob("*/spec.json")}


def clear(line: str) -> bool:
    return "\n" not in line and len(line) < LONGEST


def unfinished(model: Model, whole: cl.Runs, source: Path, home: Path, seed: int) -> str:
    """Hurt a bench that was cut off: it goes on from what is whole, to the same bits."""
    store = home / "store"
    shutil.copytree(source, store)
    try:
        path, how = hurt(next(store.glob(".bench-*")), seed)
        asked, seen = bench(model, store).ask(VARIANTS, seeds=1), []
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            runs = asked.runs(asked.train(lambda drive: seen.append(drive.scheduler.call)))
        lines = [str(w.message) for w in said if issubclass(w.category, UserWarning)]
        assert all(clear(line) and "was set aside" in line for line in lines), lines
        found = differences(runs, whole)
        assert not any(n for k, n in found.items() if k not in ("rows", "adapters")), (path, how, found)
        assert not list(store.glob(".bench-*"))
        return f"from call {min(seen)}, {len(lines)} set aside"
    finally:
        shutil.rmtree(store)


# -- the long form ----------------------------------------------------------------------------------------------------
def tried(name: str, examples: int, strategy: st.SearchStrategy, case: Callable[..., str]) -> None:
    """Try a property many times and print what came of it, and the slowest."""
    found: Counter[str] = Counter()
    slowest = (0.0, "")

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(strategy)
    def attempt(value: object) -> None:
        nonlocal slowest
        began = time.perf_counter()
        found[case(value)] += 1
        slowest = max(slowest, (time.perf_counter() - began, " ".join(repr(value)[:90].split())))

    attempt()
    most = ", ".join(f"{kind} {n}" for kind, n in found.most_common(6))
    print(f"{name}: {found.total():,} tried; {most}; slowest {slowest[0]:.2f} s, {slowest[1]}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    from tests import test_knobs
    from tests.conftest import _save_tiny

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Bad input of any kind.")
    for name, number in (("files", 3000), ("knobs", 1500), ("finished", 300), ("unfinished", 60)):
        parser.add_argument(f"--{name}", type=int, default=number)
    given_ = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        home = Path(folder)

        def file(one: tuple[str, bytes, int | None]) -> str:
            return "pool" if read(home, *one) == "pool" else "one clear line"

        def knob(one: tuple[tuple[str, str], object]) -> str:
            line = test_knobs.outcome(*one[0], one[1])
            assert test_knobs.clear(line), (one, line)
            return line.partition(":")[0]

        tried("files", given_.files, files(), file)
        tried("knobs", given_.knobs, st.tuples(st.sampled_from(test_knobs.KNOBS), test_knobs.VALUES), knob)
        model = cl.load_model(str(_save_tiny(home / "tiny", "llama")), bits=32)
        whole = recorded(model, home / "whole")
        digests = names(home / "whole")
        cut_off(model, home / "cut")
        seeds = st.integers(0, 2**48)
        tried("finished runs", given_.finished, seeds, lambda s: finished(home / "whole", home, digests, s))
        tried("unfinished benches", given_.unfinished, seeds, lambda s: unfinished(model, whole, home / "cut", home, s))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
