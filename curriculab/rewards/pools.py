"""A pool checked against itself: who judges its answers, and whether each row's own answer passes.

judging_of(pool).line    # "train: 7,473 answers are judged as numbers"
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from curriculab.protocol import Rows
from curriculab.rewards.cutoffs import SETTINGS
from curriculab.rewards.golds import kind_of
from curriculab.rewards.verification import verify
from curriculab.rewards.verifiers.any_task import has_options

AS = {
    "number": "numbers",
    "latex": "mathematics (LaTeX)",
    "text": "words",
    "code": "words, though they look like code, which nothing here runs",
    "option": "options",
}
CHECKED = 2000  # rows, evenly over the pool, whose own answers are judged
SHOWN = 60  # characters of an answer that is shown


@dataclass(frozen=True)
class Judging:
    """Who judges the answers of a pool, and what they say of the pool's own.

    Parameters
    ----------
    rows : int
        With an answer.
    kinds : mapping of str to int
        Rows without a task, by what their right answers are ("number", "latex", "option", "text", "code"), by which
        their verifier is chosen.
    tasks : mapping of str to int
        Rows that name a task, by its name.
    checked : int
        Rows whose own answers were judged.
    wrong_answers, wrong_solutions : tuple of str
        Ids of rows whose own answer, or published solution, is judged wrong.
    example : str
        Answer of the first of them, cut to 60 characters.
    tolerance : float
        Relative difference up to which two numbers that are no fractions are the same.

    Examples
    --------
    >>> found = cl.rewards.judging_of(cl.load_pool("ladder", n=8, seed=0))
    >>> found.line, found.problem  # every row's own answer is judged right
    ('8 answers are judged by the task ladder', '')
    """

    rows: int
    kinds: dict[str, int]
    tasks: dict[str, int]
    checked: int
    wrong_answers: tuple[str, ...]
    wrong_solutions: tuple[str, ...]
    example: str
    tolerance: float

    @property
    def line(self) -> str:
        """Who judges, in one line."""
        parts = [f"{n:,} answers are judged as {AS[kind]}" for kind, n in self.kinds.items()]
        parts += [f"{n:,} answers are judged by the task {task}" for task, n in self.tasks.items()]
        return "; ".join(parts) or "no answers are judged"

    @property
    def problem(self) -> str:
        """What is wrong with the pool's own answers, in one line; nothing where nothing is."""
        found = []
        for ids, what in ((self.wrong_answers, "answer"), (self.wrong_solutions, "solution")):
            if ids:
                found.append(f"{len(ids):,} of {self.checked:,} rows judge their own {what} wrong, such as {ids[0]!r}")
        if not found:
            return ""
        hint = "name another verifier in a column `task`, or map the answers with columns="
        return f"{'; '.join(found)} (answer {self.example!r}); {hint}"

    def record(self) -> dict[str, object]:
        """What a run records of it.

        Examples
        --------
        >>> cl.rewards.judging_of(cl.load_pool("ladder", n=8, seed=0)).record()["own_judged_wrong"]
        {'answers': 0, 'solutions': 0}
        """
        wrong = {"answers": len(self.wrong_answers), "solutions": len(self.wrong_solutions)}
        return {
            "kinds": dict(self.kinds),
            "tasks": dict(self.tasks),
            "tolerance": self.tolerance,
            "checked": self.checked,
            "own_judged_wrong": wrong,
        }


def judging_of(pool: Rows) -> Judging:
    """Tell who judges the answers of a pool, and judge its own answers and solutions.

    A solution is judged where the row names no task, or one of "number", "math", "text", "choice": those that look for
    the answer within a text. Of a large pool 2,000 rows are judged, evenly over
    it. Text to study, whose prompt is empty, answers nothing and is left out.

    Parameters
    ----------
    pool : pd.DataFrame
        Reads the columns answer, solution, task, metadata and options where they exist.

    Returns
    -------
    Judging

    Raises
    ------
    ValueError
        For an unknown task.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["6 * 7?", "Capital of Italy?"], "answer": ["42", "Rome"]}, index=["a", "b"])
    >>> found = cl.rewards.judging_of(pool)
    >>> found.line, found.problem
    ('1 answers are judged as numbers; 1 answers are judged as words', '')
    """
    names = ("answer", "task", "options", "metadata", "solution")
    rows = pd.DataFrame({n: pool[n] if n in pool else None for n in names}, index=pool.index, dtype=object)
    asked = pool["prompt"].ne("") if "prompt" in pool else True
    rows = rows[rows["answer"].notna() & asked]
    kinds: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    for row in rows.itertuples():
        if isinstance(row.task, str):
            tasks[row.task] += 1
        else:
            kinds["option" if has_options(row.options) else kind_of(str(row.answer))] += 1
    part = rows.iloc[:: -(-len(rows) // CHECKED) or 1]
    wrong: dict[str, list[str]] = {"answer": [], "solution": []}
    for row in part.itertuples():
        task = row.task if isinstance(row.task, str) else None
        how = {"metadata": row.metadata if isinstance(row.metadata, str) else None, "options": row.options}
        for name, text in (("answer", row.answer), ("solution", row.solution)):
            if name == "solution" and (not isinstance(text, str) or task not in SEARCHING):
                continue
            if task not in WITHOUT_TEXT and verify(str(text), row.answer, task, **how) < 1:
                wrong[name].append(str(row.Index))
    first = next(iter(wrong["answer"] + wrong["solution"]), None)
    example = "" if first is None else str(rows["answer"][rows.index.astype(str) == first].iloc[0])[:SHOWN]
    return Judging(
        len(rows),
        dict(kinds),
        dict(tasks),
        len(part),
        tuple(wrong["answer"]),
        tuple(wrong["solution"]),
        example,
        SETTINGS["tolerance"],
    )


WITHOUT_TEXT = ("ifeval",)  # tasks that have no right text, only rules for one
SEARCHING = (None, "number", "math", "text", "choice")  # verifiers that look for the answer within a text
