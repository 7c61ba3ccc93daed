"""What ran, in words for a methods section: objectives trained with, budget, what each variant spent, how it ended.

"Each variant was to end after 80 optimiser steps. By variant, in the mean over seeds, 640 rows and 19,309 tokens were
trained (equal within 10%)."
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from curriculab.objectives.objective import Objective
from curriculab.objectives.registry import OBJECTIVES
from curriculab.paper.variants import written_value
from curriculab.runs import Runs
from curriculab.statistics.costs import costs, differ, end_sentences, steered
from curriculab.statistics.wording import called, listed

SPENT = {  # column of costs, what is counted, what was done with it
    "rows_trained": ("rows", "trained"),
    "tokens_trained": ("tokens", "trained"),
    "tokens_generated": ("tokens", "generated"),
    "tokens_scored": ("tokens", "scored"),
    "tokens_at_test": ("tokens", "spent at the last test"),
}


# -- objectives -------------------------------------------------------------------------------------------------------
def objectives(runs: Runs, setup: Mapping[str, Any]) -> str:
    """The objective that was trained with, by variant where they differ; where no step was recorded, the bench's.

    Examples
    --------
    >>> from curriculab.paper.ran import objectives
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> settings = cl.Sft(learning_rate=1e-3)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4, objective=settings)
    >>> objectives(runs, {})
    'The objective was supervised fine-tuning (learning rate 0.001).'
    """
    by = _trained_with(runs)
    used = [one for record in runs.records for one in record.spec.get("trained_with", ())]
    if not by:
        used = setup.get("objectives", [])
        by = {listed(map(_setting, used)): []} if used else {}
    if len(by) > 1:
        each = [f"{listed(variants)} with {text}" for text, variants in by.items()]
        return f"Variants were trained with different objectives: {'; '.join(each)}{_sampling(used, setup)}."
    return "".join(f"The objective was {text}{_sampling(used, setup)}." for text in by)


def _trained_with(runs: Runs) -> dict[str, list[str]]:
    """By objectives in words, the variants that trained with them."""
    settings: dict[str, list[str]] = {}
    for record in runs.records:
        if record.key[0] not in runs.null:
            own = settings.setdefault(record.key[0], [])
            own += [_setting(one) for one in record.spec.get("trained_with", ())]
    by: dict[str, list[str]] = {}
    for variant, own in settings.items():
        if own:
            by.setdefault(listed(dict.fromkeys(own)), []).append(variant)
    return by


def _sampling(used: Sequence[Mapping], setup: Mapping[str, Any]) -> str:
    """How answers were sampled, where an objective learns from them and the bench tells."""
    classes = [_objective_class(setting["objective"]) for setting in used]
    if "rollouts" not in setup or not any(one.needs_samples for one in classes if one):
        return ""
    return (
        f", with {setup['rollouts']} answers a row, sampled at temperature {setup['temperature']:g}, of at most "
        f"{setup['max_new_tokens']} tokens"
    )


def _setting(written: Mapping[str, Any]) -> str:
    """Its title, its learning rate, and every setting that is not the default."""
    name, fields = written["objective"], dict(written["fields"])
    found = _objective_class(name)
    usual = {f.name: f.default for f in dataclasses.fields(found)} if found else {}
    rate = fields.pop("learning_rate", None)
    knobs = [] if rate is None else [f"learning rate {rate:g}"]
    knobs += [f"{field}={written_value(value)}" for field, value in fields.items() if value != usual.get(field)]
    role = written.get("role", "learner")
    of = "" if role == "learner" else f" of {role}"
    return f"{found.title if found else name}{of}" + (f" ({', '.join(knobs)})" if knobs else "")


def _objective_class(name: str) -> type[Objective] | None:
    """The class of an objective; None where no installed package has it."""
    return OBJECTIVES[name] if name in OBJECTIVES else None


# -- budget and spending ----------------------------------------------------------------------------------------------
def budget(setup: Mapping[str, Any]) -> str:
    """When a variant was to end: what was the same for all, and no more.

    Examples
    --------
    >>> from curriculab.paper.ran import budget
    >>> budget({"budget": {"fields": {"steps": 80, "max_total_tokens": 7578}}})
    'Every variant was to end after 80 optimiser steps, at the latest after 7,578 tokens trained, sampled and scored; \
seed by seed all started from the same adapter.'
    """
    if "budget" not in setup:
        return ""
    words = {"steps": "optimiser steps", "tokens": "trained tokens", "rollouts": "sampled answers"}
    limits = {k: v for k, v in setup["budget"]["fields"].items() if v is not None}
    after = listed([f"{limits[k]:,} {name}" for k, name in words.items() if k in limits], "or")
    most = limits.get("max_total_tokens", limits.get("work"))  # the name in records of before
    ceiling = f", at the latest after {most:,} tokens trained, sampled and scored" if most else ""
    return f"Every variant was to end after {after}{ceiling}; seed by seed all started from the same adapter."


def spending(runs: Runs, setup: Mapping[str, Any]) -> str:
    """What a run of each variant spent, in the mean over its seeds: once where all are within 10%, else by variant.

    Examples
    --------
    >>> from curriculab.paper.ran import spending
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> spending(cl.simulate(cl.methods.random_order, pool, steps=3, batch_size=4), {})
    'A run trained 12 rows (4 a step) and 504 tokens.'
    """
    table = _spent(runs)
    recorded = [c for c in SPENT if table[c].notna().all() and len(table)]
    if not recorded:
        return "What the variants spent was not recorded." if "budget" in setup else ""
    alike, apart = [], []
    for column in recorded:
        values, (what, done) = table[column], SPENT[column]
        if not any(differ(value, values.iloc[0]) for value in values):
            if values.iloc[0]:
                alike.append((f"{values.mean():,.0f} {what}{_a_step(table, column)}", done))
        else:
            each = ", ".join(f"{v} {value:,.0f}" for v, value in values.items())
            apart.append(f"{what} {done} ({each})")
    sentences = [f"A run {_by_deed(alike)}{' (within 10% of each other)' if len(table) > 1 else ''}."] if alike else []
    sentences += [f"Variants differed in {listed(apart)}."] if apart else []
    return " ".join(sentences)


def _a_step(table: pd.DataFrame, column: str) -> str:
    """ " (8 a step)", where all variants had so many rows a step."""
    each = (table[column] / table["steps"]).dropna().unique()
    return f" ({each[0]:g} a step)" if column == "rows_trained" and len(each) == 1 else ""


def _by_deed(counts: Sequence[tuple[str, str]]) -> str:
    """ "trained 640 rows and 19,309 tokens, scored 1,200 tokens"."""
    by: dict[str, list[str]] = {}
    for count, done in counts:
        by.setdefault(done, []).append(count)
    deeds = []
    for done, numbers in by.items():
        verb, _, rest = done.partition(" ")
        deeds.append(f"{verb} {listed(numbers)}{f' {rest}' if rest else ''}")
    return listed(deeds)


def _spent(runs: Runs) -> pd.DataFrame:
    """Costs by variant, of those that have a run that did not fail."""
    labels = pd.DataFrame({"variant": runs.variants, "solver": ""}, index=pd.Index(runs.variants))
    table = costs(runs, labels)
    return table[table["seeds"] > 0]


def ends_and_steering(runs: Runs) -> list[str]:
    """Sentences on runs that did not end by their budget, and on variants that were steered by hand.

    Examples
    --------
    >>> from curriculab.paper.ran import ends_and_steering
    >>> def brief(pool, run):
    ...     yield cl.Train(pool.head(4))
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> ends_and_steering(cl.simulate({"brief": brief}, pool, steps=3, batch_size=4))
    ['brief ended by itself at step 1 of 3 (seed 0).']
    """
    by_hand = [f"{called(v)} ({text})" for v, text in steered(_spent(runs)).items()]
    return [*end_sentences(runs), *([f"Steered by hand while they trained: {'; '.join(by_hand)}."] if by_hand else [])]
