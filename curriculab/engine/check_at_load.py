"""Is a model computed right? Its rows through our forward, against its own forward, a row at a time.

Two adapters with weights, packed rows that share a prompt, rows of both adapters in one forward and a short decode are
held against the same module with PEFT's LoRA and the attention that it was loaded with. Where they differ by more than
the precision explains, rows go through the model's own forward one at a time; where that differs too, it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from platformdirs import user_cache_path

from curriculab.engine.adapter import Adapter
from curriculab.engine.attention import install
from curriculab.engine.generation import Prompt, write
from curriculab.engine.model import Model
from curriculab.engine.packing import read_tokens, work_of
from curriculab.engine.texts import Text
from curriculab.registry.fingerprint import modules, versions
from curriculab.registry.warning import warn
from curriculab.registry.writing import write_whole
from curriculab.runs import digest_of

SHARED, PROMPT = 20, 7  # tokens of a prompt that two rows share, and of another
WRITTEN, CONTINUED = 4, (4, 9, 5)  # tokens that are written behind these, and of what follows in each of the three rows
LONG = 44  # tokens of a row that is not written
WINDOW = {"cpu": 1100, "cuda": 8300}  # the longest such row, so that it is longer than a window (Gemma 3: 1,024)
COMPARED = 40  # tokens of it that are compared, at its end
SHAKE = 0.02  # standard deviation of what is added to the weights of the two adapters, whose B is zero at first

EXACT = 1e-3  # nats at float32; right builds of 76 architectures come to 3e-6, SmolLM2-135M to 3e-5, wrong ones to 0.04
SPREAD = 3.0  # at 16 bits: times what the model's own forward differs by, of the same rows, from itself


@dataclass(frozen=True)
class Found:
    """How far our forward is from the model's own, nats, and how far it may be."""

    apart: float
    allowed: float

    @property
    def right(self) -> bool:
        return self.apart <= self.allowed  # not a number is not right


def may_be_packed(base: torch.nn.Module) -> bool:
    """Whether a model carries no state from token to token; whether its attention lets itself be replaced is tried."""
    return not getattr(base, "_is_stateful", False)


def checked(model: Model) -> Model:
    """The model with the way that its rows are read right: packed, else one at a time; refused where neither is.

    What was found is kept in the user's cache under all that decides it, so that it is looked for once.
    """
    note = _note(model)
    known = _read(note)
    if known is None:
        known = _tried(model)
        _keep(note, known)
    model.packed, model.apart = known["packed"], known["apart"]
    attend(model)
    if not model.packed:
        kind = model.base.config.model_type
        warn(f"{kind!r} reads one row at a time, by its own forward, which is slower: {known['why']}")
    return model


def _tried(model: Model) -> dict[str, object]:
    """Which way is right, how far it is from the model's own forward, and why not the other way."""
    kind, reasons = model.base.config.model_type, []
    if not model.packed:
        reasons.append("it carries a state from token to token, which cannot be told where a packed row ends")
    for packed in (True, False) if model.packed else (False,):
        model.packed = packed
        try:
            found = probe(model)
        except Exception as error:  # whatever an architecture runs into that was not made for this
            reasons.append(_one_line(error))
            continue
        if found.right:
            return {"packed": packed, "apart": found.apart, "why": reasons[0] if reasons else ""}
        reasons.append(f"{found.apart:.1e} nats from the model's own forward, at most {found.allowed:.1e} is rounding")
    try:
        _own(model, _random(_ordinary(model), PROMPT, 0), np.arange(1, PROMPT))
    except ForwardFailed as error:
        raise ValueError(f"{model.name!r} ({kind}) cannot be used: its own forward fails ({error})") from error
    raise ValueError(f"{model.name!r} ({kind}) is not computed right, not even a row at a time: {reasons[-1]}")


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def _note(model: Model) -> Path:
    """Where the result is kept: a file named by the model and by the code and the libraries that compute it."""
    code = modules(__name__, "curriculab.engine.linear", "curriculab.engine.lora")
    decisive = {"model": model.digest(), "packed": model.packed, "code": code, "versions": versions()}
    return user_cache_path("curriculab") / "load" / f"{digest_of(decisive)}.json"


def _read(note: Path) -> dict[str, object] | None:
    try:
        known = json.loads(note.read_text())
        return {"packed": bool(known["packed"]), "apart": float(known["apart"]), "why": str(known["why"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(note: Path, known: dict[str, object]) -> None:
    with suppress(OSError):  # a home that cannot be written: looked for again next time
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps(known).encode())


class ForwardFailed(RuntimeError):
    """The model's own forward does not run."""


@dataclass(frozen=True)
class Row:
    """A row, the number of the adapter that it goes through, and the log-probabilities (nats) that the first of its
    learned tokens were written with."""

    text: Text
    adapter: int
    written: tuple[float, ...] = ()


def probe(model: Model) -> Found:
    """Compare our forward with the model's own.

    The first adapter writes two answers behind one prompt, the second one behind another; with more tokens behind them
    these are three of the rows. The fourth is longer than the window that attention slides, where there is one.
    """
    adapters = [_shaken(model, seed) for seed in (0, 1)]
    attend(model)
    rows = _rows(model, adapters)
    own = [r.text for r in rows if r.adapter == 0], [r.text for r in rows if r.adapter == 1]
    read = read_tokens(model, [work_of(model, a, texts) for a, texts in zip(adapters, own, strict=True)])
    ours = [-nll for texts in read for nll in texts]  # in the order of the rows
    try:
        model.base.set_attn_implementation(model.own_attention)
        right, apart = [], []
        for k, adapter in enumerate(adapters):
            _lend(model, adapter)
            right += [_own(model, r.text.tokens, r.text.targets) for r in rows if r.adapter == k]
        for row, mine, theirs in zip(rows, ours, right, strict=True):
            apart += [mine - theirs, np.asarray(row.written) - theirs[: len(row.written)]]
        difference = np.abs(np.concatenate(apart))
        if _half(model):
            spread = _spread(model, own[1], np.concatenate(right[len(own[0]) :]))
            return Found(float(difference.mean()), max(SPREAD * spread, EXACT))
        return Found(float(difference.max()), EXACT)
    finally:
        _lend(model, Adapter.zero(model.layout, model.device))
        attend(model)


def attend(model: Model) -> None:
    """Give a model the attention that its rows are read with."""
    kernel = model.recipe.attn_implementation
    if model.packed:
        install(model.base, kernel)
    else:
        model.base.set_attn_implementation(kernel or model.own_attention)


def _half(model: Model) -> bool:
    return model.recipe.dtype != "float32"


def _rows(model: Model, adapters: Sequence[Adapter]) -> list[Row]:
    """Three rows that were written and went on at random, and one that is not written."""
    known, most = _ordinary(model), min(model.positions, model.border or model.positions)
    shared, other = (_random(known, min(n, most // 2), i) for i, n in enumerate((SHARED, PROMPT)))
    asked = [Prompt(shared, adapters[0], 2, 0.0, WRITTEN, (), (0, 0))]
    asked.append(Prompt(other, adapters[1], 1, 0.0, WRITTEN, (), (0, 1)))
    rows, answers = [], write(model, asked)
    for k, prompt in enumerate((shared, other)):
        for answer in answers[k]:
            rest = _random(known, CONTINUED[len(rows)], 2 + len(rows))
            tokens = np.concatenate([prompt, answer.tokens, rest]).astype(np.int64)[:most]
            text = Text(tokens, np.arange(len(tokens)) >= len(prompt))
            rows.append(Row(text, k, tuple(answer.logprobs[: len(text.targets)])))
    tokens = _random(known, min(_long(model), most), 9)
    return [*rows, Row(Text(tokens, np.arange(len(tokens)) >= max(3, len(tokens) - COMPARED)), 1)]


def _long(model: Model) -> int:
    """Tokens of a row that is longer than the window of the model's attention, if one slides and can be afforded."""
    window = getattr(model.base.config.get_text_config(decoder=True), "sliding_window", None)
    beyond = window + PROMPT if isinstance(window, int) else 0
    return beyond if LONG < beyond <= WINDOW[model.device.type] else LONG


def _random(known: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Some of the known tokens, (size,)."""
    return np.random.default_rng(seed).choice(known, size)


def _ordinary(model: Model) -> np.ndarray:
    """Tokens that stand for plain text: what is added to a vocabulary may call up images, or end a text."""
    size = min(len(model.tokenizer), model.base.get_input_embeddings().weight.shape[0])
    added = set(model.tokenizer.all_special_ids) | set(getattr(model.tokenizer, "added_tokens_decoder", {}))
    found = np.setdiff1d(np.arange(size), sorted(added))
    return found if len(found) else np.arange(size)


def _shaken(model: Model, seed: int) -> Adapter:
    adapter = model.adapter(seed)
    noise = torch.randn(adapter.weights.shape, generator=torch.Generator().manual_seed(seed))
    adapter.weights.data += SHAKE * noise.to(adapter.weights)
    return adapter


@torch.no_grad()
def _lend(model: Model, adapter: Adapter) -> None:
    """Put an adapter's weights into PEFT's own layers, for the model's own forward."""
    modules = dict(model.base.named_modules())
    for entry, (a, b) in zip(model.layout.entries, adapter.matrices, strict=True):
        modules[entry.name].lora_A["default"].weight.copy_(a)
        modules[entry.name].lora_B["default"].weight.copy_(b)


@torch.no_grad()
def _own(model: Model, tokens: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Log-probabilities (nats) of the tokens at these places by the model's own forward, the row alone."""
    ids = torch.as_tensor(tokens, device=model.device)[None]
    try:
        logits = model.base(input_ids=ids, use_cache=False).logits[0]
    except Exception as error:
        raise ForwardFailed(_one_line(error)) from error
    return _picked(logits, tokens, places)


def _picked(logits: torch.Tensor, tokens: np.ndarray, places: np.ndarray) -> np.ndarray:
    at = torch.as_tensor(places, device=logits.device)
    chosen = torch.log_softmax(logits[at - 1].float(), -1)
    wanted = torch.as_tensor(tokens[places], device=logits.device)
    return chosen.gather(1, wanted[:, None])[:, 0].cpu().numpy()


def _spread(model: Model, texts: Sequence[Text], alone: np.ndarray) -> float:
    """Mean difference, nats, of the model's own forward from itself: rows alone against one padded batch, and one
    kernel of attention against another, which rounds elsewhere. The larger of both."""
    found = [np.abs(alone - _padded(model, texts)).mean()]
    other = "eager" if model.own_attention != "eager" else "sdpa"
    with suppress(ValueError):  # it has no other
        model.base.set_attn_implementation(other)
        found.append(np.abs(alone - np.concatenate([_own(model, t.tokens, t.targets) for t in texts])).mean())
    return float(max(found))


@torch.no_grad()
def _padded(model: Model, texts: Sequence[Text]) -> np.ndarray:
    """What `_own` gives of all rows, from one padded batch."""
    longest = max(map(len, texts))
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, text in enumerate(texts):
        ids[i, : len(text)], mask[i, : len(text)] = torch.as_tensor(text.tokens), 1
    logits = model.base(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False).logits
    return np.concatenate([_picked(logits[i], text.tokens, text.targets) for i, text in enumerate(texts)])
