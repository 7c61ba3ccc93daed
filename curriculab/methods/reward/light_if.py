"""Light-IF: instructions with several rules, a reward for each rule that is met, easy prompts before hard ones.

Title    Light-IF
Authors  Wang et al.
Year     2025
Number   38
Needs    objective grpo
Paper    Wang et al. 2025, "Light-IF: Endowing LLMs with Generalizable Reasoning via Preview and Self-Checking for
         Complex Instruction Following", arXiv 2508.03178
Kept     prompts split by how often the model meets all rules: pass, easy, hard; a cold start on its own right answers
         to pass prompts, where only the share `keep` of the tokens with the largest CE - lambda H is learned; a reward
         that each met rule adds to; reinforcement on easy prompts, then on hard ones with longer answers
Changed  bands by shares of `probes` answers (theirs: UNKNOWN); no zero-RL with a reward for length before the cold
         start, no judge of reading quality, every rule weighs the same (theirs: 0.02 to 0.2 each). Its bonus for
         entropy is the bench's objective, Grpo(entropy=1.0, entropy_by="covariance"). The README names keep = 0.8 and
         lambda = 0.8, the released trainer defaults to 0.2 and 1.0. In Qihoo360/Light-IF (dp_actor.py) the bonus
         stands in a branch that no released recipe reaches. Without `metadata` that names rules, a row's worth is
         `correct`. `dense=False` rewards all rules or none
"""

from __future__ import annotations

from collections.abc import Generator
from functools import wraps
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Run, Sample, Score, Train
from curriculab.registry.knobs import Knob, check_bounds
from curriculab.rewards import rules_met


def light_if(
    pool: pd.DataFrame,
    run: Run,
    *,
    probes: Annotated[int, Knob(2, 16, "answers a row by which it is split", step=1, least=1)] = 4,  # ours
    hard: Annotated[
        float, Knob(0.0, 1.0, "below this share of right answers a row is hard", step=0.05, least=0.0, most=1.0)
    ] = 0.25,  # ours
    passes: Annotated[
        float, Knob(0.0, 1.0, "from this share on it is a pass row", step=0.05, least=0.0, most=1.0)
    ] = 0.75,  # ours
    warm: Annotated[
        float, Knob(0.0, 0.5, "share of the run for the cold start", step=0.05, least=0.0, below=1.0)
    ] = 0.125,  # ours
    keep: Annotated[
        float, Knob(0.1, 1.0, "share of the tokens that the cold start learns", step=0.1, above=0.0, most=1.0)
    ] = 0.8,  # README; 0.2 in the trainer
    discount: Annotated[
        float, Knob(0.0, 2.0, "lambda: what entropy counts there", step=0.1, least=0.0)
    ] = 0.8,  # README
    dense: Annotated[bool, Knob(choices=(True, False), help="reward each rule, not all or none")] = True,
    lengths: Annotated[
        tuple[int, int] | None, Knob(help="tokens of an answer in the two stages; None: those of the bench")
    ] = None,  # 8192, 16384
) -> Generator:
    """reward = share of a row's rules that an answer meets; easy rows until half of what the cold start leaves (pass
    rows where none is easy, all where none is either), then hard ones. Cold start: cross-entropy on the `keep` tokens
    with the largest CE - `discount` H.
    """
    check_bounds(light_if, locals())
    tried = yield Sample(pool, probes, purpose="probe")
    whole = worth(tried) == 1
    rate = pd.Series(whole, tried.index).groupby(level=0).mean().loc[pool.index].to_numpy()
    own = tried[whole & (rate[pool.index.get_indexer(tried.index)] >= passes)]
    start = run.phase(warm if len(own) else 0.0)
    lessons = Queue.shuffled(np.arange(len(own)), run.rng)
    while start.open:
        batch = own.take(lessons.take(run.batch))
        read = yield Score(batch, ("nll", "entropy"), per="token")
        yield Train(batch.assign(token_weight=chosen(read, keep, discount)), "sft", note={"stage": 0})
    easy = (rate >= hard) & (rate < passes)
    stages = [np.flatnonzero(easy if easy.any() else rate >= hard), np.flatnonzero(rate < hard)]
    for number, rows in enumerate(stages, 1):
        rows = rows if len(rows) else np.arange(len(pool))
        queue, stage = Queue.shuffled(rows, run.rng), run.phase(0.5 if number == 1 else 1.0)
        while stage.open:
            at = queue.take(run.batch)
            out = yield Sample(pool.take(at), run.rollouts, max_new_tokens=lengths[number - 1] if lengths else None)
            met = worth(out)
            reward = met if dense else (met == 1).astype(float)
            note = {"stage": number, "met": float(met.mean()), "all_met": float((met == 1).mean())}
            note["answer_entropy"] = float(out["entropy"].mean())
            yield Train(out.assign(reward=reward), note=note)


def worth(out: pd.DataFrame) -> np.ndarray:
    """Share of its rules that each answer meets, (answers,); `correct` where a row names none, 0 where unknown."""
    found = out["correct"].to_numpy(float).copy()
    if "metadata" in out:
        for k, (text, rules) in enumerate(zip(out["text"], out["metadata"], strict=True)):
            met = rules_met(str(text), rules) if isinstance(rules, str) else []
            found[k] = np.mean(met) if met else found[k]
    return np.nan_to_num(found, nan=0.0)


def chosen(read: pd.DataFrame, keep: float, discount: float) -> list[np.ndarray]:
    """1 for the `keep` tokens of the step with the largest CE - discount H, else 0: of each row, (tokens,)."""
    gap = [nll - discount * entropy for nll, entropy in zip(read["nll"], read["entropy"], strict=True)]
    flat = np.concatenate(gap)
    kept = np.zeros(len(flat))
    kept[np.argsort(-flat, kind="stable")[: int(np.ceil(keep * len(flat)))]] = 1.0
    return np.split(kept, np.cumsum([len(one) for one in gap])[:-1])


# -- the check --------------------------------------------------------------------------------------------------------
WORDS = ("ka", "lo", "mi", "ne")  # the answer that meets each rule
RATE = 0.3  # of answers that meet a rule; all four: 0.008
STEPS = 20


@wraps(light_if)
def on_four(pool: pd.DataFrame, run: Run, **knobs: object) -> Generator:
    """The method on the rows of four rules alone: single rules are known to the student, and never trained."""
    return light_if(pool[pool["level"] == len(WORDS)], run, **knobs)


def check(bench: CheckBench) -> Check:
    """Four rules, each seldom met: what a reward for each of them teaches, and one for all of them does not."""
    pool, student = four_rules(bench)
    how = dict(pool=pool, student=student, steps=STEPS, signal=("text",))
    runs = bench.reinforce(on_four, **how)
    none = bench.reinforce(on_four, dense=False, **how)
    # The twin has no bonus: texts of other answers alone would leave it what it claims.
    with_bonus = Grpo(entropy=0.0 if bench.broken else 1.0, entropy_by="covariance")
    bonus = bench.reinforce(on_four, objective=with_bonus, **how)
    gain = all_met(bench, runs) - all_met(bench, none)
    # In the first quarter, before prompts are solved; what follows from 0.3 to the power 4 is no claim by itself.
    early = {"early_signal": early_signal(runs), "early_signal_all": early_signal(none)}
    late = [float(r.metrics[r.metrics.step > STEPS / 2].answer_entropy.mean()) for r in (runs, bonus)]
    loss = float(np.mean(all_met(bench, runs) - all_met(bench, bonus)))
    return Check(
        claim="where the four rules of a prompt are each met by 3 answers of 10, a reward for each rule ends with more "
        "answers that meet all four than a reward for all or none, at equal answers",
        refuted_by="a gain below 0.10 in the share of answers that meet all (ours)",
        measured={"gain": float(gain.mean()), "least": float(gain.min()), "most": float(gain.max()), **early},
        held=bool(gain.mean() >= 0.10),
        seeds=bench.seeds,
        also=(
            Check(
                claim="with the bonus for entropy by covariance the second half of the run has more entropy, and as "
                "many answers meet all rules",
                refuted_by="no more entropy, by however little (it has no margin), or 0.05 fewer such answers (ours: "
                "at equal reward)",
                measured={"late_entropy": late[0], "late_entropy_bonus": late[1], "loss": loss},
                held=bool(late[1] > late[0] and loss < 0.05),
                seeds=bench.seeds,
                mechanism=True,
            ),
        ),
    )


def early_signal(runs: object) -> float:
    """Share of the groups of the first quarter whose rewards differ."""
    return float(runs.metrics[runs.metrics.step <= STEPS / 4].signal.mean())


def four_rules(bench: CheckBench) -> tuple[pd.DataFrame, object]:
    """Rows of one rule each, and rows of four, whose parts these are."""
    single, student = bench.planted(dict.fromkeys(WORDS, RATE), rows=20, rate=0.15, spread=0.0)
    rules = {word: f'{{"rule": "has", "part": "{word}"}}' for word in WORDS}
    single = single.assign(answer=single["topic"], level=1, metadata=[f"[{rules[word]}]" for word in single["topic"]])
    ids = [list(single.index[single["topic"] == word]) for word in WORDS]
    whole = pd.DataFrame(
        {
            "prompt": [f"four rules {i}" for i in range(20)],
            "answer": " ".join(WORDS),
            "topic": WORDS[0],
            "level": len(WORDS),
            "metadata": f"[{', '.join(rules.values())}]",
            "parts": list(zip(*ids, strict=True)),
        },
        index=pd.Index([f"four/{i:02d}" for i in range(20)], name="id"),
    )
    return pd.concat([single, whole]).assign(task="rules"), student


def all_met(bench: CheckBench, runs: object) -> np.ndarray:
    """Share of right answers to rows of four rules at the end, (seeds,)."""
    bench.final(runs)  # a failed run raises
    items = runs.items[(runs.items.share == 1.0) & runs.items.id.str.startswith("four/")]
    return items.groupby("seed").correct.mean().loc[list(bench.seeds)].to_numpy()
