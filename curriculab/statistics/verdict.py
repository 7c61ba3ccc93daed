"""A comparison in plain words: what differs, at which costs, on which rows, and what was not tested.

Yes. easy first is better than random order on these 300 test rows, at other costs than random order's.
easy first is better than random on these 300 test rows by 0.031, with 1.3 times the tokens trained (95% interval of
the difference, after Holm, +0.012 to +0.050; t, n=3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab.runs.by_hand import mark_of, marked
from curriculab.runs.judging import cut_offs, in_words
from curriculab.statistics.intervals import SAME
from curriculab.statistics.null import ENOUGH, Null
from curriculab.statistics.tests import holm
from curriculab.statistics.wording import called, listed, power_of_ten, signed

if TYPE_CHECKING:
    from curriculab.runs import Runs

KINDS = (
    "contamination",
    "answers seen",
    "answer",
    "finding",
    "equivalence",
    "not tested",
    "not compared",
    "control",
    "cost",
    "chance",
    "equal tokens",
    "note",
)


@dataclass(frozen=True)
class Sentence:
    """One line of a verdict and what it is about, one of `KINDS`; a verdict has them in that order.

    Examples
    --------
    >>> from curriculab.statistics.verdict import Sentence
    >>> Sentence("cost", "easy was stopped by hand at step 3 of 60 (seed 0).").kind
    'cost'
    """

    kind: str
    text: str


# -- what the notes say -----------------------------------------------------------------------------------------------
def missing(table: pd.DataFrame, scores: pd.DataFrame, runs: Runs) -> list[str]:
    """Seeds without a result; failed ones have been named already."""
    tested = set(zip(scores.variant, scores.seed, strict=True))
    failed = {v for v, _ in runs.failed}
    return [
        f"{called(v)} has no test in seed {s}, which is left out of its difference"
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
    return f"{called(variant)} trained {rows} (such as {where}): its accuracy is not that of rows that it has not seen."


def cut_off_notes(runs: Runs) -> list[str]:
    """Answers that were judged wrong because a limit of the verifiers cut them off."""
    return [
        f"of {called(variant)}, {sum(counts.values())} answers count as wrong because the verifier was cut off "
        f"({in_words(counts)})"
        for variant, counts in cut_offs(runs).items()
    ]


# -- the sentences ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Claim:
    """What sentences on one comparison are written from.

    Attributes
    ----------
    table : pd.DataFrame
        As `Comparison.table`; `low_new` and `high_new` (interval for new rows of this kind) and `p_rows` (test over the
        rows) where they are known.
    to, on : str
        The reference, and what accuracies are shares of, such as "300 test rows".
    confidence : float
    phrases : mapping of str to list of str
        By variant, in which costs it differs, as `costs.cost_phrases` gives them.
    steered : mapping of str to str
        By variant, what was done to it by hand while it trained.
    margin : float, optional
        Given beforehand; then the table has the columns of `equivalence.within_margin`.
    spread, orders, cluster : str, int, str or None
        As `Comparison` has them.
    """

    table: pd.DataFrame
    to: str
    on: str
    confidence: float
    phrases: Mapping[str, Sequence[str]]
    steered: Mapping[str, str] = field(default_factory=dict)
    margin: float | None = None
    spread: str = "own"
    orders: int = 1
    cluster: str | None = None

    @cached_property
    def others(self) -> pd.DataFrame:
        """The lines that are compared with the reference."""
        return self.table.drop(index=self.to)

    @property
    def claimed(self) -> pd.DataFrame:
        """Those of them that claim something."""
        others = self.others
        return others[~others.control.astype(bool)] if "control" in others else others

    @property
    def controls(self) -> pd.DataFrame:
        """The lines of controls, which are not in the family: each is tested alone."""
        return self.others.drop(index=self.claimed.index)

    @property
    def correction(self) -> str:
        """For the number of variants."""
        return "after Dunnett" if self.spread == "pooled" else "after Holm"

    @property
    def assumption(self) -> str:
        """What a pooled spread takes for granted."""
        return ", assuming equal spread of all variants" if self.spread == "pooled" else ""

    @property
    def kind_of_rows(self) -> str:
        """What is drawn anew where a claim is made for new rows."""
        return f"rows of this kind, drawn by {self.cluster}" if self.cluster else "rows of this kind"

    def shown(self, variant: object) -> str:
        """A name as a sentence holds it, with the mark of what was done to it by hand."""
        return marked(called(variant), mark_of(self.steered.get(str(variant), "")))

    @property
    def compared_with(self) -> str:
        """The reference in the question: random order, or whatever else."""
        return "random order" if self.to == "random" else called(self.to)

    def costing(self, variant: object) -> str:
        """ ", with 8 times the rows trained and ...": costs of a variant, to be put behind its difference."""
        phrases = self.phrases.get(str(variant), ())
        by_hand = self.steered.get(str(variant))
        text = f", with {listed(phrases)}" if phrases else ""
        return f"{text}, steered by hand ({by_hand})" if by_hand else text


def sentences(
    claim: Claim,
    *,
    null: Null | None,
    notes: Sequence[str],
    leaks: Mapping[str, str] | None = None,
    costs: Sequence[str] = (),
) -> tuple[Sentence, ...]:
    """A comparison in sentences, in the order of `KINDS`.

    Parameters
    ----------
    claim : Claim
    null : Null, optional
        The null band.
    notes : sequence of str
        What has to be said of missing and left out runs.
    leaks : mapping of str to str, optional
        By variant, a sentence on test rows that it trained.
    costs : sequence of str
        Sentences on runs that did not end by their budget.
    """
    if claim.others.empty:
        return (Sentence("note", f"Only {claim.to} was run: there is nothing to compare it with."),)
    gold = [str(v) for v in claim.table.index[claim.table.gold]]
    seen = [f"Tested by a solver that sees the answers: {', '.join(map(called, gold))}."] if gold else []
    by_kind = {
        "contamination": [*(leaks or {}).values()],
        "answers seen": seen,
        "answer": [_answer(claim)],
        "finding": [*_found(claim), *_not_found(claim)],
        "equivalence": _within_margin(claim),
        "not tested": [*_flat(claim), *_single(claim)],
        "not compared": _not_compared(claim),
        "control": _controls(claim),
        "cost": [*_cost_of_undetected(claim), *costs],
        "chance": _by_chance(claim, null),
        "note": [f"Note: {'; '.join(notes)}."] if notes else [],
    }
    return in_order(Sentence(kind, text) for kind, texts in by_kind.items() for text in texts)


def in_order(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """Sentences in the order of `KINDS`; those of one kind stay as they came."""
    return tuple(sorted(sentences, key=lambda sentence: KINDS.index(sentence.kind)))


def _answer(claim: Claim) -> str:
    """Does any of them help? "Yes", "No" with the largest difference that no interval rules out, or why not."""
    claimed = claim.claimed
    tested, sure = claimed[claimed.low_holm.notna()], claimed[claimed.differs]
    better, worse = sure[sure.difference > 0], sure[sure.difference < 0]
    if claimed.empty:
        return f"Nothing is claimed: beside {claim.compared_with} there are controls only."
    if len(better):
        return _yes(claim, better)
    if len(worse):
        return _worse(claim, worse)
    if tested.empty:
        none = f"none of {_counted(claim)} could" if len(claimed) > 1 else f"{claim.shown(claimed.index[0])} could not"
        return f"Not decided: {none} be tested against {claim.compared_with} over seeds."
    # Of the intervals, not of `mde`: that is an upper confidence bound, far beyond them with few seeds.
    reach = float(np.abs(tested[["low_holm", "high_holm"]].to_numpy()).max())
    bound = f"; a difference of up to {reach:.3f} is not ruled out"
    some = "" if len(tested) == len(claimed) else f" ({len(claimed) - len(tested)} could not be tested over seeds)"
    none = f"None of {_counted(claim)}" if len(claimed) > 1 else claim.shown(claimed.index[0])
    can = "can" if len(claimed) > 1 else "cannot"
    return f"No. {none} {can} be told from {claim.compared_with} on {_these(claim.on)}{claim.assumption}{some}{bound}."


def _yes(claim: Claim, better: pd.DataFrame) -> str:
    """Which are better: with "on these rows" unless all are for new rows too, and with a word on their costs."""
    several = len(claim.claimed) > 1
    count = f"{len(better)} of {_counted(claim)}" if several else claim.shown(better.index[0])
    names = f": {listed(map(claim.shown, better.index))}" if several else ""
    dear = ", at other costs" if any(claim.phrases.get(str(v)) for v in better.index) else ""
    where = "" if all(for_new_rows(row) for _, row in better.iterrows()) else f" on {_these(claim.on)}"
    lead = "From two seeds only: yes." if better.n.min() == 2 else "Yes."
    verb = "are" if len(better) > 1 else "is"
    return f"{lead} {count} {verb} better than {claim.compared_with}{where}{claim.assumption}{dear}{names}."


def _worse(claim: Claim, worse: pd.DataFrame) -> str:
    lead = "From two seeds only: no." if worse.n.min() == 2 else "No."
    where = "" if all(for_new_rows(row) for _, row in worse.iterrows()) else f" on {_these(claim.on)}"
    names = f"{listed(map(claim.shown, worse.index))} {'are' if len(worse) > 1 else 'is'} worse"
    if len(claim.claimed) == 1:
        return f"{lead} {names} than {claim.compared_with}{where}{claim.assumption}."
    return f"{lead} None of {_counted(claim)} is better than {claim.compared_with}; {names}{where}{claim.assumption}."


def _counted(claim: Claim) -> str:
    return f"{len(claim.claimed)} {'curricula' if claim.to == 'random' else 'variants'}"


def _found(claim: Claim) -> list[str]:
    """One sentence per variant that differs after Holm, the largest difference first."""
    sure = claim.claimed[claim.claimed.differs].sort_values("difference", key=abs, ascending=False)
    return [_difference(claim, v, row) for v, row in sure.iterrows()]


def _difference(claim: Claim, variant: object, row: pd.Series) -> str:
    """ "better" alone where the interval for new rows leaves out 0 too, else "better on these 300 test rows"."""
    new = for_new_rows(row)
    where = "" if new else f" on {_these(claim.on)}"
    kind = "better" if row.difference > 0 else "worse"
    low, high = _new_ends(row)
    here = f"{row.low_holm:+.3f} to {row.high_holm:+.3f}"
    ends = f"{claim.confidence:.0%} interval of the difference, {claim.correction}, {here}"
    if np.isfinite(low):
        ends = f"{claim.confidence:.0%} intervals of the difference, {claim.correction}: {here} on {_these(claim.on)}, "
        ends += f"{low:+.3f} to {high:+.3f} for new {claim.kind_of_rows}"
    return (
        f"{_from_two(row)}{claim.shown(variant)} is {kind} than {called(claim.to)}{where} by {abs(row.difference):.3f}"
        f"{claim.costing(variant)} ({ends}; {row.interval}{claim.assumption})."
    )


def for_new_rows(row: pd.Series) -> bool:
    """Does the interval for new rows of this kind leave out 0, on the side of the difference?"""
    low, high = _new_ends(row)
    return bool(low > 0 and row.difference > 0) or bool(high < 0 and row.difference < 0)


def _new_ends(row: pd.Series) -> tuple[float, float]:
    return float(row.get("low_new", np.nan)), float(row.get("high_new", np.nan))


def _these(on: str) -> str:
    """ "these 300 test rows", "this 1 whole test set"."""
    return f"{'this' if on.startswith('1 ') and ' and ' not in on else 'these'} {on}"


def _from_two(row: pd.Series) -> str:
    return "From two seeds only: " if row.n == 2 else ""


def _not_found(claim: Claim) -> list[str]:
    """What was not detected, a line each, with the interval that says what could still be."""
    unsure = claim.claimed[~claim.claimed.differs & claim.claimed.low_holm.notna()]
    level = f"{claim.confidence:.0%} interval"
    correction = f", {claim.correction}," if len(claim.claimed) > 1 else ""
    found = []
    for v, row in unsure.iterrows():
        ends = f"{signed(row.low_holm)} to {signed(row.high_holm)}"
        design = f"{int(row.n)} seeds, {claim.on}{claim.assumption}"
        head = f"No detectable difference from {called(claim.to)} for {claim.shown(v)}: {signed(row.difference)}"
        found.append(f"{head} ({level}{correction} {ends}; {design}).")
    return found


def _controls(claim: Claim) -> list[str]:
    """Controls claim nothing: their differences, a line each, with intervals of one test alone."""
    tested = claim.controls[claim.controls.low.notna()]
    if tested.empty:
        return []
    how = f"{claim.confidence:.0%} intervals of one test alone, not corrected for their number; {_seeds(tested)}"
    found = [f"Controls against {called(claim.to)}, which claim nothing ({how}):"]
    for v, row in tested.iterrows():
        ends = f"{signed(row.low)} to {signed(row.high)}"
        found.append(f"{claim.shown(v)} {signed(row.difference)}{claim.costing(v)} ({ends}).")
    return found


def _within_margin(claim: Claim) -> list[str]:
    """Equivalence at the margin that was given beforehand: on these rows, and what is not ruled out."""
    if claim.margin is None:
        return []
    tested = claim.others[claim.others.low_margin.notna()]
    inside, outside = tested[tested.within_margin], tested[~tested.within_margin & ~tested.differs]
    each = [f"{claim.shown(v)} ({row.low_margin:+.3f} to {row.high_margin:+.3f})" for v, row in inside.iterrows()]
    found = []
    if each:
        how = f"two one-sided tests, {1 - 2 * (1 - claim.confidence):.0%} intervals, after Holm; {_seeds(inside)}"
        none = f"No difference larger than {claim.margin:g} from {claim.to} on {_these(claim.on)}"
        found.append(f"{_from_two(inside.loc[inside.n.idxmin()])}{none} for {listed(each, 'or')} ({how}).")
    if len(outside):
        found.append(
            f"A difference larger than {claim.margin:g} is not ruled out for "
            f"{listed(map(claim.shown, outside.index), 'or')}."
        )
    return found


def _flat(claim: Claim) -> list[str]:
    """Differences without any spread over seeds: no test over seeds can be made of them."""
    others = claim.others
    found = []
    for v, row in others[(others.sd_difference < SAME) & (others.n > 1) & others.low_holm.isna()].iterrows():
        seeds = "both seeds" if row.n == 2 else f"each of {int(row.n)} seeds"
        what = f"differs from {claim.to} by {row.difference:+.3f} in {seeds}{claim.costing(v)}"
        if abs(row.difference) < SAME:
            what = f"has the same accuracy as {claim.to} in {seeds}"
        p = float(row.get("p_rows", np.nan))
        rows = f" (over rows: p {power_of_ten(p)})" if np.isfinite(p) and abs(row.difference) > SAME else ""
        found.append(f"{claim.shown(v)} {what}; without a spread over seeds this is not tested over seeds{rows}.")
    return found


def _single(claim: Claim) -> list[str]:
    """What one seed does not allow to say."""
    single = claim.others[claim.others.n == 1]
    if single.empty:
        return []
    each = ", ".join(f"{claim.shown(v)} {signed(row.difference)}{claim.costing(v)}" for v, row in single.iterrows())
    alone = "One seed has no interval and says nothing about other seeds"
    return [f"{alone} ({each} against {claim.to}): run at least three."]


def _not_compared(claim: Claim) -> list[str]:
    none = claim.others[claim.others.n == 0]
    return (
        [f"{listed(map(claim.shown, none.index))} cannot be compared: no seed in common with {claim.to}."]
        if len(none)
        else []
    )


def _cost_of_undetected(claim: Claim) -> list[str]:
    """Costs of variants whose own sentence does not tell them, and what was done to them by hand."""
    others = claim.others
    flat = (others.sd_difference < SAME) & (others.difference.abs() > SAME) & others.low_holm.isna()
    in_findings = set(others.index[others.differs | flat | (others.n == 1)]) | set(claim.controls.index)
    left = [v for v in others.index if v not in in_findings and others.n[v] > 0 and claim.phrases.get(str(v))]
    each = [f"{claim.shown(v)} ran with {listed(claim.phrases[str(v)])}" for v in left]
    found = [f"Unlike {claim.to}, {'; '.join(each)}."] if each else []
    unnamed = [v for v in claim.steered if v not in in_findings]
    return [*found, *(f"Steered by hand while it trained: {called(v)} ({claim.steered[v]})." for v in unnamed)]


def at_equal_tokens(sentences: Iterable[Sentence], notes: Iterable[str], *, reached: bool) -> list[Sentence]:
    """What a comparison at equal tokens found, by its own sentences, and how near to equal its tests are.

    reached: could any variant whose tokens differ be compared? Else there is nothing to say but why not.
    """
    found = [s.text for s in sentences if reached and s.kind in ("finding", "not tested")]
    near = "; ".join(note for note in notes if _about_nearness(note))
    return [Sentence("equal tokens", f"At equal tokens: {text}") for text in (*found, f"{near}.")]


def _about_nearness(note: str) -> bool:
    return "tests compared by" in note or "has no test near" in note


def _seeds(part: pd.DataFrame) -> str:
    few, many = int(part.n.min()), int(part.n.max())
    return f"{few} seeds" if few == many else f"{few} to {many} seeds"


def _by_chance(claim: Claim, null: Null | None) -> list[str]:
    """What choosing among random orders gains; a rank among them only where there are enough for one."""
    if null is None:
        return []
    found = []
    if claim.orders > 1:  # the gain of one order over another is no yardstick for differences to their mean
        found.append(f"In each difference {claim.to} is the mean of {claim.orders} random orders of the same seed.")
    else:
        found.append(f"The best of {null.k} random orders gained {null.gain:+.3f} over {claim.to} by chance alone.")
    ranked = [v for v in null.ranks if v in claim.claimed.index]
    if ranked and null.k + 1 >= (ENOUGH + 1) * len(ranked):  # so that the smallest p can pass Holm's method
        adjusted = holm(np.array([null.ranks[v] for v in ranked]))
        each = ", ".join(f"{claim.shown(v)} p = {p:.3f}" for v, p in zip(ranked, adjusted, strict=True))
        found.append(f"Rank of each gain among those of {null.k} random orders, one-sided, after Holm: {each}.")
    return found
