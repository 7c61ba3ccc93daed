"""Cog-DRIFT: variants of rows, and when a row goes on, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from curriculab import methods
from curriculab.methods.generated.cog_drift import GUESSED, formed, unsolved, variants
from curriculab.protocol import Run, Sample, Train
from tests.methods.made import answered, make


def pool() -> pd.DataFrame:
    return make([1] * 12).assign(answer=[str(100 + i) for i in range(12)])


def visits(rewards: list[list[float]], **knobs) -> list[str]:
    """In which variants the only row of a pool is shown, and what its answers were worth."""
    method = methods.cog_drift(make([1]).assign(answer="1234"), Run(0, batch=1, rollouts=8), tries=0, **knobs)
    request, shown = next(method), []
    for reward in rewards:
        assert isinstance(request, Sample) and request.n == 8
        shown.append(request.rows.index[0].partition("/")[2] or "open")
        trained = method.send(answered(request.rows, [reward]))
        assert isinstance(trained, Train) and trained.objective == "grpo"
        request = method.send(trained.rows)
    return shown


def right(n: int) -> list[float]:
    return [1.0] * n + [0.0] * (8 - n)


def test_the_guessers_rates_are_those_of_the_binomial_distribution():
    assert GUESSED[True] == pytest.approx(binom.sf(2, 8, 0.25), abs=5e-5)
    assert GUESSED[False] == pytest.approx(binom.sf(4, 8, 0.25), abs=5e-5)


def test_variants_come_in_their_order_and_keep_the_answer():
    names, forms = variants(pool(), (4, 10), (0.5, 0.8), np.random.default_rng(0))
    assert names == ["choice4", "choice10", "cloze", "open"]
    assert [set(map(len, form.options)) for form in forms[:2]] == [{4}, {10}]
    assert all("options" not in form for form in forms[2:])
    assert all(form.answer.tolist() == pool().answer.tolist() for form in forms)
    assert forms[3].prompt.tolist() == pool().prompt.tolist()
    assert forms[2].prompt.str.rsplit(": ").str[1].str.count("_").eq(2).all()  # 1.5 to 2.4 of 3 digits


def test_three_of_eight_are_enough_with_the_bonus_and_two_are_not():
    assert visits([right(2), right(3), right(2), right(3)]) == ["choice4", "choice4", "choice10", "choice10"]


def test_five_of_eight_are_needed_without_the_bonus():
    shown = visits([right(4), right(5), right(4)], bonus=False)
    assert shown == ["choice4", "choice4", "choice10"]


def test_a_row_goes_on_to_the_open_question_and_never_back():
    shown = visits([right(8)] * 4 + [right(0)] * 2)
    assert shown == ["choice4", "choice10", "cloze", "open", "open", "open"]


def test_a_window_of_two_takes_the_mean_of_the_last_two_visits_and_is_emptied():
    # 0 of 8: 0.2; then (0 + 5) / 2 of 8 and the bonus: 0.5125; emptied: 2 alone: 0.45
    assert visits([right(0), right(5), right(2), right(0)], window=2) == ["choice4"] * 2 + ["choice10"] * 2
    # 0; (0 + 4) / 2: 0.45; of the last two (4 + 1) / 2: 0.5125, of the first two again 0.45
    assert visits([right(0), right(4), right(1), right(0)], window=2) == ["choice4"] * 3 + ["choice10"]


def test_the_reward_is_correctness_and_a_fifth_for_the_form():
    method = methods.cog_drift(make([1]).assign(answer="1234"), Run(0, batch=1, rollouts=8), tries=0)
    out = answered(next(method).rows, [[1.0, 0.0]])
    out["text"] = ["one line", "two\nlines"]
    assert method.send(out).rows.reward.tolist() == [1.2, 0.0]


def test_forms_of_answers():
    texts = pd.Series(
        ["7", "a\nb", " ", r"so \boxed{7}", r"\boxed{7} that is it", r"\boxed{7} and so it is", r"\boxed{7}\boxed{8}"]
    )
    assert formed(texts, False).tolist() == [1, 0, 0, 1, 1, 1, 1]
    assert formed(texts, True).tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert formed(pd.Series([r"\boxed{7} 23456789", r"\boxed{7} 234567890"]), True).tolist() == [1, 1]
    assert formed(pd.Series([r"\boxed{7} 2345678901"]), True).tolist() == [0]
    nested = pd.Series([r"\boxed{\frac{1}{2}}", r"\boxed{\frac{1}{2}", r"\boxed{a} \boxed{\frac{1}{2}}"])
    assert formed(nested, True).tolist() == [1, 0, 0]


def test_a_row_that_stands_twice_in_a_batch_goes_on_once():
    method = methods.cog_drift(make([1]).assign(answer="1234"), Run(0, batch=2, rollouts=8), tries=0, window=2)
    request, shown = next(method), []
    for _ in range(3):
        shown.append(request.rows.index[0].partition("/")[2])
        request = method.send(method.send(answered(request.rows, [right(8)] * 2)).rows)
    assert shown == ["choice4", "choice10", "cloze"]


def test_rows_that_are_solved_are_left_out_and_the_hardest_stay_where_all_are():
    rows = make([1] * 3)
    probe = answered(rows, [[1, 0], [0, 0], [1, 1]])
    assert list(unsolved(probe, rows).index) == ["b"]
    assert list(unsolved(answered(rows, [[1, 0], [0, 1], [1, 1]]), rows).index) == ["a", "b"]


def test_shares_that_are_none_are_refused():
    with pytest.raises(
        ValueError, match=r"^hidden=\(0.8, 0.5\); give the least and the most of an answer that is hidden"
    ):
        next(methods.cog_drift(pool(), Run(0, batch=1), tries=0, hidden=(0.8, 0.5)))
