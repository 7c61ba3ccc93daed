"""What one forward measures of rows as they stand: likelihoods, options, and how the model sees them inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from curriculab.adapters import Adapter, Span, forward
from curriculab.loop import Answer
from curriculab.models import Model, Text
from curriculab.objectives.packing import (
    MICRO_BATCH,
    Reader,
    Work,
    entropy,
    likelihood,
    micro_batches,
    read_tokens,
    shares_prompts,
)  # fmt: skip
from curriculab.requests import Rows, say

READERS: dict[str, Reader] = {"nll": likelihood, "entropy": entropy}
INSIDE = ("angle", "embedding")


def score(
    model: Model,
    adapters: Sequence[Adapter | None],
    tables: Sequence[Rows],
    measure: str,
    per: str,
    *,
    budget: int = MICRO_BATCH,
) -> list[Answer]:
    """Values of one measure for several tables in shared forwards."""
    if measure == "options":
        return _options(model, adapters, tables, budget)
    if measure in INSIDE:
        return _inside(model, adapters, tables, measure, per, budget)
    if measure not in READERS:
        raise ValueError(f"no measure {measure!r}; there are {', '.join([*READERS, 'options', *INSIDE])}")
    works = [
        Work(a, model.encode(t, purpose="Score"), shares_prompts(model))
        for a, t in zip(adapters, tables, strict=True)
    ]
    values = read_tokens(model, works, READERS[measure], budget=budget)
    answers = []
    for work, table, found in zip(works, tables, values, strict=True):
        column = [v if per == "token" else float(v.mean()) for v in found]
        reply = pd.DataFrame({measure: pd.Series(column, index=table.index, dtype=object if per == "token" else float)})
        answers.append(Answer(reply, sum(map(len, work.texts))))
    return answers


def _options(model: Model, adapters: Sequence[Adapter | None], tables: Sequence[Rows], budget: int) -> list[Answer]:
    """Log-likelihood of every option's text (nats, end of text included), and `text`, the likeliest option."""
    wide = [_one_line_per_option(t) for t in tables]
    works = [
        Work(a, model.encode(w, purpose="Score"), shares_prompts(model)) for a, w in zip(adapters, wide, strict=True)
    ]
    answers = []
    for work, table, found in zip(works, tables, read_tokens(model, works, budget=budget), strict=True):
        total = iter([-float(v.sum()) for v in found])
        logprobs = [np.array([next(total) for _ in options]) for options in table["options"]]
        best = [options[int(np.argmax(lp))] for options, lp in zip(table["options"], logprobs, strict=True)]
        reply = pd.DataFrame({"options": pd.Series(logprobs, index=table.index, dtype=object), "text": best})
        answers.append(Answer(reply, sum(map(len, work.texts))))
    return answers


def _one_line_per_option(table: Rows) -> Rows:
    if "options" not in table or not table["options"].map(lambda o: isinstance(o, list | tuple | np.ndarray)).all():
        raise ValueError("Score 'options' of rows without options; choose the multiple-choice rows first")
    counts = [len(o) for o in table["options"]]
    wide = table.loc[:, ["prompt", "options"]].iloc[np.repeat(np.arange(len(table)), counts)]
    return say(wide, [text for options in table["options"] for text in options])


def _inside(
    model: Model, adapters: Sequence[Adapter | None], tables: Sequence[Rows], measure: str, per: str, budget: int
) -> list[Answer]:
    """Of the last layer's normalised states: "embedding", their mean (d,) over the prompt; "angle", the mean cosine of
    their pairs, over the prompt where nothing was said yet, else over what was said (Wang et al. 2025, GAIN-RL)."""
    if per != "row":
        raise ValueError(f"Score({measure!r}, per={per!r}); it is one value a row")
    works = [Work(a, _states(model, t, measure), share=False) for a, t in zip(adapters, tables, strict=True)]
    found: list[list] = [[None] * len(w.texts) for w in works]
    for batch in micro_batches(works, budget):
        own = [(i, pack.rows[0]) for i, packs in batch for pack in packs]
        texts = [works[i].texts[row] for i, row in own]
        ends = np.cumsum([len(t) for t in texts])
        spans = [
            Span(works[i].adapter, int(end - len(t)), int(end)) for (i, _), t, end in zip(own, texts, ends, strict=True)
        ]
        states = forward(model.base, [t.tokens for t in texts], spans, np.arange(ends[-1]), grad=False, head=False)
        for (i, row), text, end in zip(own, texts, ends, strict=True):
            x = states[end - len(text) : end][torch.as_tensor(text.learned, device=states.device)]
            found[i][row] = x.mean(0).cpu().numpy() if measure == "embedding" else concentration(x)
    answers = []
    for work, table, values in zip(works, tables, found, strict=True):
        column = pd.Series(values, index=table.index, dtype=object if measure == "embedding" else float)
        answers.append(Answer(pd.DataFrame({measure: column}), sum(map(len, work.texts))))
    return answers


def concentration(x: torch.Tensor) -> float:
    """Mean cosine over all pairs of different states, x (t, d); 1 for fewer than two."""
    t = len(x)
    if t < 2:
        return 1.0
    unit = torch.nn.functional.normalize(x, dim=-1)
    return float((unit.sum(0).square().sum() - t) / (t * (t - 1)))


def _states(model: Model, table: Rows, measure: str) -> list[Text]:
    """The tokens whose states are read, marked as `learned`."""
    if measure == "angle" and "turns" in table:
        return model.encode(table, purpose="Score")
    options = table["options"] if "options" in table else [None] * len(table)
    prompts = [model.prompt(p, o) for p, o in zip(table["prompt"], options, strict=True)]
    model.refuse_too_long(table.index, np.array([len(p) for p in prompts]), "Score")
    return [Text(p, np.ones(len(p), bool)) for p in prompts]
