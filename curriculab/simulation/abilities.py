"""Abilities of simulated students: one array for every owner and role, and what follows from it for rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from curriculab.protocol import Owner, Rows
from curriculab.simulation.arithmetic import text_key
from curriculab.simulation.knowledge import Knowledge
from curriculab.simulation.rows import guess_rate
from curriculab.simulation.student import WORDS


class Chances(NamedTuple):
    """How likely a student answers rows right, each (rows,): place of the skill, P(right) without and with guessing."""

    skill: np.ndarray
    able: np.ndarray
    p: np.ndarray


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

    def chances(self, owner: Owner, role: str, rows: Rows) -> Chances:
        """How likely a role answers rows right."""
        skill, difficulty = self.knowledge.describe(rows)
        able = np.clip(1 / (1 + np.exp(difficulty - self.of(owner, role)[skill])), 1e-9, 1 - 1e-9)
        guess = guess_rate(rows)
        return Chances(skill, able, able if guess is None else guess + (1 - guess) * able)

    def learn(self, owner: Owner, role: str, skill: np.ndarray, gain: np.ndarray) -> None:
        """Change the abilities of a role by rate * gain, each (rows,), as far as prerequisites are mastered."""
        ability, initial = self.of(owner, role), self.of(owner, "init")
        change = np.bincount(skill, gain, len(ability)) * self.student.rate
        # The least mastered prerequisite would do too; the product needs no grouping.
        for dependent, needed in self.knowledge.prerequisites:
            change[dependent] /= 1 + np.exp(self.knowledge.mean_difficulty[needed] - ability[needed])
        if self.student.forget:
            untrained = np.bincount(skill, minlength=len(ability)) == 0
            change -= self.student.forget * (ability - initial) * untrained
        self._arrays[owner][role] = ability + change

    def average(self, owner: Owner, weights: Mapping[str, float], to: str) -> None:
        """Set a role to the weighted sum of others' changes since the start: Copy."""
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
        rng = np.random.default_rng([seed, text_key(skill)])
        return self.student.start + self.student.varies * rng.standard_normal()
