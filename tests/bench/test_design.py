"""The design of a bench: TRL's names and those of before."""

from __future__ import annotations

import importlib
import re
from functools import partial

import pytest

import curriculab as cl
from curriculab.bench.spec import read_spec
from curriculab.objectives.grpo import Grpo
from curriculab.simulation.learner import SimulatedLearner
from curriculab.simulation.student import Student


def test_answers_by_trls_names_and_by_those_of_before(tiny_model, small_pools):
    train, test = small_pools
    how = dict(objective="grpo", budget=cl.Budget(steps=1), store=None)
    made = [
        cl.Bench(tiny_model, train, test, num_generations=4, max_completion_length=6, **how, valid=None),
        cl.Bench(tiny_model, train, test, rollouts=4, max_new_tokens=6, **how, valid=None),
        cl.Bench(
            tiny_model,
            train,
            test,
            num_generations=4,
            **{**how, "objective": Grpo(max_completion_length=6)},
            valid=None,
        ),
    ]
    assert {(b.design.rollouts, b.design.max_new_tokens) for b in made} == {(4, 6)}
    both = "Bench(num_generations=, rollouts=): both mean the same; give num_generations"
    with pytest.raises(TypeError, match=re.escape(both)):
        cl.Bench(tiny_model, train, test, rollouts=4, num_generations=4, **how, valid=None)
    with pytest.raises(ValueError, match="differ; give one of them"):
        how["objective"] = Grpo(max_completion_length=6)
        cl.Bench(tiny_model, train, test, max_completion_length=8, **how, valid=None)
    assert cl.Sample(train, max_new_tokens=3).max_completion_length == 3
    assert cl.Run(0, batch=2, rollouts=5).num_generations == 5


# -- a backend decides a run ------------------------------------------------------------------------------------------
def answered_by(backend, model, pools, folder):
    train, test = pools
    how = dict(budget=cl.Budget(steps=2), batch_size=4, max_completion_length=4, store=folder)
    return cl.Bench(model, train, test, backend=backend, **how, valid=None)


VARIANTS = {"random": cl.methods.random_order}


@pytest.mark.slow
def test_what_a_backend_answered_is_not_served_for_another(tiny_model, small_pools, tmp_path):
    def student(rate):
        learner = SimulatedLearner(Student(rate=rate), *small_pools)
        return answered_by(lambda design: learner, tiny_model, small_pools, tmp_path)

    student(0.04).run(VARIANTS, seeds=1, progress=False)
    assert student(0.04).ask(VARIANTS, seeds=1).todo == []
    assert student(0.4).ask(VARIANTS, seeds=1).todo == [("random", 0)]
    plain = answered_by(None, tiny_model, small_pools, tmp_path)
    assert plain.ask(VARIANTS, seeds=1).todo == [("random", 0)]
    assert "backend" not in plain.design.decides(VARIANTS["random"], 0) and "backend" not in plain.design.settings()
    (folder,) = tmp_path.glob("random-*")
    assert "were answered by a backend of its author's" in cl.report.methods_paragraph(cl.load_runs(tmp_path))
    with pytest.raises(
        ValueError, match=r"is of a bench with backend=.*, which cannot be made again from a file; train"
    ):
        read_spec(folder / "spec.json")
    with pytest.raises(ValueError, match=r"^a bench with backend=.* cannot be written to a file, which holds no code"):
        student(0.04).write(tmp_path / "bench.json", VARIANTS)
    assert not (tmp_path / "bench.json").exists()


def test_the_code_of_a_backend_and_its_knobs_tell_it_from_others(tiny_model, small_pools, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "class Served:\n    def __init__(self, url, design):\n        self.port = 1\n"
    for number, version in enumerate((text, text.replace("port = 1", "port = 2"))):
        (tmp_path / f"served{number}.py").write_text(version)
    one, other = (importlib.import_module(f"served{number}").Served for number in (0, 1))
    makers = [partial(one, "here"), partial(one, "there"), partial(other, "here"), lambda design: one("here", design)]
    benches = [answered_by(make, tiny_model, small_pools, None) for make in makers]
    digests = [bench.design.digest(cl.methods.random_order, 0) for bench in benches]
    assert len(set(digests)) == 4
    again = answered_by(partial(one, "here"), tiny_model, small_pools, None)
    assert again.design.digest(cl.methods.random_order, 0) == digests[0]
    assert benches[0].design.backend_name == "Served" and "answered by Served" in benches[0]._repr_html_()


def test_a_backend_that_cannot_be_told_from_others_is_refused_and_says_what_to_do(tiny_model, small_pools):
    class Client:
        pass

    client = Client()
    with pytest.raises(
        ValueError, match=r"^what decides the answers of backend=.*a Client;.* a method digest\(\)"
    ) as no:
        answered_by(lambda design: client, tiny_model, small_pools, None)
    assert "\n" not in str(no.value)
    Client.digest = lambda self: "version 3"
    bench = answered_by(lambda design: client, tiny_model, small_pools, None)
    assert "version 3" in str(bench.design.backend_identity)
