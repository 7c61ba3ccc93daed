"""Sampling for many adapters at once: one batched decode for every waiting answer.

A prompt is computed once and shared by its answers; finished answers leave the batch; every answer draws by inverse CDF
from its own stream, keyed by (seed, turn, place, row, sample), so what a variant samples does not depend on its
neighbours. A model whose rows cannot be packed writes the answers of one prompt at a time, by transformers' generate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F

from curriculab.engine.adapter import FEWEST
from curriculab.engine.attention import PLAIN, RowAttention
from curriculab.engine.forward import forward, reset_dynamic_positions
from curriculab.engine.model import Model
from curriculab.engine.packing import MICRO_BATCH
from curriculab.engine.plan import Plan, Span, running
from curriculab.engine.products import planned
from curriculab.engine.route import batched
from curriculab.engine.static_decode import UNREAD, StaticDecode
from curriculab.engine.waves import COMPACT, MOST_TOKENS, STRIDE, Prompt, Room, place_bytes, split, waves
from curriculab.registry.progress import ticked


@dataclass(eq=False)
class Written:
    """One answer: tokens with their log-probabilities under the sampling distribution, and why it ended."""

    prompt: int
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    ended: str = "length"


def write(
    model: Model,
    prompts: Sequence[Prompt],
    *,
    cache_tokens: int | None = None,
    cache_bytes: int | None = None,
    budget: int = MICRO_BATCH,
) -> list[list[Written]]:
    """Continue every prompt `n` times; answers per prompt, in the order of the prompts.

    cache_tokens: of prompts and answers at once; cache_bytes: of their keys and values (each None: no limit of that
    kind, but of both: the usual tokens); budget: tokens of prompts in one forward.
    """
    if cache_tokens is None and cache_bytes is None:
        cache_tokens = MOST_TOKENS[model.device.type]
    places = math.inf if cache_bytes is None else cache_bytes // place_bytes(model)
    room = Room(places, cache_tokens or math.inf, not batched(model.device))
    answers: list[list[Written]] = [[] for _ in prompts]
    origin, parts = zip(*split(prompts, room), strict=True) if prompts else ((), ())
    with torch.no_grad():
        together = [i for i, prompt in enumerate(parts) if _joins(model, prompt)]
        written: dict[int, list[Written]] = {i: [] for i in range(len(parts))}
        for i in ticked(sorted(set(range(len(parts))) - set(together))):
            written[i] = _write_one_prompt(model, i, parts[i])
        for wave in ticked(waves(parts, together, room)):
            for answer in _write_wave(model, parts, wave, budget):
                written[answer.prompt].append(answer)
    for at, own in written.items():
        for answer in own:
            answer.prompt = origin[at]
            answers[origin[at]].append(answer)
    return answers


def _joins(model: Model, prompt: Prompt) -> bool:
    """Whether a prompt is decoded with others: not where rows are read one at a time, or positions turn otherwise."""
    return model.packed and (model.border is None or len(prompt.tokens) + prompt.max_new_tokens <= model.border)


class _Cache(RowAttention):
    """Attention over the prompts that keeps their keys and values, then over one new token an answer."""

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        super().__init__(lengths, device)
        self.kept: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.lengths = np.asarray(lengths)

    def __call__(self, layer, q, k, v, scaling, window, scores=PLAIN):
        self.kept[layer] = (k.transpose(0, 1), v.transpose(0, 1))  # (n, heads, dim), packed
        return super().__call__(layer, q, k, v, scaling, window, scores)

    def keep_prompts(self, lengths: Sequence[int]) -> None:
        """Leave the prompts of these lengths alone: without the pads of a tiny batch, or what was filled in."""
        self.lengths = np.asarray(lengths)
        for layer, (k, v) in self.kept.items():
            if self.places is None:
                self.kept[layer] = k[: self.lengths.sum()], v[: self.lengths.sum()]
            else:
                at = torch.as_tensor(self.places, device=k.device)
                self.kept[layer] = k[at], v[at]


class _Decode:
    """Attention of every answer still being written, over what it has read and written itself.

    Answers of like final length stand together, so that a short one does not pay for the longest.
    """

    def __init__(self, seen: _Cache, owner: np.ndarray, final: np.ndarray) -> None:
        """owner: the prompt of each answer; final: the most tokens it may come to, prompt included; (answers,)."""
        self.length = torch.as_tensor(seen.lengths[owner], device=seen.device)
        size = np.ceil(np.log2(final / STRIDE)).clip(0)
        self.parts = []
        for s in np.unique(size):
            rows = np.flatnonzero(size == s)
            places = -(-int(final[rows].max()) // STRIDE) * STRIDE
            self.parts.append(_Part(rows, seen, owner[rows], places))

    def prepare(self) -> None:
        """Once per token: where it goes, and what it may not look at."""
        for part in self.parts:
            part.prepare(self.length)

    def __call__(self, layer, q, k, v, scaling, window, scores=PLAIN):
        """q (heads, answers, dim) -> (answers, heads, dim)."""
        b = len(self.length)
        own = [x.transpose(0, 1)[:b] for x in (q, k, v)]  # pads of a tiny batch fall off
        if len(self.parts) == 1:
            out = self.parts[0](layer, *own, scaling, window, scores)
        else:
            out = own[0].new_empty((*own[0].shape[:2], own[2].shape[2]))
            for part in self.parts:
                out[part.rows] = part(layer, *(x[part.rows] for x in own), scaling, window, scores)
        return out if b >= FEWEST else torch.cat([out, out[:1].expand(FEWEST - b, -1, -1)])

    def keep(self, stay: torch.Tensor) -> None:
        """Only the answers at these places go on, (staying,)."""
        self.length = self.length[stay]
        for part in self.parts:
            part.keep(stay)
        self.parts = [part for part in self.parts if len(part.rows)]


class _Part:
    """Keys and values of the answers at some places of the batch: (answers, heads, places, dim) per layer."""

    def __init__(self, rows: np.ndarray, seen: _Cache, owner: np.ndarray, places: int) -> None:
        device = seen.device
        held = seen.lengths[owner]  # prompt tokens of each answer
        starts = np.concatenate([[0], np.cumsum(seen.lengths)[:-1]])[owner]
        to, at = np.repeat(np.arange(len(owner)), held), np.concatenate([np.arange(n) for n in held])
        source = torch.as_tensor(np.repeat(starts, held) + at, device=device)
        to, at = torch.as_tensor(to, device=device), torch.as_tensor(at, device=device)
        self.rows, self.layers = torch.as_tensor(rows, device=device), {}
        for layer, pair in seen.kept.items():
            room = [x.new_zeros(len(owner), x.shape[1], places, x.shape[2]) for x in pair]
            for full, x in zip(room, pair, strict=True):
                full[to, :, at] = x[source]
            self.layers[layer] = tuple(room)

    def prepare(self, length: torch.Tensor) -> None:
        self.length = length[self.rows]
        self.each = torch.arange(len(self.rows), device=length.device)
        self.until = -(-int(self.length.max() + 1) // STRIDE) * STRIDE
        self.place = torch.arange(self.until, device=length.device)[None]
        self.hidden = (self.place > self.length[:, None])[:, None, None]

    def __call__(self, layer, q, k, v, scaling, window, scores):
        """q (answers, heads, dim) -> (answers, heads, dim of v); fused kernels are slow for one query."""
        keys, values = self.layers[layer]
        keys[self.each, :, self.length] = k
        values[self.each, :, self.length] = v
        hidden = self.hidden
        if window is not None:
            hidden = hidden | (self.place <= self.length[:, None] - window)[:, None, None]
        grouped = q.reshape(len(q), k.shape[1], -1, q.shape[-1])  # query heads that share a key head
        products = (grouped @ keys[:, :, : self.until].transpose(2, 3)) * (scaling or q.shape[-1] ** -0.5)
        if scores.plain:
            p = torch.softmax(products.masked_fill_(hidden, -torch.inf), dim=-1, dtype=torch.float32)
        else:  # a sink is one of each query head
            p = scores.weights(products.view(len(q), q.shape[1], 1, -1), hidden, None).view(products.shape)
        return (p.to(v.dtype) @ values[:, :, : self.until]).reshape(len(q), q.shape[1], -1)

    def keep(self, stay: torch.Tensor) -> None:
        at = torch.searchsorted(stay, self.rows).clamp(max=len(stay) - 1)  # new places, where they stay
        mine = stay[at] == self.rows
        self.rows = at[mine]
        for i, (k, v) in self.layers.items():  # one after the other: two whole caches would not fit side by side
            self.layers[i] = (k[mine], v[mine])


def _write_wave(model: Model, prompts: Sequence[Prompt], wave: list[int], budget: int) -> list[Written]:
    if batched(model.device):
        return _write_in_steps(model, prompts, wave, budget)
    device = model.device
    own = [prompts[i] for i in wave]
    logits, seen = _read_prompts(model, own, budget)
    owner = np.repeat(np.arange(len(own)), [p.n for p in own])
    final = np.array([len(p.tokens) + p.max_new_tokens + COMPACT for p in own])  # finished answers overrun a little
    cache = _Decode(seen, owner, final[owner])
    del seen  # its keys and values stand in the answers' caches now
    answers = [Written(wave[o]) for o in owner]
    noise = _noise(own)
    temperature = torch.as_tensor([own[o].temperature for o in owner], device=device, dtype=torch.float32)
    limit = np.array([own[o].max_new_tokens for o in owner])
    held, done = np.arange(len(answers)), np.zeros(len(answers), bool)
    logits = logits[torch.as_tensor(owner, device=device)]
    for step in ticked(range(int(limit.max()))):
        u = torch.as_tensor(noise[held, step], device=device)
        token, logprob, spread = draw(logits, temperature[torch.as_tensor(held, device=device)], u)
        for i, t, lp, h in zip(held, token.tolist(), logprob.tolist(), spread.tolist(), strict=True):
            if not done[i]:
                done[i] = _grown(model, answers[i], own[owner[i]], t, lp, h)
        if done.all():
            break
        if step % COMPACT == COMPACT - 1 and done[held].any():
            stay = torch.as_tensor(np.flatnonzero(~done[held]), device=device)
            cache.keep(stay)
            held, token = held[~done[held]], token[stay]
        logits = _one_more(model, cache, token, [own[o] for o in owner[held]])
    return answers


def _write_in_steps(model: Model, prompts: Sequence[Prompt], wave: list[int], budget: int) -> list[Written]:
    """The same in steps of fixed shapes, with a look at what was written every few tokens."""
    own = [prompts[i] for i in wave]
    logits, seen = _read_prompts(model, own, budget)
    owner = np.repeat(np.arange(len(own)), [p.n for p in own])
    longest = max(len(p.tokens) + p.max_new_tokens for p in own) + UNREAD  # finished answers overrun a little
    decode = StaticDecode(
        model,
        seen.kept,
        seen.lengths,
        owner,
        [p.adapter for p in own],
        places=-(-longest // STRIDE) * STRIDE,
        temperature=np.array([own[o].temperature for o in owner]),
        noise=_noise(own),
    )
    del seen  # its keys and values stand in the answers' caches now
    answers, live = [Written(wave[o]) for o in owner], np.arange(len(owner))
    decode.begin(logits)
    while True:
        for _ in range(UNREAD - 1):
            decode.advance()
        blocks = decode.read()
        live = np.array([i for i in live if not _extended(model, answers[i], own[owner[i]], blocks[i])])
        if not len(live):
            return answers
        decode.keep(live)
        decode.advance()


def _extended(model: Model, answer: Written, prompt: Prompt, block: np.ndarray) -> bool:
    """Add what was written, (3, tokens), up to the end of the answer; is it finished? Where no stop is in the text of
    all of it, none is looked for token by token."""
    tokens = block[0].astype(int).tolist()
    if prompt.stop and _stopped(model, answer.tokens + tokens, prompt.stop, len(tokens)) is None:
        prompt = replace(prompt, stop=())
    return any(_grown(model, answer, prompt, *each) for each in zip(tokens, *block[1:].tolist(), strict=True))


def _grown(model: Model, answer: Written, prompt: Prompt, token: int, logprob: float, entropy: float) -> bool:
    """Add one token to an answer; is it finished?"""
    answer.tokens.append(token)
    answer.logprobs.append(logprob)
    answer.entropies.append(entropy)
    if token in model.texts.ends:
        answer.ended = "eos"
    elif (stop := _stopped(model, answer.tokens, prompt.stop)) is not None:
        answer.ended = stop
    else:
        return len(answer.tokens) >= prompt.max_new_tokens
    return True


def _read_prompts(model: Model, own: list[Prompt], budget: int) -> tuple[torch.Tensor, _Cache]:
    """Logits behind every prompt (prompts, vocabulary), and the keys and values of all their tokens; `budget` tokens in
    a forward, or one prompt of more."""
    parts: list[list[Prompt]] = []
    size = budget + 1
    for prompt in own:
        if size + len(prompt.tokens) > budget:
            parts.append([])
            size = 0
        parts[-1].append(prompt)
        size += len(prompt.tokens)
    logits, seen = zip(*(_read_some(model, part) for part in parts), strict=True)
    return (logits[0] if len(parts) == 1 else torch.cat(logits)), _joined(seen)


def _read_some(model: Model, own: list[Prompt]) -> tuple[torch.Tensor, _Cache]:
    lengths = [len(p.tokens) for p in own]
    last = np.cumsum(lengths) - 1
    seen: list[_Cache] = []

    def attention(rows: Sequence[int], device: torch.device) -> _Cache:
        seen.append(_Cache(rows, device))
        return seen[-1]

    logits = forward(model, [p.tokens for p in own], _spans(own, lengths), last, grad=False, attention=attention)
    seen[0].keep_prompts(lengths)
    return logits, seen[0]


def _joined(seen: Sequence[_Cache]) -> _Cache:
    """The keys and values of several forwards behind each other, layer by layer, so that few stand there twice."""
    whole, *others = seen
    if not others:
        return whole
    for layer in list(whole.kept):
        keys, values = [], []
        for cache in seen:
            k, v = cache.kept.pop(layer)
            keys.append(k)
            values.append(v)
        whole.kept[layer] = torch.cat(keys), torch.cat(values)
    whole.lengths = np.concatenate([cache.lengths for cache in seen])
    return whole


def _one_more(model: Model, cache: _Decode, token: torch.Tensor, own: list[Prompt]) -> torch.Tensor:
    """Logits (answers, vocabulary) after one more token of every answer."""
    cache.prepare()
    b, short = len(token), max(0, FEWEST - len(token))
    position = torch.cat([cache.length, cache.length[:1].expand(short)])[None]
    token = torch.cat([token, token[:1].expand(short)])[None]
    with running(_planned(model, _spans(own, [1] * b), cache, b + short)):
        out = model.base(input_ids=token, position_ids=position, use_cache=False)
    cache.length = cache.length + 1
    return out.logits[0, :b].float()


def _planned(model: Model, spans: Sequence[Span], attend: object, total: int) -> Plan:
    dtype = model.base.get_input_embeddings().weight.dtype
    return planned(spans, attend, total=total, dtype=dtype, device=model.device)


def _spans(own: Sequence[Prompt], lengths: Sequence[int]) -> list[Span]:
    spans, at = [], 0
    for prompt, n in zip(own, lengths, strict=True):
        if spans and spans[-1].adapter is prompt.adapter:
            spans[-1].end = at + n
        else:
            spans.append(Span(prompt.adapter, at, at + n))
        at += n
    return spans


def draw(
    logits: torch.Tensor, temperature: torch.Tensor, u: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One token a row by inverse CDF of `u` in [0, 1) (the likeliest at temperature 0), its log-probability and the
    entropy (nats) under the distribution drawn from; logits (b, v), temperature and u (b,)."""
    greedy = temperature <= 0
    logp = F.log_softmax(logits / torch.where(greedy, 1.0, temperature)[:, None], dim=-1)
    p = logp.exp()
    cumulative = p.double().cumsum(-1)
    drawn = torch.searchsorted(cumulative, (u.double() * cumulative[:, -1])[:, None], right=True)[:, 0]
    token = torch.where(greedy, logits.argmax(-1), drawn.clamp(max=logits.shape[-1] - 1))
    return token, logp.gather(1, token[:, None])[:, 0], -(p * logp).sum(-1)


def _noise(own: Sequence[Prompt]) -> np.ndarray:
    """Uniform draws (answers, tokens), each row from the stream of its own answer; zeros where nothing is drawn."""
    noise = np.zeros((sum(p.n for p in own), max(p.max_new_tokens for p in own)))
    at = 0
    for p in own:
        for i in range(p.n if p.temperature > 0 else 0):
            rng = np.random.default_rng([*p.stream, p.first + i])
            noise[at + i, : p.max_new_tokens] = rng.random(p.max_new_tokens)
        at += p.n
    return noise


def _stopped(model: Model, tokens: list[int], stop: tuple[str, ...], new: int = 1) -> str | None:
    """The stop that the last tokens spell, `new` of which were not looked at before."""
    if not stop:
        return None
    longest = max(map(len, stop))
    tail = model.tokenizer.decode(tokens[-(4 * longest + new - 1) :])  # a character takes at most four byte tokens
    return next((s for s in stop if s in tail), None)


# -- one prompt at a time ---------------------------------------------------------------------------------------------
class _Chooser:
    """Draws the next token of every answer to a prompt, as the packed decode does, and leaves generate no other.

    It stands among generate's logits processors: (answers, prompt and so far), scores (answers, vocabulary).
    """

    def __init__(self, model: Model, at: int, prompt: Prompt) -> None:
        self.model, self.prompt, self.noise, self.step = model, prompt, _noise([prompt]), 0
        self.answers = [Written(at) for _ in range(prompt.n)]
        self.done = np.zeros(prompt.n, bool)
        self.temperature = torch.full((prompt.n,), float(prompt.temperature), device=model.device)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        u = torch.as_tensor(self.noise[:, self.step], device=scores.device)
        token, logprob, spread = draw(scores.float(), self.temperature, u)
        for i, t, lp, h in zip(range(len(token)), token.tolist(), logprob.tolist(), spread.tolist(), strict=True):
            if not self.done[i]:
                self.done[i] = _grown(self.model, self.answers[i], self.prompt, t, lp, h)
        self.step += 1
        return torch.full_like(scores, -torch.inf).scatter_(1, token[:, None], 0.0)

    def finished(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        """Which answers are at their end, (answers,)."""
        return torch.as_tensor(self.done, device=input_ids.device)


def _write_one_prompt(model: Model, at: int, prompt: Prompt) -> list[Written]:
    """The answers to one prompt by transformers' generate, with the cache that this architecture has."""
    from transformers import GenerationConfig

    chooser, base = _Chooser(model, at, prompt), model.base
    ids = torch.as_tensor(prompt.tokens, device=model.device).repeat(prompt.n, 1)
    plain = GenerationConfig(max_new_tokens=prompt.max_new_tokens, do_sample=False, pad_token_id=0, use_cache=True)
    if model.border is not None:
        reset_dynamic_positions(base)
    kept, base.generation_config = base.generation_config, plain  # its own would add penalties and ends
    packing = base.config._attn_implementation
    base.set_attn_implementation(model.own_attention)
    try:
        with running(_planned(model, [Span(prompt.adapter, 0, None)], None, prompt.n)):
            base.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                logits_processor=[chooser],
                stopping_criteria=[chooser.finished],
            )
    finally:
        base.generation_config = kept
        base.set_attn_implementation(packing)
    return chooser.answers
