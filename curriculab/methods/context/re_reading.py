"""Re-reading: the question stands in the prompt twice, or more often.

Title    Re-Reading Improves Reasoning
Authors  Xu et al.
Year     2023
Number   22
Trains   no
Paper    Xu et al. 2023, "Re-Reading Improves Reasoning in Large Language Models", EMNLP 2024, arXiv 2309.06275
Kept     "Q: x", then "Read the question again: x" once for each further reading, then the words that ask for steps;
         one greedy answer; one to five readings, as in the paper's figure of accuracy by readings
Changed  no line about the form of the answer (the verifier reads many); the question is no turn of a few-shot prompt,
         a plan or a program, and answers are not voted on. `again="other"` reads another question of the same length,
         a control that the paper does not have. The paper parts readings by one line break, as here, its released code
         (Tebmer/Rereading-LLM-Reasoning, prompter.py) by a blank and two
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.protocol import Run, Sample, Use
from curriculab.registry.knobs import Knob, check_bounds

AGAIN = "Read the question again: "


def re_reading(
    pool: pd.DataFrame,
    run: Run,
    *,
    times: Annotated[
        tuple[int, ...], Knob(help="how often the question is read, one solver each; 1 reads it once, as usual")
    ] = (1, 2, 3, 4, 5),
    again: Annotated[
        str, Knob(choices=("own", "other"), help="what is read again: the question, or another one of its length")
    ] = "own",
    trigger: Annotated[
        str, Knob(help="words behind the question that ask for steps; '' for none")
    ] = "Let's think step by step.",  # Kojima et al. 2022, as in the paper
) -> Generator:
    """prompt = "Q: x" + (k - 1) "Read the question again: x" + trigger, k of `times`; a solver "read k" for each."""
    check_bounds(re_reading, locals())
    if again not in ("own", "other"):
        raise ValueError(f"again={again!r} is unknown; give 'own' or 'other'")
    if not times or min(times) < 1:
        raise ValueError(f"times={times}; give whole numbers of at least 1, such as (1, 2)")

    def solve(rows: pd.DataFrame, k: int) -> Generator:
        second = rows["prompt"] if again == "own" else like(rows["prompt"], pool["prompt"])
        rows = rows.assign(prompt=read(rows["prompt"], second, k, trigger))
        return (yield Sample(rows, temperature=0.0, purpose="test"))

    yield Use({f"read {k}": partial(solve, k=k) for k in times})


def read(first: pd.Series, again: pd.Series, k: int, trigger: str) -> list[str]:
    """Prompts in which a question is read first, and k - 1 times another one or the same, (rows,)."""
    prompts = []
    for question, other in zip(first, again, strict=True):
        lines = [f"Q: {question}", *[AGAIN + other] * (k - 1), *([trigger] if trigger else [])]
        prompts.append("\n".join(lines))
    return prompts


def like(questions: pd.Series, among: pd.Series) -> pd.Series:
    """For each question another one of `among`, whose number of characters is the nearest to its own, (rows,)."""
    texts, lengths = among.to_numpy(), among.str.len().to_numpy()
    found = []
    for question in questions:
        far = np.where(texts == question, np.inf, np.abs(lengths - len(question)))
        found.append(texts[int(far.argmin())])
    return pd.Series(found, index=questions.index)


RATES = {"one step": 0.6, "three steps": 0.5, "five steps": 0.4}  # right before anything is read again, by steps
WORTH = {1: 0.0, 2: 0.5, 3: 0.6, 4: 0.3, 5: 0.0}  # logits that readings add to three steps: best at 3, none at 5
STEPS = {"one step": 1 / 3, "three steps": 1.0, "five steps": 5 / 3}  # how much more or less they add to others


def check(bench: CheckBench) -> Check:
    """Which question is read how often, told by a student that counts its own question in the prompt."""
    pool, _ = bench.planted(RATES, rows=150)
    question, steps = pool["prompt"], pool["topic"].map(STEPS)

    def counts(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
        own = question.loc[rows.index]
        number = [prompt.count(one) for prompt, one in zip(rows["prompt"], own, strict=True)]
        return np.array([WORTH.get(k, 0.0) for k in number]) * steps.loc[rows.index].to_numpy()

    pool, student = bench.planted(RATES, rows=150, context=counts)
    runs = bench.reinforce(re_reading, pool=pool, student=student, steps=1, again="other" if bench.broken else "own")
    bench.final(runs)  # a failed run raises
    items = runs.items[runs.items.share == 1.0].assign(topic=lambda t: t["id"].map(pool["topic"]))
    found = items.groupby(["solver", "topic"]).correct.mean().unstack()
    off = max(abs(found.loc[f"read {k}", topic] - due(k, topic)) for k in WORTH for topic in RATES)
    best = int(found.mean(axis=1).idxmax().removeprefix("read "))
    gain = found.loc["read 3"] - found.loc["read 1"]
    return Check(
        claim="a solver reads the row's own question as often as its name says, so that of five the third is the best "
        "for a student whose gain is largest at three readings and with many steps",
        refuted_by="an accuracy by readings and steps further than 0.08 from sigmoid(logit + worth of the readings) "
        "(450 answers each: 3.4 standard errors), the best number of readings another than 2 or 3, or a gain at three "
        "readings that is not larger for five steps than for one; a question of another row of the same length gains 0",
        measured={
            "off": off,
            "best": best,
            "gain_many": float(gain["five steps"]),
            "gain_one": float(gain["one step"]),
        },
        held=off <= 0.08 and best in (2, 3) and bool(gain["five steps"] > gain["one step"]),
        seeds=bench.seeds,
        mechanism=True,
    )


def due(k: int, topic: str) -> float:
    """Probability of a right answer to a question that was read k times."""
    logit = np.log(RATES[topic] / (1 - RATES[topic])) + WORTH[k] * STEPS[topic]
    return float(1 / (1 + np.exp(-logit)))
