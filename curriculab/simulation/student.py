"""How a simulated student learns."""

from __future__ import annotations

from dataclasses import dataclass

WORDS = "words of "  # name, among the abilities, of the log number of words that a skill is answered with


FILLER = "so "  # each of the words before an answer


@dataclass(frozen=True)
class Student:
    """How a simulated student learns; abilities and difficulties are in logits.

    P(right) = g + (1 - g) / (1 + exp(difficulty - ability of the row's skill)), g = 1 / options, 0 without options.
    Learning: a row raises its skill by rate * 4 p (1 - p) * mastery of the skill's prerequisites, p without guessing:
    most where it is neither mastered nor out of reach. Under reinforcement an answer of a group of n moves its skill by
    rate * 2 advantage (right - p) / n: on average 2 sqrt(p (1 - p)) rate a group, nothing where all answers are alike.
    With `words`, the answer stands after "####" and that many words, whose log number follows the same rule.
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

    Examples
    --------
    >>> from curriculab.simulation.pools import chain
    >>> cl.simulation.Student(rate=0.1, prerequisites=chain("add", "multiply")).prerequisites
    (('multiply', 'add'),)
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
