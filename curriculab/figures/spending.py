"""Where the tokens that reinforcement generated went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curriculab import statistics
from curriculab.figures.captions import seeds_of, tell
from curriculab.figures.panels import arrange, panelled, wrap
from curriculab.figures.theme import INK
from curriculab.runs import Runs

if TYPE_CHECKING:
    import plotly.graph_objects as go

WASTE = {  # parts of what was generated: name, colour, pattern and its colour; in grey they differ by these
    "taught": ("taught something", "#08306b", "", "#08306b"),
    "silent": ("no signal: all advantages 0", "#8fb8dc", "", "#8fb8dc"),
    "rejected": ("rejected", "#f2c58f", "/", "#dba35f"),
    "probed": ("asked to measure difficulty", "#eeeeee", ".", "#cccccc"),
}


def waste(runs: Runs) -> go.Figure:
    """Where each variant's generated tokens went, as shares; how many there were stands under its name.

    The shares are those of `statistics.waste`: means over seeds.

    Examples
    --------
    >>> import curriculab as cl
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> runs = cl.simulate(cl.methods.random_order, pool, steps=2, batch_size=4, objective="grpo")
    >>> type(cl.figures.waste(runs)).__name__
    'Figure'
    """
    import plotly.graph_objects as go

    table = statistics.waste(runs)
    table["taught"] = 1 - table[["silent", "rejected", "probed"]].sum(axis=1)
    figure = panelled([""], x="share of generated tokens", y="", lines=2.9 * len(table))
    for part, (name, colour, shape, lines) in WASTE.items():
        share = table[part].clip(lower=0)
        if part != "taught" and not (share > 0).any():
            continue
        figure.add_trace(
            go.Bar(
                x=share,
                y=[*range(len(table))],
                orientation="h",
                name=name,
                width=0.62,
                text=[f"{v:.0%}" if v >= 0.06 else "" for v in share],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont_color="white" if part == "taught" else INK,
                constraintext="none",
                cliponaxis=False,
                marker=dict(color=colour, line=dict(color="white", width=1)),
                marker_pattern=dict(shape=shape, fgcolor=lines, bgcolor=colour, solidity=0.25, size=6),
                hovertemplate=f"{name}: %{{x:.1%}}<extra></extra>",
            )
        )
    under = [f"{wrap(v, 22, lines=1)}<br>{t:,.0f} tokens" for v, t in table.generated.items()]
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    figure.update_xaxes(range=[0, 1.04], tickvals=[0, 0.25, 0.5, 0.75, 1], tickformat=".0%", showgrid=False)
    figure.update_yaxes(range=[len(table) - 0.5, -0.5], tickvals=[*range(len(table))], ticktext=under)
    figure.update_yaxes(ticks="", showgrid=False)
    caption = f"Shares of generated tokens, means of {seeds_of(runs)}; below each name, how many were generated."
    return tell(arrange(figure), "Where generated tokens went", caption, runs)
