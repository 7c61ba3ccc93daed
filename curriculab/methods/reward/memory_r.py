"""Memory-R+: an answer is worth more near what was right before, and far from what was wrong before.

Title    Memory-R+: Reasoning Under 1 Billion
Authors  Le et al.
Year     2025
Number   43
Needs    objective grpo
Paper    Le et al. 2025, "Reasoning Under 1 Billion: Memory-Augmented Reinforcement Learning for Large Language Models",
         arXiv 2504.02273
Kept     two memories, of right and of wrong answers, by question, the oldest of a question let go of; those of the K
         nearest questions are read; exploit = -|a - mean of the right ones|, explore = 1 - the largest cosine with a
         wrong one; each scaled by the least and the largest of its last 100 values; both are added to correctness, the
         second after a warm-up
Changed  texts are counts of hashed triples of letters (theirs: all-MiniLM-L6-v2), or with encoder="model" what the
         model gives; the whole answer is taken (theirs: its <reasoning> span); no rewards for tags; a part without a
         memory, or whose last values are all alike, adds 0 (theirs: the distance as it is). Nearest is by cosine as in
         the paper, or by distance as in thaihung/Memory-R's index. `write="before"` is what that code does: a wrong
         answer meets itself in the memory, and explore is 0 for every one. `exploit=0, explore=0` is plain GRPO, and
         explore=0 alone the paper's Memory-R
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from typing import Annotated
from zlib import crc32

import numpy as np
import pandas as pd

from curriculab.environments import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.protocol import Run, Sample, Score, Train
from curriculab.registry.knobs import Knob, check_bounds

GRAMS = 256  # places that triples of letters are counted in
WINDOW = 100  # last values that a part is scaled by; w of the paper
ENCODERS, NEAR, WRITES = ("letters", "model"), ("cosine", "distance"), ("after", "before")


def memory_r(
    pool: pd.DataFrame,
    run: Run,
    *,
    exploit: Annotated[float, Knob(0.0, 2.0, "weight of being near right answers", step=0.1, least=0.0)] = 1.0,  # paper
    explore: Annotated[
        float, Knob(0.0, 2.0, "weight of being far from wrong ones", step=0.1, least=0.0)
    ] = 1.0,  # paper
    questions: Annotated[int, Knob(1, 30, "nearest questions whose answers are read", step=1, least=1)] = 1,  # GSM8K
    most: Annotated[int, Knob(10, 1000, "answers kept of a question", step=10, least=1)] = 100,  # L of the paper
    warmup: Annotated[
        float, Knob(0.0, 1.0, "share of the run before explore counts", step=0.05, least=0.0, most=1.0)
    ] = 0.1,  # ours; some 50 steps in the paper, 500 stored questions in its code
    near: Annotated[
        str, Knob(choices=NEAR, help="questions are nearest by cosine (paper) or distance (code)")
    ] = "cosine",
    write: Annotated[str, Knob(choices=WRITES, help="are answers kept after they are scored, or before?")] = "after",
    encoder: Annotated[str, Knob(choices=ENCODERS, help="what stands for a text")] = "letters",
) -> Generator:
    """reward = correct + exploit R1 + explore R2, R1 of -|a - mean(right)| and R2 of 1 - max cos(a, wrong), each scaled
    to [0, 1] by the least and largest of the last 100.
    """
    check_bounds(memory_r, locals())
    for name, value, allowed in (("encoder", encoder, ENCODERS), ("near", near, NEAR), ("write", write, WRITES)):
        if value not in allowed:
            raise ValueError(f"{name}={value!r} is unknown; give {' or '.join(map(repr, allowed))}")
    right, wrong = Memory(most, near), Memory(most, near)
    scales = deque(maxlen=WINDOW), deque(maxlen=WINDOW)
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    while True:
        out = yield Sample(pool.take(queue.take(run.batch)), run.rollouts)
        query, said = letters(out["prompt"]), letters(out["text"])
        if encoder == "model":
            query, said = yield from by_model(out)
        good = out["correct"].to_numpy(float) > 0.5
        if write == "before":
            keep(right, wrong, out.index, query, said, good)
        near_right = np.array([distance(*one) for one in zip(said, right.near(query, questions), strict=True)])
        far_wrong = np.array([novelty(*one) for one in zip(said, wrong.near(query, questions), strict=True)])
        if write == "after":
            keep(right, wrong, out.index, query, said, good)
        parts = [scaled(one, scale) for one, scale in zip((near_right, far_wrong), scales, strict=True)]
        counts = explore if run.progress >= warmup else 0.0
        reward = np.nan_to_num(out["correct"].to_numpy(float)) + exploit * parts[0] + counts * parts[1]
        out = out.assign(exploit=near_right, explore=far_wrong, reward=reward)
        note = {"correct": float(good.mean()), "exploit": float(parts[0].mean()), "explore": float(parts[1].mean())}
        yield Train(out, note=note)


def by_model(out: pd.DataFrame) -> Generator:
    """Unit vectors of the questions and of the answers, as the model gives them, each (answers, d)."""
    found = []
    for column in ("prompt", "text"):
        read = yield Score(ask(out, out[column].astype(str)), "embedding")
        found.append(unit(np.stack(read["embedding"].to_list()).astype(float)))
    return found


def letters(texts: Sequence[object]) -> np.ndarray:
    """Counts of triples of letters in GRAMS places, as unit vectors, (texts, GRAMS)."""
    found = np.zeros((len(texts), GRAMS))
    for row, text in zip(found, texts, strict=True):
        padded = f"  {text} "
        places = [crc32(padded[k : k + 3].encode()) % GRAMS for k in range(len(padded) - 2)]
        np.add.at(row, places, 1.0)
    return unit(found)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class Memory:
    """Vectors of answers by question: the last `most` of each."""

    def __init__(self, most: int, near: str) -> None:
        self.most, self.by = most, near
        self.place: dict[object, int] = {}
        self.queries: list[np.ndarray] = []
        self.said: list[deque[np.ndarray]] = []

    def add(self, row: object, query: np.ndarray, said: np.ndarray) -> None:
        if row not in self.place:
            self.place[row] = len(self.queries)
            self.queries.append(query)
            self.said.append(deque(maxlen=self.most))
        self.said[self.place[row]].append(said)

    def near(self, queries: np.ndarray, k: int) -> list[np.ndarray | None]:
        """For each of some questions (questions, d) the answers to the k nearest to it, (answers, d); None where
        nothing is kept."""
        if not self.queries:
            return [None] * len(queries)
        keys = np.stack(self.queries)
        return [self.read(keys, query, k) for query in queries]

    def read(self, keys: np.ndarray, query: np.ndarray, k: int) -> np.ndarray:
        """Answers to the k questions whose vectors `keys` (questions, d) are nearest to one, (answers, d)."""
        close = keys @ query if self.by == "cosine" else -np.linalg.norm(keys - query, axis=1)
        best = np.argsort(-close, kind="stable")[:k]
        return np.stack([said for at in best for said in self.said[at]])


def keep(right: Memory, wrong: Memory, rows: pd.Index, query: np.ndarray, said: np.ndarray, good: np.ndarray) -> None:
    for row, q, a, is_right in zip(rows, query, said, good, strict=True):
        (right if is_right else wrong).add(row, q, a)


def distance(said: np.ndarray, kept: np.ndarray | None) -> float:
    """Minus the distance from the middle of right answers; NaN without any."""
    return float("nan") if kept is None else -float(np.linalg.norm(said - kept.mean(axis=0)))


def novelty(said: np.ndarray, kept: np.ndarray | None) -> float:
    """1 - the largest cosine with a wrong answer; NaN without any."""
    return float("nan") if kept is None else 1.0 - float((kept @ said).max())


def scaled(values: np.ndarray, last: deque[float]) -> np.ndarray:
    """(value - least) / (largest - least) of the last values, these included, (answers,); 0 where nothing is known."""
    last.extend(values[~np.isnan(values)].tolist())
    if not last or max(last) - min(last) < 1e-12:
        return np.zeros(len(values))
    return np.clip(np.nan_to_num((values - min(last)) / (max(last) - min(last)), nan=0.0), 0.0, 1.0)


# -- the check --------------------------------------------------------------------------------------------------------
RATES = {"hard": 0.05, "fair": 0.3}
ANSWERS = {"hard": "a green boat", "fair": "seven"}
STEPS = 16


def check(bench: CheckBench) -> Check:
    """Groups whose rewards are alike, with and without memories; and whether what they say is of the right question."""
    pool, student = bench.planted(RATES, rows=20, rate=0.02)
    pool = pool.assign(answer=pool["topic"].map(ANSWERS))
    seen: list = []
    how = dict(pool=pool, student=student, steps=STEPS, signal=("text",))
    runs = bench.reinforce(bench.watch(memory_r, seen), **how)
    plain = bench.reinforce(memory_r, exploit=0.0, explore=0.0, **how)
    bench.final(runs)  # a failed run raises
    alike = [1 - float(r.metrics.signal.mean()) for r in (plain, runs)]
    answers = trained(seen)
    answers = answers.assign(right=answers.index.map(pool["answer"]) == [turns[-1].text for turns in answers["turns"]])
    auc = within(answers.dropna(subset="exploit"))
    own: list = []
    how["steps"] = STEPS // 4
    bench.reinforce(bench.watch(memory_r, own), write="after" if bench.broken else "before", **how)
    most = [float(rows.loc[rows["correct"] == 0, "explore"].abs().max()) for rows in (trained(own), answers)]
    return Check(
        claim="with memories the rewards of fewer groups are all alike, and within a group right answers are nearer to "
        "the right ones that are kept than wrong answers are",
        refuted_by="a share of groups alike that falls by less than 0.2 (a fifth of all groups, set before the first "
        "run), or an AUC of the exploit part within groups below 0.9 (ours); texts dealt to other answers must fail",
        measured={"alike_plain": alike[0], "alike": alike[1], "auc": auc},
        held=bool(alike[0] - alike[1] >= 0.2 and auc >= 0.9),
        seeds=bench.seeds,
        mechanism=True,
        also=(
            Check(
                claim="kept before they are scored, as in the released code, wrong answers have no explore reward at "
                "all; kept after, some have",
                refuted_by="any above 1e-9 where kept before, or none where kept after",
                measured={"before": most[0], "after": most[1]},
                held=most[0] <= 1e-9 < most[1],
                seeds=bench.seeds,
                knobs={"write": "before"},
                mechanism=True,
            ),
        ),
    )


def trained(seen: list) -> pd.DataFrame:
    """The answers of all Trains, numbered by `request`: seeds count their groups alike."""
    rows = [request.rows for request in seen if isinstance(request, Train)]
    return pd.concat([one.assign(request=k) for k, one in enumerate(rows)])


def within(answers: pd.DataFrame) -> float:
    """P(exploit of a right answer > of a wrong one of its group) + P(equal) / 2."""
    ahead = []
    for _, own in answers.groupby(["request", "group"]):
        good, bad = (own.loc[own["right"] == flag, "exploit"].to_numpy() for flag in (True, False))
        gap = good[:, None] - bad[None, :]
        ahead += ((gap > 1e-9) + (np.abs(gap) <= 1e-9) / 2).ravel().tolist()
    return float(np.mean(ahead))
