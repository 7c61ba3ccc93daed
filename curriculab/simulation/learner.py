"""A learner without a model: a student after item response theory that learns, forgets and needs prerequisites.

simulate(cl.methods.easy_to_hard, pool, steps=100, batch_size=8) gives the tables of a bench in a fraction of a second.
One concrete student: ability -1 in "add"; a row of difficulty 0 there is answered right with p = 1/(1 + e) = .27, and
training it once raises the ability by rate * 4 p (1 - p) = .04. It shows that a method runs, replays and draws what it
should; whether it teaches a model, only a model can show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from curriculab.objectives.objective import Objective
from curriculab.objectives.sft import Sft
from curriculab.protocol import Answer, Ask, Copy, Owner, Rows, Sample, Score, Train
from curriculab.registry.digests import digest_of
from curriculab.registry.fingerprint import describe, modules
from curriculab.simulation.abilities import Abilities
from curriculab.simulation.knowledge import Knowledge
from curriculab.simulation.rows import context_bytes, learned_text
from curriculab.simulation.scoring import score
from curriculab.simulation.student import Student
from curriculab.simulation.training import train
from curriculab.simulation.writing import Writer, sample


def _digest(made_of: list, kind: type) -> str:
    """What decides the answers of a learner, whatever it has learned since; a bench keeps it beside runs."""
    return digest_of({"made of": describe(made_of), "code": modules(kind)})


class SimulatedLearner:
    """Backend of simulated students, which start alike and are told apart by (variant and seed, role).

    Tokens are bytes: prompt, turns and answer, and one for each end. Of an objective's settings only what it says that
    the student makes of a row (`simulated_gain`) counts: under Sft the student learns right texts and unlearns wrong
    ones, under Grpo it moves along advantage * (right - p).

    Parameters
    ----------
    student : Student
        How the students learn.
    *tables : pd.DataFrame
        Rows whose skill, difficulty and answer they know by id. Other rows bring their own columns or known `parents`.
    objective : callable
        Gives the objective of a Train.
    writers : mapping, optional
        By variant and purpose, functions that write other texts than answers: (rows, rng) -> one text a row.

    Examples
    --------
    >>> from curriculab.simulation.pools import planted
    >>> pool, student = planted({"easy": 0.9, "hard": 0.1})
    >>> learner = cl.simulation.SimulatedLearner(student, pool)
    >>> request = cl.Score(pool.iloc[[0, 40]], "angle")
    >>> ask = cl.protocol.Ask(("a variant", 0), turn=1, place=0, stream=(0, 1, 0), request=request)
    >>> learner.answer([ask])[0].reply["angle"].round(2).tolist()  # the probability of a right answer
    [0.9, 0.1]
    """

    def __init__(
        self,
        student: Student,
        *tables: Rows,
        objective: Callable[[Train], Objective] = lambda request: Sft(),
        writers: Mapping[str, Mapping[str, Writer]] | None = None,
    ) -> None:
        self._abilities = Abilities(Knowledge(student, tables))
        self._objective, self._writers = objective, dict(writers or {})
        self.digest = partial(_digest, [student, tables, objective, self._writers], type(self))  # decides its answers

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Exception]:
        """Give one Answer per ask, or the exception that its request raised.

        Parameters
        ----------
        asks : sequence of Ask
            Who asks what.

        Returns
        -------
        list of Answer or Exception
            In the order of the asks.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> learner = cl.simulation.SimulatedLearner(cl.simulation.Student(), rows)
        >>> ask = cl.protocol.Ask(("a variant", 0), turn=1, place=0, stream=(0, 1, 0), request=cl.Score(rows, "nll"))
        >>> learner.answer([ask])[0].reply.columns.tolist()
        ['nll']
        """
        answers: list[Answer | Exception] = []
        for ask in asks:
            try:
                answers.append(self._answer(ask))
            except Exception as error:
                answers.append(error)
        return answers

    def _answer(self, ask: Ask) -> Answer:
        match ask.request:
            case Sample():
                return sample(self._abilities, ask, self._writers.get(ask.owner[0], {}))
            case Score():
                return score(self._abilities, ask)
            case Train():
                return train(self._abilities, ask, self._objective(ask.request))
            case Copy():
                self._abilities.copy(ask.owner, ask.request)
                return Answer(None)
        raise TypeError(f"a simulated learner answers Sample, Score, Train and Copy, not {type(ask.request).__name__}")

    def lengths(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Count the tokens (bytes) of each row.

        Parameters
        ----------
        rows : pd.DataFrame
            With `prompt` and `answer`.

        Returns
        -------
        sent, learned : np.ndarray, (rows,)
            Tokens that training sends through the learner, and those among them that it learns.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> cl.simulation.SimulatedLearner(cl.simulation.Student(), rows).lengths(rows)
        (array([8]), array([2]))
        """
        learned, _ = learned_text(rows)
        return context_bytes(rows, learned=False) + learned, learned

    def ability(self, owner: Owner, role: str = "learner") -> pd.Series:
        """Copy the abilities of one student.

        Parameters
        ----------
        owner : tuple of str and int
            Variant and seed.
        role : str
            "learner", "init", or what a Copy made.

        Returns
        -------
        pd.Series
            Logits, by skill.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"], "topic": ["add"]}, index=["a"])
        >>> learner = cl.simulation.SimulatedLearner(cl.simulation.Student(start=-1.0, varies=0.0), rows)
        >>> learner.ability(("a variant", 0)).to_dict()
        {'add': -1.0}
        """
        return self._abilities.table(owner, role)

    def start(self, owners: Sequence[Owner]) -> None:
        """Let these owners begin anew, with the abilities of their seed.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> learner = cl.simulation.SimulatedLearner(cl.simulation.Student(), rows)
        >>> learner.start([("a variant", 0)])
        """
        self._abilities.start(owners)

    def save(self, folder: Path) -> None:
        """Write the abilities of all owners into a folder, for `load`.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> from pathlib import Path
        >>> cl.simulation.SimulatedLearner(cl.simulation.Student(), rows).save(Path("."))
        >>> Path("abilities.json").exists()
        True
        """
        self._abilities.save(folder / "abilities.json")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote, in place of all owners.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> from pathlib import Path
        >>> learner = cl.simulation.SimulatedLearner(cl.simulation.Student(), rows)
        >>> learner.save(Path("."))
        >>> learner.load(Path("."))
        """
        self._abilities.load(folder / "abilities.json")

    def fork(self, parent: Owner, child: Owner, folder: Path | None = None) -> None:
        """Let `child` begin with the abilities that `parent` has now.

        Parameters
        ----------
        parent, child : tuple of str and int
            Variants and seeds.
        folder : None
            A student forks from where it is now only.

        Raises
        ------
        ValueError
            Where a folder is given.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> learner = cl.simulation.SimulatedLearner(cl.simulation.Student(), rows)
        >>> learner.fork(("a variant", 0), ("its branch", 0))
        """
        if folder is not None:
            raise ValueError("a simulated student forks from where it is now only")
        self._abilities.fork(parent, child)

    def export(self, owner: Owner, folder: Path) -> None:
        """Write nothing: a simulated student has no adapter.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> from pathlib import Path
        >>> cl.simulation.SimulatedLearner(cl.simulation.Student(), rows).export(("a variant", 0), Path("adapter"))
        """

    def limit(self, tokens: int) -> None:
        """Limit nothing: a simulated student has no forward pass.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> cl.simulation.SimulatedLearner(cl.simulation.Student(), rows).limit(1024)
        """

    def drain_halvings(self) -> list[int]:
        """Return no limits: a simulated student does not run out of memory.

        Examples
        --------
        >>> rows = pd.DataFrame({"prompt": ["1 + 1"], "answer": ["2"]}, index=["a"])
        >>> cl.simulation.SimulatedLearner(cl.simulation.Student(), rows).drain_halvings()
        []
        """
        return []
