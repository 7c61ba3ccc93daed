"""What the tests of methods share: small pools, answers as a backend brings them, and what a method asked for."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.objectives.grpo import Grpo
from curriculab.protocol import Piece, Run, Train
from curriculab.simulation.permuted import watched


def numbered(level, **columns) -> pd.DataFrame:
    """Rows r0, r1, r2, ... with these levels."""
    ids = pd.Index([f"r{i}" for i in range(len(level))], name="id")
    return pd.DataFrame({"prompt": "q", "answer": "1", "topic": "x", "level": level, **columns}, index=ids)


def sampled(rows: pd.DataFrame, n, right) -> pd.DataFrame:
    """Answers as a Sample brings them, `right` of each row's n: one number, one a row, or a function of the rows."""
    n = np.broadcast_to(n, len(rows))
    of = np.repeat(np.arange(len(rows)), n)
    right = right(rows) if callable(right) else np.broadcast_to(right, len(rows))
    place = np.arange(len(of)) - np.searchsorted(of, of)
    reward = (place < np.asarray(right)[of]).astype(float)
    sampled.groups += len(rows)
    return rows.take(of).assign(turns=[()] * len(of), group=sampled.groups + of, reward=reward, correct=reward)


sampled.groups = 0


def trained(rows: pd.DataFrame, n=8, right=0, advantage=None) -> pd.DataFrame:
    """The reply to a Train; rows that nobody sampled are sampled first."""
    out = rows if "reward" in rows else sampled(rows, n, right)
    return out.assign(loss=0.0, advantage=Grpo().advantages(out) if advantage is None else advantage(out))


def shares(request: Train) -> list[float]:
    """The share of each arm, as a request notes it."""
    return [value for name, value in request.note.items() if name.startswith("p/")]


def make(level, topic="x", **columns) -> pd.DataFrame:
    """Rows a, b, c, ... with these levels."""
    ids = pd.Index(list("abcdefghijklmnopqrstuvwxyz")[: len(level)], name="id")
    return pd.DataFrame({"prompt": "q", "answer": "1", "topic": topic, "level": level, **columns}, index=ids)


def answered(rows: pd.DataFrame, reward: list[list[float]], first: int = 0) -> pd.DataFrame:
    """A reply to rows: one list of rewards a row, advantages as Grpo() makes them."""
    of = np.repeat(np.arange(len(rows)), [len(r) for r in reward])
    text, value = [f"{k}" for k in range(len(of))], np.concatenate(reward)
    out = rows.iloc[of].assign(
        turns=[(Piece(t, learn=True),) for t in text],
        text=text,
        ended="eos",
        length=1,
        logprob=-1.0,
        entropy=0.5,
        group=first + of,
        correct=value,
        reward=value,
    )
    return out.assign(advantage=Grpo().advantages(out), loss=0.0)


def talk(method, pool, rewards, *, batch=2, seed=0, rollouts=2, **knobs) -> list[Train]:
    """What a method asks for when the k-th Train of unanswered rows is rewarded by rewards[k]: one list a row."""
    run = Run(seed, batch=batch, rollouts=rollouts)
    made, asked = method(pool, run, **knobs), []
    request = next(made)
    for reward in rewards:
        asked.append(request)
        request = made.send(answered(request.rows, reward))
    return [*asked, request]


def asked_by(method, pool, steps, *, student=None, batch_size=2, **knobs):
    """Everything a method asked for under reinforcement, and its runs."""
    seen: list = []
    runs = simulate(
        partial(watched(method, seen), **knobs),
        pool,
        steps=steps,
        batch_size=batch_size,
        learner=student,
        objective="grpo",
        rollouts=4,
        name="v",
    )
    return seen, runs


def drawn(tried, pool, steps, batch_size=2, seed=0, **knobs) -> list[str]:
    """Ids a step, as strings: ["ab", "cd"]."""
    runs = simulate(partial(tried, **knobs), pool, steps=steps, batch_size=batch_size, seed=seed)
    assert runs.failed == {}
    return runs.exposure.groupby("step").id.agg("".join).tolist()


def asked(method, pool, steps, batch_size=2, seed=0, learner=None, **knobs) -> list:
    """All requests of a run that were answered."""
    seen: list = []
    runs = simulate(
        partial(watched(getattr(methods, method), seen), **knobs),
        pool,
        batch_size=batch_size,
        seed=seed,
        budget=Budget(steps=steps, max_total_tokens=10**6),
        learner=learner,
    )
    assert runs.failed == {}
    trained = [i for i, request in enumerate(seen) if isinstance(request, Train)]
    return seen[: trained[steps - 1] + 1]


def trained_ids(method, pool, steps, **how) -> list[str]:
    """Ids a step, as strings: ["ab", "cd"]."""
    return ["".join(r.rows.index) for r in asked(method, pool, steps, **how) if isinstance(r, Train)]


def reply(request, **columns) -> pd.DataFrame:
    """The rows of a request with what was measured of them."""
    return request.rows.assign(**columns)
