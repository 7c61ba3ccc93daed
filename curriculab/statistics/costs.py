"""What a comparison cost: rows, tokens, learning rate, solver and end of every variant, and what differs in words.

One line of `costs`: big, 3 seeds, 60 steps, 3,840 rows, 212,830 tokens trained, ended "budget of steps spent".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.objectives.registry import OBJECTIVES
from curriculab.runs.by_hand import done_by_hand
from curriculab.runs.roles import of_learner

if TYPE_CHECKING:
    from curriculab.runs import Record, Runs

TELL = 0.1  # ours: costs that differ by more than this share are part of the claim

# How the sentence calls each number, in this order; numbers with one ratio are named together.
AXES = {
    "steps": "optimiser steps",
    "rows_trained": "rows trained",
    "tokens_trained": "tokens trained",
    "tokens_generated": "tokens generated",
    "tokens_scored": "tokens scored",
    "tokens_at_test": "tokens at its last test",
}
AT_TEST = "tokens_at_test"
TOTAL = "tokens"  # trained, sampled (prompts included) and scored together
DESCRIBED = ["learning_rate", "objective", "solver", "ended", "steered"]
COLUMNS = ["seeds", *AXES, TOTAL, *DESCRIBED]


def costs(runs: Runs, labels: pd.DataFrame, steps: Mapping[tuple[str, int], float] | None = None) -> pd.DataFrame:
    """What every variant spent and how it was trained and tested.

    Parameters
    ----------
    runs : Runs
        With what their records tell; numbers that were not recorded are NaN.
    labels : pd.DataFrame
        By the names of the comparison's lines, the columns `variant` and `solver`.
    steps : mapping of (str, int) to float, optional
        By variant and seed, the step of the test that is compared; runs that are not named count whole.

    Returns
    -------
    pd.DataFrame
        One line a variant. `seeds`; means over the seeds that did not fail of `steps`, `rows_trained`,
        `tokens_trained`, `tokens_generated` (of answers sampled in training), `tokens_scored`, `tokens` (trained,
        sampled with their prompts, and scored), and `tokens_at_test` (of its last test, by all its solvers);
        `learning_rate` and `objective` as trained with, several joined by " and "; `solver`; `ended`: why each run
        ended, with its seeds; `steered`: what was done to it by hand.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=4, batch_size=8, seed=[0, 1])
    >>> labels = pd.DataFrame({"variant": ["random"], "solver": ["direct"]}, index=["random"])
    >>> from curriculab.statistics.costs import costs
    >>> costs(runs, labels)[["steps", "rows_trained", "ended"]].values.tolist()
    [[4.0, 32.0, 'budget of steps spent']]
    """
    failed, by = runs.failed, {}
    for record in runs.records:
        if record.key not in failed:
            by.setdefault(record.key[0], []).append(record)
    named = zip(labels.variant, labels.solver, strict=True)
    lines = [_line(by.get(variant, []), solver, steps or {}) for variant, solver in named]
    return pd.DataFrame(lines, index=labels.index.rename("variant"), columns=COLUMNS)


def _line(records: Sequence[Record], solver: object, steps: Mapping[tuple[str, int], float]) -> dict[str, object]:
    lines = [spent(record, steps.get(record.key)) for record in records]
    numbers = pd.DataFrame(lines, columns=[*AXES, TOTAL], dtype=float)
    settings = [one for record in records for one in record.spec.get("trained_with", ()) if one["role"] == "learner"]
    rates = sorted({rate for one in settings if (rate := one["fields"].get("learning_rate")) is not None})
    return {
        "seeds": len(records),
        **numbers.mean().to_dict(),
        "learning_rate": " and ".join(f"{rate:g}" for rate in rates),
        "objective": " and ".join(dict.fromkeys(map(_without_rate, settings))),
        "solver": solver if isinstance(solver, str) else "",
        "ended": _by_seed(records, {r.key[1]: str(r.spec.get("ended", "")) for r in records}),
        "steered": _by_seed(records, {r.key[1]: done_by_hand(r) for r in records}),
    }


def _without_rate(setting: Mapping) -> str:
    """An objective with the settings that are not its defaults, but for the learning rate, which has its own column."""
    name, fields = setting["objective"], setting["fields"]
    kind = OBJECTIVES[name] if name in OBJECTIVES else None
    usual = {f.name: f.default for f in dataclasses.fields(kind)} if kind else {}
    knobs = [f"{k}={v}" for k, v in fields.items() if k != "learning_rate" and v != usual.get(k)]
    return f"{name}({', '.join(knobs)})" if knobs else str(name)


def _by_seed(records: Sequence[Record], text_of: Mapping[int, str]) -> str:
    """One text where all seeds have it, else each with its seeds: "returned (seeds 0 and 2); stopped (seed 1)"."""
    of: dict[str, list[int]] = {}
    for seed, text in text_of.items():
        of.setdefault(text, []).append(seed)
    of.pop("", None)
    if len(of) == 1 and len(next(iter(of.values()))) == len(records):
        return next(iter(of))
    return "; ".join(f"{text} ({_seeds(seeds)})" for text, seeds in of.items())


def _seeds(seeds: Sequence[int]) -> str:
    *rest, last = map(str, seeds)
    return f"seeds {', '.join(rest)} and {last}" if rest else f"seed {last}"


def spent(record: Record, step: float | None = None) -> dict[str, float]:
    """What one run had spent when it was tested, by the columns of `costs`; NaN for what its tables do not tell.

    Parameters
    ----------
    record : Record
    step : float, optional
        Of the test; None: the last.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> (record,) = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4, tests=pool).records
    >>> from curriculab.statistics.costs import spent
    >>> spent(record)["rows_trained"], spent(record, 0)["rows_trained"], spent(record)["tokens_scored"]
    (12.0, 0.0, 0.0)
    """
    at = np.array([np.inf if step is None else step])
    found = {axis: float(spent_at(record, axis, at)[0]) for axis in (*AXES, TOTAL) if axis != AT_TEST}
    ledger = record.tables.get("ledger", pd.DataFrame())
    tests = ledger[ledger["test"].astype(bool)] if len(ledger) else ledger
    return found | {AT_TEST: _at_test(record, tests, step) if len(ledger) else float("nan")}


def spent_at(record: Record, axis: str, steps: np.ndarray) -> np.ndarray:
    """What a run had spent on one axis, but for tests, when it was tested at each of the steps, (steps,).

    The tables are read once for all steps; NaN where they do not tell. A step beyond the last: all that it spent.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> (record,) = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4, tests=pool).records
    >>> from curriculab.statistics.costs import spent_at
    >>> spent_at(record, "rows_trained", np.array([0.0, 3.0])).tolist()
    [0.0, 12.0]
    """
    metrics, ledger = (record.tables.get(name, pd.DataFrame()) for name in ("metrics", "ledger"))
    metrics = of_learner(metrics)
    trained = {"steps": "step", "rows_trained": "rows", "tokens_trained": "tokens"}
    if axis in trained:
        if not len(metrics) or not {"rows", "tokens"} <= set(metrics):
            return np.full(len(steps), 0.0 if len(ledger) and not len(metrics) else np.nan)
        table = metrics.sort_values("step", kind="stable")
        values = table[trained[axis]].to_numpy(float)
        whole = np.cumsum(values) if axis == "rows_trained" else np.fmax.accumulate(values)
        return np.append(0.0, np.nan_to_num(whole))[np.searchsorted(table["step"].to_numpy(float), steps, side="right")]
    if not len(ledger):
        return np.full(len(steps), np.nan)
    test, at = ledger["test"].to_numpy(bool), ledger["step"].to_numpy(float)
    values = ledger["generated" if axis == "tokens_generated" else "tokens"].to_numpy(float)
    counted = ~test & ((ledger["request"] == "Score").to_numpy(bool) if axis == "tokens_scored" else True)
    whole = np.append(0.0, np.cumsum(np.where(counted, values, 0.0)))
    first = (
        pd.Series(np.flatnonzero(test), index=at[test]).groupby(level=0).first()
    )  # line of each test's first request
    before = np.searchsorted(np.maximum.accumulate(at), steps, side="right")  # a test that asked for nothing
    lines = first.reindex(steps).to_numpy(float)
    return whole[np.where(np.isnan(lines), before, lines).astype(int)]


def _at_test(record: Record, tests: pd.DataFrame, step: float | None) -> float:
    """Tokens of the test at `step` (None: the last); where several were made there, their mean."""
    items = record.tables.get("items", pd.DataFrame())
    if not len(items):
        return float("nan")
    at = items["step"].max() if step is None else step
    made = max(items["share"][items["step"] == at].nunique(), 1)
    return float(tests["tokens"][tests["step"] == at].sum()) / made


# -- in words ---------------------------------------------------------------------------------------------------------
def cost_phrases(table: pd.DataFrame, to: str) -> dict[str, list[str]]:
    """By variant, in which costs it differs from `to` by more than 10%, as words that go behind "with" or "and".

    Examples
    --------
    >>> from curriculab.statistics.costs import COLUMNS, cost_phrases
    >>> lines = {"random": [3, 60, 480, 5e4, 0, 0, 30, 5e4], "big": [3, 60, 3840, 2e5, 0, 9e3, 30, 2.1e5]}
    >>> words = [["0.001", "sft()", "direct", "", ""], ["0.004", "sft()", "direct", "", ""]]
    >>> table = pd.DataFrame([l + w for l, w in zip(lines.values(), words)], index=[*lines], columns=COLUMNS)
    >>> for phrase in cost_phrases(table, "random")["big"]:
    ...     print(phrase)
    8 times the rows trained
    4 times the tokens trained
    9,000 tokens scored against none
    a learning rate of 0.004 against 0.001
    """
    reference = table.loc[to]
    return {str(v): [*_numbers(row, reference), *_settings(row, reference)] for v, row in table.iterrows() if v != to}


def _numbers(row: pd.Series, reference: pd.Series) -> list[str]:
    alike: dict[str, list[str]] = {}
    others = []
    for axis, name in AXES.items():
        ours, theirs = row[axis], reference[axis]
        if not (np.isfinite(ours) and np.isfinite(theirs)) or not differ(ours, theirs):
            continue
        if theirs == 0:
            others.append(f"{ours:,.0f} {name} against none")
        elif ours == 0:
            others.append(f"no {name} against {theirs:,.0f}")
        else:
            alike.setdefault(f"{times(ours / theirs)} times the ", []).append(name)
    return [f"{ratio}{joined(names)}" for ratio, names in alike.items()] + others


def differ(ours: float, theirs: float) -> bool:
    """Is one more than 10% above or below the other?"""
    return abs(ours - theirs) > TELL * abs(theirs)


def times(ratio: float) -> str:
    """A ratio with two digits: "4.2", "0.024", "32"."""
    return f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.2g}"


def _settings(row: pd.Series, reference: pd.Series) -> list[str]:
    found = []
    if row.learning_rate and reference.learning_rate and row.learning_rate != reference.learning_rate:
        found.append(f"a learning rate of {row.learning_rate} against {reference.learning_rate}")
    if row.objective and reference.objective and row.objective != reference.objective:
        found.append(f"the objective {row.objective} against {reference.objective}")
    if row.solver and reference.solver and row.solver != reference.solver:
        found.append(f"the solver {row.solver} at tests against {reference.solver}")
    return found


def ends(runs: Runs) -> dict[tuple[str, int], str]:
    """By variant and seed, an end other than that of the budget, in words: "ended by its ceiling ... at step 1 of 60".

    Null-band orders and failed runs are left out; so is a run whose record does not say why it ended.
    """
    found = {}
    for record in runs.records:
        ended, _, place = str(record.spec.get("ended", "")).partition(", at ")
        why = _end(ended)
        if why and record.key[0] not in runs.null:
            planned = _planned_steps(record)
            of = f" of {planned:,}" if planned else ""
            found[record.key] = f"{why} at {place or f'step {record.steps:,}{of}'}"
    return found


def _end(ended: str) -> str:
    if ended.startswith("ceiling"):
        return "was ended by its ceiling on tokens trained, sampled and scored"
    if ended.startswith("budget of steps:"):  # a list asked for more steps than were left
        return "was ended by a request for more steps than its budget had left"
    return {"returned": "ended by itself", "stopped": "was stopped by hand"}.get(ended, "")


def _planned_steps(record: Record) -> int | None:
    """Steps of the budget, as the record of a simulation or of a bench tells them."""
    for budget in (record.spec.get("budget"), record.spec.get("decides", {}).get("budget")):
        if isinstance(budget, Mapping) and budget.get("steps"):
            return int(budget["steps"])
    return None


def end_sentences(runs: Runs) -> list[str]:
    """One sentence a variant and end: "probe was ended by its ceiling ... at step 1 of 60 (seeds 0, 1 and 2)." """
    of: dict[tuple[str, str], list[int]] = {}
    for (variant, seed), why in ends(runs).items():
        of.setdefault((variant, why), []).append(seed)
    return [f"{variant} {why} ({_seeds(seeds)})." for (variant, why), seeds in of.items()]


def steered(table: pd.DataFrame) -> dict[str, str]:
    """By variant that was changed by hand while it trained, what was done; table: of `costs`."""
    return {str(v): text for v, text in table["steered"].items() if text}


def joined(names: Iterable[str]) -> str:
    """ "rows trained and tokens trained" without saying "trained" twice: "rows and tokens trained"."""
    found = list(names)
    ends = {name.rpartition(" ")[2] for name in found}
    if len(found) > 1 and len(ends) == 1:
        found = [name.rpartition(" ")[0] for name in found[:-1]] + [found[-1]]
    *rest, last = found
    return f"{', '.join(rest)} and {last}" if rest else last
