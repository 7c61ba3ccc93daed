"""Two configurations of one name: told apart by what differs, together with their controls."""

from __future__ import annotations

import dataclasses
import time
import warnings

import pandas as pd
import pytest

from curriculab import figures
from curriculab.paper import report
from curriculab.runs import Record, Runs, join
from curriculab.runs.configurations import apart, as_recorded, in_words
from curriculab.statistics import compare
from tests.statistics.made import last_test, right

SFT = {"learning_rate": 0.001, "weight_decay": 0.0}


def method(warm: float | None = None) -> dict:
    """`mine` as a bench records it: warm=0.3 is its default."""
    return {
        "function": "__main__.mine",
        "knobs": {} if warm is None else {"warm": warm},
        "source": "5e",
        "reached": {"keywords": {"warm": 0.3, "by": "level"}},
    }


def run(variant: str, seed: int, k: int, made: dict, *, day: int = 1, control: bool = False, **decides) -> Record:
    """One run of which k of 20 test rows came out right."""
    whole = {"method": made, "seed": seed, "objectives": [["sft", SFT]], "budget": {"steps": 80}, "train": "a"}
    spec = {"variant": variant, "seed": seed, "ended": "budget of steps spent", "control": control}
    spec |= {"decides": whole | decides, "began": day * 86400.0, "finished": day * 86400.0 + 60}
    return Record(spec, {"items": last_test(right(k))})


RANDOM = {"function": "curriculab.methods.order.random_order.random_order", "knobs": {}}


def reversed_of(made: dict) -> dict:
    return {"function": "curriculab.methods.order.reversed_score.reversed_score", "knobs": {"method": made}}


def two_days() -> tuple[Record, ...]:
    """mine with warm=0.3 in seeds 0 and 1, a day later with warm=0.6 in seeds 2 and 3: no seed stands twice."""
    early = [run("mine", s, 4, method()) for s in (0, 1)]
    early += [run("mine, reversed", s, 2, reversed_of(method()), control=True) for s in (0, 1)]
    late = [run("mine", s, 12, method(0.6), day=2) for s in (2, 3)]
    late += [run("mine, reversed", s, 8, reversed_of(method(0.6)), control=True, day=2) for s in (2, 3)]
    return (*(run("random", s, 10, RANDOM, control=True) for s in range(4)), *early, *late)


NAMES = ["random", "mine, warm=0.3", "mine, warm=0.3, reversed", "mine, warm=0.6", "mine, warm=0.6, reversed"]


@pytest.fixture(scope="module")
def runs() -> Runs:
    with pytest.warns(UserWarning) as seen:
        found = Runs(two_days())
    assert [str(w.message) for w in seen] == [
        "'mine' stands for 2 configurations (warm=0.3; warm=0.6); names and tables tell them apart, "
        "report.latest(runs) takes the latest"
    ]
    return found


def test_a_knob_tells_them_apart_and_controls_follow_their_own(runs: Runs):
    assert runs.variants == NAMES and runs.controls == ["random", NAMES[2], NAMES[4]]


def test_a_comparison_averages_no_two_configurations(runs: Runs):
    table = compare(runs).table
    assert table.accuracy.round(6).to_dict() == dict(zip(NAMES, [0.5, 0.2, 0.1, 0.6, 0.4], strict=True))
    assert table.seeds.to_dict() == dict(zip(NAMES, [4, 2, 2, 2, 2], strict=True))


def test_figures_name_them(runs: Runs):
    drawn = figures.comparison(compare(runs)).to_json()
    assert "warm=0.3" in drawn and "warm=0.6" in drawn


def test_the_latest_is_one_configuration_with_its_own_controls(runs: Runs, capsys: pytest.CaptureFixture):
    found = report.latest(runs)
    assert found.variants == ["random", "mine", "mine, reversed"]
    assert {r.key[1] for r in found.records if r.key[0].startswith("mine")} == {2, 3}
    said = " ".join(capsys.readouterr().out.split())
    assert said == (
        "8 runs of the latest bench; left out: 2 of 'mine, warm=0.3', an earlier configuration; 2 of 'mine, warm=0.3, "
        "reversed', an earlier configuration"
    )


def test_a_control_of_an_older_configuration_stands_alone_under_its_name():
    kept = [r for r in two_days() if not (r.key[0] == "mine" and r.key[1] < 2)]
    found, _ = apart(kept)
    assert list(dict.fromkeys(r.key[0] for r in found)) == [
        "random",
        "mine, warm=0.3, reversed",
        "mine, warm=0.6",
        "mine, warm=0.6, reversed",
    ]


def test_names_told_apart_stay_as_they_are_in_a_part(runs: Runs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = Runs(tuple(r for r in runs.records if r.key[0] == "mine, warm=0.3"))
    assert part.variants == ["mine, warm=0.3"]
    assert [r.key for r in as_recorded(part.records)] == [("mine", 0), ("mine", 1)]


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"objectives": [["sft", SFT | {"learning_rate": 0.01}]]}, ["learning_rate=0.001", "learning_rate=0.01"]),
        ({"objectives": [["grpo", SFT]]}, ["objective sft", "objective grpo"]),
        ({"budget": {"steps": 160}}, ["steps=80", "steps=160"]),
        ({"batch_size": 4}, ["batch_size=None", "batch_size=4"]),
        ({"columns": {"loss": {"measure": "surprisal", "knobs": {}}}, "train": "b"}, ["", "loss by surprisal"]),
    ],
)
def test_what_else_decides_a_run_tells_it_apart_too(other: dict, names: list[str]):
    found, _ = apart([run("mine", 0, 4, method()), run("mine", 1, 4, method(), **other)])
    told = [r.key[0] for r in found]
    assert told[1] == f"mine, {names[1]}"
    assert told[0] == f"mine, {names[0]}" if names[0] else told[0].startswith("mine, ")


def test_another_text_of_the_method_is_told_apart_by_its_day():
    rewritten = method() | {"source": "77"}
    found, _ = apart([run("mine", 0, 4, method(), day=1), run("mine", 0, 8, rewritten, day=2)])
    days = [time.strftime("%Y-%m-%d", time.localtime(day * 86400.0)) for day in (1, 2)]
    assert [r.key[0] for r in found] == [f"mine, of {day}" for day in days]


def test_a_seed_that_was_trained_again_and_changed_by_hand_is_no_second_value_of_the_first():
    steered = run("mine", 0, 8, method(), day=2, steered=[[3, 1, 6, "stop"]])
    found, said = apart([run("mine", 0, 4, method()), steered])
    names = [r.key[0] for r in found]
    assert names[0].startswith("mine, of ") and names[1].startswith("mine, changed by hand ")
    assert said == "'mine' was trained several times with one seed"


def test_what_no_record_tells_is_left_as_it_is():
    plain = [Record({"variant": "mine", "seed": s}, {"items": last_test(right(4))}) for s in range(3)]
    assert apart(plain) == (tuple(plain), "")
    one = dataclasses.replace(plain[0], spec={**plain[0].spec, "decides": {}})
    assert apart([one, one]) == ((one, one), "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        ("loss", "loss"),
        ([1, 0.25], "[1, 0.25]"),
        ({"type": "Linear", "modules": {"a": "1"}, "until": 0.5}, "Linear(until=0.5)"),
        ({"function": "a.b.sec", "knobs": {"tau": 0.2}}, "sec(tau=0.2)"),
        ({"easy": 1}, "{easy: 1}"),
    ],
)
def test_values_are_written_as_a_reader_would(value: object, text: str):
    assert in_words(value) == text


def test_tables_have_one_line_a_row_of_each_run(runs: Runs):
    counts = runs.items.groupby(["variant", "seed"]).size()
    assert isinstance(counts, pd.Series) and set(counts) == {20}


def test_a_reference_of_two_configurations_is_refused_with_their_names():
    found = Runs(apart([run("random", s, 9, RANDOM, budget={"steps": n}) for s in (0, 1) for n in (80, 160)])[0])
    with pytest.raises(ValueError) as error:
        compare(found)
    assert str(error.value) == (
        "'random' stands for 2 configurations here, 'random, steps=80' and 'random, steps=160': pass one as to=, or "
        "take the runs of one bench, report.latest(runs)"
    )


def test_joined_sets_are_told_apart_too():
    with pytest.warns(UserWarning, match="'mine' stands for 2 configurations"):
        found = join(Runs((run("mine", 0, 4, method()),)), Runs((run("mine", 0, 4, method(0.6)),)))
    assert found.variants == ["mine, warm=0.3", "mine, warm=0.6"]
