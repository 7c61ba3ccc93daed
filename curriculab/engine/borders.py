"""One text as tokens, and which token belongs to which of its parts.

A prompt and its answer are one text to the tokenizer: cut apart first, "5" behind a line break would get the leading
space that SentencePiece puts before a text, or miss a merge across the border. So the parts are joined, tokenised, and
dealt out again by the characters that each token covers:

    Cutter(tokenizer).plain(["2 + 3\\n", "5"])     -> [array of the prompt's tokens, array of the answer's]

A token that covers characters of two parts belongs to the later one, so that an answer's characters are all learned.
A tokenizer without offsets (a slow one) is asked for the text up to each border: a border lies where its tokens and
those of the whole text part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from os.path import commonprefix

import numpy as np

# A special token's text inside data, while a chat template renders it (so that it is not taken for the template's own),
# and the name of the template's own while data keeps its text: both of characters that no text has.
INSIDE = "\ue000{}\ue001"
OWN = "\ue002{}\ue003"

ANCHORS = ("\n", " ", "x", "0", ".")  # a text within another stands behind the first that it does not merge with


@dataclass(eq=False)
class Cutter:
    """A tokenizer that is asked for the tokens of each part of a text.

    Examples
    --------
    >>> import curriculab as cl
    >>> from curriculab.engine.borders import Cutter
    >>> cutter = Cutter(cl.load_model("pocket", bits=32, device="cpu").tokenizer)
    >>> [part.tolist() for part in cutter.plain(["2\\n", "5"])]
    [[50, 10], [53]]
    """

    tokenizer: object

    @cached_property
    def specials(self) -> dict[str, int]:
        """Numbers of the special tokens by their text."""
        added = getattr(self.tokenizer, "added_tokens_decoder", {})
        found = {token.content: number for number, token in added.items() if token.special}
        for text in self.tokenizer.all_special_tokens:
            found.setdefault(text, self.tokenizer.convert_tokens_to_ids(text))
        return found

    @cached_property
    def special(self) -> re.Pattern[str]:
        """Matches one special token's text."""
        texts = sorted(self.specials, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, texts)) or r"(?!)")

    @cached_property
    def start(self) -> np.ndarray:
        """What the tokenizer itself puts before a plain text, (t,)."""
        whole = self.tokenizer("a", verbose=False).input_ids
        bare = self.tokenizer("a", add_special_tokens=False, verbose=False).input_ids
        places = [i for i in range(len(whole)) if whole[i : i + len(bare)] == bare]
        return np.asarray(whole[: places[0]] if places else [], dtype=np.int64)

    def hide(self, text: str) -> str:
        """Data as a chat template gets it: special tokens in it under another name."""
        return self.special.sub(lambda found: INSIDE.format(self.specials[found[0]]), text)

    # -- parts to tokens ----------------------------------------------------------------------------------------------
    def plain(self, parts: Sequence[str]) -> list[np.ndarray]:
        """Tokens of each part of a plain text; special tokens in it are text."""
        ids, spans = self._encode("".join(parts), split=True)
        return self._deal(ids, spans, parts, split=True)

    def rendered(self, parts: Sequence[str]) -> list[np.ndarray]:
        """Tokens of each part of what a chat template rendered; special tokens that `hide` renamed are text."""
        text = "".join(parts)
        if INSIDE[0] not in text:
            ids, spans = self._encode(text, split=False)
            return self._deal(ids, spans, parts, split=False)
        if not self.tokenizer.is_fast:
            return [np.asarray(self._apart(part), dtype=np.int64) for part in parts]
        parts = [self._shown(self.special.sub(lambda m: OWN.format(self.specials[m[0]]), part)) for part in parts]
        encoding = self._renamed[0].encode("".join(parts), add_special_tokens=False)
        ids = [self._renamed[1].get(i, i) for i in encoding.ids]
        return self._deal(ids, encoding.offsets, parts, split=False)

    def inside(self, parts: Sequence[str]) -> list[np.ndarray]:
        """Tokens of each part of a text that stands within another one: nothing is put before it."""
        for anchor in ANCHORS:
            ids, spans = self._encode(anchor + "".join(parts), split=True)
            if spans is not None and not any(s < len(anchor) < e for s, e in spans):
                return self._deal(ids, spans, [anchor, *parts], split=True)[1:]
        return self.plain(parts)

    def _encode(self, text: str, *, split: bool) -> tuple[list[int], list[tuple[int, int]] | None]:
        """Tokens with the characters of each; None for those of a slow tokenizer."""
        how = {"add_special_tokens": False, "split_special_tokens": split, "verbose": False}
        if not self.tokenizer.is_fast:
            return self.tokenizer(text, **how).input_ids, None
        found = self.tokenizer(text, return_offsets_mapping=True, **how)
        return found.input_ids, found.offset_mapping

    def _deal(
        self, ids: Sequence[int], spans: Sequence[tuple[int, int]] | None, parts: Sequence[str], *, split: bool
    ) -> list[np.ndarray]:
        """The tokens of each part: where a token's last character is, of a special token (with the space that it may
        take along) its first."""
        tokens = np.asarray(ids, dtype=np.int64)
        if len(parts) == 1:
            return [tokens]
        if spans is None:
            return _cut(tokens, self._borders(ids, parts, split))
        special = () if split else self._special_numbers
        borders, ends = [], list(accumulate(len(part) for part in parts))
        for i, (token, (start, stop)) in enumerate(zip(ids, spans, strict=True)):
            at = start if token in special else max(stop - 1, 0)
            while len(borders) < len(parts) - 1 and at >= ends[len(borders)]:
                borders.append(i)
        return _cut(tokens, [*borders, *[len(ids)] * (len(parts) - 1 - len(borders))])

    @cached_property
    def _special_numbers(self) -> frozenset[int]:
        return frozenset(self.specials.values())

    def _borders(self, ids: Sequence[int], parts: Sequence[str], split: bool) -> list[int]:
        """Where a slow tokenizer's tokens of the text up to each border part from those of the whole text."""
        borders, text = [0], ""
        for part in parts[:-1]:
            text += part
            borders.append(max(borders[-1], len(commonprefix([list(ids), self._encode(text, split=split)[0]]))))
        return borders[1:]

    # -- special tokens in data ---------------------------------------------------------------------------------------
    @cached_property
    def _renamed(self) -> tuple[object, Mapping[int, int]]:
        """The tokenizer with special tokens of other names, and the numbers that its added tokens have here."""
        from tokenizers import Tokenizer

        made = json.loads(self.tokenizer.backend_tokenizer.to_str())
        for token in made["added_tokens"]:
            if token["special"]:
                token["content"] = OWN.format(token["id"])
        made |= {"post_processor": None, "truncation": None, "padding": None}
        tokenizer = Tokenizer.from_str(json.dumps(made))
        return tokenizer, {tokenizer.token_to_id(token["content"]): token["id"] for token in made["added_tokens"]}

    def _shown(self, text: str) -> str:
        """Rendered data with the texts that `hide` renamed."""
        names = {INSIDE.format(number): text for text, number in self.specials.items()}
        return re.sub(INSIDE.format(r"\d+"), lambda found: names[found[0]], text)

    def _apart(self, text: str) -> list[int]:
        """Tokens of rendered text by a slow tokenizer: what `hide` renamed by itself, as text."""
        ids: list[int] = []
        for part in re.split(f"({INSIDE.format('[0-9]+')})", text):
            if part:
                ids += self._encode(self._shown(part), split=part[0] == INSIDE[0])[0]
        return ids


def _cut(tokens: np.ndarray, borders: Sequence[int]) -> list[np.ndarray]:
    """Tokens (t,) in pieces, as numpy.split gives them, ten times as fast."""
    return [tokens[a:b] for a, b in pairwise([0, *borders, len(tokens)])]
