"""Learning by teaching: a rationale is worth what students who read it get right; the answers of good ones are chosen.

Title    Can LLMs Learn by Teaching?
Authors  Ning et al.
Year     2024
Number   39
Trains   no
Paper    Ning et al. 2024, "Can LLMs Learn by Teaching for Better Reasoning?", NeurIPS, arXiv 2406.14629
Kept     M1: a teacher's rationales with their answers; each is the one example that a student reads before it answers
         other rows; the score of a rationale is the number that it gets right; the answer of a row is chosen by the sum
         of the scores of each distinct answer, by their largest, their mean, or how often it was given
Changed  16 rationales a row (the released code: 256 at temperature 0.7, top-k 20), scored by 4 rows of the pool of the
         same topic, nearest by level (its: variants of the row with other numbers, else its nearest neighbours), each
         answered once (its: three times). Beside a model, `auc_logprob` is what its own log-probability tells; that of
         a simulated student tells everything, so that no claim is made of it. `shown="other"` is the control with the
         rationales of another row. M2, which trains the teacher on pairs, and M3, which rewrites examples, are left out
"""

from __future__ import annotations

from collections.abc import Generator
from math import comb
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.protocol import Run, Sample
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import final

SHOWN = ("own", "other")
VOTES = ("majority", "sum", "largest", "mean")


def learning_by_teaching(
    pool: pd.DataFrame,
    run: Run,
    *,
    teacher: Annotated[str, Knob(help="role that writes the rationales")] = "learner",
    student: Annotated[str, Knob(help="role that reads one of them and answers questions")] = "base",
    rationales: Annotated[int, Knob(4, 64, "rationales a row", step=4, least=2)] = 16,  # released code: 256
    questions: Annotated[
        int, Knob(1, 16, "rows that a rationale is tried on", step=1, least=1)
    ] = 4,  # released code: 3 variants
    contexts: Annotated[int, Knob(10, 100, "rows that are answered", step=10, least=1)] = 40,  # ours; paper: 181
    temperature: Annotated[float, Knob(0.1, 1.5, "of the rationales", step=0.1, above=0.0)] = 0.7,  # released code
    shown: Annotated[str, Knob(choices=SHOWN, help="whose rationale a student reads: the row's, or another's")] = "own",
) -> Generator:
    """Returns, by row, whether the answer that each vote chooses is right, and how well scores tell right answers.

    score = right answers of the `student` to `questions` rows behind one rationale; sum, largest and mean are of the
    scores of a distinct answer, majority is its count, by which ties go. `auc` = P(score of a right one > of a wrong).
    """
    check_bounds(learning_by_teaching, locals())
    if shown not in SHOWN:
        raise ValueError(f"shown={shown!r} is unknown; give one of {', '.join(map(repr, SHOWN))}")
    rows = pool.take(run.rng.permutation(len(pool))[:contexts])
    said = yield Sample(rows, rationales, role=teacher, temperature=temperature)
    lessons = said if shown == "own" else of_next_rows(said, rationales)
    asked = behind(lessons, pool, questions, run.rng)
    out = yield Sample(asked, role=student)
    score = out.groupby("lesson")["correct"].sum().reindex(range(len(said)), fill_value=0.0).to_numpy(float)
    return judged(said, score)


def of_next_rows(said: pd.DataFrame, rationales: int) -> pd.DataFrame:
    """Each row's rationales in the places of the row before: what a student reads says nothing of the row's answers."""
    return said.iloc[np.roll(np.arange(len(said)), -rationales)]


def behind(lessons: pd.DataFrame, pool: pd.DataFrame, questions: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows with one solved example before each: `questions` for every lesson, of which `lesson` holds the place."""
    near = {row: nearest(pool, row, questions, rng) for row in dict.fromkeys(lessons.index)}
    parts = [near[row] for row in lessons.index]
    lesson = np.repeat(np.arange(len(lessons)), [len(part) for part in parts])
    asked = pool.loc[np.concatenate(parts)]
    examples = lessons["prompt"].str.cat(lessons["text"].astype(str), sep="\n").tolist()
    prompts = [f"{examples[k]}\n\n{prompt}" for k, prompt in zip(lesson, asked["prompt"], strict=True)]
    return asked.assign(prompt=prompts, lesson=lesson)


def nearest(pool: pd.DataFrame, row: object, questions: int, rng: np.random.Generator) -> np.ndarray:
    """Other rows, those of its topic first and then by level, ties in random order: ids, (questions,)."""
    order = rng.permutation(len(pool))
    far = np.zeros(len(pool))
    for name, worth in (("topic", 1e6), ("level", 1.0)):
        if name in pool:
            values = pool[name].to_numpy()
            off = values != pool.at[row, name] if name == "topic" else np.abs(values - pool.at[row, name])
            far = far + worth * off
    order = order[np.argsort(far[order], kind="stable")]
    return pool.index[order[pool.index[order] != row]].to_numpy()[:questions]


# -- scores and votes -------------------------------------------------------------------------------------------------
def judged(said: pd.DataFrame, score: np.ndarray) -> pd.DataFrame:
    """One line a row: how often answers are right, is that of each vote, `auc` of scores and of log-probabilities."""
    lines = pd.DataFrame({"id": said.index, "score": score, "correct": said["correct"].to_numpy(float)})
    lines = lines.assign(answer=[final(text)[0] for text in said["text"]], logprob=said["logprob"].to_numpy(float))
    found = []
    for row, own in lines.groupby("id", sort=False):
        by_answer = own.groupby("answer", sort=False)
        table = by_answer["score"].agg(majority="size", sum="sum", largest="max", mean="mean")
        right, count = by_answer["correct"].first(), table["majority"]
        votes = {vote: float(right.loc[chosen(table[vote], count)]) for vote in VOTES}
        aucs = {"auc": auc(own["score"], own["correct"]), "auc_logprob": auc(own["logprob"], own["correct"])}
        found.append({"id": row, "right": float(own["correct"].mean()), **votes, **aucs})
    return pd.DataFrame(found)


def chosen(worth: pd.Series, count: pd.Series) -> str:
    """The answer worth most; of equals the one given most often, then the first."""
    best = worth[worth == worth.max()]
    return str(count.loc[best.index].idxmax())


def auc(score: pd.Series, right: pd.Series) -> float:
    """P(score of a right line > of a wrong one) + P(equal) / 2; NaN where all are right or all wrong."""
    ahead = score[right > 0].to_numpy()[:, None] - score[right <= 0].to_numpy()[None, :]
    return float(np.mean((ahead > 0) + (ahead == 0) / 2)) if ahead.size else np.nan


# -- the check --------------------------------------------------------------------------------------------------------
RATES = {"hard": 0.1, "harder": 0.07}
GAIN = 2.0  # logits that a right example adds


def check(bench: CheckBench) -> Check:
    """Rationales that help a student have right answers, and votes by them beat the majority."""
    pool, student = bench.planted(RATES, context=_helped)
    shown = {"shown": "other"} if bench.broken else {}
    runs = bench.reinforce(learning_by_teaching, pool=pool, student=student, **shown)
    found = pd.concat([record.findings for record in runs.records])
    due = float(np.mean([_due(p) for p in RATES.values()]))
    auc, gain = float(found["auc"].mean()), float(found["sum"].mean() - found["majority"].mean())
    return Check(
        claim=f"within a row, scores tell right answers from wrong ones with an AUC of {due:.2f}, as planted, and the "
        "sum of the scores chooses right answers more often than the majority of sixteen",
        refuted_by="an AUC further than 0.06 from that (about 90 rows: three standard errors) or not above 0.6, or a "
        "gain of the sum over the majority below 0.03; with the rationale of another row the AUC is 0.5",
        measured={
            "auc": auc,
            "sum": float(found["sum"].mean()),
            "majority": float(found["majority"].mean()),
            "mean": float(found["mean"].mean()),
            "gain": gain,
        },
        held=abs(auc - due) <= 0.06 and auc > 0.6 and gain >= 0.03,
        seeds=bench.seeds,
        mechanism=True,
    )


def _helped(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
    """A right example, which says "yes", helps."""
    return np.where(rows["prompt"].str.contains("\nyes\n", regex=False), GAIN, 0.0)


def _due(p: float) -> float:
    """P(one binomial count of four > another) + P(equal) / 2, with and without the help of a right example."""
    helped = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + GAIN)))
    with_it, without = _binomial(helped), _binomial(p)
    return float(sum(with_it[k] * (without[:k].sum() + without[k] / 2) for k in range(5)))


def _binomial(p: float) -> np.ndarray:
    """P(k of four), (5,)."""
    return np.array([comb(4, k) * p**k * (1 - p) ** (4 - k) for k in range(5)])
