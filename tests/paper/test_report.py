"""A report from recorded runs: what the methods paragraph says, which runs it takes, and that LaTeX compiles it."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from curriculab import figures
from curriculab.paper import report, tables
from curriculab.runs import Record, Runs
from curriculab.statistics import compare, minimum_detectable_effect, paired_t

ODD = "50% _easy_ & {first} | $x$ #1 \\input{/etc/passwd} τ"
RIGHT = {"random": (10, 12, 11), ODD: (14, 15, 16), "reversed": (9, 12, 12)}
METHODS = {
    "random": {"method": "random_order", "knobs": {}},
    ODD: {"method": "baby_steps", "knobs": {"by": "loss", "buckets": 3}},
    "reversed": {"method": "reversed_score", "knobs": {"method": {"method": "easy_to_hard", "knobs": {"by": "loss"}}}},
    "null 1": {"method": "null_band", "knobs": {"draw": 0}},
}
VERSIONS = {"curriculab": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"}


def bench(**changes: object) -> dict[str, object]:
    sft = {"learning_rate": 0.002, "weight_decay": 0.0, "max_grad_norm": 1.0, "average": "rows"}
    model = {
        "name": "pocket",
        "bits": 4,
        "lora": {"r": 16, "lora_alpha": 32},
        "device": "cpu",
        "chat": False,
        "digest": "m",
    }
    return {
        "objectives": [{"objective": "sft", "fields": sft}],
        "budget": {"setting": "curriculab.bench.budget:Budget", "fields": {"steps": 80, "tokens": None, "work": 7578}},
        "batch_size": 8,
        "rollouts": 8,
        "temperature": 1.0,
        "max_new_tokens": 10,
        "shares": [0.0, 0.5, 1.0],
        "model": model,
        "train": {"rows": 1200, "digest": "a"},
        "test": {"rows": 40, "digest": "b"},
        "variants": METHODS,
        **changes,
    }


def record(variant: str, seed: int, right: int, *, train: str = "a", finished: float = 1.0) -> Record:
    items = pd.DataFrame(dict(id=[f"r{i:02d}" for i in range(40)], correct=(np.arange(40) < right).astype(float)))
    items = items.assign(level=np.repeat([1, 2], 20), solver="direct", gold=False, tokens=1, rollouts=0, generated=0)
    tests = [items.assign(step=int(80 * s), progress=s, share=s, seconds=s) for s in (0.0, 1.0)]
    decides = {"train": train, "method": METHODS[variant], "seed": seed, "versions": VERSIONS, "code": "c"}
    spec = dict(
        variant=variant,
        seed=seed,
        ended="budget",
        digest=f"{variant[:1]}{seed}{train}",
        decides=decides,
        method=METHODS[variant],
        bench=bench(),
        git="abc+",
        python="3.11.7",
        machine="Linux x86_64",
        device="cpu",
        null=variant.startswith("null"),
        control=variant in ("reversed", "random") or variant.startswith("null"),
        finished=finished,
    )
    return Record(spec, {"items": pd.concat(tests, ignore_index=True)})


@pytest.fixture(scope="module")
def runs() -> Runs:
    made = [record(v, s, right[s]) for v, right in RIGHT.items() for s in range(3)]
    return Runs((*made, *(record("null 1", s, 11) for s in range(3))), ("null 1",))


# -- the paragraph ----------------------------------------------------------------------------------------------------
def test_the_methods_paragraph_says_what_was_recorded(runs: Runs):
    result = compare(runs)
    said = report.methods_paragraph(runs, result)
    orders = np.array([10 + 11, 12 + 11, 11 + 11]) / 80  # random order and its null-band order are one reference
    mde = [
        minimum_detectable_effect(float(np.std(d, ddof=1)) * (2 / chi2.ppf(0.05, 2)) ** 0.5, 3, m=1, confidence=0.95)
        for d in (np.array([14, 15, 16]) / 40 - orders, np.array([9, 12, 12]) / 40 - orders)
    ]
    for words in [
        "LoRA adapters (rank 16, alpha 32) on the frozen model pocket, quantised to 4 bits, with 1,200 training rows.",
        "the share of 40 held-out test rows that are answered right, measured after 0%, 50% and 100% of the budget.",
        "The objective was supervised fine-tuning (learning rate 0.002, average=rows).",
        "to end after 80 optimiser steps, at the latest after 7,578 tokens trained, sampled and scored; seed by seed",
        "What the variants spent was not recorded.",
        f"Variants: {ODD} (baby_steps by loss, buckets=3).",
        "Controls: random order; each measure turned round (reversed); a null band of 1 further random orders.",
        "Each ran with 3 seeds (0, 1 and 2).",
        "Final accuracies were compared with random, paired by seed on the same test rows: 95% intervals by Student's",
        "p corrected by Holm's method for the 1 comparison with variants that are no controls.",
        f"find with 80% power is at most {min(mde):.3f} to {max(mde):.3f} (upper 95% confidence bounds, by variant).",
        "Software: curriculab 0.1.0 (commit abc+), torch 2.13.0, numpy 2.4.6, Python 3.11.7 on Linux x86_64 (cpu).",
    ]:
        assert words in said
    assert "Not recorded:" not in said and "  " not in said
    assert paired_t(np.array([4, 3, 5]) / 40).p < 0.05  # the seeds do carry a test


@pytest.mark.parametrize("name", ["work", "max_total_tokens"])  # the former is in records of before
def test_the_ceiling_is_read_by_both_its_names(runs: Runs, name: str) -> None:
    budget = {"setting": "curriculab.bench.budget:Budget", "fields": {"steps": 80, name: 7578}}
    changed = Runs(tuple(replace(r, spec={**r.spec, "bench": bench(budget=budget)}) for r in runs.records), runs.null)
    assert "80 optimiser steps, at the latest after 7,578 tokens trained" in report.methods_paragraph(changed)


def test_reinforcement_names_its_answers(runs: Runs):
    from dataclasses import asdict

    from curriculab.objectives.grpo import Grpo

    fields = asdict(Grpo(lr=5e-5, epsilon_high=0.28))
    online = bench(objectives=[{"objective": "grpo", "fields": fields}])
    changed = Runs(tuple(replace(r, spec={**r.spec, "bench": online}) for r in runs.records), runs.null)
    said = report.methods_paragraph(changed)
    assert (
        "(GRPO) (learning rate 5e-05, epsilon_high=0.28), with 8 answers a row, sampled at temperature 1, of at most 10"
        in said
    )


def test_what_is_not_recorded_is_said():
    bare = record("random", 0, 10)
    said = report.methods_paragraph(Runs((Record(dict(variant="random", seed=0), bare.tables),)))
    assert said.endswith("Not recorded: model, rows, objective and budget.")


# -- which runs -------------------------------------------------------------------------------------------------------
def test_runs_of_two_benches_are_not_mixed(runs: Runs, capsys: pytest.CaptureFixture):
    later = tuple(record("random", s, 20, train="other", finished=2.0) for s in range(2))
    with pytest.warns(UserWarning, match="'random' stands for 2 configurations"):
        both = Runs((*runs.records, *later), runs.null)
    with pytest.raises(ValueError) as error:
        report.methods_paragraph(both)
    assert str(error.value) == (
        "these runs come from 2 benches (model, rows, objective, budget or code differ), and one paragraph cannot tell "
        "them all; give those of one, such as report.latest(runs)"
    )
    assert [len(r.records) for r in report.benches(both).values()] == [2, 12]
    assert report.latest(both).records == later
    assert capsys.readouterr().out == (
        "2 runs of the latest bench; left out: 12 of other benches (report.benches has them)\n"
    )


def test_what_was_steered_by_hand_is_said_and_stays_of_its_bench(runs: Runs):
    steered = [[3, 1, 6, "stop"]]  # as Design.decides writes it
    changed = []
    for one in runs.records:
        decides = {**one.spec["decides"], **({"steered": steered} if one.key == (ODD, 1) else {})}
        changed.append(dataclasses.replace(one, spec={**one.spec, "decides": decides}))
    steered_runs = Runs(tuple(changed), runs.null)
    assert len(report.benches(steered_runs)) == len(report.benches(runs))
    said = f"Steered by hand while they trained: {ODD} (stopped at step 6 (seed 1))."
    assert said in report.methods_paragraph(steered_runs)
    assert "teered by hand" not in report.methods_paragraph(runs)


def test_runs_come_back_in_the_order_they_were_asked_for_and_once(runs: Runs):
    again = record("random", 0, 25, finished=3.0)
    shuffled = Runs((again, *reversed(runs.records)))
    found = report.latest(shuffled)
    assert found.variants == ["random", ODD, "reversed"] and found.null == ("null 1",)
    assert [r for r in found.records if r.key == ("random", 0)] == [again]


# -- the folder -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folder(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to, result = tmp_path_factory.mktemp("report") / "made", compare(runs)
    report.write(
        to,
        runs,
        result,
        title="Ordering & 100% luck",
        figures={"final": figures.comparison(result), "levels": figures.learning_curves(runs, by="level")},
        tables={"comparison": tables.comparison(result, controls=runs.controls), "levels": tables.levels(result)},
    )
    return to


@pytest.mark.slow
@pytest.mark.needs("latex")
@pytest.mark.needs("chromium")
@pytest.mark.needs("pdffonts")
def test_the_report_compiles_and_holds_tables_and_figures(folder: Path):
    fonts = subprocess.run(["pdffonts", folder / "report.pdf"], capture_output=True, text=True, check=True).stdout
    assert "LiberationSans" in fonts and "Type 3" not in fonts
    assert all(" yes " in font for font in fonts.splitlines()[2:])
    text = subprocess.run(["pdftotext", folder / "report.pdf", "-"], capture_output=True, text=True, check=True).stdout
    flat = " ".join(text.split())
    for words in ("Ordering & 100% luck", "Methods", "Table 2", "Figure 2", "quantised to 4 bits", "[U+"):
        assert (words in flat) == (words != "[U+")
    assert "root:" not in flat and "input{/etc/passwd}" in flat  # printed, not read
    row = (folder / "tables" / "comparison.csv").read_text().splitlines()[3]
    for value in re.findall(r"[+-]\d\.\d+", row):
        assert value.replace("-", "−") in flat
    assert not list(folder.glob("*.aux")) and not list(folder.glob("*.log"))


@pytest.mark.needs("latex")
def test_a_document_that_does_not_compile_says_why_in_one_line(tmp_path: Path):
    path = tmp_path / "bad.tex"
    path.write_text("\\documentclass{article}\\begin{document}\\nosuch\\end{document}")
    with pytest.raises(ValueError) as error:
        report.compile_latex(path)
    assert str(error.value) == f"{path} does not compile: ! Undefined control sequence.; the line is in bad.tex"


def test_without_browser_and_latex_the_pieces_are_there(runs: Runs, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(figures.paper, "find_browser", lambda: None)
    monkeypatch.setattr(report.shutil, "which", lambda name: None)
    result = compare(runs)
    made = {"final": figures.comparison(result)}
    files = report.write(tmp_path, runs, result, figures=made, tables={"comparison": tables.comparison(result)})
    names = {str(path.relative_to(tmp_path)) for path in files}
    assert names == {
        "figures/final.html",
        "figures/final.csv",
        "figures/final.txt",
        "tables/comparison.tex",
        "tables/comparison.md",
        "tables/comparison.csv",
        "methods.txt",
        "verdict.txt",
        "runs.txt",
        "report.tex",
    }
    assert "the numbers are in figures/final.csv." in (tmp_path / "report.tex").read_text()
    assert "no pdflatex; on Debian" in capsys.readouterr().out


def test_names_of_files_are_checked(runs: Runs, tmp_path: Path):
    with pytest.raises(ValueError) as error:
        report.write(tmp_path, runs, compare(runs), figures={"../x": None}, tables={})
    assert str(error.value) == "'../x' cannot name a file of the report; use letters, digits, - and _"
