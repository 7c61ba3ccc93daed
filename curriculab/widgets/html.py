"""Tables as HTML."""

from __future__ import annotations

from collections.abc import Iterable


def html_table(
    head: Iterable[str],
    rows: Iterable[Iterable[str]],
    *,
    table: str = "",
    heads: str = "scope='col'",
    cells: str = "",
) -> str:
    """Write a table.

    Parameters
    ----------
    head : iterable of str
        Names of the columns, as HTML: escape what a file or a model wrote.
    rows : iterable of iterable of str
        Cells of each row, as HTML.
    table, heads, cells : str
        Attributes of the table, of the cells of its head and of all others.

    Examples
    --------
    >>> html_table(["n"], [["1"], ["2"]])
    "<table><thead><tr><th scope='col'>n</th></tr></thead><tbody><tr><td>1</td></tr><tr><td>2</td></tr></tbody></table>"
    """
    lines = "".join(f"<tr>{_cells('td', cells, row)}</tr>" for row in rows)
    return f"{_tag('table', table)}<thead><tr>{_cells('th', heads, head)}</tr></thead><tbody>{lines}</tbody></table>"


def _cells(name: str, attributes: str, texts: Iterable[str]) -> str:
    opened = _tag(name, attributes)
    return "".join(f"{opened}{text}</{name}>" for text in texts)


def _tag(name: str, attributes: str) -> str:
    return f"<{name} {attributes}>" if attributes else f"<{name}>"
