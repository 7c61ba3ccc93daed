"""How variants are tested: the default solver, the tests of a variant at a share of its progress, and their grading."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from curriculab.bench.job import Job, as_generator
from curriculab.bench.overlap import TestRows
from curriculab.protocol import Request, Rows, Sample, Score, Train
from curriculab.rewards import verify_rows

# A test may take so many times the characters, and longest answers, of its rows: votes and searches do.
EVALUATION_WORK = 200
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


@dataclass(eq=False)
class Evaluations:
    """The test rows of a bench, and when each variant is tested on them.

    tests: rows everybody is tested on (None: no tests); shares: at which shares of a variant's own progress;
    max_completion_length: tokens of the longest answer a model may give.
    """

    tests: Rows | None
    shares: Sequence[float]
    max_completion_length: int = 0
    # By seed, what the test of the common start came to: items, ledger lines, number of evaluations.
    start: dict[int, tuple[list, list, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._without_answers, self._test_rows = None, None
        if self.tests is not None:
            hidden = [c for c in ("answer", "solution") if c in self.tests]
            self._without_answers = self.tests.drop(columns=hidden)

    def due(self) -> list[float]:
        """Shares of progress at which a variant that begins is to be tested."""
        return sorted(self.shares) if self.tests is not None else []

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
        columns = [c for c in ("prompt", "answer") if c in self.tests]
        characters = sum(len(str(text)) for column in columns for text in self.tests[column])
        return max(max_total_tokens or 0, EVALUATION_WORK * (characters + self.max_completion_length * len(self.tests)))

    def open(self, job: Job, share: float) -> list[Job]:
        """Jobs that test one variant at one share, a job for each of its solvers."""
        opened = []
        index = list(self.shares).index(share) if share in self.shares else 0
        for number, (name, solve) in enumerate((job.solvers or {"direct": direct}).items()):
            rows = self.tests.copy() if job.with_answers else self._without_answers.copy()
            job.evaluated += 1
            evaluation = Job(
                f"{job.variant}@{share:g}/{name}",
                job.seed,
                _solving(solve, rows, name),
                job.run,
                (job.seed, EVALUATION_STREAM, index, number),
                parent=job,
                evaluation=job.evaluated,
                share=share,
                solver=name,
            )
            job.evaluations.append(evaluation)
            opened.append(evaluation)
        return opened

    def finish(self, evaluation: Job) -> None:
        """Record a finished test with its variant; a test that fails ends its variant."""
        job = evaluation.parent
        job.evaluations.remove(evaluation)
        if not evaluation.failed:
            try:
                correct = grade(evaluation.result, self.tests, solver=evaluation.solver)
                job.items.append(_item(job, evaluation, correct))
                return
            except Exception as error:
                evaluation.ended = f"failed: {type(error).__name__}: {error}"
        if evaluation.share == 0.0 and not job.solvers:  # the start is everybody's
            raise RuntimeError(f"the start of {job.variant!r} could not be tested: {evaluation.ended}")
        job.event("test failed", solver=evaluation.solver, share=evaluation.share, why=evaluation.ended)
        job.close(f"{evaluation.ended} (solver {evaluation.solver!r})")

    def keep_start(self, jobs: Sequence[Job]) -> None:
        """Remember what the first variant of each seed came to at the start: all variants of a seed start equal."""
        self.start = {job.seed: (job.items, job.ledger, job.evaluated) for job in jobs}

    def take_start(self, job: Job) -> None:
        """Give a variant the start's test that was recorded for its seed."""
        if job.seed in self.start:
            job.due.remove(0.0)
            items, ledger, job.evaluated = self.start[job.seed]
            job.items, job.ledger = list(items), list(ledger)


def _item(job: Job, evaluation: Job, correct: np.ndarray) -> dict[str, object]:
    """One evaluation of a variant: where it stood, and what each test row came to, `correct` (tests,)."""
    spent = job.spent
    return {
        "step": job.run.step,
        "progress": job.run.progress,
        "share": evaluation.share,
        "solver": evaluation.solver,
        "gold": job.with_answers,
        "correct": correct,
        "tokens": spent.tokens,
        "rollouts": spent.rollouts,
        "generated": spent.generated,
        "seconds": spent.seconds,
    }


def _solving(solve: Callable[[Rows], Generator], rows: Rows, name: str) -> Generator:
    """A solver's generator; whatever is wrong with the solver comes up when it is advanced, inside its test."""
    return (yield from as_generator(solve(rows), name))


def grade(answers: object, tests: Rows, *, solver: str = "direct") -> np.ndarray:
    """Share of a row's answers that the verifier accepts, (tests,); a row nobody answered counts 0."""
    if not isinstance(answers, pd.DataFrame) or "text" not in answers:
        raise ValueError(
            f"the solver {solver!r} returned {type(answers).__name__}; it returns answered rows with a column 'text'"
        )
    strangers = answers.index[~answers.index.isin(tests.index)]
    if len(strangers):
        raise ValueError(f"the solver {solver!r} answered {strangers[0]!r}, which is no test row; keep the rows' ids")
    right = verify_rows(tests.loc[answers.index], answers["text"].tolist())
    shares = pd.Series(right, index=answers.index, dtype=float).groupby(level=0).mean()
    return shares.reindex(tests.index, fill_value=0.0).to_numpy()
