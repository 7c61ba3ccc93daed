"""CLIMB: three curricula that can be combined: which rows are drawn, which words are shown, what is to be predicted.

Title    CLIMB: Curriculum Learning for Infant-inspired Model Building
Authors  Martinez et al.
Year     2023
Number   1
Needs    columns level
Adapts   no
Paper    Martinez et al. 2023, "CLIMB: Curriculum Learning for Infant-inspired Model Building", BabyLM at CoNLL
Kept     data: even draws among the rows whose score is at most the 100 c(t)-th percentile; words: those outside the
         vocabulary of the moment become one mark, in what is read and in what is learned, by frequency, by word class,
         or by class and then frequency; objective: the classes of hidden words, each word hidden on its own with
         probability 0.4 where its class is one of those asked for and 0.15 elsewhere (codebyzeb/CLIMB,
         objective_curriculum/units/pos.py), before or beside the words themselves; all six shapes of c(t)
Changed  words are runs of letters and digits (there, tokens), ranked by their frequency in the pool (there, by their
         number in the tokenizer, which follows it); classes come from a table, by default the clinic's, whose words are
         all known: no tagger. A head on the states of the model would be the paper's way to predict a class; here the
         classes of a row's hidden words, in their order, are text to be continued, on the same adapter, and objectives
         that run side by side share the rows of a step instead of adding losses. A hidden word always becomes the mark
         (there 8 of 10; 1 becomes another word, 1 stays), and a row of which no word is hidden is drawn again: it would
         teach nothing. `refresh` measures the learner's own loss anew, whose order is its perplexity's
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.data.clinic_world import SIZES, textbook, word_classes
from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.pacing import PACINGS, Pacing, Ramp
from curriculab.methods.samplers import scores
from curriculab.protocol import Run, Score, Train
from curriculab.registry.knobs import Knob, check_bounds

WORD = re.compile(r"[^\W_]+")
TEXTS = ("prompt", "answer", "solution", "options")
ORDER = ("noun", "verb", "adjective", "adverb", "pronoun", "determiner", "preposition", "conjunction")  # released code
OBJECTIVES = {  # what is predicted from when to when; released code, but for where "graded" goes on to all classes
    "words": (("words", 0.0, 1.0),),
    "sequential": (("classes", 0.0, 0.125), ("words", 0.125, 1.0)),
    "multitask": (("classes", 0.0, 1.0), ("words", 0.0, 1.0)),
    "late words": (("classes", 0.0, 1.0), ("words", 0.125, 1.0)),
    "graded": (("nouns and verbs", 0.0, 0.0625), ("classes", 0.0625, 0.125), ("words", 0.125, 1.0)),
}
MASKED, OTHERS = 0.4, 0.15  # how often a word of the classes asked for is hidden, and any other; released code


def climb(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str | None, Knob(help="column of difficulty, higher is harder; None: all rows at once")] = "level",
    pacing: Annotated[
        Pacing, Knob(choices=PACINGS, help="how much of the ranking is in use at which share of the budget")
    ] = Ramp("log"),  # noqa: B008  of the data; the released configurations use "linear" and "log"
    refresh: Annotated[
        float | None,
        Knob(help="share of the budget after which all rows are scored anew; None: never", above=0.0, most=1.0),
    ] = None,  # 1 / 16 in the paper
    vocabulary: Annotated[
        str | None,
        Knob(choices=(None, "frequency", "class", "both"), help="by what words come into use; None: all at once"),
    ] = None,  # "frequency", "class" or "both"
    vocabulary_pacing: Annotated[
        Pacing, Knob(help="how much of the vocabulary is in use at which share of the budget")
    ] = Ramp("linear"),  # noqa: B008
    objective: Annotated[
        str, Knob(help="what is predicted, and when: the words themselves, or the class of a hidden word")
    ] = "words",
    classes: Annotated[
        Mapping[str, str] | None, Knob(help="class of each word, in small letters; None: those of the clinic")
    ] = None,
    order: Annotated[
        Sequence[str], Knob(help="in which order word classes come into use")
    ] = ORDER,  # words of no class come last
    mark: Annotated[str, Knob(help="what stands for a word that is not in use yet")] = "_",  # ours
) -> Generator:
    """Row ~ U{score <= 100 c(t)-th percentile};  a word is shown while place(word) <= c(t), else it is `mark`.

    place = rank / V (frequency), class / K (class), (class V + rank) / (V (K + 1)) (both); V words, K classes.
    """
    check_bounds(climb, locals())
    _check_knobs(pacing, vocabulary_pacing, vocabulary, objective)
    score = scores(pool, by) if by else np.zeros(len(pool))
    if classes is None and (vocabulary in ("class", "both") or objective != "words"):
        classes = clinic_classes()
    places = word_places(pool, vocabulary, classes, order) if vocabulary else {}
    ranks, due = np.argsort(score, kind="stable"), refresh
    while True:
        if refresh and run.progress >= due:
            score, due = (yield Score(pool, "nll"))["nll"].to_numpy(float), run.progress + refresh
            ranks = np.argsort(score, kind="stable")
        known = max(under(score, ranks, pacing(run.progress)), min(run.batch, len(pool)))
        rows = pool.take(ranks[run.rng.choice(known, run.batch, replace=known < run.batch)])
        note = {"share": known / len(pool)}
        if vocabulary:
            rows, note["unknown"] = shown(rows, places, vocabulary_pacing(run.progress), mark)
        units = [unit for unit, begin, end in OBJECTIVES[objective] if begin <= min(run.progress, 1 - 1e-9) < end]
        yield Train(_as_asked(rows, units, classes, mark, run.rng), note=note)


def under(score: np.ndarray, ranks: np.ndarray, c: float) -> int:
    """How many rows have at most the 100 c-th percentile of all scores: scores 1, 2, 2, 3 and c = .5 -> 3."""
    at = c * (len(score) - 1)
    low, high = score[ranks[int(at)]], score[ranks[min(int(at) + 1, len(score) - 1)]]
    limit = low + (at - int(at)) * (high - low)
    return int(np.searchsorted(score, limit, side="right", sorter=ranks))


# -- words ------------------------------------------------------------------------------------------------------------
def clinic_classes() -> dict[str, str]:
    """The classes of the clinic's words; its names are nouns."""
    return {word: "noun" if kind in SIZES else kind for word, kind in word_classes().items()}


def word_places(
    pool: pd.DataFrame, vocabulary: str, classes: Mapping[str, str] | None, order: Sequence[str]
) -> dict[str, float]:
    """When each word of the pool is let in, as the least c(t) that shows it, in [0, 1]."""
    columns = [pool[c].tolist() for c in TEXTS if c in pool]
    listed = (list, tuple, np.ndarray)
    texts = (part for column in columns for text in column for part in (text if isinstance(text, listed) else [text]))
    count = Counter(w.lower() for text in texts if isinstance(text, str) for w in WORD.findall(text))
    words = sorted(count, key=lambda w: (-count[w], w))
    if vocabulary == "frequency":
        return {w: rank / len(words) for rank, w in enumerate(words)}
    number = {name: i for i, name in enumerate(order)}
    of = [number.get((classes or {}).get(w, ""), len(order)) for w in words]
    if vocabulary == "class":
        return {w: k / max(len(order), 1) for w, k in zip(words, of, strict=True)}
    whole = len(words) * (len(order) + 1)
    return {w: (k * len(words) + rank) / whole for rank, (w, k) in enumerate(zip(words, of, strict=True))}


def shown(rows: pd.DataFrame, places: Mapping[str, float], c: float, mark: str) -> tuple[pd.DataFrame, float]:
    """The rows with the words of the moment, and the share of their words that are not."""
    if c >= 1:
        return rows, 0.0
    seen, hidden = 0, 0

    def word(found: re.Match) -> str:
        nonlocal seen, hidden
        unknown = places.get(found[0].lower(), 1.0) > c
        seen, hidden = seen + 1, hidden + unknown
        return mark if unknown else found[0]

    def text(value: object) -> object:
        if isinstance(value, str):
            return WORD.sub(word, value)
        return [text(v) for v in value] if isinstance(value, list | tuple | np.ndarray) else value

    new = {k: pd.Series(list(map(text, rows[k].tolist())), rows.index, dtype=object) for k in TEXTS if k in rows}
    return rows.assign(**new), hidden / max(seen, 1)


def _as_asked(
    rows: pd.DataFrame, units: Sequence[str], classes: Mapping[str, str] | None, mark: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Rows dealt out among the objectives of the moment: as they are, or as questions for the class of a word."""
    if tuple(units) == ("words",):
        return rows
    parts = [rows.iloc[i :: len(units)] for i in range(len(units))]
    parts = [
        part if unit == "words" else questions(part, classes or {}, unit, mark, rng)
        for unit, part in zip(units, parts, strict=True)
    ]
    return pd.concat([part for part in parts if len(part)])


def questions(
    rows: pd.DataFrame, classes: Mapping[str, str], unit: str, mark: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Hidden words in each row, whose classes are to be named in their order; rows without words stay as they are."""
    asked = ("noun", "verb") if unit == "nouns and verbs" else tuple(classes.values())
    prompts, answers, at = [], [], []
    for i, (prompt, answer) in enumerate(zip(rows["prompt"], rows["answer"], strict=True)):
        text = prompt or str(answer)
        names = [classes.get(word.lower()) for word in WORD.findall(text)]
        if not names:
            continue
        hide = iter(hidden := _hidden(np.array([MASKED if name in asked else OTHERS for name in names]), rng))
        prompts.append(f"{WORD.sub(lambda word, hide=hide: mark if next(hide) else word[0], text)} Classes of {mark}:")
        answers.append(", ".join(n if n in asked else "other" for n, h in zip(names, hidden, strict=True) if h))
        at.append(i)
    chosen = rows.iloc[at]
    new = ask(chosen, prompts, answer=answers, parents=chosen.index.to_list()).drop(columns="task", errors="ignore")
    return pd.concat([new.set_axis([f"{i}/class" for i in new.index]), rows.drop(index=chosen.index)])


def _hidden(chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which words are hidden, each with its own chance, (words,) bool: at least one."""
    while True:
        hidden = rng.random(len(chance)) < chance
        if hidden.any():
            return hidden


def _check_knobs(pacing: Pacing, vocabulary_pacing: Pacing, vocabulary: str | None, objective: str) -> None:
    for name, value in (("pacing", pacing), ("vocabulary_pacing", vocabulary_pacing)):
        if not callable(value):
            raise ValueError(f"{name}={value!r} is no pacing; give Ramp('linear') or another of cl.methods.pacing")
    if vocabulary not in (None, "frequency", "class", "both"):
        raise ValueError(f"vocabulary={vocabulary!r} is unknown; give 'frequency', 'class', 'both', or None: all words")
    if objective not in OBJECTIVES:
        raise ValueError(f"objective={objective!r} is unknown; give one of {', '.join(OBJECTIVES)}")


def check(bench: CheckBench) -> Check:
    """Rows come evenly from below the percentile and, in the end, from everywhere; words by class; classes first."""
    runs = bench.simulate(climb, signal=("score",), by="score", steps=100)
    seen = bench.exposure(runs)
    t = np.clip((seen.share_before - 1 / 16) / (7 / 8 - 1 / 16), 0.0, 1.0)  # the released log shape, from .1 to 1
    pace = np.where(t > 0, np.minimum(1.0, 0.1 + 0.9 * (1 + np.log(t + np.exp(-10)) / 10)), 0.1)
    allowed = np.percentile(bench.pool.score, 100 * pace)
    above = float((seen.score > allowed + 1e-9).mean())
    late = seen[seen.share_before >= 7 / 8].score
    off = float((late.mean() - bench.pool.score.mean()) / (bench.pool.score.std() / len(late) ** 0.5))
    wrong, hidden = _wrongly_shown(bench), _hidden_share(bench)
    return Check(
        claim="no row above the percentile of the moment, and even draws from all rows in the last eighth; a word is "
        "the mark just while its class is not in use; and in the first eighth of a sequential run words are hidden one "
        "by one, four in ten, to be named by their class",
        refuted_by="any row above; a mean score in the last eighth off the pool's by more than 4 standard errors; any "
        "word that is shown before its class is due or hidden after that (an order of classes dealt out anew shows "
        "others); a share of hidden words further than 0.04 from .4 / (1 - .6^n) for rows of n words (384 rows of "
        "about six words: four standard errors), or questions later on",
        measured={"above": above, "off": off, "wrongly_shown": float(wrong), **hidden},
        held=above == 0
        and abs(off) <= 4
        and wrong == 0
        and abs(hidden["hidden_off"]) <= 0.04
        and not hidden["asked_late"],
        seeds=bench.seeds,
        mechanism=True,
    )


def _wrongly_shown(bench: CheckBench) -> int:
    """Words shown or hidden against the classes' turns, in 24 steps; a broken bench deals the classes out anew."""
    book, classes, asked = textbook().iloc[:400], clinic_classes(), []
    given = dict(classes)
    if bench.broken:
        given = dict(zip(classes, np.random.default_rng(0).permutation(list(classes.values())), strict=True))
    how = dict(pool=book, by=None, vocabulary="class", classes=given, steps=24)
    bench.simulate(bench.watch(climb, asked), **how)
    trains, wrong = [r for r in asked if isinstance(r, Train)][: 24 * len(bench.seeds)], 0
    turns = ("noun", "verb", "adjective", "adverb", "pronoun", "determiner", "preposition", "conjunction")
    for i, request in enumerate(trains):  # all seeds take a step before any takes the next
        c = min(1.0, 0.1 + 0.9 * max(0.0, (i // len(bench.seeds) / 24 - 1 / 16) / (7 / 8 - 1 / 16)))  # linear
        for text, original in zip(request.rows["answer"], book.answer[request.rows.index], strict=True):
            due = [turns.index(classes[w.lower()]) / 8 <= c for w in re.findall(r"\w+", original)]
            wrong += sum(shown != (w != "_") for shown, w in zip(due, re.findall(r"\w+", text), strict=True))
    return wrong


def _hidden_share(bench: CheckBench) -> dict[str, float]:
    """Hidden words of a sequential run's first eighth beyond what is due, and questions after it."""
    book, asked = textbook().iloc[:400], []
    bench.simulate(bench.watch(climb, asked), pool=book, by=None, objective="sequential", steps=16, batch_size=64)
    trains = [r.rows for r in asked if isinstance(r, Train)][: 16 * len(bench.seeds)]
    early, late = pd.concat(trains[: 2 * len(bench.seeds)]), pd.concat(trains[2 * len(bench.seeds) :])
    words = early.prompt.str.split(" Classes of").str[0].str.findall(r"\w+")
    n = words.str.len()
    due = float((n * 0.4 / (1 - 0.6**n)).sum() / n.sum())
    share = float(words.map(lambda w: w.count("_")).sum() / n.sum())
    return {"hidden": share, "hidden_off": share - due, "asked_late": float(late.index.str.endswith("/class").mean())}
