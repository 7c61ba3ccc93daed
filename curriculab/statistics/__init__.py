"""Did it help? Paired differences over seeds, their intervals, Holm over variants, and one plain sentence.

    intervals   one difference over seeds: Student's t, the bootstrap
    tests       Holm
    power       the smallest effect a design can find
    comparison  compare: every variant against one, `verdict` says it in words
    change      what was forgotten, what carried over
    spending    what reinforcement spent on answers that taught nothing

Unless a function says otherwise it answers for *new training runs on these test rows*: seeds are what is sampled, rows
are held fixed. Accuracies and differences are shares in [0, 1].
"""

from curriculab.statistics.change import forgetting, transfer
from curriculab.statistics.comparison import Comparison, Null, compare
from curriculab.statistics.intervals import FEW_SEEDS, RESAMPLES, SAME, Estimate, bootstrap, estimate, paired_t
from curriculab.statistics.power import POWER, minimum_detectable_effect
from curriculab.statistics.spending import filter_savings, waste
from curriculab.statistics.tests import holm, holm_levels

__all__ = [
    "FEW_SEEDS", "POWER", "RESAMPLES", "SAME", "Comparison", "Estimate", "Null", "bootstrap", "compare", "estimate",
    "filter_savings", "forgetting", "holm", "holm_levels", "minimum_detectable_effect", "paired_t", "transfer", "waste",
]  # fmt: skip
