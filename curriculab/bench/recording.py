"""The tables of one finished job: metrics, exposure, items, ledger, groups, rollouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from curriculab.bench.budget import Budget
from curriculab.bench.job import Job
from curriculab.bench.overlap import LENGTH, SHARE
from curriculab.bench.roles import Step
from curriculab.protocol import Answer, Copy, Request, Rows, Sample, Train
from curriculab.protocol.roles import LEARNER
from curriculab.registry.serialization import written
from curriculab.rewards.cutoffs import CUT_OFF
from curriculab.runs import COLUMNS, CUMULATIVE, OF_TEST, SIGNAL, Record
from curriculab.runs.judging import CUT_OFF_EVENT

ABOUT = ("level", "topic", "template")  # columns of the test rows that statistics go by
SAMPLES_KEPT = 16  # answers of a batch that are kept to be read


def record(job: Job, tests: Rows | None, spec: Mapping[str, object], *, valid: Rows | None = None) -> Record:
    """The tables of one finished job; tests, valid: the rows that it was tested and validated on."""
    ledger = pd.DataFrame(job.ledger, columns=COLUMNS["ledger"][2:])
    metrics = pd.DataFrame(job.metrics, columns=None if job.metrics else COLUMNS["metrics"][2:])
    groups = pd.DataFrame(list(job.groups.values()), columns=COLUMNS["groups"][2:])
    tables = {
        "metrics": metrics,
        "exposure": _exposure(job),
        "items": _items(job.items, tests),
        "ledger": ledger,
        "groups": groups,
        "rollouts": _rollouts(job),
    }
    if valid is not None:
        tables["validation"] = _items(job.validation, valid).assign(rows="validation")
    findings = job.result if isinstance(job.result, pd.DataFrame) else None
    spec = {**spec, **_trained_tests(job), **({"solvers": job.solved} if job.solved else {})}
    if job.failed and job.traceback:
        spec["traceback"] = job.traceback
    spec["trained_with"] = list(job.trained_with.values())
    whole = {**spec, "variant": job.variant, "seed": job.seed, "ended": job.ended, "steps": job.run.step}
    return Record(whole, tables, tuple(job.events), findings)


def _trained_tests(job: Job) -> dict[str, object]:
    """How many test rows it trained, if any, by the same prompt ("same") or nearly so ("near"), and the first of them.

    What the given split has on both sides is not counted here.
    """
    if not job.overlap:
        return {}
    first = job.overlap[0]
    same = {one.test for one in job.overlap if one.kind == "same"}
    near = {one.test for one in job.overlap} - same
    example = {"test": str(first.test), "trained": str(first.trained), "step": first.step}
    return {"trained_tests": {"same": len(same), "near": len(near), "share": SHARE, "words": LENGTH, "first": example}}


def _exposure(job: Job) -> pd.DataFrame:
    if not job.exposure:
        return pd.DataFrame(columns=COLUMNS["exposure"][2:])
    steps, ids, tokens, weights, roles = zip(*job.exposure, strict=True)
    each = [len(i) for i in ids]
    return pd.DataFrame(
        {
            "step": np.repeat(steps, each),
            "id": np.concatenate(ids),
            "tokens": np.concatenate(tokens),
            "weight": np.concatenate(weights),
            "role": np.repeat(np.array(roles, object), each),
        }
    )


def _to_read(job: Job, request: Sample, reply: Rows) -> dict[str, object]:
    """A few answers of a batch, evenly picked, as columns."""
    few = reply.iloc[:: max(1, -(-len(reply) // SAMPLES_KEPT))]
    kept = ("level", "group", "prompt", "text", "reward", "length", "ended")
    taken = {c: few[c].to_numpy() for c in kept if c in few}
    about = {"step": job.run.step, "purpose": request.purpose, "role": request.role}
    return {**about, "id": few.index.to_numpy(), **taken}


def _rollouts(job: Job) -> pd.DataFrame:
    parts = [pd.DataFrame(columns) for columns in job.rollouts]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return whole.reindex(columns=COLUMNS["rollouts"][2:])


def _items(items: Sequence[Mapping[str, object]], tests: Rows | None) -> pd.DataFrame:
    if not items:
        return pd.DataFrame(columns=COLUMNS["items"][2:])
    parts = []
    about = [c for c in ABOUT if c in tests]
    for item in items:
        first = {c: item[c] for c in ("step", "progress", "share", "solver", "gold")}
        rows = {"id": tests.index.to_numpy(), "correct": item["correct"], **{c: tests[c].to_numpy() for c in about}}
        so_far = {c: item[c] for c in (*CUMULATIVE, *OF_TEST)}
        parts.append(pd.DataFrame({**first, **rows, **so_far}))
    return pd.concat(parts, ignore_index=True)


def charge(job: Job, request: Request, answer: Answer, seconds: float, budget: Budget) -> None:
    """Book what a method's request cost, and record what came of it."""
    spent = job.spent
    spent.rollouts += answer.rollouts
    spent.generated += answer.generated
    spent.total_tokens += max(answer.tokens, 1)  # so that endless copying ends too
    spent.seconds += seconds
    _note_cut_offs(job, request, answer)
    if isinstance(request, Sample):
        _note_groups(job, request, answer.reply)
        job.rollouts.append(_to_read(job, request, answer.reply))
    if isinstance(request, Train):
        _record_step(job, request, answer, budget)
    if isinstance(request, Copy):
        for step in job.histories.copy(request):
            take_step(job, step, LEARNER)
            job.metrics.append({**step.line, **_stand(job, budget), "role": LEARNER})


def charge_evaluation(evaluation: Job, request: Request, answer: Answer, ceiling: int) -> None:
    """Book what a test's request cost; one that takes more than its ceiling of tokens fails."""
    evaluation.spent.total_tokens += max(answer.tokens, 1)
    evaluation.row_costs.note(request, answer)
    _note_cut_offs(evaluation, request, answer)
    if evaluation.spent.total_tokens > ceiling:
        raise RuntimeError(f"the test took more than {ceiling:,} tokens; does its solver ever return?")


def _note_cut_offs(job: Job, request: Request, answer: Answer) -> None:
    """An event of the run where limits of the verifiers made answers worthless: whether in a test, and how many."""
    if isinstance(request, Sample) and any(name.startswith(CUT_OFF) for name in answer.figures):
        counts = {name.removeprefix(CUT_OFF): int(n) for name, n in answer.figures.items() if name.startswith(CUT_OFF)}
        job.root.event(CUT_OFF_EVENT, test=job.parent is not None, counts=counts, answers=len(answer.reply))


def ledger_line(job: Job, request: Request, answer: Answer, seconds: float) -> tuple:
    """One line of the ledger: the columns of COLUMNS["ledger"] without variant and seed."""
    return (
        job.root.run.step,
        type(request).__name__,
        getattr(request, "purpose", ""),
        getattr(request, "role", ""),
        len(request.rows) if hasattr(request, "rows") else 0,
        answer.tokens,
        answer.rollouts,
        answer.generated,
        seconds,
        job.parent is not None,
        "" if job.parent is None else job.solver,
    )


def _record_step(job: Job, request: Train, answer: Answer, budget: Budget) -> None:
    reply, line = answer.reply, {}
    weight = reply["weight"].to_numpy(float) if "weight" in reply else np.ones(len(reply))
    tokens = answer.tokens if answer.trained is None else answer.trained
    take_step(job, Step(line, reply.index.to_numpy(), answer.learned, weight, tokens), request.role)
    line |= {
        **dict.fromkeys(("step", "progress")),  # as columns come
        "loss": float(np.mean(reply["loss"].to_numpy(float))),
        "rows": len(reply),
        **_stand(job, budget),
        "role": request.role,
        **_outcome(reply, answer),
        **answer.figures,
        **{str(k): float(v) for k, v in request.note.items()},
    }
    job.metrics.append(line)
    _note_trained(job, reply)
    _note_setting(job, request)


def take_step(job: Job, step: Step, role: str) -> None:
    """Count a step for the learner, or keep it with the role that took it; either way its rows are exposed."""
    if role == LEARNER:
        job.clock.step += 1
        job.spent.steps += 1
        job.spent.tokens += step.tokens
    else:
        job.histories.of.setdefault(role, []).append(step)
    job.exposure.append((job.run.step, step.ids, step.learned, step.weight, role))


def _stand(job: Job, budget: Budget) -> dict[str, object]:
    """Where a run stands: the learner's steps and trained tokens; answers, their tokens and seconds of all roles."""
    spent = job.spent
    progress = min(1.0, max(budget.shares(spent).values()))
    return {"step": job.run.step, "progress": progress, **{name: getattr(spent, name) for name in CUMULATIVE}}


def _note_setting(job: Job, request: Train) -> None:
    """Count the steps that each role took under each objective's settings: a method may give its own."""
    if job.objective is None:
        return
    setting = job.objective(request)
    line = job.trained_with.setdefault((request.role, repr(setting)), {"role": request.role, "steps": 0})
    if not line["steps"]:
        line.update(written(setting))
    line["steps"] += 1


def _outcome(reply: Rows, answer: Answer) -> dict[str, float]:
    """What a step's answers came to: mean reward, learned tokens an answer, share of their groups with any signal."""
    if "advantage" not in reply:
        return {}
    signal = _pushes(reply, reply["group"].to_numpy() if "group" in reply else np.arange(len(reply)))
    found = {"length": float(np.mean(answer.learned)), "signal": float(np.mean([*signal.values()]))}
    return found | ({"reward": float(reply["reward"].to_numpy(float).mean())} if "reward" in reply else {})


def _pushes(reply: Rows, of: np.ndarray) -> dict[object, bool]:
    """Whether any answer of each group has an advantage other than 0."""
    found: dict[object, bool] = {}
    for group, push in zip(of.tolist(), np.abs(reply["advantage"].to_numpy(float)) > SIGNAL, strict=True):
        found[group] = found.get(group, False) or bool(push)
    return found


def _note_trained(job: Job, reply: Rows) -> None:
    """Which sampled answers a step trained, told by their pieces, wherever a method has put them."""
    if "turns" not in reply:
        return
    push = np.abs(reply["advantage"].to_numpy(float)) > SIGNAL if "advantage" in reply else np.ones(len(reply), bool)
    for turns, pushed in zip(reply["turns"].tolist(), push.tolist(), strict=True):
        for number in {p.sample for p in turns if p.learn} if isinstance(turns, tuple) else ():
            group = job.samples.get(number)
            if group is not None:
                line = job.groups[group]
                line["numbers"].add(number)
                line["trained"], line["signal"] = len(line["numbers"]), line["signal"] or pushed


def spread(reward: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Largest minus smallest reward of each group, (groups,); reward and its group's number of: (answers,)."""
    low, high = np.full(of.max(initial=-1) + 1, np.inf), np.full(of.max(initial=-1) + 1, -np.inf)
    with np.errstate(invalid="ignore"):  # texts that nothing verifies have no reward
        np.minimum.at(low, of, reward)
        np.maximum.at(high, of, reward)
        return high - low


def _note_groups(job: Job, request: Sample, reply: Rows) -> None:
    """One line per group of answers: what it cost and what came of it; a conversation that goes on adds to its line."""
    if "reward" not in reply:
        return
    groups, of = np.unique(reply["group"].to_numpy(), return_inverse=True)
    reward, n = reply["reward"].to_numpy(float), np.bincount(of)
    first = np.unique(of, return_index=True)[1]
    means, wide = np.bincount(of, reward) / n, spread(reward, of)
    tokens = np.bincount(of, reply["length"].to_numpy(float))
    for k, group in enumerate(groups.tolist()):
        line = job.groups.setdefault(
            group,
            {
                "step": job.run.step,
                "purpose": request.purpose,
                "role": request.role,
                "id": reply.index[first[k]],
                "group": group,
                "n": 0,
                "tokens": 0,
                "trained": 0,
                "signal": False,
                "numbers": set(),
            },
        )
        line["n"], line["tokens"] = line["n"] + int(n[k]), line["tokens"] + int(tokens[k])
        line["reward"], line["spread"] = means[k], wide[k]
    for turns, k in zip(reply["turns"].tolist(), of.tolist(), strict=True):
        job.samples[turns[-1].sample] = groups[k]
