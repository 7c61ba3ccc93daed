"""The same questions in other forms: with options, as yes or no, with a part of the answer, restated, with a hint.

    cl.data.to_choice(pool, 4, seed=0)      # "add 25 + 60" with the options 85, 58, 91, 47; the answer stays "85"

A form is a function of a table of rows. It makes one row of each, whose answer is right again and whose `parents` name
the row that it came from. Needs no model; the same seed gives the same rows. Chains of rows are in chains.py.

Wrong options are made in distractors.py, such that what is guessed from the options alone (the longest, the commonest)
is right in 1 of k.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from curriculab.data.conversations import messages_of, written
from curriculab.data.distractors import CHARACTER, grouped, wrong_answers
from curriculab.data.validation import PoolError, show

MOST_OPTIONS = 26  # letters that options are shown with
FRAMES = ("Work this out: {}", "Here is a task: {}", "{}\nWhat is the answer?")  # around what is no prose
ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|vs|etc|No|e\.g|i\.e|a\.m|p\.m|approx)|\b[A-Z])\.\Z")
LONGEST = 8  # characters: the longest of these with its point, and the one in front of it
SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s+")

Seed = int | np.random.Generator


def to_choice(rows: pd.DataFrame, k: int = 4, *, seed: Seed = 0) -> pd.DataFrame:
    """Give every row k options, one of which is right.

    Parameters
    ----------
    rows : DataFrame
        Rows of a pool. Options of their own are kept, k of them, where there are that many.
    k : int
        Number of options, 2 to 26.
    seed : int or Generator
        Of groups of rows and of the order of options.

    Returns
    -------
    DataFrame
        (rows,), with `options`, `parents` and ids such as "ladder/add/1/00966/choice4". The right option stands at each
        place equally often, and the verifier of a row refuses all others.

    Raises
    ------
    PoolError
        Where a row has no text for an answer, or k is no number of options.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["5 + 6", "8 + 9"], "answer": ["11", "17"]}, index=["a", "b"])
    >>> cl.data.to_choice(pool, 2, seed=0).options.tolist()
    [['11', '17'], ['11', '17']]
    """
    rng = np.random.default_rng(seed)
    check_rows(rows, f"to_choice(k={k!r})")
    if not isinstance(k, int | np.integer) or not 2 <= k <= MOST_OPTIONS:
        raise PoolError(f"to_choice(k={k!r}): give a whole number of options from 2 to {MOST_OPTIONS}")
    others = wrong_answers(rows, k - 1, rng)
    places = rng.permutation(np.arange(len(rows)) % k)
    options = []
    for wrong, right, place in zip(others, rows["answer"], places.tolist(), strict=True):
        options.append([*wrong[:place], right, *wrong[place:]])
    return _formed(rows, f"choice{k}").assign(options=pd.Series(options, dtype=object).to_numpy())


def to_binary(rows: pd.DataFrame, *, seed: Seed = 0) -> pd.DataFrame:
    """Show every row with an answer, and ask whether it is right.

    Parameters
    ----------
    rows : DataFrame
        Rows of a pool.
    seed : int or Generator
        Of pairs of rows: both are shown with their own answer, or each with that of the other.

    Returns
    -------
    DataFrame
        (rows,), with the answer "yes" or "no", half of the rows each, these two as `options`, and `parents`; ids end in
        "/binary". The verifier is that of multiple choice; a worked solution is left out.

    Raises
    ------
    PoolError
        Where a row has no text for an answer.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=1, n=2, seed=0)
    >>> made = cl.data.to_binary(pool, seed=0)
    >>> made.prompt.iloc[0], made.answer.iloc[0]
    ('add 36 + 90\\nSomebody answers: 126\\nIs that right, yes or no?', 'yes')
    """
    rng = np.random.default_rng(seed)
    check_rows(rows, "to_binary")
    groups, alone = grouped(rows, 2, rng) if "options" not in rows else ([], np.arange(len(rows)))
    order = np.concatenate([np.asarray(groups, int).ravel(), alone])  # partners follow each other
    turns = np.repeat(np.arange(len(groups)) % 2 == 0, 2)
    single = np.arange(len(alone)) % 2 == 0
    right = np.empty(len(rows), bool)
    right[order] = np.concatenate([rng.permutation(turns.reshape(-1, 2)).ravel(), rng.permutation(single)])
    shown = rows["answer"].to_numpy(object).copy()
    for one, other in groups:
        if not right[one]:
            shown[[one, other]] = shown[[other, one]]
    false = alone[~right[alone]]
    shown[false] = [wrong[0] for wrong in wrong_answers(rows.iloc[false], 1, rng)] if len(false) else []
    lines = [f"\nSomebody answers: {answer}\nIs that right, yes or no?" for answer in shown]
    made = _formed(rows, "binary").drop(columns=["solution", "metadata"], errors="ignore")
    made = made.assign(prompt=_lengthened(rows, lines), answer=np.where(right, "yes", "no"), task="choice")
    return made.assign(options=pd.Series([["yes", "no"]] * len(rows), dtype=object).to_numpy())


def to_cloze(rows: pd.DataFrame, share: float | np.ndarray = 0.65, *, seed: Seed = 0) -> pd.DataFrame:
    """Show a part of each answer.

    Parameters
    ----------
    rows : DataFrame
        Rows of a pool.
    share : float or np.ndarray
        Share of an answer's letters and digits that is hidden, in (0, 1], one for all or one a row: at least one of
        them, and below 1 not all of several. In Cog-DRIFT 0.5 to 0.8 of the digits.
    seed : int or Generator
        Of which are hidden.

    Returns
    -------
    DataFrame
        (rows,), without `options`, with `parents`; ids end in "/cloze".

    Raises
    ------
    PoolError
        Where a row has no text for an answer, or the share is outside (0, 1].

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["product 59 * 41"], "answer": ["2419"]}, index=["a"])
    >>> cl.data.to_cloze(pool, 0.5, seed=0).prompt.iloc[0]
    'product 59 * 41\\nThe answer looks like this, with _ for what is hidden: _4_9'
    """
    rng = np.random.default_rng(seed)
    check_rows(rows, "to_cloze")
    shares = np.broadcast_to(np.asarray(share, float), len(rows)).tolist()
    for one in shares:
        if not 0 < one <= 1:
            raise PoolError(f"to_cloze(share={one:g}): give the share of an answer that is hidden, above 0 and up to 1")
    shown = [masked(answer, hidden, rng) for answer, hidden in zip(rows["answer"], shares, strict=True)]
    lines = [f"\nThe answer looks like this, with _ for what is hidden: {text}" for text in shown]
    return _formed(rows, "cloze").drop(columns="options", errors="ignore").assign(prompt=_lengthened(rows, lines))


def restate(rows: pd.DataFrame, *, seed: Seed = 0) -> pd.DataFrame:
    """Write every question in another way, and keep its answer.

    Parameters
    ----------
    rows : DataFrame
        Rows of a pool.
    seed : int or Generator
        Of the words around a prompt that is no prose.

    Returns
    -------
    DataFrame
        (rows,), with `parents`; ids end in "/restated". Of a prompt of several sentences the question (the last one,
        where none is a question) stands first, or last where it stood first, and nothing else changes. A prompt of one
        sentence, such as the ladder's, and one with several questions get words around them.

    Raises
    ------
    PoolError
        Where a row has no text for an answer.

    Examples
    --------
    >>> pool = pd.DataFrame({"prompt": ["Bo has 3 figs. He eats 1. How many are left?"], "answer": ["2"]}, index=["a"])
    >>> cl.data.restate(pool).prompt.iloc[0]
    'How many are left? Bo has 3 figs. He eats 1.'
    """
    rng = np.random.default_rng(seed)
    check_rows(rows, "restate")
    frames = rng.integers(len(FRAMES), size=len(rows))
    prompts = []
    for prompt, frame in zip(rows["prompt"], frames.tolist(), strict=True):
        *before, (role, last) = messages_of(prompt) or [("user", prompt)]
        moved = question_moved(last)
        prompts.append(written([*before, (role, FRAMES[frame].format(last) if moved is None else moved)]))
    return _formed(rows, "restated").assign(prompt=prompts)


def hints(rows: pd.DataFrame, *, seed: Seed = 0) -> pd.DataFrame:
    """Add to every question a hint that says something of its answer and does not hold it.

    Parameters
    ----------
    rows : DataFrame
        Rows of a pool.
    seed : int or Generator
        Of what a hint says: with what the answer begins, or with what it ends.

    Returns
    -------
    DataFrame
        (rows,), with the `hint` alone in a column of its own, and `parents`; ids end in "/hint".

    Raises
    ------
    PoolError
        Where a row has no text for an answer.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", skills="add", levels=1, n=1, seed=0)
    >>> made = cl.data.hints(pool, seed=0)
    >>> made.hint.iloc[0], made.answer.iloc[0]
    ('It ends in 6 and is 3 characters long.', '126')
    """
    rng = np.random.default_rng(seed)
    check_rows(rows, "hints")
    ends = rng.integers(2, size=len(rows))
    found = [hint_for(answer, bool(end)) for answer, end in zip(rows["answer"], ends.tolist(), strict=True)]
    return _formed(rows, "hint").assign(prompt=_lengthened(rows, [f"\nHint: {hint}" for hint in found]), hint=found)


# -- texts ------------------------------------------------------------------------------------------------------------
def masked(answer: str, share: float, rng: np.random.Generator) -> str:
    """The answer with "_" for a share of its letters and digits, rounded, at least one and below 1 not all of several.

    Examples
    --------
    >>> masked("1,234", 1.0, np.random.default_rng(0))
    '_,___'
    """
    places = [m.start() for m in CHARACTER.finditer(answer)]
    most = len(places) if share == 1 else max(1, len(places) - 1)
    hidden = min(max(1, round(share * len(places))), most)
    text = list(answer)
    for at in rng.permutation(len(places))[:hidden].tolist():
        text[places[at]] = "_"
    return "".join(text)


def sentences(text: str) -> list[str]:
    """The sentences of a text, with the white space behind them; joined they are the text again.

    Examples
    --------
    >>> sentences("Dr. Ray has 2.5 l.  How much is that?")
    ['Dr. Ray has 2.5 l.  ', 'How much is that?']
    """
    found, start = [], 0
    for end in SENTENCE_END.finditer(text):
        if not ABBREVIATED.search(text[max(start, end.start() + 1 - LONGEST) : end.start() + 1]):
            found.append(text[start : end.end()])
            start = end.end()
    return [*found, text[start:]] if start < len(text) else found


def question_moved(text: str) -> str | None:
    """A text with its question, or its last sentence where it has none, in front of the rest, or behind where it stood
    in front; None where it is one sentence or asks several questions."""
    parts = sentences(text)
    asking = [i for i, one in enumerate(parts) if one.rstrip(" \n\t\"')]").endswith("?")] or [len(parts) - 1]
    if len(parts) < 2 or len(asking) > 1:
        return None
    (at,) = asking
    rest = "".join([*parts[:at], *parts[at + 1 :]]).strip()
    first, second = (rest, parts[at].strip()) if at == 0 else (parts[at].strip(), rest)
    return f"{first} {second}"


def hint_for(answer: str, end: bool) -> str:
    """What a hint says of an answer: its length, and its last or first character where it has others.

    Examples
    --------
    >>> hint_for("126", True), hint_for("gow", False), hint_for("4", True)
    ('It ends in 6 and is 3 characters long.', 'It begins with g and is 3 characters long.', 'It is short.')
    """
    text, size = answer.strip(), len(answer.strip())
    told = f"It ends in {text[-1:]}" if end else f"It begins with {text[:1]}"
    for hint in (f"{told} and is {size} characters long.", f"{told}.", "It is short.", "Take care."):
        holds = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", hint, re.IGNORECASE)
        if size and not holds:
            return hint
    return "Take care."


def _lengthened(rows: pd.DataFrame, lines: list[str]) -> list[str]:
    """Prompts with lines below them; a conversation has them in its last message."""
    prompts = []
    for prompt, line in zip(rows["prompt"], lines, strict=True):
        *before, (role, last) = messages_of(prompt) or [("user", prompt)]
        prompts.append(written([*before, (role, last + line)]))
    return prompts


def _formed(rows: pd.DataFrame, form: str) -> pd.DataFrame:
    """The rows with ids of their own, and with their former ids as `parents`."""
    ids = [str(one) for one in rows.index]
    made = rows.assign(parents=pd.Series([(one,) for one in ids], index=rows.index, dtype=object))
    return made.set_axis(pd.Index([f"{one}/{form}" for one in ids], name=rows.index.name or "id"), axis=0)


def check_rows(rows: pd.DataFrame, what: str) -> None:
    """Refuse rows without texts for prompts and answers."""
    for name in ("prompt", "answer"):
        if name not in rows:
            raise PoolError(f"{what}: the rows have no column {name!r}; they have {', '.join(map(str, rows.columns))}")
        for i, text in enumerate(rows[name].tolist()):
            if not isinstance(text, str) or not text.strip():
                raise PoolError(f"{what}: row {rows.index[i]!r}, column {name!r}: found {show(text)}, expected text")
