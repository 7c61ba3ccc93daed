"""`make gpu`: its logic in tiny shapes on a CPU, its page, and its one line where there is no GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from curriculab.engine.loading import load_model

ROOT = Path(__file__).parents[2]


def test_without_a_gpu_it_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        gpu.main([])
    assert str(ended.value) == gpu.NO_GPU and "\n" not in gpu.NO_GPU


def test_the_page_is_that_of_the_record() -> None:
    """And while there is no record, it says so."""
    record = ROOT / gpu.RECORD
    found = json.loads(record.read_text()) if record.is_file() else None
    assert (ROOT / gpu.PAGE).read_text() == gpu.page(found)
    assert "**Not run yet.**" in gpu.page(None)


@pytest.mark.pocket
@pytest.mark.slow
def test_all_of_it_runs_in_tiny_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "BITS", (32, 4))
    to, page = tmp_path / "gpu.json", tmp_path / "gpu.md"
    given = ["--tiny", "--device", "cpu", "--repeats", "1", "--no-trl", "--to", str(to), "--page", str(page)]
    found = gpu.main(given)
    assert json.loads(to.read_text()) == found and page.read_text() == gpu.page(found)
    exact, quantised = found["right"]
    assert exact["bits"] == 32 and exact["right"] and exact["losses_apart"] < 1e-5 and exact["greedy_same"] == 1
    assert exact["gradients_apart"] < 1e-4
    assert quantised["right"] and 0 < quantised["losses_apart"] < quantised["losses_spread"]
    assert [(f["bits"], f["what"], f["variants"]) for f in found["speed"]] == [
        (bits, what, variants) for bits in (16, 4) for variants in (1, 8) for what in ("training", "decoding")
    ]
    assert all(f["tokens_a_second"] > 0 and f["share"] > 0 for f in found["speed"])
    lines = page.read_text().splitlines()
    assert "| 32 | " in page.read_text() and sum(line.startswith("| tiny | ") for line in lines) == 8


@pytest.mark.slow
def test_a_trial_leaves_the_record_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpu, "right", lambda device: iter(()))
    monkeypatch.setattr(gpu, "speeds", lambda *args, **how: iter(()))
    gpu.main(["--tiny", "--device", "cpu"])
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_computes_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times the spread is the most; here losses are off by five times."""

    def seen(bits: int, dtype: str, device: torch.device, *, reference: bool = False) -> gpu.Seen:
        off = {(32, True): 0.0, (16, True): 0.01}.get((bits, reference), 0.06)
        return gpu.Seen(torch.full((4,), 1.0 + off).numpy(), torch.ones(3), [[1, 2, 3, 4]])

    monkeypatch.setattr(gpu, "BITS", (16,))
    monkeypatch.setattr(gpu, "seen", seen)
    (found,) = gpu.right(torch.device("cpu"))
    assert found["losses_apart"] == pytest.approx(0.05) and found["losses_spread"] == pytest.approx(0.01)
    assert not found["right"] and found["greedy_same"] == 1


def test_weights_are_counted_as_the_shape_says(tmp_path: Path) -> None:
    (size,) = gpu.TINY
    gpu.save(size, str(tmp_path), torch.device("cpu"))
    model = load_model(str(tmp_path), bits=16, dtype="bfloat16", device="cpu")
    # a layer: queries and outputs 32 x 32, keys and values 32 x 16, three of 32 x 64; a head of 512 x 32
    assert gpu.weights_of(model) == (2 * (2 * 1024 + 2 * 512 + 3 * 2048), 512 * 32)
    texts = model.encode(gpu.table(size, 0))
    assert len(texts) == size.rows and all(abs(len(text) - size.tokens) <= 4 for text in texts)


def test_answers_have_tokens_in_common_up_to_the_first_that_differs() -> None:
    assert gpu.first_difference([1, 2, 3], [1, 2, 4]) == 2
    assert gpu.first_difference([1, 2], [1, 2, 4]) == 2
    assert gpu.first_difference([5], [1]) == 0
