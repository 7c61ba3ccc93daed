"""Self-paced: a threshold that grows, and the rows below it."""

from __future__ import annotations

from curriculab import methods
from curriculab.protocol import Clock, Run, Score
from tests.methods.made import make, reply


def test_the_threshold_grows_and_rows_come_in_below_it():
    pool, clock = make(range(8)), Clock()
    run = Run(0, batch=2, clock=clock)
    method, loss = methods.self_paced(pool, run, rounds=4, mu=2.0), dict(zip("abcdefgh", range(1, 9), strict=True))
    request = next(method)
    for k, (threshold, share) in enumerate([(4.5, 0.5), (9.0, 1.0), (18.0, 1.0), (36.0, 1.0)]):
        assert isinstance(request, Score) and request.measure == "nll" and len(request.rows) == 8
        request = method.send(reply(request, nll=[float(loss[i]) for i in request.rows.index]))
        for step in range(4):
            assert request.note == {"lambda": threshold, "share": share}
            assert all(loss[i] < threshold for i in request.rows.index)
            clock.progress = (k * 4 + step + 1) / 16
            request = method.send(reply(request, loss=1.0)) if k < 3 or step < 3 else None


def test_at_least_a_batch_is_in_use():
    method = methods.self_paced(make(range(8)), Run(0, batch=3), start=0.01)
    request = next(method)
    train = method.send(reply(request, nll=request.rows.level.to_numpy(float)))
    assert sorted(train.rows.index) == list("abc")
