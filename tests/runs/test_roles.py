"""Lines of a record by role: older records have none, and are the learner's."""

from __future__ import annotations

import pandas as pd

from curriculab.runs import Record, Runs
from curriculab.runs.roles import of_learner, with_role


def test_an_older_record_is_the_learner_s():
    old = Record({"variant": "v", "seed": 0}, {"metrics": pd.DataFrame({"step": [1, 2], "loss": [1.0, 2.0]})})
    new = pd.DataFrame({"step": [1, 1], "loss": [3.0, 9.0], "role": ["learner", "critic"]})
    runs = Runs((old, Record({"variant": "w", "seed": 0}, {"metrics": new})))
    assert runs.metrics["role"].tolist() == ["learner", "learner", "learner", "critic"]
    assert of_learner(runs.metrics)["loss"].tolist() == [1.0, 2.0, 3.0]
    assert runs.exposure.empty and "role" in runs.exposure


def test_a_table_without_the_column_is_left_as_it_is():
    table = pd.DataFrame({"loss": [1.0]})
    assert of_learner(table) is table and with_role(table)["role"].tolist() == ["learner"]
    assert of_learner(with_role(table)).equals(with_role(table))
