"""What a model takes of memory and how a notebook shows it: figures from its layers, without running it."""

from __future__ import annotations

import pandas as pd
import torch

from curriculab.engine.adapter import Layout

MIB = 2**20


def in_bytes(size: float) -> str:
    """Bytes with three digits and a binary unit.

    Examples
    --------
    >>> in_bytes(3 * 2**28), in_bytes(2**20), in_bytes(500)
    ('768 MiB', '1 MiB', '0.000477 MiB')
    """
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / MIB:.3g} MiB"


TRAINED = 16  # bytes a parameter of an adapter that is trained: float32 weight, gradient, and AdamW's two moments


def footprint(base: torch.nn.Module, layout: Layout, batch_tokens: int) -> pd.Series:
    """What the parts take, MiB: frozen weights, one adapter, activations of a training forward; on CUDA what is
    allocated and free."""
    device = base.get_input_embeddings().weight.device
    seen = {p.data_ptr(): p.numel() * p.element_size() for n, p in base.named_parameters() if "lora_" not in n}
    widths = sum(e.out_features + 2 * e.in_features + 2 * layout.rank for e in layout.entries)
    size = 2 if device.type == "cuda" else 4
    head = 3 * base.get_output_embeddings().weight.shape[0] * 4
    parts = {
        "weights": sum(seen.values()),
        "adapter": TRAINED * layout.size,
        "activations": batch_tokens * (widths * size + head),
    }
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        parts |= {"allocated": torch.cuda.memory_allocated(device), "free": free}
    return pd.Series(parts, name="MiB") / MIB


def facts(layout: Layout) -> dict[str, str]:
    """What is adapted, and by how much, in words."""
    adapted = sum(e.out_features * e.in_features for e in layout.entries)
    return {
        "adapted": f"{adapted / 1e6:.1f}M weights in {len(layout.entries)} linear layers",
        "an adapter": f"r={layout.rank}, lora_alpha={layout.alpha:g}, {layout.size / 1e6:.2f}M weights",
    }
