"""Runs that other programs trained or tested, as the same tables, for the same figures and tests.

runs = import_runs("evals/{variant}/seed{seed}/samples_*.jsonl", metric="acc")     # lm-evaluation-harness
runs = import_runs("out/{variant}-{seed}")             # Trainer and TRL: folders with trainer_state.json, checkpoints
cl.compare(runs, to="random")

What a file does not tell stays NaN or empty: a log has no exposure, an accuracy of a whole test set has no rows.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.data.files import from_csv, from_jsonl
from curriculab.data.validation import closest, show
from curriculab.registry.warning import warn
from curriculab.runs.formats import (
    Choice,
    Part,
    Steps,
    csv_log,
    harness,
    has_steps,
    json_lines,
    tensorboard,
    trainer_state,
)
from curriculab.runs.schema import COLUMNS, CUMULATIVE, Record, Runs
from curriculab.runs.summaries import is_runs_table, results, runs_table

Column = str | Callable[[pd.DataFrame], pd.Series]


PLACES = {"variant": r"[^/]+?", "seed": r"\d+", "step": r"\d+"}


LOGGED = {"loss": ("loss", "train/loss"), "seconds": ("seconds", "_runtime")}  # names that mean what our columns mean


TARGETS = ("step", "loss", "rows", *CUMULATIVE, "accuracy")


LIKE_ACCURACY = re.compile(r"acc|exact_match|reward|score|pass@|correct|solve|\bem\b|f1", re.IGNORECASE)


ACCURACY = re.compile(r"(?:eval|test|val|valid|validation)[/_](?:(?P<set>.+)[/_])?(?:accuracy|acc|exact_match)")


FORMATS = "trainer_state.json, *.tfevents.*, a .csv or .jsonl with steps, a W&B .csv, samples_*.jsonl or results_*.json"


@dataclass(frozen=True)
class Named:
    """A part of a run, and whose: variant, seed, the step it was tested at (if not told inside), and its file."""

    variant: str
    seed: int
    step: int | None
    part: Part
    path: Path


def import_runs(
    source: str | Path,
    *,
    variant: str | None = None,
    seed: int = 0,
    step: int | None = None,
    columns: Mapping[str, Column] | None = None,
    metric: Choice = None,
    filter: Choice = None,
    names: str | None = None,
) -> Runs:
    """Runs from files of Transformers, TRL, TensorBoard, W&B or lm-evaluation-harness, told apart by their names.

    Loss, and accuracies named like eval_accuracy or eval/math_acc (not of tokens), are known; such an accuracy becomes
    one line of `runs.items` per evaluation, with its test set as the id and a share as `correct`. All else that was
    logged stays in `runs.metrics`. W&B's table of runs gives the last numbers of each, with the seed of a column
    `seed`; results_*.json an accuracy for each task. Progress is the share of the planned steps where they are told,
    else of the last step in the files. Steps that go back are a resumed run, whose earlier branch is left out; an
    accuracy that is not a number is kept as such, and no earlier one stands for it. Both are said in a warning.

    Parameters
    ----------
    source : str or Path
        A file, a folder (its trainer_state.json, that of its last checkpoint, its event files, its samples or its last
        results), or a pattern of either with * and {variant}, {seed}, {step}: what stands there names the run.
    variant : str, optional
        Name of the run where no pattern gives it. None: that of the run in a W&B panel, else of the folder or, for a
        .csv, of the file.
    seed, step : int
        Where no pattern gives them; `step` is where samples were made.
    columns : mapping, optional
        Gives meaning to what was logged: {"accuracy": "eval_math_acc", "tokens": "num_tokens"}, a name or a function of
        the table. Targets are step (of a .csv or .jsonl log, where its name is not known), loss, rows, tokens,
        rollouts, generated, seconds and accuracy.
    metric, filter : str or mapping, optional
        Of lm-evaluation-harness, where a task has several; by task, or pattern of tasks: {"arc_*": "acc_norm",
        "gsm8k": "exact_match"}. "exact_match,strict-match", as its results name it, is metric and filter.
    names : str, optional
        Pattern of the names of runs in a W&B panel, such as "{variant}-s{seed}".

    Returns
    -------
    Runs

    Raises
    ------
    ValueError
        One line: the file, what was found and what was expected.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> logged = [{"step": 10, "loss": 2.5}, {"step": 20, "loss": 1.5}, {"step": 20, "eval_accuracy": 0.25}]
    >>> Path("easy first-0").mkdir()
    >>> _ = Path("easy first-0/trainer_state.json").write_text(json.dumps({"max_steps": 20, "log_history": logged}))
    >>> runs = cl.import_runs("{variant}-{seed}")
    >>> runs, runs.metrics["loss"].tolist(), runs.accuracy()["accuracy"].tolist()
    (Runs(1 variants x 1 seeds, up to 20 steps), [2.5, 1.5], [0.25])
    """
    if wrong := [c for c in columns or {} if c not in TARGETS]:
        near = closest(wrong[0], TARGETS)
        raise ValueError(f"columns has the target {wrong[0]!r};{near} known are {', '.join(TARGETS)}")
    found: dict[tuple[str, int], list[Named]] = {}
    for path, named in _places(str(source)):
        for part in _parts(path, metric, filter, (columns or {}).get("step")):
            own = {"variant": variant or _folder(path), "seed": seed, "step": step}
            own |= {} if part.seed is None else {"seed": part.seed}
            own |= _named_inside(part, names, path) | named
            part = _without_seed(part, names, path)
            key = str(own["variant"]), int(own["seed"])
            number = None if own["step"] is None else int(own["step"])
            found.setdefault(key, []).append(Named(*key, number, part, path))
    _same_rows([n for parts in found.values() for n in parts])
    used = {target: column for target, column in (columns or {}).items() if target != "step"}
    return Runs(tuple(_record(parts, used) for parts in found.values()))


def _without_seed(part: Part, names: str | None, path: Path) -> Part:
    """A W&B mean over runs is told, and kept as what it is, unless its name gives a seed."""
    if not part.grouped or "{seed}" in (names or ""):
        return replace(part, grouped=False)
    warn(
        f"{path}: {part.name!r} is a mean over grouped runs (its __MIN and __MAX differ), not one seed; it is imported "
        "as one run, which no interval can be had from: ungroup the panel and export again"
    )
    return part


def _named_inside(part: Part, names: str | None, path: Path) -> dict[str, str]:
    """Variant, seed and step as the name that a file gives its run tells them."""
    if names:
        return _match(names, part.name, path)
    return {"variant": part.name} if part.name else {}


def _places(source: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Every file that `source` stands for, with what its pattern tells."""
    source = str(Path(source).expanduser())
    plain = Path(source).exists()
    paths = [source] if plain else sorted(glob.glob(_holes(source, "*"), recursive=True))
    if not paths:
        raise ValueError(f"{source}: no such file or folder in {Path.cwd()}; give a path, or a pattern that fits some")
    for path in paths:
        named = {} if plain else _match(source, path, Path(path))
        for file in [Path(path)] if Path(path).is_file() else _inside(Path(path)):
            yield file, named


def _holes(pattern: str, text: str | Mapping[str, str]) -> str:
    """The pattern with something in the place of {variant}, {seed} and {step}."""
    for name in re.findall(r"\{(.*?)\}", pattern):
        if name not in PLACES:
            raise ValueError(f"{pattern}: found {{{name}}}, expected {{variant}}, {{seed}} or {{step}}; else use *")
    return re.sub(r"\{(\w+)\}", lambda hole: text if isinstance(text, str) else text[hole[1]], pattern)


def _match(pattern: str, text: str | None, path: Path) -> dict[str, str]:
    """What stands in `text` where the pattern has {variant}, {seed} and {step}."""
    _holes(pattern, "")
    parts, seen = [], set()
    for piece in re.split(r"(\{\w+\}|\*\*/?|\*|\?)", pattern):
        name = piece.strip("{}")
        if piece.startswith("{"):
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{PLACES[name]})")
            seen.add(name)
        else:
            parts.append({"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece)))
    found = re.fullmatch("".join(parts), text or "")
    if found is None:
        raise ValueError(
            f"{path}: found the name {show(text)}, expected one like {pattern!r} with whole numbers for seed and step; "
            "make the pattern wider, or import it alone"
        )
    return found.groupdict()


def _inside(folder: Path) -> list[Path]:
    """What a folder holds: a trainer's state (its own, else the last checkpoint's), event files, samples or results."""
    states = sorted(folder.glob("checkpoint-*/trainer_state.json"), key=lambda p: _number(p.parent.name))
    if (folder / "trainer_state.json").exists():
        return [folder / "trainer_state.json"]
    if states:
        return states[-1:]
    if any(folder.glob("*.tfevents.*")):
        return [folder]
    if samples := sorted(folder.glob("samples_*.jsonl*")):
        return samples
    if tested := sorted(folder.glob("results*.json")):
        return tested[-1:]  # their names are times: the last one
    raise ValueError(f"{folder}: found none of {FORMATS}; name a file, or a pattern such as {folder}/{{variant}}")


def _number(name: str) -> int:
    return int(re.sub(r"\D", "", name) or 0)


def _parts(path: Path, metric: Choice, filter: Choice, step: Steps) -> list[Part]:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        table = from_csv(path)
        return runs_table(table, path) if step is None and is_runs_table(table) else csv_log(path, step)
    if name.endswith((".jsonl", ".jsonl.gz")) and (step is not None or _is_log(path)):
        return json_lines(path, step)
    if step is not None:
        raise ValueError(f"{path}: it tells its steps itself; columns={{'step': ...}} is for a .csv or .jsonl log")
    if path.is_dir() or ".tfevents." in name:
        return tensorboard(path)
    if name.endswith((".jsonl", ".jsonl.gz")):
        return harness(path, metric=metric, filter=filter)
    if name.startswith("results") and name.endswith((".json", ".json.gz")):
        return results(path, metric=metric, filter=filter)
    if name.endswith((".json", ".json.gz")):
        return trainer_state(path)
    raise ValueError(f"{path}: cannot tell what wrote it; known are {FORMATS}")


def _is_log(path: Path) -> bool:
    """Whether the lines of a .jsonl file are steps of a log, and no samples of rows."""
    table = from_jsonl(path)
    return "doc_id" not in table and has_steps(table)


def _folder(path: Path) -> str:
    """The name a run has by where it lies: its folder, above a checkpoint's; a .csv by its own name."""
    path = path.absolute()
    if path.suffix == ".csv":
        return path.stem
    folder = path if path.is_dir() else path.parent
    return (folder.parent if re.fullmatch(r"checkpoint-\d+", folder.name) else folder).name


def _record(parts: list[Named], columns: Mapping[str, Column]) -> Record:
    """One run from all its parts; none may tell the same twice."""
    metrics = pd.concat([_metrics(n, columns) for n in parts], ignore_index=True)
    tested = [t for n in parts for t in (_set_items(n, columns), _row_items(n)) if len(t)]
    items = pd.concat(tested or [pd.DataFrame(columns=COLUMNS["items"][2:])], ignore_index=True)
    _once(metrics, ["step"], parts)
    _once(items, ["step", "id"], parts)
    steps = pd.concat([metrics["step"], items["step"]]).astype(float)
    last = max([n.part.planned or 0.0 for n in parts] + [steps.max() if steps.notna().any() else 0.0])
    for table in (metrics, items):
        table["progress"] = table["step"].astype(float) / last if last else np.nan
    items["share"] = items["progress"].fillna(1.0)  # samples of no known step: the one test there is
    tables = {name: pd.DataFrame(columns=wanted[2:]) for name, wanted in COLUMNS.items()}
    tables["metrics"], tables["items"] = _ordered(metrics, "metrics"), _ordered(items, "items")
    spec = {"steps": int(steps.max()) if steps.notna().any() else None, "imported": [str(n.path) for n in parts]}
    if any(n.part.grouped for n in parts):
        spec["grouped"] = True
    if not len(items):
        spec["logged"] = [c for c in metrics.columns if c not in COLUMNS["metrics"] or metrics[c].notna().any()]
    if odd := _tell_odd(parts, columns):
        spec["not_a_number"] = odd
    return Record({**spec, "variant": parts[0].variant, "seed": parts[0].seed, "ended": "imported"}, tables)


def _metrics(named: Named, columns: Mapping[str, Column]) -> pd.DataFrame:
    """What was logged at each step, known names first: loss and, where told, rows, tokens and the like."""
    table = named.part.metrics
    reserved = {c: f"logged/{c}" for c in ("variant", "seed", "progress", "role") if c in table}
    values: dict[str, pd.Series] = {}
    for target in ("loss", "rows", *CUMULATIVE):
        wanted = columns.get(target) or next((c for c in LOGGED.get(target, (target,)) if c in table), None)
        values[target] = _taken(wanted, target, named) if wanted else pd.Series(np.nan, index=table.index)
    used = {c for c in values if c in table} | {c for names in LOGGED.values() for c in names if c in table}
    rest = table.drop(columns=[c for c in used if c not in ("step",)]).rename(columns=reserved)
    return rest.assign(**values)


def _taken(wanted: Column, target: str, named: Named) -> pd.Series:
    """A column by its name or by a function of the table, as numbers."""
    table = named.part.metrics
    if isinstance(wanted, str) and wanted not in table:
        has, near = ", ".join(map(str, table.columns)), closest(wanted, table)
        raise ValueError(f"{named.path}: no column {wanted!r}, wanted for {target!r};{near} it has {has}")
    try:
        values = table[wanted] if isinstance(wanted, str) else wanted(table)
        return pd.to_numeric(pd.Series(values, index=table.index)).astype(float)
    except (ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(
            f"{named.path}: columns[{target!r}] gave no numbers ({type(error).__name__}: {reason}); give a column's "
            "name or a function of the table"
        ) from None


def _set_items(named: Named, columns: Mapping[str, Column]) -> pd.DataFrame:
    """A line per evaluation and test set whose accuracy was logged; the rows of the set are not known."""
    table = named.part.metrics
    if table.empty:
        return table
    if "accuracy" in columns:
        sets = {"eval": _taken(columns["accuracy"], "accuracy", named)}
    else:
        known = {c: ACCURACY.fullmatch(c) for c in map(str, table.columns) if "token" not in c}
        sets = {m["set"] or "eval": _taken(c, "accuracy", named) for c, m in known.items() if m}
    so_far = _metrics(named, columns)[CUMULATIVE]
    lines = []
    for name, values in sets.items():
        odd = values[(values < 0) | (values > 1)]
        if len(odd):
            place = f"{named.path}, step {table.step[odd.index[0]]}"
            raise ValueError(
                f"{place}: found the accuracy {odd.iloc[0]:g} of {name!r}, expected a share from 0 to 1; map it, for "
                "example columns={'accuracy': lambda t: t['eval_accuracy'] / 100}"
            )
        there = values.notna() | table.step.astype(float).isin(_odd_steps(named, name, columns))
        lines.append(so_far[there].assign(step=table.step[there], id=name, correct=values[there], whole_set=True))
    return pd.concat(lines).assign(solver="direct", gold=False) if lines else table.iloc[:0]


def _accuracies(named: Named, columns: Mapping[str, Column]) -> dict[str, str]:
    """Test set by the column that holds its accuracy."""
    if "accuracy" in columns:
        wanted = columns["accuracy"]
        return {wanted: "eval"} if isinstance(wanted, str) else {}
    known = {c: ACCURACY.fullmatch(c) for c in map(str, named.part.metrics.columns) if "token" not in c}
    return {c: m["set"] or "eval" for c, m in known.items() if m}


def _odd_steps(named: Named, test_set: str, columns: Mapping[str, Column]) -> set[float]:
    """Steps at which the accuracy of a test set was logged as something that is no number."""
    names = {column for column, found in _accuracies(named, columns).items() if found == test_set}
    if callable(columns.get("accuracy")):  # which columns it reads is not known: a number it cannot give is none
        names = {name for name, _ in named.part.odd if LIKE_ACCURACY.search(name)}
    return {step for name, step in named.part.odd if name in names}


def _tell_odd(parts: list[Named], columns: Mapping[str, Column]) -> dict[str, float]:
    """What was logged as no number, and from which step on; loss and accuracies are told in a warning."""
    found: dict[str, float] = {}
    for n in parts:
        wanted = {*_accuracies(n, columns), *LOGGED["loss"], *(c for c in columns.values() if isinstance(c, str))}
        for name, step in n.part.odd:
            if name in wanted or (callable(columns.get("accuracy")) and LIKE_ACCURACY.search(name)):
                found[name] = min(step, found.get(name, step))
    who = f"{parts[0].variant}, seed {parts[0].seed}"
    for name, step in found.items():
        warn(f"{who}: {name} is not a number at step {step:g} and later ones ({parts[0].path}); the run diverged there")
    return found


def _row_items(named: Named) -> pd.DataFrame:
    items = named.part.items
    if items is None:
        return pd.DataFrame()
    step = np.nan if named.step is None else named.step
    whole = items["whole_set"] if "whole_set" in items else False
    return items.assign(step=step, solver="direct", gold=False, whole_set=whole, **dict.fromkeys(CUMULATIVE, np.nan))


def _once(table: pd.DataFrame, keys: list[str], parts: list[Named]) -> None:
    """Refuse two files that tell of the same step, or of the same row at the same step."""
    again = table.duplicated(keys, keep="first")
    if not again.any():
        return
    line = table[again].iloc[0]
    row = [f"row {line['id']!r}"] if "id" in keys else []
    what = " at ".join([*row, *([f"step {line['step']:g}"] if line["step"] == line["step"] else [])])
    files = ", ".join(dict.fromkeys(str(n.path) for n in parts))
    raise ValueError(
        f"{files}: found {what} of {parts[0].variant!r}, seed {parts[0].seed}, twice, expected once; tell the "
        "runs apart with {variant}, {seed} or {step} in the pattern"
    )


def _same_rows(named: list[Named]) -> None:
    """Rows of one id must be the same question everywhere: lm-evaluation-harness writes a digest of each."""
    seen: dict[str, tuple[str, Path]] = {}
    for n in named:
        if n.part.items is None or "doc_hash" not in n.part.items:
            continue
        for row, digest in zip(n.part.items["id"], n.part.items["doc_hash"], strict=True):
            before, path = seen.setdefault(row, (digest, n.path))
            if before != digest:
                raise ValueError(
                    f"{n.path}: found another question under the id {row!r} than in {path} (its doc_hash differs), "
                    "expected the same test rows in all runs; test them with one version of the task"
                )


def _ordered(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The contract's columns first, numbers as numbers, steps in order."""
    wanted = COLUMNS[name][2:]
    table = table.reindex(columns=[*wanted, *(c for c in table.columns if c not in wanted)])
    numbers = [c for c in ("step", "progress", "share", "correct", "loss", "rows", *CUMULATIVE) if c in table]
    table = table.astype(dict.fromkeys(numbers, float))
    if table["step"].notna().all() and (table["step"] % 1 == 0).all():
        table["step"] = table["step"].astype("int64")
    return table.sort_values("step", kind="stable").reset_index(drop=True)
