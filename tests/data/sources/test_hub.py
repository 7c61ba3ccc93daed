"""Data sets of the hub, and folders laid out like one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curriculab.data.loading import load_pool
from tests.data.written import write


@pytest.mark.slow
def test_an_unknown_hub_name_without_network_gives_one_line() -> None:
    code = "import curriculab as p\ntry: p.load_pool('hf:nobody/nothing')\nexcept p.PoolError as e: print(e)"
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True
    )
    assert run.stdout == (
        "hf:nobody/nothing: the hub cannot be reached and the data set is not in the local cache; "
        "check the name and the network, or give a local folder (hf:<folder>) or file\n"
    )
    assert run.stderr == ""


def test_a_local_folder_in_hub_format_loads(here: Path) -> None:
    (here / "mine").mkdir()
    for part in ("train", "test"):
        write(here / "mine", f"{part}.jsonl", f'{{"question": "{part}?", "answer": "1", "options": ["1", "2"]}}\n')
    pool = load_pool("hf:mine", split="test", columns={"prompt": "question"})
    assert pool.loc["mine/00001"].to_dict() == {"prompt": "test?", "answer": "1", "options": ["1", "2"]}
