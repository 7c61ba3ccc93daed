"""What other programs write of a run, one reader a format: a file -> numbers by step, results by test row.

    trainer_state("out/checkpoint-500/trainer_state.json")   # Transformers and TRL: log_history
    tensorboard("logs/sec")                                  # a folder of event files: scalars
    wandb("wandb_export.csv")                                # a panel's export, or a run's history
    harness("samples_gsm8k_2026-11-20T10-00-00.jsonl")       # lm-evaluation-harness --log_samples

Readers keep every name as it stands in the file; `others.import_runs` gives the names their meaning.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.files import from_csv, from_jsonl, text_of
from curriculab.data.validation import closest, show
from curriculab.registry.warning import warn

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
RECORD = 16  # bytes of length and checksums around each record of an event file


@dataclass(frozen=True)
class Part:
    """What one file tells of one run: `metrics` by step, `items` by test row; its name and planned steps if told."""

    metrics: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"step": []}))
    items: pd.DataFrame | None = None
    name: str | None = None
    planned: float | None = None


# -- Transformers and TRL ---------------------------------------------------------------------------------------------
def trainer_state(path: Path) -> list[Part]:
    """The log of a `Trainer`: what it logged at one step becomes one line; `max_steps` is what was planned."""
    state = _json(path)
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
    return [Part(_by_step(pd.DataFrame(logged, columns=None if logged else ["step"])), planned=planned)]


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
    """Scalars of the event files of one folder (or of one file), in the order of their names: where two of them have
    a value for a tag and step, as after a resume, the later one counts. `seconds`: by the clock since the first."""
    files = sorted(path.glob("*.tfevents.*")) if path.is_dir() else [path]
    lines = [line for file in files for line in _scalars(file)]
    if not lines:
        raise ValueError(f"{path}: found no scalars, expected some, such as train/loss; name the folder that has them")
    table = pd.DataFrame(lines, columns=["step", "time", "tag", "value"])
    wide = table.pivot_table(index="step", columns="tag", values="value", aggfunc="last", dropna=False)
    clock = table.groupby("step").time.last() - table.time.min()
    return [Part(_by_step(wide.rename_axis(columns=None).assign(seconds=clock).reset_index()))]


def _scalars(file: Path) -> Iterator[tuple[int, float, str, float]]:
    """(step, time, tag, value) of every scalar, written as TensorFlow 1, 2 or torch's SummaryWriter do."""
    try:
        from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise ValueError(f"{file}: event files need the package tensorboard: pip install tensorboard") from None
    read = 0
    for raw in RawEventFileLoader(str(file)).Load():
        read += len(raw) + RECORD
        event = Event.FromString(raw)
        for value in event.summary.value:
            kind = value.WhichOneof("value")
            plugin = value.metadata.plugin_data.plugin_name
            if kind == "simple_value":
                yield event.step, event.wall_time, value.tag, value.simple_value
            elif kind == "tensor" and plugin in ("", "scalars") and not value.tensor.tensor_shape.dim:
                number = make_ndarray(value.tensor)
                if number.dtype.kind in "fiu":
                    yield event.step, event.wall_time, value.tag, float(number)
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
def wandb(path: Path) -> list[Part]:
    """A panel's export (`Step`, `run - metric`, and its __MIN and __MAX, which are left out) or a run's history."""
    frame = from_csv(path)
    frame = frame.drop(columns=[c for c in ("", "Unnamed: 0") if c in frame])  # the row numbers of DataFrame.to_csv
    if any(" - " in name for name in frame.columns[1:]):
        return _panel(frame, path)
    named = [c for c in frame if c == "global_step" or c.endswith("/global_step")]
    step = next((c for c in (*named, "_step") if c in frame), None)
    if step is None:
        raise ValueError(
            f"{path}, line 1: found the columns {', '.join(frame.columns[:6])}, expected a W&B export: Step and "
            "'run - metric', or a history with _step; rename the column that counts steps to _step"
        )
    return [Part(_history(_numbers(frame, path), step, path))]


def _history(table: pd.DataFrame, step: str, path: Path) -> pd.DataFrame:
    """Lines by `step`; those without one, such as readings of the machine, are left out with a word."""
    without = table[step].isna()
    if without.any():
        warn(f"{path}: {without.sum()} of {len(table)} lines have no {step} and are left out")
    table = table[~without].rename(columns={step: "step"})
    if table.empty:
        raise ValueError(f"{path}: no line has a value in {step}, expected the step of every line; export it again")
    return _by_step(table)


def _panel(frame: pd.DataFrame, path: Path) -> list[Part]:
    axis = frame.columns[0]
    if not PANEL_STEP.fullmatch(axis):
        raise ValueError(
            f"{path}, line 1: found the x axis {axis!r}, expected Step or global_step; choose it as the panel's x axis "
            "and export again"
        )
    table = _numbers(frame, path).rename(columns={axis: "step"}).dropna(subset="step")
    metrics: dict[str, dict[str, str]] = {}
    for column in frame.columns[1:]:
        run, found, metric = column.rpartition(" - ")
        if found and not metric.endswith(("__MIN", "__MAX")):
            metrics.setdefault(run, {})[column] = metric
    parts = []
    for run, names in metrics.items():
        own = table[["step", *names]].rename(columns=names).dropna(how="all", subset=[*names.values()])
        parts.append(Part(_by_step(own), name=run))
    return parts


def _numbers(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Cells of text as numbers, empty ones as NaN; a column that holds no number at all stays text."""
    columns = {}
    for name in frame.columns:
        text = frame[name].where(frame[name] != "")
        numbers = pd.to_numeric(text, errors="coerce")
        odd = text.notna() & numbers.isna() & (text.str.lower() != "nan")
        if odd.any() and numbers.notna().any():
            place = odd.index[odd][0]
            raise ValueError(
                f"{path}, {place}, column {name!r}: found {show(text[place])}, expected a number or nothing; mend the "
                "cell or remove the column"
            )
        columns[name] = text if odd.any() else numbers
    return pd.DataFrame(columns, index=frame.index)


# -- lm-evaluation-harness --------------------------------------------------------------------------------------------
def harness(path: Path, *, metric: str | None = None, filter: str | None = None) -> list[Part]:
    """Results by test row: id "task/doc_id", correct = the metric (0 to 1), target, and the filtered answer's text."""
    task = SAMPLES.fullmatch(path.name)
    name = task["task"] if task else path.name.removesuffix(".gz").removesuffix(".jsonl")
    table = from_jsonl(path)
    for column in ("doc_id", "target"):
        if column not in table:
            raise ValueError(
                f"{path}: found no column {column!r}, expected what lm_eval --log_samples writes; give its samples_*"
            )
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
    found = re.fullmatch(r"(?:level\s*)?(\d{1,6})(?:\.0)?", str(value).strip(), re.IGNORECASE)
    return int(found[1]) if found else None
