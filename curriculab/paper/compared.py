"""How differences were tested, in words, as far as the record supports them.

"Final accuracies were compared with random, paired by seed on the same test rows: 95% intervals by Student's t ..."
"""

from __future__ import annotations

from curriculab.runs import Runs
from curriculab.statistics import Comparison
from curriculab.statistics.wording import listed


def how_tested(result: Comparison, runs: Runs) -> str:
    """How the differences were tested, and what could have been seen."""
    controls = runs.controls
    others = result.table.drop(index=result.to)
    tested = others[others.p.notna()]
    when = "Final accuracies" if result.at == "end" else f"Accuracies {result.when}"
    text = f"{when} were compared with {result.to}, {_paired(runs)}"
    if tested.empty:
        return f"{text}; no interval can be had from these seeds."
    pooled = result.spread == "pooled"
    pooled_by = "a spread pooled over all variants, with seeds as blocks"
    by = pooled_by if pooled else "Student's t over the seeds' differences"
    claims = [v for v in tested.index if v not in controls]
    text += f": {result.confidence:.0%} intervals by {by}, and p corrected by "
    text += f"{'Dunnett' if pooled else 'Holm'}'s method for the"
    text += f" {len(claims)} comparison{'s' * (len(claims) != 1)} with variants that are no controls."
    detectable = others.mde.dropna()
    ends = list(dict.fromkeys(f"{side:.3f}" for side in (detectable.min(), detectable.max())))
    bound = f" The smallest effect that these seeds find with 80% power is at most {' to '.join(ends)}"
    text += f"{bound} (upper 95% confidence bounds, by variant)." if len(detectable) else ""
    if result.margin:
        text += f" Differences up to {result.margin:g} were to count as none: two one-sided tests, Holm's method."
    on = "these test sets" if _of_whole_sets(runs) else "these test rows"
    text += f" Seeds are what was sampled: the claims are about new training runs on {on}"
    if tested.low_new.notna().any():
        drawn = f" ({result.cluster} by {result.cluster})" if result.cluster else ""
        text += f", and for new rows of their kind{drawn} where seeds and rows together support it (two-way analysis of"
        text += " variance, both random)"
    return f"{text}."


def _of_whole_sets(runs: Runs) -> bool:
    """Are some accuracies those of whole sets, whose rows a log does not tell?"""
    return "whole_set" in runs.items and bool(runs.items["whole_set"].eq(True).any())


def _paired(runs: Runs) -> str:
    """How runs were paired, as far as the record tells."""
    imported = any("imported" in record.spec for record in runs.records)
    by = "paired by the seed that the files' names give" if imported else "paired by seed"
    grouped = list(dict.fromkeys(r.key[0] for r in runs.records if r.spec.get("grouped")))
    mean = f"; {listed(grouped)}: means over runs that W&B grouped, whose seeds are not known" if grouped else ""
    if _of_whole_sets(runs):
        unknown = "whether these had the same rows was not recorded"
        return f"{by}; they are those that other programs logged of whole test sets, and {unknown}{mean}"
    return f"{by} on the same test rows{mean}"
