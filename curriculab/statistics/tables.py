"""What of the recorded runs is compared: which tests, which rows, under which name.

`tested(runs, "end")` is the items of every variant's last test, `shared_rows` of them a table right or wrong of
`(rows, label x seed)`, `at_evaluations(runs)` one line per variant, seed and evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pandas as pd

from curriculab.runs import CUMULATIVE, Runs
from curriculab.runs.failures import failures
from curriculab.runs.importers import LIKE_ACCURACY
from curriculab.runs.schema import OF_TEST
from curriculab.statistics.at_test import nearest_solvers
from curriculab.statistics.comparable import check_comparable
from curriculab.statistics.costs import ends
from curriculab.statistics.intervals import SAME
from curriculab.statistics.matched import EQUAL, nearest_tests
from curriculab.statistics.wording import called, listed

TEMPLATE = "template"  # column of a pool: what a row was made from; rows of one are alike


def labelled(items: pd.DataFrame) -> pd.DataFrame:
    """With `label`: the variant, and its solver where it is tested by several."""
    several = items.groupby("variant", observed=True).solver.transform("nunique") > 1
    return items.assign(label=items.variant.where(~several, items.variant + " / " + items.solver))


def finished(runs: Runs) -> pd.DataFrame:
    """Items, labelled, of runs that did not fail; of the validation rows, where there are any."""
    runs = runs.watched
    if runs.items.empty:
        raise ValueError(untested(runs))
    check_comparable(runs)
    return _without_failed(labelled(runs.items), runs)


def at_evaluations(runs: Runs) -> pd.DataFrame:
    """One line per label, seed and evaluation: variant (the label), seed, step, share, what was spent, accuracy.

    Runs that failed and null-band orders are left out; in the order the variants were asked for.
    """
    items = finished(runs)
    items = items[~items.variant.isin(runs.null)]
    spent = [c for c in CUMULATIVE if c in items]
    groups = items.groupby(["label", "seed", "step", "share"], sort=False, observed=True, dropna=False)
    table = groups.agg(accuracy=("correct", "mean"), **{c: (c, "first") for c in spent}).reset_index()
    return table.rename(columns={"label": "variant"})


def tested(runs: Runs, at: str | float) -> tuple[pd.DataFrame, list[str]]:
    """Items of the tests to compare, with `label`, and what has to be said about them."""
    check_comparable(runs)
    items = runs.items
    if items.empty:
        raise ValueError(untested(runs, "nothing to compare: "))
    if at in EQUAL:
        chosen, near = nearest_tests(
            runs.watched, at
        )  # tests on the way are of the validation rows, where there are any
        return labelled(chosen), _failed(runs) + _of_imports(runs) + near
    if at in OF_TEST:
        chosen, near = nearest_solvers(runs, at)
        return _without_failed(labelled(chosen), runs), _failed(runs) + _of_imports(runs) + near
    if at == "end":
        last = items.groupby(["variant", "seed"], observed=True).share.transform("max")
        chosen = items[items.share == last]
    elif isinstance(at, str) or not np.isclose(items.share, at).any():
        shares = listed(f"{share:g}" for share in sorted(items.share.unique()))
        raise ValueError(f"no test at={at!r}; choose 'end', 'tokens', or one of the shares of the budget {shares}")
    else:
        chosen = items[np.isclose(items.share, at)]
    chosen = _without_failed(chosen, runs)
    return labelled(chosen), _failed(runs) + _of_imports(runs) + _overspent(runs) + _early(chosen, ends(runs))


def _failed(runs: Runs) -> list[str]:
    """One note a variant and reason, however many seeds it took."""
    found = []
    for failure in failures(runs):
        why = " ".join(failure.why.removeprefix("failed: ").split())
        found.append(f"{called(failure.variant)} failed {failure.where} and is left out there ({why})")
    return found


def _overspent(runs: Runs) -> list[str]:
    """Runs whose last request went over their budget by more than a group of answers: compared at what they spent."""
    found = []
    for record in runs.records:
        spent = re.fullmatch(r"budget of (\w+) spent, (\d+) of (\d+)", str(record.spec.get("ended", "")))
        if spent and record.key[0] not in runs.null:
            name, seed = record.key
            found.append(f"{name}, seed {seed}, spent {spent[2]} {spent[1]} of {spent[3]}")
    return found


def untested(runs: Runs, before: str = "") -> str:
    """Why there is no test: none was made, or a log holds none whose name is known; one line."""
    logged = dict.fromkeys(name for record in runs.records for name in record.spec.get("logged", ()))
    if not logged:
        return f"{before}no test was made (runs.items is empty); give the bench test rows"
    names = [name for name in logged if name not in ("step", "progress", "rows", *CUMULATIVE)]
    like = next((name for name in names if LIKE_ACCURACY.search(name)), "...")
    return (
        "the imported files hold no accuracy that is known by its name; map one, "
        f"import_runs(..., columns={{'accuracy': {like!r}}}); they logged {', '.join(names) or 'nothing'}"
    )


def _of_imports(runs: Runs) -> list[str]:
    """What logs of other programs say of their runs: where they diverged, and which are means over several."""
    found = []
    for record in runs.records:
        steps = [step for name, step in record.spec.get("not_a_number", {}).items() if LIKE_ACCURACY.search(name)]
        if steps:
            name, seed = record.key
            found.append(f"{name}, seed {seed}, logged an accuracy that is not a number from step {min(steps):g} on")
    grouped = list(dict.fromkeys(record.key[0] for record in runs.records if record.spec.get("grouped")))
    if grouped:
        are = "are means" if len(grouped) > 1 else "is a mean"
        found.append(f"{listed(grouped)} {are} over runs that W&B grouped, whose seeds are not known")
    return found


def _without_failed(items: pd.DataFrame, runs: Runs) -> pd.DataFrame:
    gone = runs.failed
    if not gone:
        return items
    failed = [key in gone for key in zip(items.variant, items.seed, strict=True)]
    return items[~np.array(failed, bool)]


def _early(items: pd.DataFrame, known: Collection[tuple[str, int]]) -> list[str]:
    """Variants whose last test came at a smaller share of the budget than that of others; known: whose end is told."""
    done = items.assign(share=items[["share", "progress"]].min(axis=1))  # who returned early is asked all last tests
    last = done.groupby(["variant", "seed"], sort=False, observed=True).share.first()
    early = last[last < last.max() - SAME]
    return [
        f"{v}, seed {s}, was last tested at {share:.0%} of its budget"
        for (v, s), share in early.items()
        if (v, s) not in known
    ]


def shared_rows(items: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Right or wrong, `(rows, label x seed)`, of the test rows that all have a result for; and how many have not."""
    wide = items.pivot_table(index="id", columns=["label", "seed"], values="correct", sort=False, observed=True)
    shared = wide.dropna(axis=1, how="all").dropna()
    if shared.empty:
        raise ValueError(f"the variants share no test row that all have a result for, among {len(wide)} rows")
    left = len(wide) - len(shared)
    return shared, [f"{left} of {len(wide)} test rows have no result for some variant and are left out"] if left else []


def cluster_of(items: pd.DataFrame, cluster: str | None) -> str | None:
    """The column whose values are drawn anew when rows are new: the one asked for, else "template", where it varies."""
    if cluster is not None and cluster not in items:
        raise ValueError(
            f"cluster={cluster!r}: the test rows have no such column; they have {', '.join(map(str, items.columns))}"
        )
    return cluster or (TEMPLATE if TEMPLATE in items and items[TEMPLATE].nunique() > 1 else None)


def clusters(items: pd.DataFrame, right: pd.DataFrame, cluster: str | None) -> np.ndarray | None:
    """What each row of `right` is of, (rows,); a row without a value is of its own. None: every row is."""
    column = cluster_of(items, cluster)
    if column is None:
        return None
    own = items.drop_duplicates("id").set_index("id")[column].reindex(right.index)
    return own.astype(object).where(own.notna(), right.index.to_series()).astype(str).to_numpy()


def rows_or_sets(items: pd.DataFrame) -> str:
    """What accuracies are shares of: "300 test rows"; where an import knows a set's share alone, "1 whole test set"."""
    whole = items["whole_set"].eq(True) if "whole_set" in items else pd.Series(False, items.index)
    row = "validation row" if "rows" in items and items["rows"].eq("validation").all() else "test row"
    counts = {row: items["id"][~whole].nunique(), "whole test set": items["id"][whole].nunique()}
    return " and ".join(f"{n:,} {what}{'s' * (n != 1)}" for what, n in counts.items() if n) or "0 test rows"
