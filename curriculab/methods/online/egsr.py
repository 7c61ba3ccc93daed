"""Expert-guided self-reformulation: where every answer failed, the model rewrites the expert's and learns from that.

Title    Learning Like Humans: expert-guided self-reformulation (EGSR)
Authors  Zhang et al.
Year     2025
Number   8
Needs    objective grpo
Paper    Zhang et al. 2025, "Learning Like Humans: Advancing LLM Reasoning Capabilities via Adaptive Difficulty
         Curriculum Learning and Expert-Guided Self-Reformulation", EMNLP 2025, arXiv 2505.08364
Kept     guidance only for groups without a right answer; by the answer alone or by solution and answer; what the model
         writes is trained as an answer to the unguided prompt, within its group
Changed  only right rewrites enter, each in the place of one failure; at least one failure stays, since a group of equal
         answers has no advantage; how many rewrites the paper asks for was not read (`guided`), nor its words for the
         guided prompt. Ratios start at 1: the probabilities behind the guided prompt do not count behind the plain one
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.environments.turns import ask
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue, rewarded
from curriculab.protocol import Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import verify

HINTS = {  # ours
    "answer": "{prompt}\nThe answer is {answer}. Show how to get there in your own words.",
    "solution": "{prompt}\nSomebody solved it like this:\n{solution}\nSolve it again in your own words.",
}
MOVED = ("turns", "text", "reward", "correct", "length", "ended", "logprob", "entropy")


def egsr(
    pool: pd.DataFrame,
    run: Run,
    *,
    guide: Annotated[
        str,
        Knob(
            choices=("solution", "answer"),
            help="what the model is shown of the expert: the solution or the answer only",
        ),
    ] = "solution",
    guided: Annotated[
        int, Knob(1, 8, "answers with guidance where a whole group failed", step=1, least=1)
    ] = 2,  # choice
    hint: Annotated[
        str | None,
        Knob(help="guided prompt in other words, with {prompt}, {answer} and {solution}; None: the built-in one"),
    ] = None,
) -> Generator:
    """Where max r = 0 in a group, `guided` answers to prompt + expert are sampled; right ones replace failures.

    Then A = (r - mean r) / std r over the group as it now is, all behind the plain prompt.
    """
    check_bounds(egsr, locals())
    if guide not in HINTS:
        raise ValueError(f"guide={guide!r} is unknown; give {' or '.join(map(repr, HINTS))}")
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    while True:
        out = yield Sample(pool.take(queue.take(run.batch)), run.rollouts)
        stuck = out.take(failed(out))
        rescued = 0
        if len(stuck):
            helps = ask(stuck, hinted(stuck, guide, hint), answer=stuck["answer"], failed=stuck["group"])
            helped = yield Sample(helps, guided, purpose="guided")
            right = helped.take(np.flatnonzero(helped["correct"].to_numpy(float) > 0))
            out, rescued = put(out, right), len(np.unique(right["failed"].to_numpy()))
        note = {"all wrong": len(stuck) / run.batch, "rescued": rescued / run.batch}
        rewarded((yield Train(out, note=note)), "egsr")


def failed(out: pd.DataFrame) -> np.ndarray:
    """Where the first answers of groups without any reward stand, (groups,)."""
    _, first, of = np.unique(out["group"].to_numpy(), return_index=True, return_inverse=True)
    best = np.full(len(first), -np.inf)
    np.maximum.at(best, of, out["reward"].to_numpy(float))
    return first[best <= 0]


def hinted(rows: pd.DataFrame, guide: str, hint: str | None = None) -> list[str]:
    """The guided prompt of each row; rows without a solution are shown their answer, unless `hint` says it all."""
    solved = rows["solution"].tolist() if guide == "solution" and "solution" in rows else [None] * len(rows)
    lines = zip(rows["prompt"].tolist(), rows["answer"].tolist(), solved, strict=True)
    kind = {True: hint or HINTS["solution"], False: hint or HINTS["answer"]}
    return [kind[isinstance(s, str)].format(prompt=p, answer=a, solution=s) for p, a, s in lines]


def put(out: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Answers with the k-th right one for a failed group in the place of its k-th failure, but never of its last.

    Answers of a group stand side by side, and groups in the order of their numbers, as in a reply to Sample.
    """
    groups, first, size = np.unique(out["group"].to_numpy(), return_index=True, return_counts=True)
    group = right["failed"].to_numpy()
    of, k = np.searchsorted(groups, group), np.arange(len(group)) - np.searchsorted(group, group)
    fits = k < size[of] - 1
    place, moved = (first[of] + k)[fits], {}
    for column in MOVED if len(place) else ():
        values = out[column].to_numpy(copy=True)
        values[place] = right[column].to_numpy()[fits]
        moved[column] = values
    return out.assign(**moved)


def reformulate(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """What a simulated student writes when it was shown the expert: the answer, every second time."""
    told = rng.random(len(rows)) < 0.5
    return [str(answer) if ok else "no idea" for answer, ok in zip(rows["answer"].tolist(), told, strict=True)]


WRITERS = {"guided": reformulate}


def check(bench: CheckBench) -> Check:
    """At equal rollouts, more of a hard pool is learned, from rewrites that are right and stand behind bare prompts."""
    pool, student = bench.planted({"hard": 0.02}, rows=80, rate=0.05)
    seen: list = []
    how = {"pool": pool, "student": student, "budget": {"rollouts": 1500}}
    guided = bench.reinforced(bench.watch(egsr, seen), signal=("reward", "correct"), **how)
    gain = float(np.mean(guided - bench.reinforced(bench.random, **how)))
    trained = pd.concat([request.rows for request in seen if isinstance(request, Train)])
    rewarded_ones = trained[trained.reward > 0]
    honest = np.mean([verify(t, a) for t, a in zip(rewarded_ones.text, rewarded_ones.answer, strict=True)])
    bare = float((trained.prompt == pool.prompt[trained.index]).mean())
    return Check(
        claim="at equal rollouts a student that is nearly always wrong ends better; only right rewrites are rewarded, "
        "and no trained prompt holds the hint",
        refuted_by="a mean gain in accuracy below 0.05 (as for easy_to_hard), a rewarded answer that is wrong, or a "
        "trained prompt that is not the pool's",
        measured={"gain": gain, "right_among_rewarded": float(honest), "bare_prompts": bare},
        held=gain >= 0.05 and honest == 1 and bare == 1,
        seeds=bench.seeds,
    )
