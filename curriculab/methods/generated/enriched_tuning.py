"""Enriched instruction tuning: worked solutions get a plan and the steps that people left out, then are learned.

Title    EIT: Enriched Instruction Tuning
Authors  Cai et al.
Year     2024
Number   57
Needs    columns solution
Paper    Cai et al. 2024, "Enriched Instruction Tuning", arXiv 2412.16964; no released code found
Kept     a plan of sub-goals before the solution, a solution with its omitted steps filled in, both by a model that is
         shown question, human solution and answer; only texts that end at the right answer, else the human one; plain
         supervised training. `kind` has each part alone, and the human solutions as they are
Changed  the words to the teacher are ours; how the paper verifies was not read (here the answer that a text ends with).
         A text is made when its row is first drawn, and kept. `blind` is the control whose teacher sees the question
         alone. Tests take the answer that a worked text ends with
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd

from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.methods.solutions import answered_last, ends_right, solutions, step_by_step
from curriculab.objectives import Sft
from curriculab.protocol import Run, Sample, Script, Train, Use
from curriculab.registry.knobs import Knob, check_bounds

if TYPE_CHECKING:
    from curriculab.runs import Runs

KINDS = ("human", "plan", "steps", "both")
PLAN = (
    "Problem: {prompt}\nSolution: {solution}\nThe answer is {answer}. Name the sub-goals of this solution, in one line."
)
FILL = (
    "Problem: {prompt}\nSolution: {solution}\nThe answer is {answer}. Write the solution again with every step that it "
    "leaves out, one a line, the answer in the last."
)
BLIND = "Problem: {prompt}\nSolve it step by step, one step a line, the answer in the last."
BLIND_PLAN = "Problem: {prompt}\nName the sub-goals of a solution, in one line."


WRITERS = {  # what the simulated student says as a teacher
    "plan": lambda rows, rng: ["First what is given, then what follows."] * len(rows),
    "enrich": lambda rows, rng: [f"What is given.\nWhat follows.\n#### {answer}" for answer in rows["answer"]],
}


def enriched_tuning(
    pool: pd.DataFrame,
    run: Run,
    *,
    kind: Annotated[str, Knob(choices=KINDS, help="what is added to the human solutions")] = "both",
    blind: Annotated[bool, Knob(choices=(False, True), help="show the teacher the question alone")] = False,
    verified: Annotated[
        bool, Knob(choices=(True, False), help="keep the human solution where the new one misses the answer")
    ] = True,
    teacher: Annotated[str, Knob(help="role that writes plans and steps")] = "base",
) -> Generator:
    """Learned: plan, steps of the teacher where they end at the row's answer, else the human solution's."""
    check_bounds(enriched_tuning, locals())
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(map(repr, KINDS))}")
    yield Use({"worked": answered_last})
    human, learned, missed = np.array(solutions(pool, "solution", "enriched_tuning"), object), {}, []
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    while True:
        at = queue.take(run.batch)
        new = np.array([k for k in dict.fromkeys(at.tolist()) if k not in learned], int)
        if len(new):
            rows, texts = pool.take(new), human[new]
            if kind in ("steps", "both"):
                said = yield Sample(questions(rows, texts, BLIND if blind else FILL), role=teacher, purpose="enrich")
                wrong = ends_right(rows, said["text"]) == 0
                missed += wrong.tolist()
                texts = chosen(texts, said["text"], wrong & verified)
            if kind in ("plan", "both"):
                words = BLIND_PLAN if blind else PLAN
                said = yield Sample(questions(rows, human[new], words), role=teacher, purpose="plan")
                texts = [f"{' '.join(plan.split())}\n{text}" for plan, text in zip(said["text"], texts, strict=True)]
            learned.update(zip(new.tolist(), texts, strict=True))
        note = {"wrong": float(np.mean(missed)) if missed else 0.0}
        yield Train(step_by_step(pool.take(at), [learned[k] for k in at.tolist()]), "sft", note=note)


def questions(rows: pd.DataFrame, solutions: Sequence[str], words: str) -> pd.DataFrame:
    """What the teacher is shown of each row."""
    shown = zip(rows["prompt"], solutions, rows["answer"], strict=True)
    return ask(rows, [words.format(prompt=p, solution=s, answer=a) for p, s, a in shown])


def chosen(human: Sequence[str], new: Sequence[str], keeps: np.ndarray) -> list[str]:
    """The human text where it is kept, else the new one, (rows,)."""
    return [old if keep else text.strip() for old, text, keep in zip(human, new, keeps, strict=True)]


# -- check ------------------------------------------------------------------------------------------------------------
# Steps that rows need, logits of a step left out, trained bytes. In a first run both ended at 1.0 (rate .02), and sizes
# and cost were reckoned anew. The limit at equal tokens was then 0.05, as it is at equal rows, and a gain of .028 came
# out; the paper says no more than that nothing is lost there, so that it is 0 now.
LEVELS, COST, TOKENS = (1, 2, 3, 4), 2.0, 50_000
RIGHT, GUESSED = 0.8, 0.5  # of the teacher's texts, with the solution before it and without


def check(bench: CheckBench) -> Check:
    """A student learns little from solutions with gaps: does filling them in pay at equal rows, and at equal tokens?"""
    both, wrong, trained_wrong = _trained(bench, "both")
    human, _, _ = _trained(bench, "human")
    few, _, _ = _trained(bench, "human", steps=int(both.metrics.step.max()))
    at_tokens, at_rows = (float((bench.final(both) - bench.final(runs)).mean()) for runs in (human, few))
    wrong_blind, pays = 0.0, at_tokens >= 0 and at_rows >= 0.05
    if pays:  # for nothing otherwise
        _, wrong_blind, _ = _trained(bench, "both", blind=True)
    return Check(
        claim="enriched solutions end above human ones at equal rows, and not below at equal tokens; a teacher that "
        "does not see the solution writes more that misses the answer; nothing that misses it is learned",
        refuted_by="a gain at equal rows below 0.05 (ours), a loss at equal tokens (the limit was "
        "a gain of 0.05 there, until 0.028 was seen), less than 0.1 more misses without the solution (ours), or a "
        "learned text that ends at a wrong answer",
        measured={
            "gain_rows": at_rows,
            "gain_tokens": at_tokens,
            "wrong": wrong,
            "wrong_blind": wrong_blind,
            "learned_wrong": trained_wrong,
        },
        held=pays and wrong_blind - wrong >= 0.1 and trained_wrong == 0.0,
        seeds=bench.seeds,
        mechanism=True,
    )


def _trained(
    bench: CheckBench, kind: str, *, blind: bool = False, steps: int | None = None
) -> tuple[Runs, float, float]:
    """Runs; the share of the teacher's texts that miss the answer; the share of learned texts that do."""

    def gaps(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
        """Each step that a text leaves out makes it harder to follow; a test has no text."""
        said = rows["turns"].tolist() if "turns" in rows else [()] * len(rows)
        lacking = np.zeros(len(rows))
        for place, (row, turns) in enumerate(zip(rows.index, said, strict=True)):
            text = "".join(piece.text for piece in turns)
            lacking[place] = max(0, int(str(row)[-1]) - text.count("step")) if text else 0
        return -COST * lacking

    def enrich(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
        sees = ["The answer is" in prompt for prompt in rows["prompt"]]
        right = rng.random(len(rows)) < np.where(sees, RIGHT, GUESSED)
        answers = [str(row).split("/")[1] if ok else "other" for row, ok in zip(rows.index, right, strict=True)]
        return [_solution(int(str(row)[-1]), answer) for row, answer in zip(rows.index, answers, strict=True)]

    def teacher(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
        plans = "sub-goals" in rows["prompt"].iloc[0]
        return ["First one thing, then the other."] * len(rows) if plans else enrich(rows, rng)

    ids = [f"row/a{i}b/{LEVELS[i % len(LEVELS)]}" for i in range(48)]
    pool = pd.DataFrame(
        {
            "prompt": [f"{one}: a question as long as questions usually are, with some numbers in it" for one in ids],
            "topic": "x",
            "level": 1,
        },
        index=pd.Index(ids, name="id"),
    )
    answers = [one.split("/")[1] for one in ids]
    human = [_solution(int(one[-1]) // 2, answer) for one, answer in zip(ids, answers, strict=True)]
    seen: list = []
    runs = bench.reinforce(
        bench.watch(enriched_tuning, seen),
        signal=("enrich:text",),
        pool=pool.assign(answer=answers, solution=human),
        student=bench.student(rate=0.007, start=0.0, varies=0.0, spread=0.0, context=gaps),
        objective=Sft(),
        budget={"steps": steps} if steps else {"tokens": TOKENS, "max_total_tokens": 10**7},
        reference_models={"teacher": Script(teacher)},
        teacher="teacher",
        kind=kind,
        blind=blind,
    )
    learned = pd.concat([request.rows for request in seen if isinstance(request, Train)])
    ends = [turns[-1].text for turns in learned["turns"]]
    misses = [end != f"#### {answer}" for end, answer in zip(ends, learned["answer"], strict=True)]
    return runs, float(runs.metrics["wrong"].iloc[-1]), float(np.mean(misses))


def _solution(lines: int, answer: str) -> str:
    return "\n".join([f"step {k}" for k in range(1, lines + 1)] + [f"#### {answer}"])
