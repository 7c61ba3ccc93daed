"""What lies in a store, how large it is, and how to be rid of it or take it elsewhere; `curriculab runs`.

entries(Path("runs"))[0]     Entry(easy-first-3f9a41c07b2d8e55, finished, variant "easy first", seed 0, 1.2 MB)
remove(Path("runs"), chosen) # only what lies in the store itself, and nothing that is being trained
export(runs, Path("out"), "tensorboard")
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from filelock import lock_descriptor

from curriculab.runs.schema import COLUMNS, Runs
from curriculab.runs.store import RUN, OtherFormat, check_format, tables_of

STATES = ("finished", "failed", "other format", "running", "unfinished", "damaged", "leftover")


FORMATS = ("csv", "parquet", "tensorboard")


QUIET = 600  # seconds without a change before a leftover is taken for one


@dataclass(frozen=True)
class Entry:
    """One folder of a store: what it is, and of a run what it holds; NaN and None where nothing tells."""

    path: Path
    state: str
    size: int  # bytes
    date: float  # seconds since 1970: when it finished, else when it last changed
    variant: str | None = None
    seed: int | None = None
    steps: float = float("nan")
    accuracy: float = float("nan")  # at the last test, the mean over its rows
    why: str = ""  # it is damaged, or failed

    @property
    def id(self) -> str:
        return self.path.name


def entries(root: Path) -> list[Entry]:
    """Every run, bench in training or cut off, and leftover of a store, oldest first; other folders are not its own."""
    if not root.is_dir():
        raise ValueError(f"there is no store {root} in {Path.cwd()}; name one with --store")
    found = [_entry(p) for p in root.iterdir() if p.is_dir() and not p.is_symlink() and _kind(p)]
    return sorted(found, key=lambda e: (e.date, e.id))


def _kind(path: Path) -> str | None:
    """By its name: a run, a bench, what was set aside as damaged, or what writing left behind."""
    name = path.name
    for start, kind in ((".bench-", "bench"), (".part-", "leftover"), ("damaged-", "damaged")):
        if name.startswith(start):
            return kind
    return "run" if not name.startswith(".") and (RUN.fullmatch(name) or (path / "spec.json").exists()) else None


def _entry(path: Path) -> Entry:
    kind, (size, changed) = _kind(path), _size(path)
    if kind == "run":
        return _run(path, size, changed)
    if kind == "bench":
        return Entry(path, "running" if held(path) else "unfinished", size, changed)
    return Entry(path, kind, size, changed, why="set aside" if kind == "damaged" else "")


def _size(folder: Path) -> tuple[int, float]:
    """Bytes of all files of a folder, and the time of its last change; links are not followed."""
    size, changed = 0, 0.0
    for place, _, files in os.walk(folder):
        for path in (place, *(os.path.join(place, f) for f in files)):
            with suppress(OSError):  # gone meanwhile
                state = os.lstat(path)
                size += state.st_size if path != place else 0
                changed = max(changed, state.st_mtime)
    return size, changed


def held(folder: Path) -> bool:
    """Is a process training in this folder of a bench? It holds a lock on the file `lock`; one that dies lets go.

    Looking shares the lock with others that look, so that these do not take one another for a process that trains.
    """
    try:
        with (folder / "lock").open("r+") as file:
            return not _shared(file)
    except OSError:
        return False


def _shared(file: IO) -> bool:
    """Take a lock that others may share, if nobody holds it alone."""
    try:
        import fcntl
    except ImportError:  # Windows: another one that looks holds the lock for a moment only
        return _soon(file)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _soon(file: IO) -> bool:
    """Lock a file for this process alone, if nobody holds it for longer than a look takes."""
    for wait in (0.05, 0.05, 0.05, 0.05, 0.0):
        if lock_descriptor(file.fileno(), blocking=False):
            return True
        time.sleep(wait)
    return False


def _run(path: Path, size: int, changed: float) -> Entry:
    try:
        spec = json.loads((path / "spec.json").read_text(encoding="utf-8"))
        check_format(spec, "it")
        variant, seed = str(spec["variant"]), int(spec["seed"])
        _readable(path)
        tested = pd.read_parquet(path / "items.parquet", columns=["share", "correct"])
    except OtherFormat as error:
        return _of_another_version(path, spec, size, changed, str(error))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Entry(path, "damaged", size, changed, why=_short(error))
    ended = str(spec.get("ended", ""))
    last = tested[tested["share"] == tested["share"].max()]
    steps, date = spec.get("steps"), spec.get("finished")
    return Entry(
        path,
        "failed" if ended.startswith("failed") else "finished",
        size,
        float(date) if isinstance(date, int | float) else changed,
        variant,
        seed,
        float(steps) if isinstance(steps, int | float) else float("nan"),
        float(last["correct"].astype(float).mean()),
        ended if ended.startswith("failed") else "",
    )


def _of_another_version(path: Path, spec: dict, size: int, changed: float, why: str) -> Entry:
    """A run in a format that this version does not read: its name where that stands where it does today."""
    variant, seed, date = spec.get("variant"), spec.get("seed"), spec.get("finished")
    return Entry(
        path,
        "other format",
        size,
        float(date) if isinstance(date, int | float) else changed,
        variant if isinstance(variant, str) else None,
        seed if isinstance(seed, int) else None,
        why=why,
    )


def _readable(folder: Path) -> None:
    """Raise where a table is missing or its end is; reads no rows."""
    import pyarrow.parquet as pq

    for name in tables_of(folder):
        pq.read_metadata(folder / f"{name}.parquet")


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]


def find(found: Sequence[Entry], name: str) -> Entry:
    """The entry of a folder's name, its digest, or the beginning of either; a path is none."""
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        raise ValueError(f"{name!r} is a path, expected the name of a folder in the store; --store says where that is")
    near = [e for e in found if e.id == name] or [
        e for e in found if e.id.startswith(name) or e.id.removesuffix(".failed").rpartition("-")[2].startswith(name)
    ]
    if len(near) != 1:
        what = "nothing" if not near else f"{len(near)} ({', '.join(e.id for e in near[:3])})"
        raise ValueError(f"{name!r} fits {what} in the store, expected one; take a name from the list")
    return near[0]


def spared(entry: Entry) -> str:
    """Why an entry must stay for now; empty where it may go."""
    if entry.state == "running":
        return "it is being trained"
    if entry.state == "leftover" and time.time() - entry.date < QUIET:
        return "it changed in the last ten minutes, so something may be writing it"
    return ""


def remove(root: Path, chosen: Iterable[Entry]) -> int:
    """Remove entries of this store; how many bytes that freed. Each vanishes by rename first, so that none is half."""
    freed, home = 0, root.resolve()
    for entry in chosen:
        if entry.path.is_symlink() or entry.path.resolve().parent != home:
            raise ValueError(f"{entry.path} lies outside the store {root}, expected a folder in it; remove it by hand")
        if why := spared(entry):
            raise ValueError(f"{entry.id} is kept: {why}; end that first")
        with _claimed(entry):
            gone = Path(tempfile.mkdtemp(prefix=".part-", dir=root))
            os.rename(entry.path, gone / "gone")
        shutil.rmtree(gone)
        freed += entry.size
    return freed


@contextmanager
def _claimed(entry: Entry) -> Iterator[None]:
    """Hold the lock of a bench while it is moved out of the way, so that nobody starts it meanwhile."""
    lock = entry.path / "lock"
    if not lock.exists():
        yield
        return
    with lock.open("r+") as file:
        if not _soon(file):
            raise ValueError(f"{entry.id} is kept: it is being trained; end that first")
        yield


def export(runs: Runs, folder: Path, form: str) -> list[Path]:
    """Write all tables of runs as CSV or Parquet, one file a table, or their curves as TensorBoard event files."""
    if form not in FORMATS:
        raise ValueError(f"cannot export to {form!r}; choose from {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    if form == "tensorboard":
        keys = dict.fromkeys(record.key for record in runs.records)
        return [_events(runs, key, folder) for key in keys]
    written = []
    for name in COLUMNS:
        path, part = folder / f"{name}.{form}", folder / f".part-{name}.{form}"
        table = getattr(runs, name)
        table.to_csv(part, index=False) if form == "csv" else table.to_parquet(part, index=False)
        os.replace(part, path)
        written.append(path)
    return written


def _events(runs: Runs, key: tuple[str, int], root: Path) -> Path:
    """Every number by step of one run as scalars, under the names that a Trainer gives them."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise ValueError("event files need the package tensorboard: pip install tensorboard") from None
    name = "".join(c if c.isalnum() or c in "-_ ." else "-" for c in key[0]).strip(" .") or "run"
    folder = root / f"{name}-seed{key[1]}"
    if any(folder.glob("*.tfevents.*")):
        raise ValueError(f"{folder} holds event files already; name another folder with --to, or remove them")
    began = next((float(r.spec["began"]) for r in runs.records if r.key == key and "began" in r.spec), 0.0)
    writer = EventFileWriter(str(folder))
    try:
        for step, seconds, tag, value in _scalars(runs, key):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(wall_time=began + seconds, step=step, summary=summary))
    finally:
        writer.close()
    return folder


def _scalars(runs: Runs, key: tuple[str, int]) -> Iterator[tuple[int, float, str, float]]:
    """(step, seconds, tag, value) of what was trained and tested, in the order of steps."""
    metrics = _own(runs.metrics, key)
    numbers = [c for c in metrics.select_dtypes("number") if c not in ("seed", "step", "seconds")]
    lines = [
        (int(line["step"]), float(np.nan_to_num(line["seconds"])), f"train/{c}", float(line[c]))
        for line in metrics.to_dict("records")
        for c in numbers
        if line[c] == line[c]
    ]
    if len(_own(runs.items, key).dropna(subset="step")):
        tests = _own(runs.accuracy(), key)
        alone = tests["solver"].nunique() == 1
        lines += [
            (
                int(t.step),
                float(np.nan_to_num(t.seconds)),
                "eval/accuracy" if alone else f"eval/{t.solver}/accuracy",
                float(t.accuracy),
            )
            for t in tests.itertuples()
        ]
    yield from sorted(lines)


def _own(table: pd.DataFrame, key: tuple[str, int]) -> pd.DataFrame:
    return table[(table["variant"] == key[0]) & (table["seed"] == key[1])]
