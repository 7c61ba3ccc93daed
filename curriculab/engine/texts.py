"""Rows as tokens: prompts, turns and texts to learn, with the log-probabilities that sampled ones came with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import pandas as pd

from curriculab.data.conversations import messages_of
from curriculab.data.rendering import learned_text
from curriculab.data.validation import render_prompt, with_options
from curriculab.engine.borders import Cutter
from curriculab.engine.recipe import Recipe
from curriculab.engine.template import ChatTemplate, Pieces
from curriculab.protocol import Piece, Rows

REMEMBERED = 200_000  # texts whose tokens are kept: the rows of a pool are tokenised once

NOTHING = np.empty(0, dtype=np.int64)

Tokens = tuple[list[np.ndarray], np.ndarray]  # of each part, and of what a template renders behind the last


@dataclass(frozen=True, eq=False)
class Text:
    """One row as tokens: `tokens` (t,), and `learned` (t,) bool: is this token's prediction scored or trained?

    Of the learned tokens: `sampled`, the log-probabilities (nats) they were sampled with, NaN where nobody knows,
    `temperature`, at which they were, and `fresh`, bool: were they sampled by the very weights that learn now? None
    where nothing of it matters.
    """

    tokens: np.ndarray
    learned: np.ndarray
    sampled: np.ndarray | None = None
    temperature: np.ndarray | None = None
    fresh: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def targets(self) -> np.ndarray:
        """Places of the tokens to be predicted: learned ones, but for a first token, which nothing predicts."""
        return 1 + np.flatnonzero(self.learned[1:])


@dataclass(eq=False)
class TextEncoder:
    """A tokenizer that knows how rows are rendered, and how long a row may be.

    name, positions: of the model, for the refusal of rows that are too long; template: renders rows as conversations,
    None for plain text; stops: numbers of the tokens that generation stops at, beside the tokenizer's end of text and
    the template's.
    """

    tokenizer: object
    name: str
    positions: int
    template: ChatTemplate | None = None
    stops: Collection[int] = ()
    known: dict[object, object] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.cutter = Cutter(self.tokenizer) if self.template is None else self.template.cutter

    @cached_property
    def ends(self) -> frozenset[int]:
        """Numbers of the tokens that end an answer while it is written."""
        own = [self.tokenizer.eos_token_id, None if self.template is None else self.template.end_token]
        return frozenset(token for token in [*self.stops, *own] if token is not None)

    @cached_property
    def end(self) -> int:
        """The token that ends a plain text."""
        if self.tokenizer.eos_token_id is not None:
            return self.tokenizer.eos_token_id
        if not self.stops:
            raise ValueError(f"the tokenizer of {self.name!r} has no end of text, which a learned answer ends with")
        return min(self.stops)

    def tokens(self, text: str) -> np.ndarray:
        """Tokens of plain text, no special ones added or recognised, (t,)."""
        return self._once(text, lambda: self.cutter.plain([text])[0])

    def prompt(self, prompt: str, options: Sequence[str] | None = None) -> np.ndarray:
        """Tokens before the answer, (t,)."""
        return self.context(prompt, options, ())

    def context(self, prompt: str, options: Sequence[str] | None, said: Sequence[Piece]) -> np.ndarray:
        """Tokens of a prompt and of what was said behind it, for the model to go on, (t,)."""
        return np.concatenate(self.parts(prompt, options, said, ask=True)[0])

    def encode(
        self, rows: Rows, *, purpose: str = "Train", role: str | None = None, weights: int | None = None
    ) -> list[Text]:
        """Every row with its `turns` (else its own solution or answer) as tokens; refuses rows that do not fit.

        role: also take along the log-probabilities that this role sampled, just where they stand now; weights: the
        fingerprint of the adapter that the role is now.
        """
        texts = []
        options = rows["options"] if "options" in rows else [None] * len(rows)
        for i, prompt, choice, said in zip(rows.index, rows["prompt"], options, turns_of(rows), strict=True):
            if not isinstance(prompt, str):
                raise ValueError(f"{purpose}: the prompt of row {i!r} is {prompt!r}; a prompt is a string")
            parts, behind = self.parts(prompt, choice, said)
            learned = [np.zeros(len(parts[0]), bool)]
            learned += [np.full(len(t), p.learn) for t, p in zip(parts[1:], said, strict=True)]
            learned.append(np.zeros(len(behind), bool))
            own = {} if role is None else _sampled(parts, said, role, weights)
            texts.append(Text(np.concatenate([*parts, behind]), np.concatenate(learned), **own))
            if not texts[-1].learned[1:].any():
                raise ValueError(f"{purpose}: row {i!r} has no learned tokens; say(rows, text) adds some")
        self.refuse_too_long(rows.index, np.array([len(t) for t in texts]), purpose)
        return texts

    def lengths(self, rows: Rows) -> pd.Series:
        """Tokens of each row with its learned text and the end of text, prompt included."""
        count = [sum(map(len, parts)) + len(behind) for parts, behind in self._own(rows)]
        return pd.Series(count, index=rows.index, name="tokens")

    def answer_lengths(self, rows: Rows) -> pd.Series:
        """Tokens of each row's learned text with its end: the room that it takes to write it."""
        return pd.Series([len(parts[1]) for parts, _ in self._own(rows)], index=rows.index, name="tokens")

    def _own(self, rows: Rows) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
        """Rows as tokens with their own learned text, whatever was said behind them."""
        options = rows["options"] if "options" in rows else [None] * len(rows)
        for prompt, choice, text in zip(rows["prompt"], options, learned_text(rows), strict=True):
            yield self.parts(prompt, choice, _learned(text))

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

    # -- a row in its parts -------------------------------------------------------------------------------------------
    def parts(self, prompt: str, options: Sequence[str] | None, said: Sequence[Piece], *, ask: bool = False) -> Tokens:
        """Tokens of the prompt and of each piece behind it, and of what a template renders behind the last, (t,) each.

        Pieces that were sampled are the tokens they were sampled as, behind the very tokens they were sampled behind.
        What was said in words between two of them is rendered, and tokenised, as one text. ask: for the model to go on.
        """
        options = options if isinstance(options, list | tuple | np.ndarray) else None
        chat = self.template if prompt else None
        text = with_options(prompt, options) if chat else render_prompt(prompt, options)
        parts: list[np.ndarray] = []
        behind, at, last = NOTHING, 0, None  # last: the token that the model's own words before were ended with
        while at < len(said) or not parts:
            if parts and said[at].tokens is not None:
                parts.append(np.asarray(said[at].tokens, dtype=np.int64))
                behind, last, at = NOTHING, self._ended(said[at]), at + 1
                continue
            plain = chat is None or (bool(parts) and not said[at].turn)
            until = _until(said, at, rendered=not plain, chat=chat is not None)
            pieces = tuple((p.text, p.turn, p.end) for p in said[at:until])
            going_on = ask if until == len(said) else said[until].tokens is not None
            how = (chat, None if parts else text, pieces, going_on, last)
            found, behind = self._once((plain, *how), partial(self._plain if plain else self._rendered, *how))
            parts, at = [*parts, *found], until
            last = int(found[-1][-1]) if pieces and pieces[-1][2] and len(found[-1]) else None
        return parts, behind

    def _plain(
        self, chat: ChatTemplate | None, prompt: str | None, pieces: Pieces, going_on: bool, last: int | None
    ) -> Tokens:
        """Pieces as they stand, behind a prompt, or behind what was said before (None)."""
        words = [f"\n{text}\n" if turn else text for text, turn, _ in pieces]
        if prompt is None:
            found = self.cutter.inside(words)
        else:
            found, start = self.cutter.plain([prompt, *words]), self.cutter.start
            if not len(start) and not prompt:  # something must stand before the first token of a text
                start = [self.end if self.tokenizer.bos_token_id is None else self.tokenizer.bos_token_id]
            found[0] = np.concatenate([start, found[0]]).astype(np.int64)
        if pieces and pieces[-1][2]:
            found[-1] = np.append(found[-1], self._end_of(chat))
        return found, NOTHING

    def _rendered(
        self, chat: ChatTemplate, prompt: str | None, pieces: Pieces, going_on: bool, last: int | None
    ) -> Tokens:
        """Pieces as the template renders them, behind a prompt, or behind the model's own words (None)."""
        hidden = [(self.cutter.hide(text), turn, end) for text, turn, end in pieces]
        asked = None if prompt is None else messages_of(prompt) or [("user", prompt)]
        asked = asked and [{"role": role, "content": self.cutter.hide(text)} for role, text in asked]
        said = chat.conversation(asked, hidden, ask=going_on)
        *found, behind = self.cutter.rendered([*said.parts, said.behind])
        if said.open:
            found[-1] = np.append(found[-1], self._end_of(chat))
        if prompt is None:
            _, closing, *found = found
            if last is None or not (chat.closes or last == chat.end_token):
                found[0] = np.concatenate([closing, found[0]])
        return found, behind

    def _end_of(self, chat: ChatTemplate | None) -> np.ndarray:
        """Tokens of the end of an answer that no text is rendered behind."""
        if chat is None or not chat.end:
            return np.array([self.end], dtype=np.int64)
        return self.cutter.rendered(["x", chat.end])[1]

    def _ended(self, piece: Piece) -> int | None:
        """The token that a sampled piece ended its answer with, where it did."""
        ended = len(piece.tokens) and (piece.end or piece.tokens[-1] in self.ends)
        return int(piece.tokens[-1]) if ended else None

    def _once(self, key: object, make: Callable[[], object]) -> object:
        """What `make` gives, kept: the rows of a pool are rendered and tokenised once."""
        if key not in self.known:
            if len(self.known) > REMEMBERED:
                self.known.clear()
            self.known[key] = make()
        return self.known[key]


def text_encoder(tokenizer: object, recipe: Recipe, positions: int, generation: object) -> TextEncoder:
    """The encoder of a loaded model; generation: its GenerationConfig, whose every eos_token_id ends an answer."""
    named = getattr(generation, "eos_token_id", None)
    stops = tuple(named) if isinstance(named, list | tuple) else tuple(stop for stop in [named] if stop is not None)
    template = None
    if recipe.chat:
        template = ChatTemplate(Cutter(tokenizer), recipe.name, recipe.system, recipe.template_kwargs, stops)
    return TextEncoder(tokenizer, recipe.name, positions, template, stops)


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


def _until(said: Sequence[Piece], at: int, *, rendered: bool, chat: bool) -> int:
    """Where the pieces from `at` on that are tokenised as one text end: before one that was sampled, behind one that
    ended the model's answer, before a message of a chat; a template renders messages together with what is before."""
    for i in range(at, len(said)):
        if said[i].tokens is not None:
            return i
        if i > at and not (rendered and said[i].turn) and (said[i - 1].end or (chat and said[i].turn)):
            return i
    return len(said)


def _learned(text: str) -> tuple[Piece]:
    return (Piece(text, learn=True, end=True),)


def _sampled(parts: list[np.ndarray], said: Sequence[Piece], role: str, weights: int | None) -> dict[str, np.ndarray]:
    """Log-probabilities and temperatures of a row's learned tokens, and which of them these weights sampled; of pieces
    that came from elsewhere: unknown, 1, no."""
    known, temperature, fresh = [], [], []
    for i, (piece, tokens) in enumerate(zip(said, parts[1:], strict=True)):
        if not piece.learn:
            continue
        context = np.concatenate(parts[: i + 1])
        here = piece.logprobs is not None and piece.context_hash == context_hash(role, context)
        known.append(np.asarray(piece.logprobs, float) if here else np.full(len(tokens), np.nan))
        temperature.append(np.full(len(tokens), piece.temperature if here and piece.temperature > 0 else 1.0))
        fresh.append(np.full(len(tokens), here and weights is not None and piece.sampled_by == weights))
    columns = {"sampled": known, "temperature": temperature, "fresh": fresh}
    return {name: np.concatenate(values) for name, values in columns.items()} if known else {}
