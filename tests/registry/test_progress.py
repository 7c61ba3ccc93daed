"""How far work is, as it is told: shares of nested loops, lines that appear only where it takes long."""

from __future__ import annotations

import itertools
import os
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from curriculab.registry import progress
from curriculab.registry.progress import listening, ticked, working

ROOT = Path(__file__).parents[2]


def test_a_loop_in_a_loop_tells_its_share_of_the_whole():
    told = []
    with listening(told.append):
        for number in ticked(range(4)):
            if number == 2:
                for _ in ticked("ab"):
                    pass
    assert told == [0.25, 0.5, 0.625, 0.75, 0.75, 1.0]


def test_a_loop_that_is_left_early_counts_no_longer():
    told = []
    with listening(told.append):
        for _ in ticked(range(10)):
            break
        for _ in ticked(range(2)):
            pass
    assert told == [0.5, 1.0]


def test_threads_hear_their_own_loops_only():
    told, other = [], []

    def work():
        with listening(other.append):
            list(ticked([1]))

    with listening(told.append):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        list(ticked([1, 2]))
    assert (told, other) == ([0.5, 1.0], [1.0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_copy_of_the_process_tells_nobody():
    told = []
    with listening(told.append):
        pid = os.fork()
        if pid == 0:
            list(ticked([1, 2]))
            os._exit(len(told))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert told == []


def test_what_is_over_soon_says_nothing(capsys):
    with working("counting"):
        list(ticked(range(3)))
    said = capsys.readouterr()
    assert said.out == said.err == ""


def test_what_takes_longer_says_what_it_is_and_moves_without_being_told(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(progress, "BEAT_SECONDS", 0.05)
    with working("counting"):
        for _ in ticked(range(2)):
            with working("inside"):  # the outer line goes on
                time.sleep(0.4)
    said = capsys.readouterr().err
    assert "counting" in said and " 50%" in said and "inside" not in said
    assert said.count("\r") > 4


class Listening(NotebookClient):
    """Runs a notebook, and notes when a message of its kernel came."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments, kernel_name="python3")
        self.came: list[tuple[float, str]] = []

    def process_message(self, msg: dict, cell: nbformat.NotebookNode, cell_index: int) -> object:
        self.came.append((time.monotonic(), msg["msg_type"]))
        return super().process_message(msg, cell, cell_index)


@pytest.mark.slow
def test_no_cell_is_silent_for_more_than_five_seconds():
    work = f"""import sys, time
sys.path.insert(0, {str(ROOT)!r})
from curriculab.registry.progress import working
with working("counting"):
    time.sleep(11)"""
    client = Listening(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(work)]))
    client.execute()
    times = [when for when, _ in client.came]
    assert times[-1] - times[0] > 11
    (left,) = client.nb.cells[0].outputs  # what the notebook keeps of the line: nothing, and no widget
    assert left["data"] == {"text/plain": ""}
    assert max(after - before for before, after in itertools.pairwise(times)) < 5
