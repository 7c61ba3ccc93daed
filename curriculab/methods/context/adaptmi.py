"""AdaptMI: examples of a question's own skill, but only where the model's answers show that it is difficult.

Title    AdaptMI: adaptive skill-based in-context examples
Authors  He et al.
Year     2025
Number   33
Trains   no
Needs    columns topic
Paper    He et al. 2025, "AdaptMI: Adaptive Skill-based In-context Math Instruction for Small Language Models",
         arXiv 2505.00147
Kept     five fixed examples first; a question that is found difficult is answered anew behind five examples of its
         skill, filled up with fixed ones; all others keep the fixed ones; fixed and skill examples for every question
         are the baselines
Changed  difficult is a question on which `votes` answers agree less than `doubt` (theirs: a process reward model, whose
         last, mean or any later step is at most .85, .85 or .70; .90, .90 and .70 in the released scripts); a skill is
         a column (theirs: labels by GPT-4o-mini, or for AdaptMI+ the skills that a model finds missing in the answer);
         the kept answer is greedy, and votes are answers beside it. Where a row has one skill, the code
         (princeton-pli/AdaptMI, evaluation/utils.py) draws each example anew and may repeat one; here none repeats.
         "second" answers difficult questions again behind the fixed examples, and `flag="random"` takes as many others
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.data.twins import normalised
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.shots import behind, solved
from curriculab.protocol import Run, Sample, Use
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import final


def vote(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """What the simulated student writes for a vote: the right answer with probability p, else one of nine."""
    right, other = rng.random(len(rows)) < rows["p"].to_numpy(), rng.integers(9, size=len(rows))
    return [str(a) if ok else f"wrong answer {k}" for a, ok, k in zip(rows["answer"], right, other, strict=True)]


WRITERS = {"vote": vote}


def adaptmi(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column of the skill that a question asks for")] = "topic",
    shots: Annotated[int, Knob(1, 8, "examples before a question", step=1, least=1)] = 5,
    votes: Annotated[int, Knob(2, 16, "answers by which difficult questions are told", step=1, least=2)] = 5,  # ours
    doubt: Annotated[
        float,
        Knob(0.2, 1.0, "share of agreeing votes below which a question is difficult", step=0.1, least=0.0, most=1.0),
    ] = 0.6,  # ours
    temperature: Annotated[
        float, Knob(0.1, 1.5, "of votes, and of a second answer", step=0.1, above=0.0)
    ] = 0.7,  # stage 1 of the released scripts
    flag: Annotated[
        str, Knob(choices=("votes", "random"), help="which are difficult: by votes, or as many others")
    ] = "votes",
) -> Generator:
    """difficult = largest share of agreeing votes < doubt; its examples are of its skill `by`, all others' fixed."""
    check_bounds(adaptmi, locals())
    if by not in pool:
        raise ValueError(f"by={by!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    if flag not in ("votes", "random"):
        raise ValueError(f"flag={flag!r} is unknown; give 'votes' or 'random'")
    order = run.rng.permutation(len(pool))
    texts, questions, skills = solved(pool)[order], pool["prompt"].to_numpy()[order], pool[by].to_numpy()[order]
    seed = int(run.rng.integers(2**31))

    def fixed(rows: pd.DataFrame) -> list[list[str]]:
        """The first examples, for all rows the same, but never the row itself."""
        return [texts[np.flatnonzero(questions != one)[:shots]].tolist() for one in rows["prompt"]]

    def skilled(rows: pd.DataFrame) -> list[list[str]]:
        """Examples of each row's skill, drawn at random, filled up with fixed ones."""
        rng, chosen = np.random.default_rng([seed, 0]), []
        for one, skill in zip(rows["prompt"], rows[by], strict=True):
            own = np.flatnonzero((skills == skill) & (questions != one))
            own = rng.permutation(own)[:shots]
            rest = np.setdiff1d(np.flatnonzero(questions != one), own)[: shots - len(own)]
            chosen.append([*texts[own], *texts[rest]])
        return chosen

    def difficult(rows: pd.DataFrame) -> Generator:
        """Where votes disagree, (rows,), or as many others."""
        out = yield Sample(behind(rows, fixed(rows)), votes, temperature=temperature, purpose="vote")
        found = (agreement(out).reindex(rows.index) < doubt).to_numpy()
        return found if flag == "votes" else np.random.default_rng([seed, 1]).permutation(found)

    def solve(rows: pd.DataFrame, kind: str) -> Generator:
        shown, hot = fixed(rows), np.zeros(len(rows))
        if kind == "skill":
            shown = skilled(rows)
        elif kind in ("adaptive", "second"):
            hard = yield from difficult(rows)
            if kind == "second":
                hot = temperature * hard
            else:
                shown = [two if anew else one for one, two, anew in zip(shown, skilled(rows), hard, strict=True)]
        return (yield Sample(behind(rows, shown), temperature=hot.tolist(), purpose="test"))

    kinds = ("adaptive", "fixed", "skill", "second")
    yield Use({kind: partial(solve, kind=kind) for kind in kinds}, columns=(by,))


def agreement(out: pd.DataFrame) -> pd.Series:
    """Share of each row's answers that say what most of them say, by id."""
    said = pd.Series([normalised(final(text)[0]).casefold() for text in out["text"]], index=out.index)
    return said.groupby(level=0).agg(lambda one: one.value_counts(normalize=True).iloc[0])


EASY, HARD, MOVED = 0.9, 0.25, 2.0  # right without examples of the skill; logits that these add or take
RATES = {f"{kind} {i}": p for kind, p in (("easy", EASY), ("hard", HARD)) for i in range(3)}


def check(bench: CheckBench) -> Check:
    """Examples of the skill help a student with three hard skills and hurt it with three easy ones."""

    def own_skill(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
        skills = [str(row).split("/")[1] for row in rows.index]
        shown = [prompt.count(f"planted/{skill}/") for prompt, skill in zip(rows["prompt"], skills, strict=True)]
        sign = np.where([skill.startswith("hard") for skill in skills], MOVED, -MOVED)
        return sign * (np.array(shown) >= 5)  # the question itself, and four examples or more

    pool, student = bench.planted(RATES, rows=20, context=own_skill)
    runs = bench.reinforce(adaptmi, pool=pool, student=student, steps=1, flag="random" if bench.broken else "votes")
    bench.final(runs)  # a failed run raises
    items = runs.items[runs.items.share == 1.0]
    hard = items["id"].str.contains("hard")
    right, by_kind = items.groupby("solver").correct.mean(), items.groupby(["solver", hard]).correct.mean()
    gains = {f"over_{name}": float(right["adaptive"] - right[name]) for name in ("fixed", "skill", "second")}
    moved = {name: float(by_kind["skill", of] - by_kind["fixed", of]) for name, of in (("easy", False), ("hard", True))}
    return Check(
        claim="questions on which votes disagree are those that examples of their skill help with, so that showing "
        "these there alone is better than fixed examples, than skill examples for all, and than a second answer",
        refuted_by="less than 0.05 above any of the three (told without an error it would be 0.23, 0.18 and 0.23: "
        "sigmoid(logit 0.25 + 2) = 0.71 and sigmoid(logit 0.9 - 2) = 0.55, half of the rows each; five votes miss a "
        "tenth of the hard ones), or skill examples that do not help with hard questions, or do not hurt easy ones",
        measured={"adaptive": float(right["adaptive"]), **gains, **moved},
        held=min(gains.values()) >= 0.05 and moved["easy"] < 0 < moved["hard"],
        seeds=bench.seeds,
        mechanism=True,
    )
