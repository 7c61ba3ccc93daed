"""CLPO: the answers of a step tell which problems are hard; these are rewritten simpler, middling ones in other words.

Title    CLPO: Curriculum Learning meets Policy Optimization
Year     2025
Number   23
Needs    objective grpo
Paper    arXiv 2509.25004, version 1; read with its released code (csuking/CLPO)
Kept     accuracy of each group of answers; hard at most 0.3, middling at most 0.7; the learner itself rewrites each
         such problem once, hard ones simpler and middling ones in other words, told the right answer; a rewrite without
         its fences is dropped; as many answers to each rewrite, judged by the original answer; trained are the groups
         with right and wrong answers, all groups of the originals where there is none; the divergence from the base
         counts half for rewrites of hard problems and for hard originals
Changed  the words of the requests are ours, and a rewrite may be as long as any answer (there 400 tokens); no batch is
         cut to a multiple of processes. The share of rescued problems is noted (the released code logs 0, since it
         looks for new ids). `reveal=False` keeps the answer from the writer, and `leaks="drop"` drops rewrites that
         hold it. Version 2, which rewards the rewriting, is not here
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench, detectable
from curriculab.methods.samplers import Queue
from curriculab.protocol import Run, Sample, Script, Train
from curriculab.registry.knobs import Knob, check_bounds

SIMPLER = "Rewrite this problem so that it is simpler, clearer and more direct, with the same task and the same answer"
OTHERWISE = "Rewrite this problem in other words and in another order, with the same task and the same answer"
FENCED = re.compile(r"```[a-z]*\n(.*?)\n?```", re.DOTALL)
MODES, LEAKS = ("both", "hard_only", "medium_only"), ("keep", "drop")


def rewritten(rows: pd.DataFrame, rng: np.random.Generator, leak: float = 0.0) -> list[str]:
    """What the simulated student writes: the question with a first step if it is to be simpler, else in other words;
    a share `leak` of it with the answer."""
    texts = []
    for row, question, simpler, answer in zip(
        rows.index, rows["question"], rows["simpler"], rows["answer"], strict=True
    ):
        text = f"{question} {STEP.format(row)}" if simpler else f"Work this out: {question}"
        text = f"{text} The answer is {answer}." if rng.random() < leak else text
        texts.append(f"```\n{text}\n```")
    return texts


STEP = "First step of {}: begin at the end."
WRITERS = {"rewrite": rewritten}


def clpo(
    pool: pd.DataFrame,
    run: Run,
    *,
    hard: Annotated[
        float, Knob(0.0, 0.5, "accuracy up to which a problem is hard", step=0.1, least=0.0, most=1.0)
    ] = 0.3,  # released code
    medium: Annotated[
        float, Knob(0.5, 1.0, "accuracy up to which a problem is middling", step=0.1, least=0.0, most=1.0)
    ] = 0.7,  # released code
    rewrite: Annotated[str, Knob(choices=MODES, help="which problems are rewritten")] = "both",
    near: Annotated[
        float, Knob(0.0, 1.0, "weight of the divergence from the base for hard problems", step=0.1, least=0.0)
    ] = 0.5,  # released code; the bench's Grpo(beta=0.001) has it count
    reveal: Annotated[bool, Knob(choices=(True, False), help="is the writer told the right answer?")] = True,
    leaks: Annotated[str, Knob(choices=LEAKS, help="what happens to a rewrite that holds the answer")] = "keep",
    writer: Annotated[str, Knob(help="role that rewrites problems")] = "learner",
) -> Generator:
    """acc = mean correct of a group; hard: acc <= `hard`, medium: acc <= `medium`; trained: all groups, of originals
    and of rewrites, with 0 < acc < 1."""
    check_bounds(clpo, locals())
    for name, value, known in (("rewrite", rewrite, MODES), ("leaks", leaks, LEAKS)):
        if value not in known:
            raise ValueError(f"{name}={value!r} is unknown; give one of {', '.join(map(repr, known))}")
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    while True:
        rows = pool.take(queue.take(run.batch))
        out = yield Sample(rows, run.rollouts)
        before = accuracy(out)
        out = out.assign(kl_weight=np.where(of_answers(out, before) <= hard, near, 1.0))
        lower, upper = hard if rewrite == "medium_only" else -1.0, hard if rewrite == "hard_only" else medium
        chosen = (before > lower) & (before <= upper)
        note = {"hard": float((before <= hard).mean()), "medium": float(((before > hard) & (before <= medium)).mean())}
        again = None
        if chosen.any():
            made, found = yield from rewrites(rows[chosen], before[chosen] <= hard, writer, reveal, leaks)
            note |= found
            if len(made):
                again = yield Sample(made.drop(columns=["simpler", "place"]), run.rollouts)
                again = again.assign(kl_weight=of_answers(again, np.where(made["simpler"], near, 1.0)))
                was = before[chosen][made["place"].to_numpy(int)]
                note["stuck"] = int((was == 0).sum())
                note["rescued"] = int(mixed(accuracy(again))[was == 0].sum())
        both = [one[mixed(of_answers(one, accuracy(one)))] for one in (out, again) if one is not None]
        trained = pd.concat([one for one in both if len(one)] or [out])
        note["effective"] = trained["group"].nunique() / (
            len(before) + (0 if again is None else again["group"].nunique())
        )
        yield Train(trained, "grpo", note=note)


def accuracy(out: pd.DataFrame) -> np.ndarray:
    """Share of right answers of each group, in the order of the rows that were asked, (groups,)."""
    return out.groupby("group", sort=False)["correct"].mean().to_numpy(float)


def of_answers(out: pd.DataFrame, of_groups: np.ndarray) -> np.ndarray:
    """What belongs to its group, for each answer, (answers,)."""
    place, _ = pd.factorize(out["group"])
    return of_groups[place]


def mixed(share: np.ndarray) -> np.ndarray:
    """Whether there are right answers and wrong ones."""
    return (share > 0) & (share < 1)


def rewrites(rows: pd.DataFrame, simpler: np.ndarray, writer: str, reveal: bool, leaks: str) -> Generator:
    """The rows with rewritten prompts, those without fences left out, and how often that and a leak happened.

    Columns beside the rows' own: `simpler`, and `place`, the place among the rows that were given.
    """
    requests = []
    for question, answer, is_hard in zip(rows["prompt"], rows["answer"], simpler.tolist(), strict=True):
        secret = f" The answer has to stay {answer}; do not give it away." if reveal else ""
        requests.append(
            f"{SIMPLER if is_hard else OTHERWISE}.{secret} Write it between two lines of ```.\n\n{question}"
        )
    asked = ask(rows, requests, answer=rows["answer"], question=rows["prompt"], simpler=simpler)
    said = (yield Sample(asked, role=writer, purpose="rewrite"))["text"]
    found = [FENCED.search(text) for text in said]
    fine = np.array([match is not None and bool(match[1].strip()) for match in found])
    texts = [match[1].strip() for match, good in zip(found, fine, strict=True) if good]
    kept = rows[fine]
    held = np.array([leaked(*three) for three in zip(texts, kept["prompt"], kept["answer"], strict=True)], bool)
    note = {"dropped": float((~fine).mean()), "rewrites": len(texts), "leaked": int(held.sum())}
    ids = [f"{row}/rewritten" for row in kept.index]
    made = kept.assign(
        prompt=texts,
        parents=pd.Series([(str(row),) for row in kept.index], index=kept.index, dtype=object),
        simpler=simpler[fine],
        place=np.flatnonzero(fine),
    ).set_axis(pd.Index(ids, name=rows.index.name))
    return (made[~held] if leaks == "drop" else made), note


def leaked(text: str, question: str, answer: str) -> bool:
    """Does a rewrite hold the answer, where the question does not?"""
    word = re.compile(rf"(?<!\w){re.escape(answer.strip())}(?!\w)", re.IGNORECASE)
    return word.search(text) is not None and word.search(question) is None


RATES = {"hard": 0.05, "middling": 0.5}
HELP, LOST = 3.0, 9.0  # logits: of a first step, and of a question that is another one
LEAKING = 0.2  # share of rewrites with the answer, planted
ROLLOUTS = 960  # 2,400 and 150 rows each at first; made smaller for time


def unchanged(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """A control: the question itself, so that it is answered a second time."""
    return [f"```\n{question}\n```" for question in rows["question"]]


def check(bench: CheckBench) -> Check:
    """Which rewrites come back to which problem, what they rescue, and what that is worth at equal answers."""
    pool, student = planted_pool(bench)
    how = dict(pool=pool, student=student, rollouts=4, budget={"rollouts": ROLLOUTS})  # n = 4: released script
    runs = bench.reinforce(clpo, signal=("rewrite:text",), **how)
    bench.final(runs)  # a failed run raises
    measured, held = {"rescued": rescued(runs)}, False
    if measured["rescued"] >= 0.10:  # for nothing otherwise
        twice = bench.reinforce(clpo, writer="writer", reference_models={"writer": Script(unchanged)}, **how)
        measured |= {"second_sample": rescued(twice), **leak_rates(bench, how)}
        off = abs(measured["leaked_found"] - measured["leaked_true"])
        held = measured["rescued"] - measured["second_sample"] >= 0.10 and off <= 0.02
    return Check(
        claim="of problems without a right answer more are answered in part once they were rewritten than when they "
        "are answered a second time; the share of rewrites that hold the answer is found",
        refuted_by="a share of rescued problems less than 0.10 above that of a second sample, or a share of leaks "
        "further than 0.02 from the true one (both set before measuring); rewrites of other rows must fail",
        measured=measured,
        held=held,
        seeds=bench.seeds,
        mechanism=True,
        also=(at_equal_answers(bench, runs, how),),
    )


def leak_rates(bench: CheckBench, how: dict) -> dict[str, float]:
    """The share of leaks that the method notes of a writer that leaks, and the share in the prompts that it samples."""
    seen: list = []
    leaking = {"writer": Script(partial(rewritten, leak=LEAKING))}
    short = how | {"budget": {"rollouts": ROLLOUTS // 3}}
    metrics = bench.reinforce(bench.watch(clpo, seen), writer="writer", reference_models=leaking, **short).metrics
    prompts = pd.concat([r.rows for r in seen if isinstance(r, Sample) and "parents" in r.rows])["prompt"]
    true = prompts.str.contains("The answer is ", regex=False).mean()
    return {"leaked_found": float(metrics["leaked"].sum() / metrics["rewrites"].sum()), "leaked_true": float(true)}


def at_equal_answers(bench: CheckBench, runs: object, how: dict) -> Check:
    """Against reinforcement of the originals alone, with as many answers: rewriting and its answers are paid for."""
    gain = bench.final(runs) - bench.final(bench.reinforce(bench.random, **how))
    return Check(
        claim="at as many answers, rewriting included, accuracy on the originals ends above training them alone",
        refuted_by="a mean gain below 0.03 (set before measuring; the paper's is 0.12 over GRPO, which spends about "
        "half as many answers there)",
        measured={"gain": float(gain.mean()), "least": float(gain.min()), "spread": float(gain.std(ddof=1))},
        held=bool(gain.mean() >= 0.03),
        seeds=bench.seeds,
        detectable=detectable(gain),
        threshold=0.03,
        gain=float(gain.mean()),
        mechanism=True,
    )


def planted_pool(bench: CheckBench) -> tuple[pd.DataFrame, object]:
    """Problems with answers of their own, and a student whom a first step helps, if it belongs to the problem."""
    pool, _ = bench.planted(RATES, rows=60)
    question = pool["prompt"]

    def reads(rows: pd.DataFrame, ability: np.ndarray) -> np.ndarray:
        added = []
        for row, prompt in zip(rows.index, rows["prompt"], strict=True):
            own = row.removesuffix("/rewritten")
            added.append(HELP * (STEP.format(own) in prompt) if question[own] in prompt else -LOST)
        return np.array(added, float)

    pool, student = bench.planted(RATES, rows=60, rate=0.05, context=reads)
    return pool.assign(answer=[str(10_000 + i) for i in range(len(pool))], task="ladder"), student


def rescued(runs: object) -> float:
    """Of problems of which no answer was right, the share whose rewrite has right and wrong answers."""
    groups = runs.groups[runs.groups.purpose == "answer"]
    again = groups["id"].str.endswith("/rewritten")
    first = groups[~again].set_index(["seed", "step", groups["id"][~again]]).reward
    later = groups[again]
    was = first.reindex(pd.MultiIndex.from_arrays([later.seed, later.step, later.id.str.removesuffix("/rewritten")]))
    return float(later[(was == 0).to_numpy()].spread.gt(0).mean())
