"""How a simulated student learns from rows: Train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from curriculab.objectives.objective import Objective, SimulatedGain
from curriculab.protocol import Answer, Ask, Piece, Rows
from curriculab.simulation.abilities import Abilities, PartChances
from curriculab.simulation.arithmetic import nll
from curriculab.simulation.parts import rightness
from curriculab.simulation.rows import context_bytes, last_learned, learned_text, wrong_choices
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
    skill, able, p, parts = abilities.chances(ask.owner, role, rows, answered=True)
    learned, right = learned_text(rows)
    loss = nll(p, right, wrong_choices(rows))
    known = TrainedRows(able, p, right, partial(_length_gap, abilities, ask, skill))
    gain = objective.simulated_gain(rows, known)
    weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
    change, of = weight * gain.ability, skill
    if parts is not None:
        change[parts.row] = 0.0  # the parts are learned in its place
        change = np.concatenate([change, weight[parts.row] * _gain_of_parts(rows, parts, objective, gain)])
        of = np.concatenate([of, parts.skill])
    if gain.length is not None:
        of = np.concatenate([of, abilities.knowledge.word_skills(skill)])
        change = np.concatenate([change, weight * gain.length])
    for word in abilities.student.habits:
        at, moved = _gain_of_habit(abilities, ask, skill, word, objective, known, gain)
        of, change = np.concatenate([of, at]), np.concatenate([change, weight * moved])
    abilities.learn(ask.owner, role, of, change)
    tokens = int((context_bytes(rows, learned=False) + learned).sum())
    return Answer(rows.assign(loss=loss, **gain.reply), tokens, learned=learned)


def _gain_of_parts(rows: Rows, parts: PartChances, objective: Objective, whole: SimulatedGain) -> np.ndarray:
    """What the objective makes of each part, (parts,): as of a row that is right where the part is, with the row's own
    advantage; the groups of answers are those of the rows."""
    rows = rows.assign(**whole.reply)
    right = rightness(parts, last_learned(rows))
    gain = np.empty(len(parts.row))
    for slot in range(int(parts.slot.max()) + 1):
        here = parts.slot == slot
        known = TrainedRows(parts.able[here], parts.able[here], right[here], lambda: None)
        gain[here] = objective.simulated_gain(rows.take(parts.row[here]), known).ability
    return gain


def _gain_of_habit(
    abilities: Abilities,
    ask: Ask,
    skill: np.ndarray,
    word: str,
    objective: Objective,
    known: TrainedRows,
    whole: SimulatedGain,
) -> tuple[np.ndarray, np.ndarray]:
    """Places of the log-odds that an answer to each row's skill holds a word, and how far each row moves them, (rows,):
    by what the objective makes of a gap (held or not, less its share), or by the gap itself where it makes nothing."""
    at = abilities.knowledge.habit_skills(skill, word)
    share = 1 / (1 + np.exp(-abilities.of(ask.owner, ask.request.role)[at]))
    rows = ask.request.rows
    gap = np.array([word in (text or "") for text in last_learned(rows)], float) - share
    gain = objective.simulated_gain(rows.assign(**whole.reply), replace(known, length_gap=lambda: gap))
    return at, gap if gain.length is None else gain.length


def _length_gap(abilities: Abilities, ask: Ask, skill: np.ndarray) -> np.ndarray | None:
    """Log number of words of each row less what the student would write, (rows,); None: it writes bare answers."""
    if not abilities.student.words:
        return None
    words = np.array([_filler_words(turns) for turns in ask.request.rows["turns"]])
    usual = abilities.of(ask.owner, ask.request.role)[abilities.knowledge.word_skills(skill)]
    return np.log(np.maximum(words, 0.5)) - usual


def _filler_words(turns: Sequence[Piece]) -> int:
    return sum(piece.text.count(FILLER) for piece in turns if piece.learn)
