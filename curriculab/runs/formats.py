"""What other programs write of a run, one reader a format: a file -> numbers by step, results by test row.

    trainer_state("out/checkpoint-500/trainer_state.json")   # Transformers and TRL: log_history
    tensorboard("logs/sec")                                  # a folder of event files: scalars
    csv_log("wandb_export.csv")                              # a W&B panel's export, a run's history, any log with steps
    json_lines("log.jsonl")                                  # a log of one JSON object a line
    harness("samples_gsm8k_2026-11-20T10-00-00.jsonl")       # lm-evaluation-harness --log_samples

Readers keep every name as it stands in the file; `others.import_runs` gives the names their meaning.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.files import from_csv, from_jsonl, text_of
from curriculab.data.validation import closest, show
from curriculab.data.values import level_of
from curriculab.registry.warning import warn
from curriculab.runs.resuming import cut_at_resumes, cut_files

PANEL_STEP = re.compile(r"(Step|_step|(.*/)?global_step)")  # x axes of a W&B panel that count steps
SAMPLES = re.compile(r"samples_(?P<task>.+?)(_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl(\.gz)?")
# What lm-evaluation-harness writes of every row beside its metrics, in the versions that list no `metrics`.
ABOUT = (
    "doc_id",
    "doc",
    "target",
    "arguments",
    "resps",
    "filtered_resps",
    "filter",
    "metrics",
    "doc_hash",
    "prompt_hash",
    "target_hash",
)
STEPS = ("global_step", "_step", "step", "steps", "iteration", "iter", "train_step", "epoch")  # names that count them
Steps = str | Callable[[pd.DataFrame], Any] | None  # what counts steps, where a file's own name for it is not known
RECORD = 16  # bytes of length and checksums around each record of an event file


@dataclass(frozen=True)
class Part:
    """What one file tells of one run: `metrics` by step, `items` by test row; its name and planned steps if told.

    odd: (column, step) where something that is no number was logged; grouped: a mean over runs, as W&B groups them;
    seed: where the file tells it.
    """

    metrics: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"step": []}))
    items: pd.DataFrame | None = None
    name: str | None = None
    planned: float | None = None
    odd: tuple[tuple[str, float], ...] = ()
    grouped: bool = False
    seed: int | None = None


# -- Transformers and TRL ---------------------------------------------------------------------------------------------
def trainer_state(path: Path) -> list[Part]:
    """The log of a `Trainer`: what it logged at one step becomes one line; `max_steps` is what was planned."""
    state = _json(path)
    if isinstance(state, list):  # trainer.state.log_history, as people write it to a file
        state = {"log_history": state}
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise ValueError(
            f"{path}: found {show(state)}, expected an object with the list log_history; name the trainer_state.json "
            "that Trainer.save_state or a checkpoint wrote"
        )
    for place, line in enumerate(state["log_history"], 1):
        step = line.get("step") if isinstance(line, dict) else None
        if isinstance(step, bool) or not isinstance(step, int | float):
            raise ValueError(
                f"{path}, entry {place} of log_history: found {show(line)}, expected an object with the number step; "
                "copy the file again, or leave the entry out"
            )
    logged = [_plain_values(line) for line in state["log_history"]]
    planned = state.get("max_steps")
    planned = planned if isinstance(planned, int | float) and planned > 0 else None
    table = pd.DataFrame(logged, columns=None if logged else ["step"])
    table[ODD] = [_not_numbers(line) for line in state["log_history"]]
    return [_logged(cut_at_resumes(table, path), planned=planned)]


ODD = "\x00odd"  # of each line, the names of what was logged and is no number


def _not_numbers(line: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, value in line.items() if isinstance(value, float) and np.isnan(value))


def _logged(table: pd.DataFrame, **about: Any) -> Part:
    """Lines of a log, with their names of odd values, as a part: one line a step."""
    lines = zip(table["step"], table[ODD], strict=True) if ODD in table else ()
    odd = [(name, float(step)) for step, names in lines for name in names]
    return Part(_by_step(table.drop(columns=ODD, errors="ignore")), odd=tuple(odd), **about)


def _plain_values(line: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and texts as they are, all else as JSON."""
    return {k: v if isinstance(v, int | float | str) else json.dumps(v) for k, v in line.items()}


def _json(path: Path) -> Any:
    try:
        return json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {error.lineno}: found text that is not JSON ({error.msg}), expected a trainer_state.json; "
            "copy the file again, its end may be missing"
        ) from None


def _by_step(frame: pd.DataFrame) -> pd.DataFrame:
    """One line per step, in order: of several, the last value of each column that is there."""
    if frame.empty:
        return frame
    frame = frame.groupby("step", as_index=False).last()
    return frame.assign(step=_whole(frame["step"])).dropna(axis=1, how="all")


def _whole(steps: pd.Series) -> pd.Series:
    return steps.astype("int64") if (steps % 1 == 0).all() else steps


# -- TensorBoard ------------------------------------------------------------------------------------------------------
def tensorboard(path: Path) -> list[Part]:
    """Scalars of the event files of one folder (or of one file), the first opened first: where a later one begins, an
    earlier one with the same tags ends (`cut_files`). `seconds`: by the clock since the first."""
    names = sorted(path.glob("*.tfevents.*")) if path.is_dir() else [path]
    columns = ["step", "time", "tag", "value", "purge"]
    files = [pd.DataFrame(_scalars(file), columns=columns).astype({"purge": float}) for file in names]
    files = sorted((file for file in files if len(file)), key=lambda file: file["time"].iloc[0])
    table = pd.concat([pd.DataFrame(columns=columns), *cut_files(files, path)]).dropna(subset="tag")
    if table.empty:
        raise ValueError(f"{path}: found no scalars, expected some, such as train/loss; name the folder that has them")
    table = table.astype({"step": int, "time": float, "value": float})
    wide = table.pivot_table(index="step", columns="tag", values="value", aggfunc="last", dropna=False)
    clock = table.groupby("step").time.last() - table.time.min()
    odd = table[table["value"].isna()]
    part = Part(_by_step(wide.rename_axis(columns=None).assign(seconds=clock).reset_index()))
    return [replace(part, odd=tuple(zip(odd["tag"], odd["step"].astype(float), strict=True)))]


def _scalars(file: Path) -> Iterator[tuple[int, float, str | None, float, float]]:
    """(step, time, tag, value, purge) of every scalar, written as TensorFlow 1, 2 or torch's SummaryWriter do.

    The first is of the file itself, without a tag: when it was opened. So is one that starts a session: `purge` is the
    step from which on it makes void what is there.
    """
    try:
        from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise ValueError(f"{file}: event files need the package tensorboard: pip install tensorboard") from None
    read, opened = 0, False
    for raw in RawEventFileLoader(str(file)).Load():
        read += len(raw) + RECORD
        event = Event.FromString(raw)
        starts = event.WhichOneof("what") == "session_log" and event.session_log.status == SessionLog.START
        if starts or not opened:
            yield event.step, event.wall_time, None, np.nan, float(event.step) if starts else np.nan
            opened = True
        for value in event.summary.value:
            kind = value.WhichOneof("value")
            plugin = value.metadata.plugin_data.plugin_name
            if kind == "simple_value":
                yield event.step, event.wall_time, value.tag, value.simple_value, np.nan
            elif kind == "tensor" and plugin in ("", "scalars") and not value.tensor.tensor_shape.dim:
                number = make_ndarray(value.tensor)
                if number.dtype.kind in "fiu":
                    yield event.step, event.wall_time, value.tag, float(number), np.nan
    _check_end(file, read)


def _check_end(file: Path, read: int) -> None:
    """A last record cut short, as a killed run leaves it, is told; a broken one is refused."""
    size = file.stat().st_size
    if read == size:
        return
    with file.open("rb") as stream:
        stream.seek(read)
        head = stream.read(8)
    cut = len(head) < 8 or read + RECORD + struct.unpack("<Q", head)[0] > size
    if cut and read:
        warn(f"{file}: its last record is cut off at byte {read} of {size}, the rest is taken")
        return
    raise ValueError(
        f"{file}, byte {read} of {size}: found a damaged record, expected an event of TensorBoard; copy the file again"
    )


# -- Weights & Biases -------------------------------------------------------------------------------------------------
def csv_log(path: Path, step: Steps = None) -> list[Part]:
    """A W&B panel's export (`Step`, `run - metric`), a run's history, or any log with a column that counts steps."""
    frame = from_csv(path)
    frame = frame.drop(columns=[c for c in ("", "Unnamed: 0") if c in frame])  # the row numbers of DataFrame.to_csv
    if step is None and any(" - " in name for name in frame.columns[1:]):
        return _panel(frame, path)
    return [_history(frame, step, path)]


def json_lines(path: Path, step: Steps = None) -> list[Part]:
    """A log of one JSON object a line."""
    return [_history(from_jsonl(path), step, path)]


def has_steps(frame: pd.DataFrame) -> bool:
    return step_column(frame) is not None


def step_column(frame: pd.DataFrame) -> str | None:
    names = {str(name).lower(): name for name in reversed(frame.columns)}
    trained = [name for name in frame.columns if str(name).endswith("/global_step")]
    return next((names[name] for name in STEPS if name in names), None) if not trained else trained[0]


def _history(frame: pd.DataFrame, step: Steps, path: Path) -> Part:
    """Lines by step; those without one, such as readings of the machine, are left out with a word."""
    name = step if isinstance(step, str) else step_column(frame)
    if step is None and name is None or isinstance(step, str) and step not in frame:
        has, near = ", ".join(map(str, frame.columns[:6])), closest(str(step), frame) if step else ""
        raise ValueError(
            f"{path}, line 1: found the columns {has},{near} expected one that counts steps (step, _step, global_step, "
            'iteration, epoch), or a W&B panel\'s export; name it, columns={"step": "..."}'
        )
    odd = odd_cells(frame)
    table = numbers(frame, path)
    steps = pd.to_numeric(pd.Series(step(table), index=table.index)) if callable(step) else table[name]
    if not pd.api.types.is_numeric_dtype(steps.dtype):
        raise ValueError(f"{path}: found {show(steps.iloc[0])} in {name!r}, expected numbers, which count steps")
    without = steps.isna()
    if without.any():
        warn(f"{path}: {without.sum()} of {len(table)} lines have no {name or 'step'} and are left out")
    table = table.drop(columns=[c for c in {name, "step"} if c in table])
    table = table.assign(**{"step": steps, ODD: odd})[~without]
    if table.empty:
        raise ValueError(f"{path}: no line has a value in {name}, expected the step of every line; export it again")
    return _logged(cut_at_resumes(table, path))


def odd_cells(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Of each line, the columns where NaN was written; an empty cell is nothing that was logged."""
    names: list[tuple[str, ...]] = [()] * len(frame)
    for name in frame.columns:
        texts = frame[name].map(lambda value: isinstance(value, str) and value.strip().lower() in ("nan", "-nan"))
        for place in np.flatnonzero(texts.to_numpy(bool)):
            names[place] = (*names[place], str(name))
    return names


def _panel(frame: pd.DataFrame, path: Path) -> list[Part]:
    axis = frame.columns[0]
    if not PANEL_STEP.fullmatch(axis):
        raise ValueError(
            f"{path}, line 1: found the x axis {axis!r}, expected Step or global_step; choose it as the panel's x axis "
            "and export again"
        )
    table = numbers(frame, path).rename(columns={axis: "step"}).assign(**{ODD: odd_cells(frame)})
    table = table.dropna(subset="step")
    metrics: dict[str, dict[str, str]] = {}
    for column in frame.columns[1:]:
        run, found, metric = column.rpartition(" - ")
        if found and not metric.endswith(("__MIN", "__MAX")):
            metrics.setdefault(run, {})[column] = metric
    parts = []
    for run, names in metrics.items():
        own = table[["step", *names]].rename(columns=names).dropna(how="all", subset=[*names.values()])
        odd = [
            (names[c], float(s))
            for s, cells in zip(table["step"], table[ODD], strict=True)
            for c in cells
            if c in names
        ]
        parts.append(Part(_by_step(own), name=run, odd=tuple(odd), grouped=_is_grouped(table, list(names))))
    return parts


def _is_grouped(table: pd.DataFrame, columns: list[str]) -> bool:
    """Whether the columns are means over runs: least and largest of a step differ. Of one run they are the same,
    but where W&B drew fewer points than there are."""
    for column in columns:
        low, high = (table.get(f"{column}__{end}") for end in ("MIN", "MAX"))
        if low is not None and high is not None and (pd.to_numeric(low) != pd.to_numeric(high))[low.notna()].any():
            return True
    return False


def _as_cell(value: Any) -> Any:
    """Objects and lists of a JSON log as text."""
    return json.dumps(value, default=str) if isinstance(value, list | dict) else value


def numbers(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Cells of text as numbers, empty ones as NaN; a column that holds no number at all stays text."""
    columns = {}
    for name in frame.columns:
        if frame[name].dtype.kind in "biuf":  # of a file with types
            columns[name] = frame[name].astype(float)
            continue
        text = frame[name].where(frame[name] != "").map(_as_cell)
        numbers = pd.to_numeric(text, errors="coerce")
        odd = text.notna() & numbers.isna() & ~text.astype("str").str.lower().isin(["nan", "-nan"])
        if odd.any() and numbers.notna().any():
            place = odd.index[odd][0]
            raise ValueError(
                f"{path}, {place}, column {name!r}: found {show(text[place])}, expected a number or nothing; mend the "
                "cell or remove the column"
            )
        columns[name] = text if odd.any() else numbers
    return pd.DataFrame(columns, index=frame.index)


# -- lm-evaluation-harness --------------------------------------------------------------------------------------------
def harness(path: Path, *, metric: Choice = None, filter: Choice = None) -> list[Part]:
    """Results by test row: id "task/doc_id", correct = the metric (0 to 1), target, and the filtered answer's text."""
    task = SAMPLES.fullmatch(path.name)
    name = task["task"] if task else path.name.removesuffix(".gz").removesuffix(".jsonl")
    table = from_jsonl(path)
    for column in ("doc_id", "target"):
        if column not in table:
            raise ValueError(
                f"{path}: found no column {column!r}, expected what lm_eval --log_samples writes; give its samples_*"
            )
    metric, filter = chosen_for(name, metric), chosen_for(name, filter)
    if (
        metric is not None and metric not in table and "," in metric
    ):  # "exact_match,strict-match", as results_*.json has
        metric, _, own = metric.partition(",")
        filter = filter or own
    table = _filtered(table, path, filter)
    metric = _metric(table, path, metric)
    ids = f"{name}/" + table["doc_id"].astype("str")
    if ids.duplicated().any():
        place = ids.index[ids.duplicated()][0]
        first = ids.index[ids == ids[place]][0]
        raise ValueError(
            f"{path}, {place}: found doc_id {table.doc_id[place]} again (first in {first}), expected every row once; "
            "remove one of the two"
        )
    items = pd.DataFrame({"id": ids, "correct": _shares(table[metric], path, metric), "topic": name})
    return [Part(items=items.assign(**_about_rows(table)).reset_index(drop=True))]


Choice = str | Mapping[str, str] | None  # one name for all tasks, or one by pattern of tasks


def chosen_for(task: str, wanted: Choice) -> str | None:
    """The choice for a task: the one under its own name, else under the first pattern that matches it."""
    if not isinstance(wanted, Mapping):
        return wanted
    return wanted.get(task, next((name for pattern, name in wanted.items() if fnmatchcase(task, pattern)), None))


def _filtered(table: pd.DataFrame, path: Path, wanted: str | None) -> pd.DataFrame:
    """Lines of one filter; where a task was scored by several, one has to be asked for."""
    found = list(dict.fromkeys(table["filter"])) if "filter" in table else []
    if wanted is None and len(found) < 2:
        return table
    if wanted not in found:
        has = ", ".join(map(str, found)) or "none"
        what = "several filters" if wanted is None else f"no filter {wanted!r}"
        raise ValueError(f"{path}: found {what}, expected results by one; it has {has}; pass one as filter=")
    return table[table["filter"] == wanted]


def _metric(table: pd.DataFrame, path: Path, wanted: str | None) -> str:
    """The metric to take: the one there is, or the one that was asked for."""
    listed = table["metrics"].iloc[0] if "metrics" in table else None
    names = listed if isinstance(listed, list) else [c for c in table if c not in ABOUT]
    found = [name for name in names if name in table and _is_numbers(table[name])]
    if wanted is not None and wanted in table:
        return wanted
    if wanted is None and len(found) == 1:
        return found[0]
    has = ", ".join(found) or "none"
    if wanted is not None:
        raise ValueError(f"{path}: no metric {wanted!r};{closest(wanted, found)} it has {has}; pass one as metric=")
    raise ValueError(f"{path}: found the metrics {has}, expected one that tells right from wrong; pass it as metric=")


def _is_numbers(values: pd.Series) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _shares(values: pd.Series, path: Path, metric: str) -> np.ndarray:
    for place, value in values.items():
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(
                f"{path}, {place}: found {metric} {show(value)}, expected a number from 0 (wrong) to 1 (right); choose "
                "another with metric="
            )
    return values.to_numpy(float)


def _about_rows(table: pd.DataFrame) -> dict[str, list]:
    """Target, answer, digest and level of each row, where the file has them for all rows."""
    found: dict[str, list] = {"target": table["target"].map(str).tolist()}
    if "filtered_resps" in table:
        texts = [r[0] if isinstance(r, list) and r else r for r in table["filtered_resps"]]
        if all(isinstance(text, str) for text in texts):
            found["text"] = texts
    if "doc_hash" in table and table["doc_hash"].notna().all():
        found["doc_hash"] = table["doc_hash"].tolist()
    docs = table["doc"] if "doc" in table else [None] * len(table)
    levels = [_level(doc.get("level")) if isinstance(doc, dict) else None for doc in docs]
    return found | ({"level": levels} if None not in levels else {})


def _level(value: object) -> int | None:
    """3, "3" or "Level 3"; None for anything else."""
    found = level_of(str(value))
    return found if isinstance(found, int) else None
