"""Products of many adapters with their own stretches of one forward: one after another, or all together.

On a CPU every adapter multiplies its own stretch. On a GPU the adapters of a forward lie in one tensor (n, size) in the
precision of the products, made once from their float32 weights. Where their stretches are equally long, all of them
are one batched product; `evened` fills them up to that. On hardware where `grouped_mm` is one kernel, nothing is
filled up. Gradients are summed in float32 when a forward's backward is through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from curriculab.engine.adapter import Adapter
from curriculab.engine.attention import Shape
from curriculab.engine.plan import Plan, Span, active_plans, owned
from curriculab.engine.route import batched, grouped

ONEDNN_ROWS = 8  # below, the call costs more than it saves

# How many times its tokens a forward may come to when stretches are filled up to one length. Small forwards, where
# lengths are most unlike, are bound by the number of kernels; two kernels a layer and adapter more cost as much.
MOST_FILLED = 2.0

onednn_linear = torch.ops.mkldnn._linear_pointwise.default if torch.backends.mkldnn.is_available() else None


# -- one adapter after another ----------------------------------------------------------------------------------------
def product(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """x (n, in) times w (out, in) transposed. oneDNN where it pays on a CPU: PyTorch's default (MKL) reaches less than
    half its speed on AMD processors, and rounds differently for fewer than eight rows. A row that is read alone has no
    neighbours, and is multiplied as transformers does."""
    if x.shape[0] < ONEDNN_ROWS or not onednn_linear or batched(x.device):
        return x @ w.T
    alone = active_plans and active_plans[-1].attend is None
    if x.dtype == w.dtype == torch.float32 and not alone:
        return onednn_linear(x, w, None, "none", [], "")
    return x @ w.T


def add_product(y: torch.Tensor, x: torch.Tensor, w: torch.Tensor, scale: float) -> None:
    """y (n, out) += scale * x (n, in) w (in, out), in place."""
    if y.dtype == x.dtype:
        y.addmm_(x, w, alpha=scale)
    else:
        y.add_((x @ w).to(y.dtype), alpha=scale)


@dataclass(frozen=True, eq=False)
class BySpan:
    """Every adapter multiplies its own stretch, in its own float32."""

    spans: Sequence[Span]

    def add(self, y: torch.Tensor, x: torch.Tensor, layer: int, scale: float) -> list[torch.Tensor]:
        """Add scale * B A x to each adapter's stretch of y, in place; returns the A x for the way back."""
        held = []
        for span in self.spans:
            a, b = span.adapter.matrices[layer]
            h = product(span.of(x, a.dtype), a)
            held.append(h)
            add_product(span.of(y), h, b.T, scale)
        return held

    def pull_back(
        self,
        gx: torch.Tensor | None,
        gy: torch.Tensor,
        x: torch.Tensor,
        held: Sequence[torch.Tensor],
        layer: int,
        scale: float,
    ) -> None:
        """Add the adapters' part to gx, in place, and their gradients to the flat vectors."""
        for span, h in zip(self.spans, held, strict=True):
            a, b = span.adapter.matrices[layer]
            g = span.of(gy, a.dtype)
            gh = product(g, b.T)
            if gx is not None:
                add_product(span.of(gx), gh, a, scale)
            if span.adapter.gradients is not None:
                ga, gb = span.adapter.gradients[layer]
                gb.T.addmm_(h.T, g, alpha=scale)
                ga.addmm_(gh.T, span.of(x, a.dtype), alpha=scale)


# -- all adapters together --------------------------------------------------------------------------------------------
class AdapterBatch:
    """The adapters of a forward as one tensor (n, size) in the precision of its products; None: zeros, the bare base.

    Their gradients are collected in that precision too, and added to the adapters' own in float32 by `collect`.
    """

    def __init__(self, adapters: Sequence[Adapter | None], dtype: torch.dtype) -> None:
        known = next(adapter for adapter in adapters if adapter is not None)
        self.adapters, self.layout = adapters, known.layout
        bare = torch.zeros_like(known.weights.data) if None in adapters else None
        weights = [bare if adapter is None else adapter.weights.data for adapter in adapters]
        self.flat = (weights[0][None] if len(weights) == 1 else torch.stack(weights)).to(dtype)
        self.learning = [i for i, a in enumerate(adapters) if a is not None and a.gradients is not None]
        self._gradient: torch.Tensor | None = None

    def factors(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A (n, r, in) and B transposed (n, r, out) of a layer, views."""
        return self._cut(self.flat, layer)

    def gradients(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What this backward adds up for `factors`, views."""
        if self._gradient is None:
            self._gradient = torch.zeros_like(self.flat)
        return self._cut(self._gradient, layer)

    def _cut(self, flat: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        entry, rank = self.layout.entries[layer], self.layout.rank
        middle = entry.start + rank * entry.in_features
        end = middle + rank * entry.out_features
        a, b = flat[:, entry.start : middle], flat[:, middle:end]
        return a.view(len(flat), rank, -1), b.view(len(flat), rank, -1)

    def collect(self) -> None:
        """Add what was collected to the adapters' own gradients, and begin anew."""
        if self._gradient is None:
            return
        for i in self.learning:  # one by one: a float32 copy of all would be as large again
            self.adapters[i].weights.grad.add_(self._gradient[i])
        self._gradient = None


class Collecting(torch.autograd.Function):
    """What layers get in place of a plain spark: its backward comes behind theirs, and collects their gradients."""

    @staticmethod
    def forward(ctx, spark: torch.Tensor, adapters: AdapterBatch) -> torch.Tensor:
        ctx.adapters = adapters
        return spark.clone()

    @staticmethod
    def backward(ctx, g: torch.Tensor) -> tuple:
        ctx.adapters.collect()
        return None, None


class Stacked:
    """The products of an AdapterBatch with its stretches; how they are made, its two kinds say.

    adapters: of the batch, with `factors` and `gradients` of a layer.
    """

    adapters: AdapterBatch

    def add(self, y: torch.Tensor, x: torch.Tensor, layer: int, scale: float) -> list[torch.Tensor]:
        """As BySpan's: y (tokens, out) += scale * B A x, in place."""
        a, b = self.adapters.factors(layer)
        h = self.times(x, a.transpose(1, 2))
        self.add_times(y, h, b, scale)
        return [h]

    def pull_back(
        self,
        gx: torch.Tensor | None,
        gy: torch.Tensor,
        x: torch.Tensor,
        held: Sequence[torch.Tensor],
        layer: int,
        scale: float,
    ) -> None:
        """As BySpan's, the gradients of A and B into the batch's."""
        (h,), (a, b) = held, self.adapters.factors(layer)
        gh = self.times(gy, b.transpose(1, 2))
        if gx is not None:
            self.add_times(gx, gh, a, scale)
        if self.adapters.learning:
            ga, gb = self.adapters.gradients(layer)
            self.add_gradient(gb, h, gy, scale)
            self.add_gradient(ga, gh, x, scale)

    def times(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Each stretch of x (tokens, k) times its own of w (n, k, m)."""
        raise NotImplementedError

    def add_times(self, y: torch.Tensor, h: torch.Tensor, w: torch.Tensor, scale: float) -> None:
        """y (tokens, m) += scale * what `times` makes of h and w, in place."""
        raise NotImplementedError

    def add_gradient(self, g: torch.Tensor, h: torch.Tensor, x: torch.Tensor, scale: float) -> None:
        """g (n, r, m) += scale * h transposed times x, stretch by stretch, in place; h as `times` gave it."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Even(Stacked):
    """Stretches of one length, (n, tokens): one batched product for all adapters."""

    adapters: AdapterBatch

    def times(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.bmm(self._cut(x), w)

    def add_times(self, y: torch.Tensor, h: torch.Tensor, w: torch.Tensor, scale: float) -> None:
        whole = y.view(len(h), -1, y.shape[-1])
        if y.dtype == h.dtype:
            whole.baddbmm_(h, w, alpha=scale)
        else:
            whole.add_(torch.bmm(h, w), alpha=scale)

    def add_gradient(self, g: torch.Tensor, h: torch.Tensor, x: torch.Tensor, scale: float) -> None:
        g.baddbmm_(h.transpose(1, 2), self._cut(x), alpha=scale)

    def _cut(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(len(self.adapters.flat), -1, x.shape[-1]).to(self.adapters.flat.dtype)


@dataclass(frozen=True, eq=False)
class Ragged(Stacked):
    """Stretches of any lengths, by `grouped_mm`; ends (n,) int32: where each of them ends."""

    adapters: AdapterBatch
    ends: torch.Tensor

    def times(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        dtype = self.adapters.flat.dtype
        return F.grouped_mm(x.to(dtype), w.to(dtype), offs=self.ends)

    def add_times(self, y: torch.Tensor, h: torch.Tensor, w: torch.Tensor, scale: float) -> None:
        y.add_(self.times(h, w), alpha=scale)

    def add_gradient(self, g: torch.Tensor, h: torch.Tensor, x: torch.Tensor, scale: float) -> None:
        g.add_(self.times(h.T, x), alpha=scale)  # grouped_mm of two matrices: one product a stretch


# -- which way --------------------------------------------------------------------------------------------------------
def planned(spans: Sequence[Span], attend, *, total: int, dtype: torch.dtype, device: torch.device) -> Plan:
    """The plan of a forward of so many tokens, with the products that its device does best. dtype: of activations."""
    own = owned(spans)
    one_by_one = Plan(own, attend, BySpan(own))
    if not batched(device) or not own:
        return one_by_one
    stretches = _whole(spans, total)
    sizes = [s.end - s.start for s in stretches]
    if len(set(sizes)) > 1 and not _as_groups(own, dtype, device):
        return one_by_one
    adapters = AdapterBatch([s.adapter for s in stretches], dtype)
    if len(set(sizes)) == 1:
        together = Even(adapters)
    else:
        together = Ragged(adapters, torch.as_tensor(np.cumsum(sizes), dtype=torch.int32, device=device))
    with torch.enable_grad():
        spark = Collecting.apply(torch.zeros((), device=device, requires_grad=True), adapters)
    return Plan(own, attend, together, spark)


def _whole(spans: Sequence[Span], total: int) -> list[Span]:
    """Stretches that cover all tokens; what nobody owns belongs to the bare base."""
    if spans[0].end is None:
        return [Span(spans[0].adapter, 0, total)]
    covered, at = [], 0
    for span in [*spans, Span(None, total, total)]:
        covered += [piece for piece in (Span(None, at, span.start), span) if piece.end > piece.start]
        at = span.end
    return covered


def _as_groups(spans: Sequence[Span], dtype: torch.dtype, device: torch.device) -> bool:
    """Whether `grouped_mm` takes these adapters in one kernel: strides must be multiples of 16 bytes."""
    if not grouped(device, dtype):
        return False
    layout = next(s.adapter.layout for s in spans if s.adapter is not None)
    widths = (layout.rank, *(n for e in layout.entries for n in (e.in_features, e.out_features)))
    return all(n * dtype.itemsize % 16 == 0 for n in widths)


@dataclass(frozen=True, eq=False)
class Evened:
    """Rows of a forward, and where its tokens stand among them. places: None where nothing was filled up."""

    texts: Sequence[np.ndarray]
    shapes: Sequence[Shape | None]
    spans: Sequence[Span]
    places: np.ndarray | None = None


def evened(
    texts: Sequence[np.ndarray],
    shapes: Sequence[Shape | None],
    spans: Sequence[Span],
    dtype: torch.dtype,
    device: torch.device,
) -> Evened:
    """The same rows with others that nobody reads behind each adapter's own, so that all stretches are equally long."""
    as_they_are = Evened(texts, shapes, spans)
    sizes = [s.end - s.start for s in spans]
    most, total = max(sizes), sum(sizes)
    if not batched(device) or len(set(sizes)) == 1 or all(s.adapter is None for s in spans):
        return as_they_are
    if len(spans) * most > MOST_FILLED * total or _as_groups(spans, dtype, device):
        return as_they_are
    if total != sum(map(len, texts)) or [s.start for s in spans] != [0, *np.cumsum(sizes)[:-1]]:
        raise ValueError("the stretches of a forward's adapters do not cover its rows one behind the other")
    ends = np.cumsum([len(t) for t in texts])
    longest = max((len(t) for t, s in zip(texts, shapes, strict=True) if s is None), default=most)
    rows: list[np.ndarray] = []
    kinds: list[Shape | None] = []
    for span, size in zip(spans, sizes, strict=True):
        first, last = np.searchsorted(ends, (span.start, span.end), side="right")
        rows += texts[first:last]
        kinds += shapes[first:last]
        for start in range(size, most, longest):
            rows.append(np.repeat(texts[0][:1], min(longest, most - start)))
            kinds.append(None)
    places = np.concatenate([i * most + np.arange(size) for i, size in enumerate(sizes)])
    return Evened(rows, kinds, [Span(s.adapter, i * most, (i + 1) * most) for i, s in enumerate(spans)], places)
