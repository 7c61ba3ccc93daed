"""Implicit mistakes: examples show a wrong answer before the right one, and nobody says what was wrong.

Title    LLMs can implicitly learn from mistakes in-context
Authors  Alazraki et al.
Year     2025
Number   20
Trains   no
Paper    Alazraki et al. 2025, "LLMs can implicitly learn from mistakes in-context", EMNLP 2025
Kept     eight examples of question, wrong answer and right answer ("implicit"), against question and right answer
         ("cot"), with a rationale between them ("explicit"), and against more right examples of the same length
         ("cot plus"); worked solutions where rows have them; one greedy answer
Changed  wrong answers are the model's own to training questions; rationales come from a role (theirs: GPT-4), and
         without `teacher` there is no "explicit"; answers are judged and edited there too; the lines that introduce
         examples and task are shorter and ours. The released prompts (lisaalaz/implicit-learning-with-llms) hold the
         same eight questions in the three forms
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.shots import behind, worked
from curriculab.protocol import Run, Sample, Use
from curriculab.registry.knobs import Knob, check_bounds

WHY = "{question}\nA student answered: {wrong}\nThe right answer is: {right}\nIn one or two sentences, what went wrong?"
WRITERS = {"rationale": lambda rows, rng: ["The first step is wrong."] * len(rows)}


def implicit_mistakes(
    pool: pd.DataFrame,
    run: Run,
    *,
    shots: Annotated[int, Knob(1, 8, "examples before a question", step=1, least=1)] = 8,  # of the released prompts
    tries: Annotated[
        int, Knob(1, 16, "answers to a training question, of which a wrong one is taken", step=1, least=1)
    ] = 4,  # ours
    temperature: Annotated[float, Knob(0.1, 1.5, "of these answers", step=0.1, above=0.0)] = 1.0,  # ours
    teacher: Annotated[str | None, Knob(help="role that writes what was wrong; None: no rationales")] = None,
) -> Generator:
    """prompt = `shots` examples (q, a-, a+), then the question; a- the first wrong one of `tries` sampled answers."""
    check_bounds(implicit_mistakes, locals())
    order = run.rng.permutation(len(pool))
    found, first = pool.iloc[:0].assign(wrong=""), 0
    while len(found) < shots and first < len(pool):
        rows = pool.take(order[first : first + run.batch])
        out = yield Sample(rows, tries, temperature=temperature, purpose="probe")
        found, first = pd.concat([found, mistakes(rows, out)]), first + run.batch
    if found.empty:
        raise ValueError(f"no wrong answer to {len(pool)} rows, {tries} each; give harder rows, or more tries")
    found = found.iloc[:shots]
    question, wrong, right = found["prompt"].tolist(), found["wrong"].tolist(), worked(found)
    forms = {
        "cot": [example(q, a) for q, a in zip(question, right, strict=True)],
        "implicit": [example(q, a, wrong=w) for q, w, a in zip(question, wrong, right, strict=True)],
    }
    rest = pool.take(order).drop(found.index)
    more = [example(q, a) for q, a in zip(rest["prompt"], worked(rest), strict=True)]
    forms["cot plus"] = lengthened(forms["cot"], more, sum(map(len, forms["implicit"])))
    if teacher is not None:
        asked = [WHY.format(question=q, wrong=w, right=a) for q, w, a in zip(question, wrong, right, strict=True)]
        why = (yield Sample(ask(found, asked), role=teacher, purpose="rationale"))["text"]
        lines = zip(question, wrong, why, right, strict=True)
        forms["explicit"] = [example(q, a, wrong=w, why=reason) for q, w, reason, a in lines]

    def solve(rows: pd.DataFrame, name: str) -> Generator:
        last = "Answer:" if name.startswith("cot") else "Correct answer:"
        shown = [without(forms[name], own) for own in rows["prompt"]]
        asked = behind(rows.assign(prompt="Question: " + rows["prompt"] + f"\n{last}"), shown)
        return (yield Sample(asked, temperature=0.0, purpose="test"))

    yield Use({name: partial(solve, name=name) for name in forms})


def mistakes(rows: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Rows that were answered wrong, with the first wrong answer in `wrong`."""
    wrong = out.loc[out["correct"] == 0, "text"]
    wrong = wrong[~wrong.index.duplicated()]
    return rows[rows.index.isin(wrong.index)].assign(wrong=wrong)


def example(question: str, right: str, *, wrong: str | None = None, why: str | None = None) -> str:
    """One example as text, with a wrong answer before the right one, and what was wrong, where there are any."""
    if wrong is None:
        return f"Question: {question}\nAnswer: {right}"
    reason = [] if why is None else [f"Rationale: {why}"]
    return "\n".join([f"Question: {question}", f"Wrong answer: {wrong}", *reason, f"Correct answer: {right}"])


def without(texts: list[str], question: str) -> list[str]:
    """The examples that are not of this question itself."""
    return [text for text in texts if not text.startswith(f"Question: {question}\n")]


def lengthened(texts: list[str], more: list[str], length: int) -> list[str]:
    """The texts and as many further ones as bring their characters nearest to `length`."""
    texts, missing = list(texts), length - sum(map(len, texts))
    for one in more:
        if missing < len(one) / 2:
            break
        texts.append(one)
        missing -= len(one)
    return texts


# The limit was "at least 0.26" at first, below which 0.240 was measured; it is now what is worked out, give or take.
RATE, WORTH = 0.4, 0.2  # logits that an example adds in which a wrong answer to its own question stands


def check(bench: CheckBench) -> Check:
    """Which answers stand in the examples, told by a student that learns from wrong answers to the same question."""

    def from_mistakes(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
        return WORTH * np.array([own_mistakes(prompt) for prompt in rows["prompt"]])

    pool, student = bench.planted({"all": RATE}, rows=300, context=from_mistakes)
    number = [f"{i:03d}" for i in range(len(pool))]
    options = [[f"{n} right", f"{n} wrong 0", f"{n} wrong 1", f"{n} wrong 2"] for n in number]
    pool = pool.assign(prompt=[f"what is {n}?" for n in number], answer=[o[0] for o in options], options=options)
    runs = bench.reinforce(implicit_mistakes, signal=("probe:text",), pool=pool, student=student, steps=1)
    bench.final(runs)  # a failed run raises
    found = runs.items[runs.items.share == 1.0].groupby("solver")[["correct", "test_tokens", "test_generated"]].mean()
    right, read = found["correct"], found["test_tokens"] - found["test_generated"]
    gain = float(right["implicit"] - right["cot plus"])
    length = float(read["implicit"] / read["cot plus"])
    return Check(
        claim="every example shows a wrong answer of the model's own to its own question before the right one, so that "
        "a student that learns from these is better than with right examples of the same length",
        refuted_by="a gain over those further than 0.05 from 0.276 (eight such examples are worth 1.6 logits: without "
        "a guess, one of four here, sigmoid(logit 0.4 + 1.6) = 0.768 instead of 0.4, of which three quarters count; "
        "900 answers each: three standard errors), or prompts whose lengths differ by more than a tenth; wrong answers "
        "that are dealt to other questions are worth nothing",
        measured={
            "gain": gain,
            "over_cot": float(right["implicit"] - right["cot"]),
            "length": length,
        },
        held=abs(gain - 0.276) <= 0.05 and 0.9 <= length <= 1.1,
        seeds=bench.seeds,
        mechanism=True,
    )


def own_mistakes(prompt: str) -> int:
    """Examples of a prompt in which question, wrong and right answer have the same number."""
    return len(re.findall(r"what is (\d+)\?\n.*: \1 wrong \d\n.*: \1 right", prompt))
