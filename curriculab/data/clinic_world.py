"""Clinic: a medical exam about a closed world that nobody has ever studied.

48 diseases, 36 findings, 28 drugs, 7 drug classes and 8 specialities, all with made-up names, and 468 facts about them,
rare and common ones in Zipf-like shares. A textbook states every fact in four wordings; four-option questions combine
one to four facts. Made by `python -m tools.make_clinic` from the grammar below, without a language model.

    prompt    "A woman of 68 has tamosk. Give the class of the drug for it."
    options   ["lotugen", "pafugen", "valugen", "nulugen"]
    answer    "nulugen"
    solution  "The drug for tamosk is fisazil. The class of fisazil is nulugen. So nulugen."

`level` counts the facts that must be combined. Up to level 3 a chain of facts starts at a name in the prompt, or at the
disease that two findings point to. From level 3 on, and always at level 4, a prompt names four diseases, picks one by
its relation to another, and asks on from there: each of the four leads to one of the options, so no single name gives
the answer away. A tenth of the prompts, picked by their hash, is held out: never in any training text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd

Step = tuple[str, str, str]  # one fact in use: relation, subject, value


WORLD = 58  # seed of the one world that the shipped exam is about


ZIPF = 0.7  # share of the disease of rank r ~ r ** -0.7: the most common one has an eighth, no option text a quarter


SIZES = {"disease": 48, "finding": 36, "drug": 28, "class": 7, "speciality": 8}


ENDINGS = {
    "disease": ("osk", "une"),
    "finding": ("eff", "och"),
    "drug": ("azil", "ivo"),
    "class": ("ugen",),
    "speciality": ("iatry",),
}


BOOK_COPIES = 12  # how often the facts of the most common disease stand in the book, in each wording


# relation: type of its subject, type of its value, the name it has in questions, the wordings of the book
RELATIONS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "speciality": (
        "disease",
        "speciality",
        "the field of {}",
        (
            "The field of {s} is {o}.",
            "In {o} one treats {s}.",
            "As for {s}, it belongs to {o}.",
            "A patient with {s} is sent to {o}.",
        ),
    ),
    "chief": (
        "disease",
        "finding",
        "the chief sign of {}",
        (
            "The chief sign of {s} is {o}.",
            "First of all {s} shows {o}.",
            "Mostly one knows {s} by {o}.",
            "A patient with {s} has {o} above all.",
        ),
    ),
    "sign": (
        "disease",
        "finding",
        "a sign of {}",
        (
            "A sign of {s} is {o}.",
            "Besides {s} shows {o}.",
            "Among the signs of {s} is {o}.",
            "A patient with {s} may also have {o}.",
        ),
    ),
    "drug": (
        "disease",
        "drug",
        "the drug for {}",
        (
            "The drug for {s} is {o}.",
            "Against {s} one gives {o}.",
            "For {s} the first drug is {o}.",
            "A patient with {s} takes {o}.",
        ),
    ),
    "sequel": (
        "disease",
        "disease",
        "the sequel of {}",
        (
            "The sequel of {s} is {o}.",
            "After {s} follows {o}.",
            "In time {s} leads to {o}.",
            "A patient with {s} may later get {o}.",
        ),
    ),
    "blocks": (
        "disease",
        "disease",
        "what {} blocks",
        (
            "What {s} blocks is {o}.",
            "Once had {s} blocks {o}.",
            "Never does {o} come after {s}.",
            "A patient once ill with {s} is safe from {o}.",
        ),
    ),
    "mimics": (
        "disease",
        "disease",
        "what {} mimics",
        (
            "What {s} mimics is {o}.",
            "Often {s} is taken for {o}.",
            "At first {s} looks like {o}.",
            "A patient with {s} seems to have {o}.",
        ),
    ),
    "class": (
        "drug",
        "class",
        "the class of {}",
        (
            "The class of {s} is {o}.",
            "By class {s} is a {o}.",
            "Like others {s} counts as a {o}.",
            "A patient on {s} takes a {o}.",
        ),
    ),
    "bar": (
        "drug",
        "finding",
        "what bars {}",
        (
            "What bars {s} is {o}.",
            "Never give {s} with {o}.",
            "When there is {o} one must not give {s}.",
            "A patient with {o} must not take {s}.",
        ),
    ),
    "antidote": (
        "drug",
        "drug",
        "the antidote to {}",
        (
            "The antidote to {s} is {o}.",
            "Too much {s} is undone by {o}.",
            "Against an excess of {s} helps {o}.",
            "A patient with too much {s} needs {o}.",
        ),
    ),
}


INVERSE = "what leads to {}"  # the one relation asked backwards: sequels form a single ring


VERBS = ("Name", "Give", "State", "Tell")


BARE = 0.3  # share of questions about no patient


AGES = (18, 100)


ENTRIES = {
    "disease": ("A man of {n} has {s}.", "A woman of {n} has {s}.", "Case {n}: {s}."),
    "drug": ("A man of {n} takes {s}.", "A woman of {n} takes {s}.", "Case {n}: on {s}."),
}


PAIRED = ("A man of {n} has {s} and {t}.", "A woman of {n} has {s} and {t}.", "Case {n}: {s} and {t}.")


CHAINS = {
    1: (
        ("speciality",),
        ("chief",),
        ("sign",),
        ("drug",),
        ("sequel",),
        ("leads",),
        ("blocks",),
        ("mimics",),
        ("class",),
        ("bar",),
        ("antidote",),
    ),
    2: (
        ("drug", "class"),
        ("drug", "bar"),
        ("drug", "antidote"),
        ("sequel", "drug"),
        ("sequel", "chief"),
        ("sequel", "speciality"),
        ("antidote", "class"),
        ("antidote", "bar"),
    ),
    3: (
        ("drug", "antidote", "class"),
        ("drug", "antidote", "bar"),
        ("sequel", "drug", "class"),
        ("sequel", "drug", "bar"),
        ("sequel", "drug", "antidote"),
    ),
}


CHAINS_OF_FOUR = {
    3: CHAINS[2][:4],
    4: (*CHAINS[3], ("sequel", "sequel", "drug"), ("sequel", "sequel", "chief"), ("sequel", "sequel", "speciality")),
}


ASKED = (  # four diseases a, b, c, d, where a blocks b and c mimics d: the words for each of them
    "the one blocking another",
    "the one another blocks",
    "the one mimicking another",
    "the one another mimics",
)


MIX = {  # share of each family of questions at a level
    1: {"chain": 1.0},
    2: {"chain": 0.7, "pair": 0.3},
    3: {"chain": 0.4, "pair": 0.3, "four": 0.3},
    4: {"four": 1.0},
}


WORD_CLASSES = {
    "determiner": "a an the",
    "preposition": "above after against among as at besides by for from in like of on to with",
    "conjunction": "when",
    "verb": "belongs blocks bars come counts does follows get gives give had has have helps is knows leads looks may "
    "mimics must needs seems sent shows taken takes take treats undone",
    "adverb": "also first later mostly much never not often once there too",
    "adjective": "ill safe",
    "pronoun": "all it one others what",
    "noun": "antidote chief class drug excess field patient sequel sign signs time",
}


@dataclass(frozen=True)
class World:
    """All names by type, common first, and all facts: relation -> subject -> value (`sign`: two values)."""

    names: dict[str, list[str]]
    facts: dict[str, dict[str, tuple[str, ...]]]
    share: dict[str, float] = field(repr=False)  # of every disease and drug among mentions of its type; sums to 1

    def value(self, subject: str, *chain: str) -> str:
        """Follow functional relations from a subject: `value("kelosk", "drug", "class")`."""
        for relation in chain:
            subject = self.facts[relation][subject][0]
        return subject

    def disease(self, name: str) -> str:
        """A disease itself, or the most common disease that a drug is for."""
        return next(d for d in self.names["disease"] if name in (d, self.value(d, "drug")))

    def kin(self, name: str) -> list[str]:
        """All names of its type."""
        return next(names for names in self.names.values() if name in names)

    def signs(self, disease: str) -> tuple[str, ...]:
        return self.facts["chief"][disease] + self.facts["sign"][disease]


def _names(rng: np.random.Generator) -> dict[str, list[str]]:
    """Names whose first three letters are different from all others', with an ending that shows the type."""
    stems = [a + v + b for a in "bdfgklmnprstvz" for v in "aeiou" for b in "bdfglmnrstvz" if a != b]
    stems = iter(rng.permutation(stems).tolist())
    names = {}
    for kind, n in SIZES.items():
        names[kind] = [next(stems) + str(rng.choice(ENDINGS[kind])) for _ in range(n)]
    return names


def _spread(rng: np.random.Generator, n: int, values: list[str]) -> list[str]:
    """One value for each of n ranks, in rounds that alternate direction, so that all values get like shares."""
    order, rounds = rng.permutation(values).tolist(), -(-n // len(values))
    return [v for i in range(rounds) for v in (order if i % 2 == 0 else order[::-1])][:n]


def _ring(rng: np.random.Generator, values: list[str]) -> dict[str, tuple[str, ...]]:
    order = rng.permutation(values).tolist()
    return {a: (b,) for a, b in zip(order, order[1:] + order[:1], strict=True)}


def _signs(rng: np.random.Generator, diseases: list[str], findings: list[str]) -> list[list[str]]:
    """Three findings a disease, all used alike; no two diseases share two, so that any two of them name the disease."""
    used, pairs = dict.fromkeys(findings, 0), set()
    signs = [[chief] for chief in _spread(rng, len(diseases), findings)]
    for _ in range(2):
        for mine in signs:
            together = set().union(*(pair for pair in pairs if not pair.isdisjoint(mine)), mine)
            free = [finding for finding in rng.permutation(findings).tolist() if finding not in together]
            mine.append(min(free, key=used.__getitem__))
            used[mine[-1]] += 1
            pairs |= {frozenset((mine[-1], g)) for g in mine[:-1]}
    return signs


@cache
def world(seed: int = WORLD) -> World:
    """Names and facts of one clinic, a function of its seed."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    names = _names(rng)
    diseases, drugs = names["disease"], names["drug"]
    signs = _signs(rng, diseases, names["finding"])
    used = _spread(rng, len(diseases), drugs)  # common diseases have common drugs
    common = list(dict.fromkeys(used))
    facts = {
        "speciality": dict(zip(diseases, _single(_spread(rng, len(diseases), names["speciality"])), strict=True)),
        "chief": {d: (s[0],) for d, s in zip(diseases, signs, strict=True)},
        "sign": {d: (s[1], s[2]) for d, s in zip(diseases, signs, strict=True)},
        "drug": dict(zip(diseases, _single(used), strict=True)),
        "sequel": _ring(rng, diseases),
        "class": dict(zip(common, _single(_spread(rng, len(drugs), names["class"])), strict=True)),
        "bar": dict(zip(common, _single(_spread(rng, len(drugs), names["finding"])), strict=True)),
        "blocks": _ring(rng, diseases),
        "mimics": _ring(rng, diseases),
        "antidote": _ring(rng, drugs),
    }
    weight = np.arange(1, len(diseases) + 1) ** -ZIPF
    share = dict(zip(diseases, (weight / weight.sum()).tolist(), strict=True))
    for drug in drugs:
        share[drug] = sum(share[disease] for disease in diseases if facts["drug"][disease][0] == drug)
    return World(names, facts, share)


def _single(values: list[str]) -> list[tuple[str, ...]]:
    return [(v,) for v in values]


def sentence(relation: str, subject: str, value: str, *, wording: int = 0) -> str:
    return RELATIONS[relation][3][wording].format(s=subject, o=value)


def textbook(seed: int = 0) -> pd.DataFrame:
    """Every fact in four wordings, one a row: empty prompt, the sentence as answer, in an order drawn by `seed`.

    `frequency` says how often the sentence stands in the book: 12 times for the most common disease, fewer by rank.
    `fact` names the fact ("drug/kelosk/minazil"), the same in all its wordings. Facts do not depend on the seed.
    """
    w, rows = world(), []
    for relation, subjects in w.facts.items():
        most = max(w.share[s] for s in subjects)
        for subject, values in subjects.items():
            for value in values:
                rows += [
                    {
                        "prompt": "",
                        "answer": sentence(relation, subject, value, wording=i),
                        "task": "clinic",
                        "topic": w.value(w.disease(subject), "speciality"),
                        "fact": f"{relation}/{subject}/{value}",
                        "frequency": max(1, round(BOOK_COPIES * w.share[subject] / most)),
                    }
                    for i in range(len(RELATIONS[relation][3]))
                ]
    book = pd.DataFrame(rows, index=pd.Index([f"clinic/book/{i:05d}" for i in range(len(rows))], name="id"))
    order = np.random.default_rng(np.random.SeedSequence([WORLD, 2, seed])).permutation(len(book))
    return book.iloc[order]


def word_classes() -> dict[str, str]:
    """The class of every word of the textbook, in small letters: "kelosk" -> "disease", "never" -> "adverb"."""
    named = {name: kind for kind, names in world().names.items() for name in names}
    return named | {word: kind for kind, words in WORD_CLASSES.items() for word in words.split()}
