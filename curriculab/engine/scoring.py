"""What a forward measures of rows as they stand: likelihoods, options, and how the model sees them inside.

Several measures of the same rows share one forward: score(model, [None], [rows], ("nll", "entropy", "angle"), "row").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from curriculab.engine.adapter import Adapter
from curriculab.engine.forward import forward
from curriculab.engine.model import Model
from curriculab.engine.packing import (
    MICRO_BATCH,
    Pack,
    Reader,
    Work,
    deal,
    entropy,
    likelihood,
    micro_batches,
    read_tokens,
    run_batch,
    work_of,
)
from curriculab.engine.plan import Span
from curriculab.engine.texts import Text
from curriculab.environments.turns import say
from curriculab.protocol import Answer, Rows
from curriculab.registry.progress import ticked

TOKEN_MEASURES: dict[str, Reader] = {"nll": likelihood, "entropy": entropy}


STATE_MEASURES = ("angle", "angle_across", "embedding")


MEASURES = (*TOKEN_MEASURES, *STATE_MEASURES, "options", "grad_norm")


Values = dict[str, list[list]]  # what was measured, by measure, work and row


ARRAY_MEASURES = ("options", "embedding")  # measures whose value is an array for each row


def score(
    model: Model,
    adapters: Sequence[Adapter | None],
    tables: Sequence[Rows],
    measure: str | Sequence[str],
    per: str,
    *,
    budget: int = MICRO_BATCH,
    gradient_checkpointing: bool = False,
) -> list[Answer]:
    """Values of one or several measures for several tables in shared forwards; one column each.

    "nll" (mean nats a learned token), "entropy" (mean nats of the predictions there); of the last layer's normalised
    states "embedding", their mean (d,) over the prompt, and "angle", the mean cosine of their pairs, over the prompt
    where nothing was said yet, else over the learned pieces, and "angle_across", the mean cosine between the learned
    pieces and all that stands before them (Wang et al. 2025, GAIN-RL: within and across segments); "options" (a
    log-likelihood each, nats, and `text`, the likeliest); "grad_norm", of the gradient of the row's mean nll by the
    adapter.
    per="token": arrays along the learned tokens for "nll" and "entropy".
    """
    measures = (measure,) if isinstance(measure, str) else tuple(measure)
    if unknown := [m for m in measures if m not in MEASURES]:
        raise ValueError(f"no measure {unknown[0]!r}; there are {', '.join(MEASURES)}")
    alone = [m for m in measures if m in ("options", "grad_norm")]
    if alone and len(measures) > 1:
        raise ValueError(f"Score({measures}); {alone[0]!r} has forwards of its own: ask for it in a request of its own")
    if measures == ("options",):
        return _options(model, adapters, tables, budget)
    if measures == ("grad_norm",):
        return [_grad_norm(model, a, t, gradient_checkpointing) for a, t in zip(adapters, tables, strict=True)]
    if per == "token" and set(measures) <= set(STATE_MEASURES):
        raise ValueError(f"Score({measures[0]!r}, per={per!r}); it is one value a row")
    return _forward(model, adapters, tables, measures, per, budget)


def _forward(
    model: Model,
    adapters: Sequence[Adapter | None],
    tables: Sequence[Rows],
    measures: Sequence[str],
    per: str,
    budget: int,
) -> list[Answer]:
    """All measures of learned tokens and of states out of one forward a batch."""
    if "angle_across" in measures and not all("turns" in t for t in tables):
        raise ValueError("Score('angle_across') of rows without turns; say(rows, text) tells it where a segment begins")
    tokens = [m for m in measures if m in TOKEN_MEASURES]
    inside = [m for m in measures if m in STATE_MEASURES]
    works = [work_of(model, a, _texts(model, t, bool(tokens))) for a, t in zip(adapters, tables, strict=True)]
    said = ["turns" in t for t in tables]
    found: Values = {}
    for m in measures:
        found[m] = [[None] * len(work.texts) for work in works]
    for batch in ticked([*micro_batches(works, budget)]):
        states: list[torch.Tensor] | None = [] if inside else None

        def read(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return torch.stack([TOKEN_MEASURES[m](logits, targets) for m in tokens])

        if tokens:
            values, owners = run_batch(model, works, batch, read, grad=False, inside=states)
            for m, each in zip(tokens, values.cpu().numpy(), strict=True):
                deal(each, owners, found[m])
        else:
            _states_only(model, works, batch, states)
        if inside:
            _measure_states(inside, states[0], batch, works, said, found)
    answers = []
    for i, (work, table) in enumerate(zip(works, tables, strict=True)):
        columns = {m: _column(m, found[m][i], table.index, per) for m in measures}
        read = np.array([len(text) for text in work.texts])
        answers.append(Answer(pd.DataFrame(columns), int(read.sum()), read=read))
    return answers


def _measure_states(
    measures: Sequence[str],
    states: torch.Tensor,
    batch: list[tuple[int, list[Pack]]],
    works: Sequence[Work],
    said: Sequence[bool],
    found: Values,
) -> None:
    """Put the measures of a batch's states (n, d) where their works and rows are."""
    at = 0
    for i, packs in sorted(batch, key=lambda piece: piece[0]):
        for pack in packs:
            x = states[at : at + len(pack)].float()
            at += len(pack)
            for m in measures:
                for row, value in _seen(m, x, pack, works[i].texts, said[i]):
                    found[m][i][row] = value


def _column(measure: str, values: Sequence, index: pd.Index, per: str) -> pd.Series:
    """One measure of every row: numbers, or an array a row."""
    if measure in ARRAY_MEASURES or (measure in TOKEN_MEASURES and per == "token"):
        return pd.Series(values, index=index, dtype=object)
    if measure in TOKEN_MEASURES:
        values = [float(v.mean()) for v in values]
    return pd.Series(values, index=index, dtype=float)


def _texts(model: Model, table: Rows, answered: bool) -> list[Text]:
    """Rows with what they learn; prompts alone where no token of an answer is measured."""
    if answered or "turns" in table:
        return model.encode(table, purpose="Score")
    options = table["options"] if "options" in table else [None] * len(table)
    prompts = [model.prompt(p, o) for p, o in zip(table["prompt"], options, strict=True)]
    model.refuse_too_long(table.index, np.array([len(p) for p in prompts]), "Score")
    return [Text(p, np.zeros(len(p), bool)) for p in prompts]


def _states_only(
    model: Model, works: Sequence[Work], batch: list[tuple[int, list[Pack]]], states: list[torch.Tensor]
) -> None:
    packs = [(i, pack) for i, own in sorted(batch, key=lambda piece: piece[0]) for pack in own]
    ends = np.cumsum([len(pack) for _, pack in packs])
    spans = [Span(works[i].adapter, int(end - len(p)), int(end)) for (i, p), end in zip(packs, ends, strict=True)]
    tokens, shapes = [p.tokens for _, p in packs], [p.shape for _, p in packs]
    forward(model, tokens, spans, np.empty(0, int), grad=False, shapes=shapes, inside=states)


def _seen(
    measure: str, x: torch.Tensor, pack: Pack, texts: Sequence[Text], said: bool
) -> list[tuple[int, float | np.ndarray]]:
    """One measure of every row of a pack from its states x (t, d)."""
    first = texts[pack.rows[0]]
    prompt = int(np.argmax(first.learned)) if first.learned.any() else len(first)
    if measure == "embedding":
        value = x[:prompt].mean(0).cpu().numpy()
        return [(row, value) for row in pack.rows]
    if not said:
        value = concentration(x[:prompt])
        return [(row, value) for row in pack.rows]
    found, start = [], prompt
    for row in pack.rows:
        learned = np.flatnonzero(texts[row].learned[prompt:])
        own = x[torch.as_tensor(start + learned, device=x.device)]
        found.append((row, concentration(own) if measure == "angle" else mean_cosine(own, x[:prompt])))
        start += len(texts[row]) - prompt
    return found


def concentration(x: torch.Tensor) -> float:
    """Mean cosine over all pairs of different states, x (t, d); 1 for fewer than two."""
    t = len(x)
    if t < 2:
        return 1.0
    unit = torch.nn.functional.normalize(x, dim=-1)
    return float((unit.sum(0).square().sum() - t) / (t * (t - 1)))


def mean_cosine(x: torch.Tensor, y: torch.Tensor) -> float:
    """Mean cosine over all pairs of a state of x (t, d) and one of y (u, d)."""
    unit = torch.nn.functional.normalize
    return float(unit(x, dim=-1).mean(0) @ unit(y, dim=-1).mean(0))


def _grad_norm(model: Model, adapter: Adapter | None, table: Rows, recompute: bool) -> Answer:
    """A backward pass a row; the adapter's own gradient is put back as it was (zero between steps)."""
    if adapter is None:
        raise ValueError("Score('grad_norm') of a role without an adapter; ask for it of 'learner' or 'init'")
    texts, norms = model.encode(table, purpose="Score"), []
    adapter.open()
    for text in ticked(texts):
        work = Work(adapter, [text], share=False, recompute=recompute)
        values, _ = run_batch(model, [work], [(0, work.packs)], likelihood, grad=True)
        values.mean().backward()
        norms.append(float(torch.linalg.vector_norm(adapter.weights.grad)))
        adapter.weights.grad.zero_()
    reply = pd.DataFrame({"grad_norm": pd.Series(norms, index=table.index, dtype=float)})
    return Answer(reply, 3 * sum(map(len, texts)))  # forward and backward: three forwards' work


def _options(model: Model, adapters: Sequence[Adapter | None], tables: Sequence[Rows], budget: int) -> list[Answer]:
    """Log-likelihood of every option's text (nats, end of text included), and `text`, the likeliest option."""
    wide = [_one_line_per_option(t) for t in tables]
    works = [work_of(model, a, model.encode(w, purpose="Score")) for a, w in zip(adapters, wide, strict=True)]
    answers = []
    for work, table, found in zip(works, tables, read_tokens(model, works, budget=budget), strict=True):
        total = np.array([-float(v.sum()) for v in found])
        ends = np.cumsum([len(options) for options in table["options"]])
        logprobs = np.split(total, ends[:-1]) if len(ends) else []
        best = [options[int(np.argmax(lp))] for options, lp in zip(table["options"], logprobs, strict=True)]
        reply = pd.DataFrame({"options": pd.Series(logprobs, index=table.index, dtype=object), "text": best})
        lengths = np.array([len(text) for text in work.texts])
        read = np.add.reduceat(lengths, np.append(0, ends[:-1])) if len(ends) else lengths
        answers.append(Answer(reply, int(lengths.sum()), read=read))
    return answers


def _one_line_per_option(table: Rows) -> Rows:
    if "options" not in table or not table["options"].map(lambda o: isinstance(o, list | tuple | np.ndarray)).all():
        raise ValueError("Score 'options' of rows without options; choose the multiple-choice rows first")
    counts = [len(o) for o in table["options"]]
    wide = table.loc[:, ["prompt", "options"]].iloc[np.repeat(np.arange(len(table)), counts)]
    return say(wide, [text for options in table["options"] for text in options])
