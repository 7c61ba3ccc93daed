"""Is this text a right answer?  verify("5 * 12 = 60\\n#### 60", "60") -> 1.0."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np

from curriculab.protocol import Rows
from curriculab.rewards.registry import Reference, verifier_of
from curriculab.rewards.verifiers.any_task import any_task


def verify(
    text: object,
    answer: object,
    task: str | None = None,
    *,
    metadata: str | None = None,
    options: Sequence[object] | None = None,
) -> float:
    """Worth of a text as an answer; 1 is right.

    Parameters
    ----------
    text : str
        What was written. Anything but a string is worth 0.
    answer : object
        The right answer; None or NaN where there is none.
    task : str, optional
        Name of the verifier, which decides what is compared with the answer:

        - None (or NaN): the one that the right answer asks for, see `kind_of`: "choice" where there are options, else
          "number", "math" or "text".
        - "number": the same number, however it is written, compared exactly; percent signs and units may be left out,
          another unit is wrong. Where nothing marks the answer, the last number of the text counts.
        - "text": the same words; case, Markdown and punctuation around them do not count.
        - "choice": the answer among `options`, by the right option's text or its letter ("(B)", "b.", "B) Paris"),
          where it names no other.
        - "math": as a number, else as LaTeX through math-verify.
        - "ladder", "clinic": the whole text, up to white space.
        - "rules", "ifeval": the share of the rules in `metadata` that the text meets, NaN without any; see `rules_met`.
        - "gym:<name>": `score_answer` of that task of reasoning-gym, which reads `metadata` and may give part of the
          points; the published answer itself is always worth 1.

        All but "ladder", "clinic", "rules" and "ifeval" look for the answer as `final` does: the last of
        <answer></answer>, \\boxed{}, "####" and "answer is" or "answer:" counts, thoughts and what follows on
        "Question:" are left out, and an answer that names several ("A or B", "17 or 18") is none.

        "math" and "gym:" run in a process of their own and are given 3 s of the processor. What a limit cuts off is
        worth 0; see `limits` and `judging`. Other packages add tasks through the entry points "curriculab.verifiers".
    metadata : str, optional
        JSON, as load_pool keeps it.
    options : sequence of str, optional
        The texts to choose from.

    Returns
    -------
    float
        In [0, 1]; NaN without an answer.

    Raises
    ------
    ValueError
        For an unknown task.

    Examples
    --------
    >>> import curriculab as cl
    >>> cl.rewards.verify("She has 5 * 12 = 60 eggs.\\n#### 60", "60")
    1.0
    >>> cl.rewards.verify("The answer is (B).", "Paris", "choice", options=["Rome", "Paris"])
    1.0
    >>> cl.rewards.verify("the answer is 3", "3", "ladder")
    0.0
    """
    judge = any_task if task is None or task != task else verifier_of(task)
    if answer is None or answer != answer:
        return float("nan")
    if not isinstance(text, str):
        return 0.0
    worth = float(judge(text, Reference(str(answer), task, metadata, options)))
    if not (0 <= worth <= 1 or worth != worth):
        raise ValueError(f"the verifier of {task!r} gave {worth:g}; what an answer is worth lies in [0, 1], or is NaN")
    return worth


def verify_rows(rows: Rows, texts: Sequence[object]) -> np.ndarray:
    """`verify` for one text per row.

    Parameters
    ----------
    rows : pd.DataFrame
        Reads the columns answer, task, metadata and options where they exist.
    texts : sequence
        One text per row, (rows,).

    Returns
    -------
    np.ndarray
        (rows,), each in [0, 1], NaN where a row has no answer.

    Raises
    ------
    ValueError
        For another number of texts than rows, and as `verify`.

    Examples
    --------
    >>> import pandas as pd
    >>> import curriculab as cl
    >>> rows = pd.DataFrame({"answer": ["77", "12"], "task": ["ladder", None]}, index=["a", "b"])
    >>> cl.rewards.verify_rows(rows, ["77", "it makes 13"])
    array([1., 0.])
    """
    if len(texts) != len(rows):
        raise ValueError(f"{len(texts)} texts for {len(rows)} rows; give one per row")
    names = ("answer", "task", "metadata", "options")
    columns = [rows[name].tolist() if name in rows else repeat(None, len(rows)) for name in names]
    worth = [verify(t, a, k, metadata=m, options=o) for t, a, k, m, o in zip(texts, *columns, strict=True)]
    return np.array(worth, dtype=float)
