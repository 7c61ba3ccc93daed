"""Item curves and the Wright map show a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import figures


@pytest.fixture(scope="module")
def crowd():
    """An IRT fit of 60 people and 10 items, q0 easiest, q9 hardest."""
    from curriculab.difficulty import irt

    rng = np.random.default_rng(3)
    ability, hard = rng.normal(size=(60, 1)), np.linspace(-2, 2, 10)
    answers = rng.random((60, 10)) < 1 / (1 + np.exp(hard - ability))
    return irt.fit(pd.DataFrame(answers.astype(float), columns=[f"q{i}" for i in range(10)]))


def test_item_curves_are_those_of_the_fit(crowd):
    figure = figures.item_curves(crowd, ["q2", "q7"])
    assert [t.name for t in figure.data] == ["q2", "q7", "people"]
    for trace in figure.data[:2]:
        difficulty = crowd.items.loc[trace.name, "difficulty"]
        assert np.allclose(trace.y, 1 / (1 + np.exp(difficulty - np.asarray(trace.x))))
    assert len(figure.data[2].x) == 60
    assert len(figures.item_curves(crowd).data) == 8 + 1
    with pytest.raises(ValueError, match="10 curves in one figure; give 1 to 8 items"):
        figures.item_curves(crowd, list(crowd.items.index))


def test_a_wright_map_counts_everybody_once(crowd):
    level = pd.Series([1] * 5 + [2] * 5, crowd.items.index, name="level")
    people, *items = figures.wright_map(crowd, groups=level).data
    assert people.x.sum() == 60 and [t.x.sum() for t in items] == [5, 5]
    assert [t.name for t in items] == ["level 1", "2"]
    assert (items[0].y == people.y).all()
