"""Grids of schedules by measures, and what training one group did to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from curriculab import statistics
from curriculab.figures.captions import seeds, seeds_of, tell
from curriculab.figures.panels import arrange, cells, panelled, texts_of
from curriculab.runs import Runs
from curriculab.statistics import Comparison

if TYPE_CHECKING:
    import plotly.graph_objects as go


def grid(result: Comparison) -> go.Figure:
    """Draw differences of variants named "row, column" (a schedule, a measure), as a map with the numbers in it.

    White is what the null band reaches by luck; bold differs after Holm. Intervals are in `comparison`.

    Parameters
    ----------
    result : Comparison
        As `cl.compare` returns it.

    Returns
    -------
    go.Figure

    Raises
    ------
    ValueError
        Where no variant has such a name.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first, level": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, seed=[0, 1, 2])
    >>> cl.figures.grid(cl.compare(runs)).data[0].z.shape
    (1, 1)
    """
    table = result.table.drop(index=result.to)
    table = table[[", " in str(v) for v in table.index]]
    if table.empty:
        raise ValueError('nothing to lay out in a grid; name the variants "row, column", such as "easy first, loss"')
    names = [str(v).rsplit(", ", 1) for v in table.index]
    rows, columns = (list(dict.fromkeys(part)) for part in zip(*names, strict=True))
    low, high = (result.null.worst, result.null.gain) if result.null else (0.0, 0.0)
    luck = table.difference.between(low - 1e-9, high + 1e-9)
    z = np.full((len(rows), len(columns)), np.nan)
    text = np.full(z.shape, "", dtype=object)
    for (row, column), d, lucky, sure in zip(names, table.difference, luck, table.differs, strict=True):
        place = rows.index(row), columns.index(column)
        z[place] = 0.0 if lucky else d
        text[place] = f"<b>{d:+.3f}</b>" if sure else f"{d:+.3f}"
    title = f"accuracy minus {result.to}"
    title += f"; white: within the null band, {low:+.3f} to {high:+.3f}" if result.null else ""
    figure = panelled([title + ("; bold: differs" if table.differs.any() else "")], x="", y="", lines=2.6 * len(rows))
    cells(figure, 0, rows, columns, z, text, most=np.nanmax(np.abs(table.difference)))
    when = "Final accuracy" if result.at == "end" else f"Accuracy {result.when}"
    about = f"{when} minus that of {result.to}, means of {seeds(table.n)}, paired by seed."
    about += " White: within what further random orders reach by luck." if result.null else ""
    about += f" {'Bold: differs' if table.differs.any() else 'None differs'} after Holm's correction."
    return tell(arrange(figure), f"Accuracy minus that of {result.to}, by schedule and measure", about)


def transfer(runs: Runs, pool: pd.DataFrame, by: str = "level") -> go.Figure:
    """Change of accuracy on each tested group while each group was trained, in hundredths; a panel a variant.

    The numbers are those of `statistics.transfer`, which has their intervals; a line stays empty where no row of its
    group was trained.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> variants = {"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}
    >>> runs = cl.simulate(variants, pool, tests=pool, steps=4, batch_size=4, evaluate_every=2, seed=[0, 1, 2])
    >>> type(cl.figures.transfer(runs, pool)).__name__
    'Figure'
    """
    table = statistics.transfer(runs, pool, by)
    variants = list(table.variant.unique())
    rows, columns = (sorted(table[side].unique()) for side in ("trained", "tested"))
    lines = 2.2 * len(rows)
    figure = panelled(variants, x=f"tested {by}", y=f"trained {by}", lines=lines)
    most = table.change.abs().max()
    for panel, variant in enumerate(variants):
        z = table[table.variant == variant].pivot(index="trained", columns="tested", values="change")
        z = z.reindex(index=rows, columns=columns).to_numpy(float)
        text = texts_of(z, _hundredths)
        cells(figure, panel, rows, columns, z, text, most=most)
    caption = (
        f"Change of accuracy on each tested {by} while each {by} was trained, hundredths; means of {seeds_of(runs)}."
    )
    return tell(arrange(figure), f"Transfer between {by}s", caption, runs)


def _hundredths(change: float) -> str:
    """ "+3" for 0.03; no sign where it rounds to 0."""
    return f"{100 * change:+.0f}" if abs(change) >= 0.005 else "0"
