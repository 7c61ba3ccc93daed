"""Scripts of planted skill have that skill."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab.environments.teachers import Hint, Hinted, Judge, Rewriter, Solver
from curriculab.protocol import Piece

MANY = 4000


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def near(share: float, planted: float) -> bool:
    """Within four standard errors of a binomial share."""
    return abs(share - planted) < 4 * np.sqrt(max(planted * (1 - planted), 1e-9) / MANY) + 1e-9


@pytest.fixture
def rows() -> pd.DataFrame:
    ids = pd.Index([f"r{i}" for i in range(MANY)], name="id")
    return pd.DataFrame({"prompt": "q", "answer": "17", "level": np.arange(MANY) % 6 + 1}, index=ids)


def test_hints_are_for_their_row_and_leak_as_often_as_planted(rows) -> None:
    texts = pd.Series(Hint(right=0.7, leak=0.1)(rows, rng()), index=rows.index)
    leaked = texts.str.contains("17", regex=False) & texts.str.startswith("The answer")
    own = np.array([f"Hint for {row}:" in text for row, text in texts.items()])
    assert near(leaked.mean(), 0.1) and near(own.mean(), 0.7 * 0.9)
    assert not Hint(right=1.0)(rows, rng())[0].startswith("The answer")
    assert Hint(right=0.0)(rows.iloc[:1], rng()) == ["Hint for nothing: begin at the end."]


def test_a_hint_is_worth_its_logits_to_its_own_row_alone(rows) -> None:
    few = rows.iloc[:3].assign(
        turns=[(Piece("Hint for r0: x"),), (Piece("Hint for r0: x"),), (Piece("The answer is 1."),)]
    )
    assert Hinted(gain=2.0, leaked=5.0)(few, np.zeros(3)).tolist() == [2.0, 0.0, 5.0]


def test_a_judge_is_right_and_biased_as_planted() -> None:
    better = np.random.default_rng(1).integers(1, 3, MANY)
    rows = pd.DataFrame({"first": "aa", "second": "b", "better": better})
    verdicts = np.array(Judge(accuracy=0.8)(rows, rng()), int)
    assert near((verdicts == better).mean(), 0.8)
    biased = np.array(Judge(accuracy=1.0, position=0.2)(rows, rng()), int)
    assert near((biased == 1)[better == 2].mean(), 0.2) and (biased == 1)[better == 1].all()
    swapped = rows.assign(first="b", second="aa")
    long = np.array(Judge(accuracy=0.0, length=1.0)(swapped, rng()), int)
    assert (long == 2).all()


def test_a_solver_knows_its_levels_and_slips(rows) -> None:
    texts = np.array(Solver(level=3, slip=0.25)(rows, rng()))
    low = rows["level"].to_numpy() <= 3
    assert (texts[~low] == "no").all() and abs((texts[low] == "17").mean() - 0.75) < 4 * np.sqrt(0.1875 / low.sum())


def test_a_rewriter_keeps_leaks_or_loses_the_question() -> None:
    rows = pd.DataFrame({"prompt": ["a", "b", "c"], "answer": ["1", "2", "3"]}, index=["x", "y", "z"])
    assert all(prompt in text for prompt, text in zip(rows.prompt, Rewriter("same")(rows, rng()), strict=True))
    assert Rewriter("easier")(rows, rng())[1] == "b Hint for y: begin at the end."
    assert Rewriter("leak")(rows, rng())[2] == "c The answer is 3."
    other = Rewriter("other")(rows, rng())
    assert sorted(other) == ["a", "b", "c"] and all(a != b for a, b in zip(other, rows.prompt, strict=True))


@pytest.mark.parametrize(
    "made",
    [
        lambda: Hint(right=1.5),
        lambda: Hint(leak=-0.1),
        lambda: Judge(accuracy=2),
        lambda: Judge(position=0.6, length=0.6),
        lambda: Solver(slip=7),
        lambda: Rewriter("better"),
    ],
)
def test_what_is_no_share_is_refused_in_one_line(made) -> None:
    with pytest.raises(ValueError, match="share|choose one of") as caught:
        made()
    assert "\n" not in str(caught.value)
