"""Did it help? Paired differences over seeds, their intervals, Holm over variants, and one plain sentence.

    intervals   one number over seeds: Student's t, jackknife, bootstrap
    crossed     the same for new rows too: seeds and rows crossed
    replicates  null-band orders as replicates of random order
    pooled      one spread for all variants, Dunnett's comparison
    claims      what may be claimed of several variants together
    tests       Holm, Benjamini and Hochberg, exact McNemar
    aggregates  interquartile mean, probability of improvement, performance profiles, stratified bootstrap
    curves      area under a curve, time to a threshold with censoring
    power       the smallest effect a design can find, the seeds an effect needs
    sequential  looking while it trains
    comparison  compare: every variant against one, `verdict` says it in words
    costs       what every variant paid, and what differs, in words
    matched     the tests that are compared at equal tokens
    equivalence no difference larger than a margin given beforehand
    across      the same for other data splits and base models
    control     would another learning rate have given as much?
    summary     recorded runs in one call: aggregate, to_threshold, improvement, profiles, and rows within a seed
    change      what was forgotten, what carried over
    spending    what reinforcement spent on answers that taught nothing

Unless a function says otherwise it answers for *new training runs on these test rows*: seeds are what is sampled, rows
are held fixed. Accuracies and differences are shares in [0, 1].
"""

from curriculab.statistics.across import across
from curriculab.statistics.aggregates import (
    Interval,
    improvement_bootstrap,
    iqm,
    mean,
    median,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    stratified_bootstrap,
)
from curriculab.statistics.change import forgetting, transfer
from curriculab.statistics.comparison import Comparison, compare
from curriculab.statistics.control import LearningRates, learning_rate_control
from curriculab.statistics.crossed import Crossed, crossed, rows_test
from curriculab.statistics.curves import (
    area_under_curve,
    kaplan_meier,
    median_time,
    restricted_mean,
    time_to_threshold,
)
from curriculab.statistics.intervals import (
    RESAMPLES,
    SAME,
    Estimate,
    bootstrap,
    estimate,
    jackknife,
    paired_bootstrap,
    paired_t,
)
from curriculab.statistics.null import Null
from curriculab.statistics.power import POWER, minimum_detectable_effect, seeds_needed
from curriculab.statistics.sequential import confidence_sequence, look_levels, looks
from curriculab.statistics.spending import filter_savings, waste
from curriculab.statistics.summary import (
    aggregate,
    improvement,
    mcnemar_by_seed,
    profiles,
    seeds_and_rows,
    to_threshold,
)
from curriculab.statistics.tests import McNemar, benjamini_hochberg, holm, holm_levels, mcnemar

__all__ = [
    "POWER",
    "RESAMPLES",
    "SAME",
    "Comparison",
    "Crossed",
    "Estimate",
    "Interval",
    "LearningRates",
    "McNemar",
    "Null",
    "across",
    "aggregate",
    "area_under_curve",
    "benjamini_hochberg",
    "bootstrap",
    "compare",
    "confidence_sequence",
    "crossed",
    "estimate",
    "filter_savings",
    "forgetting",
    "holm",
    "holm_levels",
    "improvement",
    "improvement_bootstrap",
    "iqm",
    "jackknife",
    "kaplan_meier",
    "learning_rate_control",
    "look_levels",
    "looks",
    "mcnemar",
    "mcnemar_by_seed",
    "mean",
    "median",
    "median_time",
    "minimum_detectable_effect",
    "optimality_gap",
    "paired_bootstrap",
    "paired_t",
    "performance_profile",
    "probability_of_improvement",
    "profiles",
    "restricted_mean",
    "rows_test",
    "seeds_and_rows",
    "seeds_needed",
    "stratified_bootstrap",
    "time_to_threshold",
    "to_threshold",
    "transfer",
    "waste",
]


def __dir__() -> list[str]:
    return __all__
