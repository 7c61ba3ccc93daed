"""Attention over packed rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F

from curriculab.engine.plan import active_plans
from curriculab.engine.route import batched

BUCKETS = (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)  # padded lengths inside attention, tokens


NAME = "curriculab"  # of this attention among those of transformers; behind a dash: the kernel that a row goes through


def implementation(kernel: str | None) -> str:
    """The name of packed attention with a kernel, as `set_attn_implementation` takes it."""
    return NAME if kernel is None else f"{NAME}-{kernel}"


def kernel_of(base: torch.nn.Module) -> str | None:
    """The kernel that a base was loaded with: "sdpa", "eager", or None for the fastest."""
    return (base.config._attn_implementation or "").removeprefix(NAME).removeprefix("-") or None


@dataclass(frozen=True, eq=False)
class Scores:
    """What a layer does to its attention scores beside scaling them.

    cap: scores become cap * tanh(scores / cap) (Gemma Team 2024, Gemma 2); sinks (heads,): a score of each head that
    takes part in the softmax and looks at nothing (OpenAI 2025, gpt-oss).
    """

    cap: float | None = None
    sinks: torch.Tensor | None = None

    @property
    def plain(self) -> bool:
        return self.cap is None and self.sinks is None

    def weights(self, scores: torch.Tensor, hidden: torch.Tensor | None, added: torch.Tensor | None) -> torch.Tensor:
        """Softmax in float32 of scores (b, heads, t, s): capped, then masked where `hidden` (bool) says so, or by what
        is `added`, then with the sinks."""
        if self.cap is not None:
            scores = torch.tanh(scores / self.cap) * self.cap
        if added is not None:
            scores = scores + added
        if hidden is not None:
            scores = scores.masked_fill(hidden, -torch.inf)
        if self.sinks is None:
            return torch.softmax(scores, dim=-1, dtype=torch.float32)
        sink = self.sinks.reshape(1, -1, 1, 1).expand(scores.shape[0], -1, scores.shape[2], 1).to(scores.dtype)
        return torch.softmax(torch.cat([scores, sink], -1), dim=-1, dtype=torch.float32)[..., :-1]


PLAIN = Scores()


def install(base: torch.nn.Module, kernel: str | None) -> None:
    """Let a model attend to packed rows. kernel: "sdpa" or "eager", how a row attends to itself; None: the fastest."""
    from transformers import AttentionInterface

    name = implementation(kernel)
    AttentionInterface.register(name, packed_attention)
    base.set_attn_implementation(name)


# What models hand to their attention besides: positions and cache, which are in the plan, and wishes for output.
IGNORED = frozenset(
    (
        "sliding_window",  # read for itself
        "position_ids",
        "cache_position",
        "past_key_values",
        "use_cache",
        "is_causal",
        "output_attentions",
        "output_hidden_states",
        "output_router_logits",
        "logits_to_keep",
        "num_items_in_batch",
        "return_dict",
    )
)


def packed_attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
    """transformers' attention interface: query (b, heads, n, dim) -> (b, n, heads, dim).

    Under a plan, b is 1 and n are the packed tokens; without one, plain causal attention of rows without padding. An
    argument that changes the scores and is not computed here (a bias, a head mask) is refused.
    """
    window, scores = kwargs.get("sliding_window"), PLAIN
    for name, given in kwargs.items():
        if given is None or given is False or name in IGNORED:
            continue
        if name not in ("softcap", "s_aux"):
            raise NotImplementedError(f"attention over packed rows does not compute {name}=")
        scores = Scores(kwargs.get("softcap"), kwargs.get("s_aux"))
    if dropout:
        raise NotImplementedError(f"attention over packed rows does not compute dropout={dropout}")
    if getattr(module, "is_causal", True) is False:
        raise NotImplementedError("attention over packed rows is causal, and a layer's is not")
    if active_plans:
        if attention_mask is not None:
            raise NotImplementedError("attention over packed rows does not compute a mask of the model's own")
        out = active_plans[-1].attend(module.layer_idx, query[0], key[0], value[0], scaling, window, scores)
        return out.unsqueeze(0), None
    if not scores.plain:
        raise NotImplementedError(
            "a cap or sinks are computed inside the bench; outside: base.set_attn_implementation('eager')"
        )
    if (attention_mask is not None and not bool(attention_mask.all())) or 1 < query.shape[2] < key.shape[2] or window:
        raise ValueError(
            "outside the bench this model takes rows without padding; for others: base.set_attn_implementation('sdpa')"
        )
    out = F.scaled_dot_product_attention(
        query, key, value, is_causal=query.shape[2] > 1, scale=scaling, enable_gqa=key.shape[1] != query.shape[1]
    )
    return out.transpose(1, 2).contiguous(), None


def window_mask(length: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """(t, t) mask of a sliding window, None where the causal mask says it all."""
    if window is None or length <= window:
        return None
    at = torch.arange(length, device=device)
    return (at[:, None] >= at[None]) & (at[:, None] - at[None] < window)


class Move(torch.autograd.Function):
    """Rows of x picked by `there`; the gradient comes back by `back` (a token stands in one place; pads get none)."""

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, there: torch.Tensor, back: torch.Tensor, keep: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.save_for_backward(back, keep)
        return x.index_select(0, there)

    @staticmethod
    def backward(ctx, g: torch.Tensor) -> tuple:
        back, keep = ctx.saved_tensors
        g = g.index_select(0, back)
        return (g if keep is None else g.masked_fill(~keep, 0.0)), None, None, None


@dataclass(frozen=True)
class Group:
    """Rows of one padded length inside Buckets, (rows, size); shaped: whether they have masks of their own."""

    rows: np.ndarray
    size: int
    shaped: bool


class Buckets:
    """Rows padded to absolute lengths, those of one length in one call; rows with a shape in calls of their own.

    A plain causal call goes to the flash kernel. One with a mask goes to the memory-efficient kernel, which takes any
    mask but no heads that share keys: keys and values are repeated for it, or it would fall to the plain kernel, which
    keeps all scores for the way back.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device, shapes: Sequence[Shape | None] = ()) -> None:
        lengths = np.asarray(lengths)
        self.lengths, self.shapes, self.device = lengths, [*shapes, *[None] * (len(lengths) - len(shapes))], device
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        padded = np.array([bucket(n) for n in lengths])
        shaped = np.array([shape is not None for shape in self.shapes])
        self.groups: list[Group] = []
        there, offset = [], 0
        back = np.empty(int(lengths.sum()), dtype=np.int64)
        for size, masked in sorted(set(zip(padded.tolist(), shaped.tolist(), strict=True))):
            rows = np.flatnonzero((padded == size) & (shaped == masked))
            self.groups.append(Group(rows, size, masked))
            index = np.repeat(
                starts[rows][:, None], size, axis=1
            )  # a row's pads are its own: nothing leaks, not even NaN
            for i, r in enumerate(rows):
                own = np.arange(lengths[r])
                index[i, : lengths[r]] = starts[r] + own
                back[starts[r] + own] = offset + i * size + own
            there.append(index.ravel())
            offset += index.size
        keep = np.zeros((offset, 1, 1), dtype=bool)
        keep[back] = True
        self.there = torch.as_tensor(np.concatenate(there), device=device)
        self.back = torch.as_tensor(back, device=device)
        self.keep = torch.as_tensor(keep, device=device)
        self._added: dict[tuple[int | None, torch.dtype], list[torch.Tensor | None]] = {}

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        """(heads, n, dim) -> (padded tokens, heads, dim)."""
        return Move.apply(x.transpose(0, 1), self.there, self.back, None)

    def added(self, window: int | None, dtype: torch.dtype) -> list[torch.Tensor | None]:
        """What is added to the scores of each group, (rows or 1, 1, size, size); None where causal says it all."""
        if (window, dtype) not in self._added:  # the same in every layer
            masks = [self._seen(group, window) for group in self.groups]
            self._added[window, dtype] = [_added(mask, dtype) for mask in masks]
        return self._added[window, dtype]

    def _seen(self, group: Group, window: int | None) -> torch.Tensor | None:
        if not group.shaped:
            mask = window_mask(group.size, window, self.device)
            return None if mask is None else mask[None, None]
        seen = np.zeros((len(group.rows), 1, group.size, group.size), dtype=bool)
        seen[:, :, np.arange(group.size), np.arange(group.size)] = True  # a pad looks at itself, or all would be hidden
        for i, row in enumerate(group.rows):
            n = self.lengths[row]
            seen[i, 0, :n, :n] = _shaped(self.shapes[row], window)
        return torch.as_tensor(seen, device=self.device)

    def attend(
        self, q, k, v, scaling: float | None, window: int | None, scores: Scores = PLAIN, kernel: str | None = None
    ) -> torch.Tensor:
        """q (heads, n, dim), k and v with as many heads or fewer -> (n, heads, dim of v)."""
        if kernel is None:
            kernel = "sdpa" if scores.plain else "eager"
        scale, masks = scaling or q.shape[-1] ** -0.5, self.added(window, q.dtype)
        tokens = [len(group.rows) * group.size for group in self.groups]
        parts = zip(*(self.padded(x).split(tokens) for x in (q, k, v)), strict=True)
        outs = []
        for group, mask, whole in zip(self.groups, masks, parts, strict=True):
            part = [x.view(len(group.rows), group.size, *x.shape[1:]).transpose(1, 2) for x in whole]
            if kernel == "eager":
                out = eager(*part, mask, scale, scores)
            else:
                out = sdpa(*(part if mask is None else _repeated(*part)), mask, scale)
            outs.append(out.transpose(1, 2).flatten(0, 1))
        return Move.apply(outs[0] if len(outs) == 1 else torch.cat(outs), self.back, self.there, self.keep)


def _repeated(q, k, v) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same with a key head for each query head, (b, heads, t, dim)."""
    shared = q.shape[1] // k.shape[1]
    return (q, k, v) if shared == 1 else (q, k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1))


def bucket(length: int) -> int:
    """The padded length of a row inside attention."""
    for size in BUCKETS:
        if length <= size:
            return size
    return -(-length // 1024) * 1024


class AttendRows(torch.autograd.Function):
    """Causal attention row by row, without pads: q, k, v (heads, n, dim) -> (n, heads, dim), by torch's CPU kernel."""

    @staticmethod
    def forward(
        ctx, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, lengths: list[int], masks: list, scale: float
    ) -> torch.Tensor:
        rows = zip(_by_row(q, lengths), _by_row(k, lengths), _by_row(v, lengths), masks, strict=True)
        held = [_flash(*row, 0.0, mask is None, attn_mask=mask, scale=scale) for *row, mask in rows]
        # All of it is saved, nothing kept on ctx: what is computed again on the way back must not be held until then.
        ctx.save_for_backward(q, k, v, *(x for pair in held for x in pair))
        ctx.lengths, ctx.masks, ctx.scale = lengths, masks, scale
        return _packed([out for out, _ in held])

    @staticmethod
    def backward(ctx, g: torch.Tensor) -> tuple:
        q, k, v, *held = ctx.saved_tensors
        rows = zip(
            *(_by_row(x, ctx.lengths) for x in (g.transpose(0, 1), q, k, v)),
            zip(held[::2], held[1::2], strict=True),
            ctx.masks,
            strict=True,
        )
        found = [
            _flash_back(*row, *held, 0.0, mask is None, attn_mask=mask, scale=ctx.scale) for *row, held, mask in rows
        ]
        return (*(_packed(part).transpose(0, 1) for part in zip(*found, strict=True)), None, None, None)


_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default


_flash_back = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default


def _by_row(x: torch.Tensor, lengths: list[int]) -> Sequence[torch.Tensor]:
    """(heads, n, dim) -> one (1, heads, t, dim) per row."""
    return x[None].split(lengths, 2)


def _packed(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    """One (1, heads, t, dim) per row -> (n, heads, dim)."""
    return torch.cat([x[0].transpose(0, 1) for x in rows])


@dataclass(frozen=True, eq=False)
class Shape:
    """A stretch of tokens that is no plain row: positions (t,), and seen (t, t), which token looks at which."""

    positions: np.ndarray
    seen: np.ndarray


class RowAttention:
    """Causal attention within packed rows, so computed that a row's neighbours change nothing: row by row on a CPU,
    in absolute buckets of padded rows elsewhere, where many small calls cost more than pads.

    kernel: a name in KERNELS computes every row by itself that way instead.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        device: torch.device,
        shapes: Sequence[Shape | None] = (),
        kernel: str | None = None,
    ) -> None:
        self.packed, self.device, self.shapes, self.kernel = [int(n) for n in lengths], device, shapes, kernel
        self._masks: dict[tuple[int | None, torch.dtype], list[torch.Tensor | None]] = {}
        self.places: np.ndarray | None = None  # of the tokens that were asked for, where others were filled in

    def masks(self, window: int | None, dtype: torch.dtype) -> list[torch.Tensor | None]:
        """What is added to each row's scores, (t, t); None where the causal mask says it all."""
        if (window, dtype) not in self._masks:  # the same in every layer
            shapes = [*self.shapes, *[None] * (len(self.packed) - len(self.shapes))]
            self._masks[window, dtype] = [
                _added(window_mask(n, window, self.device) if shape is None else _shaped(shape, window), dtype)
                for n, shape in zip(self.packed, shapes, strict=True)
            ]
        return self._masks[window, dtype]

    @cached_property
    def buckets(self) -> Buckets:
        return Buckets(self.packed, self.device, self.shapes)

    def __call__(
        self, layer: int, q, k, v, scaling: float | None, window: int | None, scores: Scores = PLAIN
    ) -> torch.Tensor:
        """q (heads, n, dim), k and v with as many heads or fewer -> (n, heads, dim)."""
        if batched(self.device):
            return self.buckets.attend(q, k, v, scaling, window, scores, self.kernel)
        if not scores.plain:
            rows = zip(*(_by_row(x, self.packed) for x in (q, k, v)), self.masks(window, q.dtype), strict=True)
            return _packed([eager(*row, scaling or q.shape[-1] ** -0.5, scores) for row in rows])
        if self.kernel:
            kernel, masks = KERNELS[self.kernel], self.masks(window, q.dtype)
            rows = zip(*(_by_row(x, self.packed) for x in (q, k, v)), masks, strict=True)
            return _packed([kernel(*row, scaling or q.shape[-1] ** -0.5) for row in rows])
        width, scaling = v.shape[-1], scaling or q.shape[-1] ** -0.5
        if width < q.shape[-1]:  # latent attention; the kernel wants all alike
            v = F.pad(v, (0, q.shape[-1] - width))
        shared = q.shape[0] // k.shape[0]  # query heads that share a key head
        if shared > 1:
            k, v = k.repeat_interleave(shared, 0), v.repeat_interleave(shared, 0)
        return AttendRows.apply(q, k, v, self.packed, self.masks(window, q.dtype), scaling)[..., :width]


def sdpa(q, k, v, mask: torch.Tensor | None, scale: float) -> torch.Tensor:
    """One row by torch's own choice of kernel: q (1, heads, t, dim), k and v with as many heads or fewer."""
    shared = q.shape[1] != k.shape[1]
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=shared
    )


def eager(q, k, v, mask: torch.Tensor | None, scale: float, scores: Scores = PLAIN) -> torch.Tensor:
    """One row by plain products and a softmax in float32, as transformers' eager attention: what others are held to."""
    heads, t = q.shape[1], q.shape[2]
    k, v = (x.repeat_interleave(heads // x.shape[1], 1) for x in (k, v))
    if mask is None:
        mask = torch.full((t, t), -torch.inf, dtype=q.dtype, device=q.device).triu(1)
    return scores.weights(q @ k.transpose(2, 3) * scale, None, mask).to(v.dtype) @ v


KERNELS = {"sdpa": sdpa, "eager": eager}


def _shaped(shape: Shape, window: int | None) -> torch.Tensor:
    seen = shape.seen
    if window is not None:
        seen = seen & (shape.positions[:, None] - shape.positions < window)
    return torch.as_tensor(seen)


def _added(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    return None if mask is None else torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, -torch.inf)


@contextmanager
def watched(inner: torch.nn.Module, inside: list[torch.Tensor] | None, tokens: int | np.ndarray):
    """While this is open, what `inner` makes of its first `tokens` tokens, or of those in these places, goes into
    `inside` too."""
    if inside is None:
        yield
        return
    places = slice(tokens) if isinstance(tokens, int) else tokens
    watching = inner.register_forward_hook(lambda module, args, out: inside.append(out.last_hidden_state[0, places]))
    try:
        yield
    finally:
        watching.remove()
