"""A comparison in plain words: what differs, what could not be seen, what chance alone would give.

"easy first is better than random by 0.031 (95% interval of the difference, after Holm, +0.012 to +0.050; t, n=3)."
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.registry.names import also_named
from curriculab.runs.judging import cut_offs, in_words
from curriculab.statistics.intervals import SAME
from curriculab.statistics.null import Null

if TYPE_CHECKING:
    from curriculab.runs import Runs


def missing(table: pd.DataFrame, scores: pd.DataFrame, runs: Runs) -> list[str]:
    """Seeds without a result; failed ones have been named already."""
    tested = set(zip(scores.variant, scores.seed, strict=True))
    failed = {v for v, _ in runs.failed}
    return [
        f"{v} has no test in seed {s}, which is left out of its difference"
        for v in table.index
        for s in runs.seeds
        if (v, s) not in tested and v not in failed
    ]


def trained_tests(runs: Runs) -> dict[str, str]:
    """By variant what is to be said of test rows that it trained; of those that did, with their worst seed."""
    worst: dict[str, Mapping] = {}
    for record in runs.records:
        found = record.spec.get("trained_tests")
        if found and _rows_trained(found) > _rows_trained(worst.get(record.key[0], {})):
            worst[record.key[0]] = found
    return {variant: _leak(variant, found) for variant, found in worst.items()}


def _rows_trained(found: Mapping) -> int:
    return found.get("same", 0) + found.get("near", 0)


def _leak(variant: str, found: Mapping) -> str:
    first, count = found["first"], _rows_trained(found)
    rows = "a test row" if count == 1 else f"{count:,} test rows"
    where = f"{first['test']!r} as {first['trained']!r} at step {first['step']}"
    return f"{variant} trained {rows} (such as {where}): its accuracy is not that of rows that it has not seen."


def cut_off_notes(runs: Runs) -> list[str]:
    """Answers that were judged wrong because a limit of the verifiers cut them off."""
    return [
        f"of {variant}, {sum(counts.values())} answers count as wrong because the verifier was cut off "
        f"({in_words(counts)})"
        for variant, counts in cut_offs(runs).items()
    ]


def flat(table: pd.DataFrame) -> list[str]:
    """Differences without any spread: no interval can be had from them."""
    flat = table[(table.sd_difference == 0) & table.low.isna()]
    return [
        f"{v} differs by exactly {row.difference:+.3f} in all {row.seeds} seeds: without a spread there is no interval"
        for v, row in flat.iterrows()
        if abs(row.difference) > SAME
    ]


@also_named(level="confidence")
def verdict(
    table: pd.DataFrame,
    to: str,
    *,
    confidence: float,
    null: Null | None,
    on: str,
    notes: Sequence[str],
    leaks: Mapping[str, str] | None = None,
) -> str:
    """The sentences; leaks: of variants that trained test rows, which come first."""
    others = table.drop(index=to)
    if others.empty:
        return f"Only {to} was run: there is nothing to compare it with."
    found = [_found(others, to, confidence), _not_found(others, to, on), _by_chance(others, to, null)]
    sentences = [*(leaks or {}).values(), *found]
    gold = [str(v) for v in table.index[table.gold]]
    sentences.append(f"Tested by a solver that sees the answers: {', '.join(gold)}." if gold else "")
    sentences.append(f"Note: {'; '.join(notes)}." if notes else "")
    return " ".join(s for s in sentences if s)


def _found(others: pd.DataFrame, to: str, confidence: float) -> str:
    """One sentence per variant that differs after Holm, the largest difference first."""
    sure = others[others.differs].sort_values("difference", key=abs, ascending=False)
    return " ".join(
        f"{v} is {'better' if row.difference > 0 else 'worse'} than {to} by {abs(row.difference):.3f} "
        f"({confidence:.0%} interval of the difference, after Holm, {row.low_holm:+.3f} to {row.high_holm:+.3f}; "
        f"{row.interval})."
        for v, row in sure.iterrows()
    )


def _not_found(others: pd.DataFrame, to: str, on: str) -> str:
    """What was not detected, and what could have been; what could not be asked with so few seeds."""
    sentences = []
    unsure = others[~others.differs & others.sd_difference.notna()]
    if len(unsure):
        detectable = _design(others)
        could = f": this design could have detected about {detectable:.3f}" if detectable == detectable else ""
        design = f"({_seeds(unsure)}, {on})"
        sentences.append(f"No detectable difference from {to} for {_names(unsure, others)} {design}{could}.")
    single = others[others.n == 1]
    if len(single):
        each = ", ".join(f"{v} {row.difference:+.3f}" for v, row in single.iterrows())
        alone = "One seed has no interval and says nothing about other seeds"
        sentences.append(f"{alone} ({each} against {to}): run at least three.")
    none = others[others.n == 0]
    if len(none):
        sentences.append(f"{listed(none.index)} cannot be compared: no seed in common with {to}.")
    return " ".join(sentences)


def _names(part: pd.DataFrame, others: pd.DataFrame) -> str:
    every = len(part) == len(others) > 4
    return f"any of the {len(part)} variants" if every else listed(part.index, "or")


def _design(others: pd.DataFrame) -> float:
    """Detectable effect of the bench as a whole: root mean square of the variants' minimum detectable effects."""
    return float(np.sqrt(np.mean(others.mde.dropna() ** 2))) if others.mde.notna().any() else float("nan")


def _seeds(part: pd.DataFrame) -> str:
    few, many = int(part.n.min()), int(part.n.max())
    return f"{few} seeds" if few == many else f"{few} to {many} seeds"


def _by_chance(others: pd.DataFrame, to: str, null: Null | None) -> str:
    if null is None:
        return ""
    less = others.index[(others.difference > 0) & (others.difference <= null.gain + SAME)]
    but = f"; {listed(less, 'and')} did not gain more than that" if len(less) else ""
    return f"The best of {null.k} random orders gained {null.gain:+.3f} over {to} by chance alone{but}."


def listed(names: Iterable[object], word: str = "and") -> str:
    *rest, last = [str(x) for x in names]
    return f"{', '.join(rest)} {word} {last}" if rest else last
