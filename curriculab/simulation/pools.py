"""Small pools with known pass rates or prerequisites, for checks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from curriculab.protocol import Rows
from curriculab.simulation.student import Student


def chain(*skills: object) -> tuple[tuple[str, str], ...]:
    """Make each skill a prerequisite of the next.

    Examples
    --------
    >>> chain("a", "b", "c")  # pairs (skill, what it needs)
    (('b', 'a'), ('c', 'b'))
    """
    return tuple((str(b), str(a)) for a, b in zip(skills, skills[1:], strict=False))


# A student for whom order matters: on `chain_pool` one sorted pass ends at .93, random order at .47, hard first at .31.
# Checks ask whether a method makes use of that, not whether such students exist.
CHAIN_STUDENT = Student(rate=0.1, start=-2.0, spread=0.0)


def planted(rates: Mapping[str, float], *, rows: int = 40, **student: object) -> tuple[Rows, Student]:
    """Make a pool with one topic per pass rate, and a student that has just these rates.

    Parameters
    ----------
    rates : mapping of str to float
        Probability of a right answer, in (0, 1), by topic.
    rows : int
        Rows of each topic.
    **student
        Settings of the Student; without any it learns nothing (rate 0).

    Returns
    -------
    pool : pd.DataFrame
        Its `level` counts the topics from easy to hard.
    student : Student

    Examples
    --------
    >>> pool, student = planted({"easy": 0.9, "hard": 0.1}, rows=2)
    >>> pool.level.to_dict()["planted/hard/00001"]
    2
    """
    by_rate = sorted(rates, key=lambda topic: -rates[topic])
    parts = []
    for topic, rate in rates.items():
        level, logit = by_rate.index(topic) + 1, np.log(1 / rate - 1)
        parts += [(f"planted/{topic}/{i:05d}", topic, level, logit) for i in range(rows)]
    pool = pd.DataFrame(parts, columns=["id", "topic", "level", "logit"]).set_index("id")
    pool = pool.assign(prompt=[f"question {i}" for i in pool.index], answer="yes")
    spread, middle = float(pool.logit.std(ddof=0)), float(pool.logit.mean())
    own = dict(rate=0.0, varies=0.0, difficulty="logit", spread=spread, start=-middle)
    return pool, Student(**{**own, **student})


def chain_pool(skills: int = 6, rows: int = 80) -> Rows:
    """Make rows of skills in a chain: topic "skill i" at level i; `score`: a made-up loss, exp(level + noise)."""
    rng = np.random.default_rng(0)
    level = np.repeat(np.arange(1, skills + 1), rows)
    ids = [f"chain/{k}/{i:05d}" for k, i in zip(level, np.tile(np.arange(rows), skills), strict=True)]
    score = np.exp((level - skills) / 2 + rng.normal(0, 0.1, len(level)))
    table = {
        "prompt": [f"question {i}" for i in ids],
        "answer": "yes",
        "topic": [f"skill {k}" for k in level],
        "level": level,
        "score": score,
    }
    pool = pd.DataFrame(table, index=pd.Index(ids, name="id"))
    return pool.iloc[rng.permutation(len(pool))]
