"""The survey's grid: its prompts word for word; votes, verdicts and tries by hand; the chance of a plurality."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.context.reasoning_survey import agreement, plurality, tried_again, verdict
from curriculab.protocol import Run, Use, advance
from tests.methods.made import make

POOL = make([1, 2, 3], prompt=["p0", "p1", "p2"], answer=["a0", "a1", "a2"])
ROWS = pd.DataFrame({"prompt": ["t0", "t1"]}, index=["one", "two"])
GRID = [
    "{}/none/greedy",
    "{}/agreement/ensemble",
    "{}/verdicts/ensemble",
    "{}/verdicts/retry",
]


def solvers(**knobs):
    use = next(methods.reasoning_survey(POOL, Run(0, batch=2), **knobs))
    assert isinstance(use, Use) and not use.with_answers and use.reduce == "best"
    return use.solvers


def said(request, texts):
    """A reply: to each row its n texts in turn, of a list for all rows."""
    of = np.repeat(np.arange(len(request.rows)), request.n)
    return request.rows.take(of).assign(text=texts)


def test_there_is_a_solver_for_each_combination():
    found = solvers()
    kinds = ("direct", "steps", "examples", "plan")
    assert sorted(found) == sorted(one.format(kind) for kind in kinds for one in GRID)
    assert list(solvers(generate=("direct",), evaluate=("none", "agreement"), control=("greedy",))) == [
        "direct/none/greedy"
    ]


def test_prompts_word_for_word():
    greedy = {name.split("/")[0]: solve(ROWS) for name, solve in solvers(shots=1).items() if "greedy" in name}
    assert advance(greedy["direct"]).rows.prompt.tolist() == ["t0", "t1"]
    steps = advance(greedy["steps"])
    assert steps.rows.prompt.tolist() == [f"{t}\nLet's think step by step." for t in ("t0", "t1")]
    assert (steps.n, steps.temperature, steps.purpose) == (1, 0.0, "test")
    shown = advance(greedy["examples"]).rows.prompt.iloc[0]
    assert shown in [f"p{i}\na{i}\n\nt0\nLet's think step by step." for i in range(3)]
    asked = advance(greedy["plan"])
    assert asked.purpose == "plan" and asked.rows.prompt.iloc[0] == (
        "t0\nWhich simpler questions have to be answered first? Write one a line."
    )
    planned = advance(greedy["plan"], said(asked, ["u?\nv?", " w?\n"]))
    assert planned.rows.prompt.tolist() == [
        "t0\nAnswer these questions first:\nu?\nv?\nLet's think step by step.",
        "t1\nAnswer these questions first:\nw?\nLet's think step by step.",
    ]


def test_a_question_is_not_its_own_example():
    solve = solvers(shots=8)["examples/none/greedy"]
    prompts = advance(solve(POOL)).rows.prompt
    assert [prompt.count(f"p{i}\n") for i, prompt in enumerate(prompts)] == [1, 1, 1]
    assert [prompt.count(f"a{i}") for i, prompt in enumerate(prompts)] == [0, 0, 0]


def test_the_answer_that_most_votes_say_scores_highest():
    solve = solvers(votes=3)["direct/agreement/ensemble"](ROWS)
    asked = advance(solve)
    assert (asked.n, asked.temperature, asked.purpose) == (3, 0.7, "test")
    with pytest.raises(StopIteration) as end:
        solve.send(said(asked, ["7", "so #### 8", "The answer is 8.", "5", "6", ""]))
    assert end.value.value["score"].tolist() == [1, 2, 2, 1, 1, 0]


def test_votes_dealt_anew_are_those_of_all_rows():
    ids, texts = pd.Index(["one"] * 3 + ["two"] * 3), np.array(["7", "7", "8", "5", "5", "6"], object)
    assert agreement(ids, texts, texts, np.ones(6)).tolist() == [2, 2, 1, 2, 2, 1]
    assert agreement(ids, texts, texts[::-1], np.ones(6)).tolist() == [0, 0, 0, 0, 0, 0]
    solve = solvers(votes=3, deal="anew")["direct/agreement/ensemble"](ROWS)
    asked = advance(solve)
    with pytest.raises(StopIteration) as end:
        solve.send(said(asked, ["7", "7", "7", "5", "5", "5"]))
    score = end.value.value["score"].tolist()
    assert score[:3] == [score[0]] * 3 and score[0] == score[3] <= 3  # as many 5s among row one's as 7s among two's


def test_only_accepted_answers_vote_and_equals_by_how_often_they_were_given():
    solve = solvers(votes=4)["steps/verdicts/ensemble"](ROWS.iloc[:1])
    asked = advance(solve)
    judged = advance(solve, said(asked, ["7", "8", "8", "9"]))
    assert judged.purpose == "verdict" and judged.rows.prompt.tolist() == [
        f"t0\nSomebody answers: {one}\nIs that right? Answer yes or no." for one in (7, 8, 8, 9)
    ]
    assert judged.rows.proposed.tolist() == ["7", "8", "8", "9"]
    with pytest.raises(StopIteration) as end:
        solve.send(said(judged, ["Yes.", "yes", "no", "no"]))
    assert end.value.value["score"].tolist() == pytest.approx([1.001, 1.002, 1.002, 0.001])


def test_a_refused_answer_is_asked_for_again_and_the_last_is_kept():
    solve = solvers(votes=2)["direct/verdicts/retry"](ROWS)
    first = advance(solve)
    assert list(first.rows.index) == ["one", "two"] and first.n == 1 and first.temperature == 0.7
    judged = advance(solve, said(first, ["7", "5"]))
    second = advance(solve, said(judged, ["yes", "no"]))
    assert list(second.rows.index) == ["two"] and second.rows.prompt.tolist() == ["t1"]
    judged = advance(solve, said(second, ["6"]))
    with pytest.raises(StopIteration) as end:
        solve.send(said(judged, ["no"]))
    found = end.value.value
    assert found.text.tolist() == ["7", "5", "6"] and found.score.tolist() == [1, 0, 0.001]


def test_a_plurality_as_all_sequences_of_votes_give_it():
    def listed(p, k, wrong):
        total = 0.0
        for votes in product(range(wrong + 1), repeat=k):
            counts = Counter(votes)
            first = next(vote for vote in votes if counts[vote] == max(counts.values()))
            total += (first == 0) * p ** votes.count(0) * ((1 - p) / wrong) ** (k - votes.count(0))
        return total

    for p, k, wrong in ((0.3, 4, 3), (0.25, 5, 4), (0.6, 5, 1)):
        assert plurality(p, k, wrong) == pytest.approx(listed(p, k, wrong))
    gain = plurality(0.6, 9, 1) - plurality(0.6, 5, 1)
    assert gain == pytest.approx(0.7334 - 0.6826, abs=2e-4)  # of two answers: binomial


def test_trying_twice_by_hand():
    # right and accepted .35, refused .15 + .35 = .50; then .35 again, or the last, right and refused: .35 + .5 * .5
    assert tried_again(0.5, 1) == pytest.approx(0.5)
    assert tried_again(0.5, 2) == pytest.approx(0.35 + 0.5 * 0.5)


def test_the_simulated_student_tells_seven_of_ten():
    rows = pd.DataFrame({"proposed": ["7", "8"] * 2000, "answer": "7"})
    texts = pd.Series(verdict(rows, np.random.default_rng(0)))
    assert (texts[::2] == "yes").mean() == pytest.approx(0.7, abs=0.03)
    assert (texts[1::2] == "yes").mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    ("knobs", "line"),
    [
        ({"generate": ()}, "generate=(); give some of 'direct', 'steps', 'examples', 'plan'"),
        ({"control": ("beam",)}, "control=('beam',); give some of 'greedy', 'ensemble', 'retry'"),
        (
            {"evaluate": ("none",), "control": ("retry",)},
            "evaluate=('none',) and control=('retry',) do not go together; there are none with greedy, "
            "agreement with ensemble, verdicts with ensemble, verdicts with retry",
        ),
        ({"deal": "mine"}, "deal='mine' is unknown; give 'own' or 'anew'"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(knobs, line):
    with pytest.raises(ValueError) as error:
        solvers(**knobs)
    assert str(error.value) == line
