"""The questions of clinic, made from the world of curriculab.data.clinic_world: `python -m tools.make_clinic`."""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.data.clinic_world import (
    AGES,
    ASKED,
    BARE,
    CHAINS,
    CHAINS_OF_FOUR,
    ENTRIES,
    INVERSE,
    MIX,
    PAIRED,
    RELATIONS,
    VERBS,
    WORLD,
    Step,
    World,
    sentence,
    world,
)
from curriculab.data.files import data_path
from curriculab.data.sources.clinic import FILE, LEVELS, PER_LEVEL

MOST = 0.2  # largest share of one answer in a group of questions; above 1/4 three reshuffles could not come apart


SWEEPS = 200  # over a group's distractors, until none of them clashes


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


def write(path: Path, *, per_level: int = PER_LEVEL, seed: int = 0) -> pd.DataFrame:
    """Write the exam as csv.xz, whole or not at all; options are joined by `|`."""
    table = generate(per_level, seed=seed)
    part = path.with_name(f".{path.name}.part")
    table.assign(options=table["options"].str.join("|")).to_csv(part, compression="xz", lineterminator="\n")
    part.replace(path)
    return table


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.make_clinic", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=None, help=f"file to write (default: data/{FILE})")
    parser.add_argument("--per-level", type=int, default=PER_LEVEL, help="questions at each level")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    path = args.out or data_path(FILE)
    table = write(path, per_level=args.per_level, seed=args.seed)
    print(f"{path}: {len(table)} questions, {table['held_out'].sum()} held out, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
