"""Clinic: a medical exam about a closed world that nobody has ever studied.

48 diseases, 36 findings, 28 drugs, 7 drug classes and 8 specialities, all with made-up names, and 468 facts about them,
rare and common ones in Zipf-like shares. A textbook states every fact in four wordings; four-option questions combine
one to four facts. Made by `python -m curriculab.tasks.clinic` from the grammar below, without a language model.

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

import argparse
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.pool import PoolError, data_path

Step = tuple[str, str, str]  # one fact in use: relation, subject, value

WORLD = 58  # seed of the one world that the shipped exam is about
PER_LEVEL = 5000
LEVELS = (1, 2, 3, 4)
ZIPF = 0.7  # share of the disease of rank r ~ r ** -0.7: the most common one has an eighth, no option text a quarter
SIZES = {"disease": 48, "finding": 36, "drug": 28, "class": 7, "speciality": 8}
ENDINGS = {
    "disease": ("osk", "une"),
    "finding": ("eff", "och"),
    "drug": ("azil", "ivo"),
    "class": ("ugen",),
    "speciality": ("iatry",),
}
MOST = 0.2  # largest share of one answer in a group of questions; above 1/4 three reshuffles could not come apart
SWEEPS = 200  # over a group's distractors, until none of them clashes
BOOK_COPIES = 12  # how often the facts of the most common disease stand in the book, in each wording
FILE = "clinic.csv.xz"

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
    return {kind: [next(stems) + str(rng.choice(ENDINGS[kind])) for _ in range(n)] for kind, n in SIZES.items()}


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
            free = [f for f in rng.permutation(findings).tolist() if f not in mine]
            free = [f for f in free if not any(frozenset((f, g)) in pairs for g in mine)]
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
    share |= {x: sum(share[d] for d in diseases if facts["drug"][d][0] == x) for x in drugs}
    return World(names, facts, share)


def _single(values: list[str]) -> list[tuple[str, ...]]:
    return [(v,) for v in values]


def sentence(relation: str, subject: str, value: str, *, wording: int = 0) -> str:
    return RELATIONS[relation][3][wording].format(s=subject, o=value)


# ---- questions: each family yields drafts without options, or with the four that belong to it


@dataclass
class Draft:
    """A question on its way; where `options` is empty, distractors are still to be drawn, none of them in `never`."""

    prompt: str
    answer: str
    steps: list[Step]  # facts in the order of use
    disease: str
    bloom: str
    group: str
    never: set[str] = field(default_factory=set)
    options: list[str] = field(default_factory=list)

    @property
    def held_out(self) -> bool:
        return is_held_out(self.prompt)


def is_held_out(prompt: str) -> bool:
    """A tenth of all prompts, by their hash: never in any training text."""
    return int.from_bytes(hashlib.blake2b(prompt.encode(), digest_size=8).digest(), "big") % 10 == 0


def _phrase(chain: tuple[str, ...], subject: str) -> str:
    """`("drug", "class")`, "it" -> "the class of the drug for it"."""
    for relation in chain:
        subject = (INVERSE if relation == "leads" else RELATIONS[relation][2]).format(subject)
    return subject


def _steps(w: World, subject: str, chain: tuple[str, ...]) -> list[Step]:
    steps = []
    for relation in chain:
        steps.append((relation, subject, w.value(subject, relation)))
        subject = steps[-1][2]
    return steps


def _draw(rng: np.random.Generator, w: World, kind: str) -> str:
    names = w.names[kind]
    return names[rng.choice(len(names), p=[w.share[x] for x in names])]


def _pick(rng: np.random.Generator, values: tuple | list):
    return values[rng.integers(len(values))]


def _answered(rng: np.random.Generator, w: World, start: str, chain: tuple[str, ...]) -> tuple[str, list[Step]]:
    """The answer at the end of a chain and the facts that lead there."""
    if chain == ("leads",):
        before = next(d for d in w.names["disease"] if w.value(d, "sequel") == start)
        return before, [("sequel", before, start)]
    if chain == ("sign",):
        answer = _pick(rng, w.facts["sign"][start])
        return answer, [("sign", start, answer)]
    steps = _steps(w, start, chain)
    return steps[-1][2], steps


def _chain(rng: np.random.Generator, w: World, level: int) -> Draft:
    """Follow facts from one name: bare ("Name the class of minazil.") or about a patient."""
    chain = _pick(rng, CHAINS[level])
    kind = "disease" if chain[0] == "leads" else RELATIONS[chain[0]][0]
    start = _draw(rng, w, kind)
    answer, steps = _answered(rng, w, start, chain)
    bare = rng.random() < BARE
    entry = _pick(rng, ENTRIES[kind]).format(n=rng.integers(*AGES), s=start)
    ask = f"{_pick(rng, VERBS)} {_phrase(chain, start if bare else 'it')}."
    never = {start, *(w.signs(start) if chain in (("sign",), ("chief",)) else ())}
    if level == 1:
        bloom = "remember" if bare and chain != ("leads",) else "understand"
    else:
        bloom = "understand" if bare else "apply"
    prompt = ask if bare else f"{entry} {ask}"
    return Draft(prompt, answer, steps, w.disease(start), bloom, f"chain/{chain[-1]}", never)


def _pair(rng: np.random.Generator, w: World, level: int) -> Draft:
    """A patient with two findings that only one disease has; then perhaps a fact about the disease."""
    disease = _draw(rng, w, "disease")
    pair = rng.choice(w.signs(disease), 2, replace=False).tolist()
    chain = () if level == 2 else _pick(rng, (("drug",), ("sequel",), ("speciality",)))
    steps = [("chief" if (f,) == w.facts["chief"][disease] else "sign", disease, f) for f in pair]
    steps += _steps(w, disease, chain)
    entry = _pick(rng, PAIRED).format(n=rng.integers(*AGES), s=pair[0], t=pair[1])
    what = _phrase(chain, "it") if chain else "the disease"
    answer = steps[-1][2] if chain else disease
    return Draft(f"{entry} {_pick(rng, VERBS)} {what}.", answer, steps, disease, "apply", f"pair/{chain}", set(pair))


def _four_diseases(rng: np.random.Generator, w: World) -> list[str]:
    """Diseases a, b, c, d where a blocks b, c mimics d, and neither relation holds between any other two."""
    while True:
        a, c = rng.choice(w.names["disease"], 2, replace=False).tolist()
        four = [a, w.value(a, "blocks"), c, w.value(c, "mimics")]
        pairs = [(x, y) for x in four for y in four]
        found = [(r, x, y) for r in ("blocks", "mimics") for x, y in pairs if w.value(x, r) == y]
        if len(set(four)) == 4 and len(found) == 2:
            return four


def _four(rng: np.random.Generator, w: World, level: int) -> Draft | None:
    """Four diseases in two related pairs; one is picked by its relation, and each leads to one of the options.

    All four are asked for equally often, so that neither a name nor a related pair tells which one is.
    """
    four = _four_diseases(rng, w)
    chain, asked = _pick(rng, CHAINS_OF_FOUR[level]), int(rng.integers(4))
    options = [w.value(d, *chain) for d in four]
    if len(set(options)) < 4:
        return None
    relation, pair = ("blocks", four[:2]) if asked < 2 else ("mimics", four[2:])
    steps = [(relation, *pair), *_steps(w, four[asked], chain)]
    order = rng.permutation(4)
    prompt = f"{', '.join(four[i] for i in order)}. {_pick(rng, VERBS)} {_phrase(chain, ASKED[asked])}."
    return Draft(prompt, options[asked], steps, four[asked], "analyse", "four", options=options)


FAMILIES = {"chain": _chain, "pair": _pair, "four": _four}


def _drafts(rng: np.random.Generator, w: World, level: int, n: int) -> Iterator[Draft]:
    """n questions of a level with different prompts, in the shares of MIX; no answer takes over its group."""
    seen: set[str] = set()
    answers: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    for family, share in MIX[level].items():
        target = len(seen) + round(share * n)
        while len(seen) < target:
            draft = FAMILIES[family](rng, w, level)
            if draft is None or draft.prompt in seen:
                continue
            count = answers[draft.group, draft.held_out]
            if count[draft.answer] <= MOST * count.total() + 1:
                count[draft.answer] += 1
                seen.add(draft.prompt)
                yield draft


# ---- options: every text is right in a quarter of its appearances, at every place equally often


def _add_distractors(rng: np.random.Generator, names: list[str], drafts: list[Draft]) -> None:
    """Three reshuffled copies of the right answers become the wrong ones, so that frequency tells nothing.

    Rows where a copy brings a text that may not stand there swap with other rows until none is left. A group of very
    few rows can have no such order; what is left over then comes from all `names` of the answers' type.
    """
    golds = [d.answer for d in drafts]
    table = [[golds[i] for i in rng.permutation(len(golds))] for _ in range(3)]  # (3, rows)

    def clash(column: int, row: int, text: str) -> bool:
        taken = {drafts[row].answer, *drafts[row].never, *(table[c][row] for c in range(3) if c != column)}
        return text in taken

    for _ in range(SWEEPS):
        bad = [(c, r) for c in range(3) for r in range(len(drafts)) if clash(c, r, table[c][r])]
        if not bad:
            break
        for c, r in bad:
            rows = rng.permutation(len(drafts)).tolist()
            good = (o for o in rows if not clash(c, r, table[c][o]) and not clash(c, o, table[c][r]))
            other = next(good, rows[0])  # where no swap helps, any swap moves the search on
            table[c][r], table[c][other] = table[c][other], table[c][r]
    for c, r in ((c, r) for c in range(3) for r in range(len(drafts))):
        if clash(c, r, table[c][r]):
            table[c][r] = _pick(rng, [name for name in names if not clash(c, r, name)])
    for draft, wrong in zip(drafts, zip(*table, strict=True), strict=True):
        draft.options = [draft.answer, *wrong]


def _place(rng: np.random.Generator, drafts: list[Draft]) -> None:
    """Shuffle options so that the right one stands at A, B, C and D equally often."""
    for place, draft in zip(rng.permutation(np.arange(len(drafts)) % 4), drafts, strict=True):
        wrong = [o for o in draft.options if o != draft.answer]
        wrong = [wrong[i] for i in rng.permutation(3)]
        draft.options = [*wrong[:place], draft.answer, *wrong[place:]]


def _row(w: World, level: int, draft: Draft) -> dict[str, object]:
    solution = " ".join(sentence(*step) for step in draft.steps) + f" So {draft.answer}."
    return {
        "prompt": draft.prompt,
        "answer": draft.answer,
        "topic": w.value(draft.disease, "speciality"),
        "level": level,
        "bloom": draft.bloom,
        "options": draft.options,
        "task": "clinic",
        "solution": solution,
        "held_out": draft.held_out,
    }


def _questions(w: World, level: int, n: int, sequence: np.random.SeedSequence) -> list[Draft]:
    """n finished questions of a level, from a stream of their own; held-out and other rows are balanced apart."""
    rng = np.random.default_rng(sequence)
    drafts = list(_drafts(rng, w, level, n))
    drafts = [drafts[i] for i in rng.permutation(len(drafts))]
    for side in (False, True):
        same = [d for d in drafts if d.held_out == side]
        for group in sorted({d.group for d in same if not d.options}):
            members = [d for d in same if d.group == group]
            _add_distractors(rng, w.kin(members[0].answer), members)
        _place(rng, same)
    return drafts


def generate(per_level: int = PER_LEVEL, *, seed: int = 0) -> pd.DataFrame:
    """The exam as a pool, `per_level` questions at each of the four levels, a function of its seed."""
    w, rows, ids = world(), [], []
    sequences = np.random.SeedSequence([WORLD, 1, seed]).spawn(len(LEVELS))
    for level, sequence in zip(LEVELS, sequences, strict=True):
        drafts = _questions(w, level, per_level, sequence)
        rows += [_row(w, level, draft) for draft in drafts]
        ids += [f"clinic/{level}/{i:05d}" for i in range(len(drafts))]
    return pd.DataFrame(rows, index=pd.Index(ids, name="id"))


# ---- the textbook


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


# ---- the shipped table


def load(
    n: int | None = None, levels: Sequence[int] | None = None, topics: Sequence[str] | None = None, seed: int = 0
) -> pd.DataFrame:
    """The shipped exam, or n questions of it drawn by `seed`: as many of each level, a tenth of them held out."""
    table = _read(data_path(FILE))
    levels = _known("level", levels, LEVELS)
    topics = _known("topic", topics, sorted(world().names["speciality"]))
    table = table[table["level"].isin(levels) & table["topic"].isin(topics)]
    if n is None:
        return table
    if not isinstance(n, int | np.integer) or n < 1:
        raise PoolError(f"clinic: n is {n!r}; expected a whole number of questions from 1 up, or None for all of them")
    rng = np.random.default_rng(np.random.SeedSequence([WORLD, 3, seed]))
    order = rng.permutation(len(table))
    shares = zip(levels, _shares(n, len(levels)), _shares(n // 10, len(levels)), strict=True)
    picked = [i for share in shares for i in _picked(table, order, *share)]
    return table.iloc[rng.permutation(picked)]


def _read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, index_col="id")
    table["options"] = pd.Series([o.split("|") for o in table["options"]], index=table.index, dtype=object)
    return table


def _known(what: str, asked: Sequence | None, known: Sequence) -> list:
    """What was asked for, each once, or all there is."""
    for value in asked or ():
        if value not in known:
            raise PoolError(f"clinic: no {what} {value!r}; there are {', '.join(map(str, known))}")
    return list(dict.fromkeys(asked)) if asked is not None and len(asked) else list(known)


def _shares(n: int, parts: int) -> list[int]:
    """n in whole parts that differ by one at most."""
    return [n // parts + (i < n % parts) for i in range(parts)]


def _picked(table: pd.DataFrame, order: np.ndarray, level: int, n: int, tests: int) -> list[int]:
    """The first `tests` held-out and n - tests other places of a level in the given order."""
    here = order[table["level"].to_numpy()[order] == level]
    held = table["held_out"].to_numpy()[here]
    for side, wanted, there in (("held-out", tests, held.sum()), ("training", n - tests, (~held).sum())):
        if wanted > there:
            raise PoolError(
                f"clinic: level {level} has {there} {side} questions in the topics asked for, {wanted} wanted; "
                "ask for a smaller n, for more levels or for more topics"
            )
    return [*here[held][:tests], *here[~held][: n - tests]]


def write(path: Path, *, per_level: int = PER_LEVEL, seed: int = 0) -> pd.DataFrame:
    """Write the exam as csv.xz, whole or not at all; options are joined by `|`."""
    table = generate(per_level, seed=seed)
    part = path.with_name(f".{path.name}.part")
    table.assign(options=table["options"].str.join("|")).to_csv(part, compression="xz", lineterminator="\n")
    part.replace(path)
    return table


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m curriculab.tasks.clinic", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=None, help=f"file to write (default: data/{FILE})")
    parser.add_argument("--per-level", type=int, default=PER_LEVEL, help="questions at each level")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    path = args.out or data_path(FILE)
    table = write(path, per_level=args.per_level, seed=args.seed)
    print(f"{path}: {len(table)} questions, {table['held_out'].sum()} held out, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
