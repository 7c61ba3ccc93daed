"""Decoding with fixed shapes, for devices where kernels count: a token of all answers is one step that never asks the
host, so that a CUDA graph can replay it.

Answers stand in (adapters, most answers of one) places, so that adapters are one batched product; an adapter with fewer
answers writes one of them several times. Keys and values have room for the longest answer from the beginning. The host
looks every few tokens at what was written (`read`); when so many answers are finished that half the places would do,
the others move together (`keep`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from curriculab.engine.adapter import Adapter
from curriculab.engine.attention import PLAIN, Scores
from curriculab.engine.model import Model
from curriculab.engine.plan import Span, running
from curriculab.engine.products import planned
from curriculab.registry.warning import warn

UNREAD = 4  # tokens that are written between two looks of the host
REACH = 256  # attention looks at a multiple of so many places; a graph is captured anew when it grows
Capture = Callable[[Callable[[], None]], Callable[[], None]]

PART = 512  # tokens of the vocabulary whose probabilities are added up together


class StaticDecode:
    """A wave of answers being written, and the attention of their newest tokens over all before.

    kept: keys and values of all prompts' tokens by layer, (tokens, heads, dim) each; lengths: tokens of each prompt;
    owner (answers,): the prompt of each; adapters: of each prompt; places: the most tokens of an answer, prompt
    included; temperature (answers,); noise (answers, tokens): uniform draws.
    """

    def __init__(
        self,
        model: Model,
        kept: Mapping[int, tuple[torch.Tensor, torch.Tensor]],
        lengths: np.ndarray,
        owner: np.ndarray,
        adapters: Sequence[Adapter | None],
        *,
        places: int,
        temperature: np.ndarray,
        noise: np.ndarray,
    ) -> None:
        self.model, self.device, self.places = model, model.device, places
        self.adapters = [adapters[o] for o in owner]
        self.held = np.asarray(lengths)[owner]  # tokens of each answer, prompt included
        self.owner, answers = owner, self._arrange(np.arange(len(owner)))
        self.length = self._here(self.held[answers])
        self.temperature = self._here(temperature[answers], torch.float32)
        self.noise = self._here(np.pad(noise[answers], ((0, 0), (0, UNREAD))))
        self.token = torch.zeros_like(self.length)
        self.at = torch.zeros(1, dtype=torch.int64, device=self.device)  # tokens drawn, but for the newest
        self.record = torch.zeros(3, len(answers), UNREAD, dtype=torch.float64, device=self.device)
        self.capture = captured if self.device.type == "cuda" else None
        self.layers = self._filled(kept, np.asarray(lengths), owner[answers])
        self._begin()

    def _here(self, x: np.ndarray, dtype: torch.dtype | None = None) -> torch.Tensor:
        return torch.as_tensor(x, dtype=dtype, device=self.device)

    def _arrange(self, answers: np.ndarray) -> np.ndarray:
        """Give these answers their places; returns the answer at each place."""
        owners: dict[int, list[int]] = {}
        for answer in answers:
            owners.setdefault(id(self.adapters[answer]), []).append(int(answer))
        most = max(map(len, owners.values()))
        self.rows = [self.adapters[own[0]] for own in owners.values()]
        self.most, self.place = (
            most,
            {a: i * most + k for i, own in enumerate(owners.values()) for k, a in enumerate(own)},
        )
        return np.array([own[k] if k < len(own) else own[0] for own in owners.values() for k in range(most)])

    def _filled(
        self, kept: Mapping[int, tuple[torch.Tensor, torch.Tensor]], lengths: np.ndarray, owner: np.ndarray
    ) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
        """Each answer's own copy of its prompt's keys and values, (answers, heads, places, dim)."""
        held = lengths[owner]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])[owner]
        at = np.concatenate([np.arange(n) for n in held])
        source, to = self._here(np.repeat(starts, held) + at), self._here(np.repeat(np.arange(len(owner)), held))
        layers = {}
        for layer, pair in kept.items():
            room = [x.new_zeros(len(owner), x.shape[1], self.places, x.shape[2]) for x in pair]
            for full, x in zip(room, pair, strict=True):
                full[to, :, self._here(at)] = x[source]
            layers[layer] = tuple(room)
        return layers

    def _begin(self) -> None:
        """What holds until answers move: the plan, and steps that may be replayed."""
        spans = [Span(adapter, i * self.most, (i + 1) * self.most) for i, adapter in enumerate(self.rows)]
        dtype = self.model.base.get_input_embeddings().weight.dtype
        self.plan = planned(spans, self, total=len(self.length), dtype=dtype, device=self.device)
        self.each = torch.arange(self.places, device=self.device)
        self.steps: dict[int, Replayed] = {}

    # -- the host's side ----------------------------------------------------------------------------------------------
    def begin(self, logits: torch.Tensor) -> None:
        """Draw the first tokens from the logits behind every prompt (prompts, vocabulary)."""
        self._draw(logits[self._here(self.owner[self._arrange(np.arange(len(self.owner)))])])
        self.drawn = 1

    def advance(self) -> None:
        """Write one more token of every answer; the host waits for nothing."""
        longest = int(self.held.max()) + self.drawn
        self.reach = min(self.places, -(-longest // REACH) * REACH)
        if self.reach not in self.steps:
            self.steps[self.reach] = Replayed(self.step, self.capture)
        if not self.steps[self.reach]():
            self.capture = None
        self.drawn += 1

    def read(self) -> dict[int, np.ndarray]:
        """Tokens, log-probabilities and entropies (3, tokens) that each answer got since the host last looked."""
        written = self.record.cpu().numpy()
        n = (self.drawn - 1) % UNREAD + 1
        return {answer: written[:, place, :n] for answer, place in self.place.items()}

    def keep(self, answers: np.ndarray) -> None:
        """Only these answers go on. They stay where they are unless half the places would do."""
        counts: dict[int, int] = {}
        for answer in answers:
            counts[id(self.adapters[answer])] = counts.get(id(self.adapters[answer]), 0) + 1
        before = self.place
        self.held[np.setdiff1d(np.arange(len(self.held)), answers)] = 0  # what is finished needs no room
        if 2 * len(counts) * max(counts.values()) > len(self.length):
            self.place = {a: before[a] for a in answers}
            return
        stay = self._here(np.array([before[a] for a in self._arrange(answers)]))
        for name in ("length", "token", "temperature", "noise"):
            setattr(self, name, getattr(self, name)[stay])
        self.record = self.record[:, stay]
        for layer, (k, v) in self.layers.items():  # one after the other: two whole caches would not fit side by side
            self.layers[layer] = (k[stay], v[stay])
        self._begin()

    # -- the device's side --------------------------------------------------------------------------------------------
    def step(self) -> None:
        """One more token of every answer: no shape depends on data, nothing is read back."""
        self._once: dict[tuple, torch.Tensor] = {}  # what all layers share
        with running(self.plan):
            out = self.model.base(input_ids=self.token[None], position_ids=self.length[None], use_cache=False)
        self.length += 1
        self.at += 1
        self._draw(out.logits[0].float())

    def _draw(self, logits: torch.Tensor) -> None:
        u = self.noise.index_select(1, self.at)[:, 0]
        token, logprob, entropy = draw_in_parts(logits, self.temperature, u)
        self.token.copy_(token)
        drawn = torch.stack([token.double(), logprob.double(), entropy.double()])
        self.record.index_copy_(2, self.at % UNREAD, drawn[..., None])

    def __call__(
        self, layer: int, q, k, v, scaling: float | None, window: int | None, scores: Scores = PLAIN
    ) -> torch.Tensor:
        """q (heads, answers, dim), k and v with as many heads or fewer -> (answers, heads, dim of v)."""
        keys, values = self.layers[layer]
        b, heads, own = q.shape[1], q.shape[0], k.shape[0]
        at = self._shared(("at", own), lambda: self._places(own))
        for room, x in ((keys, k), (values, v)):
            room.view(-1, x.shape[-1]).index_copy_(0, at, x.transpose(0, 1).reshape(b * own, -1))
        keys, values = (x.flatten(0, 1)[:, : self.reach] for x in (keys, values))
        grouped = q.transpose(0, 1).reshape(b * own, heads // own, -1)  # query heads that share a key head
        scale = scaling or q.shape[-1] ** -0.5
        if scores.plain:
            added = self._shared(("hidden", window, own, q.dtype), lambda: self._hidden(window, own, q.dtype))
            products = torch.baddbmm(added.expand(-1, heads // own, -1), grouped, keys.transpose(1, 2), alpha=scale)
            p = torch.softmax(products, dim=-1)
        else:
            added = self._shared(("hidden", window, 1, q.dtype), lambda: self._hidden(window, 1, q.dtype))
            products = torch.bmm(grouped, keys.transpose(1, 2)) * scale
            p = scores.weights(products.view(b, heads, 1, -1), None, added[:, None]).view(products.shape).to(v.dtype)
        return torch.bmm(p, values).view(b, heads, -1)

    def _shared(self, name: tuple, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        if name not in self._once:
            self._once[name] = make()
        return self._once[name]

    def _places(self, heads: int) -> torch.Tensor:
        """Where each answer's newest token goes, of every head, (answers * heads,)."""
        rows = torch.arange(len(self.length) * heads, device=self.device) * self.places
        return rows + self.length.repeat_interleave(heads)

    def _hidden(self, window: int | None, heads: int, dtype: torch.dtype) -> torch.Tensor:
        """What is added to scores, (answers * heads, 1, reach): nothing can be seen behind the newest token."""
        each, newest = self.each[: self.reach], self.length[:, None]
        hidden = each > newest
        if window is not None:
            hidden = hidden | (each <= newest - window)
        added = torch.zeros_like(hidden, dtype=dtype).masked_fill_(hidden, -torch.inf)
        return added.repeat_interleave(heads, 0)[:, None] if heads > 1 else added[:, None]


class Replayed:
    """A step that is run, and from its second time on replayed as a CUDA graph where there is CUDA.

    The first run sets up what a capture must not (handles, workspaces). A step that cannot be captured, for a model
    that asks the host or has shapes of its own, is run each time.
    """

    def __init__(self, step: Callable[[], None], capture: Capture | None) -> None:
        self.run, self.capture, self.times = step, capture, 0

    def __call__(self) -> bool:
        """Take the step; False where it could not be captured just now."""
        self.times += 1
        fine = True
        if self.times == 2 and self.capture is not None:
            try:
                self.run = self.capture(self.run)
            except RuntimeError as error:
                fine, why = False, str(error).partition("\n")[0]
                warn(f"decoding is not replayed as a CUDA graph, which is slower: {why}")
        self.run()
        return fine


def captured(step: Callable[[], None]) -> Callable[[], None]:
    """The replay of a step's kernels; capturing runs none of them. Other threads, of a notebook, are left alone."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        step()
    return graph.replay


def draw_in_parts(
    logits: torch.Tensor, temperature: torch.Tensor, u: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One token a row by inverse CDF of `u` in [0, 1) (the likeliest at temperature 0), its log-probability and the
    entropy (nats) under the distribution drawn from; logits (b, v), temperature and u (b,).

    Sums are in float64, first of parts of the vocabulary, then inside the one that `u` falls into, so that no
    cumulative sum is as large as the logits.
    """
    b, v = logits.shape
    greedy = temperature <= 0
    logp = F.log_softmax(logits / torch.where(greedy, 1.0, temperature)[:, None], dim=-1)
    p = logp.exp()
    entropy = -(p * logp).sum(-1)
    parts = F.pad(p, (0, -v % PART)).view(b, -1, PART)
    mass = parts.sum(-1, dtype=torch.float64)
    until = mass.cumsum(-1)
    goal = _below(u.double() * until[:, -1], until[:, -1])[:, None]
    part = torch.searchsorted(until, goal, right=True)
    rest = goal - (until - mass).gather(1, part)
    inside = parts.gather(1, part[..., None].expand(-1, -1, PART))[:, 0].double().cumsum(-1)
    place = torch.searchsorted(inside, _below(rest[:, 0], inside[:, -1])[:, None], right=True)
    token = torch.where(greedy, logits.argmax(-1), (part * PART + place)[:, 0])
    return token, logp.gather(1, token[:, None])[:, 0], entropy


def _below(goal: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """At least 0 and less than the total, whatever was rounded: then what it falls into has a probability."""
    return torch.minimum(goal, total * (1 - 2**-50)).clamp(min=0)
