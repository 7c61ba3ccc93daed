"""Behavior handbook: a model turns its own solutions into named pieces of advice, which later questions are shown.

Title    Metacognitive Reuse
Authors  Didolkar et al.
Year     2025
Number   53
Trains   no
Needs    columns topic
Paper    Didolkar et al. 2025, "Metacognitive Reuse: Turning Recurring LLM Reasoning Into Concise Behaviors",
         arXiv 2509.13237; no released code found
Kept     a strategist solves questions, reflects on each solution and writes behaviors, `behavior_name: instruction`;
         they are kept by name and found by the question's topic; a question is asked with them before it and the
         request to name those that are used; plain questions are the baseline
Changed  the words of the three prompts are ours; topics are a column; a name that comes again keeps its first
         instruction, and of too many those that came most often are shown; finding them by embeddings, retrying one's
         own answer with them, and training on answers that were written with them are left out.
         `found_by="random"` shows as many behaviors of other topics: advice that does not fit must not save words
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Mapping
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.shots import behind
from curriculab.protocol import Run, Sample, Script, Use
from curriculab.registry.knobs import Knob, check_bounds

REFLECT = (
    "Problem: {prompt}\nSolution: {text}\nIs the solution right? Which general steps made it work, and which would "
    "have made it shorter?"
)
WRITE = (
    "Problem: {prompt}\nSolution: {text}\nReflection: {reflection}\nWrite the general steps as behaviors for other "
    "problems, one a line, each as behavior_name: instruction."
)
ADVICE = "Behaviors that may help:\n{lines}\nName those that you use."
BEHAVIOR = re.compile(r"^[\W\d]*(behavior_\w+)\W*:\s*(\S.*?)\s*$", re.MULTILINE)


def _behavior(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """What the simulated student writes as a strategist."""
    topics = rows["topic"] if "topic" in rows else ["all"] * len(rows)
    return [f"behavior_{topic}: use the rule of {topic}." for topic in topics]


WRITERS = {"reflection": lambda rows, rng: ["It is right."] * len(rows), "behavior": _behavior}


def behavior_handbook(
    pool: pd.DataFrame,
    run: Run,
    *,
    by: Annotated[str, Knob(help="column by which behaviors are found")] = "topic",
    problems: Annotated[int, Knob(8, 1000, "questions that behaviors are made of", step=8, least=1)] = 100,  # ours
    most: Annotated[int, Knob(1, 80, "behaviors before a question, at most", step=1, least=1)] = 40,  # theirs on AIME
    found_by: Annotated[
        str, Knob(choices=("topic", "random"), help="which are shown: those of the topic, or as many of others")
    ] = "topic",
    strategist: Annotated[str, Knob(help="role that solves, reflects and writes behaviors")] = "learner",
    solver: Annotated[str, Knob(help="role that answers with them in tests")] = "learner",
) -> Generator:
    """prompt = behaviors of the question's `by`, `most` of them, then the question; "plain" asks without."""
    check_bounds(behavior_handbook, locals())
    if by not in pool:
        raise ValueError(f"by={by!r} is no column of the pool; it has {', '.join(map(str, pool.columns))}")
    if found_by not in ("topic", "random"):
        raise ValueError(f"found_by={found_by!r} is unknown; give 'topic' or 'random'")
    roles = tuple(sorted({strategist, solver} - {"learner"}))
    handbook: dict[object, Counter[str]] = {}
    seed, order = int(run.rng.integers(2**31)), run.rng.permutation(len(pool))[:problems]

    def plain(rows: pd.DataFrame) -> Generator:
        return (yield Sample(rows, role=solver, temperature=0.0, purpose="test"))

    def advised(rows: pd.DataFrame) -> Generator:
        rng = np.random.default_rng(seed)
        chosen = [advice(handbook, topic, most, rng if found_by == "random" else None) for topic in rows[by]]
        shown = behind(rows, [[ADVICE.format(lines="\n".join(lines))] if lines else [] for lines in chosen])
        shown = shown.assign(said_by=strategist) if strategist in roles else shown
        return (yield Sample(shown, role=solver, temperature=0.0, purpose="test"))

    yield Use({"plain": plain, "handbook": advised}, roles=roles, columns=(by,))
    instructions: dict[str, str] = {}
    for first in range(0, len(order), run.batch):
        rows = pool.take(order[first : first + run.batch])
        solved = yield Sample(rows, role=strategist, purpose="probe")
        asked = [REFLECT.format(prompt=p, text=t) for p, t in zip(rows["prompt"], solved["text"], strict=True)]
        reflected = yield Sample(ask(rows, asked), role=strategist, purpose="reflection")
        texts = zip(rows["prompt"], solved["text"], reflected["text"], strict=True)
        asked = [WRITE.format(prompt=p, text=t, reflection=r) for p, t, r in texts]
        written = yield Sample(ask(rows, asked), role=strategist, purpose="behavior")
        for topic, text in zip(rows[by], written["text"], strict=True):
            for name, instruction in BEHAVIOR.findall(text):
                line = f"{name}: {instructions.setdefault(name, instruction)}"
                handbook.setdefault(topic, Counter())[line] += 1
    lines = [(topic, line, count) for topic, counts in handbook.items() for line, count in counts.most_common()]
    return pd.DataFrame(lines, columns=["topic", "behavior", "count"])


def advice(
    handbook: Mapping[object, Counter[str]], topic: object, most: int, rng: np.random.Generator | None = None
) -> list[str]:
    """Behaviors of a topic, the most frequent first; with an rng, as many of other topics."""
    own = [line for line, _ in handbook.get(topic, Counter()).most_common(most)]
    if rng is None:
        return own
    foreign = sorted({line for other, lines in handbook.items() if other != topic for line in lines} - {*own})
    return [str(line) for line in rng.permutation(foreign)[: len(own)]]


WORDS, SAVED, RIGHT = 400, 0.8, 7  # words of a plain answer, what each fitting behavior leaves, right rows of ten
TOPICS = ("a", "b", "c", "d")


def _writes(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """A strategist with three behaviors a topic."""
    ids = [str(row).split("/") for row in rows.index]
    return [f"- behavior_{topic}_{int(i) % 3}: begin with rule {int(i) % 3}." for _, topic, i in ids]


def _answers(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """A student whose answers become shorter by behaviors of the row's topic, and no better."""
    texts = []
    for row, prompt in zip(rows.index, rows["prompt"], strict=True):
        _, topic, i = str(row).split("/")
        words = round(WORDS * SAVED ** prompt.count(f"behavior_{topic}_"))
        texts.append("so " * words + ("#### yes" if int(i) % 10 < RIGHT else "#### no"))
    return texts


def check(bench: CheckBench) -> Check:
    """Behaviors of the question's topic reach it, and what they save is more than what they cost to read."""
    pool, student = bench.planted(dict.fromkeys(TOPICS, 0.5))
    runs = bench.reinforce(
        behavior_handbook,
        pool=pool,
        student=student,
        steps=1,
        batch_size=50,
        reference_models={"strategist": Script(_writes), "student": Script(_answers)},
        strategist="strategist",
        solver="student",
        found_by="random" if bench.broken else "topic",
    )
    bench.final(runs)  # a failed run raises
    found = runs.items[runs.items.share == 1.0].groupby("solver")[["correct", "test_tokens", "test_generated"]].mean()
    plain, advised = found.loc["plain"], found.loc["handbook"]
    written = float(advised.test_generated / plain.test_generated)
    whole = float(advised.test_tokens / plain.test_tokens)
    gain = float(advised.correct - plain.correct)
    return Check(
        claim="a question is shown all behaviors of its own topic, so that a student whose answers each of them "
        "shortens by a fifth writes about half, as rightly, and reads and writes less in all",
        refuted_by="written tokens further than 0.02 from 0.516 of a plain answer's (three behaviors a topic: 205 of "
        "400 words of three bytes, and nine bytes of answer), which is more than a fifth less, an accuracy more than "
        "0.01 lower, or more tokens read and written than without; as many behaviors of other topics save nothing",
        measured={"written": written, "read_and_written": whole, "accuracy_gain": gain},
        held=abs(written - 0.516) <= 0.02 and gain >= -0.01 and whole < 1,
        seeds=bench.seeds,
        mechanism=True,
    )
