"""GLAN: questions made from a syllabus, some key concepts of one session each, or of two sessions of a subject.

Title    GLAN: Synthetic Data (Almost) from Scratch
Authors  Li et al.
Year     2024
Number   50
Needs    columns topic, level
Paper    Li et al. 2024, "Synthetic Data (Almost) from Scratch: Generalized Instruction Tuning for Language Models",
         arXiv 2402.13064
Kept     a tree of subjects, class sessions and key concepts; for each subject as many questions: of one to five key
         concepts of one session, or of two to five that reach over two sessions; all of them learned in random order.
         No row is taken from a set of questions that others wrote: the baseline that does so is
         `source="self-instruct"` (Wang et al. 2023), which mixes the concepts of two questions that are there already
Changed  the tree is read from two columns of the pool, and a key concept is a row, or a value of a third column: its
         rows are solved, so that a question, their prompts one below the other, is answered rightly by construction
         (theirs: GPT-4 writes tree, syllabus and questions, GPT-3.5 the answers, 10 million; no code was released).
         Fields and disciplines above the subjects are left out. Each of two sessions has at least one concept in a
         question; how often a question has two is not known, hence `single`. `order` is ours: the paper has none
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import combinations
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, ranked
from curriculab.objectives import Sft
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds

ORDERS, SOURCES = ("shuffled", "difficulty", "syllabus"), ("syllabus", "self-instruct")
Sessions = list[list[np.ndarray]]  # of a subject: sessions, of each its key concepts, of each its rows' positions


def glan(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of the subjects")] = "topic",
    sessions: Annotated[str, Knob(help="column of the class sessions of a subject, in their order")] = "level",
    concept: Annotated[str | None, Knob(help="column of a session's key concepts; None: each row is one")] = None,
    nodes: Annotated[
        int | None, Knob(help="subjects that questions are made of, the first ones; None: all", least=1)
    ] = None,
    questions: Annotated[int, Knob(10, 400, "questions made of each subject", step=10, least=1)] = 40,  # ours
    single: Annotated[
        float, Knob(0.0, 1.0, "share of questions of one session", step=0.1, least=0.0, most=1.0)
    ] = 0.5,  # ours
    concepts: Annotated[int, Knob(2, 8, "key concepts of a question, at most", step=1, least=2)] = 5,
    order: Annotated[
        str, Knob(choices=ORDERS, help="random passes, or one walk by difficulty or syllabus")
    ] = "shuffled",
    source: Annotated[str, Knob(choices=SOURCES, help="what new questions are made of")] = "syllabus",
    seeds: Annotated[
        int, Knob(4, 40, "first questions of self-instruct", step=4, least=1)
    ] = 8,  # ours; Wang et al.: 175 tasks
) -> Generator:
    """n ~ uniform(1 ... `concepts`) of one session, or from 2 of two; level of a question = n + its sessions - 1.

    Rows of the pool that are made of others (with `parts`) are no concepts.
    """
    check_bounds(glan, locals())
    for name, value, known in (("order", order, ORDERS), ("source", source, SOURCES)):
        if value not in known:
            raise ValueError(f"{name}={value!r} is unknown; give one of {', '.join(map(repr, known))}")
    rows = plain(pool, (by, sessions, *([] if concept is None else [concept])))
    tree = taxonomy(rows, by, sessions, concept, nodes)
    if source == "syllabus":
        found = from_syllabus(tree, questions, single, concepts, run.rng)
    else:
        found = self_instructed(tree, questions, seeds, single, concepts, run.rng)
    made = written(rows, found, by, sessions)
    queue = Queue.shuffled(np.arange(len(made)), run.rng)
    walk = None if order == "shuffled" else ranked(place(made, by, order), run.rng)
    while True:
        if walk is None:
            at = queue.take(run.batch)
        else:
            first = min(int(run.progress * len(walk) + 1e-9), max(0, len(walk) - run.batch))
            at = np.resize(walk[first : first + run.batch], run.batch)
        yield Train(made.take(at), "sft")


def plain(pool: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The rows that are not made of others; each has a value in these columns."""
    for name in columns:
        if name not in pool:
            raise ValueError(f"glan: {name!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    rows = pool
    if "parts" in pool:
        rows = pool[[not isinstance(cell, list | tuple) for cell in pool["parts"]]]
    if not len(rows):
        raise ValueError("glan: every row of this pool has `parts`; add the rows that they name")
    for name in columns:
        if rows[name].isna().any():
            row = rows.index[rows[name].isna()][0]
            raise ValueError(f"glan: {name!r} is missing for row {row!r}; every row belongs to one: fill or drop it")
    return rows


def taxonomy(
    rows: pd.DataFrame, by: str, sessions: str, concept: str | None = None, nodes: int | None = None
) -> dict[object, Sessions]:
    """Sessions, key concepts and rows of each subject: the first `nodes` subjects, by name."""
    subject, session = rows[by].to_numpy(object), rows[sessions].to_numpy()
    kind = np.arange(len(rows)) if concept is None else rows[concept].to_numpy()
    tree: dict[object, Sessions] = {}
    for name in sorted(pd.unique(subject), key=str)[:nodes]:
        own = np.flatnonzero(subject == name)
        tree[name] = []
        for number in np.unique(session[own]):
            here = own[session[own] == number]
            tree[name].append([here[kind[here] == one] for one in np.unique(kind[here])])
    return tree


def from_syllabus(
    tree: dict[object, Sessions], questions: int, single: float, most: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """As many questions of each subject, each as the positions of its rows."""
    return [drawn(sessions, single, most, rng) for sessions in tree.values() for _ in range(questions)]


def drawn(sessions: Sessions, single: float, most: int, rng: np.random.Generator) -> np.ndarray:
    """One question: a row each of some key concepts of a session, or of two, at least one of each, (concepts,)."""
    number = 1 if len(sessions) < 2 or rng.random() < single else 2
    firsts, others = [], []
    for k in rng.choice(len(sessions), number, replace=False):
        own = [sessions[k][i] for i in rng.permutation(len(sessions[k]))]
        firsts.append(own[0])
        others += own[1:]
    n = int(rng.integers(number, min(most, number + len(others)) + 1))
    chosen = firsts + [others[i] for i in rng.permutation(len(others))[: n - number]]
    return rng.permutation([rng.choice(rows) for rows in chosen])


def self_instructed(
    tree: dict[object, Sessions], questions: int, seeds: int, single: float, most: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """As many questions as `from_syllabus` makes: some of the syllabus, then concepts of two that are there already."""
    total, subjects = questions * len(tree), list(tree.values())
    found: list[np.ndarray] = []
    while len(found) < total:
        if len(found) < seeds:
            found.append(drawn(subjects[rng.integers(len(subjects))], single, most, rng))
            continue
        two = rng.choice(len(found), min(2, len(found)), replace=False)
        known = np.unique(np.concatenate([found[k] for k in two]))
        found.append(rng.permutation(known)[: rng.integers(1, min(most, len(known)) + 1)])
    return found


def written(rows: pd.DataFrame, found: list[np.ndarray], by: str, sessions: str) -> pd.DataFrame:
    """The questions: prompts one below the other, answers in one line; `level`, `concepts`, `sessions`, `parents`.

    `session` is the last one that a question needs, the first being 0.
    """
    ids, subject = rows.index.to_numpy(object), rows[by].to_numpy(object)
    prompt, answer = (rows[column].astype(str).to_numpy(object) for column in ("prompt", "answer"))
    number = np.unique(rows[sessions].to_numpy(), return_inverse=True)[1]
    parents = [tuple(ids[at]) for at in found]
    session = pd.factorize(pd.MultiIndex.from_arrays([subject, number]))[0]  # of which subject and which of its own
    reach = [len(np.unique(session[at])) for at in found]
    table = {
        "prompt": ["\n".join(prompt[at]) for at in found],
        "answer": [" ".join(answer[at]) for at in found],
        by: [subject[at[0]] for at in found],
        "session": [int(number[at].max()) for at in found],
        "sessions": reach,
        "concepts": [len(at) for at in found],
        "level": [len(at) + k - 1 for at, k in zip(found, reach, strict=True)],
        "parts": parents,
        "parents": parents,
    }
    names = [f"glan/{k}/{'+'.join(map(str, own))}" for k, own in enumerate(parents)]
    return pd.DataFrame(table, index=pd.Index(names, name="id"))


def place(made: pd.DataFrame, by: str, order: str) -> np.ndarray:
    """Where a question stands: by its level, or by subject, session and level, (questions,)."""
    level = made["level"].to_numpy(float)
    if order == "difficulty":
        return level
    subject = pd.factorize(made[by].astype(str), sort=True)[0]
    score = np.empty(len(made))
    score[np.lexsort((level, made["session"], subject))] = np.arange(len(made))
    return score


# -- check ------------------------------------------------------------------------------------------------------------
RATE, SUBJECTS = 0.7, tuple(f"subject {k}" for k in range(6))  # of right answers to one concept, in each subject
NODES, QUESTIONS = (2, 4, 6), 40


def check(bench: CheckBench) -> Check:
    """Six subjects of four sessions with four concepts each: how hard questions are, and what more subjects bring."""
    pool, student = bench.planted(dict.fromkeys(SUBJECTS, RATE), rows=16, rate=0.03)
    pool = pool.assign(level=np.tile(np.repeat([1, 2, 3, 4], 4), len(SUBJECTS)))
    source = "self-instruct" if bench.broken else "syllabus"
    tested = from_syllabus(taxonomy(pool, "topic", "level"), 60, 0.5, 5, np.random.default_rng(0))
    tests = pd.concat([pool, written(pool, tested, "topic", "level")])
    runs = {}
    own = dict(student=student, objective=Sft(), source=source)
    for nodes in NODES:  # one pass over all questions
        how = dict(own, pool=tests if nodes == NODES[0] else pool, nodes=nodes)
        runs[nodes] = bench.reinforce(glan, steps=nodes * QUESTIONS // bench.batch_size, **how)
        bench.final(runs[nodes])  # a failed run raises
    rank, off = difficulty(runs[NODES[0]].items, pool)
    pairs = [coverage(runs[nodes].exposure) for nodes in NODES]
    before, after = (by_subject(runs[nodes].items) for nodes in NODES[1:])
    lift = (after - before).loc[list(SUBJECTS)].to_numpy()
    added, other = lift[NODES[1] :], lift[: NODES[1]]
    return Check(
        claim="before training, questions are answered the less often the higher their level, and one of n concepts as "
        "often as n rows in turn; pairs of concepts in questions grow in proportion to the subjects; two more subjects "
        "raise the accuracy of these two and of no other",
        refuted_by="a Spearman correlation of level and accuracy over the nine kinds above -0.8, a kind further than 3 "
        "standard errors from RATE ** n, pairs of twice or three times the subjects further than a tenth from twice or "
        "three times as many, a subject added that gains less than 0.10, or another that moves by more than 0.05 (all "
        "but the first ours). As many questions by self-instruct must fail",
        measured={
            "rank": rank,
            "off": off,
            "pairs": pairs[0],
            "twice": pairs[1] / pairs[0],
            "thrice": pairs[2] / pairs[0],
            "least_added": float(added.min()),
            "most_other": float(np.abs(other).max()),
        },
        held=bool(
            rank <= -0.8
            and off <= 3
            and abs(pairs[1] / pairs[0] / 2 - 1) <= 0.1
            and abs(pairs[2] / pairs[0] / 3 - 1) <= 0.1
            and added.min() >= 0.10
            and np.abs(other).max() <= 0.05
        ),
        seeds=bench.seeds,
        mechanism=True,
    )


def difficulty(items: pd.DataFrame, pool: pd.DataFrame) -> tuple[float, float]:
    """Spearman of level and accuracy over kinds of questions, and the largest distance from RATE ** n in standard
    errors, before training; a kind is what the ids of its rows say: concepts and sessions."""
    made = items[(items.share == 0.0) & items.id.str.startswith("glan/")]
    rows = [row.split("/", 2)[2].split("+") for row in made.id]
    n, reach = [len(own) for own in rows], [pool.loc[own, "level"].nunique() for own in rows]
    kinds = made.groupby([n, reach])["correct"].agg(["mean", "size"])
    concepts, sessions = (kinds.index.get_level_values(k).to_numpy() for k in (0, 1))
    due = RATE**concepts
    off = np.abs(kinds["mean"] - due) / np.sqrt(due * (1 - due) / kinds["size"])
    level = pd.Series(concepts + sessions - 1, index=kinds.index)
    return float(level.corr(kinds["mean"], method="spearman")), float(off.max())


def coverage(exposure: pd.DataFrame) -> float:
    """Different pairs of concepts within trained questions, mean over seeds."""
    found = []
    for _, own in exposure.groupby("seed"):
        pairs: set[tuple[str, ...]] = set()
        for row in own.id:
            pairs |= set(combinations(sorted(row.split("/", 2)[2].split("+")), 2))
        found.append(len(pairs))
    return float(np.mean(found))


def by_subject(items: pd.DataFrame) -> pd.Series:
    """Accuracy of single rows after training, by subject."""
    last = items[(items.share == 1.0) & items.id.str.startswith("planted/")]
    return last.groupby(last.id.str.split("/").str[1]).correct.mean()
