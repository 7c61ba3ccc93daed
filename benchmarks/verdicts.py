"""How often a verdict is wrong: `python -m benchmarks.verdicts`, to "verdicts" in data/benchmarks/coverage.json.

    {"data": "variant x row", "variants": 6, "seeds": 3, "design": "own, null band", "benches": 1000,
     "error": 0.044, "error_new": 0.031, "covered": 0.953, "covered_new": 0.992, "none": 0.0}

Benches of equal variants are drawn and judged by the functions that `compare` judges by (`claims`, `pool`), which take
many benches at once; the first bench of every cell also goes through `compare` itself, and must come to the same
numbers. `variants` counts random order, which the others are compared with. `error`: share of benches in which some
interval at its family's level (Holm's, Dunnett's) leaves out the true difference on these rows; `error_new`: in which
the verdict says "better" or "worse" without "on these rows", where for new rows no variant is; `covered`,
`covered_new`: intervals of 95% on these rows, and those at Holm's levels for new rows, that hold the truth; `none`:
comparisons that have no interval.

Right or wrong is drawn with logit p = level - row (sd 1.5) + seed (sd 0.2, all variants') + run (sd 0.15):

    plain            nothing else; accuracy about one half
    variant x row    each variant has its own luck with each row (sd 0.5): for new rows no variant is better
    clustered rows   30 templates of 10 rows, each variant has its luck with each template (sd 0.5); `template` names it
    templates not named   the same, and nothing tells `compare` of templates
    ceiling          accuracy about 0.97
    spread ratio 2   one variant's runs have twice the spread, 3: three times
    low spread       runs differ by 0.05 only; large luck, low spread: and a variant's luck with each row has an sd of 1
    one better       one variant is better by 0.05, for the power: `found`, `found_new`

`made` in the record is of the code that decides; a cell that is recorded with it is not drawn again. A cell whose error
is above 0.071 (three standard errors at 1,000 benches) is drawn again with 10,000.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib.metadata
import inspect
import json
import platform
import time
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.runs import Record, Runs
from curriculab.statistics import claims as claiming
from curriculab.statistics import compare, crossed, intervals, pooled, tests
from curriculab.statistics.claims import Claims, claims
from curriculab.statistics.pooled import pool

RECORD = Path("data/benchmarks/coverage.json")
VARIANTS, SEEDS, ROWS = (2, 4, 6, 8), (3, 5, 10), 300
ITEM, SEED, RUN, LUCK = 1.5, 0.2, 0.15, 0.5  # in logits; a run of 0.15 is about 0.034 of accuracy (trials of 2026-11)
LOW_RUN, LARGE_LUCK = 0.05, 1.0
TEMPLATES = 30
CEILING, GAIN = 4.5, 0.05
DATA = (
    "plain",
    "variant x row",
    "clustered rows",
    "ceiling",
    "spread ratio 3",
    "spread ratio 2",
    "low spread",
    "large luck, low spread",
    "templates not named",
    "one better",
)
DESIGNS = ("own", "own, null band", "pooled", "pooled, null band")
BENCHES, MORE = 1_000, 10_000
LIMIT, LIMIT_OF_MORE = 0.071, 0.0565  # 5% and three standard errors
CHUNK = 40_000_000  # numbers held at once
RATES = ("error", "error_new", "covered", "covered_new", "none", "found", "found_new")


def main(given: Sequence[str] | None = None) -> Path:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description="Errors of the verdict.")
    parser.add_argument("--benches", type=int, default=BENCHES, help=f"simulated benches a cell (default {BENCHES:,})")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation (default 0)")
    parser.add_argument("--to", type=Path, default=RECORD, help="where figures go")
    parser.add_argument("--page", type=Path, help="where the page goes (default docs/verdicts.md, of a trial nowhere)")
    asked = parser.parse_args(given)
    from benchmarks.verdicts_page import PAGE, page

    whole = json.loads(asked.to.read_text()) if asked.to.is_file() else {}
    known = {key(f): f for f in whole.get("verdicts", {}).get("figures", ()) if _still(f, asked.benches, asked.seed)}
    figures, began = [], time.process_time()
    for data, variants, seeds in product(DATA, VARIANTS, SEEDS):
        found = [known.get((data, variants, seeds, design)) for design in DESIGNS]
        if None in found:
            found = [*cell(data, variants, seeds, benches=asked.benches, seed=asked.seed)]
        figures += found
        for figure in found:
            print(line(figure), flush=True)
        versions = {name: importlib.metadata.version(name) for name in ("curriculab", "numpy", "scipy")}
        about = {"date": date.today().isoformat(), "python": platform.python_version(), "versions": versions}
        about |= {"rows": ROWS, "limit": LIMIT, "limit_of_more": LIMIT_OF_MORE}
        asked.to.parent.mkdir(parents=True, exist_ok=True)
        asked.to.write_text(json.dumps({**whole, "verdicts": {**about, "figures": figures}}, indent=1) + "\n")
    if to_page := asked.page or (PAGE if asked.to == RECORD else None):
        to_page.write_text(page({**about, "figures": figures}))
    print(f"{asked.to}: {len(figures)} figures, {(time.process_time() - began) / 60:.1f} minutes of CPU")
    return asked.to


def cell(
    data: str, variants: int, seeds: int, *, benches: int = BENCHES, seed: int = 0, check: bool = True
) -> Iterator[dict[str, object]]:
    """The figures of all designs on one kind of data; those with too large an error are drawn again, ten times."""
    found = simulated(data, variants, seeds, benches, seed, check=check)
    if any(over(figure) and not may_err(figure) for figure in found) and benches < MORE:
        again = {key(f): f for f in simulated(data, variants, seeds, MORE, seed, check=False)}
        found = [again[key(f)] if over(f) and not may_err(f) else f for f in found]
    yield from found


def over(figure: dict[str, object]) -> bool:
    """Is an error larger than chance allows for?"""
    most = LIMIT if figure["benches"] < MORE else LIMIT_OF_MORE
    return max(figure["error"], figure["error_new"]) > most


def may_err(figure: dict[str, object]) -> bool:
    """What is known to be wrong and said to be: a pooled spread where spreads differ, templates that nothing names."""
    unequal = figure["design"].startswith("pooled") and figure["data"].startswith("spread ratio")
    return unequal or figure["data"] == "templates not named"


def key(figure: dict[str, object]) -> tuple:
    return figure["data"], figure["variants"], figure["seeds"], figure["design"]


def line(figure: dict[str, object]) -> str:
    rates = "  ".join(f"{name} {figure[name]:.3f}" for name in RATES if name in figure)
    mark = "  ABOVE" if over(figure) and not may_err(figure) else ""
    return f"{figure['data']:15s} {figure['variants']} x {figure['seeds']:<2d} {figure['design']:18s} {rates}{mark}"


def _still(figure: dict[str, object], benches: int, seed: int) -> bool:
    return figure["made"] == made() and figure["benches"] >= benches and figure["seed"] == seed


@cache
def made() -> str:
    """Digest of the code that decides, without its docstrings."""
    parts = (claiming, crossed, pooled, intervals.paired_t, tests.holm_levels, draw, judge)
    sources = [inspect.getsource(inspect.getmodule(part) if part is crossed else part) for part in parts]
    return hashlib.blake2b("".join(map(_plain, sources)).encode(), digest_size=8).hexdigest()


def _plain(source: str) -> str:
    """A source without its docstrings, by lines, so that every version of Python gives the same."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            lines[first.lineno - 1 : first.end_lineno] = [""] * (first.end_lineno - first.lineno + 1)
    return "\n".join(line for line in lines if line.strip())


# -- one cell -------------------------------------------------------------------------------------------------------
def simulated(
    data: str, variants: int, seeds: int, benches: int, seed: int, *, check: bool = True
) -> list[dict[str, object]]:
    """One figure a design, of as many benches, drawn in chunks."""
    rng = np.random.default_rng([seed, DATA.index(data), variants, seeds])
    orders = max(3, variants - 1)  # as many as `controls` makes
    size = max(1, CHUNK // ((variants + orders) * seeds * ROWS))
    sums: dict[str, np.ndarray] = {design: np.zeros(len(RATES)) for design in DESIGNS}
    for start in range(0, benches, size):
        right, truth, groups = draw(rng, data, variants, seeds, orders, min(size, benches - start))
        for design in DESIGNS:
            found = judge(right, variants, design, groups)
            sums[design] += rates(found, truth, better=data == "one better")
            if check and start == 0:
                _agrees(found, right[0], variants, design, groups)
    about = {"data": data, "variants": variants, "seeds": seeds}
    more = {"benches": benches, "seed": seed, "made": made()}
    names = RATES if data == "one better" else RATES[:-2]
    return [{**about, "design": design, **named(names, sums[design] / benches), **more} for design in DESIGNS]


def named(names: Sequence[str], shares: np.ndarray) -> dict[str, float]:
    return dict(zip(names, shares.round(4).tolist(), strict=False))


def draw(
    rng: np.random.Generator, data: str, variants: int, seeds: int, orders: int, benches: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Right or wrong (benches, runs, seeds, rows): random order, the other variants, null-band orders; the true
    difference of each variant on these rows (benches, variants - 1); and what each row is of."""
    level = np.full((benches, variants, 1, ROWS), CEILING if data == "ceiling" else 0.0)
    level -= rng.normal(0, ITEM, (benches, 1, 1, ROWS))
    if data in ("variant x row", "large luck, low spread"):
        luck = LUCK if data == "variant x row" else LARGE_LUCK
        level += rng.normal(0, luck, (benches, variants, 1, ROWS))
    each = ROWS // TEMPLATES
    if data in ("clustered rows", "templates not named"):
        level += np.repeat(rng.normal(0, LUCK, (benches, variants, 1, TEMPLATES)), each, axis=-1)
    if data == "one better":
        level[:, 1] += gain()
    spread = np.full(variants, LOW_RUN if data.endswith("low spread") else RUN)
    spread[-1] *= int(data[-1]) if data.startswith("spread ratio") else 1
    truth = _means(level, np.hypot(SEED, spread))
    of = np.r_[np.arange(variants), np.zeros(orders, int)]  # null-band orders are as random order
    luck = rng.normal(0, SEED, (benches, 1, seeds, 1))
    luck = luck + rng.normal(size=(benches, len(of), seeds, 1)) * spread[of][:, None, None]
    right = np.empty((benches, len(of), seeds, ROWS), bool)
    for i, variant in enumerate(of):
        p = 1 / (1 + np.exp(-(level[:, variant] + luck[:, i])))
        right[:, i] = rng.random(p.shape, dtype=np.float32) < p
    groups = np.arange(ROWS) // each if data == "clustered rows" else None
    return right, truth[:, 1:] - truth[:, :1], groups


def _means(level: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Accuracy on these rows over all seeds and runs, (benches, variants): Gauss and Hermite's rule over their luck."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    whole = 0.0
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        p = 1 / (1 + np.exp(-(level[:, :, 0] + node * spread[:, None])))
        whole = whole + weight * p.mean(axis=-1)
    return whole


def gain() -> float:
    """What adds 0.05 to the accuracy of a run on rows of sd 1.5, in logits."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    x = nodes * np.sqrt(ITEM**2 + SEED**2 + RUN**2)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        share = (weights / weights.sum()) @ (1 / (1 + np.exp(-(x + middle))))
        low, high = (middle, high) if share < 0.5 + GAIN else (low, middle)
    return low


def judge(right: np.ndarray, variants: int, design: str, groups: np.ndarray | None) -> Claims:
    """What `compare` would find, in all benches at once."""
    null = [*range(variants, right.shape[1])] if design.endswith("null band") else []
    reference = right[:, [0, *null]].mean(axis=1)
    spread = None
    if design.startswith("pooled"):
        runs = [*range(variants), *null]
        names = ["random", *(f"variant {v}" for v in range(1, variants)), *["random"] * len(null)]
        spread = pool(np.moveaxis(right[:, runs].mean(axis=-1), 1, -1), names, "random")
    differences = [right[:, v] - reference for v in range(1, variants)]
    return claims(differences, groups=groups, pooled=spread)


def rates(found: Claims, truth: np.ndarray, *, better: bool) -> np.ndarray:
    """Sums over benches of `RATES`; where variant 1 is better, errors are the other variants'."""
    new = np.zeros(truth.shape)
    new[:, 0] = GAIN * better
    untested, own = np.isnan(found.low), slice(1 if better else 0, None)
    wrong = (found.low_family > truth) | (found.high_family < truth)
    covered = np.where(untested, np.nan, (found.low <= truth) & (truth <= found.high))
    covered_new = np.where(np.isnan(found.low_new), np.nan, (found.low_new <= new) & (new <= found.high_new))
    shares = [np.nanmean(x) * len(truth) if (~np.isnan(x)).any() else np.nan for x in (covered, covered_new)]
    sums = (wrong[:, own].any(axis=1).sum(), found.differs_new[:, own].any(axis=1).sum(), *shares)
    return np.array([*sums, untested.mean(axis=1).sum(), found.differs[:, 0].sum(), found.differs_new[:, 0].sum()])


def _agrees(found: Claims, right: np.ndarray, variants: int, design: str, groups: np.ndarray | None) -> None:
    """Does `compare` come to the same of the first bench? right: (runs, seeds, rows)."""
    result = through_compare(right, variants, design, groups)
    table = result.table.drop(index="random")
    columns = {"difference": "difference", "low": "low", "p": "p", "low_holm": "low_family", "high_holm": "high_family"}
    columns |= {name: name for name in ("low_new", "high_new", "p_new")}
    for column, name in columns.items():
        np.testing.assert_allclose(table[column], getattr(found, name)[0], atol=1e-9, err_msg=f"{design}: {column}")
    assert table.differs_new.tolist() == found.differs_new[0].tolist()


def through_compare(right: np.ndarray, variants: int, design: str, groups: np.ndarray | None):
    """The comparison of one bench, as it would be recorded."""
    names = ["random", *(f"variant {v}" for v in range(1, variants))]
    names += [f"null {i + 1}" for i in range(len(right) - variants)]
    rows = pd.DataFrame({"step": 1, "progress": 1.0, "share": 1.0, "solver": "direct", "gold": False}, range(ROWS))
    rows = rows.assign(id=[f"{i:03d}" for i in range(ROWS)], tokens=0, rollouts=0, generated=0, seconds=0.0)
    rows = rows if groups is None else rows.assign(template=groups)
    records = []
    for name, own in zip(names, right, strict=True):
        method = {"random": "random_order", "null": "null_band"}.get(name.split()[0], "easy_to_hard")
        for seed, correct in enumerate(own):
            spec = {"variant": name, "seed": seed, "ended": "budget", "method": {"method": method}, "decides": {}}
            records.append(Record(spec, {"items": rows.assign(correct=correct.astype(float))}))
    runs = Runs(tuple(records), tuple(names[variants:]))
    spread = "pooled" if design.startswith("pooled") else "own"
    return compare(runs, spread=spread, replicates=design.endswith("null band"))


if __name__ == "__main__":
    main()
