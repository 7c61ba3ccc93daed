"""The rows of a bench: to train on, to validate on and to test on, apart from each other."""

from __future__ import annotations

from collections.abc import Sequence

from curriculab.bench.evaluation import Validation
from curriculab.bench.overlap import LENGTH, SHARE, TestRows
from curriculab.data.splitting import hold_back
from curriculab.data.validation import validate
from curriculab.protocol import Rows
from curriculab.registry.warning import warn


def validation_of(
    valid: Rows | float | None, test_at: Sequence[float], *, train: Rows, test: Rows
) -> tuple[Rows, Validation | None]:
    """Rows to train on, and rows to validate on that are neither trained nor tested, with the shares at which test rows
    are read all the same; the end is always among these."""
    if not all(isinstance(at, int | float) and 0 <= at <= 1 for at in test_at):
        raise ValueError(f"test_at={test_at!r}; give shares of the budget between 0 and 1, such as (0, 1)")
    if valid is None:
        return train, None
    whole = 0
    if isinstance(valid, float):
        if not 0 < valid < 1:
            raise ValueError(f"valid={valid!r}; give rows, a share of the training rows above 0 and below 1, or None")
        whole = len(train)
        train, valid = hold_back(train, valid)
        if valid.empty:
            return train, None
    else:
        valid = validate(valid, "valid").copy()
        refuse_leaks(train, valid, "train", "valid")
    refuse_leaks(valid, test, "valid", "test")
    return train, Validation(valid, tuple(sorted({*map(float, test_at), 1.0})), whole)


def refuse_leaks(train: Rows, test: Rows, trained: str, tested: str) -> None:
    """Refuse a row of both pools; warn of test rows that repeat a training row."""
    both = train.index.intersection(test.index)
    if len(both):
        raise ValueError(
            f"{len(both)} rows are in {trained} and in {tested}, such as {both[0]!r}; use cl.split(pool, test=...)"
        )
    known = set(zip(train.prompt, train.answer, strict=True))
    texts = zip(test.index, test.prompt, test.answer, strict=True)
    same = [row for row, prompt, answer in texts if (prompt, answer) in known]
    if same:
        names = {"train": "training", "test": "test", "valid": "validation"}
        repeat = _rows_repeat(len(same), names[tested])
        warn(f"{repeat} a {names[trained]} row word for word, such as {same[0]!r}")


def _rows_repeat(count: int, kind: str) -> str:
    return f"1 {kind} row repeats" if count == 1 else f"{count} {kind} rows repeat"


def twins_of(train: Rows, test: Rows) -> dict[str, object]:
    """How many test rows the split has among the training rows too, by the same prompt ("same") or nearly so; told
    once, of the split, since what a variant trains as it stands there is not counted against the variant."""
    found = TestRows(test).find(train, None, 0)
    same = {one.test for one in found if one.kind == "same"}
    near = {one.test for one in found} - same
    texts = set(zip(train.prompt, train.answer, strict=True))
    told = {row for row, *text in zip(test.index, test.prompt, test.answer, strict=True) if tuple(text) in texts}
    other = [one for one in found if one.test not in told]
    if other:
        first, count = other[0], len({one.test for one in other})
        warn(
            f"{_rows_repeat(count, 'test')} a training row in another spelling, with another answer, or nearly (at "
            f"least {SHARE:.0%} of a row's sequences of {LENGTH} words), such as {first.test!r} and {first.trained!r}; "
            "leave them out with train.drop(...), accuracies are not those of rows that no variant has seen"
        )
    return {"same": len(same), "near": len(near), "share": SHARE, "words": LENGTH}
