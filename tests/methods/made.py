"""What the tests of methods share: small pools, answers as a backend brings them, and what a method asked for."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from curriculab import methods
from curriculab.bench.budget import Budget
from curriculab.bench.simulate import simulate
from curriculab.objectives.grpo import Grpo
from curriculab.objectives.sft import Sft
from curriculab.protocol import Piece, Run, Train
from curriculab.rewards import verify_rows
from curriculab.simulation.permuted import watched


def by_rewards(entry) -> bool:
    """Does a method of the catalogue learn from rewards, as its file says? The others learn from given answers."""
    return "grpo" in entry.needs.get("objective", ())


def objective_of(entry) -> Grpo | Sft:
    """What the tests train a method of the catalogue by: rewards where its file needs them, else given answers."""
    return Grpo() if by_rewards(entry) else Sft()


MADE = {  # columns that a file may need beside those of the pool below: one value a row
    "loss": lambda pool: pool["level"] + np.random.default_rng(5).random(len(pool)),
    "solution": lambda pool: "think: " + pool["answer"],
    "options": lambda pool: [["7", "8"]] * len(pool),
}


def pool_for(*entries, answer: str = "7") -> pd.DataFrame:
    """48 rows, shuffled: topics x, y, z; levels 1 to 4; a loss; and every column that the files of the methods need."""
    rng = np.random.default_rng(5)
    level, topic = np.tile([1, 2, 3, 4], 12), np.repeat(["x", "y", "z"], 16)
    table = {"prompt": [f"q{i:02d}" for i in range(48)], "answer": answer, "topic": topic, "level": level}
    pool = pd.DataFrame(table, index=pd.Index([f"row/{i:02d}" for i in range(48)], name="id"))
    pool = pool.assign(loss=level + rng.random(48)).iloc[rng.permutation(48)]
    for entry in entries:
        for column in entry.needs.get("columns", ()):
            if column not in pool:
                assert column in MADE, f"{entry.function} needs the column {column!r}; say in MADE how one is made"
                pool[column] = MADE[column](pool)
    return pool


def budget_for(*entries, steps: int, answers: int, work: int = 10**6) -> Budget:
    """A budget of steps; of answers too where one of the methods takes no step and would ask until the ceiling."""
    rollouts = None if all(entry.trains for entry in entries) else steps * answers
    return Budget(steps=steps, rollouts=rollouts, max_total_tokens=work)


def hides_an_answer(request: Train) -> bool:
    """Does a step teach the learner to answer in a way that the default test marks wrong, such as within tags?

    Told by a learned text that holds the right answer and is not verified as a whole.
    """
    rows = request.rows
    if request.role != "learner" or "turns" not in rows or "answer" not in rows:
        return False
    said = ["".join(piece.text for piece in turns if not piece.turn) for turns in rows["turns"]]
    holds = np.array([str(answer) in text for answer, text in zip(rows["answer"], said, strict=True)], bool)
    return bool((holds & (verify_rows(rows, said) == 0)).any())


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
