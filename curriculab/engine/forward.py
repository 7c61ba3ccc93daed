"""One forward over the packed rows of many adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from curriculab.engine.adapter import FEWEST
from curriculab.engine.attention import RowAttention, Shape, kernel_of, watched
from curriculab.engine.plan import Plan, Span, running


def forward(
    base: torch.nn.Module,
    texts: Sequence[np.ndarray],
    spans: Sequence[Span],
    wanted: np.ndarray,
    *,
    grad: bool,
    attention: Callable[[Sequence[int], torch.device], RowAttention] | None = None,
    shapes: Sequence[Shape | None] | None = None,
    inside: list[torch.Tensor] | None = None,
) -> torch.Tensor:
    """Logits (wanted, vocabulary) of packed rows at the `wanted` positions of the packed batch.

    shapes: one per text, None for a plain row; inside: a list that gets the last layer's normalised states (n, d) of
    all packed tokens (without `wanted` positions nothing but these are computed).
    """
    device = base.get_input_embeddings().weight.device
    shapes = shapes or [None] * len(texts)
    lengths = [len(t) for t in texts]
    total, short = sum(lengths), max(0, FEWEST - sum(lengths))
    tokens = np.concatenate([*texts, np.repeat(texts[0][:1], short)])
    positions = np.concatenate(
        [
            *(np.arange(n) if s is None else s.positions for n, s in zip(lengths, shapes, strict=True)),
            np.zeros(short, int),
        ]
    )
    lengths += [1] * short
    keep = torch.as_tensor(np.concatenate([wanted, np.repeat(wanted[:1], max(0, FEWEST - len(wanted)))]), device=device)
    attend = attention(lengths, device) if attention else RowAttention(lengths, device, shapes, kernel_of(base))
    model = base if len(wanted) else base.base_model
    head = dict(logits_to_keep=keep) if len(wanted) else {}
    with running(Plan(spans, attend)), torch.set_grad_enabled(grad), watched(base.base_model, inside, total):
        embedded = base.get_input_embeddings()(torch.as_tensor(tokens, device=device)[None])
        at = torch.as_tensor(positions, device=device)[None]
        out = model(inputs_embeds=embedded, position_ids=at, use_cache=False, **head)
    return out.logits[0, : len(wanted)].float() if len(wanted) else torch.empty(0, device=device)
