"""SuperLoss: confidences against a search, and the running mean."""

from __future__ import annotations

import numpy as np
import pytest

from curriculab import methods
from curriculab.methods.order import superloss
from curriculab.protocol import Run
from tests.methods.made import make, reply


def test_the_confidence_is_where_the_superloss_is_least():
    sigma = np.exp(np.linspace(-6, 1, 200_001))  # up to e
    for strength in (0.25, 1.0):
        for loss in (0.0, 0.4, 0.7, 1.5, 4.0):
            values = (loss - 0.7) * sigma + strength * np.log(sigma) ** 2
            found = superloss.confidence(np.array([loss]), 0.7, strength)[0]
            if (loss - 0.7) / strength > -2 / np.e:
                near = sigma < np.exp(1) - 1e-3
                assert found == pytest.approx(sigma[near][values[near].argmin()], rel=1e-3)
            else:
                assert found == pytest.approx(np.e, rel=1e-4)
    # beta = 2 e: W(e) = 1, so sigma = 1 / e; loss = tau: W(0) = 0, so sigma = 1
    assert superloss.confidence(np.array([2 * np.e + 0.7, 0.7]), 0.7, 1.0) == pytest.approx([1 / np.e, 1.0])


def test_the_running_mean_keeps_memory_of_what_it_was():
    method = methods.superloss(make([1, 2]), Run(0, batch=2), memory=0.8)
    train = method.send(reply(next(method), nll=[1.0, 3.0]))
    request = method.send(reply(train, loss=1.0))
    assert method.send(reply(request, nll=[0.0, 1.0])).note["tau"] == pytest.approx(1.7)  # .8 * 2 + .2 * .5


def test_weights_of_a_batch_and_the_running_mean():
    method = methods.superloss(make([1, 2]), Run(0, batch=2), memory=0.5)
    request = next(method)
    train = method.send(reply(request, nll=[1.0, 3.0]))
    assert train.note["tau"] == 2.0
    assert train.rows.weight.tolist() == pytest.approx(superloss.confidence(np.array([1.0, 3.0]), 2.0, 1.0).tolist())
    assert train.rows.weight.iloc[0] > 1 > train.rows.weight.iloc[1]
    second = method.send(reply(train, loss=1.0))
    assert method.send(reply(second, nll=[0.0, 0.0])).note["tau"] == 1.0
    fixed = methods.superloss(make([1, 2]), Run(0, batch=2), tau=0.5)
    assert fixed.send(reply(next(fixed), nll=[1.0, 3.0])).note["tau"] == 0.5
