"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from curriculab.registry.writing import digest_of_bytes, discard, write_whole


def test_a_file_is_written_readable_and_nothing_is_left_beside_it(tmp_path):
    path = write_whole(tmp_path / "table.json", b"{}")
    assert path.read_bytes() == b"{}" and os.listdir(tmp_path) == ["table.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_whole(tmp_path / "table.json", b"old")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["table.json"]


def test_a_folder_is_gone_whole_and_a_missing_one_is_no_error(tmp_path):
    folder = tmp_path / "run"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_text("x")
    discard(folder)
    discard(folder)
    assert os.listdir(tmp_path) == []


def test_digests_are_blake2_of_sixteen_bytes():
    # b2sum -l 128 of nothing
    assert digest_of_bytes(b"") == "cae66941d9efbd404e4d88758ea67670"
