"""The documentation site: it builds without network, every link inside it leads somewhere, docstrings become pages."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}  # what a browser fetches by itself


class Page(HTMLParser):
    """The links of a page, what it loads and the anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag in ("a", *LOADED) and (target := given.get(LOADED.get(tag, "href"))):
            self.links.append(target)
            if tag in LOADED and given.get("rel") not in ("canonical", "search", "next", "prev", "index"):
                self.loads.append(target)


def broken(site: Path) -> list[str]:
    """Every link of the site to a page or an anchor that is not there, and everything loaded from elsewhere."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    faults = []
    for path, page in pages.items():
        faults += [f"{path.name} loads {url}" for url in page.loads if url.startswith(("http", "//"))]
        for link in set(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            if not target.exists():
                faults.append(f"{path.name} -> {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                faults.append(f"{path.name} -> {link}: no such anchor")
    return sorted(faults)


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html"></a><a href="#here"></a><a href="#gone"></a><a href="a.html#here"></a>'
        '<a href="https://elsewhere.org"></a><script src="https://elsewhere.org/x.js"></script>'
    )
    assert broken(tmp_path) == [
        "a.html -> #gone: no such anchor",
        "a.html -> b.html",
        "a.html loads https://elsewhere.org/x.js",
    ]


@pytest.mark.docs
def test_the_site_builds_and_every_internal_link_leads_somewhere(tmp_path, capfd):
    docs = pytest.importorskip("tools.docs")
    assert docs.build(tmp_path, execute=False) == 0
    told = capfd.readouterr()
    assert not [line for line in (told.out + told.err).splitlines() if "ERROR" in line or "WARNING" in line]
    assert broken(tmp_path) == []
    names = {path.stem for path in tmp_path.glob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= names
    listed = (tmp_path / "notebooks.html").read_text()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{notebook.stem}.html" in listed
    assert 'id="curriculab.statistics.compare"' in (tmp_path / "api" / "statistics.html").read_text()
    assert 'id="curriculab.methods.easy_to_hard"' in (tmp_path / "methods.html").read_text()


@pytest.mark.docs
def test_an_executed_page_is_kept_until_the_notebook_changes(tmp_path, monkeypatch):
    docs = pytest.importorskip("tools.docs")
    monkeypatch.setattr(docs, "CACHE", tmp_path / "cache")
    path = tmp_path / "tiny.ipynb"

    def write(source: str) -> None:
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)

    write("print(6 * 7)")
    first = docs.notebook_page(path, execute=True)
    assert "42" in first.read_text()
    written = first.stat().st_mtime_ns
    assert docs.notebook_page(path, execute=True) == first and first.stat().st_mtime_ns == written
    write("print(6 * 8)")
    second = docs.notebook_page(path, execute=True)
    assert "48" in second.read_text() and not first.exists()


def test_docstrings_become_rst():
    from tools.docstrings import as_rst, escape

    assert escape("x * y_ is not *all*, see `a*b`") == r"x \* y\_ is not *all*, see `a*b`"
    lines = ["One *line*.", "", "rows    what", "steps   when", "", "Parameters", "----------", "x : int", "    *n*"]
    as_rst(None, "function", "f", None, None, lines)
    assert lines == [
        *("One *line*.", "", "::", "", "    rows    what", "    steps   when", "", ""),
        *("Parameters", "----------", "x : int", "    *n*"),
    ]
