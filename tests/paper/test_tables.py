"""The same numbers in LaTeX, Markdown and CSV; bold only where the test supports it; names that are no commands."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curriculab.paper import tables
from curriculab.paper.words import MATH
from curriculab.runs import Record, Runs
from curriculab.statistics import compare, paired_t

ODD = "50% _a_ & {b} | $c$ #1 \\x ~^ <d>"
GAINS = {"random": 0, "clearly better": 12, ODD: 1, "easy, reversed": 6}  # rows more right than random, of 40


def record(variant: str, seed: int, right: int, **spec: object) -> Record:
    """Tested once, on 40 rows of which the first `right` are right."""
    items = pd.DataFrame(dict(id=[f"r{i:02d}" for i in range(40)], correct=(np.arange(40) < right).astype(float)))
    fixed = dict(level=np.repeat([1, 2], 20), step=4, progress=1.0, share=1.0, solver="direct", gold=False)
    spent = dict(tokens=1, rollouts=0, generated=0, seconds=1.0)
    return Record(dict(variant=variant, seed=seed, ended="budget", **spec), {"items": items.assign(**fixed, **spent)})


@pytest.fixture(scope="module")
def runs() -> Runs:
    """Four seeds: random has 8, 9, 10, 11 of 40 right; the others more by their gain, and a little by seed."""
    jitter = {"clearly better": (0, 1, 0, 1), ODD: (-2, 3, -1, 2), "easy, reversed": (0, 9, 0, 1)}
    found = [
        record(v, s, 8 + s + gain + jitter.get(v, (0,) * 4)[s], control=v == "easy, reversed")
        for v, gain in GAINS.items()
        for s in range(4)
    ]
    null = [record(f"null {k}", s, 8 + s + k) for k in range(3) for s in range(4)]
    return Runs((*found, *null), ("null 0", "null 1", "null 2"))


@pytest.fixture(scope="module")
def table(runs: Runs) -> tables.Table:
    return tables.comparison(compare(runs), controls=runs.controls)


# -- reading the three back -------------------------------------------------------------------------------------------
Row = tuple[list[str], bool, str]  # numbers as printed, bold?, marks


def from_csv(text: str) -> list[Row]:
    rows = list(csv.DictReader(io.StringIO(text)))
    extra = ("bold", "marks")
    return [
        ([v for k, v in row.items() if k not in (*extra, "variant") and v], row.get("bold") == "yes", row["marks"])
        for row in rows
    ]


def from_markdown(text: str) -> list[Row]:
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    found = []
    for line in lines:
        name, *cells = re.split(r"(?<!\\)\|", line.strip("|"))
        body = " ".join(cells).replace("\\<", "<")
        marks = "".join(c for c in name if c in tables.MARKS)
        found.append((re.findall(r"[<+-]?\d[\d.]*", body.replace("**", "")), "**" in body, marks))
    return found


def from_latex(text: str) -> list[Row]:
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].replace(r"\addlinespace[2pt]", "").replace("{<}", "<")
    signs = {sign: mark for mark, sign in MATH.items()}
    found = []
    for line in filter(None, map(str.strip, body.split(r"\\" + "\n"))):
        name, *cells = re.split(r"(?<!\\)&", line)
        mark = re.search(r"\$\^\{(.*)\}\$\s*$", name)
        marks = "".join(signs[m] for m in re.findall(r"\\[a-z]+", mark[1])) if mark else ""
        found.append((re.findall(r"[<+-]?\d[\d.]*", " ".join(cells)), "mathbf" in line, marks))
    return found


def test_all_three_hold_the_same_numbers(table: tables.Table):
    one, two, three = from_csv(table.csv()), from_markdown(table.markdown()), from_latex(table.latex(width=6.75))
    assert one == two == three
    assert [len(numbers) for numbers, _, _ in one] == [2, 7, 7, 7]  # the reference has no difference


def test_the_numbers_are_those_of_the_comparison(table: tables.Table, runs: Runs):
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(table.csv()))}
    differences = np.array([12, 13, 12, 13]) / 40
    found = paired_t(differences)
    row = rows["clearly better"]
    assert [row["difference"], row["difference low"], row["difference high"]] == [
        f"{v:+.3f}" for v in (differences.mean(), found.low, found.high)
    ]
    assert (row["seeds"], row["accuracy"]) == ("4", f"{(9.5 + 12.5) / 40:.3f}")
    assert row["p (Holm)"] == "<0.001"


def test_bold_is_what_differs_after_holm_and_marks_are_explained(table: tables.Table, runs: Runs):
    result = compare(runs)
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(table.csv()))}
    assert {v for v, row in rows.items() if row["bold"]} == set(result.table.index[result.table.differs])
    assert rows["clearly better"]["bold"] == "yes"
    notes = dict(note.split(" ", 1) for note in table.notes if note[0] in tables.MARKS)
    used = {mark for row in rows.values() for mark in row["marks"]}
    assert used == set(notes)
    assert "control" in notes[rows["easy, reversed"]["marks"][0]]
    assert not any("random orders" in note for note in notes.values())  # three are too few for a rank
    assert "Bold: differs from random after Holm's correction." in table.notes


def test_where_nothing_could_be_tested_no_table_says_that_nothing_differs():
    made = Runs(tuple(record(v, s, 10 + more) for v, more in {"random": 0, "a": 2}.items() for s in range(3)))
    table = tables.comparison(compare(made))
    (note,) = [note for note in table.notes if note.startswith("None")]
    assert note == "None could be tested against random: a single seed, or the same difference in all seeds."


def test_what_holm_takes_away_is_marked_and_not_bold():
    """Differences of 2, 4, 4, 6 of 40 have p = 0.041 alone (t = 4 / (1.633 / 2) = 4.90 on 3: 0.016), three times that
    after Holm over three."""
    shifts = {"random": (0,) * 4, "a": (1, 4, 4, 6), "b": (3, -2, 1, 0), "c": (-2, 3, 0, 1)}
    made = Runs(tuple(record(v, s, 10 + shift[s]) for v, shift in shifts.items() for s in range(4)))
    result = compare(made)
    p = paired_t(np.array([1, 4, 4, 6]) / 40).p
    assert p < 0.05 < 3 * p
    table = tables.comparison(result)
    assert not table.bold[1] and table.marks[1] == tables.UNCORRECTED
    assert table.notes[0] == f"{tables.UNCORRECTED} the 95% interval leaves out 0, but not after Holm's correction."
    assert "None differs from random after Holm's correction." in table.notes


def test_what_holds_on_these_rows_only_is_marked(runs: Runs):
    result = compare(runs)
    table = result.table.assign(differs_new=False)
    made = tables.comparison(dataclasses.replace(result, table=table))
    assert "differs on these test rows; for new rows of their kind the interval holds 0." in " ".join(made.notes)
    assert made.marks[1] and not any("these test rows;" in note for note in tables.comparison(result).notes)


def test_a_rank_above_five_percent_is_marked_where_orders_are_enough(runs: Runs):
    result = compare(runs)
    null = dataclasses.replace(result.null, k=19, ranks={"clearly better": 0.05, ODD: 0.3})
    made = tables.comparison(dataclasses.replace(result, null=null))
    place = [*result.table.index].index(ODD)
    assert "rank among 19 random orders: p above 0.05." in " ".join(made.notes)
    assert made.marks[place] and not made.marks[[*result.table.index].index("clearly better")]


def test_levels_and_other_tables(runs: Runs):
    levels = tables.levels(compare(runs))
    assert [c.name for c in levels.columns] == ["variant", "level 1", "level 2"]
    assert levels.columns[1].cells[0] == f"{9.5 / 20:.3f}" and levels.columns[2].cells[0] == "0.000"
    frame = pd.DataFrame(
        {"value": [0.12345, np.nan], "low": [-0.1, np.nan], "high": [0.3, np.nan], "n": [3, 4]}, ["x", "y"]
    )
    made = tables.of(frame.rename_axis("topic"), "Forgotten", intervals={"value": ("low", "high")}, signed=["value"])
    assert made.csv().splitlines()[1:] == ["x,+0.123,-0.100,+0.300,3", "y,,,,4"]
    with pytest.raises(ValueError) as error:
        tables.of(frame, "t", intervals={"value": ("lo", "high")})
    assert str(error.value) == "the table has no column 'lo'; it has value, low, high, n"


def test_numbers_are_printed_once():
    assert [tables.number(v, sign=True) for v in (0.03149, -0.0004, 3, None, float("nan"))] == [
        "+0.031",
        "+0.000",
        "+3",
        "",
        "",
    ]
    assert tables.number(-0.0001) == "0.000"


def test_files_are_written(table: tables.Table, tmp_path: Path):
    paths = table.write(tmp_path / "deep" / "comparison")
    assert [p.name for p in paths] == ["comparison.tex", "comparison.md", "comparison.csv"]
    assert r"\label" not in paths[0].read_text()
    table.write(tmp_path / "comparison", "table")
    assert r"\label{tab:comparison}" in (tmp_path / "comparison.tex").read_text()


# -- one meaning a sign -----------------------------------------------------------------------------------------------
def test_controls_are_marked_without_being_named(runs: Runs):
    made = tables.comparison(compare(runs))
    marks = dict(zip(made.columns[0].cells, made.marks, strict=True))
    assert tables.CONTROL in marks["easy, reversed"] and tables.CONTROL not in marks["clearly better"]
    assert f"{tables.CONTROL} control: claims nothing; its p is its own, without a correction." in made.notes
    assert tables.levels(compare(runs)).marks[list(marks).index("easy, reversed")] == tables.CONTROL


def test_what_was_done_by_hand_is_marked_and_told(runs: Runs):
    steered = [("steered", "mine", 2, "stop")]
    changed = [
        dataclasses.replace(r, spec={**r.spec, "decides": {"steered": steered}}) if r.key[0] == "clearly better" else r
        for r in runs.records
    ]
    result = compare(dataclasses.replace(runs, records=tuple(changed)))
    for made in (tables.comparison(result), tables.levels(result)):
        place = [*made.columns[0].cells].index("clearly better")
        assert made.marks[place].startswith(tables.BY_HAND)
        told = f"{tables.BY_HAND} changed by hand while it trained (clearly better: stopped at step 2)."
        assert told in made.notes and sum(tables.BY_HAND in mark for mark in made.marks) == 1


def test_a_sign_means_one_thing_in_every_table(runs: Runs):
    """Whatever else a table marks, the dagger is the control's."""
    result = compare(runs)
    all_of_them = result.table.assign(gold=True, differs_new=False)
    for one in (result, dataclasses.replace(result, table=all_of_them)):
        told = dict(note.split(" ", 1) for note in tables.comparison(one).notes if note[0] in tables.MARKS)
        assert told[tables.CONTROL].startswith("control") and len(set(told.values())) == len(told)
    assert tables.MARKS[0] == tables.CONTROL == "†"


def test_the_correction_is_called_by_its_name(runs: Runs):
    result = compare(runs, spread="pooled")
    made = tables.comparison(result)
    assert made.columns[4].name == "p (Dunnett)" and "after Dunnett's correction." in " ".join(made.notes)
    assert "Holm" not in made.markdown()
