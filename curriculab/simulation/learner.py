"""A learner without a model: a student after item response theory that learns, forgets and needs prerequisites.

simulate(cl.methods.easy_to_hard, pool, steps=100, batch_size=8) gives the tables of a bench in a fraction of a second.
One concrete student: ability -1 in "add"; a row of difficulty 0 there is answered right with p = 1/(1 + e) = .27, and
training it once raises the ability by rate * 4 p (1 - p) = .04. It shows that a method runs, replays and draws what it
should; whether it teaches a model, only a model can show.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.objectives.objective import Objective
from curriculab.objectives.sft import Sft
from curriculab.protocol import Answer, Ask, Copy, Owner, Piece, Rows, Sample, Score, Train
from curriculab.rewards import verify_rows
from curriculab.simulation.arithmetic import (
    WRONG,
    _bytes,
    _choices,
    _column,
    _entropy,
    _guess,
    _is_list,
    _key,
    _lengths,
    _mix,
    _nll,
    _wrong,
)
from curriculab.simulation.student import FILLER, WORDS, Student

MEASURES = ("nll", "options", "entropy", "angle", "embedding")


ANSWERS = ("answer", "test", "probe")  # purposes for which the student answers the row itself


Writer = Callable[[Rows, np.random.Generator], Sequence[str]]


@dataclass(frozen=True, eq=False)
class _Known:
    """What the student knows of rows it is trained on: `objectives.objective.SimulatedRows`."""

    able: np.ndarray
    chance: np.ndarray
    right: np.ndarray
    length_gap: Callable[[], np.ndarray | None]


class SimulatedLearner:
    """Answers requests for students that start alike and are told apart by (variant and seed, role).

    It knows the truth of every row it was given by id; an unknown row brings its own columns or known `parents`.
    Tokens are bytes: prompt, turns and answer, and one for each end. Settings of objectives are not simulated,
    only what an objective says that the student makes of a row (`simulated_gain`): under Sft it learns right texts and
    unlearns wrong ones, under Grpo it moves along advantage * (right - p).
    """

    def __init__(
        self,
        student: Student,
        *tables: Rows,
        objective: Callable[[Train], Objective] = lambda request: Sft(),
        writers: Mapping[str, Mapping[str, Writer]] | None = None,
    ) -> None:
        known = pd.concat(tables) if len(tables) > 1 else tables[0]
        known = known[~known.index.duplicated()]
        self.student, self.objective, self.writers = student, objective, dict(writers or {})
        self._ids = known.index.astype(object)  # Python's own strings: rows are looked up in every request
        self._answers = known["answer"].to_numpy(object)
        self._skills: dict[str, int] = {}
        self._skill = np.array([self._code(s) for s in _column(known, student.skill, "")], int)
        level = _column(tables[0], student.difficulty, 0.0).astype(float)
        level = level[~np.isnan(level)] if not np.isnan(level).all() else np.zeros(1)
        self._middle, self._scale = float(level.mean()), float(level.std()) or 1.0
        self._hard = self._logits(_column(known, student.difficulty, 0.0).astype(float))
        self._needs = self._prerequisites()
        self._mean = np.bincount(self._skill, self._hard, len(self._skills)) / np.bincount(self._skill)
        self._states: dict[Owner, dict[str, np.ndarray]] = {}
        self._keys: dict[str, int] = {}

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """One Answer per ask; what goes wrong with a ask is its own."""
        act = {Sample: self._sample, Score: self._score, Train: self._train, Copy: self._copy}[type(asks[0].request)]
        answers: list[Answer | Exception] = []
        for ask in asks:
            try:
                answers.append(act(ask, ask.request))
            except Exception as error:
                answers.append(error)
        return answers

    def lengths(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Tokens that training each row sends through it, and how many of them it learns, each (rows,)."""
        learned, _ = self._learned(rows)
        return _lengths(rows, said=False) + learned, learned

    # -- owners -----------------------------------------------------------------------------------------------------
    def start(self, owners: Sequence[Owner]) -> None:
        """Let these owners begin anew, with the abilities of their seed."""
        for owner in owners:
            self._states.pop(owner, None)

    def save(self, folder: Path) -> None:
        """Write the abilities of all owners."""
        state = [[*owner, role, values.tolist()] for owner, own in self._states.items() for role, values in own.items()]
        (folder / "abilities.json").write_text(json.dumps({"skills": list(self._skills), "state": state}))

    def load(self, folder: Path) -> None:
        """Take what `save` wrote."""
        kept = json.loads((folder / "abilities.json").read_text())
        for skill in kept["skills"]:
            self._code(skill)
        self._states = {}
        for variant, seed, role, values in kept["state"]:
            self._states.setdefault((variant, seed), {})[role] = np.array(values)

    def fork(self, parent: Owner, child: Owner, folder: Path | None = None) -> None:
        """Let `child` begin with the abilities that `parent` has now."""
        if folder is not None:
            raise ValueError("a simulated student forks from where it is now only")
        self._states[child] = {role: values.copy() for role, values in self._states.get(parent, {}).items()}

    def export(self, owner: Owner, folder: Path) -> None:
        """Nothing: a simulated student has no adapter."""

    def limit(self, tokens: int) -> None:
        """Nothing: a simulated student has no forward."""

    def drain_halvings(self) -> list[int]:
        """None: a simulated student needs no memory to speak of."""
        return []

    def ability(self, owner: Owner, role: str = "learner") -> pd.Series:
        """Abilities of one student by skill (a copy)."""
        return pd.Series(self._state(owner, role).copy(), index=list(self._skills))

    # -- what is known about rows -----------------------------------------------------------------------------------
    def _code(self, skill: object) -> int:
        return self._skills.setdefault(str(skill), len(self._skills))

    def _logits(self, level: np.ndarray) -> np.ndarray:
        return np.nan_to_num(self.student.spread * (level - self._middle) / self._scale)  # unknown counts as average

    def _words(self, skill: np.ndarray) -> np.ndarray:
        """Where among the abilities the log number of words of each row's skill stands, (rows,)."""
        names = list(self._skills)
        return np.array([self._code(WORDS + names[k]) for k in skill], int)

    def _prerequisites(self) -> list[tuple[int, int]]:
        for skill in dict.fromkeys(s for pair in self.student.prerequisites for s in pair):
            if skill not in self._skills:
                known = ", ".join(self._skills)
                raise ValueError(f"prerequisites name the skill {skill!r}; column {self.student.skill!r} holds {known}")
        return [(self._skills[a], self._skills[b]) for a, b in self.student.prerequisites]

    def _about(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Skill and difficulty of each row, by id; new rows by their own columns, else by their parents."""
        at = self._ids.get_indexer(rows.index)
        if at.min() >= 0:
            return self._skill[at], self._hard[at]
        skill, hard = self._skill[at], self._hard[at]
        for i in np.flatnonzero(at < 0):
            skill[i], hard[i] = self._about_new(rows.iloc[i])
        return skill, hard

    def _about_new(self, row: pd.Series) -> tuple[int, float]:
        parents = row.get("parents")
        parents = (
            [parents] if isinstance(parents, str) else [] if parents is None or parents is np.nan else list(parents)
        )
        at = [i for i in self._ids.get_indexer(parents) if i >= 0] if parents else []
        skill, level = row.get(self.student.skill), row.get(self.student.difficulty)
        if (pd.isna(skill) or pd.isna(level)) and not at:
            raise ValueError(
                f"row {row.name!r} is new to the simulated learner; give it {self.student.skill!r} and "
                f"{self.student.difficulty!r}, or `parents` that it knows"
            )
        code = int(self._skill[at[0]]) if pd.isna(skill) else self._code(skill)
        return code, float(self._hard[at].mean() if pd.isna(level) else self._logits(np.array(float(level))))

    def _truth(self, rows: Rows) -> np.ndarray:
        """The right answer of each row, None where nobody knows it: its own, else by id."""
        at = self._ids.get_indexer(rows.index)
        known = np.where(at >= 0, self._answers[at], None)
        if "answer" not in rows:
            return known
        own = rows["answer"].to_numpy(object)
        return np.where(pd.isna(own), known, own)

    def _right(self, owner: Owner, role: str, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Skill, P(right) without guessing and with it, each (rows,)."""
        skill, hard = self._about(rows)
        p = np.clip(1 / (1 + np.exp(hard - self._state(owner, role)[skill])), 1e-9, 1 - 1e-9)
        guess = _guess(rows)
        return skill, p, p if guess is None else guess + (1 - guess) * p

    # -- adapters ---------------------------------------------------------------------------------------------------
    def _state(self, owner: Owner, role: str) -> np.ndarray:
        """Abilities of a role, (skills,)."""
        states = self._states.get(owner)
        if states is None:
            states = self._states[owner] = {"init": np.empty(0), "learner": np.empty(0)}
        name = "init" if role == "base" else role
        if name not in states:
            raise ValueError(
                f"no adapter {role!r} yet; there are {', '.join(sorted([*states, 'base']))}; "
                f"make it first with Copy('init', to={role!r})"
            )
        if len(states[name]) < len(self._skills):
            new = [self._first(owner[1], s) for s in list(self._skills)[len(states[name]) :]]
            states[name] = np.concatenate([states[name], new])
        return states[name]

    def _first(self, seed: int, skill: str) -> float:
        if skill.startswith(WORDS):
            return float(np.log(self.student.words))
        rng = np.random.default_rng([seed, _key(skill)])
        return self.student.start + self.student.varies * rng.standard_normal()

    def _copy(self, ask: Ask, request: Copy) -> Answer:
        if request.to in ("init", "base"):
            raise ValueError(f"Copy to {request.to!r}; 'init' and 'base' never change: copy to another name")
        base = self._state(ask.owner, "init")
        parts = {request.source: 1.0} if isinstance(request.source, str) else request.source
        moved = sum(w * (self._state(ask.owner, role) - base) for role, w in parts.items())
        self._states[ask.owner][request.to] = base + moved
        return Answer(None)

    # -- Sample -----------------------------------------------------------------------------------------------------
    def _sample(self, ask: Ask, request: Sample) -> Answer:
        asked, owner = request.rows, ask.owner
        n = np.broadcast_to(np.asarray(request.n, int), len(asked))
        if n.min() < 1:
            raise ValueError(f"Sample with n={n.min()} for row {asked.index[n.argmin()]!r}; ask for at least 1 answer")
        of = np.repeat(np.arange(len(asked)), n)
        out = asked.take(of)
        _, _, p = self._right(owner, request.role, out)
        if request.purpose in ANSWERS:
            text, logprob, correct = self._write(ask, request, asked, out, of, p)
        else:
            text = self._writer(owner, request.purpose)(out, np.random.default_rng(ask.stream))
            logprob, correct = np.log(p), verify_rows(out, text)
        length = np.array([_bytes(t) + 1 for t in text])
        before = out["turns"] if "turns" in out else [()] * len(out)
        first = ask.first_number
        turns = [
            (*said, Piece(t, learn=True, end=True, sample=first + line))
            for line, (said, t) in enumerate(zip(before, text, strict=True))
        ]
        group = out["group"] if "group" in out and "turns" in out else first + of
        reply = out.assign(
            turns=pd.Series(turns, index=out.index, dtype=object),
            text=list(text),
            ended="eos",
            length=length,
            logprob=logprob,
            entropy=_entropy(p, _choices(out)) / length,
            group=group,
            correct=correct,
            reward=correct,
        )
        tokens = int(_lengths(asked).sum() + length.sum())  # a prompt is read once for all its answers
        return Answer(reply, tokens, rollouts=len(out), generated=int(length.sum()))

    def _write(
        self, ask: Ask, request: Sample, asked: Rows, out: Rows, of: np.ndarray, p: np.ndarray
    ) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Texts of answers, their log-probability, and whether they are right where the row says what is."""
        truth = self._truth(asked)
        if any(t is None for t in truth):
            i = next(i for i, t in enumerate(truth) if t is None)
            raise ValueError(
                f"nobody told the simulated learner the answer to row {asked.index[i]!r}; give it `answer`"
            )
        heat = 1.0 if request.temperature is None else request.temperature
        greedy = (np.broadcast_to(np.asarray(heat, float), len(asked)) == 0)[of]
        stream, still = ask.stream, (ask.owner[1],)  # greedy: a row is answered alike until p changes
        u = self._noise(stream, out, of, np.arange(len(of)) - np.searchsorted(of, of))
        if greedy.any():
            u = np.where(greedy, self._noise(still, out, of, np.zeros(len(of))), u)
        right = u < p
        which = np.minimum((u - p) / (1 - p) * WRONG, WRONG - 1).astype(int)  # the same u picks which wrong answer
        wrong: dict[int, Sequence[str]] = {}
        text = [
            str(truth[row]) if ok else (wrong.get(row) or wrong.setdefault(row, _wrong(asked, row, truth[row])))[k]
            for row, ok, k in zip(of.tolist(), right.tolist(), which.tolist(), strict=True)
        ]
        if self.student.words:
            at = self._words(self._about(out)[0])
            z = np.random.default_rng([*stream, _key("words")]).standard_normal(len(out)) * ~greedy
            n = np.rint(np.exp(self._state(ask.owner, request.role)[at] + self.student.wordy * z)).astype(int)
            text = [f"{FILLER * k}#### {t}" for k, t in zip(n.tolist(), text, strict=True)]
        logprob = np.log(np.where(right, p, (1 - p) / _choices(out)))
        known = out["answer"].notna().to_numpy() if "answer" in out else np.zeros(len(out), bool)
        return text, logprob, np.where(known, right.astype(float), np.nan)

    def _writer(self, owner: Owner, purpose: str) -> Writer:
        known = self.writers.get(owner[0], {})
        if purpose not in known:
            names = ", ".join([*ANSWERS, *known])
            raise ValueError(
                f"the simulated learner cannot write for purpose={purpose!r}; it knows {names}; "
                "add it to WRITERS in the method's file"
            )
        return known[purpose]

    def _noise(self, stream: tuple[int, ...], out: Rows, of: np.ndarray, sample: np.ndarray) -> np.ndarray:
        """Uniform in [0, 1), keyed by stream, row id, how often the id came before in the request, and sample."""
        keys = np.array([self._key_of(i) for i in out.index], np.uint64)
        if not out.index.is_unique:
            first = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
            again = pd.Series(out.index[first]).groupby(out.index[first]).cumcount().to_numpy()
            keys = keys + again[np.searchsorted(of[first], of)].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        root = np.random.SeedSequence(stream).generate_state(1, np.uint64)[0]
        return (_mix(_mix(keys ^ root) + sample.astype(np.uint64)) >> np.uint64(11)) / 2**53

    def _key_of(self, row: str) -> int:
        key = self._keys.get(row)
        if key is None:
            key = self._keys[row] = _key(row)
        return key

    # -- Score ------------------------------------------------------------------------------------------------------
    def _score(self, ask: Ask, request: Score) -> Answer:
        rows = request.rows
        measures = (request.measure,) if isinstance(request.measure, str) else tuple(request.measure)
        if unknown := [m for m in measures if m not in MEASURES]:
            raise ValueError(f"the simulated learner has no measure {unknown[0]!r}; it knows {', '.join(MEASURES)}")
        token = any(m in ("nll", "entropy") for m in measures)
        if request.per not in ("row", "token") or (request.per == "token" and not token):
            asked = f"Score({measures[0]!r}, per={request.per!r})"
            raise ValueError(f"{asked}; 'nll' and 'entropy' go per 'row' or 'token'")
        if measures == ("options",):
            return self._options(ask, request)
        _, _, p = self._right(ask.owner, request.role, rows)
        learned, right = self._learned(rows) if token else (np.zeros(len(rows), int), None)
        columns = {}
        for m in measures:
            value = self._measured(m, rows, p, right)
            if request.per == "token" and m in ("nll", "entropy"):
                value = [np.full(n, v) for n, v in zip(learned, value, strict=True)]
            columns[m] = pd.Series(value, index=rows.index, dtype=object if isinstance(value, list) else None)
        return Answer(rows[[]].assign(**columns), int((_lengths(rows, said=not token) + learned).sum()))

    def _measured(self, measure: str, rows: Rows, p: np.ndarray, right: np.ndarray | None) -> np.ndarray | list:
        """One measure of each row; "angle": prompts are concentrated as far as they are mastered; "embedding": one-hot
        of the skill, and the difficulty."""
        if measure == "nll":
            return _nll(p, right, _choices(rows))
        if measure == "entropy":
            return _entropy(p, _choices(rows))
        if measure == "angle":
            return p
        skill, hard = self._about(rows)
        known = len(self._mean)
        return list(np.column_stack([np.eye(known)[np.minimum(skill, known - 1)], hard]))

    def _options(self, ask: Ask, request: Score) -> Answer:
        """Log-probabilities with a fixed taste per row and option; the right one is the likeliest with P(right)."""
        rows, seed = request.rows, ask.owner[1]
        _, _, p = self._right(ask.owner, request.role, rows)
        values, texts, tokens = [], [], 0
        for row, options, truth, right in zip(rows.index, rows["options"], self._truth(rows), p, strict=True):
            if not _is_list(options) or truth not in list(options):
                raise ValueError(
                    f"Score('options') of row {row!r}, whose options do not hold its answer; drop such rows"
                )
            gold = list(options).index(truth)
            share = np.full(len(options), (1 - right) / max(1, len(options) - 1))
            share[gold] = right
            u = np.random.default_rng([seed, self._key_of(row)]).random(len(options))
            taste = np.log(share) - np.log(-np.log(u))  # Gumbel: the largest is option k with probability share[k]
            values.append(taste - np.logaddexp.reduce(taste))
            texts.append(str(options[int(taste.argmax())]))
            tokens += sum(_bytes(o) + 1 for o in options)
        columns = {"options": pd.Series(values, index=rows.index, dtype=object), "text": texts}
        return Answer(rows[[]].assign(**columns), tokens + int(_lengths(rows, said=False).sum()))

    # -- Train ------------------------------------------------------------------------------------------------------
    def _train(self, ask: Ask, request: Train) -> Answer:
        rows, role, setting = request.rows, request.role, self.objective(request)
        if role in ("init", "base"):
            raise ValueError(f"Train of {role!r}, which never changes; copy it to another name and train that")
        skill, able, p = self._right(ask.owner, role, rows)
        learned, right = self._learned(rows)
        loss = _nll(p, right, _choices(rows))
        weight = rows["weight"].to_numpy(float) if "weight" in rows else np.ones(len(rows))
        gain = setting.simulated_gain(rows, _Known(able, p, right, partial(self._length_gap, ask, rows, skill)))
        change = weight * gain.ability
        if gain.length is not None:
            skill = np.concatenate([skill, self._words(skill)])
            change = np.concatenate([change, weight * gain.length])
        self._learn(ask.owner, role, skill, change)
        reply = rows.assign(loss=loss, **gain.reply)
        return Answer(reply, int((_lengths(rows, said=False) + learned).sum()), learned=learned)

    def _length_gap(self, ask: Ask, rows: Rows, skill: np.ndarray) -> np.ndarray | None:
        """Log number of words of each row less what the student would write, (rows,); None: it writes bare answers."""
        if not self.student.words:
            return None
        said = np.array([sum(p.text.count(FILLER) for p in turns if p.learn) for turns in rows["turns"]])
        return np.log(np.maximum(said, 0.5)) - self._state(ask.owner, ask.request.role)[self._words(skill)]

    def _learn(self, owner: Owner, role: str, skill: np.ndarray, gain: np.ndarray) -> None:
        ability, first = self._state(owner, role), self._state(owner, "init")
        change = np.bincount(skill, gain, len(ability)) * self.student.rate
        for (
            needing,
            needed,
        ) in self._needs:  # the least mastered prerequisite would do too; the product needs no grouping
            change[needing] /= 1 + np.exp(self._mean[needed] - ability[needed])
        if self.student.forget:
            idle = np.bincount(skill, minlength=len(ability)) == 0
            change -= self.student.forget * (ability - first) * idle
        self._states[owner][role] = ability + change

    def _learned(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Bytes of each row's learned text, and whether that text is right: 1, 0, or NaN where nobody knows."""
        if "turns" not in rows:
            texts = rows["answer"].tolist()
            if "solution" in rows:
                texts = [s if isinstance(s, str) else a for s, a in zip(rows["solution"].tolist(), texts, strict=True)]
            return np.array([_bytes(t) + 1 for t in texts]), np.ones(len(rows))
        pieces = [[piece for piece in turns if piece.learn] for turns in rows["turns"]]
        length = np.array([sum(_bytes(piece.text) + piece.end for piece in said) for said in pieces])
        last = [said[-1].text if said else None for said in pieces]
        return length, verify_rows(rows, last)
