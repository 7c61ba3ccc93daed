"""Claims of methods that the simulated student only assumes, tried on the pocket model and recorded whatever they give.

    curriculab methods check gain_rl --tier pocket     # is a wide angle a large gradient, at equal lengths?

The simulated student has its angles, embeddings and entropies from its pass rates; here a model of 2.7 million
parameters has them from its weights. What holds on it need not hold on a larger one, and what is refuted on it may hold
there: a record says `pocket`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from curriculab.bench.bench import Bench
from curriculab.bench.budget import Budget
from curriculab.bench.pocket_bench import (
    PocketBench,
    Talk,
    auc_of,
    driven,
    partial_rank_correlation,
    rank_correlation,
    shared_top,
)
from curriculab.data.loading import load_pool
from curriculab.environments.turns import ask, say
from curriculab.methods.analysis.thinking_boundary import over_seeds, thinking_boundary
from curriculab.methods.check import Check
from curriculab.methods.online import egsr, gain_rl, pcl
from curriculab.methods.reward import light_if, memory_r
from curriculab.methods.reward.train_long_think_short import train_long_think_short
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Copy, Rows, Run, Sample, Score, Train

POWER = 2.8  # standard errors: an effect so large is found four times of five at 5%, 1.96 + 0.84


def angle_and_gradient(bench: PocketBench) -> Check:
    """GAIN-RL orders by angles since concentrated rows should give large gradients; length is held constant."""
    held, free, permuted, rows = [], [], [], 0
    for seed in bench.seeds:
        pool, rng = bench.pool(seed), np.random.default_rng(seed)
        read = bench.answer(Score(gain_rl.behind_demonstration(pool, 0), ("angle", "angle_across")), seed)
        angle = (read["angle"] + read["angle_across"]).to_numpy(float)
        norm = bench.answer(Score(pool, "grad_norm"), seed)["grad_norm"].to_numpy(float)
        lengths = np.column_stack([pool[c].str.len() for c in ("prompt", "answer")])
        held.append(partial_rank_correlation(angle, norm, lengths))
        free.append(partial_rank_correlation(angle, norm, lengths[:, :0]))
        permuted.append(partial_rank_correlation(rng.permutation(angle), norm, lengths))
        rows += len(pool)
    error = 1 / np.sqrt(rows - 3 * len(bench.seeds) - 2)  # Fisher's, with two things held constant
    rho = float(np.mean(held))
    return Check(
        claim="the more concentrated a question's angles, the larger the gradient of its answer, at equal lengths of "
        "question and answer",
        refuted_by="a partial rank correlation below 0.2 (ours: below it less than a twentieth of the variance is "
        "shared), or within two standard errors of 0",
        measured={"partial": rho, "lengths_free": float(np.mean(free)), "permuted": float(np.mean(permuted))},
        held=rho >= 0.2 and rho > 2 * error,
        seeds=bench.seeds,
        detectable=POWER * error,
        threshold=0.2,
        tier="pocket",
    )


def prefix_and_whole_entropy(bench: PocketBench) -> Check:
    """EDCO measures the first tokens only: do they choose the rows that the whole answer would choose?"""
    both, chance, rows = [], [], 0
    for seed in bench.seeds:
        rng = np.random.default_rng(seed)
        out = bench.answer(Sample(bench.pool(seed), 1, temperature=0.0), seed)
        out = out[out["length"] >= 8]  # two tokens are a quarter of the answer at most
        entropy = bench.answer(Score(out, "entropy", per="token"), seed)["entropy"]
        first = np.array([float(np.mean(values[:2])) for values in entropy])
        whole = np.array([float(np.mean(values)) for values in entropy])
        both.append([rank_correlation(first, whole), shared_top(first, whole)])
        chance.append(shared_top(rng.permutation(first), whole))
        rows += len(out)
    rho, overlap = np.mean(both, axis=0)
    error = np.sqrt(0.25 * 0.75 / (rows / 4))  # of the share of a random quarter that lies in the top quarter
    return Check(
        claim="the quarter of the rows with the largest entropy of their first two tokens is largely the quarter with "
        "the largest entropy of the whole answer",
        refuted_by="less than half of it shared (ours: twice what chance shares)",
        measured={"shared": overlap, "rank_correlation": rho, "permuted": float(np.mean(chance)), "rows": rows},
        held=overlap >= 0.5,
        seeds=bench.seeds,
        detectable=POWER * error,
        threshold=0.25,  # above chance
        tier="pocket",
    )


def value_of_embeddings(bench: PocketBench) -> Check:
    """PCL's predictor of pass rates, fitted on two thirds of a pool: what it explains of the rows it did not see."""
    explained, permuted = [], []
    for seed in bench.seeds:
        pool, rng = bench.pool(seed), np.random.default_rng(seed)
        rate = bench.pass_rates(pool, seed)
        read = bench.answer(Score(pool, "embedding"), seed)
        known = pcl.Embedded(len(pool), 128, rng)
        known.add(np.arange(len(pool)), np.stack(read["embedding"].to_list()))
        z, cut = known[np.arange(len(pool))], 2 * len(pool) // 3
        for target, found in ((rate, explained), (rng.permutation(rate), permuted)):
            value = pcl.Value(0.3, 0.95)
            value.update(z[:cut], target[:cut])
            error = np.mean((value(z[cut:]) - target[cut:]) ** 2)
            found.append(1 - error / np.var(target[cut:]))
    spread = float(np.std(explained, ddof=1) / np.sqrt(len(explained)))
    return Check(
        claim="a ridge regression on the untrained model's embeddings explains part of the pass rates of rows that it "
        "was not fitted on",
        refuted_by="a mean explained variance of held-out rows below 0.1 (ours: with less, choosing by V is close to "
        "choosing by chance)",
        measured={"explained": float(np.mean(explained)), "permuted": float(np.mean(permuted)), "error": spread},
        held=float(np.mean(explained)) >= 0.1,
        seeds=bench.seeds,
        detectable=POWER * spread,
        threshold=0.1 - float(np.mean(permuted)),  # above what a fit to permuted rates explains, which is below 0
        tier="pocket",
    )


def guided_answers(bench: PocketBench) -> Check:
    """EGSR shows the expert's answer where all of a group failed: how many does the model then get right?"""
    guided, again, rows = [], [], 0
    for seed in bench.seeds:
        pool = bench.pool(seed)
        stuck = pool[bench.pass_rates(pool, seed) == 0]
        helps = ask(stuck, egsr.hinted(stuck, "answer"), answer=stuck["answer"])
        guided.append(float((bench.pass_rates(helps, seed + 100, n=2) > 0).mean()))
        again.append(float((bench.pass_rates(stuck, seed + 100, n=2) > 0).mean()))
        rows += len(stuck)
    gain = float(np.mean(guided) - np.mean(again))
    return Check(
        claim="where eight answers failed, two answers to a prompt that shows the expert's answer rescue the row more "
        "often than two more answers to the bare prompt",
        refuted_by="fewer than 0.1 of such rows more (ours: one row in ten); with the answer alone a rewrite is no "
        "more than that answer, so its likelihood against the expert's text is not asked here",
        measured={"guided": float(np.mean(guided)), "again": float(np.mean(again)), "rows": rows},
        held=gain >= 0.1,
        seeds=bench.seeds,
        detectable=POWER * float(np.sqrt(2 * 0.1 * 0.9 / rows)),
        threshold=0.1,
        tier="pocket",
    )


def length_at_equal_final_budget(bench: PocketBench) -> Check:
    """A shrinking length budget against its last value from the start, at equal steps: accuracy and lengths."""
    pool = load_pool("ladder", n=300, levels=[1, 2, 3], seed=10)
    train, test = pool.iloc[80:], pool.iloc[:80]
    last = int(24 * 0.7**3)  # 24, 16, 11, 8 tokens
    knobs = {"tell_budget": False, "weights": (0.4, 0.6, 0.0)}  # it was trained on neither such a sentence nor tags
    variants = {
        "shrinking": partial(train_long_think_short, start=24, **knobs),
        "fixed": partial(train_long_think_short, start=last, gamma=1.0, **knobs),
    }
    how = dict(budget=Budget(steps=bench.steps), batch_size=8, num_generations=4, max_completion_length=32)
    made = Bench(bench.model, train, test, objective=Grpo(lr=1e-3), **how)
    runs = made.run(variants, seeds=list(bench.seeds), progress=False)
    if runs.failed:
        raise RuntimeError(f"a run of this claim failed: {next(iter(runs.failed.values()))}")
    accuracy = runs.items[runs.items.share == 1.0].groupby(["variant", "seed"]).correct.mean().unstack("variant")
    late = runs.metrics[runs.metrics.step > 0.75 * bench.steps].groupby("variant").length.mean()
    gain = accuracy["shrinking"] - accuracy["fixed"]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    return Check(
        claim="a length budget that shrinks to 8 tokens ends at least 0.02 more accurate than 8 tokens from the start, "
        "at equal steps",
        refuted_by="a gain below 0.02 (the paper's gains are of some points)",
        measured={
            "gain": float(gain.mean()),
            "error": error,
            "late_length_shrinking": float(late["shrinking"]),
            "late_length_fixed": float(late["fixed"]),
            "budget": last,
        },
        held=float(gain.mean()) >= 0.02,
        seeds=bench.seeds,
        detectable=POWER * error * 2,  # of three seeds: t has two degrees of freedom
        threshold=0.02,
        knobs={"start": 24, **knobs},
        tier="pocket",
    )


def largest_jump(bench: PocketBench) -> Check:
    """Enriched solutions should be smoother: the most surprising step with every second step left out, and with all."""
    jumps: dict[str, list[np.ndarray]] = {"gaps": [], "filled": [], "others": []}
    for seed in bench.seeds:
        whole = load_pool("ladder", n=20 * bench.rows, seed=seed, levels=(3, 4), solutions=True)
        pool = whole[whole["solution"].str.count("\n") >= 3].iloc[: bench.rows]  # four steps or more
        filled = pool["solution"].tolist()
        others = [f"{other}\n{own.splitlines()[-1]}" for own, other in zip(filled, np.roll(filled, 1), strict=True)]
        gaps = ["\n".join(text.splitlines()[::-2][::-1]) for text in filled]  # the last step stays
        for name, texts in {"gaps": gaps, "filled": filled, "others": others}.items():
            read = bench.answer(Score(say(pool.drop(columns="solution"), texts), "nll", per="token"), seed)["nll"]
            jumps[name].append(np.array([worst_step(*one) for one in zip(texts, read, strict=True)]))
    fall = np.concatenate(jumps["gaps"]) - np.concatenate(jumps["filled"])
    error = float(fall.std(ddof=1) / np.sqrt(len(fall)))
    return Check(
        claim="the largest mean loss of a step behind the first is lower where no step is left out",
        refuted_by="a fall of less than 0.2 nats a token (ours, set before it was measured)",
        measured={"fall": float(fall.mean()), "error": error}
        | {name: float(np.concatenate(found).mean()) for name, found in jumps.items()},
        held=float(fall.mean()) >= 0.2,
        seeds=bench.seeds,
        detectable=POWER * error,
        threshold=0.2,
        tier="pocket",
    )


def signal_by_rules(bench: PocketBench) -> Check:
    """Light-IF rewards every rule that is met: in how many groups do rewards differ, by rules and by all or none?"""
    rows = bench.rows // 3
    each, whole, dealt = [], [], []
    for seed in bench.seeds:
        pool = load_pool("rules", n=rows, levels=4, seed=seed)
        out = bench.answer(Sample(pool, 8), seed)
        met = light_if.worth(out).reshape(len(pool), 8)
        other = out.assign(metadata=np.roll(out["metadata"].to_numpy(), 8))  # judged by the next row's rules
        each.append(float((met.std(axis=1) > 0).mean()))
        whole.append(float(((met == 1).std(axis=1) > 0).mean()))
        dealt.append(float(light_if.worth(other).mean()))
    gap = float(np.mean(each) - np.mean(whole))
    return Check(
        claim="of groups of eight answers to prompts with four rules, far more have rewards that differ where every "
        "rule counts than where all or none do",
        refuted_by="less than 0.5 more of them (from a trial with another generator, 0.86 to 0.93)",
        measured={"each": float(np.mean(each)), "all": float(np.mean(whole)), "other_rules_met": float(np.mean(dealt))},
        held=gap >= 0.5,
        seeds=bench.seeds,
        detectable=POWER * float(np.sqrt(0.5 / (rows * len(bench.seeds)))),
        threshold=0.5,
        tier="pocket",
    )


def worst_step(text: str, nll: np.ndarray) -> float:
    """The largest mean loss of a line behind the first, nats a token; a token is a byte."""
    ends = np.cumsum([len(line.encode()) + 1 for line in text.split("\n")])
    pieces = np.split(np.asarray(nll, float), ends[:-1])
    return max(float(piece.mean()) for piece in pieces[1:])


def critic_within_rows(bench: PocketBench) -> Check:
    """EduFlow's critic, of whole answers: does it tell right from wrong ones of the same row, and choose by it?

    A longer trial (120 steps of 32 answers) had an AUC of .78 over all rows, and best of eight by the critic .31, the
    mean .49, the majority .63: it told which rows are hard. The model's own log-probability had an AUC of .96.
    """
    aucs, gains = [], []
    for seed in bench.seeds:
        whole = load_pool("ladder", n=2000, seed=seed, levels=(2, 3), skills=("sort", "filter", "caesar", "words"))
        held, pool = whole[whole["held_out"]].iloc[: bench.rows // 3], whole[~whole["held_out"]]
        say_to = Talk(bench, seed)
        say_to(Copy("init", to="critic"))
        rng = np.random.default_rng(seed)
        for _ in range(bench.steps):
            said = say_to(Sample(pool.take(rng.choice(len(pool), 8, replace=False)), 2, temperature=1.2))
            tags = np.where(said["correct"] > 0, "yes", "no").tolist()
            say_to(Train(verdict(said, tags), "sft", role="critic"))
        out = say_to(Sample(held, 8, temperature=1.0))
        losses = [say_to(Score(verdict(out, tag), "nll", role="critic"))["nll"].to_numpy() for tag in ("no", "yes")]
        table = pd.DataFrame({"row": out.index, "text": out["text"], "right": out["correct"], "score": 0.0})
        table = table.assign(score=losses[0] - losses[1], own=out["logprob"].to_numpy()).reset_index(drop=True)
        aucs.append([table.groupby("row")[["right", by]].apply(auc_of, by=by).mean() for by in ("score", "own")])
        best = table.sort_values("score").groupby("row").tail(1)["right"].mean()
        count = table.groupby(["row", "text"])["right"].agg(["size", "first"]).sort_values("size", kind="stable")
        gains.append([float(best), float(count.groupby("row").tail(1)["first"].mean()), float(table["right"].mean())])
    (critic, own), (best, majority, mean) = np.nanmean(aucs, axis=0), np.mean(gains, axis=0)
    return Check(
        claim="among eight answers to a row the critic ranks right ones before wrong ones, and the one it likes best "
        "is right at least as often as the majority's",
        refuted_by="an AUC within rows below 0.6 (ours), or a best answer that is right less often than the majority's",
        measured={"auc": critic, "auc_logprob": own, "best": best, "majority": majority, "mean": mean},
        held=bool(critic >= 0.6 and best >= majority),
        seeds=bench.seeds,
        tier="pocket",
    )


def signal_by_memories(bench: PocketBench) -> Check:
    """Memory-R+ adds what was said before to the reward: rows are answered twice, and the second time looked at."""
    rows = bench.rows // 3  # 40; 24 were tried first, by which a fall of 0.23 could be detected
    plain, rewarded = [], []
    for seed in bench.seeds:
        pool = load_pool("ladder", n=rows, seed=seed)
        method = memory_r.memory_r(pool, Run(seed, batch=len(pool), rollouts=8), warmup=0.0)
        request = next(method)
        for turn in range(2):
            train = method.send(bench.answer(request, seed + 100 * turn))
            request = method.send(train.rows)  # nothing is trained: the model stays as it is
        spread = train.rows.groupby("group")[["correct", "reward"]].agg(np.ptp)
        plain.append(float((spread["correct"] < 1e-9).mean()))
        rewarded.append(float((spread["reward"] < 1e-9).mean()))
    fall = float(np.mean(plain) - np.mean(rewarded))
    return Check(
        claim="with memories of what was right and wrong before, the rewards of fewer groups of eight are all alike",
        refuted_by="a share of such groups that falls by less than 0.2 (a fifth of all groups)",
        measured={"alike_plain": float(np.mean(plain)), "alike": float(np.mean(rewarded))},
        held=fall >= 0.2,
        seeds=bench.seeds,
        detectable=POWER * float(np.sqrt(0.5 / (rows * len(bench.seeds)))),
        threshold=0.2,
        tier="pocket",
    )


def thinking_pays(bench: PocketBench) -> Check:
    """The thinking boundary: worked steps should pay for arithmetic, and not for turning words round or sorting them.

    A first run had levels 3 and 4, where nothing but words was in the model's reach after 40 steps: three of the four
    gaps were 0, and that of words was -.18.
    """
    found = []
    for seed in bench.seeds:
        skills = ("equation", "product", "reverse", "words")
        pool = load_pool("ladder", n=3 * bench.rows, seed=seed, levels=2, skills=skills, solutions=True)
        method = partial(thinking_boundary, measured=0.2, lr=2e-3)
        found.append(driven(method, pool, Talk(bench, seed, new_tokens=48), seed, steps=2 * bench.steps))
    lines = pd.concat(found)
    low, gap = over_seeds(lines), lines.groupby("task")["gap"].mean()
    quadrants = lines["gain_cot"].gt(0).astype(str) + lines["gap"].gt(0).astype(str)
    same = quadrants.groupby(lines["task"]).nunique() == 1
    return Check(
        claim="after training on both, answering with steps is better than at once for equation and product, and not "
        "for reverse and words; a task keeps its quadrant over seeds",
        refuted_by="a 95% interval of the gap of equation or product that does not lie above 0, one of reverse or "
        "words that does, or less than 80% of the tasks in one quadrant in all seeds",
        measured={f"gap_{name}": float(value) for name, value in gap.items()}
        | {f"low_{name}": float(value) for name, value in low.items()}
        | {f"gain_{name}": float(v) for name, v in lines.groupby("task")["gain_cot"].mean().items()}
        | {"same_quadrant": float(same.mean())},
        held=bool(low[["equation", "product"]].min() > 0 >= low[["reverse", "words"]].max() and same.mean() >= 0.8),
        seeds=bench.seeds,
        tier="pocket",
    )


def verdict(said: Rows, tag: str | list[str]) -> Rows:
    """The critic's question about each answer, and what is said to it."""
    pairs = zip(said["prompt"], said["text"], strict=True)
    return say(ask(said, [f"{prompt}\n{text}\nRight?" for prompt, text in pairs]), tag)


CLAIMS: Mapping[str, Callable[[PocketBench], Check]] = {
    "gain_rl": angle_and_gradient,
    "edco": prefix_and_whole_entropy,
    "pcl": value_of_embeddings,
    "egsr": guided_answers,
    "enriched_tuning": largest_jump,
    "light_if": signal_by_rules,
    "eduflow": critic_within_rows,
    "thinking_boundary": thinking_pays,
    "memory_r": signal_by_memories,
    "train_long_think_short": length_at_equal_final_budget,
}
