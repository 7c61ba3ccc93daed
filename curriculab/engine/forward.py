"""One forward over the rows of many adapters: packed behind each other, or one row at a time.

Packed rows share every product of a layer. A model whose own attention or state cannot be told where a row ends reads
one row at a time, by its own forward: slower, and right for any architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from curriculab.engine.adapter import FEWEST
from curriculab.engine.attention import RowAttention, Shape, kernel_of, watched
from curriculab.engine.gradient_checkpointing import checkpoint_layers
from curriculab.engine.head import ReadPlaces, body_of, exceeds, read_in_chunks, read_once
from curriculab.engine.model import Model
from curriculab.engine.plan import Plan, Span, running
from curriculab.engine.products import evened, planned
from curriculab.engine.route import batched


def forward(
    model: Model,
    texts: Sequence[np.ndarray],
    spans: Sequence[Span],
    wanted: np.ndarray,
    *,
    grad: bool,
    attention: Callable[[Sequence[int], torch.device], RowAttention] | None = None,
    shapes: Sequence[Shape | None] | None = None,
    inside: list[torch.Tensor] | None = None,
    read: ReadPlaces | None = None,
    recompute: bool = False,
) -> torch.Tensor:
    """Logits (wanted, vocabulary) of rows at the `wanted` positions of the packed batch, or what `read` makes of them.

    shapes: one per text, None for a plain row; inside: a list that gets the last layer's normalised states (n, d) of
    all packed tokens (without `wanted` positions nothing but these are computed); read: called with the logits of some
    wanted tokens and where these stand among the wanted, gives (..., tokens); recompute: layers are computed again on
    the way back.
    """
    if recompute:
        checkpoint_layers(model.base)
    if model.border is not None:
        reset_dynamic_positions(model.base)
    if not model.packed:
        return _row_by_row(model, texts, spans, wanted, grad=grad, inside=inside, read=read, recompute=recompute)
    base, device = model.base, model.device
    dtype = base.get_input_embeddings().weight.dtype
    rows = evened(texts, shapes or [None] * len(texts), spans, dtype, device)
    texts, shapes, spans = rows.texts, rows.shapes, rows.spans
    wanted = wanted if rows.places is None else rows.places[wanted]
    lengths = [len(t) for t in texts]
    fewest = 1 if batched(device) else FEWEST
    total, short = sum(lengths), max(0, fewest - sum(lengths))
    tokens = np.concatenate([*texts, np.repeat(texts[0][:1], short)])
    positions = np.concatenate(
        [
            *(np.arange(n) if s is None else s.positions for n, s in zip(lengths, shapes, strict=True)),
            np.zeros(short, int),
        ]
    )
    lengths += [1] * short
    keep = torch.as_tensor(np.concatenate([wanted, np.repeat(wanted[:1], max(0, fewest - len(wanted)))]), device=device)
    attend = attention(lengths, device) if attention else RowAttention(lengths, device, shapes, kernel_of(base))
    attend.places = rows.places
    chunked = read is not None and exceeds(base, len(wanted))
    whole = base if len(wanted) and not chunked else body_of(base)
    head = dict(logits_to_keep=keep) if whole is base else {}
    plan = planned(spans, attend, total=total + short, dtype=dtype, device=device)
    plan.recompute = recompute
    own = total if rows.places is None else rows.places
    with torch.set_grad_enabled(grad):
        with running(plan), watched(body_of(base), inside, own):
            embedded = base.get_input_embeddings()(torch.as_tensor(tokens, device=device)[None])
            at = torch.as_tensor(positions, device=device)[None]
            out = whole(inputs_embeds=embedded, position_ids=at, use_cache=False, **head)
        if chunked:
            return read_in_chunks(base, plan, out, out.last_hidden_state[0, keep[: len(wanted)]], read)
    logits = out.logits[0, : len(wanted)].float() if len(wanted) else torch.empty(0, device=device)
    return logits if read is None else read(logits, slice(0, len(wanted)))


def reset_dynamic_positions(base: torch.nn.Module) -> None:
    """Forget what "dynamic" rotary positions took over from the longest text seen before."""
    for module in base.modules():
        if hasattr(module, "max_seq_len_cached") and hasattr(module, "original_inv_freq"):
            module.max_seq_len_cached = module.original_max_seq_len
            module.inv_freq.copy_(module.original_inv_freq)


def _row_by_row(
    model: Model,
    texts: Sequence[np.ndarray],
    spans: Sequence[Span],
    wanted: np.ndarray,
    *,
    grad: bool,
    inside: list[torch.Tensor] | None,
    read: ReadPlaces | None,
    recompute: bool,
) -> torch.Tensor:
    """The same by the model's own forward, a row at a time; rows are plain, no prompt is shared."""
    ends = np.cumsum([len(t) for t in texts])
    found, states, done = [], None if inside is None else [], 0
    chunked = read is not None and exceeds(model.base, max(len(wanted), *map(len, texts)))
    for tokens, end in zip(texts, ends, strict=True):
        start = end - len(tokens)
        own = wanted[(wanted >= start) & (wanted < end)] - start
        owner = next((s.adapter for s in spans if s.start <= start < s.end), None)
        ids = torch.as_tensor(tokens, device=model.device)[None]
        dtype = model.base.get_input_embeddings().weight.dtype
        plan = planned([Span(owner, 0, None)], None, total=len(tokens), dtype=dtype, device=model.device)
        plan.recompute, places = recompute, slice(done, done + len(own))
        done += len(own)
        whole = model.base if len(own) and not chunked else body_of(model.base)
        with torch.set_grad_enabled(grad):
            with running(plan), watched(body_of(model.base), states, len(tokens)):
                out = whole(input_ids=ids, use_cache=False)
            if len(own) and chunked:
                found.append(_row_in_chunks(model.base, plan, out, torch.as_tensor(own, device=ids.device), read, done))
            elif len(own):
                logits = out.logits[0]
                logits = logits[torch.as_tensor(own, device=logits.device)].float()
                found.append(logits if read is None else read(logits, places))
    if inside is not None:
        inside.append(torch.cat(states))
    if not found:
        found = [torch.empty(0, device=model.device)]
        return found[0] if read is None else read(found[0], slice(0, 0))
    return torch.cat(found, 0 if read is None else -1)


def _row_in_chunks(
    base: torch.nn.Module, plan: Plan, body: object, own: torch.Tensor, read: ReadPlaces, done: int
) -> torch.Tensor:
    """What `read` makes of one row's wanted tokens. own: their places in the row; done: how many are, with these.

    The head takes the whole row, as it does without chunks, so that the rounding is the same, unless the row by itself
    has too many logits.
    """
    states, before = body.last_hidden_state[0], done - len(own)
    if not exceeds(base, len(states)):
        return read_once(base, plan, body, states, read, slice(before, done), own)

    def shifted(logits: torch.Tensor, places: slice) -> torch.Tensor:
        return read(logits, slice(before + places.start, before + places.stop))

    return read_in_chunks(base, plan, body, states[own], shifted)
