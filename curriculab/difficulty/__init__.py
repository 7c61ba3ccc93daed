"""Difficulty of examples: a pool (and a model) -> one score per row, always higher = harder.

train["loss"] = cl.difficulty.answer_loss(train, model)       # Series on the pool's index, nats a token

Here belong the measures (measures/, found by registry.py), what answers those that ask a model (estimation.py,
roles.py, cache.py), several at once with their uncertainty and cost (survey.py), their comparison (atlas.py), and item
response theory, which takes answers of many people (irt/). Nothing here knows the engine: a model brings its backend.

Public names are listed in `__init__.pyi`, which `python -m tools.make_stubs` writes from the registry.
"""

from __future__ import annotations

import importlib

from curriculab.difficulty.measures.judged import bradley_terry as bradley_terry
from curriculab.difficulty.registry import MEASURES as MEASURES
from curriculab.difficulty.registry import catalogue as catalogue
from curriculab.difficulty.survey import Survey as Survey
from curriculab.difficulty.survey import measure as measure
from curriculab.difficulty.survey import request_scores as request_scores
from curriculab.difficulty.survey import survey as survey

_MODULES = ("atlas", "irt")  # with names of their own, imported when first used: item response theory needs scipy
_OTHERS = ("MEASURES", "Survey", "bradley_terry", "catalogue", "measure", "request_scores", "survey")


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "__all__":
        return __dir__()
    if name.startswith("_") or name not in MEASURES:
        raise AttributeError(f"curriculab.difficulty has no {name!r}; it has {', '.join(__dir__())}")
    return MEASURES[name]


def __dir__() -> list[str]:
    return sorted([*MEASURES, *_OTHERS, *_MODULES])
