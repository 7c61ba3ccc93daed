"""The short form of `python -m tests.fuzz`: a clear line, never a traceback from the depths, never a silent drop."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import curriculab as cl
from curriculab.data.validation import PoolError
from curriculab.engine.loading import load_model
from tests import fuzz

FEW = dict(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**48)


@pytest.mark.slow
@settings(max_examples=150, **FEW)
@given(fuzz.files())
@example(("some.jsonl", b"", None))
@example(("some.jsonl.gz", b"\x1f\x8b\x08\x00", None))
@example(("some.csv", b"prompt,answer\r\n2 + 2,4\r\n", 1))
@example(("some.csv", b'prompt,answer\n"2 + 2,4\n', None))
@example(("some.json", b"[" * 100_000, None))
@example(("some.jsonl", b'{"prompt": "2 + 2", "answer": NaN}\n', None))
@example(("some.parquet", b"PAR1" + b"\xff" * 60 + b"PAR1", None))
def test_any_file_is_a_pool_or_one_line(tmp_path_factory, file: tuple[str, bytes, int | None]) -> None:
    fuzz.read(tmp_path_factory.mktemp("file"), *file)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.json", "a.parquet", "a.jsonl.gz"])
def test_a_folder_in_place_of_a_file_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(PoolError, match="no such file") as caught:
        cl.load_pool(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def model(tiny_folder):
    return load_model(str(tiny_folder), bits=32)


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory) -> tuple[cl.Runs, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return fuzz.recorded(model, folder), folder


@pytest.fixture(scope="module")
def cut(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cut")
    fuzz.cut_off(model, folder)
    return folder


@pytest.mark.slow
@settings(max_examples=60, **FEW)
@given(SEEDS)
def test_a_finished_run_that_was_hurt_is_named_and_set_aside(whole, tmp_path_factory, seed: int) -> None:
    _, folder = whole
    fuzz.finished(folder, tmp_path_factory.mktemp("hurt"), fuzz.names(folder), seed)


@pytest.mark.slow
@settings(max_examples=8, **FEW)
@given(SEEDS)
def test_a_bench_that_was_hurt_goes_on_from_what_is_whole(model, whole, cut, tmp_path_factory, seed: int) -> None:
    fuzz.unfinished(model, whole[0], cut, tmp_path_factory.mktemp("hurt"), seed)


@pytest.mark.slow
def test_a_damaged_run_is_trained_again_with_a_warning_and_nothing_of_it_is_lost(model, whole, tmp_path) -> None:
    runs = fuzz.recorded(model, tmp_path / "store")
    adapter = runs.records[0].adapter / "adapter_model.safetensors"
    content = adapter.read_bytes()
    adapter.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    line = "adapter/adapter_model.safetensors holds other bytes than were written.*set aside as damaged-.*trained again"
    with pytest.warns(UserWarning, match=line):
        again = fuzz.recorded(model, tmp_path / "store")
    assert not any(n for k, n in fuzz.differences(again, whole[0]).items() if k not in ("rows", "adapters"))
    aside = tmp_path / "store" / f"damaged-{adapter.parents[1].name}"
    assert (aside / "adapter" / adapter.name).read_bytes() == content[:-1] + bytes([content[-1] ^ 1])
    assert adapter.read_bytes() == content
    with pytest.warns(UserWarning, match=rf"1 damaged run is left out of .*{aside.name} \(set aside\)"):
        assert len(cl.load_runs(tmp_path / "store").records) == 2
