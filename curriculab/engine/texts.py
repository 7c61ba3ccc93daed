"""Rows as tokens: prompts, turns and texts to learn, with the log-probabilities that sampled ones came with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from curriculab.data.rendering import learned_text
from curriculab.data.validation import render_prompt
from curriculab.protocol import Piece, Rows

REMEMBERED = 200_000  # texts whose tokens are kept: the rows of a pool are tokenised once


@dataclass(frozen=True, eq=False)
class Text:
    """One row as tokens: `tokens` (t,), and `learned` (t,) bool: is this token's prediction scored or trained?

    Of the learned tokens: `sampled`, the log-probabilities (nats) they were sampled with, NaN where nobody knows, and
    `temperature`, at which they were; None where neither matters.
    """

    tokens: np.ndarray
    learned: np.ndarray
    sampled: np.ndarray | None = None
    temperature: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def targets(self) -> np.ndarray:
        """Places of the tokens to be predicted: learned ones, but for a first token, which nothing predicts."""
        return 1 + np.flatnonzero(self.learned[1:])


@dataclass(eq=False)
class TextEncoder:
    """A tokenizer that knows how rows are rendered, and how long a row may be.

    name, positions: of the model, for the refusal of rows that are too long; chat: whether its chat template is used.
    """

    tokenizer: object
    name: str
    positions: int
    chat: bool = False
    known: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def tokens(self, text: str) -> np.ndarray:
        """Tokens of plain text, no special ones added or recognised, (t,)."""
        found = self.known.get(text)
        if found is None:
            if len(self.known) > REMEMBERED:
                self.known.clear()
            ids = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False).input_ids
            found = self.known[text] = np.asarray(ids, dtype=np.int64)
        return found

    def prompt(self, prompt: str, options: Sequence[str] | None = None) -> np.ndarray:
        """Tokens before the answer, (t,)."""
        text = render_prompt(prompt, options if isinstance(options, list | tuple | np.ndarray) else None)
        if self.chat and text:
            return self._templated([{"role": "user", "content": text.rstrip("\n")}])
        start = self.tokenizer.bos_token_id
        if start is None and not text:
            start = self.tokenizer.eos_token_id  # something must stand before the first token of a plain text
        return np.concatenate([[start] if start is not None else [], self.tokens(text)]).astype(np.int64)

    def piece(self, piece: Piece) -> np.ndarray:
        """Tokens of what was said behind a prompt, (t,): those that were sampled, where they are known."""
        if piece.tokens is not None:
            return np.asarray(piece.tokens, dtype=np.int64)
        if not piece.turn:
            end = [self.tokenizer.eos_token_id] if piece.end else []
            return np.concatenate([self.tokens(piece.text), end]).astype(np.int64)
        if not self.chat:
            return self.tokens(f"\n{piece.text}\n")
        said = [{"role": "user", "content": "\0"}, {"role": "assistant", "content": "\1"}]
        return self._templated([*said, {"role": "user", "content": piece.text}], behind="\1")

    def encode(self, rows: Rows, *, purpose: str = "Train", role: str | None = None) -> list[Text]:
        """Every row with its `turns` (else its own solution or answer) as tokens; refuses rows that do not fit.

        role: also take along the log-probabilities that this role sampled, just where they stand now.
        """
        texts = []
        options = rows["options"] if "options" in rows else [None] * len(rows)
        for i, prompt, choice, said in zip(rows.index, rows["prompt"], options, turns_of(rows), strict=True):
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
        """Tokens of each row with its learned text and the end of text, prompt included."""
        options = rows["options"] if "options" in rows else [None] * len(rows)
        count = []
        for prompt, choice, text in zip(rows["prompt"], options, learned_text(rows), strict=True):
            count.append(len(self.prompt(prompt, choice)) + len(self.tokens(text)) + 1)
        return pd.Series(count, index=rows.index, name="tokens")

    def refuse_too_long(self, ids: pd.Index, lengths: np.ndarray, purpose: str) -> None:
        """Refuse rows of more tokens than the model takes, by name and number."""
        long = np.flatnonzero(lengths > self.positions)
        if not len(long):
            return
        named = ", ".join(f"{ids[i]!r} ({lengths[i]} tokens)" for i in long[:3])
        raise ValueError(
            f"{purpose}: {len(long)} of {len(ids)} rows are longer than the {self.positions} tokens {self.name!r} "
            f"takes: {named}{', ...' if len(long) > 3 else ''}; keep the others with "
            "pool[model.lengths(pool) <= model.positions]"
        )

    def _templated(self, messages: list[dict[str, str]], behind: str = "") -> np.ndarray:
        """Tokens of messages by the chat template, from behind the mark on."""
        rendered = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        text = rendered[rendered.index(behind) + len(behind) :]
        return np.asarray(self.tokenizer(text, add_special_tokens=False).input_ids, dtype=np.int64)


def context_hash(role: str, tokens: np.ndarray) -> str:
    """What a sampled piece keeps of where it was sampled: digest (16 hex digits) of the role and all tokens before."""
    return hashlib.blake2b(role.encode() + b"\0" + tokens.astype(np.int64).tobytes(), digest_size=8).hexdigest()


def turns_of(rows: Rows) -> list[tuple[Piece, ...]]:
    """What stands behind each row's prompt: its `turns`, or its own text to learn where nothing was said yet."""
    if "turns" not in rows:
        return [_learned(text) for text in learned_text(rows)]
    said, bare = list(rows["turns"]), ~rows["turns"].map(lambda t: isinstance(t, tuple)).to_numpy(bool)
    own = learned_text(rows[bare]) if bare.any() else []
    for row, text in zip(np.flatnonzero(bare), own, strict=True):
        said[row] = _learned(text)
    return said


def _learned(text: str) -> tuple[Piece]:
    return (Piece(text, learn=True, end=True),)


def _sampled(parts: list[np.ndarray], said: Sequence[Piece], role: str) -> dict[str, np.ndarray]:
    """Log-probabilities and temperatures of a row's learned tokens; of pieces that came from elsewhere: unknown, 1."""
    known, temperature = [], []
    for i, (piece, tokens) in enumerate(zip(said, parts[1:], strict=True)):
        if not piece.learn:
            continue
        context = np.concatenate(parts[: i + 1])
        here = piece.logprobs is not None and piece.context_hash == context_hash(role, context)
        known.append(np.asarray(piece.logprobs, float) if here else np.full(len(tokens), np.nan))
        temperature.append(np.full(len(tokens), piece.temperature if here and piece.temperature > 0 else 1.0))
    return {"sampled": np.concatenate(known), "temperature": np.concatenate(temperature)} if known else {}
