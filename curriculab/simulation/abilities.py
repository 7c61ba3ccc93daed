"""Abilities of simulated students: one array for every owner and role, and what follows from it for rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from curriculab.protocol import Copy, Owner, Rows
from curriculab.protocol.roles import check_forgettable
from curriculab.simulation.arithmetic import text_key
from curriculab.simulation.knowledge import Knowledge
from curriculab.simulation.parts import product
from curriculab.simulation.rows import before_answer, guess_rate
from curriculab.simulation.student import HABIT, WORDS

LEAST_AND_MOST = (1e-9, 1 - 1e-9)  # of a probability


class PartChances(NamedTuple):
    """How likely a student answers the parts of rows right, each (parts,): place of the row, of the part in it, and of
    its skill; P(right); the right answer."""

    row: np.ndarray
    slot: np.ndarray
    skill: np.ndarray
    able: np.ndarray
    answer: np.ndarray


class Chances(NamedTuple):
    """How likely a student answers rows right, each (rows,): place of the skill, P(right) without and with guessing;
    parts: the same of the parts of rows that have some, None where none has."""

    skill: np.ndarray
    able: np.ndarray
    p: np.ndarray
    parts: PartChances | None = None


class Abilities:
    """Abilities in logits, one array (skills,) for every owner and role.

    Students start alike across variants and apart by seed. Skills met after an array was made are appended to it, with
    the value that the owner's seed starts them at, when it is next read.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge, self.student = knowledge, knowledge.student
        self._arrays: dict[Owner, dict[str, np.ndarray]] = {}

    def of(self, owner: Owner, role: str) -> np.ndarray:
        """Abilities of a role in logits, (skills,)."""
        roles = self._arrays.get(owner)
        if roles is None:
            roles = self._arrays[owner] = {"init": np.empty(0), "learner": np.empty(0)}
        name = "init" if role == "base" else role
        if name not in roles:
            raise ValueError(
                f"no adapter {role!r} yet; there are {', '.join(sorted([*roles, 'base']))}; "
                f"make it first with Copy('init', to={role!r})"
            )
        skills = self.knowledge.skills
        if len(roles[name]) < len(skills):
            new = list(skills)[len(roles[name]) :]
            roles[name] = np.concatenate([roles[name], [self._initial(owner[1], skill) for skill in new]])
        return roles[name]

    def table(self, owner: Owner, role: str) -> pd.Series:
        """Abilities of a role by skill (a copy)."""
        return pd.Series(self.of(owner, role).copy(), index=list(self.knowledge.skills))

    def chances(self, owner: Owner, role: str, rows: Rows, *, answered: bool = False) -> Chances:
        """How likely a role answers rows right; answered: the last learned words of `turns` are the answer itself, and
        no context of it."""
        skill, difficulty = self.knowledge.describe(rows)
        ability = self.of(owner, role)
        added = self._context(rows, ability[skill], answered) if self.student.context else None
        able = _probability(difficulty, ability[skill], added)
        guess, parts = guess_rate(rows), self.knowledge.parts(rows)
        if parts is None:
            return Chances(skill, able, able if guess is None else guess + (1 - guess) * able)
        of_part, hard, answer = self.knowledge.described(parts.at)
        of_parts = _probability(hard, ability[of_part], None if added is None else added[parts.row])
        able = np.clip(product(of_parts, parts.row, able), *LEAST_AND_MOST)
        if guess is not None:  # a row of parts is not guessed
            guess[parts.row] = 0.0
        p = able if guess is None else guess + (1 - guess) * able
        return Chances(skill, able, p, PartChances(parts.row, parts.slot, of_part, of_parts, answer))

    def _context(self, rows: Rows, ability: np.ndarray, answered: bool) -> np.ndarray:
        """Logits that the student's `context` adds to each row, (rows,)."""
        seen = rows.assign(turns=before_answer(rows["turns"])) if answered and "turns" in rows else rows
        added = np.asarray(self.student.context(seen, ability), float)
        if added.shape != (len(rows),) or not np.isfinite(added).all():
            raise ValueError(
                f"Student(context=) gave {added.shape} for {len(rows)} rows, or numbers that are not finite; "
                "give one number of logits a row"
            )
        return added

    def learn(self, owner: Owner, role: str, skill: np.ndarray, gain: np.ndarray) -> None:
        """Change the abilities of a role by rate * gain, each (rows,), as far as prerequisites are mastered."""
        ability, initial = self.of(owner, role), self.of(owner, "init")
        gained = np.bincount(skill, gain, len(ability)) * self.student.rate
        change = gained.copy() if self.knowledge.transfers else gained
        for trained, gains, share in self.knowledge.transfers:
            change[gains] += share * gained[trained]
        # The least mastered prerequisite would do too; the product needs no grouping.
        for dependent, needed in self.knowledge.prerequisites:
            change[dependent] /= 1 + np.exp(self.knowledge.mean_difficulty[needed] - ability[needed])
        if self.student.forget:
            untrained = np.bincount(skill, minlength=len(ability)) == 0
            change -= self.student.forget * (ability - initial) * untrained
        self._arrays[owner][role] = ability + change

    def copy(self, owner: Owner, request: Copy) -> None:
        """Set a role to the weighted sum of others' changes since the start, or let go of it."""
        source, to = request.source, request.to
        if source is None:
            check_forgettable(to, self._arrays.get(owner, {}))
            del self._arrays[owner][to]
            return
        weights = {source: 1.0} if isinstance(source, str) else source
        if to in ("init", "base"):
            raise ValueError(f"Copy to {to!r}; 'init' and 'base' never change: copy to another name")
        initial = self.of(owner, "init")
        change = sum(weight * (self.of(owner, role) - initial) for role, weight in weights.items())
        self._arrays[owner][to] = initial + change

    def start(self, owners: Sequence[Owner]) -> None:
        """Forget what these owners learned."""
        for owner in owners:
            self._arrays.pop(owner, None)

    def fork(self, parent: Owner, child: Owner) -> None:
        """Let `child` begin with the abilities that `parent` has now."""
        self._arrays[child] = {role: values.copy() for role, values in self._arrays.get(parent, {}).items()}

    def save(self, file: Path) -> None:
        """Write the abilities of all owners."""
        state = []
        for owner, roles in self._arrays.items():
            state += [[*owner, role, values.tolist()] for role, values in roles.items()]
        file.write_text(json.dumps({"skills": list(self.knowledge.skills), "state": state}))

    def load(self, file: Path) -> None:
        """Read what `save` wrote, in place of all owners."""
        kept = json.loads(file.read_text())
        for skill in kept["skills"]:
            self.knowledge.skill_number(skill)
        self._arrays = {}
        for variant, seed, role, values in kept["state"]:
            self._arrays.setdefault((variant, seed), {})[role] = np.array(values)

    def _initial(self, seed: int, skill: str) -> float:
        if skill.startswith(WORDS):
            return float(np.log(self.student.words))
        if skill.startswith(HABIT):
            share = next(share for word, share in self.student.habits.items() if skill.startswith(f"{HABIT}{word} of "))
            return float(np.log(share / (1 - share)))
        rng = np.random.default_rng([seed, text_key(skill)])
        return self.student.start + self.student.varies * rng.standard_normal()


def _probability(difficulty: np.ndarray, ability: np.ndarray, added: np.ndarray | None) -> np.ndarray:
    """1 / (1 + exp(difficulty - ability - added)), (rows,)."""
    logits = difficulty - ability if added is None else difficulty - ability - added
    return np.clip(1 / (1 + np.exp(logits)), *LEAST_AND_MOST)
