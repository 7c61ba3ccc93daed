"""Difficulty of examples: a pool (and a model) -> one score per row, always higher = harder.

train["loss"] = answer_loss(train, model)       # Series on the pool's index, nats a token

Text and labels (text), one forward (forward), sampled answers (rollouts), recorded runs (dynamics), learned and
propagated (propagated), judged (judged); several at once, their uncertainty and their cost: several. Item response
theory stands apart, it takes answers of many people: irt.
"""

from __future__ import annotations

import lazy_loader as _lazy_loader

from curriculab.difficulty.dynamics import confidence, emergence_step, forgetting_events, variability
from curriculab.difficulty.forward import (
    angle_concentration,
    answer_entropy,
    answer_loss,
    gradient_norm,
    instruction_difficulty,
    option_probability,
    perplexity,
    prefix_entropy,
    self_perplexity,
)
from curriculab.difficulty.judged import bradley_terry, comparisons, rating
from curriculab.difficulty.propagated import prompt_value, propagated_difficulty, teacher_gap
from curriculab.difficulty.rollouts import expected_advantage, pass_rate, self_consistency, turns_to_solve
from curriculab.difficulty.survey import MEASURES, NEEDS_MODEL, NEEDS_RUNS, Survey, asked, measure, survey, token_length
from curriculab.difficulty.text import (
    bloom_stage,
    flesch_kincaid,
    level,
    ngram_perplexity,
    prompt_length,
    reasoning_steps,
    source_rank,
    type_token_ratio,
    word_count,
    word_rarity,
)

__all__ = [
    "MEASURES",
    "NEEDS_MODEL",
    "NEEDS_RUNS",
    "Survey",
    "angle_concentration",
    "answer_entropy",
    "answer_loss",
    "asked",
    "atlas",
    "bloom_stage",
    "bradley_terry",
    "comparisons",
    "confidence",
    "emergence_step",
    "expected_advantage",
    "flesch_kincaid",
    "forgetting_events",
    "gradient_norm",
    "instruction_difficulty",
    "irt",
    "level",
    "measure",
    "ngram_perplexity",
    "option_probability",
    "pass_rate",
    "perplexity",
    "prefix_entropy",
    "prompt_length",
    "prompt_value",
    "propagated_difficulty",
    "rating",
    "reasoning_steps",
    "self_consistency",
    "self_perplexity",
    "source_rank",
    "survey",
    "teacher_gap",
    "token_length",
    "turns_to_solve",
    "type_token_ratio",
    "variability",
    "word_count",
    "word_rarity",
]

# Modules with names of their own, imported when first used: item response theory needs scipy.
__getattr__, _, _ = _lazy_loader.attach(__name__, ["atlas", "irt"])


def __dir__() -> list[str]:
    return __all__
