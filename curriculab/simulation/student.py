"""How a simulated student learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from curriculab.protocol import Rows

WORDS = "words of "  # name, among the abilities, of the log number of words that a skill is answered with
HABIT = "habit "  # and of the log-odds that an answer to a skill holds a word


FILLER = "so "  # each of the words before an answer
ANSWER = "#### "  # stands before an answer that words or habits come before

Context = Callable[[Rows, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Student:
    """How a simulated student learns; abilities and difficulties are in logits.

    P(right) = g + (1 - g) / (1 + exp(difficulty - ability of the row's skill)), g = 1 / options, 0 without options.
    Learning: a row raises its skill by rate * 4 p (1 - p) * mastery of the skill's prerequisites, p without guessing:
    most where it is neither mastered nor out of reach. Under reinforcement an answer of a group of n moves its skill by
    rate * 2 advantage (right - p) / n: on average 2 sqrt(p (1 - p)) rate a group, nothing where all answers are alike.
    With `words`, the answer stands after "####" and that many words, whose log number follows the same rule.
    A row whose column `parts` names known rows is right where all of these are: P is the product of theirs, its text
    their answers with a blank between, "no" for each wrong one, and each part moves its own skill.
    Forgetting: each step, a skill not trained in it loses the share `forget` of what was learned. Mastery of a skill is
    p on a row of that skill's mean difficulty.

    Parameters
    ----------
    rate : float
        Learning rate: logits that a row of p = 0.5 raises its skill by.
    forget : float
        Share in [0, 1] of what was learned that an untrained skill loses at each step.
    start, varies : float
        Mean and standard deviation, over skills and seeds, of the ability before training, in logits.
    spread : float
        Logits of one standard deviation of the difficulty column over the pool.
    skill, difficulty : str
        Columns of the pool; without the first there is one skill, without the second all rows are equally hard.
    prerequisites : tuple of (str, str)
        Pairs (skill, skill that it needs), as `chain` makes them.
    words : float
        Median number of words before an answer; 0 for bare answers. Reinforcement moves it, skill by skill.
    wordy : float
        Standard deviation of the logarithm of that number.
    context : callable, optional
        What prompts, hints, shots and thoughts do: (rows, ability) -> logits, (rows,), which are added to the ability
        when a row is answered, scored or trained, and never learned. `rows` hold `prompt` and, in `turns`, what stands
        before the answer; `ability` is that of each row's skill, (rows,).
    transfers : tuple of (str, str, float)
        (skill trained, skill that gains, share): what the first gains by training, times the share, goes to the second.
    habits : mapping of str to float
        Words that answers hold, and the share in (0, 1) of the answers that hold them before training, in every skill.
        Reinforcement moves their log-odds by rate * 2 advantage (held - share) / n, demonstrations by rate *
        (held - share).

    Examples
    --------
    >>> from curriculab.simulation.pools import chain
    >>> cl.simulation.Student(rate=0.1, prerequisites=chain("add", "multiply")).prerequisites
    (('multiply', 'add'),)
    >>> def hinted(rows, ability):  # a hint is worth two logits
    ...     return np.where(rows["prompt"].str.contains("Hint"), 2.0, 0.0)
    >>> pool = pd.DataFrame({"prompt": ["q", "q Hint: 7"], "answer": "7"}, index=["a", "b"])
    >>> learner = cl.simulation.SimulatedLearner(cl.simulation.Student(start=0.0, varies=0.0, context=hinted), pool)
    >>> ask = cl.protocol.Ask(("a variant", 0), 1, 0, (0, 1, 0), cl.Score(pool, "angle"))
    >>> learner.answer([ask])[0].reply["angle"].round(2).tolist()  # 1 / (1 + e^0), 1 / (1 + e^-2)
    [0.5, 0.88]
    """

    rate: float = 0.05
    forget: float = 0.0
    start: float = -1.0  # ability before training, and
    varies: float = 0.2  # its standard deviation over skills and seeds
    spread: float = 1.5  # logits of one standard deviation of the difficulty column over the pool
    skill: str = "topic"  # column; a pool without it has one skill
    difficulty: str = "level"  # column; a pool without it has rows that are all equally hard
    prerequisites: tuple[tuple[str, str], ...] = ()  # pairs (skill, what it needs)
    words: float = 0.0  # median words before an answer, log-normal; reinforcement moves it, skill by skill
    wordy: float = 0.4  # standard deviation of the logarithm of their number
    context: Context | None = None  # logits that what stands before an answer adds to the ability
    transfers: tuple[tuple[str, str, float], ...] = ()  # (skill trained, skill that gains, share)
    habits: Mapping[str, float] = field(default_factory=dict)  # words, and the share of answers that hold them

    def __post_init__(self) -> None:
        for word, share in self.habits.items():
            if not (isinstance(word, str) and word.strip()) or not 0 < share < 1:
                raise ValueError(f"Student(habits={{{word!r}: {share!r}}}): give a word and a share between 0 and 1")
