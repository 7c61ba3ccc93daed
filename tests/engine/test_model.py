"""What a model says of itself, the backend it brings, and the examples of its documentation."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import curriculab as cl
from curriculab.data.loading import load_pool
from curriculab.engine import loading, model
from curriculab.engine.memory import held_bytes, memory_line
from curriculab.objectives.sft import Sft
from curriculab.protocol import Ask, Sample, Score, Train


@pytest.fixture(scope="module")
def rows(tiny_model):
    return load_pool("ladder", levels=[1], n=20, seed=0).iloc[:3]


def ask(request, turn=1) -> Ask:
    return Ask(("v", 0), turn=turn, place=0, stream=(0, turn, 0), request=request)


def test_a_model_brings_a_backend_that_scores_trains_and_samples(tiny_model, rows):
    backend = tiny_model.backend({"sft": Sft(learning_rate=1e-2)}, temperature=0.0, max_new_tokens=3)
    (before,) = backend.answer([ask(Score(rows, "nll"))])
    (step,) = backend.answer([ask(Train(rows))])
    (after,) = backend.answer([ask(Score(rows, "nll"))])
    assert step.reply["loss"].to_numpy() == pytest.approx(before.reply["nll"].to_numpy(), abs=1e-5)
    assert after.reply["nll"].mean() < before.reply["nll"].mean()
    (written,) = backend.answer([ask(Sample(rows), turn=2)])
    assert (written.reply["length"] <= 3).all() and {p[-1].temperature for p in written.reply["turns"]} == {0.0}


def test_a_backend_begins_with_adapters_that_are_given(tiny_model, rows):
    trained = tiny_model.backend({"sft": Sft(learning_rate=1e-2)})
    trained.answer([ask(Train(rows))])
    given = tiny_model.backend(adapters={("v", 0): trained.adapters["v", 0]})
    scores = [backend.answer([ask(Score(rows, "nll"))])[0].reply["nll"] for backend in (trained, given)]
    assert np.array_equal(*scores)


def test_a_model_shows_itself_in_one_line_and_in_a_table_without_colours(tiny_model):
    assert repr(tiny_model).startswith(f"Model({tiny_model.name!r}, 32 bits, LoRA r=16 on 14 layers, ")
    assert len(repr(tiny_model).replace(tiny_model.name, "")) < 100
    shown = tiny_model._repr_html_()
    assert "<td>r=16, lora_alpha=32, " in shown and "<td>512 tokens</td>" in shown and "color" not in shown


def test_where_the_system_does_not_say_what_a_process_holds_the_line_says_so(tiny_model, monkeypatch, tmp_path):
    from curriculab.engine import allocator

    monkeypatch.setattr(allocator, "STATM", tmp_path / "none")
    assert held_bytes(tiny_model.device) is None
    parts = {"weights": 1, "adapters": 2, "activations": 3, "logits": 0, "peak": 6}
    assert memory_line(parts, 2, None).endswith("not measured on this system")


def test_the_line_of_memory_by_hand():
    """Two processes, each 16 MiB of adapters and 40 of a step or 100 of answers: 2 x (16 + 100), and 80 of a copy."""
    mib = 2**20
    parts = {"weights": 500 * mib, "adapters": 16 * mib, "activations": 30 * mib, "logits": 10 * mib}
    line = memory_line({**parts, "peak": 616 * mib}, 8, 240 * mib, processes=2)
    assert line == (
        "memory added by the bench: 312 MiB predicted (8 adapters 32 MiB, a step 80 MiB, or answers 200 MiB), "
        "240 MiB measured by 2 processes"
    )
    alone = memory_line({**parts, "peak": 556 * mib}, 8, 50 * mib)
    assert alone.endswith("56 MiB predicted (8 adapters 16 MiB, a step 40 MiB), 50 MiB measured")


@pytest.mark.pocket
@pytest.mark.parametrize("module", [model, loading])
def test_the_examples_of_the_documentation_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one of them writes an adapter
    found = doctest.testmod(module, extraglobs={"cl": cl}, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0 and found.failed == 0
