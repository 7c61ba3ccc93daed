"""What limits of the verifiers cut off: in the record, the comparison, the paragraph of methods and the panel."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

import curriculab as cl
from curriculab.protocol import Answer, Sample
from curriculab.rewards import cutoffs
from curriculab.runs.judging import cut_offs, in_words, sentence


@pytest.fixture(scope="module")
def runs():
    pool = cl.load_pool("ladder", n=60, seed=0)
    variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    return cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])


def having(runs, variant: str, *events: dict):
    """The runs, those of one variant with these events."""
    changed = (dataclasses.replace(r, events=(*r.events, *events)) if r.key[0] == variant else r for r in runs.records)
    return dataclasses.replace(runs, records=tuple(changed))


def test_counts_are_added_up_and_told(runs):
    assert cut_offs(runs) == {} and sentence(runs) == "" and "cut off" not in cl.compare(runs).verdict
    event = {"event": "cut off", "step": 2, "test": True, "counts": {"time": 2, "length": 1}, "answers": 64}
    found = having(runs, "easy first", event, {"event": "cut off", "counts": {"time": 1}})
    assert cut_offs(found) == {"easy first": {"time": 9, "length": 3}}  # three seeds
    words = "12 answers count as wrong because the verifier was cut off (9 out of time, 3 too long)"
    assert f"of easy first, {words}" in cl.compare(found).verdict
    assert "cut them off: easy first 12 (9 out of time, 3 too long)." in cl.paper.report.methods_paragraph(found)


def test_reasons_in_words():
    assert in_words({"time": 3, "refused": 1}) == "3 out of time, 1 a step of the judge was refused"


def test_a_backend_counts_what_was_cut_off_and_the_run_records_it(monkeypatch):
    pool = cl.load_pool("ladder", n=12, seed=0)
    with cutoffs.counting() as found:
        assert cl.rewards.verify("3 " * 600, "3", "ladder") == 0 and cl.rewards.verify("3", "3", "ladder") == 1
    assert found == {"cut_off/length": 1}
    with cutoffs.counting() as none:
        cl.rewards.verify("4", "3", "ladder")
    assert none == {}

    learner = cl.simulation.SimulatedLearner
    answer = learner.answer

    def cut(self, asks):
        given = answer(self, asks)
        cuts = [isinstance(ask.request, Sample) for ask in asks]
        return [
            dataclasses.replace(a, figures={**a.figures, **found}) if c and isinstance(a, Answer) else a
            for a, c in zip(given, cuts, strict=True)
        ]

    monkeypatch.setattr(learner, "answer", cut)
    recorded = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=2, batch_size=4)
    (record,) = recorded.records
    noted = [event for event in record.events if event["event"] == "cut off"]
    assert noted and all(event["test"] and event["counts"] == {"length": 1} for event in noted)
    assert cut_offs(recorded) == {"random": {"length": len(noted)}}


def test_the_panel_tells_it():
    from curriculab.widgets.standing import Standing

    key = {"variant": "random", "seed": 0}
    points = [
        {"kind": "event", "event": "cut off", "counts": {"time": 2}, **key},
        {"kind": "step", "step": 1, "loss": 1.0, "share": 0.5, **key},
    ]
    standing = Standing(SimpleNamespace(points=points, variants=["random"]))
    standing.read()
    assert standing.problems() == ["2 answers count as wrong because the verifier was cut off (2 out of time)"]
