"""Cognitive foundations: elements, mutual information, paths and guidance, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.methods.analysis.cognitive_foundations import (
    elements,
    frequent_path,
    generic,
    guidance,
    npmi,
    path_of_success,
    solve,
)
from curriculab.protocol import Run, Sample, Use
from tests.methods.made import make

V, B, D = "verification", "backtracking", "decomposition"


def test_elements_are_found_by_words_in_the_order_of_the_trace():
    assert elements("Wait, go back. First I split it. Let me check. #### 7") == (B, D, V)
    assert elements("#### 7") == () and elements("await the firsts") == ()


def test_mutual_information_is_normalised():
    # P(e) = P(s) = 1/2, P(e, s) = 3/8: log((3/8) / (1/4)) / -log(3/8) = .4055 / .9808
    held, right = [1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 1, 0, 0, 0]
    assert npmi(held, right) == pytest.approx(0.4134, abs=1e-4)
    assert npmi([1, 1, 0, 0], [1, 0, 1, 0]) == 0.0  # independent
    assert npmi([1, 1, 0, 0], [1, 1, 0, 0]) == pytest.approx(1.0)
    assert npmi([1, 0], [0, 1]) == -1.0 and npmi([1, 1], [1, 1]) == 0.0
    # Of an uneven one: P(e) = 3/4, P(s) = 1/2, P(e, s) = 1/2: log(4/3) / log(2)
    assert npmi([1, 1, 1, 0], [1, 1, 0, 0]) == pytest.approx(np.log(4 / 3) / np.log(2))


TRACES = [(V, D), (V, D), (V, B), (D, B), (D, B), (D, B), (B,), ()]
RIGHT = np.array([1, 1, 0, 0, 0, 1, 0, 0], bool)


def test_the_path_of_success_follows_what_goes_with_right_answers():
    # Right answers begin with V or D. V: P = 3/8, joint 2/8, right 3/8 -> log(16/9) / log 4 = .415; D: P = 5/8, joint
    # 3/8 -> log(8/5) / log(8/3) = .479, so it starts with D. From D: only D-B, P = 3/8, joint 1/8 -> log(8/9) / log 8.
    assert npmi([D in t for t in TRACES], RIGHT) == pytest.approx(np.log(8 / 5) / np.log(8 / 3))
    assert path_of_success(TRACES, RIGHT, 7, dynamic=True) == [D]  # its NPMI is below 0
    assert path_of_success(TRACES, RIGHT, 7, dynamic=False) == [D, B]
    assert path_of_success(TRACES, RIGHT, 1, dynamic=False) == [D]
    assert path_of_success(TRACES, ~RIGHT, 7, dynamic=True) == [B]  # B comes first in a wrong one


def test_of_two_edges_the_better_one_is_taken():
    traces, right = [(V, D), (V, D), (V, B), (V, B), (D,), (D,)], np.array([1, 1, 1, 0, 0, 0], bool)
    assert path_of_success(traces, right, 2, dynamic=True) == [V, D]


def test_the_frequent_path_counts_all_traces():
    assert frequent_path([(V, D), (D, B), (D, B), (D, V), (V,)], 7) == [D, B]
    assert frequent_path([(), ()], 7) == []


def test_guidance_has_a_phase_for_each_element_and_general_advice_its_length():
    text = guidance([D, V])
    assert text == "Phase 1: split the problem into parts. Phase 2: check every result against the question."
    assert len(generic(text)) == len(text) and generic(text).startswith("Plan, solve and finish")
    assert guidance([]) == generic("") == ""


def test_a_row_is_guided_by_its_topic():
    rows = make([1, 1, 1], topic=list("xyz"))
    request = next(solve(rows, {"x": "first", "y": "second"}))
    assert request.rows.prompt.tolist() == ["first\nq", "second\nq", "\nq"]
    assert (request.temperature, request.purpose) == (0.0, "test")
    assert next(solve(rows)).rows.prompt.tolist() == ["q"] * 3


def test_it_samples_traces_and_says_how_it_is_tested():
    pool = make([1] * 4, topic=list("xxyy"))
    method = methods.cognitive_foundations(pool, Run(0, batch=2, rollouts=3), rows=4)
    request = next(method)
    assert isinstance(request, Sample) and (request.purpose, request.n, len(request.rows)) == ("trace", 3, 4)
    said = {"x": ["Let me check.", "7", "First"], "y": ["First", "First", "7"]}
    out = request.rows.loc[request.rows.index.repeat(3)]
    texts = [text for topic in request.rows.topic for text in said[topic]]
    use = method.send(out.assign(text=texts, correct=[1.0, 0.0, 0.0] * 4))
    assert isinstance(use, Use) and list(use.solvers) == ["plain", "guided", "frequent", "generic"]
    with pytest.raises(StopIteration) as stop:
        method.send(None)
    found: pd.DataFrame = stop.value.value
    assert list(found.columns) == ["topic", "element", "share", "npmi", "guided", "frequent"]
    lines = found.set_index(["topic", "element"])
    assert lines.loc[("x", V), "share"] == pytest.approx(1 / 3) and lines.loc[("x", V), "npmi"] == pytest.approx(1.0)
    assert lines.loc[("x", V), "guided"] == 1 and lines.loc[("y", D), "frequent"] == 1


def test_a_path_starts_as_a_right_trace_does():
    # D has the higher NPMI (.56 against .24), but no trace that begins with it is right.
    traces, right = [(V, D), (V, D), (D,), (V,), (V,)], np.array([1, 1, 0, 0, 0], bool)
    assert path_of_success(traces, right, 7, dynamic=True) == [V, D]
