"""Runs on disk: a folder each, complete or visibly not, found again by the digest of all that decides its numbers.

runs/easy-first-3f9a41c07b2d8e55/          finished: spec, tables, events, adapter
runs/easy-first-3f9a41c07b2d8e55.failed/   ended before its budget was spent; kept to look at, never reused
runs/.bench-77c0e2d41b9a6f03/              in training, or cut off: replay log and checkpoints
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from curriculab.registry.warning import warn
from curriculab.runs.looks import kept_looks
from curriculab.runs.schema import COLUMNS, FORMAT, Record, Runs

FAILED = ".failed"
DAMAGED = "damaged-"
SEAL = "files.json"
RUN = re.compile(r".+-[0-9a-f]{16}(\.failed)?")
READ_WHOLE = 32 * 2**20  # bytes of an adapter up to which every byte is checked


@dataclass(frozen=True)
class Store:
    """A folder of runs. A run appears in it only when it is finished; asking for one that exists loads it.

    Parameters
    ----------
    root : Path
        The folder; it is made when the first run is saved.

    Examples
    --------
    >>> from pathlib import Path
    >>> pool, store = cl.load_pool("ladder", n=12, seed=0), cl.runs.Store(Path("runs"))
    >>> (record,) = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4).records
    >>> digest = cl.runs.digest_of({"method": "random_order", "seed": 0})
    >>> store.save(record, digest) == store.folder("random_order", digest)
    True
    >>> store.load("random", digest).key, store.load("random", "0123456789abcdef") is None
    (('random', 0), True)
    """

    root: Path

    def folder(self, variant: str, digest: str) -> Path:
        """Where a finished run lies, whether it is there or not: the variant's name and the digest."""
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in variant).strip("-")[:40] or "run"
        name = f"run-{name}" if name.startswith(DAMAGED) else name  # else it would pass for one that was set aside
        return self.root / f"{name}-{digest}"

    def load(self, variant: str, digest: str) -> Record | None:
        """The finished run of this digest, under whatever name it was recorded.

        Parameters
        ----------
        variant : str
            The name that it gets.
        digest : str
            16 hex digits.

        Returns
        -------
        Record or None
            None if there is none, or none that is whole: a damaged one is set aside with a warning, and its place is
            free.
        """
        for found in sorted(self.root.glob(f"*-{digest}")):
            if found.name.startswith(DAMAGED):
                continue
            try:
                return load_record(found, variant)
            except OtherFormat as error:
                warn(str(error))
            except DamagedRun as error:
                try:
                    target = set_aside(found)
                except FileNotFoundError:  # another process did it meanwhile
                    continue
                warn(f"{error.why}; it was set aside as {target.name}, and is trained again")
        return None

    def save(self, record: Record, digest: str, save_adapter: Callable[[Path], object] | None = None) -> Path:
        """Write a run that ended, whole, by rename.

        Parameters
        ----------
        record : Record
            What is written; one that failed gets a folder of its own that is never reused.
        digest : str
            Of all that decides it, 16 hex digits.
        save_adapter : callable, optional
            Given a folder, writes the adapter into it.

        Returns
        -------
        Path
            The run's folder.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        final = self.folder(record.key[0], digest)
        if str(record.spec.get("ended", "")).startswith("failed"):
            final = final.with_name(f"{final.name}{FAILED}")
            shutil.rmtree(final, ignore_errors=True)  # of an earlier attempt
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=self.root))
        try:
            for name, table in record.tables.items():
                table.to_parquet(part / f"{name}.parquet")
            if record.findings is not None:
                record.findings.to_json(part / "findings.json", orient="table")
            (part / "events.jsonl").write_text("".join(json.dumps(e, default=str) + "\n" for e in record.events))
            if save_adapter is not None:
                save_adapter(part / "adapter")
            (part / "spec.json").write_text(json.dumps({"format": FORMAT, **record.spec}, indent=1, default=str))
            seal(part)
            os.chmod(part, 0o755)
            try:
                os.rename(part, final)
            except OSError:
                if not final.exists():  # else another process finished the same run: its result is this one's
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return final


NOT_ALWAYS = ("rollouts", "validation")  # tables: of before there were any, or without validation rows


def tables_of(folder: Path) -> list[str]:
    """Names of the tables that a recorded run has to have."""
    return [name for name in COLUMNS if name not in NOT_ALWAYS or (folder / f"{name}.parquet").exists()]


def load_record(folder: Path, variant: str | None = None) -> Record:
    """One recorded run from its folder.

    Parameters
    ----------
    folder : Path
        Of a store.
    variant : str, optional
        Renames it: the digest, not the name, decides what a run is.

    Raises
    ------
    DamagedRun
        A ValueError where a file cannot be read, or is not what was written.
    OtherFormat
        A ValueError where another version wrote it in another format.

    Examples
    --------
    >>> from pathlib import Path
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> (record,) = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4).records
    >>> folder = cl.runs.Store(Path("runs")).save(record, "0123456789abcdef")
    >>> cl.runs.load_record(folder, "my name")
    Record('my name', seed 0, 3 steps, ended: ...)
    """
    try:
        check_seal(folder)
        spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        check_format(spec, f"the recorded run {folder}")
        str(spec["variant"]), int(spec["seed"])
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in tables_of(folder)}
        events = tuple(json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines())
        path, looks = folder / "findings.json", kept_looks(folder)
        findings = pd.read_json(path, orient="table") if path.exists() else None
    except OtherFormat:
        raise
    except Exception as error:  # noqa: BLE001, readers of damaged files raise what they like
        raise DamagedRun(folder, error) from None
    adapter = folder / "adapter"
    return Record(
        {**spec, **looks, "variant": variant or spec["variant"]},
        tables,
        events,
        findings,
        adapter if adapter.exists() else None,
    )


def load_runs(root: str | Path) -> Runs:
    """Every finished run of a store that is whole; damaged ones are named in a warning.

    Parameters
    ----------
    root : str or Path
        A store's folder, such as "runs".

    Returns
    -------
    Runs
        Without those that ended before their budget was spent.

    Raises
    ------
    ValueError
        Where the folder holds no finished run that this version can read; the line counts what it holds.

    Examples
    --------
    >>> cl.load_runs("empty")
    Traceback (most recent call last):
    ValueError: no recorded runs in empty; train some with Bench.run, or name another folder
    """
    records, damaged, other, failed = [], [], [], 0
    for folder in sorted(p for p in Path(root).glob("*") if p.is_dir() and not p.name.startswith(".")):
        if folder.name.startswith(DAMAGED):
            damaged.append(f"{folder.name} (set aside)")
        elif RUN.fullmatch(folder.name) or (folder / "spec.json").exists():
            if folder.suffix == FAILED:
                failed += 1
                continue
            try:
                records.append(load_record(folder))
            except OtherFormat:
                other.append(folder.name)
            except DamagedRun as error:
                damaged.append(error.short)
    if damaged:
        named = ", ".join(damaged[:3]) + (f" and {len(damaged) - 3} more" if len(damaged) > 3 else "")
        what = f"{len(damaged)} damaged {'run is' if len(damaged) == 1 else 'runs are'} left out of {root}: {named}"
        warn(f"{what}; Bench.run trains them again, or remove them: curriculab runs prune --damaged")
    if other:
        named = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
        what = f"{len(other)} {'run' if len(other) == 1 else 'runs'} of another version's format in {root}: {named}"
        warn(f"{what}; left as they are: {INSTEAD}")
    if not records:
        raise ValueError(_nothing(root, damaged=len(damaged), other=len(other), failed=failed))
    null = tuple(dict.fromkeys(r.key[0] for r in records if r.spec.get("null")))
    return Runs(tuple(records), null)


def _nothing(root: str | Path, *, damaged: int, other: int, failed: int) -> str:
    """Why no run of a store can be loaded, in one line."""
    kinds = {"of another version's format": other, "damaged": damaged, "that ended before the budget was spent": failed}
    there = ", ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
    if not there:
        return f"no recorded runs in {root}; train some with Bench.run, or name another folder"
    return f"none of the runs in {root} can be loaded: {there}; train them again with Bench.run, or name another folder"


# -- other versions -----------------------------------------------------------------------------------------------
INSTEAD = "train them again with this version, or read them with the one that wrote them"


class OtherFormat(ValueError):
    """A run or spec that another version wrote in a format that this one does not read."""


def check_format(spec: Mapping[str, object], what: str) -> None:
    """Raise one line where a spec is of another format; what: its place, as the line begins."""
    number = spec.get("format", 1)
    if number != FORMAT:
        wrote = "curriculab 0.1.0 before its modules moved" if number == 1 else "another version of curriculab"
        raise OtherFormat(
            f"{what} is of format {number}, written by {wrote}; this version reads format {FORMAT}. It is left as it "
            f"is: {INSTEAD}"
        )


# -- whole or damaged ---------------------------------------------------------------------------------------------
class DamagedRun(ValueError):
    """A recorded run that cannot be read, or is not what was written."""

    def __init__(self, folder: Path, error: Exception) -> None:
        said = " ".join(str(error).split())[:160]
        kind = "" if isinstance(error, Broken) else f"{type(error).__name__}: "
        self.short = f"{folder.name} ({kind}{said})"
        self.why = f"the recorded run {folder} is damaged ({kind}{said})"
        super().__init__(f"{self.why}; move it away to train it again")


class Broken(ValueError):
    """A file is not as it was written."""


def seal(folder: Path) -> None:
    """Put every file of a folder on the disk, and its size and digest into `files.json`."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        found[path.relative_to(folder).as_posix()] = [path.stat().st_size, digest]
    (folder / SEAL).write_text(json.dumps(found, indent=1))


def check_seal(folder: Path) -> None:
    """Raise where a file is not as it was written; a large adapter is only weighed."""
    if not (folder / SEAL).exists():
        return  # written before there were seals
    for name, (size, digest) in json.loads((folder / SEAL).read_text(encoding="utf-8")).items():
        path = folder / name
        if not path.is_file():
            raise Broken(f"{name} is missing")
        if path.stat().st_size != size:
            raise Broken(f"{name} has {path.stat().st_size} bytes, {size} were written")
        if size <= READ_WHOLE or path.suffix != ".safetensors":
            with path.open("rb") as file:
                if hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest() != digest:
                    raise Broken(f"{name} holds other bytes than were written")


def set_aside(folder: Path) -> Path:
    """Rename a damaged run, so that nothing is lost and nothing reads it."""
    for number in itertools.count(1):
        target = folder.with_name(f"{DAMAGED}{folder.name}" + (f"-{number}" if number > 1 else ""))
        if not target.exists():
            return folder.rename(target)
