"""Rows packed into forwards: many adapters in one, and a prompt that several rows share only once.

Rows of several requests share a forward; where a request's own rows are cut and joined is decided by them alone, so its
numbers do not depend on who shares its forward. Eight answers of 9 tokens to a prompt of 80 are one pack of
152 tokens instead of eight rows of 89: every answer looks at the prompt and at itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F

from curriculab.engine.adapter import Adapter
from curriculab.engine.attention import Shape
from curriculab.engine.forward import forward
from curriculab.engine.model import Model
from curriculab.engine.plan import Span
from curriculab.engine.texts import Text
from curriculab.registry.progress import ticked

# Tokens in one forward and backward on a CPU. Variants share forwards up to it; one whose step fills it trains by
# itself, for there stacking gains nothing (`make bench`: 1.4x at 2 rows a step, 1.25x at 4, 1.15x at 8, none from 16).
MICRO_BATCH = 2048


# Tokens of all answers behind one prompt: more would cost more in attention between them (all masked) than the prompt
# costs again. Ladder rows stay far below; measured on the pocket model, 256 to 1024 make no difference.
MAX_CONTINUATION_TOKENS = 512


@dataclass(eq=False)
class Pack:
    """Rows that lie in one stretch of tokens: one row, or a prompt and the continuations of several rows.

    shape: positions and mask of the stretch, None where it is a plain row; wanted: per row, the places whose logits
    predict its learned tokens.
    """

    rows: list[int]
    tokens: np.ndarray
    shape: Shape | None
    wanted: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(eq=False)
class Work:
    """Texts that go through the model with one adapter (None: the bare base).

    share: compute a prompt once for all rows that begin with it; border: rows of more tokens go alone (`rope_border`);
    recompute: on the way back, layers are computed again instead of being kept (gradient checkpointing).
    """

    adapter: Adapter | None
    texts: list[Text]
    share: bool = True
    border: int | None = None
    recompute: bool = False

    @cached_property
    def packs(self) -> list[Pack]:
        groups: dict[object, list[int]] = {}
        for i, text in enumerate(self.texts):
            share = self.share and (self.border is None or len(text) <= self.border)
            prompt = int(np.argmax(text.learned)) if share else 0  # 0 too where nothing is learned
            key = text.tokens[:prompt].tobytes() if prompt > 1 else i
            groups.setdefault(key, []).append(i)
        return [pack for rows in groups.values() for pack in _packs(self.texts, rows)]

    def beyond(self, pack: Pack) -> bool:
        """Whether a pack is a row that goes alone."""
        return self.border is not None and pack.shape is None and len(pack) > self.border


def _packs(texts: Sequence[Text], rows: list[int]) -> Iterator[Pack]:
    """One group of rows with the same prompt, cut where the answers behind it get too many tokens."""
    prompt = int(np.argmax(texts[rows[0]].learned))
    taken, size = [], 0
    for row in rows:
        more = len(texts[row]) - prompt
        if taken and size + more > MAX_CONTINUATION_TOKENS:
            yield _pack(texts, taken, prompt)
            taken, size = [], 0
        taken.append(row)
        size += more
    yield _pack(texts, taken, prompt)


def _pack(texts: Sequence[Text], rows: list[int], prompt: int) -> Pack:
    if len(rows) == 1:
        text = texts[rows[0]]
        return Pack(rows, text.tokens, None, [np.flatnonzero(text.learned[1:])])
    sizes = [len(texts[r]) - prompt for r in rows]
    tokens = np.concatenate([texts[rows[0]].tokens[:prompt], *(texts[r].tokens[prompt:] for r in rows)])
    positions = np.concatenate([np.arange(prompt), *(prompt + np.arange(n) for n in sizes)])
    owner = np.concatenate([np.full(prompt, -1), np.repeat(np.arange(len(rows)), sizes)])
    at = np.arange(len(tokens))
    seen = (at[:, None] >= at) & ((owner[:, None] == owner) | (owner == -1))
    wanted, start = [], prompt
    for r, n in zip(rows, sizes, strict=True):
        places = np.flatnonzero(texts[r].learned[1:])  # in the row's own count
        wanted.append(np.where(places < prompt, places, places - prompt + start))
        start += n
    return Pack(rows, tokens, Shape(positions, seen), wanted)


def micro_batches(works: Sequence[Work], budget: int) -> Iterator[list[tuple[int, list[Pack]]]]:
    """Forwards as lists of (work, its packs): each work is cut by itself, sorted by length, into pieces of at most
    `budget` tokens (a longer pack stands alone); pieces of several works then share a forward up to the budget. A row
    beyond the border of its work has a forward of its own."""
    pieces = [list(_pieces(work, budget)) for work in works]
    filled, size = [], 0
    for turn in range(max(map(len, pieces), default=0)):
        for i, own in enumerate(pieces):
            if turn >= len(own):
                continue
            tokens = sum(map(len, own[turn]))
            alone = works[i].beyond(own[turn][0]) or (filled and works[filled[-1][0]].beyond(filled[-1][1][0]))
            if filled and (alone or size + tokens > budget):
                yield filled
                filled, size = [], 0
            filled.append((i, own[turn]))
            size += tokens
    if filled:
        yield filled


def _pieces(work: Work, budget: int) -> Iterator[list[Pack]]:
    taken, size, packs = [], 0, work.packs
    for at in np.argsort([len(p) for p in packs], kind="stable"):
        if taken and (size + len(packs[at]) > budget or work.beyond(packs[at]) or work.beyond(taken[-1])):
            yield taken
            taken, size = [], 0
        taken.append(packs[at])
        size += len(packs[at])
    if taken:
        yield taken


Reader = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def likelihood(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each target token, nats, (n,)."""
    return F.cross_entropy(logits, targets, reduction="none")


def entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Entropy of the prediction at each target's place, nats, (n,)."""
    logp = F.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).sum(-1)


def likelihood_and_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Both of each target token, (2, n)."""
    return torch.stack([likelihood(logits, targets), entropy(logits, targets)])


def run_batch(
    model: Model,
    works: Sequence[Work],
    batch: list[tuple[int, list[Pack]]],
    read: Reader,
    *,
    grad: bool,
    inside: list[torch.Tensor] | None = None,
) -> tuple[torch.Tensor, list[tuple[int, int, int]]]:
    """One packed forward; what `read` makes of every learned token, and (work, row, tokens) in their order.

    inside: a list that gets the states of all tokens, (n, d), in the order of the batch's packs.
    """
    packs, spans, wanted, targets, temperature, owners, at = [], [], [], [], [], [], 0
    for i, own in sorted(batch, key=lambda piece: piece[0]):
        start = at
        for pack in own:
            for row, places in zip(pack.rows, pack.wanted, strict=True):
                text = works[i].texts[row]
                wanted.append(at + places)
                targets.append(text.tokens[text.targets])
                temperature.append(np.ones(len(places)) if text.temperature is None else text.temperature)
                owners.append((i, row, len(places)))
            packs.append(pack)
            at += len(pack)
        spans.append(Span(works[i].adapter, start, at))
    goal = torch.as_tensor(np.concatenate(targets), device=model.device)
    hot = np.concatenate(temperature)
    divisor = torch.as_tensor(hot, dtype=torch.float32, device=model.device)[:, None] if (hot != 1).any() else None

    def read_places(logits: torch.Tensor, places: slice) -> torch.Tensor:
        return read(logits if divisor is None else logits / divisor[places], goal[places])

    values = forward(
        model,
        [p.tokens for p in packs],
        _merged(spans),
        np.concatenate(wanted),
        grad=grad,
        shapes=[p.shape for p in packs],
        inside=inside,
        read=read_places,
        recompute=grad and any(works[i].recompute for i, _ in batch),
    )
    return values, owners


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
    for batch in ticked([*micro_batches(works, budget)]):
        values, owners = run_batch(model, works, batch, read, grad=False)
        deal(values.cpu().numpy(), owners, out)
    return out


def deal(values: np.ndarray, owners: list[tuple[int, int, int]], out: list[list]) -> None:
    """Hand a batch's values out to their works and rows."""
    at = 0
    for i, row, n in owners:
        out[i][row] = values[at : at + n]
        at += n


def work_of(model: Model, adapter: Adapter | None, texts: list[Text]) -> Work:
    """Texts as work for a model: prompts shared where it pays, rows beyond its border alone."""
    return Work(adapter, texts, shares_prompts(model), model.border)


def shares_prompts(model: Model) -> bool:
    """Whether prompts are computed once for several rows: where rows are packed."""
    return model.packed
