"""Whoever steers beside accuracies of the test rows is told so."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

from curriculab.bench.interventions import Event, tell_of_test_rows


@pytest.mark.parametrize("what", ["stop", "swap", "fork"])
def test_who_steers_by_the_test_rows_is_told(what):
    event = Event(3, what, "easy")
    with pytest.warns(UserWarning, match=r"^steered beside accuracies of the test rows, .* cl.split\(pool, valid="):
        tell_of_test_rows(event, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_of_test_rows(event, pd.DataFrame({"prompt": ["a"]}))  # there are rows to steer by
        tell_of_test_rows(Event(3, "pause"), None)
