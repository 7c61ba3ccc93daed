"""How differences were tested, in words, as far as the record supports them.

"Final accuracies were compared with random, paired by seed on the same test rows: 95% intervals by Student's t ..."
"""

from __future__ import annotations

from curriculab.runs import Runs
from curriculab.statistics import FEW_SEEDS, RESAMPLES, Comparison
from curriculab.statistics.verdict import listed


def how_tested(result: Comparison, runs: Runs) -> str:
    """How the differences were tested, and what could have been seen."""
    controls = runs.controls
    others = result.table.drop(index=result.to)
    tested = others[others.p.notna()]
    when = "Final accuracies" if result.at == "end" else f"Accuracies at {result.at:.0%} of the budget"
    text = f"{when} were compared with {result.to}, {_paired(runs)}"
    if tested.empty:
        return f"{text}; no interval can be had from these seeds."
    kinds = []
    if (tested.n < FEW_SEEDS).any():
        kinds.append("Student's t over the seeds' differences")
    if (tested.n >= FEW_SEEDS).any():
        kinds.append(f"bootstrap over the seeds' differences ({RESAMPLES:,} resamples)")
    claims = [v for v in tested.index if v not in controls]
    text += f": {result.confidence:.0%} intervals by {listed(kinds)}, and p corrected by Holm's method for the"
    text += f" {len(claims)} comparison{'s' * (len(claims) != 1)} with variants that are no controls."
    detectable = others.mde.dropna()
    low, high = (f"{side:.3f}" for side in (detectable.min(), detectable.max())) if len(detectable) else ("", "")
    least = f" With these seeds a variant's difference had to be {low if low == high else f'{low} to {high}'} to be"
    text += f"{least} found with 80% power." if len(detectable) else ""
    on = "these test sets" if _of_whole_sets(runs) else "these test rows"
    return f"{text} Seeds are what was sampled: the claims are about new training runs on {on}."


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
