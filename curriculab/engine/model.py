"""Loads a quantised base once, puts LoRA on every linear layer through PEFT, and turns rows into tokens.

model = load_model("pocket", bits=4)          # the embedded model; a local folder or a hub id goes the same way
model.memory(batch_tokens=512)                # what weights, one adapter and activations take, in MiB
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from curriculab.data.rendering import learned_text
from curriculab.data.validation import render_prompt
from curriculab.engine.adapter import Adapter, Layout
from curriculab.engine.recipe import Recipe
from curriculab.protocol import Backend, Owner, Piece, Rows

MIB = 2**20


@dataclass(frozen=True, eq=False)
class Text:
    """One row as tokens: `tokens` (t,), and `learned` (t,) bool: is this token's prediction scored or trained?

    Of the learned tokens: `sampled`, the log-probabilities (nats) they were sampled with, NaN where nobody knows, and
    `heat`, the temperatures; None where neither matters.
    """

    tokens: np.ndarray
    learned: np.ndarray
    sampled: np.ndarray | None = None
    heat: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def targets(self) -> np.ndarray:
        """Places of the tokens to be predicted: learned ones, but for a first token, which nothing predicts."""
        return 1 + np.flatnonzero(self.learned[1:])


@dataclass(eq=False)
class Model:
    """A frozen base with LoRA layers, its tokenizer, and the layout that all its adapters share."""

    recipe: Recipe
    peft: torch.nn.Module
    tokenizer: object
    layout: Layout
    contents: str  # digest of its files or tensors; of a model on the hub, the commit
    backend_class: Callable[..., Backend] | None = field(default=None, repr=False)  # answers requests with a model

    def __post_init__(self) -> None:
        self._cache: dict[tuple, np.ndarray] = {}

    @property
    def name(self) -> str:
        """What `load_model` was given: a name, a path, or where a model in memory says that it comes from."""
        return self.recipe.name

    @property
    def bits(self) -> int:
        """Precision of the frozen weights: 4, 8, 16 or 32."""
        return self.recipe.bits

    @property
    def chat(self) -> bool:
        """Whether rows are rendered through the tokenizer's chat template."""
        return self.recipe.chat

    @property
    def base(self) -> torch.nn.Module:
        """The transformers causal language model inside."""
        return self.peft.get_base_model()

    @property
    def device(self) -> torch.device:
        return self.base.get_input_embeddings().weight.device

    @property
    def positions(self) -> int:
        """Longest text the model takes, tokens."""
        return int(self.base.config.max_position_embeddings)

    @property
    def learning_rates(self) -> Mapping[str, float]:
        """Learning rates for LoRA by kind of objective ("supervised", "reinforcement", "preference"), as the key
        `learning_rates` of the model's config.json gives them; empty where it gives none."""
        return getattr(self.base.config, "learning_rates", None) or {}

    # -- text to tokens ------------------------------------------------------------------------------------------
    def tokens(self, text: str) -> np.ndarray:
        """Tokens of plain text, no special ones added or recognised, (t,)."""
        found = self._cache.get(text)
        if found is None:
            if len(self._cache) > 200_000:
                self._cache.clear()
            ids = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False).input_ids
            found = self._cache[text] = np.asarray(ids, dtype=np.int64)
        return found

    def prompt(self, prompt: str, options: Sequence[str] | None = None) -> np.ndarray:
        """Tokens before the answer: the plain rendering, or the model's own chat template when `chat` is on."""
        text = render_prompt(prompt, options if isinstance(options, list | tuple | np.ndarray) else None)
        if self.chat and text:
            messages = [{"role": "user", "content": text.rstrip("\n")}]
            rendered = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            return np.asarray(self.tokenizer(rendered, add_special_tokens=False).input_ids, dtype=np.int64)
        start = self.tokenizer.bos_token_id
        if start is None and not text:
            start = self.tokenizer.eos_token_id  # something must stand before the first token of a plain text
        return np.concatenate([[start] if start is not None else [], self.tokens(text)]).astype(np.int64)

    def piece(self, piece: Piece) -> np.ndarray:
        if piece.tokens is not None:
            return np.asarray(piece.tokens, dtype=np.int64)
        if piece.turn:
            if not self.chat:
                return self.tokens(f"\n{piece.text}\n")
            said = [{"role": "user", "content": "\0"}, {"role": "assistant", "content": "\1"}]
            said += [{"role": "user", "content": piece.text}]
            rendered = self.tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
            after = rendered[rendered.index("\1") + 1 :]
            return np.asarray(self.tokenizer(after, add_special_tokens=False).input_ids, dtype=np.int64)
        end = [self.tokenizer.eos_token_id] if piece.end else []
        return np.concatenate([self.tokens(piece.text), end]).astype(np.int64)

    def encode(self, rows: Rows, *, purpose: str = "Train", role: str | None = None) -> list[Text]:
        """Every row with its `turns` (else its own solution or answer) as tokens; refuses rows that do not fit.

        role: also take along the log-probabilities that this role sampled, just where they stand now.
        """
        texts = []
        options = rows["options"] if "options" in rows else [None] * len(rows)
        for i, prompt, choice, said in zip(rows.index, rows["prompt"], options, spoken(rows), strict=True):
            if not isinstance(prompt, str):
                raise ValueError(f"{purpose}: the prompt of row {i!r} is {prompt!r}; a prompt is a string")
            parts = [self.prompt(prompt, choice), *map(self.piece, said)]
            learned = [np.zeros(len(parts[0]), bool)]
            learned += [np.full(len(t), p.learn) for t, p in zip(parts[1:], said, strict=True)]
            own = {} if role is None else _sampled(parts, said, role)
            texts.append(Text(np.concatenate(parts), np.concatenate(learned), **own))
            if not texts[-1].learned[1:].any():
                raise ValueError(f"{purpose}: row {i!r} has no learned tokens; say(rows, text) adds some")
        self.refuse_too_long(rows.index, np.array([len(t) for t in texts]), purpose)
        return texts

    def lengths(self, rows: Rows) -> pd.Series:
        """Tokens of each row with its learned text, prompt included; compare with `model.positions`."""
        options = rows["options"] if "options" in rows else [None] * len(rows)
        said = learned_text(rows)
        count = [
            len(self.prompt(p, o)) + len(self.tokens(t)) + 1
            for p, o, t in zip(rows["prompt"], options, said, strict=True)
        ]
        return pd.Series(count, index=rows.index, name="tokens")

    def refuse_too_long(self, ids: pd.Index, lengths: np.ndarray, purpose: str) -> None:
        long = np.flatnonzero(lengths > self.positions)
        if len(long):
            named = ", ".join(f"{ids[i]!r} ({lengths[i]} tokens)" for i in long[:3])
            raise ValueError(
                f"{purpose}: {len(long)} of {len(ids)} rows are longer than the {self.positions} tokens "
                f"{self.name!r} takes: "
                f"{named}{', ...' if len(long) > 3 else ''}; "
                "keep the others with pool[model.lengths(pool) <= model.positions]"
            )

    # -- adapters and memory --------------------------------------------------------------------------------------
    def adapter(self, seed: int) -> Adapter:
        """A fresh adapter: A uniform as PEFT draws it, B zero; equal for equal seeds."""
        return Adapter.fresh(self.layout, seed=seed, device=self.device)

    def save_adapter(self, adapter: Adapter, folder: str | Path) -> Path:
        """Write one adapter as a folder that plain `peft.PeftModel.from_pretrained` loads."""
        return adapter.save(folder, self.peft.peft_config["default"])

    def load_adapter(self, folder: str | Path) -> Adapter:
        """Read an adapter that `save_adapter` wrote, or a recorded run."""
        return Adapter.load(self.layout, folder, self.device)

    def backend(
        self,
        objectives: Mapping[str, object] | None = None,
        *,
        others: Mapping[str, Model] | None = None,
        adapters: Mapping[Owner, Mapping[str, Adapter]] | None = None,
        max_new_tokens: int | None = None,
    ) -> Backend:
        """A backend that answers requests with this model; whoever holds a model needs no more of the engine.

        objectives: settings by name, where it shall train; others: read-only models by role; adapters: by owner and
        role, to begin with; max_new_tokens: room for an answer where a request names none.
        """
        limits = {} if max_new_tokens is None else {"max_new_tokens": max_new_tokens}
        backend = self.backend_class(self, objectives or {}, others or {}, **limits)
        for owner, own in (adapters or {}).items():
            backend.adapters[owner] = dict(own)
        return backend

    def memory(self, batch_tokens: int = 512) -> pd.Series:
        """What the parts take, MiB: frozen weights, one adapter (16 bytes a parameter while it is stepped), activations
        of a training forward over `batch_tokens` tokens (an estimate from the layer widths), and on CUDA what is
        allocated now and free."""
        seen = {p.data_ptr(): p.numel() * p.element_size() for n, p in self.base.named_parameters() if "lora_" not in n}
        widths = sum(e.out_features + 2 * e.in_features + 2 * self.layout.rank for e in self.layout.entries)
        size = 2 if self.device.type == "cuda" else 4
        head = 3 * self.base.get_output_embeddings().weight.shape[0] * 4
        parts = {
            "weights": sum(seen.values()),
            "adapter": 16 * self.layout.size,
            "activations": batch_tokens * (widths * size + head),
        }
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            parts |= {"allocated": torch.cuda.memory_allocated(self.device), "free": free}
        return pd.Series(parts, name="MiB") / MIB

    def digest(self) -> str:
        """What decides the numbers of this model: its weights, and all that `load_model` was told (16 hex digits)."""
        decisive = json.dumps([self.contents, self.recipe.decisive()], sort_keys=True)
        return hashlib.blake2b(decisive.encode(), digest_size=8).hexdigest()

    def record(self) -> dict[str, object]:
        """How it was loaded, as plain JSON with its digest: what a spec holds, to load the same model again."""
        return {**self.recipe.record(), "digest": self.digest()}

    def __repr__(self) -> str:
        million = sum(e.out_features * e.in_features for e in self.layout.entries) / 1e6
        return (
            f"Model({self.name!r}, {self.bits} bits, {million:.1f}M weights in {len(self.layout.entries)} linear "
            "layers, "
            f"LoRA r={self.layout.rank} with {self.layout.size / 1e6:.2f}M, {self.device})"
        )


def place(role: str, tokens: np.ndarray) -> str:
    """What a sampled piece keeps of where it was sampled: digest (16 hex digits) of the role and all tokens before."""
    return hashlib.blake2b(role.encode() + b"\0" + tokens.astype(np.int64).tobytes(), digest_size=8).hexdigest()


def _sampled(parts: list[np.ndarray], said: Sequence[Piece], role: str) -> dict[str, np.ndarray]:
    """Log-probabilities and temperatures of a row's learned tokens; of pieces that came from elsewhere: unknown, 1."""
    known, heat = [], []
    for i, (piece, tokens) in enumerate(zip(said, parts[1:], strict=True)):
        if not piece.learn:
            continue
        here = piece.logprobs is not None and piece.behind == place(role, np.concatenate(parts[: i + 1]))
        known.append(np.asarray(piece.logprobs, float) if here else np.full(len(tokens), np.nan))
        heat.append(np.full(len(tokens), piece.temperature if here and piece.temperature > 0 else 1.0))
    return {"sampled": np.concatenate(known), "heat": np.concatenate(heat)} if known else {}


def spoken(rows: Rows) -> list[tuple[Piece, ...]]:
    """What stands behind each row's prompt: its `turns`, or its own text to learn where nothing was said yet."""
    if "turns" not in rows:
        return [(Piece(text, learn=True, end=True),) for text in learned_text(rows)]
    said, bare = list(rows["turns"]), ~rows["turns"].map(lambda t: isinstance(t, tuple)).to_numpy(bool)
    if bare.any():
        own = iter(learned_text(rows[bare]))
        said = [(Piece(next(own), learn=True, end=True),) if b else t for t, b in zip(said, bare, strict=True)]
    return said
