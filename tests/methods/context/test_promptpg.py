"""PromptPG: its gradient against finite differences, its draws, its prompts, and the epoch whose policy is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.context.promptpg import Policy, drawn, probabilities, push
from curriculab.protocol import Run, Sample, Score, Use, advance
from tests.methods.made import make

X, E = np.array([[1.0, 0.0], [0.5, -1.0]]), np.array([[0.2, 1.0], [1.0, 1.0], [-1.0, 0.3]])
PICKS, REWARD = np.array([[0, 2], [1, 0]]), np.array([1.0, -1.0])


def gained(W, b):
    """sum_i r_i sum_k log pi(e_k|p_i), straight from its definition."""
    logits = (X @ W.T + b) @ (E @ W.T + b).T
    log_pi = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(sum(r * log_pi[i, picks].sum() for i, (r, picks) in enumerate(zip(REWARD, PICKS, strict=True))))


def test_a_step_goes_where_the_picks_that_were_rewarded_become_likelier():
    W, b = np.array([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]]), np.array([0.1, 0.0, -0.3])
    policy, pi = Policy(W, b), probabilities((X @ W.T + b) @ (E @ W.T + b).T)
    policy.step(X, E, push(pi, PICKS, REWARD), lr=0.01)
    small, slopes = 1e-6, np.zeros_like(W)
    for at in np.ndindex(*W.shape):
        up, down = W.copy(), W.copy()
        up[at] += small
        down[at] -= small
        slopes[at] = (gained(up, b) - gained(down, b)) / (2 * small)
    # the first step of Adam goes by lr in the direction of each slope, whatever its size
    assert policy.W - W == pytest.approx(0.01 * np.sign(slopes), rel=1e-4)
    assert 0.1 * slopes == pytest.approx(policy.moments[0], abs=1e-6)  # (1 - 0.9) g


def test_the_derivative_by_the_logits_is_counts_less_their_expectation():
    pi = np.array([[0.5, 0.3, 0.2]])
    assert push(pi, np.array([[0, 2]]), np.array([-1.0])).tolist() == [[-(1 - 1.0), 0.6, -(1 - 0.4)]]


def test_draws_are_without_repeats_and_as_likely_as_the_policy_says():
    pi = np.tile([0.6, 0.3, 0.1], (20_000, 1))
    picks = drawn(pi, 2, np.random.default_rng(0))
    assert (picks[:, 0] != picks[:, 1]).all()
    assert np.bincount(picks[:, 0]) / 20_000 == pytest.approx([0.6, 0.3, 0.1], abs=0.01)
    second = picks[picks[:, 0] == 0, 1]  # of the rest: 0.3 / 0.4
    assert (second == 1).mean() == pytest.approx(0.75, abs=0.015)


def embedded(request: Score) -> pd.DataFrame:
    """Rows on a circle."""
    return request.rows[[]].assign(embedding=[np.array([np.cos(i), np.sin(i)]) for i in range(len(request.rows))])


def run_through(reward, epochs, **knobs):
    """Everything that is asked of eight rows, the k-th Sample rewarded by reward(k), and what it found."""
    pool = make([1] * 8, prompt=[f"q{i}" for i in range(8)], answer=[f"a{i}" for i in range(8)])
    method, asked, samples = methods.promptpg(pool, Run(0, batch=3), epochs=epochs, size=64, **knobs), [], 0
    request = advance(method)
    while isinstance(request, Score | Use | Sample):
        asked.append(request)
        answer = None
        if isinstance(request, Score):
            answer = embedded(request)
        if isinstance(request, Sample):
            answer, samples = request.rows.assign(correct=reward(samples)), samples + 1
        request = advance(method, answer)
    return pool, asked, request.value


def test_half_of_the_pool_is_shown_and_the_other_half_is_asked():
    pool, asked, found = run_through(lambda k: 1.0, epochs=2)
    assert isinstance(asked[0], Score) and isinstance(asked[1], Use) and len(asked) == 2 + 2 * 2  # 4 rows: 3 and 1
    rows = [request.rows for request in asked[2:]]
    assert [len(one) for one in rows] == [3, 1, 3, 1]
    questions = {*pd.concat(rows).index}
    assert len(questions) == 4 and not {*asked[0].rows.index[:4]} & questions
    for id_, prompt in pd.concat(rows).prompt.items():
        *shown, question = prompt.split("\n\n")
        assert len(shown) == 2 and question == pool.prompt[id_]
        assert {one.split("\n")[1] for one in shown} <= {*pool.answer} and id_ not in {one[:2] for one in shown}
    assert found.reward.tolist() == [1.0, 1.0] and found.columns.tolist() == ["epoch", "reward", "entropy"]
    assert found.entropy.iloc[0] == pytest.approx(np.log(4), abs=0.3)  # nearly uniform over four candidates


def picked(asked, tests):
    """Which examples the solver "learned" shows."""
    solver = asked[1].solvers["learned"](tests)
    request = solver.send(embedded(advance(solver)))
    return [prompt.split("\n\n")[:-1] for prompt in request.rows.prompt]


def test_tests_show_the_picks_of_the_epoch_that_earned_most():
    tests = make([1] * 8, prompt="q9")
    kept, last = set(), set()
    for epochs in (1, 2, 4, 6):  # the k-th Sample; two are an epoch
        _, asked, _ = run_through(lambda k: 1.0 if k < 2 else 0.0, epochs=epochs, lr=0.05, shots=3)
        kept.add(str(picked(asked, tests)))
        _, asked, _ = run_through(lambda k: 0.0, epochs=epochs, lr=0.05, shots=3)
        last.add(str(picked(asked, tests)))
    assert len(kept) == 1  # epochs without a right answer are not kept
    assert len(last) > 1  # of epochs that earn as much the last is kept


def test_of_two_examples_the_more_probable_one_stands_next_to_the_question():
    tests = make([1], prompt="q9")
    (two,), (four,) = (picked(run_through(lambda k: 1.0, epochs=1, lr=0.0, shots=n)[1], tests) for n in (2, 4))
    assert four[2:] == two and len({*four}) == 4


def test_wrong_answers_push_the_other_way():
    """A reward is 1 or -1, so that a run of wrong answers moves the policy too."""
    still, wrong = (run_through(lambda k: 0.0, epochs=3, lr=lr)[2].entropy.tolist() for lr in (0.0, 0.05))
    assert wrong[0] == pytest.approx(still[0], abs=0.2) and abs(wrong[-1] - still[-1]) > 0.01


def test_the_baseline_takes_away_what_all_answers_of_a_batch_have():
    still = picked(run_through(lambda k: 1.0, epochs=3, lr=0.5, baseline="mean")[1], make([1], prompt="q9"))
    never = picked(run_through(lambda k: 1.0, epochs=1, lr=0.0)[1], make([1], prompt="q9"))
    assert still == never  # alike rewards, no push


def test_an_unknown_baseline_is_refused():
    with pytest.raises(ValueError, match=r"^baseline='median' is unknown; give 'none' or 'mean'$"):
        next(methods.promptpg(make([1, 2]), Run(0, batch=2), baseline="median"))
