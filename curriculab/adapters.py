"""The mixed-adapter forward: many LoRA adapters on one frozen base, in one packed batch.

Rows of all variants stand one behind the other without padding, (1, N, d); each adapter owns a stretch of tokens. The
base sees one long batch; each LoRA layer adds B_i A_i x to its own stretch; attention stays within rows. An adapter is
one flat vector (weights, gradient, Adam state), and a layer's A and B are views into it: a copy is one memcpy, an
optimiser step one fused call, and saving it writes the folder that PEFT reads.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MethodType

import numpy as np
import torch
import torch.nn.functional as F

FEWEST = 8  # tokens in a forward: below, a CPU multiplies rows in another order and bits depend on the neighbours
ONEDNN_ROWS = 8  # below, the call costs more than it saves
BUCKETS = (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)  # padded lengths inside attention, tokens


@dataclass(frozen=True)
class Entry:
    """One adapted linear layer: where its A (r, in) and, behind it, its B (out, r) stand in the flat vector."""

    name: str
    in_features: int
    out_features: int
    start: int


@dataclass(frozen=True)
class Layout:
    """How a flat adapter vector is cut into matrices; shared by all adapters of a model."""

    entries: tuple[Entry, ...]
    rank: int
    alpha: int

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    @property
    def size(self) -> int:
        last = self.entries[-1]
        return last.start + self.rank * (last.in_features + last.out_features)

    def cut(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Views (A, B) of every layer; B lies transposed in memory, which multiplies faster."""
        views = []
        for e in self.entries:
            middle = e.start + self.rank * e.in_features
            a = flat[e.start : middle].view(self.rank, e.in_features)
            views.append((a, flat[middle : middle + self.rank * e.out_features].view(self.rank, e.out_features).T))
        return views


class Adapter:
    """Weights of one variant (float32), with gradient and AdamW state once it has been trained."""

    def __init__(self, layout: Layout, weights: torch.Tensor) -> None:
        self.layout, self.weights = layout, torch.nn.Parameter(weights)
        self.matrices = layout.cut(self.weights.data)
        self.gradients: list[tuple[torch.Tensor, torch.Tensor]] | None = None
        self.optimizer: torch.optim.AdamW | None = None
        self.steps = 0

    @classmethod
    def fresh(cls, layout: Layout, *, seed: int, device: torch.device) -> Adapter:
        """A uniform in +-1/sqrt(in) as PEFT draws it (Kaiming with a = sqrt 5), B zero."""
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, 0x61646170]).generate_state(1)[0]))
        flat = torch.zeros(layout.size)
        for a, _ in layout.cut(flat):
            a.uniform_(-1 / math.sqrt(a.shape[1]), 1 / math.sqrt(a.shape[1]), generator=generator)
        return cls(layout, flat.to(device))

    @classmethod
    def zero(cls, layout: Layout, device: torch.device) -> Adapter:
        """The adapter that changes nothing."""
        return cls(layout, torch.zeros(layout.size, device=device))

    def open(self) -> None:
        """Get ready to be trained: a zero gradient to accumulate into, and moments, so that a step needs no memory."""
        if self.weights.grad is None:
            self.weights.grad = torch.zeros_like(self.weights)
            self.gradients = self.layout.cut(self.weights.grad)
        if self.optimizer is None:
            zero = torch.zeros((), device=self.weights.device)
            moments = {k: torch.zeros_like(self.weights) for k in ("exp_avg", "exp_avg_sq")}
            self._optimize({"step": zero, **moments})

    def _optimize(self, state: dict[str, torch.Tensor]) -> None:
        self.optimizer = torch.optim.AdamW([self.weights], fused=True)
        self.optimizer.state[self.weights] = state

    def clear(self) -> None:
        """Forget a gradient that was begun."""
        if self.weights.grad is not None:
            self.weights.grad.zero_()

    def step(self, *, lr: float, weight_decay: float, clip: float) -> float:
        """Clip the gradient's norm, take one AdamW step, clear the gradient; returns the norm before clipping."""
        self.optimizer.param_groups[0].update(lr=lr, weight_decay=weight_decay)
        norm = float(torch.linalg.vector_norm(self.weights.grad))
        if not math.isfinite(norm):
            self.weights.grad.zero_()
            raise FloatingPointError(
                f"the gradient's norm is {norm} at step {self.steps + 1}; lower lr, or look at the rows"
            )
        if norm > clip:
            self.weights.grad.mul_(clip / (norm + 1e-6))
        self.optimizer.step()
        self.weights.grad.zero_()
        self.steps += 1
        return norm

    def copy(self) -> Adapter:
        """The same weights and optimiser state, independent from here on."""
        twin = Adapter(self.layout, self.weights.data.clone())
        twin.steps = self.steps
        if self.optimizer is not None:
            twin._optimize({k: v.clone() for k, v in self.optimizer.state[self.weights].items()})
        return twin

    def state(self) -> dict[str, torch.Tensor]:
        """All that training goes on from: weights, and the optimiser's two moments and step count once it has any."""
        found = {"weights": self.weights.data, "steps": torch.tensor(self.steps)}
        return found | (dict(self.optimizer.state[self.weights]) if self.optimizer is not None else {})

    @classmethod
    def from_state(cls, layout: Layout, state: dict[str, torch.Tensor], device: torch.device) -> Adapter:
        """An adapter that goes on training where `state` was taken, equal to the bit."""
        adapter = cls(layout, state["weights"].to(device))
        adapter.steps = int(state["steps"])
        moments = {k: v.to(device) for k, v in state.items() if k not in ("weights", "steps")}
        if moments:
            adapter._optimize(moments)
        return adapter

    def tensors(self) -> dict[str, torch.Tensor]:
        """Names as in a PEFT adapter file."""
        named = {}
        for entry, (a, b) in zip(self.layout.entries, self.matrices, strict=True):
            named[f"base_model.model.{entry.name}.lora_A.weight"] = a.detach().cpu().contiguous().clone()
            named[f"base_model.model.{entry.name}.lora_B.weight"] = b.detach().cpu().contiguous().clone()
        return named

    def save(self, folder: str | Path, config: object) -> Path:
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors(), folder / "adapter_model.safetensors")
        settings = {k: sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()}
        (folder / "adapter_config.json").write_text(
            json.dumps({**settings, "inference_mode": True}, indent=1, default=str)
        )
        return folder

    @classmethod
    def load(cls, layout: Layout, folder: str | Path, device: torch.device) -> Adapter:
        """An adapter from a folder that `save` or PEFT wrote; its layers must be this layout's."""
        from safetensors.torch import load_file

        named, adapter = load_file(Path(folder) / "adapter_model.safetensors"), cls.zero(layout, device)
        for name, (a, b) in zip((f"base_model.model.{e.name}" for e in layout.entries), adapter.matrices, strict=True):
            a.copy_(named.pop(f"{name}.lora_A.weight"))
            b.copy_(named.pop(f"{name}.lora_B.weight"))
        if named:
            raise ValueError(f"{folder} adapts layers this model does not: {', '.join(sorted(named)[:3])}")
        return adapter


def blend(parts: dict[Adapter, float]) -> Adapter:
    """Weighted sum of adapters' weights, without optimiser state."""
    first = next(iter(parts))
    return Adapter(first.layout, sum(w * a.weights.data for a, w in parts.items()))


# -- one packed forward ------------------------------------------------------------------------------------------
@dataclass(eq=False)
class Span:
    """A stretch of packed tokens that one adapter owns; no adapter means the bare base."""

    adapter: Adapter | None
    start: int
    end: int

    def of(self, x: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """This stretch of x (n, d), a view unless the precision differs."""
        own = x.narrow(0, self.start, self.end - self.start)
        return own if dtype is None or own.dtype == dtype else own.to(dtype)


class Plan:
    """What layers need to know while a packed batch goes through: who owns which tokens, and where rows end."""

    def __init__(self, spans: Sequence[Span], attend) -> None:
        self.spans, self.attend = [s for s in spans if s.adapter is not None and s.end > s.start], attend
        self.spark = torch.zeros((), requires_grad=True)  # puts a layer on the way back though nothing before it learns


_active: list[Plan] = []


@contextmanager
def running(plan: Plan):
    """While this is open, LoRA layers and attention follow the plan instead of PEFT's own way."""
    _active.append(plan)
    try:
        yield
    finally:
        _active.pop()


_onednn = torch.ops.mkldnn._linear_pointwise.default if torch.backends.mkldnn.is_available() else None


def product(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """x (n, in) times w (out, in) transposed. oneDNN where it pays on a CPU: PyTorch's default (MKL) reaches less than
    half its speed on AMD processors, and rounds differently for fewer than eight rows."""
    if x.shape[0] >= ONEDNN_ROWS and _onednn and x.device.type == "cpu" and x.dtype == w.dtype == torch.float32:
        return _onednn(x, w, None, "none", [], "")
    return x @ w.T


def add_product(y: torch.Tensor, x: torch.Tensor, w: torch.Tensor, scale: float) -> None:
    """y (n, out) += scale * x (n, in) w (in, out), in place."""
    if y.dtype == x.dtype:
        y.addmm_(x, w, alpha=scale)
    else:
        y.add_((x @ w).to(y.dtype), alpha=scale)


def dense(layer: torch.nn.Module, dtype: torch.dtype) -> torch.Tensor:
    """The frozen weight (out, in) of a linear layer, out of NF4 where it is kept so."""
    state = getattr(layer.weight, "quant_state", None)
    if state is None:
        return layer.weight.to(dtype)
    held = _held[-1].get(layer) if _held else None
    if held is not None and held.dtype == dtype:
        return held
    from bitsandbytes.functional import dequantize_4bit

    weight = dequantize_4bit(layer.weight.data, state).to(dtype)
    if _held and sum(w.nbytes for w in _held[-1].values()) + weight.nbytes <= HELD:
        _held[-1][layer] = weight
    return weight


HELD = 2**27  # bytes of weights taken out of NF4 once for a whole decode: all of the pocket model's
_held: list[dict[torch.nn.Module, torch.Tensor]] = []


@contextmanager
def holding(device: torch.device):
    """While this is open on a CPU, layers are taken out of NF4 once, not for every token (a sixth of its time)."""
    if device.type != "cpu":
        yield
        return
    _held.append({})
    try:
        yield
    finally:
        _held.pop()


def frozen_product(x: torch.Tensor, base: torch.nn.Module) -> torch.Tensor:
    """W x + b of a frozen linear layer, x (n, in)."""
    y = product(x, dense(base, x.dtype))
    if base.bias is not None:
        y += base.bias.to(y.dtype)
    return y


class MixedLinear(torch.autograd.Function):
    """y = W x + scale * B_i A_i x, each adapter on its own stretch of tokens; W is frozen.

    Gradients of A_i and B_i go straight into the adapters' flat vectors; only x gets one back. W is taken out of its
    quantised form again in the backward pass instead of being kept.
    """

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, spark: torch.Tensor, base: torch.nn.Module, layer: int, scale: float, spans: list[Span]
    ) -> torch.Tensor:
        y = frozen_product(x, base)
        ctx.save_for_backward(x, *add_adapters(y, x, layer, scale, spans))
        ctx.base, ctx.layer, ctx.scale, ctx.spans = base, layer, scale, spans
        return y

    @staticmethod
    def backward(ctx, gy: torch.Tensor) -> tuple:
        x, *held = ctx.saved_tensors
        gx = product(gy, dense(ctx.base, gy.dtype).T) if ctx.needs_input_grad[0] else None
        pull_back(gx, gy, x, held, ctx.layer, ctx.scale, ctx.spans)
        return gx, None, None, None, None, None


class MixedLora(torch.autograd.Function):
    """The same behind a layer that has its own backward (8 bits): y0 is what the frozen layer made of x."""

    @staticmethod
    def forward(
        ctx, x: torch.Tensor, y0: torch.Tensor, spark: torch.Tensor, layer: int, scale: float, spans: list[Span]
    ) -> torch.Tensor:
        y = y0.clone()
        ctx.save_for_backward(x, *add_adapters(y, x, layer, scale, spans))
        ctx.layer, ctx.scale, ctx.spans = layer, scale, spans
        return y

    @staticmethod
    def backward(ctx, gy: torch.Tensor) -> tuple:
        x, *held = ctx.saved_tensors
        gx = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        pull_back(gx, gy, x, held, ctx.layer, ctx.scale, ctx.spans)
        return gx, gy, None, None, None, None


def add_adapters(y: torch.Tensor, x: torch.Tensor, layer: int, scale: float, spans: list[Span]) -> list[torch.Tensor]:
    """Add scale * B A x to each adapter's stretch of y, in place; returns the A x for the way back."""
    held = []
    for span in spans:
        a, b = span.adapter.matrices[layer]
        h = product(span.of(x, a.dtype), a)
        held.append(h)
        add_product(span.of(y), h, b.T, scale)
    return held


def pull_back(
    gx: torch.Tensor | None, gy: torch.Tensor, x: torch.Tensor, held: list, layer: int, scale: float, spans: list
) -> None:
    """Add the adapters' part to gx, in place, and their gradients to the flat vectors."""
    for span, h in zip(spans, held, strict=True):
        a, b = span.adapter.matrices[layer]
        g = span.of(gy, a.dtype)
        gh = product(g, b.T)
        if gx is not None:
            add_product(span.of(gx), gh, a, scale)
        if span.adapter.gradients is not None:
            ga, gb = span.adapter.gradients[layer]
            gb.T.addmm_(h.T, g, alpha=scale)
            ga.addmm_(gh.T, span.of(x, a.dtype), alpha=scale)


def keep_memory() -> None:
    """Let glibc keep up to a gigabyte of freed memory: by default it hands a step's activations back to the system
    after every step and gets them again, page by page, in the next (a tenth of the time on two cores)."""
    if sys.platform == "linux":
        allocator = ctypes.CDLL(None)
        if hasattr(allocator, "mallopt"):
            allocator.mallopt(-3, 2**25)  # M_MMAP_THRESHOLD, at its largest: larger blocks are mapped one by one
            allocator.mallopt(-1, 2**30)  # M_TRIM_THRESHOLD


def attach(peft: torch.nn.Module, rank: int, alpha: int) -> Layout:
    """Teach every LoRA layer of a PEFT model and its attention to follow a plan; returns the layout of its adapters."""
    from peft.tuners.lora import LoraLayer
    from transformers import AttentionInterface

    keep_memory()
    base = peft.get_base_model()
    entries, start = [], 0
    for name, module in base.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        index = len(entries)
        entries.append(Entry(name, module.in_features, module.out_features, start))
        start += rank * (module.in_features + module.out_features)
        module.forward = MethodType(_mixed_forward(index, alpha / rank, module.forward), module)
    head = base.get_output_embeddings()
    if type(head) is torch.nn.Linear:
        head.forward = MethodType(_frozen_forward(head.forward), head)
    AttentionInterface.register("curriculab", packed_attention)
    base.set_attn_implementation("curriculab")
    return Layout(tuple(entries), rank, alpha)


def _mixed_forward(index: int, scale: float, own):
    def forward(self, x: torch.Tensor, *args, **kwargs) -> torch.Tensor:
        if not _active:
            return own(x, *args, **kwargs)
        plan, base, flat = _active[-1], self.base_layer, x.reshape(-1, x.shape[-1])
        if not torch.is_grad_enabled():  # autograd's own bookkeeping is a tenth of a decoded token
            y = base(flat) if hasattr(base, "state") else frozen_product(flat, base)
            add_adapters(y, flat, index, scale, plan.spans)
        elif hasattr(base, "state"):  # bitsandbytes' 8-bit layer
            y = MixedLora.apply(flat, base(flat), plan.spark, index, scale, plan.spans)
        else:
            y = MixedLinear.apply(flat, plan.spark, base, index, scale, plan.spans)
        return y.view(*x.shape[:-1], y.shape[-1])

    return forward


def _frozen_forward(own):
    """A linear layer without adapters, multiplied as the others are: a row's bits do not hang on its neighbours."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not _active:
            return own(x)
        flat = x.reshape(-1, x.shape[-1])
        if not torch.is_grad_enabled():
            return frozen_product(flat, self).view(*x.shape[:-1], -1)
        y = MixedLinear.apply(flat, _active[-1].spark, self, -1, 0.0, [])
        return y.view(*x.shape[:-1], y.shape[-1])

    return forward


def packed_attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
    """transformers' attention interface: query (b, heads, n, dim) -> (b, n, heads, dim).

    Under a plan, b is 1 and n are the packed tokens; without one, plain causal attention of rows without padding.
    """
    window = kwargs.get("sliding_window")
    if _active:
        out = _active[-1].attend(module.layer_idx, query[0], key[0], value[0], scaling, window)
        return out.unsqueeze(0), None
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


class Buckets:
    """Rows padded to absolute lengths, those of one length in one call."""

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        lengths = np.asarray(lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        padded = np.array([bucket(n) for n in lengths])
        self.groups, there, offset = [], [], 0
        back = np.empty(int(lengths.sum()), dtype=np.int64)
        for size in sorted(set(padded.tolist())):
            rows = np.flatnonzero(padded == size)
            self.groups.append((len(rows), size, offset))
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

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        """(heads, n, dim) -> (padded tokens, heads, dim)."""
        return Move.apply(x.transpose(0, 1), self.there, self.back, None)

    def attend(self, q, k, v, scaling: float | None, window: int | None) -> torch.Tensor:
        q, k, v = self.padded(q), self.padded(k), self.padded(v)
        outs = []
        for rows, size, at in self.groups:
            part = [x[at : at + rows * size].view(rows, size, *x.shape[1:]).transpose(1, 2) for x in (q, k, v)]
            mask = window_mask(size, window, q.device)
            out = F.scaled_dot_product_attention(
                *part, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=k.shape[1] != q.shape[1]
            )
            outs.append(out.transpose(1, 2).reshape(rows * size, *q.shape[1:]))
        return Move.apply(torch.cat(outs), self.back, self.there, self.keep)


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
        held = [
            _flash(*row, 0.0, mask is None, attn_mask=mask, scale=scale)
            for *row, mask in zip(*(_by_row(x, lengths) for x in (q, k, v)), masks, strict=True)
        ]
        ctx.save_for_backward(q, k, v)
        ctx.held, ctx.lengths, ctx.masks, ctx.scale = held, lengths, masks, scale
        return _packed([out for out, _ in held])

    @staticmethod
    def backward(ctx, g: torch.Tensor) -> tuple:
        rows = zip(
            *(_by_row(x, ctx.lengths) for x in (g.transpose(0, 1), *ctx.saved_tensors)),
            ctx.held,
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
    in absolute buckets of padded rows elsewhere, where many small calls cost more than pads. Shapes: only on a CPU."""

    def __init__(self, lengths: Sequence[int], device: torch.device, shapes: Sequence[Shape | None] = ()) -> None:
        self.packed, self.device, self.shapes = [int(n) for n in lengths], device, shapes
        self._masks: dict[tuple[int | None, torch.dtype], list[torch.Tensor | None]] = {}

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
        return Buckets(self.packed, self.device)

    def __call__(self, layer: int, q, k, v, scaling: float | None, window: int | None) -> torch.Tensor:
        """q (heads, n, dim), k and v with as many heads or fewer -> (n, heads, dim)."""
        if self.device.type != "cpu" or q.shape[-1] != v.shape[-1]:
            return self.buckets.attend(q, k, v, scaling, window)
        shared = q.shape[0] // k.shape[0]  # query heads that share a key head
        if shared > 1:
            k, v = k.repeat_interleave(shared, 0), v.repeat_interleave(shared, 0)
        return AttendRows.apply(q, k, v, self.packed, self.masks(window, q.dtype), scaling or q.shape[-1] ** -0.5)


def _shaped(shape: Shape, window: int | None) -> torch.Tensor:
    seen = shape.seen
    if window is not None:
        seen = seen & (shape.positions[:, None] - shape.positions < window)
    return torch.as_tensor(seen)


def _added(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    return None if mask is None else torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, -torch.inf)


@contextmanager
def _watched(inner: torch.nn.Module, inside: list[torch.Tensor] | None, tokens: int):
    """While this is open, what `inner` makes of its first `tokens` tokens goes into `inside` too."""
    if inside is None:
        yield
        return
    watching = inner.register_forward_hook(lambda module, args, out: inside.append(out.last_hidden_state[0, :tokens]))
    try:
        yield
    finally:
        watching.remove()


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
    attend = attention(lengths, device) if attention else RowAttention(lengths, device, shapes)
    model = base if len(wanted) else base.base_model
    head = dict(logits_to_keep=keep) if len(wanted) else {}
    with running(Plan(spans, attend)), torch.set_grad_enabled(grad), _watched(base.base_model, inside, total):
        embedded = base.get_input_embeddings()(torch.as_tensor(tokens, device=device)[None])
        at = torch.as_tensor(positions, device=device)[None]
        out = model(inputs_embeds=embedded, position_ids=at, use_cache=False, **head)
    return out.logits[0, : len(wanted)].float() if len(wanted) else torch.empty(0, device=device)
