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
from curriculab.engine.model import Model
from curriculab.engine.plan import Span, running
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
) -> torch.Tensor:
    """Logits (wanted, vocabulary) of rows at the `wanted` positions of the packed batch.

    shapes: one per text, None for a plain row; inside: a list that gets the last layer's normalised states (n, d) of
    all packed tokens (without `wanted` positions nothing but these are computed).
    """
    if model.border is not None:
        reset_dynamic_positions(model.base)
    if not model.packed:
        return _row_by_row(model, texts, spans, wanted, grad=grad, inside=inside)
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
    whole = base if len(wanted) else base.base_model
    head = dict(logits_to_keep=keep) if len(wanted) else {}
    plan = planned(spans, attend, total=total + short, dtype=dtype, device=device)
    own = total if rows.places is None else rows.places
    with running(plan), torch.set_grad_enabled(grad), watched(base.base_model, inside, own):
        embedded = base.get_input_embeddings()(torch.as_tensor(tokens, device=device)[None])
        at = torch.as_tensor(positions, device=device)[None]
        out = whole(inputs_embeds=embedded, position_ids=at, use_cache=False, **head)
    return out.logits[0, : len(wanted)].float() if len(wanted) else torch.empty(0, device=device)


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
) -> torch.Tensor:
    """The same by the model's own forward, a row at a time; rows are plain, no prompt is shared."""
    ends = np.cumsum([len(t) for t in texts])
    logits, states = [], None if inside is None else []
    for tokens, end in zip(texts, ends, strict=True):
        start = end - len(tokens)
        own = wanted[(wanted >= start) & (wanted < end)] - start
        owner = next((s.adapter for s in spans if s.start <= start < s.end), None)
        ids = torch.as_tensor(tokens, device=model.device)[None]
        dtype = model.base.get_input_embeddings().weight.dtype
        plan = planned([Span(owner, 0, None)], None, total=len(tokens), dtype=dtype, device=model.device)
        with running(plan), torch.set_grad_enabled(grad), watched(model.base.base_model, states, len(tokens)):
            if len(own):
                out = model.base(input_ids=ids, use_cache=False).logits[0]
                logits.append(out[torch.as_tensor(own, device=out.device)].float())
            else:
                model.base.base_model(input_ids=ids, use_cache=False)
    if inside is not None:
        inside.append(torch.cat(states))
    return torch.cat(logits) if logits else torch.empty(0, device=model.device)
