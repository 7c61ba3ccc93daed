"""Which rows a bench trains, validates on and tests on."""

from __future__ import annotations

import pytest

import curriculab as cl


def test_a_tenth_of_the_training_rows_is_kept_back_where_nothing_is_said(tiny_model, small_pools, tmp_path, capsys):
    train, test = small_pools
    how = {"budget": cl.Budget(steps=2), "batch_size": 4, "evaluate_every": 1, "max_new_tokens": 4, "store": tmp_path}
    bench = cl.Bench(tiny_model, train, test, **how)
    tenth = round(len(train) / 10)
    assert len(bench.valid) == tenth and len(bench.train) == len(train) - tenth
    assert sorted([*bench.train.index, *bench.valid.index]) == sorted(train.index)
    runs = bench.run({"random": cl.methods.random_order}, seeds=1, progress=False)
    assert f"{tenth} of {len(train)} training rows are kept back for validation" in capsys.readouterr().out
    assert not set(runs.exposure.id) & set(bench.valid.index)
    assert set(runs.validation.id) == set(bench.valid.index) and sorted(runs.items.share.unique()) == [0.0, 1.0]
    plain = cl.Bench(tiny_model, train, test, **how, valid=None)
    assert plain.valid is None and len(plain.train) == len(train)
    given = cl.Bench(tiny_model, bench.train, test, **how, valid=bench.valid)  # the same rows, named: the same run
    assert given.design.digest(cl.methods.random_order, 0) == bench.design.digest(cl.methods.random_order, 0)
    given.run({"random": cl.methods.random_order}, seeds=1, progress=False)
    assert "kept back" not in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.5])
def test_a_share_of_validation_rows_is_above_0_and_below_1(tiny_model, small_pools, share):
    with pytest.raises(ValueError, match=r"^valid=.*; give rows, a share of the training rows above 0 and below 1"):
        cl.Bench(tiny_model, *small_pools, budget=cl.Budget(steps=1), store=None, valid=share)
