"""Figures that change in place: what a page is told of them, and when."""

from __future__ import annotations

from collections.abc import Iterator

import comm
import plotly.graph_objects as go
import pytest
from comm.base_comm import BaseComm

from curriculab.figures.screen import CONFIG, OWN
from curriculab.widgets.controls import live_figure, show


class Page(BaseComm):
    """What a page was told: (kind of message, state), in their order."""

    told: list[tuple[str, dict]] = []

    def publish_msg(self, msg_type: str, data: dict | None = None, **more: object) -> None:
        self.told.append((msg_type, (data or {}).get("state", {})))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Page]]:
    monkeypatch.setattr(Page, "told", [])
    monkeypatch.setattr(comm, "create_comm", Page)
    yield Page


def drawn(y: list[int]) -> go.Figure:
    return go.Figure(go.Scatter(x=[1, 2], y=y, name="a"), layout=dict(height=333))


def test_a_page_is_told_everything_at_once(page: type[Page]):
    """plotly's own widget tells its numbers in a second message: a page that draws in between stays empty."""
    figure = live_figure(drawn([3, 4]))
    (kind, state), *later = [(kind, state) for kind, state in page.told if "_widget_data" in state]
    assert kind == "comm_open" and later == []
    assert state["_widget_data"][0]["y"] == [3, 4] and state["_widget_layout"]["height"] == 333
    assert CONFIG.items() <= state["_config"].items() and OWN in state["_dom_classes"]
    assert figure.layout.autosize


def test_a_page_that_opens_later_is_told_how_it_stands_now(page: type[Page]):
    figure = live_figure(drawn([3, 4]))
    show(figure, drawn([7, 8]).update_layout(height=444))
    state = figure.get_state()
    assert state["_widget_data"][0]["y"] == [7, 8] and state["_widget_layout"]["height"] == 444
    assert "_widget_data" not in figure.get_state("_config")
