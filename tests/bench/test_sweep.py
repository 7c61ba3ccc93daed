"""Random order at several learning rates, beside a small bench that trains."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curriculab.bench.sweep import learning_rate_sweep
from curriculab.statistics import learning_rate_control


@pytest.mark.pocket
def test_a_sweep_trains_random_order_at_each_rate():
    import curriculab as cl

    pool = cl.load_pool("ladder", n=240, seed=0)
    train, test = cl.split(pool, test=24, by="level", seed=0)
    bench = cl.Bench(
        cl.load_model("pocket", bits=32),
        train,
        test,
        objective=cl.Sft(lr=1e-3),
        budget=cl.Budget(steps=2),
        store=None,
        valid=None,
    )
    runs = bench.run(
        {"random": cl.methods.random_order, "easy": partial(cl.methods.easy_to_hard, by="level")},
        seeds=2,
        progress=False,
    )
    swept = learning_rate_sweep(bench, (1e-3, 1e-2), seeds=2, progress=False)
    assert swept.variants == ["random, lr 0.001", "random, lr 0.01"] and swept.seeds == [0, 1]
    own, same, other = (
        r.metrics[r.metrics.variant == v].loss.to_numpy()
        for r, v in ((runs, "random"), (swept, "random, lr 0.001"), (swept, "random, lr 0.01"))
    )
    np.testing.assert_allclose(own, same, rtol=1e-5)  # the bench's own rate, the same rows in the same order
    assert not np.allclose(same, other)
    assert next(iter(bench.objectives.values())).learning_rate == 1e-3
    assert "learning rate" in learning_rate_control(runs, swept).verdict
    with pytest.raises(ValueError, match=r"^rates=\(0,\); give learning rates above 0 around the bench's own 0.001$"):
        learning_rate_sweep(bench, (0,))
