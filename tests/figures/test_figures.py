"""Figures show the numbers of the tables, in stable colours, and are exported whole."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curriculab import figures, statistics
from curriculab.figures import (
    ExportError,
    comparison,
    difficulty,
    draws,
    export,
    export_all,
    find_browser,
    for_print,
    learning_curves,
    levels,
    palette,
)
from curriculab.runs import Record, Runs
from curriculab.statistics import compare, paired_t

LEVELS = np.repeat([1, 2, 3, 4], 10)
IDS = [f"ladder/add/{level}/{i:05d}" for i, level in enumerate(LEVELS)]
VARIANTS = ("random", "easy first", "hard first")


def record(variant: str, seed: int, *, ended: str = "budget", until: float = 1.0) -> Record:
    """Ten steps of four rows in order of level (or against it, or at random), tested at start, middle, end."""
    rng = np.random.default_rng([seed, *variant.encode()])
    skill = {"easy first": 0.1, "hard first": -0.1}.get(variant, 0.0)
    tests = []
    for share in (0.0, 0.5, 1.0):
        chance = 0.9 - 0.15 * LEVELS + share * (0.2 + skill)
        fixed = dict(step=int(10 * share), progress=share, share=share, solver="direct", gold=False, level=LEVELS)
        spent = dict(id=IDS, tokens=int(400 * share) + seed, seconds=4.0 * share + seed)
        spent |= dict(rollouts=int(320 * share), generated=int(1600 * share) + seed)
        tests.append(pd.DataFrame({**fixed, **spent, "correct": (rng.random(40) < chance).astype(float)}))
    order = {"easy first": np.arange(40), "hard first": np.arange(40)[::-1]}.get(variant, rng.permutation(40))
    items = pd.concat([t for t in tests if t.share[0] <= until], ignore_index=True)
    exposure = pd.DataFrame(dict(step=np.repeat(np.arange(1, 11), 4), id=np.array(IDS)[order], tokens=10, weight=1.0))
    tables = dict(items=items, exposure=exposure, metrics=pd.DataFrame(), ledger=pd.DataFrame())
    return Record(dict(variant=variant, seed=seed, ended=ended), tables)


@pytest.fixture(scope="module")
def runs() -> Runs:
    names = [*VARIANTS, "order 2", "order 3"]
    return Runs(tuple(record(v, s) for v in names for s in range(3)), null=("order 2", "order 3"))


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    loss = np.random.default_rng(0).gamma(LEVELS)
    columns = dict(prompt="p", answer="a", level=LEVELS, loss=loss, topic=["add", "sort"] * 20)
    return pd.DataFrame(columns, index=pd.Index(IDS, name="id"))


def traces(figure, name: str) -> list:
    return [t for t in figure.data if t.name == name]


AXES = [
    ("tokens", 401, "trained tokens"),
    ("generated", 1601, "generated tokens"),
    ("rollouts", 320, "rollouts"),
    ("seconds", 5.0, "seconds"),
]


# -- the numbers ----------------------------------------------------------------------------------------------------
def test_learning_curves_show_the_table(runs: Runs):
    figure = learning_curves(runs)
    table = runs.accuracy()
    for variant in VARIANTS:
        own = table[table.variant == variant].pivot(index="step", columns="seed", values="accuracy")
        (mean,) = traces(figure, variant)
        assert list(mean.x) == [0, 5, 10] and list(mean.y) == pytest.approx(list(own.mean(axis=1)))
        (seeds,) = traces(figure, f"{variant}, seeds")
        assert [y for y in seeds.y if y == y] == pytest.approx(own.to_numpy().T.ravel().tolist())
        (band,) = traces(figure, f"{variant}, 95% interval")
        found = paired_t(own.to_numpy())
        assert list(band.y[:3]) == pytest.approx(list(found.high.clip(0, 1)))
        assert list(band.y[3:]) == pytest.approx(list(found.low.clip(0, 1))[::-1])


def test_what_was_done_by_hand_is_a_sign_on_the_mean_that_it_changed(runs: Runs):
    event = dict(call=9, variant="", to=None, turns={}, of="", since=0, step=0, why="", tokens=0)
    events = [
        event | dict(what="swap", variant="easy first", step=5),
        event | dict(what="pause", step=10),
        event | dict(what="fork", variant="easy first > b", of="easy first", step=8),
    ]
    steered = Runs(tuple(Record(r.spec | {"events": events}, r.tables) for r in runs.records), runs.null)
    figure = learning_curves(steered, x="tokens")
    (signs,), (mean,) = traces(figure, "by hand"), traces(figure, "easy first")
    assert signs.x[:2] == pytest.approx((201, 401))  # 400 tokens in ten steps, and the mean of seeds 0, 1 and 2
    assert signs.y[0] == pytest.approx(mean.y[1])
    assert signs.y[2] == pytest.approx(0.4 * mean.y[1] + 0.6 * mean.y[2])  # at 8, three fifths of the way from 5 to 10
    assert signs.y[1] == min(np.nanmin(t.y) for t in figure.data if t.name.endswith(", seeds"))
    assert (
        "Signs: done by hand, swap easy first at step 5; pause at step 10; fork easy first > b of easy first at"
        in (figure.layout.meta["caption"])
    )
    assert not traces(learning_curves(runs), "by hand")


def test_the_null_band_reaches_from_worst_to_best(runs: Runs):
    (band,) = traces(learning_curves(runs), "worst to best of 2 random orders")
    table = runs.accuracy()
    means = table[table.variant.isin(runs.null)].pivot_table(index="step", columns="variant", values="accuracy")
    assert list(band.y[:3]) == pytest.approx(list(means.max(axis=1)))
    assert list(band.y[3:]) == pytest.approx(list(means.min(axis=1))[::-1])


@pytest.mark.parametrize(("x", "last", "title"), AXES)
def test_learning_curves_over_other_axes(runs: Runs, x: str, last: float, title: str):
    figure = learning_curves(runs, x=x)
    assert traces(figure, "easy first")[0].x[-1] == pytest.approx(last)  # the mean of seeds 0, 1, 2
    assert figure.layout.xaxis.title.text == title


def test_learning_curves_by_level_and_by_variant(runs: Runs):
    by_level = learning_curves(runs, by="level")
    assert [a.text for a in by_level.layout.annotations] == ["level 1", "level 2", "level 3", "level 4"]
    table = runs.accuracy("level")
    own = table[(table.variant == "easy first") & (table.level == 3)].groupby("step").accuracy.mean()
    assert list(traces(by_level, "easy first")[2].y) == pytest.approx(list(own))
    by_variant = learning_curves(runs, by="variant")
    assert [a.text for a in by_variant.layout.annotations] == ["easy first", "hard first"]
    assert [len(traces(by_variant, v)) for v in VARIANTS] == [2, 1, 1]


def test_a_seed_that_ended_early_is_marked_and_left_out_of_the_mean():
    records = [record("random", s) for s in range(3)] + [record("easy first", s) for s in range(2)]
    figure = learning_curves(Runs((*records, record("easy first", 2, ended="failed: x", until=0.5))))
    (cross,) = traces(figure, "easy first, ended early")
    assert list(cross.x) == [5]
    expected = np.mean([r.tables["items"].query("step == 10").correct.mean() for r in records[3:]])
    assert traces(figure, "easy first")[0].y[-1] == pytest.approx(expected)


def test_a_seed_that_lacks_a_test_is_still_whole():
    records = [record("random", s) for s in range(3)]
    tests = records[2].tables["items"]
    records[2].tables["items"] = tests[tests.share != 0.5]  # a long step went past it
    figure = learning_curves(Runs(tuple(records)))
    assert not traces(figure, "random, ended early")
    (mean,), (band,) = traces(figure, "random"), traces(figure, "random, 95% interval")
    middle = np.mean([r.tables["items"].query("step == 5").correct.mean() for r in records[:2]])
    assert (list(mean.x), mean.y[1]) == ([0, 5, 10], pytest.approx(middle))
    assert list(band.x) == [0, 10, 10, 0]


def test_one_seed_has_no_band():
    figure = learning_curves(Runs((record("random", 0), record("easy first", 0))))
    assert [t.name for t in figure.data] == ["random", "easy first"]


def test_draws_show_shares_of_levels(runs: Runs, pool: pd.DataFrame):
    figure = draws(runs, pool)
    ascending = np.array([t.y[:-1] for t in figure.data if t.yaxis == "y2"])  # (levels, steps): panel of easy first
    assert ascending[:, 0] == pytest.approx([1, 0, 0, 0]) and ascending[:, -1] == pytest.approx([0, 0, 0, 1])
    for panel in ("y", "y2", "y3"):
        assert np.sum([t.y for t in figure.data if t.yaxis == panel], axis=0) == pytest.approx(np.ones(11))
    assert [t.name for t in figure.data if t.showlegend] == ["level 1", "2", "3", "4"]
    assert [a.text for a in figure.layout.annotations] == list(VARIANTS)


def test_draws_map_a_score(runs: Runs, pool: pd.DataFrame):
    figure = draws(runs, pool, by="loss")
    assert [t.type for t in figure.data] == ["heatmap"] * 3
    z = figure.data[1].z
    assert z.sum(axis=0) == pytest.approx(np.ones(10))
    bins = np.histogram_bin_edges(pool.loss, 24)
    assert z[:, 0] == pytest.approx(np.histogram(pool.loss.iloc[:4], bins)[0] / 4)  # step 1 of easy first


def test_draws_say_which_rows_are_new(pool: pd.DataFrame):
    made = record("random", 0)
    made.tables["exposure"].loc[:9, "id"] = "made/0"
    assert draws(Runs((made,)), pool, by="loss").layout.annotations[0].text == "random (without 25% new rows)"
    assert traces(draws(Runs((made,)), pool), "new rows")[0].y[0] == 1


def test_difficulty_counts_rows(pool: pd.DataFrame):
    figure = difficulty(pool, ["loss", "level"])
    assert [figure.layout.xaxis.title.text, figure.layout.xaxis2.title.text] == ["loss", "level"]
    assert sum(sum(t.y[:-1]) for t in figure.data if t.xaxis == "x") == 40
    second = [t for t in figure.data if t.xaxis == "x2"]
    assert [list(t.y[:-1]) for t in second] == (10 * np.eye(4)).tolist()
    assert len(difficulty(pool.drop(columns="level"), "loss").data) == 1
    assert difficulty(pool).layout.meta["x"] == ["level", "loss"]


def test_many_levels_and_topics_are_merged(pool: pd.DataFrame):
    many = pool.assign(level=range(40), topic=[f"t{i}" for i in range(40)])
    assert traces(difficulty(many, "loss"), "7 and more") != []
    assert traces(difficulty(many, "loss", by="topic"), "others") != []


def test_comparison_shows_the_table(runs: Runs):
    result = compare(runs)
    figure = comparison(result)
    for variant in VARIANTS[1:]:
        points, mean = traces(figure, variant)
        row = result.table.loc[variant]
        assert list(points.x) == pytest.approx(list(result.scores[result.scores.variant == variant].difference))
        assert mean.x[0] == pytest.approx(row.difference)
        assert mean.x[0] + mean.error_x.array[0] == pytest.approx(row.high)
        assert mean.x[0] - mean.error_x.arrayminus[0] == pytest.approx(row.low)
        assert (mean.marker.color == "white") != row.differs
    assert list(figure.layout.yaxis.ticktext) == list(VARIANTS[1:])
    assert sorted(set(traces(figure, "worst to best of 2 random orders")[0].x)) == [result.null.worst, result.null.gain]


def test_levels_show_the_table(runs: Runs):
    result = compare(runs)
    table = result.levels[result.levels.variant == "easy first"]
    assert list(traces(levels(result), "easy first")[0].y) == pytest.approx(list(table.accuracy))
    differences = levels(result, "difference")
    assert list(traces(differences, "easy first")[0].y) == pytest.approx(list(table.difference))
    assert not traces(differences, "random")


# -- grids and matrices ---------------------------------------------------------------------------------------------
def test_the_grid_shows_differences_and_blanks_luck():
    names = ["random", "easy first, level", "easy first, loss", "hard first, level", "order 2", "order 3"]
    result = compare(Runs(tuple(record(v, s) for v in names for s in range(3)), null=("order 2", "order 3")))
    heat = figures.grid(result).data[0]
    of = result.table.difference
    assert [list(line) for line in heat.text] == [
        [f"{of['easy first, level']:+.3f}", f"{of['easy first, loss']:+.3f}"],
        [f"{of['hard first, level']:+.3f}", ""],
    ]
    lucky = of["easy first, level"] <= result.null.gain and of["easy first, level"] >= result.null.worst
    assert heat.z[0][0] == (0 if lucky else pytest.approx(of["easy first, level"]))
    assert np.isnan(heat.z[1][1]) and heat.zmin == -heat.zmax
    assert list(figures.grid(result).layout.yaxis.ticktext) == ["easy first", "hard first"]


@pytest.mark.slow
def test_transfer_and_forgetting_show_their_tables(runs: Runs, pool: pd.DataFrame):
    table = statistics.transfer(runs, pool)
    figure = figures.transfer(runs, pool)
    assert [trace.name for trace in figure.data] == list(VARIANTS)
    own = table[(table.variant == "easy first") & (table.trained == 1)].set_index("tested").change
    assert list(figure.data[1].z[0]) == pytest.approx(list(own))
    assert figure.data[1].text[0][0] in ("0", f"{100 * own[1]:+.0f}")
    forgot = statistics.forgetting(runs, "level")
    shown = traces(figures.forgetting(runs, "level"), "easy first")[0]
    assert list(shown.x) == pytest.approx(list(forgot[forgot.variant == "easy first"].forgetting))
    bands = traces(figures.forgetting(runs, "level"), "smallest to largest of 2 random orders")
    assert len(bands) == 5 and sum(band.showlegend for band in bands) == 1
    assert figures.forgetting(runs, "level").data[-1].name == "95% interval (t, n=3)"


def test_a_grid_needs_names_in_pairs(runs: Runs):
    with pytest.raises(ValueError) as error:
        figures.grid(compare(runs))
    message = 'nothing to lay out in a grid; name the variants "row, column", such as "easy first, loss"'
    assert str(error.value) == message


# -- the look -------------------------------------------------------------------------------------------------------
def test_a_variant_has_one_colour_in_every_figure(runs: Runs):
    result, colours = compare(runs), palette(runs.variants)
    assert colours == {"random": "#757575", "easy first": "#0072B2", "hard first": "#D55E00"}
    for figure in (learning_curves(runs), learning_curves(runs, by="variant"), levels(result)):
        for variant in VARIANTS:
            assert {t.line.color for t in traces(figure, variant)} == {colours[variant]}
    for variant in VARIANTS[1:]:
        assert traces(comparison(result), variant)[1].error_x.color == colours[variant]


def test_colours_go_by_place_and_lines_stay_apart_beyond_the_palette():
    names = ["random", *(f"v{i}" for i in range(20))]
    styles = [tuple(figures.theme.style_of(v, names).values()) for v in names]
    assert len(set(styles)) == len(names)
    assert palette(names[:3])["v1"] == palette(names)["v1"]


def test_names_are_not_read_as_markup():
    odd = "a<b> & c"
    runs = Runs(tuple(record(v, s) for v in ("random", odd) for s in range(2)))
    assert traces(learning_curves(runs), "a&lt;b&gt; &amp; c")
    assert comparison(compare(runs)).layout.yaxis.ticktext == ("a&lt;b&gt; &amp; c",)


@pytest.mark.parametrize(("width", "columns"), [(3.25, 2), (6.75, 4)])
def test_print_has_a_column_of_the_paper(runs: Runs, width: float, columns: int):
    figure = for_print(learning_curves(runs, by="level"), width=width)
    assert figure.layout.width == round(96 * width)
    assert figure.layout.font.size == pytest.approx(8 / 0.75)  # 8 pt at 96 px to the inch
    axes = [figure.layout[name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert len({axis.domain[0] for axis in axes}) == columns
    assert all(low.domain[1] <= high.domain[0] for low, high in zip(axes, axes[1:columns], strict=False))
    assert for_print(learning_curves(runs), height=2).layout.height == 192


def test_figures_are_left_as_they_were(runs: Runs):
    figure = learning_curves(runs)
    before = figure.to_json()
    for_print(figure)
    assert figure.to_json() == before


# -- bad input ------------------------------------------------------------------------------------------------------
NONE_TRAINED = Runs(
    (Record(dict(variant="random", seed=0), dict(record("random", 0).tables, exposure=pd.DataFrame())),)
)


BAD = {
    "x='epochs' is not an axis of learning curves; choose from steps, tokens, rollouts, generated, seconds": (
        lambda r, p: learning_curves(r, x="epochs")
    ),
    "no learning curve to show: no test was made (runs.items is empty); give the bench test rows": (
        lambda r, p: learning_curves(Runs(()))
    ),
    "the pool has no column 'lvl' to show draws by; it has prompt, answer, level, loss, topic": (
        lambda r, p: draws(r, p, by="lvl")
    ),
    "no draws to show: no row was trained (runs.exposure is empty)": lambda r, p: draws(NONE_TRAINED, p),
    "the pool has no column 'topic' of numbers to show; it has level, loss": lambda r, p: difficulty(p, "topic"),
    "column 'loss' holds 40 values that are not finite; a measure has one for every row": (
        lambda r, p: difficulty(p.assign(loss=np.nan), "loss")
    ),
    "no measure to show: the pool has no rows or no column of numbers; add one, as pool['loss']": (
        lambda r, p: difficulty(p[["prompt", "answer"]])
    ),
    "value='p' is not known here; choose 'accuracy' or 'difference'": lambda r, p: levels(compare(r), "p"),
    "no levels to show: the test rows have no column 'level'": lambda r, p: levels(compare(without_level(r))),
    "nothing to show: only 'random' was compared, with itself": lambda r, p: comparison(compare(Runs(r.records[:3]))),
    "cannot export to 'eps'; choose from html, csv, txt, pdf, svg, png": (
        lambda r, p: export(learning_curves(r), "x", formats=["eps"])
    ),
    "width=312 is in inches, between 1 and 40; a column of a paper has 3.25, two have 6.75": (
        lambda r, p: export(learning_curves(r), "x", width=312)
    ),
}


def without_level(runs: Runs) -> Runs:
    tables = [{**r.tables, "items": r.tables["items"].drop(columns="level")} for r in runs.records]
    return Runs(tuple(Record(r.spec, t) for r, t in zip(runs.records, tables, strict=True)), runs.null)


@pytest.mark.parametrize(("message", "call"), BAD.items())
def test_bad_input_gives_one_clear_line(runs: Runs, pool: pd.DataFrame, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(runs, pool)
    assert str(error.value) == message


# -- what reinforcement noted and spent -----------------------------------------------------------------------------
def reinforced(variant: str, seed: int, *, steps: int = 4, spread: float = 1.0, notes: dict | None = None) -> Record:
    """Steps of one group of 4 answers of 10 tokens each, after one group asked as a probe; reward step / 10 + seed."""
    step = np.arange(1, steps + 1)
    so_far = dict(tokens=40 * step, rollouts=4 * step, generated=40 * step + seed, seconds=1.0 * step)
    metrics = pd.DataFrame(dict(step=step, reward=step / 10 + seed, **so_far, **(notes or {})))
    group = dict(id=IDS[:steps], group=step, n=4, reward=0.5, spread=spread, tokens=40, trained=4, signal=spread > 0)
    asked = dict(step=[1], purpose="probe", id=IDS[0], group=0, n=4, reward=1.0, spread=0.0, tokens=40, trained=0)
    probe = pd.DataFrame(dict(asked, signal=False))
    groups = pd.concat([probe, pd.DataFrame(dict(step=step, purpose="answer", **group))], ignore_index=True)
    ledger = pd.DataFrame(dict(step=step, request="Train", test=False, seconds=1.0))
    tables = dict(metrics=metrics, groups=groups, ledger=ledger, items=pd.DataFrame(), exposure=pd.DataFrame())
    return Record(dict(variant=variant, seed=seed, ended="budget"), tables)


@pytest.fixture(scope="module")
def online() -> Runs:
    chances = {"p/1": [0.5, 0.4, 0.3, 0.2], "p/2": [0.5, 0.6, 0.7, 0.8]}
    listening = [reinforced("sec", s, notes=chances) for s in range(2)]
    return Runs((*(reinforced("random", s, spread=0.0) for s in range(2)), *listening))


def test_notes_show_the_metrics(online: Runs):
    figure = figures.notes(online, "reward")
    (mean,) = traces(figure, "sec")
    assert list(mean.x) == [1, 2, 3, 4] and list(mean.y) == pytest.approx([0.6, 0.7, 0.8, 0.9])  # of seeds 0 and 1
    (seeds,) = traces(figure, "sec, seeds")
    assert [y for y in seeds.y if y == y] == pytest.approx([0.1, 0.2, 0.3, 0.4, 1.1, 1.2, 1.3, 1.4])
    assert (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text) == ("reward", "optimiser steps")
    assert mean.line.color == palette(online.variants)["sec"]


def test_notes_of_a_pattern_have_a_panel_each(online: Runs):
    figure = figures.notes(online, ["p/*", "reward"], bins=2)
    assert [a.text for a in figure.layout.annotations] == ["p/1", "p/2", "reward"]
    first, second, _ = traces(figure, "sec")
    assert list(first.x) == pytest.approx([1.5, 3.5]) and list(first.y) == pytest.approx([0.45, 0.25])
    assert list(second.y) == pytest.approx([0.55, 0.75])
    assert len(traces(figure, "random")) == 1 and [t.showlegend for t in traces(figure, "sec")] == [True, False, False]


def test_notes_over_tokens_keep_every_seed(online: Runs):
    (mean,) = traces(figures.notes(online, "reward", x="generated", bins=4), "sec")
    assert list(mean.x) == pytest.approx([40.5, 80.5, 120.5, 160.5]) and mean.y[-1] == pytest.approx(0.9)


def test_waste_shows_shares_that_add_up(online: Runs):
    figure = figures.waste(online)
    assert [t.name for t in figure.data] == [
        "taught something",
        "no signal: all advantages 0",
        "asked to measure difficulty",
    ]
    assert np.sum([t.x for t in figure.data], axis=0) == pytest.approx([1, 1])
    taught, silent, probed = (list(t.x) for t in figure.data)
    assert (taught, silent, probed) == (pytest.approx([0, 0.8]), pytest.approx([0.8, 0]), pytest.approx([0.2, 0.2]))
    assert figure.layout.yaxis.ticktext == ("random<br>200 tokens", "sec<br>200 tokens")


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (
            "no variant noted 'q/*'; runs.metrics has reward, tokens, rollouts, generated, seconds, p/1, p/2",
            lambda runs: figures.notes(runs, ["reward", "q/*"]),
        ),
        (
            "x='epochs' is not an axis of notes; choose from steps, tokens, rollouts, generated, seconds",
            lambda runs: figures.notes(runs, "reward", x="epochs"),
        ),
        (
            "no waste to show: nothing was sampled (runs.groups is empty); it is of reinforcement runs",
            lambda runs: figures.waste(Runs(())),
        ),
    ],
)
def test_what_was_not_noted_is_said(online: Runs, message: str, call: Callable):
    with pytest.raises(ValueError) as error:
        call(online)
    assert str(error.value) == message


# -- files ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures.paper, "find_browser", lambda: None)
    monkeypatch.setattr(figures.paper, "_said", set())


def test_html_needs_no_network(runs: Runs, tmp_path: Path):
    (path,) = export(learning_curves(runs), tmp_path / "figures" / "curves.v2", formats="html")
    text = path.read_text()
    assert path == tmp_path / "figures" / "curves.v2.html"
    assert "easy first" in text and "<script src=" not in text and len(text) > 1_000_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing half written is left


def test_without_a_browser_html_is_written_and_one_line_says_how(
    runs: Runs, tmp_path: Path, no_browser: None, capsys: pytest.CaptureFixture
):
    for _ in range(2):
        made = [tmp_path / f"curves.{form}" for form in ("html", "csv", "txt")]
        assert export(learning_curves(runs), tmp_path / "curves") == made
    assert capsys.readouterr().out == (
        "no Chrome or Chromium for PDF, SVG and PNG: on Debian `sudo apt install chromium`; on Ubuntu, whose apt "
        "chromium is a snap that cannot be driven from here, Google's .deb from https://www.google.com/chrome or "
        "`plotly_get_chrome`\n"
    )


def test_a_format_asked_for_by_name_is_an_error_without_a_browser(runs: Runs, tmp_path: Path, no_browser: None):
    with pytest.raises(ExportError) as error:
        export(learning_curves(runs), tmp_path / "curves", formats=("pdf",))
    assert str(error.value) == figures.NO_BROWSER
    assert [p.name for p in tmp_path.iterdir()] == ["curves.html"]


def program(path: Path, script: str) -> Path:
    path.write_text(script)
    path.chmod(0o755)
    return path


def test_a_browser_that_does_not_start_is_said(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = program(tmp_path / "chrome", '#!/bin/sh\n[ "$1" = --version ]\n')
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    with pytest.raises(ExportError) as error:
        export(learning_curves(runs), tmp_path / "curves", formats="svg")
    assert str(error.value).startswith(f"{broken} did not draw (") and str(error.value).endswith(figures.NO_BROWSER)
    assert "\n" not in str(error.value)


def test_ubuntus_stand_in_for_the_snap_is_not_taken_for_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stand_in = program(tmp_path / "chromium-browser", '#!/bin/sh\nexec /snap/bin/chromium "$@"\n')
    monkeypatch.setenv("BROWSER_PATH", str(stand_in))
    assert find_browser() is None
    monkeypatch.setenv("BROWSER_PATH", str(program(tmp_path / "broken", "#!/bin/sh\nexit 1\n")))
    assert find_browser() is None
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nowhere"))
    assert find_browser() is None


@pytest.fixture(scope="module")
def exported(runs: Runs, pool: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    result = compare(runs)
    made = {"curves": learning_curves(runs), "draws": draws(runs, pool), "final": comparison(result)}
    paths = export_all({folder / name: figure for name, figure in made.items()})
    assert sorted(p.name for p in paths) == sorted(f"{n}.{f}" for n in made for f in figures.FORMATS)
    return folder


@pytest.mark.needs("chromium")
def test_images_have_the_width_of_a_column_and_are_small(exported: Path):
    for path in exported.iterdir():
        assert path.stat().st_size > 0
        assert path.suffix in (".html", ".png") or path.stat().st_size < 200_000
    png = (exported / "curves.png").read_bytes()
    assert struct.unpack(">I", png[16:20])[0] == 975  # 3.25 in at 300 dpi
    assert png[37:41] == b"pHYs" and struct.unpack(">II", png[41:49]) == (11811, 11811)  # dots a metre
    assert 'width="312"' in (exported / "curves.svg").read_text()[:400]


@pytest.mark.needs("chromium")
@pytest.mark.needs("pdffonts")
def test_pdf_embeds_its_fonts(exported: Path):
    listed = subprocess.run(["pdffonts", exported / "curves.pdf"], capture_output=True, text=True, check=True).stdout
    fonts = listed.splitlines()[2:]
    assert fonts and all("TrueType" in font and "Type 3" not in font and " yes yes " in font for font in fonts)
    info = subprocess.run(["pdfinfo", exported / "curves.pdf"], capture_output=True, text=True, check=True).stdout
    assert "Page size:       234 x" in info  # 3.25 in of 72 pt


@pytest.mark.needs("chromium")
def test_export_works_where_a_loop_runs_already(runs: Runs, tmp_path: Path):
    import asyncio

    async def cell() -> list[Path]:
        return export(learning_curves(runs), tmp_path / "curves", formats=("svg",))

    assert [p.name for p in asyncio.run(cell())] == ["curves.html", "curves.svg"]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".part-")]


# -- before training, and of measures -------------------------------------------------------------------------------
def test_schedules_show_steps_tokens_and_repeats(runs: Runs, pool: pd.DataFrame):
    figure = figures.schedules(runs, pool, ["level", "level", "loss"])
    assert [t.type for t in figure.data] == ["heatmap", "bar", "bar"] * 3
    assert [a.text for a in figure.layout.annotations] == list(VARIANTS)
    easy = figure.data[3]
    assert easy.z.sum(axis=0).tolist() == [1.0] * 10  # shares of each of ten steps
    assert easy.z[0].tolist() == [1.0, 1.0, 0.5] + [0.0] * 7  # level 1 is the first ten rows: 2.5 steps of 4
    assert figure.data[4].y.tolist() == [3 * 10 * 10] * 4  # seeds x rows x tokens of every level
    assert (figure.data[5].x.tolist(), figure.data[5].y.tolist()) == ([3], [40])  # every row once a seed
    assert figure.layout.yaxis3.title.text == "loss"


def test_schedules_want_columns_of_the_pool(runs: Runs, pool: pd.DataFrame):
    with pytest.raises(ValueError) as error:
        figures.schedules(runs, pool, "rarity")
    columns = ", ".join(pool.columns)
    assert str(error.value) == f"the pool has no column 'rarity' to show schedules by; it has {columns}"


def test_agreement_is_spearmans(pool: pd.DataFrame):
    from scipy.stats import spearmanr

    measures = pool.assign(odd=np.random.default_rng(0).normal(size=len(pool)))
    shown = figures.agreement(measures, ["level", "loss", "odd"]).data[0]
    assert (list(shown.x), list(shown.y)) == (["level", "loss"], ["loss", "odd"])
    for i, j in ((0, 0), (1, 0), (1, 1)):
        pair = measures[["level", "loss", "odd"]].iloc[:, [i + 1, j]]
        assert shown.z[i, j] == pytest.approx(spearmanr(pair).statistic)
        assert shown.text[i][j] == f"{shown.z[i, j]:.2f}"
    assert np.isnan(shown.z[0, 1])
    with pytest.raises(ValueError) as error:
        figures.agreement(measures, ["loss"])
    assert str(error.value) == "one measure ('loss') agrees with itself; give at least two columns of the pool"


def test_scatter_shows_every_row_once(pool: pd.DataFrame):
    figure = figures.scatter(pool, "level", "loss")
    assert sum(len(t.x) for t in figure.data) == len(pool)
    assert [t.name for t in figure.data] == ["level 1", "2", "3", "4"]
    one = figure.data[2]
    assert one.y.tolist() == pool.loss[pool.level == 3].tolist()
    assert figures.scatter(pool, "level", "loss", by=None).data[0].showlegend is False


@pytest.fixture(scope="module")
def crowd():
    """An IRT fit of 60 people and 10 items, q0 easiest, q9 hardest."""
    from curriculab.difficulty import irt

    rng = np.random.default_rng(3)
    ability, hard = rng.normal(size=(60, 1)), np.linspace(-2, 2, 10)
    answers = rng.random((60, 10)) < 1 / (1 + np.exp(hard - ability))
    return irt.fit(pd.DataFrame(answers.astype(float), columns=[f"q{i}" for i in range(10)]))


def test_item_curves_are_those_of_the_fit(crowd):
    figure = figures.item_curves(crowd, ["q2", "q7"])
    assert [t.name for t in figure.data] == ["q2", "q7", "people"]
    for trace in figure.data[:2]:
        difficulty = crowd.items.loc[trace.name, "difficulty"]
        assert np.allclose(trace.y, 1 / (1 + np.exp(difficulty - np.asarray(trace.x))))
    assert len(figure.data[2].x) == 60
    assert len(figures.item_curves(crowd).data) == 8 + 1
    with pytest.raises(ValueError, match="10 curves in one figure; give 1 to 8 items"):
        figures.item_curves(crowd, list(crowd.items.index))


def test_a_wright_map_counts_everybody_once(crowd):
    level = pd.Series([1] * 5 + [2] * 5, crowd.items.index, name="level")
    people, *items = figures.wright_map(crowd, groups=level).data
    assert people.x.sum() == 60 and [t.x.sum() for t in items] == [5, 5]
    assert [t.name for t in items] == ["level 1", "2"]
    assert (items[0].y == people.y).all()


def test_agreements_show_one_table_below_and_one_above():
    names = ["a", "b", "c"]
    rho, tau = (pd.DataFrame(np.full((3, 3), v), names, names) for v in (0.5, 0.25))
    shown = figures.agreements(rho, tau).data[0]
    assert (shown.z[np.tril_indices(3, -1)] == 0.5).all() and (shown.z[np.triu_indices(3, 1)] == 0.25).all()
    assert np.isnan(np.diag(shown.z)).all() and shown.text[1][0] == "0.50" and shown.text[0][0] == ""
    with pytest.raises(ValueError, match="two square tables of the same measures"):
        figures.agreements(rho, tau.loc[["b", "a", "c"]])


def test_means_by_level_have_a_panel_a_measure():
    table = pd.DataFrame({"measure": ["a", "a", "b", "b"], "level": [1, 2, 1, 2], "rows": 3, "mean": [1.0, 2, 3, 4]})
    figure = figures.by_level(table.assign(low=table["mean"] - 0.5, high=table["mean"] + 0.5))
    assert [t.xaxis for t in figure.data] == ["x", "x2"] and list(figure.data[1].y) == [3, 4]
    assert list(figure.data[0].error_y.array) == [0.5, 0.5]
