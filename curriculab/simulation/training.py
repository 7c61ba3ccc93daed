"""How a simulated student learns from rows: Train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from curriculab.objectives.objective import Objective
from curriculab.protocol import Answer, Ask, Piece
from curriculab.simulation.abilities import Abilities
from curriculab.simulation.arithmetic import nll
from curriculab.simulation.rows import context_bytes, learned_text, wrong_choices
from curriculab.simulation.student import FILLER


@dataclass(frozen=True, eq=False)
class TrainedRows:
    """What the student knows of rows it is trained on: `objectives.objective.SimulatedRows`."""

    able: np.ndarray
    chance: np.ndarray
    right: np.ndarray
    length_gap: Callable[[], np.ndarray | None]


def train(abilities: Abilities, ask: Ask, objective: Objective) -> Answer:
    """Answer a Train: one step along what the objective says that the student makes of each row."""
    rows, role = ask.request.rows, ask.request.role
    if role in ("init", "base"):
        raise ValueError(f"Train of {role!r}, which never changes; copy it to another name and train that")
    skill, able, p = abilities.chances(ask.owner, role, rows)
    learned, right = learned_text(rows)
    loss = nll(p, right, wrong_choices(rows))
    known = TrainedRows(able, p, right, partial(_length_gap, abilities, ask, skill))
    gain = objective.simulated_gain(rows, known)
    weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
    change = weight * gain.ability
    if gain.length is not None:
        skill = np.concatenate([skill, abilities.knowledge.word_skills(skill)])
        change = np.concatenate([change, weight * gain.length])
    abilities.learn(ask.owner, role, skill, change)
    tokens = int((context_bytes(rows, learned=False) + learned).sum())
    return Answer(rows.assign(loss=loss, **gain.reply), tokens, learned=learned)


def _length_gap(abilities: Abilities, ask: Ask, skill: np.ndarray) -> np.ndarray | None:
    """Log number of words of each row less what the student would write, (rows,); None: it writes bare answers."""
    if not abilities.student.words:
        return None
    words = np.array([_filler_words(turns) for turns in ask.request.rows["turns"]])
    usual = abilities.of(ask.owner, ask.request.role)[abilities.knowledge.word_skills(skill)]
    return np.log(np.maximum(words, 0.5)) - usual


def _filler_words(turns: Sequence[Piece]) -> int:
    return sum(piece.text.count(FILLER) for piece in turns if piece.learn)
