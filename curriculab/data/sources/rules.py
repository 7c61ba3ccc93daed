"""Rules: "write 3 words, with k, end a", a text by instructions that a program can check, one to four a prompt.

id                    prompt                 answer          metadata                        level  topic
rules/2/5180908a5b8c  write 3 words, with k  luko biti nela  [{"rule": "words", "n": 3}, ..  2      length

The answer is the text that the rules were read off, so one that meets them all exists; any other that does is as good.
Small models can write such words; a level is a number of rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from curriculab.data.registry import source
from curriculab.data.sources.ladder import checked
from curriculab.data.splitting import shares
from curriculab.data.validation import PoolError, validate

LEVELS = (1, 2, 3, 4)
EACH = 250  # rows of a level, all different; of single rules there are not many more
TRIES = 60  # texts that are written for a row before its prompts count as used up
CONSONANTS, VOWELS = "bdgklmnprst", "aeiou"
FAMILIES = {
    "length": ("words", "lines", "sentences", "length"),
    "content": ("has", "lacks", "times"),
    "place": ("begins", "ends", "order"),
    "form": ("capitals", "small", "alphabetical", "distinct", "long_words"),
}
TOPICS = tuple(FAMILIES)
KINDS = tuple(kind for kinds in FAMILIES.values() for kind in kinds)
BREAKS = {"lines": "\n", "sentences": ". "}
APART = (("lines", "sentences"), ("capitals", "small"))  # of two of them a prompt has one

Made = tuple[str, dict[str, Any]]  # a rule in the words of the prompt, and its settings


@source("rules")
def load(
    name: str = "rules",
    *,
    n: int | None = None,
    seed: int = 0,
    levels: int | Sequence[int] | None = None,
    topics: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """`n` different rows, as many at every level; about a tenth are held out. An id is made of its prompt.

    n: None for 100 a level, or what there is of the topics where that is less ("form": 7 of level 1).
    topics: families of rules that a prompt's first rule is of, `length`, `content`, `place` or `form`.
    """
    chosen = checked(levels, LEVELS, "level", source=name)
    families = checked(topics, TOPICS, "topic", source=name)
    some = n is None
    n = 100 * len(chosen) if n is None else n
    if not len(chosen) <= n <= EACH * len(chosen):
        raise PoolError(f"{name}: asked for {n} rows, expected {len(chosen)} to {EACH * len(chosen)} of these levels")
    rows = []
    for level, count in zip(chosen, shares(n, np.ones(len(chosen))), strict=True):
        rows += level_rows(level, int(count), families, np.random.default_rng([seed, level]), fewer=some)
    columns = ["id", "prompt", "answer", "metadata", "topic", "level"]
    table = pd.DataFrame(rows, columns=columns).set_index("id")
    held_out = [is_held_out(prompt) for prompt in table["prompt"]]
    return validate(table.assign(task="rules", held_out=held_out), name)


def level_rows(
    level: int, count: int, families: Sequence[str], rng: np.random.Generator, *, fewer: bool = False
) -> list[tuple]:
    """`count` rows with different prompts, or `fewer` where there are not so many, the families of their first rules
    in turn."""
    found: dict[str, tuple] = {}
    for tried in range(TRIES * count):
        family = families[tried % len(families)]
        text, made = write(level, family, rng)
        prompt = f"write {', '.join(words for words, _ in made)}"
        if prompt in found:
            continue  # a family that has run out of prompts does not hold up the others
        rules = json.dumps([rule for _, rule in made])
        found[prompt] = (f"rules/{level}/{digest(prompt)}", prompt, text, rules, family, level)
        if len(found) == count:
            break
    if len(found) == count or fewer:
        return list(found.values())
    raise PoolError(
        f"rules: asked for {count} rows of level {level}, found {len(found)} different prompts of the topics "
        f"{', '.join(families)}; ask for fewer, for more topics or for higher levels"
    )


def write(level: int, family: str, rng: np.random.Generator) -> tuple[str, list[Made]]:
    """A text, and `level` rules that it meets, the first of a family."""
    first = str(rng.choice(FAMILIES[family]))
    kinds = [first]
    for kind in rng.permutation(KINDS).tolist():
        if len(kinds) < level and kind not in kinds and not _clash(kind, kinds):
            kinds.append(kind)
    text = text_for(kinds, rng)
    return text, [read_off(kind, text, rng) for kind in kinds]


def _clash(kind: str, kinds: Sequence[str]) -> bool:
    return any(kind in pair and set(pair) & set(kinds) - {kind} for pair in APART)


def word(rng: np.random.Generator, letters: int) -> str:
    """A consonant and a vowel in turn: "luko"."""
    kinds = [CONSONANTS if k % 2 == 0 else VOWELS for k in range(letters)]
    return "".join(kind[rng.integers(len(kind))] for kind in kinds)


def text_for(kinds: Sequence[str], rng: np.random.Generator) -> str:
    """Two to six different words in the form that the rules ask for."""
    count = int(rng.integers(2, 7))
    found: list[str] = []
    while len(found) < count:
        new = word(rng, int(rng.integers(3, 6)))
        found += [new] if new not in found else []
    if "alphabetical" in kinds:
        found.sort()
    breaks = set(rng.choice(np.arange(1, count), min(count - 1, int(rng.integers(1, 3))), replace=False).tolist())
    mark = next((BREAKS[kind] for kind in kinds if kind in BREAKS), " ")
    text = found[0]
    for k, one in enumerate(found[1:], 1):
        text += (mark if k in breaks else " ") + one
    text += "." if "sentences" in kinds else ""
    return text.upper() if "capitals" in kinds else text


def read_off(kind: str, text: str, rng: np.random.Generator) -> Made:
    """A rule of a kind that a text meets, in words and with its settings."""
    low = text.lower()
    letters = [c for c in dict.fromkeys(low) if c.isalpha()]  # in the order in which they come first

    def one_of(letters: Sequence[str]) -> str:
        return letters[rng.integers(len(letters))]

    def count() -> Made:
        n = len(text.split())
        return f"{n} words", {"n": n}

    def lines() -> Made:
        n = len(text.split("\n"))
        return f"{n} lines", {"n": n}

    def sentences() -> Made:
        n = text.count(".")
        return f"{n} sentences", {"n": n}

    def length() -> Made:
        n = len(text) + int(rng.integers(0, 5))
        return f"at most {n} characters", {"n": n}

    def has() -> Made:
        part = one_of(letters)
        return f"with {part}", {"part": part}

    def lacks() -> Made:
        part = one_of([c for c in CONSONANTS + VOWELS if c not in low] or ["z"])
        return f"without {part}", {"part": part}

    def times() -> Made:
        part = one_of(letters)
        n = low.count(part)
        return f"{n} times {part}", {"part": part, "n": n}

    def begins() -> Made:
        return f"begin {low[0]}", {"part": low[0]}

    def ends() -> Made:
        last = low.rstrip(".")[-1] + low[len(low.rstrip(".")) :]
        return f"end {last}", {"part": last}

    def order() -> Made:
        first, second = np.sort(rng.choice(len(letters), 2, replace=False))
        return f"{letters[first]} before {letters[second]}", {"first": letters[first], "second": letters[second]}

    def long_words() -> Made:
        n = min(len(one.rstrip(".")) for one in text.split())
        return f"words of at least {n} letters", {"n": n}

    forms = {
        "capitals": "in capitals",
        "small": "in small letters",
        "alphabetical": "words in the order of the alphabet",
        "distinct": "no word twice",
    }
    readers: dict[str, Callable[[], Made]] = {
        **{"words": count, "lines": lines, "sentences": sentences, "length": length, "has": has, "lacks": lacks},
        **{"times": times, "begins": begins, "ends": ends, "order": order, "long_words": long_words},
    }
    said, settings = readers[kind]() if kind in readers else (forms[kind], {})
    return said, {"rule": kind} | settings


def is_held_out(prompt: str) -> bool:
    """A tenth of all prompts, whatever the seed."""
    return blake2b(prompt.encode(), digest_size=8).digest()[0] % 10 == 0


def digest(prompt: str) -> str:
    """12 characters that stand for a prompt; among 10,000 prompts two are alike once in 5 million draws."""
    return blake2b(prompt.encode(), digest_size=6).hexdigest()
