"""Curr-ReFT: its stages, rewards and supervised end, worked out by hand."""

from __future__ import annotations

import pytest

from curriculab import methods
from curriculab.protocol import Clock, Run, Sample, Train
from tests.methods.made import answered, asked_by, make


def pool():
    return make([1] * 12).assign(answer=[str(100 + i) for i in range(12)])


def test_stages_take_equal_shares_and_the_end_is_supervised():
    seen, runs = asked_by(methods.curr_reft, pool(), 10, finish=0.1)
    assert runs.failed == {} and runs.metrics.stage.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    trained = [r for r in seen if isinstance(r, Train)]
    assert [r.objective for r in trained[:9]] == ["grpo"] * 9
    forms = [r.rows.index[0].partition("/")[2] for r in seen if isinstance(r, Sample)]
    assert forms[:10] == ["binary"] * 3 + ["choice4"] * 3 + [""] * 4


def test_forms_are_those_of_the_pool_with_four_options():
    run = Run(0, batch=12, clock=(clock := Clock()))
    method = methods.curr_reft(pool(), run, finish=0.0)
    asked = next(method)
    assert sorted(asked.rows.answer) == ["no"] * 6 + ["yes"] * 6
    method.send(answered(asked.rows, [[1, 0]] * 12))
    clock.progress = 0.4
    asked = method.send(None)
    assert asked.rows.options.map(len).eq(4).all() and sorted(asked.rows.answer) == sorted(pool().answer)
    method.send(answered(asked.rows, [[1, 0]] * 12))
    clock.progress = 0.7
    assert "options" not in method.send(None).rows


def test_own_answers_that_are_good_are_learned_and_no_others():
    run = Run(0, batch=2, clock=(clock := Clock()))
    method = methods.curr_reft(pool(), run, finish=0.5)
    method.send(answered(next(method).rows, [[1, 0], [0, 0]]))
    clock.progress = 0.6
    asked = method.send(None)
    assert "options" not in asked.rows and asked.n == 8
    trained = method.send(answered(asked.rows, [[1.0, 0.8], [0.0, 0.9]]))
    assert trained.objective == "sft" and trained.rows.correct.tolist() == [1.0, 0.9]
    assert trained.note == {"stage": 3, "kept": 0.5}
    asked = method.send(trained.rows)
    trained = method.send(answered(asked.rows, [[0, 0], [0, 0]]))
    assert trained.objective == "grpo" and len(trained.rows) == 4  # nothing to learn, nothing moved


def test_the_share_of_yes_is_noted_and_tags_are_rewarded():
    method = methods.curr_reft(pool(), Run(0, batch=1, rollouts=2), tags=("think",))
    out = answered(next(method).rows, [[1, 0]])
    out["text"] = ["<think>so</think> Yes", "yes"]
    trained = method.send(out)
    assert trained.note == {"stage": 0, "yes": 0.5}
    assert trained.rows["reward/tags"].tolist() == [1.0, 0.0]
    assert (trained.rows.reward - trained.rows["reward/correct"]).tolist() == [1.0, 0.0]


def test_unknown_stages_are_refused():
    with pytest.raises(ValueError, match=r"^stages=\('open', 'cloze'\); give some of 'binary', 'choice', 'open'$"):
        next(methods.curr_reft(pool(), Run(0, batch=1), stages=("open", "cloze")))
