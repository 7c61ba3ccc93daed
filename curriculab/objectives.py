"""From tables to losses: token log-likelihoods of packed rows, supervised steps of many adapters, forward measures.

Rows of several tickets share a forward; losses are summed with coefficients fixed per ticket beforehand, so gradients
of different adapters never mix and a ticket's numbers do not depend on who shares its forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from curriculab.adapters import Adapter, Span, forward
from curriculab.loop import Answer
from curriculab.models import Model, Text
from curriculab.requests import Rows, Sft, say

# Tokens in one forward and backward on a CPU. Variants share forwards up to it; one whose step fills it trains by
# itself, for there stacking gains nothing (`make bench`: 1.4x at 2 rows a step, 1.25x at 4, 1.15x at 8, none from 16).
MICRO_BATCH = 2048


@dataclass(eq=False)
class Work:
    """Texts that go through the model with one adapter (None: the bare base)."""

    adapter: Adapter | None
    texts: list[Text]


def micro_batches(works: Sequence[Work], budget: int) -> Iterator[list[tuple[int, np.ndarray]]]:
    """Forwards as lists of (work, its rows): each work is cut by itself, sorted by length, into pieces of at most
    `budget` tokens (a longer row stands alone); pieces of several works then share a forward up to the budget."""
    pieces = [list(_pieces([len(t) for t in work.texts], budget)) for work in works]
    filled, size = [], 0
    for turn in range(max(map(len, pieces), default=0)):
        for i, own in enumerate(pieces):
            if turn >= len(own):
                continue
            tokens = sum(len(works[i].texts[r]) for r in own[turn])
            if filled and size + tokens > budget:
                yield filled
                filled, size = [], 0
            filled.append((i, own[turn]))
            size += tokens
    if filled:
        yield filled


def _pieces(lengths: Sequence[int], budget: int) -> Iterator[np.ndarray]:
    order, taken, size = np.argsort(lengths, kind="stable"), [], 0
    for row in order:
        if taken and size + lengths[row] > budget:
            yield np.array(taken)
            taken, size = [], 0
        taken.append(row)
        size += lengths[row]
    if taken:
        yield np.array(taken)


Reader = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def likelihood(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each target token, nats, (n,)."""
    return F.cross_entropy(logits, targets, reduction="none")


def entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Entropy of the prediction at each target's place, nats, (n,)."""
    logp = F.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).sum(-1)


def run_batch(
    model: Model, works: Sequence[Work], batch: list[tuple[int, np.ndarray]], read: Reader, *, grad: bool
) -> tuple[torch.Tensor, list[tuple[int, int, int]]]:
    """One packed forward; what `read` makes of every learned token, and (work, row, tokens) in their order."""
    texts, spans, wanted, targets, owners, at = [], [], [], [], [], 0
    for i, rows in sorted(batch, key=lambda piece: piece[0]):
        start = at
        for r in rows:
            text = works[i].texts[r]
            places = np.flatnonzero(text.learned[1:])  # the logits at a place predict the token behind it
            wanted.append(at + places)
            targets.append(text.tokens[1:][places])
            owners.append((i, int(r), len(places)))
            texts.append(text.tokens)
            at += len(text)
        spans.append(Span(works[i].adapter, start, at))
    logits = forward(model.base, texts, _merged(spans), np.concatenate(wanted), grad=grad)
    goal = torch.as_tensor(np.concatenate(targets), device=logits.device)
    return read(logits, goal), owners


def _merged(spans: list[Span]) -> list[Span]:
    """Neighbouring stretches of one adapter become one."""
    out: list[Span] = []
    for s in spans:
        if out and out[-1].adapter is s.adapter:
            out[-1] = Span(s.adapter, out[-1].start, s.end)
        else:
            out.append(s)
    return out


def read_tokens(
    model: Model, works: Sequence[Work], read: Reader = likelihood, *, budget: int = MICRO_BATCH
) -> list[list[np.ndarray]]:
    """What `read` makes of every learned token, without gradients: per work, per row, (learned,)."""
    out: list[list] = [[None] * len(w.texts) for w in works]
    for batch in micro_batches(works, budget):
        values, owners = run_batch(model, works, batch, read, grad=False)
        _deal(values.cpu().numpy(), owners, out)
    return out


def _deal(values: np.ndarray, owners: list[tuple[int, int, int]], out: list[list]) -> None:
    at = 0
    for i, row, n in owners:
        out[i][row] = values[at : at + n]
        at += n


# -- supervised steps ------------------------------------------------------------------------------------------
def sft_steps(
    model: Model,
    adapters: Sequence[Adapter],
    tables: Sequence[Rows],
    settings: Sequence[Sft],
    *,
    budget: int = MICRO_BATCH,
) -> list[Answer | Exception]:
    """One optimiser step of each (different) adapter on its own table, in shared forwards."""
    works = [Work(a, model.encode(t)) for a, t in zip(adapters, tables, strict=True)]
    weights = [_coefficients(w.texts, t, s) for w, t, s in zip(works, tables, settings, strict=True)]
    losses: list[list] = [[None] * len(w.texts) for w in works]
    for adapter in adapters:
        adapter.open()
    for batch in micro_batches(works, budget):
        values, owners = run_batch(model, works, batch, likelihood, grad=True)
        scale = np.concatenate([weights[i][row] for i, row, _ in owners])
        (values * torch.as_tensor(scale, dtype=values.dtype, device=values.device)).sum().backward()
        _deal(values.detach().cpu().numpy(), owners, losses)
    return [_stepped(*each) for each in zip(works, tables, settings, losses, strict=True)]


def _stepped(work: Work, table: Rows, setting: Sft, losses: list[np.ndarray]) -> Answer | Exception:
    per_row = np.array([x.mean() if len(x) else 0.0 for x in losses], dtype=float)
    if not np.isfinite(per_row).all():
        work.adapter.weights.grad.zero_()
        bad = table.index[np.flatnonzero(~np.isfinite(per_row))[0]]
        return FloatingPointError(
            f"the loss of row {bad!r} is not finite at step {work.adapter.steps + 1}; the step was not taken"
        )
    try:
        work.adapter.step(lr=setting.lr, weight_decay=setting.weight_decay, clip=setting.clip)
    except FloatingPointError as error:
        return error
    tokens = sum(map(len, work.texts))
    return Answer(table.assign(loss=per_row), tokens, learned=np.array([len(x) for x in losses]))


def _coefficients(texts: list[Text], table: Rows, setting: Sft) -> list[np.ndarray]:
    """Factor of every learned token's loss, per row (learned,): weights over a denominator that is the ticket's own."""
    counts = np.array([int(t.learned[1:].sum()) for t in texts])
    weight = table["weight"].to_numpy(float) if "weight" in table else np.ones(len(texts))
    if setting.mean == "tokens":
        each = weight / max(counts.sum(), 1)
    elif setting.mean == "rows":
        each = weight / np.maximum(counts, 1) / len(texts)
    else:
        raise ValueError(f"Sft(mean={setting.mean!r}); choose 'tokens' or 'rows'")
    token_weight = table["token_weight"].tolist() if "token_weight" in table else [None] * len(texts)
    factors = []
    for row, (n, c, own) in enumerate(zip(counts, each, token_weight, strict=True)):
        if own is None:
            factors.append(np.full(n, c))
        elif len(own) != n:
            raise ValueError(f"row {table.index[row]!r} has {len(own)} token weights for {n} learned tokens")
        else:
            factors.append(c * np.asarray(own, float))
    return factors


# -- forward measures ------------------------------------------------------------------------------------------
READERS: dict[str, Reader] = {"nll": likelihood, "entropy": entropy}


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
    if measure not in READERS:
        raise ValueError(f"no measure {measure!r}; there are {', '.join([*READERS, 'options'])}")
    works = [Work(a, model.encode(t, purpose="Score")) for a, t in zip(adapters, tables, strict=True)]
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
    works = [Work(a, model.encode(w, purpose="Score")) for a, w in zip(adapters, wide, strict=True)]
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
