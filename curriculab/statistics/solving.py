"""What a verdict has to say of how a variant's own solver came to its answers.

spec["solvers"] = {"vote": {"reduce": "majority", "rows": 300, "answers": {"learner": 4800}, ...}} of the records ->
["beside 40 of 300 test rows the solver 'vote' of easy first put words of its own, such as 'It is 7', ..."].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from curriculab.runs import Runs


def solver_notes(runs: Runs) -> list[str]:
    """By variant and solver, who else spoke in its tests, and what stood beside the rows' prompts; of its last seed.

    Examples
    --------
    >>> from curriculab.statistics.solving import solver_notes
    >>> pool = cl.load_pool("ladder", n=8, seed=0)
    >>> def base(rows):
    ...     return (yield cl.Sample(rows, role="base", temperature=0.0))
    >>> def method(pool, run):
    ...     yield cl.Use({"base": base}, roles=("base",))
    ...     yield cl.Train(pool)
    >>> solver_notes(cl.simulate(method, pool, tests=pool, steps=1, batch_size=4))
    ["in the tests of method by the solver 'base', base wrote 8 of 8 answers"]
    """
    found: dict[tuple[str, str], list[str]] = {}
    for record in runs.records:
        for solver, about in record.spec.get("solvers", {}).items():
            texts = list(_sentences(about))
            if texts:
                found[record.key[0], solver] = texts
    return [f"in the tests of {v} by the solver {s!r}, {'; '.join(texts)}" for (v, s), texts in found.items()]


def _sentences(about: Mapping) -> Iterator[str]:
    rows, answers = about["rows"], about["answers"]
    whole = sum(answers.values())
    for role, count in answers.items():
        if role != "learner":
            yield f"{role} wrote {count:,} of {whole:,} answers"
    for name, count in about.get("declared", {}).items():
        yield f"{name} added words beside {count:,} of {rows:,} test rows"
    for name, count in about.get("written_before", {}).items():
        role = name.split(", ")[0]
        if role == "learner" and 0 < count < rows:
            yield f"{count:,} of {rows:,} rows were answered again after a first answer, chosen by the solver"
        elif role != "learner":
            yield f"text of {role} stood beside {count:,} of {rows:,} test rows"
    if shown := about.get("training_rows"):
        yield f"{shown['count']:,} training rows were shown beside {shown['beside']:,} of {rows:,} test rows"
    if own := about.get("undeclared"):
        yield (
            f"beside {own['beside']:,} of {rows:,} test rows stood words that differ between rows (such as "
            f"{own['such_as']!r}), added by the solver, source not declared"
        )
