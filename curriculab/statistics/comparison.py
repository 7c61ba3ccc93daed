"""Every variant against one of them, paired by seed on the same test rows.

One line of `compare(runs).table`: easy first, 3 seeds, accuracy 0.412, difference to random +0.031,
95% interval 0.012 to 0.050 (t, n=3), p 0.020, after Holm 0.040.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from curriculab.registry.names import also_named, no_longer
from curriculab.runs import Runs
from curriculab.runs.by_hand import mark_of, marked
from curriculab.runs.configurations import named
from curriculab.runs.display import as_html, as_text, wrapped
from curriculab.runs.looks import looks_note
from curriculab.runs.schema import OF_TEST
from curriculab.statistics.costs import TOTAL, cost_phrases, costs, differ, end_sentences, steered
from curriculab.statistics.declared import declared_note
from curriculab.statistics.equivalence import check_margin, within_margin
from curriculab.statistics.matched import EQUAL
from curriculab.statistics.null import Null, best_by_chance
from curriculab.statistics.paired import levels_table, paired_table, scores_of
from curriculab.statistics.pooled import pool_of
from curriculab.statistics.power import SPREADS
from curriculab.statistics.replicates import replicates as replicates_of
from curriculab.statistics.replicates import with_replicates
from curriculab.statistics.solving import solver_notes
from curriculab.statistics.tables import cluster_of, clusters, rows_or_sets, shared_rows, tested
from curriculab.statistics.verdict import (
    Claim,
    Sentence,
    at_equal_tokens,
    cut_off_notes,
    in_order,
    missing,
    sentences,
    trained_tests,
)
from curriculab.statistics.wording import called, listed, signed


@also_named(level="confidence")
@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    table : pd.DataFrame
        One line a variant: accuracy, difference to `to` with `low` and `high`, its interval at `confidence`, and
        `low_holm` and `high_holm`, that at the level Holm tests it at; `differs`: that one leaves out zero; `low_new`,
        `high_new`, `p_new`, `differs_new`: the same for new rows of this kind, at Holm's level over `p_new`; `p_rows`:
        of these trained models, over rows alone (`rows_test`); `mde`: an upper 95% bound of the smallest effect that so
        many seeds find with 80% power; `gold`: tested by a solver that sees the answers. With a margin also
        `p_margin`, `low_margin`, `high_margin`, `within_margin`.
    levels : pd.DataFrame
        One line a level and variant.
    scores : pd.DataFrame
        One line a variant and seed: accuracy and difference.
    costs : pd.DataFrame
        One line a variant: what it spent until the tests that are compared, how it was trained and tested, why its runs
        ended, what was done to it by hand (see `statistics.costs`).
    sentences : tuple of Sentence
        The verdict by sentence, each with its kind: "contamination" first, "note" last.
    to, at, confidence, margin : str, str or float, float, float or None
        As they were asked for.
    null : Null, optional
        What choosing the best of the null-band orders gains by chance.
    notes : tuple of str
        What the verdict has to say about missing and left out runs.
    variants : tuple of str
        As asked for; colours go by this order.
    spread : str
        "own", or "pooled": all variants were taken to spread equally, and p and intervals "after Holm" are Dunnett's.
    orders : int
        Random orders in each seed whose mean `to` stands for: itself, and null-band orders that are its replicates.
    cluster : str, optional
        Column of the test rows whose values are drawn anew in the intervals for new rows; None: the rows themselves.
    equal : Comparison, optional
        The same at equal tokens, where a variant spent over 10% more or less than `to` and tests on the way allow it.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> found = cl.compare(cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2]))
    >>> found.table["seeds"].to_dict(), found.to
    ({'random': 3, 'easy first': 3}, 'random')
    >>> found.when
    'at the end'
    >>> print(found.verdict.splitlines()[0])
    Not decided: easy first could not be tested against random order over seeds.
    >>> found.sentences[0].kind, found.marks
    ('answer', {})
    """

    table: pd.DataFrame
    levels: pd.DataFrame
    scores: pd.DataFrame
    costs: pd.DataFrame
    sentences: tuple[Sentence, ...]
    to: str
    confidence: float
    at: str | float
    null: Null | None = None
    notes: tuple[str, ...] = ()
    variants: tuple[str, ...] = field(default=())  # as asked for; colours go by this order
    spread: str = "own"
    orders: int = 1
    cluster: str | None = None
    margin: float | None = None
    equal: Comparison | None = None

    @property
    def when(self) -> str:
        """Which tests were compared, in words behind "accuracy": "at the end", "at 50% of the budget"."""
        if self.at == "end":
            return "at the end"
        if isinstance(self.at, str):
            return f"at equal {self.at.replace('_', ' ')}"
        return f"at {self.at:.0%} of the budget"

    @property
    def verdict(self) -> str:
        """What it comes to, in words: the answer first, then a line for each variant and whatever has to be said."""
        return "\n".join(sentence.text for sentence in self.sentences)

    @property
    def marks(self) -> dict[str, str]:
        """By line that was changed by hand while it trained, its mark: "steered" or "stopped"."""
        return {name: mark_of(done) for name, done in steered(self.costs).items()}

    def shown(self, name: object) -> str:
        """A line's name with its mark, as tables and figures show it: "easy first (steered)".

        Examples
        --------
        >>> pool = cl.load_pool("ladder", n=60, seed=0)
        >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
        >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])
        >>> cl.compare(runs).shown("easy first")  # nobody changed it by hand
        'easy first'
        """
        return marked(name, self.marks.get(str(name), ""))

    def __repr__(self) -> str:
        differ = int(self.table.differs.sum())
        seeds = self.table.n.max()
        return f"Comparison({len(self.table) - 1} variants against {self.to!r}, up to {seeds} seeds; {differ} differ)"

    def __str__(self) -> str:
        return f"{wrapped(self.verdict)}\n\n{as_text(self.shown_first())}"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.shown_first(), above=self.verdict)

    def shown_first(self) -> pd.DataFrame:
        """Accuracy, difference with the interval that the verdict rests on, and p, as texts; controls last.

        Examples
        --------
        >>> pool = cl.load_pool("ladder", n=60, seed=0)
        >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
        >>> found = cl.compare(cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2]))
        >>> [*found.shown_first().columns]
        ['accuracy', 'difference', '95% interval', 'p (Holm)']
        """
        control = self.table.control.astype(bool) if "control" in self.table else pd.Series(False, self.table.index)
        last = control & (self.table.index != self.to)
        table = pd.concat([self.table[~last], self.table[last]])
        corrected = "Dunnett" if self.spread == "pooled" else "Holm"
        ends = zip(table.low_holm, table.high_holm, strict=True)
        columns = {
            "accuracy": [f"{v:.3f}" if v == v else "" for v in table.accuracy],
            "difference": [signed(v) if v == v else "" for v in table.difference],
            f"{self.confidence:.0%} interval": [_ends(low, high) for low, high in ends],
            f"p ({corrected})": [p_of(v) if v == v else "" for v in table.p_holm],
        }
        if self.margin:
            columns |= {f"within {self.margin:g}": ["yes" if v else "" for v in table.within_margin]}
        if table.gold.any():
            columns |= {"sees answers": ["yes" if v else "" for v in table.gold]}
        names = [f"{self.shown(v)} (control)" if last[v] else self.shown(v) for v in table.index]
        return pd.DataFrame(columns, index=pd.Index(names, name="variant"))


def _ends(low: float, high: float) -> str:
    return f"{signed(low)} to {signed(high)}" if low == low else ""


def p_of(p: float) -> str:
    """A p as tables print it: "0.031", "<0.001"."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


@no_longer(seed="intervals are computed, nothing is drawn")
@also_named(level="confidence")
def compare(
    runs: Runs,
    *,
    to: str = "random",
    at: str | float = "end",
    margin: float | None = None,
    confidence: float = 0.95,
    spread: str = "own",
    cluster: str | None = None,
    replicates: bool = True,
) -> Comparison:
    """Accuracy of every variant against `to`, paired by seed on the same test rows; `Comparison.verdict` says it.

    Intervals on these rows are Student's t over the seeds' differences, those for new rows of this kind `crossed`.
    Null-band orders are no variants: where `to` is random order, it stands for the mean of itself and of its null-band
    orders in the same seed, of which it is one; they also make `Comparison.null`. Costs that differ by more than 10%
    stand in the sentence of the variant; where tokens differ, the comparison at equal tokens stands behind it. The
    intervals in `levels` are not adjusted for their number: they describe, the verdict does not rest on them.

    Parameters
    ----------
    runs : Runs
        Recorded or simulated runs with evaluations.
    to : str
        Variant that the others are compared with.
    at : str or float
        "end", the last test of each variant; a share of the budget at which all were evaluated; or "tokens": every run
        at the test nearest to the tokens (trained, sampled and scored) of the cheapest run of its seed, on the
        validation rows where there are any. "steps", "rows_trained", "tokens_trained", "tokens_generated" and
        "tokens_scored" count that axis alone. "test_tokens" and "test_generated": every variant by the solver whose
        tokens a test row are nearest to what all variants reach.
    margin : float, optional
        The largest difference that counts as none, chosen before the runs and best recorded with them by
        `Bench(compare={"margin": 0.02})`: two one-sided tests say which variants
        differ by no more.
    confidence : float
        Confidence.
    spread : str
        "own": each variant's differences have a spread of their own, Student's t, Holm's method. "pooled": all runs
        have one, seeds are blocks, Dunnett's comparison. It finds far more with few seeds, and errs far more often than
        it says where one variant's runs spread more than the others': choose it before the runs, not after.
    cluster : str, optional
        Column of the test rows whose values are what is drawn when rows are new, such as "topic": rows of one depend on
        each other. None: "template" where the test rows have one, else each row for itself.
    replicates : bool
        False: `to` alone is the reference, without its null-band orders.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        Where no variant is called `to`, or it was never evaluated; for a result that is no share, a run or a test row
        that stands twice, a spread or a column that there is not.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])
    >>> cl.compare(runs)
    Comparison(1 variants against 'random', up to 3 seeds; 0 differ)
    """
    how = {"to": to, "at": at, "margin": margin, "confidence": confidence, "spread": spread, "cluster": cluster}
    return _compared(runs, look=True, replicates=replicates, **how)


def _compared(
    runs: Runs,
    *,
    to: str,
    at: str | float,
    margin: float | None,
    confidence: float,
    spread: str,
    cluster: str | None,
    replicates: bool,
    look: bool,
) -> Comparison:
    """look: count it as a look at test rows, where its share of the budget was not named before."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r}; give a share between 0 and 1, such as 0.95")
    if spread not in SPREADS:
        raise ValueError(f"spread={spread!r}; choose 'own' (each variant's) or 'pooled' (one for all)")
    check_margin(margin)
    items, notes = tested(runs, at)
    right, dropped = shared_rows(items)
    labels = _labels(runs, items)
    if to not in labels.index:
        raise ValueError(_no_reference(runs, to, labels))
    if to not in right.columns.unique(0):
        reasons = [note for note in notes if at == "end" or " failed in " not in note]  # the end's sentences have those
        why = f" ({'; '.join(reasons)})" if reasons else ""
        raise ValueError(f"{to!r} has no test at={at!r} in any seed{why}: nothing can be compared with it")
    null = best_by_chance(right.mean(), runs.null, to)
    orders = replicates_of(runs, items, to, [*right[to].columns]) if replicates else []
    pooled, right, left_out = pool_of(right, [*labels.index], to, orders) if spread == "pooled" else (None, right, [])
    right = with_replicates(right, to, orders)
    scores, groups = scores_of(right.mean(), to), clusters(items, right, cluster)
    claims = [v for v in labels.index if labels.variant[v] not in runs.controls]
    table = paired_table(right, labels, to, claims, confidence=confidence, groups=groups, pooled=pooled)
    if margin is not None:
        differences = {v: scores.difference[scores.variant == v].dropna() for v in labels.index if v != to}
        table = table.join(within_margin(differences, margin, claims=claims, confidence=confidence))
        table = table.assign(within_margin=table.within_margin.eq(True))  # the reference has none
    levels = levels_table(items, right, labels.index, to, confidence=confidence)
    absent = [] if at in (*EQUAL, *OF_TEST) else missing(table, scores, runs)  # who has no test near is told already
    notes += [*left_out, *dropped, *absent, *cut_off_notes(runs), *solver_notes(runs)]
    if look:
        given = {"to": to, "at": at, "margin": margin, "confidence": confidence, "spread": spread, "cluster": cluster}
        notes += [*looks_note(runs, at), *declared_note(runs, {**given, "replicates": replicates})]
    steps = items.dropna(subset="step").groupby(["variant", "seed"], observed=True).step.max().to_dict()
    spent = costs(runs, labels, None if at == "end" else steps)
    how = {"spread": spread, "orders": len(orders) + 1, "cluster": cluster_of(items, cluster), "margin": margin}
    on = rows_or_sets(items[items.id.isin(right.index)])
    claim = Claim(table, to, on, confidence, cost_phrases(spent, to), steered(spent), **how)
    ended = end_sentences(runs) if at == "end" else []
    text = sentences(claim, null=null, notes=notes, leaks=trained_tests(runs), costs=ended)
    equal, at_equal = None, []
    if at == "end" and (dear := _other_tokens(spent, to)):
        same = {"margin": margin, "spread": spread, "cluster": cluster, "replicates": replicates}
        equal, at_equal = _at_equal_tokens(runs, dear, to=to, confidence=confidence, **same)
    text = in_order((*text, *at_equal))
    scores = scores[scores.variant.isin(labels.index)].reset_index(drop=True)
    how |= {"notes": tuple(notes), "variants": tuple(runs.variants), "equal": equal}
    return Comparison(table, levels, scores, spent, text, to, confidence, at, null, **how)


def _no_reference(runs: Runs, to: str, labels: pd.DataFrame) -> str:
    """Why no line has this name: none was run, or its solvers or its configurations have lines of their own."""
    solvers = labels.index[labels.variant == to]
    if len(solvers):
        return f"{to!r} was tested by {len(solvers)} solvers: pass one line as to=, {listed(map(repr, solvers))}"
    own = dict.fromkeys(repr(record.key[0]) for record in runs.records if named(record) == to)
    if own:
        several = f"{to!r} stands for {len(own)} configurations here, {listed(own)}"
        return f"{several}: pass one as to=, or take the runs of one bench, report.latest(runs)"
    return f"no variant {to!r} to compare with; there are {listed(map(called, labels.index))}: pass one as to="


def _other_tokens(spent: pd.DataFrame, to: str) -> list[str]:
    """Lines that spent over 10% more or fewer tokens than the reference."""
    return [str(v) for v, tokens in spent[TOTAL].dropna().items() if differ(tokens, spent[TOTAL][to])]


def _at_equal_tokens(runs: Runs, dear: Sequence[str], **arguments: object) -> tuple[Comparison | None, list[Sentence]]:
    """The comparison at equal tokens and its sentences; none where the tests on the way do not allow one."""
    try:
        equal = _compared(runs, at=TOTAL, look=False, **arguments)  # it was not chosen, so it is no look
    except ValueError as error:
        return None, [Sentence("equal tokens", f"At equal tokens nothing could be compared: {error}.")]
    reached = bool((equal.table.n.reindex(dear) > 0).any())
    return equal, at_equal_tokens(equal.sentences, equal.notes, reached=reached)


def _labels(runs: Runs, items: pd.DataFrame) -> pd.DataFrame:
    """One line per row of the table: variant, solver, whether it sees answers; in the order asked for."""
    seen = items.drop_duplicates("label").set_index("label")[["variant", "solver", "gold"]]
    tested = set(seen.variant)
    order = [label for v in runs.variants for label in (seen.index[seen.variant == v] if v in tested else [v])]
    labels = seen.reindex(order)
    return labels.assign(gold=labels.gold.eq(True))
