"""How variants are tested: the default solver, the tests of a variant at a share of its progress, and their grading."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd

from curriculab.bench.grading import grade, reducer_name
from curriculab.bench.job import Job, as_generator
from curriculab.bench.overlap import TestRows
from curriculab.bench.provenance import Provenance, TrainingTexts
from curriculab.bench.row_costs import RowCosts
from curriculab.protocol import Request, Rows, Sample, Score, Train, Use
from curriculab.runs import digest_of_table

# A test may take so many times the characters, and longest answers, of its rows: votes and searches do.
EVALUATION_WORK = 200
GOLD = ("answer", "solution")
SHOWN = ("prompt", "options", "level", "topic", "task")  # columns that a method's solver sees without naming them
AT_THE_ENDS = (0.0, 1.0)  # shares at which test rows are read where nobody says another
EVALUATION_STREAM = 1_000_003  # separates the noise of tests from that of training; any fixed number does


def direct(rows: Rows) -> Generator:
    """The default test: the likeliest option where there are options, else one greedy answer."""
    if "options" not in rows:
        return (yield Sample(rows, temperature=0.0, purpose="test"))
    choice = rows.options.map(lambda o: isinstance(o, list | tuple | np.ndarray)).to_numpy(bool)
    parts = []
    if choice.any():
        parts.append((yield Score(rows[choice], "options", purpose="test")))
    if not choice.all():
        parts.append((yield Sample(rows[~choice], temperature=0.0, purpose="test")))
    return pd.concat(parts)


@dataclass(frozen=True, eq=False)
class Validation:
    """Rows that are read as training goes on, so that test rows are read only where that was said before the start.

    rows: as test rows are; test_at: shares of a variant's progress at which the test rows are read too; of: how many
    training rows they were kept back from, 0 where they were given.
    """

    rows: Rows
    test_at: Sequence[float] = AT_THE_ENDS
    of: int = 0

    @cached_property
    def about(self) -> dict[str, object]:
        """What names the rows, and when test rows are read, in a record."""
        return {"rows": len(self.rows), "digest": digest_of_table(self.rows), "test_at": list(self.test_at)}


@dataclass(eq=False)
class Evaluations:
    """The test rows of a bench, and when each variant is tested on them.

    tests: rows everybody is tested on (None: no tests); shares: at which shares of a variant's own budget, set-up
    included; max_completion_length: tokens of the longest answer a model may give; validation: rows that are read at
    these shares in their place.
    """

    tests: Rows | None
    shares: Sequence[float]
    max_completion_length: int = 0
    validation: Validation | None = None
    # By seed, what the test of the common start came to: items, those of validation, ledger lines, number of tests.
    start: dict[int, tuple[list, list, list, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._test_rows: TestRows | None = None
        self._training: tuple[Rows | None, TrainingTexts] | None = None  # the rows that they are of, and their texts

    def due(self) -> list[float]:
        """Shares of the budget at which a variant that begins is to be tested."""
        return sorted({*self.shares, *self._test_at}) if self.tests is not None else []

    @property
    def _test_at(self) -> Sequence[float]:
        return self.validation.test_at if self.validation else ()

    def _parts(self, share: float) -> dict[str, Rows]:
        """The rows that are read at a share, by the table of the record that they go into."""
        if self.validation is None:
            return {"items": self.tests}
        named = any(np.isclose(share, at) for at in self._test_at)
        return {"validation": self.validation.rows, **({"items": self.tests} if named else {})}

    def look_for_tests(self, job: Job, request: Request, reply: Rows | None) -> None:
        """Note which test rows are in what a variant trained."""
        if self.tests is None or not isinstance(request, Train):
            return
        if self._test_rows is None:
            self._test_rows = TestRows(self.tests)
        job.overlap += self._test_rows.find(reply, job.pool, job.run.step)

    @property
    def tests_the_start(self) -> bool:
        return self.tests is not None and 0.0 in self.shares

    def ceiling(self, max_total_tokens: int | None) -> int:
        """Tokens that one test may take; max_total_tokens: the budget's own ceiling."""
        parts = [self.tests, *([self.validation.rows] if self.validation else [])]
        work = max(_characters(rows) + self.max_completion_length * len(rows) for rows in parts)
        return max(max_total_tokens or 0, EVALUATION_WORK * work)

    def open(self, job: Job, share: float) -> list[Job]:
        """Jobs that test one variant at one share, a job for each of its solvers."""
        opened = []
        index = list(self.shares).index(share) if share in self.shares else 0
        solvers = enumerate(self._solvers(job).items())
        for (number, (name, solve)), (table, rows) in product(solvers, self._parts(share).items()):
            job.evaluated += 1
            evaluation = Job(
                f"{job.variant}@{share:g}/{name}",
                job.seed,
                _solving(solve, _shown(rows, job.use, name), name),
                job.run,
                (job.seed, EVALUATION_STREAM, index, number, *([1] if table == "validation" else [])),
                parent=job,
                evaluation=job.evaluated,
                share=share,
                solver=name,
                provenance=Provenance(name, rows, self._training_texts(job.pool)),
                row_costs=RowCosts(rows.index),
                table=table,
            )
            job.evaluations.append(evaluation)
            opened.append(evaluation)
        return opened

    def _solvers(self, job: Job) -> Mapping[str, Callable[[Rows], Generator]]:
        return job.use.solvers if job.use and job.use.solvers else {"direct": direct}

    def _training_texts(self, pool: Rows | None) -> TrainingTexts:
        """The texts of a variant's training rows; those of a bench have them in common."""
        if self._training is None or self._training[0] is not pool:
            self._training = pool, TrainingTexts(pool if pool is not None else self.tests.iloc[:0])
        return self._training[1]

    def finish(self, evaluation: Job) -> None:
        """Record a finished test with its variant; a test that fails ends its variant."""
        job = evaluation.parent
        job.evaluations.remove(evaluation)
        if not evaluation.failed:
            try:
                reduce = job.use.reduce if job.use else None
                rows = self._parts(evaluation.share)[evaluation.table]
                correct = grade(evaluation.result, rows, evaluation.provenance, reduce=reduce)
                found = job.items if evaluation.table == "items" else job.validation
                found.append(_item(job, evaluation, correct))
                if job.use and evaluation.table == "items":
                    job.solved[evaluation.solver] = _solved(job.use, evaluation.solver, evaluation.provenance)
                return
            except Exception as error:
                evaluation.ended = f"failed: {type(error).__name__}: {error}"
        if evaluation.share == 0.0 and not job.use:  # the start is everybody's
            raise RuntimeError(f"the start of {job.variant!r} could not be tested: {evaluation.ended}")
        job.event("test failed", solver=evaluation.solver, share=evaluation.share, why=evaluation.ended)
        job.traceback = evaluation.traceback
        job.close(f"{evaluation.ended} (solver {evaluation.solver!r})")

    def keep_start(self, jobs: Sequence[Job]) -> None:
        """Remember what the first variant of each seed came to at the start: all variants of a seed start equal."""
        self.start = {job.seed: (job.items, job.validation, job.ledger, job.evaluated) for job in jobs}

    def take_start(self, job: Job) -> None:
        """Give a variant the start's test that was recorded for its seed."""
        if job.seed in self.start:
            job.due.remove(0.0)
            items, validation, ledger, job.evaluated = self.start[job.seed]
            job.items, job.validation, job.ledger = list(items), list(validation), list(ledger)


def _sees_answers(use: Use | None, solver: str) -> bool:
    """Is a solver given the answers? `Use(with_answers=)` says so for all, or names those that are."""
    if use is None or isinstance(use.with_answers, bool):
        return use is not None and use.with_answers
    return solver in use.with_answers


def _shown(rows: Rows, use: Use | None, solver: str) -> Rows:
    """Test rows as a solver gets them: columns that may say what is right only where `Use` names them."""
    if _sees_answers(use, solver):
        return rows.copy()
    if use is None:
        return rows.drop(columns=[c for c in GOLD if c in rows])
    named = {*SHOWN, *use.columns} - {*GOLD}
    return rows[[c for c in rows if c in named]].copy()


def _characters(rows: Rows) -> int:
    columns = [c for c in ("prompt", "answer") if c in rows]
    return sum(len(str(text)) for column in columns for text in rows[column])


def _item(job: Job, evaluation: Job, correct: np.ndarray) -> dict[str, object]:
    """One evaluation of a variant: where it stood, and what each test row came to, `correct` (tests,)."""
    spent = job.spent
    return {
        "step": job.run.step,
        "progress": job.run.spent,
        "share": evaluation.share,
        "solver": evaluation.solver,
        "gold": _sees_answers(job.use, evaluation.solver),
        "correct": correct,
        "test_tokens": evaluation.row_costs.tokens,
        "test_generated": evaluation.row_costs.generated,
        "tokens": spent.tokens,
        "rollouts": spent.rollouts,
        "generated": spent.generated,
        "seconds": spent.seconds,
    }


def _solved(use: Use, solver: str, provenance: Provenance) -> dict[str, object]:
    """How a solver of a method's own came to its answers, for the record; of its last test."""
    named = {"columns": list(use.columns), "roles": list(use.roles)}
    named = {name: listed for name, listed in named.items() if listed}
    about = {"reduce": reducer_name(use.reduce), "with_answers": _sees_answers(use, solver)}
    return {**about, **named, **provenance.summary()}


def _solving(solve: Callable[[Rows], Generator], rows: Rows, name: str) -> Generator:
    """A solver's generator; whatever is wrong with the solver comes up when it is advanced, inside its test."""
    return (yield from as_generator(solve(rows), name))
