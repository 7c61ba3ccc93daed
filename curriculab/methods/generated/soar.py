"""SOAR: a teacher is paid for its lessons by what they gain a student on problems that it never solves.

Title    SOAR: Teaching Models to Teach Themselves
Authors  Sundaram et al.
Year     2026
Number   19
Needs    objective grpo; columns topic
Paper    Sundaram et al. 2026, "Teaching Models to Teach Themselves", text of version 3; no released code found
Kept     the hard rows, none of `tries` answers right; `sets` lessons a round, on each of which `repeats` copies of the
         student train for `inner` steps; a lesson's reward, what they gain on a sample of the hard rows, greedily; RLOO
         over the lessons; promotion of the median student of the best lesson while the mean gain of three rounds is
         above tau; then a fresh student on the promoted lessons, and then on the hard rows. `pays` has the paper's
         intrinsic reward, learnability, and as a control the gains dealt to other lessons
Changed  the teacher is a softmax over the values of a column, and a lesson is rows of the pool with one of them, not
         questions that a model writes: nothing to parse, and always right answers (the paper's: about a third). Small
         sizes: theirs are 64 questions, 10 steps, 4 repeats, 128 tries and 200 rounds, days on 32 GPUs. The student is
         paid for a right answer and trained by the bench's GRPO (theirs RLOO, 120, 20, 10 or 0); no further steps after
         a promotion; the teacher has no KL term
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Arms, Queue, softmax
from curriculab.protocol import Copy, Run, Sample, Train
from curriculab.registry.knobs import Knob, check_bounds

PAYS = ("gain", "learnability", "shuffled")
RECENT = 3  # rounds whose mean gain is compared with tau


def soar(
    pool: pd.DataFrame,
    run: Run,
    *,
    arms: Annotated[str, Knob(help="column whose values the teacher chooses among")] = "topic",
    sets: Annotated[int, Knob(2, 8, "lessons a round", step=1, least=2)] = 4,  # g of the paper
    questions: Annotated[int, Knob(8, 64, "rows of a lesson", step=8, least=1)] = 16,  # n, there 64
    inner: Annotated[int, Knob(1, 10, "steps that a student trains on a lesson", step=1, least=1)] = 2,  # there 10
    repeats: Annotated[int, Knob(1, 4, "students a lesson", step=1, least=1)] = 1,  # r, there 4
    tested_on: Annotated[int, Knob(16, 128, "hard rows that a student is tried on", step=16, least=1)] = 64,  # paper
    tries: Annotated[int, Knob(4, 128, "answers to a row, none right where it is hard", step=4, least=1)] = 16,
    tau: Annotated[
        float,
        Knob(0.0, 0.1, "mean gain of three rounds above which one is promoted", step=0.01, least=-1.0, most=1.0),
    ] = 0.01,  # paper
    lr: Annotated[float, Knob(5.0, 100.0, "learning rate of the teacher", step=5.0, above=0.0)] = 40.0,  # ours
    rounds: Annotated[int, Knob(2, 200, "rounds of lessons, at most", step=2, least=1)] = 8,  # there 200
    lessons: Annotated[
        float, Knob(0.1, 0.9, "share of the budget at which lessons end", step=0.1, above=0.0, most=1.0)
    ] = 0.75,  # ours
    pays: Annotated[
        str, Knob(choices=PAYS, help="what a lesson is paid: its gain, learnability, another's gain")
    ] = "gain",
) -> Generator:
    """theta <- theta + lr mean_k (R_k - mean of the others) grad log pi(arm_k), pi = softmax(theta).

    R_k = mean over `repeats` of accuracy(student taught by k) - accuracy(student), on `tested_on` hard rows.
    """
    check_bounds(soar, locals())
    if pays not in PAYS:
        raise ValueError(f"pays={pays!r} is unknown; give one of {', '.join(map(repr, PAYS))}")
    table = Arms(pool, arms, run.rng)
    hard = hardest((yield Sample(pool, tries, purpose="probe")), pool)
    theta, recent, promoted, last = np.zeros(len(table)), [], [], {}
    for number in range(rounds):
        if run.progress >= lessons:
            break
        pi = softmax(theta)
        picks = run.rng.choice(len(table), sets, p=pi)
        taken = [pool.take(table.take(np.full(questions, arm))).assign(round=number) for arm in picks]
        note = {**last, **table.note(pi)}
        if pays == "learnability":
            reward = yield from learnability(taken, run)
            best = int(reward.argmax())
            promoted.append(taken[best])
        else:
            asked = hard.take(run.rng.permutation(len(hard))[:tested_on])
            gain = yield from gains(taken, asked, run, inner, repeats, note)
            reward = gain.mean(axis=1)
            last = {"gain": float(reward.mean()), "noise": within(reward, picks)}
            recent = [*recent, float(reward.mean())][-RECENT:]
            if np.mean(recent) > tau:
                best = int(reward.argmax())
                promoted.append(taken[best])
                yield Copy(student(best, median_place(gain[best])), to="learner")
            yield [Copy(None, to=student(k, j)) for k in range(sets) for j in range(repeats)]
            reward = run.rng.permutation(reward) if pays == "shuffled" else reward
        theta = theta + lr * step(reward, picks, pi)
    yield Copy("init", to="learner")
    if promoted:
        yield from passes(pd.concat(promoted), run, until=(1 + run.progress) / 2)
    yield from passes(hard, run, until=1.0)


def student(lesson: int, repeat: int) -> str:
    """The role that learns from a lesson."""
    return f"student {lesson}.{repeat}"


def hardest(probe: pd.DataFrame, pool: pd.DataFrame) -> pd.DataFrame:
    """Rows of which no answer was right; where there are none, those that were right the least often."""
    right = probe.groupby(level=0)["correct"].mean()
    return pool.loc[right.index[right <= right.min()]]


def gains(
    taken: list[pd.DataFrame], asked: pd.DataFrame, run: Run, inner: int, repeats: int, note: dict[str, float]
) -> Generator:
    """Teach copies of the learner and try them: accuracy gained on the rows `asked`, (lessons, repeats)."""
    whole = [(k, student(k, j)) for k in range(len(taken)) for j in range(repeats)]
    before = yield Sample(asked, temperature=0.0, purpose="probe")
    yield [Copy("learner", to=role) for _, role in whole]
    for _ in range(inner):
        rows = [taken[k].take(run.rng.integers(len(taken[k]), size=run.batch)) for k, _ in whole]
        outs = yield [Sample(few, run.rollouts, role=role) for few, (_, role) in zip(rows, whole, strict=True)]
        yield [Train(out, "grpo", role=role, note=note) for out, (_, role) in zip(outs, whole, strict=True)]
    after = yield [Sample(asked, role=role, temperature=0.0, purpose="probe") for _, role in whole]
    gained = [out["correct"].mean() - before["correct"].mean() for out in after]
    return np.array(gained, float).reshape(len(taken), repeats)


def learnability(taken: list[pd.DataFrame], run: Run) -> Generator:
    """The intrinsic reward of lessons, (lessons,): mean over their rows of 1 - s, 0 where s = 0; s the share right."""
    outs = yield [Sample(rows, run.rollouts) for rows in taken]
    shares = [out.groupby("group")["correct"].mean().to_numpy(float) for out in outs]
    return np.array([np.where(s > 0, 1 - s, 0.0).mean() for s in shares])


def within(reward: np.ndarray, picks: np.ndarray) -> float:
    """Standard deviation of the rewards of lessons of one arm, over all arms; 0 where no arm has two lessons."""
    lessons = pd.Series(reward).groupby(picks)
    free = len(picks) - lessons.ngroups
    return float(np.sqrt(((reward - lessons.transform("mean")) ** 2).sum() / free)) if free else 0.0


def step(reward: np.ndarray, picks: np.ndarray, pi: np.ndarray) -> np.ndarray:
    """Gradient by theta of the mean over lessons of A_k log pi(picks_k), A_k = R_k - mean of the others, (arms,)."""
    advantage = (reward - reward.mean()) * len(reward) / (len(reward) - 1)
    return (advantage[:, None] * (np.eye(len(pi))[picks] - pi)).mean(axis=0)


def median_place(gain: np.ndarray) -> int:
    """Which student has the median gain, of two the lower one."""
    return int(np.argsort(gain, kind="stable")[(len(gain) - 1) // 2])


def passes(rows: pd.DataFrame, run: Run, until: float) -> Generator:
    """The learner's own training on rows, in random passes."""
    queue = Queue.shuffled(np.arange(len(rows)), run.rng)
    while run.progress < until:
        yield Train(rows.take(queue.take(run.batch)), "grpo")


# The useful topic teaches the hard one; the decoy is as learnable, and of no use. The student's rate, `lr` and sizes
# were chosen after a first run, in which gains were too small to move the teacher (useful .25); the limits stayed.
RATES = {"easy": 0.95, "useful": 0.4, "decoy": 0.4, "hard": 0.01}


def check(bench: CheckBench) -> Check:
    """The teacher comes to the topic that helps with the hard rows, not to one that is only learnable."""
    paid = _taught(bench, "gain")
    useful, decoy = paid["useful"], paid["decoy"]
    held = useful >= 0.6 and decoy <= 0.2
    controls = {pays: _taught(bench, pays)["useful"] for pays in PAYS[1:]} if held else {}  # for nothing otherwise
    return Check(
        claim="in the last third of the rounds most lessons are of the topic that helps with the hard rows, and few of "
        "a decoy that is as learnable; paid by learnability, or by the gains of other lessons, they are not",
        refuted_by="a share of the useful topic below 0.6 or of the decoy above 0.2 (chance 0.25), or a useful share "
        "of 0.6 or more where lessons are paid by learnability or by the gains of others",
        measured={
            "useful": useful,
            "decoy": decoy,
            "noise": paid["noise"],
            **{f"useful_{pays}": share for pays, share in controls.items()},
        },
        held=held and max(controls.values()) < 0.6,
        seeds=bench.seeds,
    )


def _taught(bench: CheckBench, pays: str) -> dict[str, float]:
    """Shares of late lessons that are truly of each topic; `noise`: standard deviation of the gains of lessons of one
    topic in a round, to be seen beside tau."""
    pool, student = bench.planted(RATES, rows=30, rate=0.2, transfers=(("useful", "hard", 1.5),))
    seen: list = []
    runs = bench.reinforce(
        bench.watch(soar, seen),
        signal=("topic",),
        pool=pool,
        student=student,
        budget={"steps": 22, "max_total_tokens": 10**8},  # of which promotions bring 16 at most
        rollouts=4,
        pays=pays,
    )
    lessons = pd.concat([r.rows for r in seen if isinstance(r, Sample) and "round" in r.rows])
    late = lessons[lessons["round"] >= lessons["round"].max() * 2 / 3]
    shares = pool.loc[late.index, "topic"].value_counts(normalize=True).reindex(list(RATES), fill_value=0.0)
    noise = float(runs.metrics["noise"].mean()) if "noise" in runs.metrics else 0.0
    return {**shares.to_dict(), "noise": noise}
