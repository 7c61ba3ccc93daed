"""What a simulated learner knows of rows: skill, difficulty and right answer, looked up by id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curriculab.protocol import Rows
from curriculab.simulation.parts import Parts, joined, listed_parts, slots
from curriculab.simulation.rows import column
from curriculab.simulation.student import HABIT, WORDS, Student


class Knowledge:
    """Skill, difficulty (logits) and right answer of every row that a learner was given, by id.

    A row with an unknown id is described by its own columns, else by its known `parents`.

    Parameters
    ----------
    student : Student
        Names the columns of skill and difficulty, and the prerequisites.
    tables : sequence of pd.DataFrame
        Rows to know; the first one's mean and standard deviation of the difficulty column give the scale of logits.

    Attributes
    ----------
    skills : dict of str to int
        Place of each skill among the abilities; grows as new skills are met.
    prerequisites : list of (int, int)
        Pairs (skill, skill that it needs).
    transfers : list of (int, int, float)
        (skill trained, skill that gains, share).
    mean_difficulty : np.ndarray
        Mean difficulty of each skill's known rows in logits, (skills,).
    """

    def __init__(self, student: Student, tables: Sequence[Rows]) -> None:
        known = pd.concat(tables) if len(tables) > 1 else tables[0]
        known = known[~known.index.duplicated()]
        self.student = student
        self.skills: dict[str, int] = {}
        self._ids = known.index.astype(object)  # Python's own strings: rows are looked up in every request
        self._answers = known["answer"].to_numpy(object)
        self._skill = np.array([self.skill_number(s) for s in column(known, student.skill, "")], int)
        self._middle, self._scale = _location_and_scale(column(tables[0], student.difficulty, 0.0).astype(float))
        self._difficulty = self._logits(column(known, student.difficulty, 0.0).astype(float))
        self.prerequisites = self._known_prerequisites()
        self.transfers = self._known_transfers()
        totals = np.bincount(self._skill, self._difficulty, len(self.skills))
        self.mean_difficulty = totals / np.bincount(self._skill)

    def skill_number(self, skill: object) -> int:
        """Place of a skill among the abilities; a new skill gets the next one."""
        return self.skills.setdefault(str(skill), len(self.skills))

    def word_skills(self, skill: np.ndarray) -> np.ndarray:
        """Where among the abilities the log number of words of each row's skill stands, (rows,)."""
        names = list(self.skills)
        return np.array([self.skill_number(WORDS + names[k]) for k in skill], int)

    def habit_skills(self, skill: np.ndarray, word: str) -> np.ndarray:
        """Where among the abilities the log-odds stand that an answer to each row's skill holds a word, (rows,)."""
        names = list(self.skills)
        return np.array([self.skill_number(f"{HABIT}{word} of {names[k]}") for k in skill], int)

    def parts(self, rows: Rows) -> Parts | None:
        """The parts of rows that have some; None where none has."""
        listed = listed_parts(rows)
        if listed is None:
            return None
        place, ids = listed
        at = self._ids.get_indexer(pd.Index(ids, dtype=object))
        if at.min() < 0:
            k = int(at.argmin())
            raise ValueError(
                f"row {rows.index[place[k]]!r} has the part {ids[k]!r}, which the simulated learner does not know; "
                "name rows of the pool or of the tests"
            )
        return Parts(place, slots(place), at)

    def described(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Skill, difficulty in logits, and right answer of known rows by their place, each (rows,)."""
        return self._skill[at], self._difficulty[at], self._answers[at]

    def describe(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Place of each row's skill among the abilities, and its difficulty in logits, each (rows,)."""
        at = self._ids.get_indexer(rows.index)
        skill, difficulty = self._skill[at], self._difficulty[at]
        if at.min() >= 0:
            return skill, difficulty
        new = np.flatnonzero(at < 0)
        names = (self.student.skill, self.student.difficulty, "parts", "parents")
        cells = [column(rows, name, None)[new] for name in names]  # one column after another: rows may be many
        for i, *own in zip(new.tolist(), *cells, strict=True):
            skill[i], difficulty[i] = self._describe_new(rows.index[i], *own)
        return skill, difficulty

    def right_answers(self, rows: Rows) -> np.ndarray:
        """Right answer of each row, its own, else by id; None where it is unknown, (rows,)."""
        at = self._ids.get_indexer(rows.index)
        known = np.where(at >= 0, self._answers[at], None)
        parts = self.parts(rows)
        if parts is not None:  # of rows with parts, these in turn
            answers = joined(self._answers[parts.at], np.ones(len(parts.row), bool), parts.row)
            known[list(answers)] = list(answers.values())
        if "answer" not in rows:
            return known
        own = rows["answer"].to_numpy(object)
        return np.where(pd.isna(own), known, own)

    def _describe_new(
        self, row: object, skill: object, level: object, parts: object, parents: object
    ) -> tuple[int, float]:
        if not (pd.isna(skill) or pd.isna(level)):
            return self.skill_number(skill), float(self._logits(np.array(float(level))))
        named = _listed(parts) or _listed(parents)
        at = [i for i in self._ids.get_indexer(named) if i >= 0] if named else []
        if not at:
            raise ValueError(
                f"row {row!r} is new to the simulated learner; give it {self.student.skill!r} and "
                f"{self.student.difficulty!r}, or `parents` that it knows"
            )
        number = int(self._skill[at[0]]) if pd.isna(skill) else self.skill_number(skill)
        difficulty = self._difficulty[at].mean() if pd.isna(level) else self._logits(np.array(float(level)))
        return number, float(difficulty)

    def _logits(self, level: np.ndarray) -> np.ndarray:
        logits = self.student.spread * (level - self._middle) / self._scale
        return np.nan_to_num(logits)  # a row of unknown difficulty counts as average

    def _known_prerequisites(self) -> list[tuple[int, int]]:
        pairs = self.student.prerequisites
        for skill in dict.fromkeys(skill for pair in pairs for skill in pair):
            if skill not in self.skills:
                known = ", ".join(self.skills)
                raise ValueError(f"prerequisites name the skill {skill!r}; column {self.student.skill!r} holds {known}")
        return [(self.skills[skill], self.skills[needed]) for skill, needed in pairs]

    def _known_transfers(self) -> list[tuple[int, int, float]]:
        for trained, gains, _ in self.student.transfers:
            for skill in (trained, gains):
                if skill not in self.skills:
                    known = ", ".join(self.skills)
                    raise ValueError(f"transfers name the skill {skill!r}; column {self.student.skill!r} holds {known}")
        return [(self.skills[trained], self.skills[gains], share) for trained, gains, share in self.student.transfers]


def _location_and_scale(level: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the difficulties that are known; 0 and 1 where none is, 1 where all are equal."""
    known = level[~np.isnan(level)]
    if not len(known):
        return 0.0, 1.0
    return float(known.mean()), float(known.std()) or 1.0


def _listed(parents: object) -> list:
    """Ids in a cell of `parents`: one, several or none."""
    if isinstance(parents, str):
        return [parents]
    if parents is None or parents is np.nan:
        return []
    return list(parents)
