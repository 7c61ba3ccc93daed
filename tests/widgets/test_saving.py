"""Figures that are downloaded: what the links carry are whole files."""

from __future__ import annotations

import base64
import re

import plotly.graph_objects as go
import pytest
from pypdf import PdfReader

from curriculab.widgets.saving import Save


@pytest.mark.needs("chromium")
def test_the_links_carry_the_files(tmp_path):
    save = Save(lambda: go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="a")), "curves")
    save.save()
    carried = dict(re.findall(r"download='([^']+)' href='data:[^;]+;base64,([^']+)'", save.links.value))
    assert set(carried) >= {"curves.pdf", "curves.svg", "curves.png", "curves.csv"}
    (tmp_path / "curves.pdf").write_bytes(base64.b64decode(carried["curves.pdf"]))
    assert len(PdfReader(tmp_path / "curves.pdf").pages) == 1
    assert base64.b64decode(carried["curves.png"]).startswith(b"\x89PNG")
    assert not save.button.disabled


def test_what_goes_wrong_is_said_as_text():
    def broken():
        raise ValueError("no <figure> yet")

    save = Save(broken, "curves")
    save.save()
    assert save.links.value == "<b role='alert'>no &lt;figure&gt; yet</b>"
