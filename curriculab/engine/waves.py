"""Which answers are written at once: as many as the keys and values of all they read and write have room for.

An answer of 64 tokens to a prompt of 80 takes 192 places of the cache; a place of Qwen2.5-1.5B is 28 layers x 2 heads x
128 numbers, twice: 28 KiB in bfloat16.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from curriculab.engine.adapter import Adapter
from curriculab.engine.recipe import DTYPES

if TYPE_CHECKING:
    from curriculab.engine.model import Model

COMPACT = 4  # finished answers leave every so many tokens: a fixed rhythm, so that nobody's arithmetic hangs on others


STRIDE = 64  # cache lengths are rounded up to this, so that a sum's order does not depend on the neighbours


# Tokens of prompts and answers decoded at once where the bench sets no limit: on a CPU the 32 answers of each of six
# variants in one wave (a fifth faster than in three of 8,192), 0.3 GB of the pocket model; more gains nothing.
MOST_TOKENS = {"cpu": 32_768, "cuda": 262_144}

# Bytes of keys and values where the bench sets no limit. On a CPU what 32,768 tokens of a model of 135M weights take in
# float32, and some more; on CUDA a share of what is free when sampling begins: training's activations go beside it.
CPU_BYTES = 2**31
CUDA_SHARE = 0.3


def heads(config: object) -> list[int]:
    """Numbers that a token's keys and values have together, by layer, as packed attention keeps them."""
    text = config.get_text_config(decoder=True)
    if getattr(text, "is_heterogeneous", False):  # Gemma 4: layers without a window have heads of their own width
        return [_heads_of_one(layer) for layer in text.per_layer_config]
    return [_heads_of_one(text)] * text.num_hidden_layers


def _heads_of_one(layer: object) -> int:
    queries = layer.num_attention_heads
    if getattr(layer, "kv_lora_rank", None):  # latent attention: kept as the heads read them
        return queries * (layer.qk_nope_head_dim + layer.qk_rope_head_dim + layer.v_head_dim)
    shared = getattr(layer, "num_key_value_heads", None) or (1 if getattr(layer, "multi_query", False) else queries)
    return 2 * shared * (getattr(layer, "head_dim", None) or layer.hidden_size // queries)


def place_bytes(model: Model) -> int:
    """Bytes of the keys and values of one token in all layers."""
    return sum(heads(model.base.config)) * DTYPES[model.recipe.dtype].itemsize


@dataclass(eq=False)
class Prompt:
    """One row to be continued: tokens (t,) int64, the owner's adapter, and how; first: number of its first answer."""

    tokens: np.ndarray
    adapter: Adapter | None
    n: int
    temperature: float
    max_new_tokens: int
    stop: tuple[str, ...]
    stream: tuple[int, ...]
    first: int = 0


@dataclass(frozen=True)
class Room:
    """What answers written at once may take.

    places: of the cache; tokens: of prompts and answers, for speed; sorted_by_length: answers of like length have
    caches of their own (on a CPU), else all have the longest's.
    """

    places: float
    tokens: float
    sorted_by_length: bool

    def kind(self, final: int) -> int:
        """Which cache an answer of this final length stands in."""
        return max(0, math.ceil(math.log2(final / STRIDE))) if self.sorted_by_length else 0


@dataclass(frozen=True)
class _Taken:
    """What some prompts take: tokens, those of the prompts alone, and by kind of cache answers and the longest."""

    tokens: int = 0
    read: int = 0
    caches: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def with_prompt(self, prompt: Prompt, room: Room) -> _Taken:
        final = len(prompt.tokens) + prompt.max_new_tokens
        one = _Taken(prompt.n * final, len(prompt.tokens), {room.kind(final + COMPACT): (prompt.n, final + COMPACT)})
        return self.with_more(one)

    def with_more(self, more: _Taken) -> _Taken:
        caches = dict(self.caches)
        for kind, (n, longest) in more.caches.items():
            before, most = caches.get(kind, (0, 0))
            caches[kind] = (before + n, max(most, longest))
        return _Taken(self.tokens + more.tokens, self.read + more.read, caches)

    def fits(self, room: Room) -> bool:
        places = self.read + sum(n * -(-longest // STRIDE) * STRIDE for n, longest in self.caches.values())
        return places <= room.places and self.tokens <= room.tokens


def split(prompts: Sequence[Prompt], room: Room) -> list[tuple[int, Prompt]]:
    """Each prompt with its place; one whose answers have no room together becomes several, of some answers each."""
    found: list[tuple[int, Prompt]] = []
    for at, prompt in enumerate(prompts):
        own = -(-(len(prompt.tokens) + prompt.max_new_tokens + COMPACT) // STRIDE) * STRIDE
        most = max(1, int(min(prompt.n, (room.places - len(prompt.tokens)) / own)))
        for first in range(0, prompt.n, most):
            part = replace(prompt, n=min(most, prompt.n - first), first=prompt.first + first)
            found.append((at, prompt if part.n == prompt.n else part))
    return found


def waves(prompts: Sequence[Prompt], together: Sequence[int], room: Room) -> list[list[int]]:
    """Which of these prompts are decoded together, at most what there is room for: each adapter's own prompts are cut
    by themselves, like lengths side by side, so that where they are cut does not depend on the others."""

    def final(i: int) -> int:
        return len(prompts[i].tokens) + prompts[i].max_new_tokens

    owners: dict[int, list[int]] = {}
    for i in together:
        owners.setdefault(id(prompts[i].adapter), []).append(i)
    pieces: list[tuple[int, list[int], _Taken]] = []
    for own in owners.values():
        piece: list[int] = []
        taken = _Taken()
        for i in sorted(own, key=lambda i: (final(i), i)):
            more = taken.with_prompt(prompts[i], room)
            if piece and not more.fits(room):
                pieces.append((final(piece[0]), piece, taken))
                piece, more = [], _Taken().with_prompt(prompts[i], room)
            piece.append(i)
            taken = more
        pieces.append((final(piece[0]), piece, taken))
    found: list[list[int]] = []
    taken = _Taken()
    for _, piece, own in sorted(pieces, key=lambda p: p[0]):
        more = taken.with_more(own)
        if not found or not more.fits(room):
            found.append([])
            more = own
        found[-1] += piece
        taken = more
    return found
