"""Rules for a text, each with a checker: "3 words, with k, end a" is met by "luko biti nela".

[{"rule": "words", "n": 3}, {"rule": "has", "text": "k"}, {"rule": "ends", "text": "a"}]      as a row's `metadata`

What rules say of letters and words does not depend on case. An empty text meets none. Every checker goes over the text
once, whatever stands in it. The rules of IFEval are in ifeval.py.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from curriculab.rewards.ifeval import RULES as PUBLISHED

Rule = Callable[..., bool]
THOUGHT_ENDS = "</think>"
ENDS = re.compile(r"[.!?]+")  # of a sentence


def words(text: str, n: int) -> bool:
    return len(text.split()) == n


def lines(text: str, n: int) -> bool:
    return sum(bool(line.strip()) for line in text.split("\n")) == n


def sentences(text: str, n: int) -> bool:
    """Stretches of text that end in a mark, the last one too."""
    *closed, rest = ENDS.split(text)
    return sum(bool(part.strip()) for part in closed) == n and not rest.strip()


def length(text: str, n: int) -> bool:
    """At most n characters."""
    return len(text) <= n


def has(text: str, part: str) -> bool:
    return part.casefold() in text.casefold()


def lacks(text: str, part: str) -> bool:
    return not has(text, part)


def times(text: str, part: str, n: int) -> bool:
    return text.casefold().count(part.casefold()) == n


def begins(text: str, part: str) -> bool:
    return text.casefold().startswith(part.casefold())


def ends(text: str, part: str) -> bool:
    return text.casefold().endswith(part.casefold())


def order(text: str, first: str, second: str) -> bool:
    """Both stand there, and the first one's first place is before the second's."""
    folded = text.casefold()
    return 0 <= folded.find(first.casefold()) < folded.find(second.casefold())


def capitals(text: str) -> bool:
    return text.isupper()


def small(text: str) -> bool:
    """No capital letter."""
    return text.islower()


def alphabetical(text: str) -> bool:
    """Words in the order of the alphabet, equal ones side by side."""
    found = _plain_words(text)
    return found == sorted(found)


def distinct(text: str) -> bool:
    """No word stands there twice."""
    found = _plain_words(text)
    return len(found) == len(set(found))


def long_words(text: str, n: int) -> bool:
    """Every word has at least n letters or digits."""
    return min(map(_letters, text.split()), default=0) >= n


def _letters(word: str) -> int:
    return sum(c.isalnum() for c in word)


def _plain_words(text: str) -> list[str]:
    """Words without the punctuation around them, in small letters."""
    stripped = [word.strip(".,;:!?\"'()") for word in text.casefold().split()]
    return [word for word in stripped if word]


OWN = (
    *(words, lines, sentences, length, has, lacks, times, begins, ends, order),
    *(capitals, small, alphabetical, distinct, long_words),
)
RULES: Mapping[str, Rule] = {rule.__name__: rule for rule in OWN} | dict(PUBLISHED)
TYPES = {"int": int, "str": str, "list": list}  # of settings, as they are annotated


def rules_met(text: str, rules: str, *, loose: bool = False) -> list[bool]:
    """Tell which rules a text meets.

    Parameters
    ----------
    text : str
        What was written; thoughts before "</think>" and blanks around it do not count.
    rules : str
        JSON, as a row's `metadata` holds it: a list of {"rule": name, setting: value, ...}.
    loose : bool
        Is a rule met too where the text without its first line, its last, both, or its asterisks meets it? That is
        IFEval's loose accuracy, where a first line such as "Sure, here it is:" costs nothing.

    Returns
    -------
    list of bool
        One for each rule, in their order; none where `rules` holds no list.

    Raises
    ------
    ValueError
        For a rule that does not exist, or settings that are not those of the rule.

    Examples
    --------
    >>> rules = '[{"rule": "words", "n": 3}, {"rule": "lacks", "part": "e"}]'
    >>> cl.rewards.rules_met("luko biti nela", rules)
    [True, False]
    >>> polite = "Sure:\\nluko biti nola"
    >>> cl.rewards.rules_met(polite, rules), cl.rewards.rules_met(polite, rules, loose=True)
    ([False, False], [True, True])
    """
    said = text.rpartition(THOUGHT_ENDS)[2].strip()
    texts = _loosened(said) if loose else [said]
    return [_met(texts, rule, settings) for rule, settings in _parsed(rules) or ()]


def _met(texts: list[str], rule: Rule, settings: Mapping[str, Any]) -> bool:
    """Does one of these texts, that is not empty, meet a rule?"""
    return any(bool(one) and rule(one, **settings) for one in texts)


def share_met(text: str, rules: object) -> float:
    """Share of the rules that a text meets, in [0, 1]; NaN where there are none.

    Examples
    --------
    >>> share_met("luko biti nela", '[{"rule": "words", "n": 3}, {"rule": "lacks", "part": "e"}]')
    0.5
    """
    if not isinstance(rules, str) or not _parsed(rules):
        return float("nan")
    found = rules_met(text, rules)
    return sum(found) / len(found)


def _loosened(text: str) -> list[str]:
    """The texts that IFEval's loose accuracy tries, blank ones left out."""
    lines = text.split("\n")
    tried = [text]
    tried += ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    tried += [one.replace("*", "") for one in tried]
    return [one for one in tried if one.strip()]


@lru_cache(maxsize=8192)  # all answers to a row are judged by the same rules
def _parsed(rules: str) -> tuple[tuple[Rule, dict[str, Any]], ...] | None:
    """Checkers and their settings; None where the text is no JSON list of rules."""
    try:
        listed = json.loads(rules)
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, list) or not all(isinstance(one, dict) and "rule" in one for one in listed):
        return None
    return tuple((_rule(one["rule"]), _settings(**one)) for one in listed)


def _rule(name: object) -> Rule:
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"unknown rule {name!r} in `metadata`; known are {', '.join(RULES)}")
    return RULES[name]


def _settings(rule: str, **given: object) -> dict[str, Any]:
    """The settings of a rule, each of its type."""
    takes = [p for p in inspect.signature(RULES[rule]).parameters.values() if p.name != "text"]
    wanted = {p.name: p.annotation for p in takes}
    for name in given:
        if name not in wanted:
            raise ValueError(f"the rule {rule!r} has no setting {name!r}; it has {', '.join(wanted) or 'none'}")
    for name, kind in wanted.items():
        value = given.get(name)
        if not isinstance(value, TYPES[kind]) or isinstance(value, bool) or value in ("", []):
            what = {"int": "a whole number", "str": "a text", "list": "a list of texts"}[kind]
            raise ValueError(f"the rule {rule!r} has {name}={value!r}; give {what}")
    return given
