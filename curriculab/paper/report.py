"""From recorded runs to the pieces of a paper: a methods paragraph read from their specs, and a folder that compiles.

runs = latest(cl.load_runs("runs"))
result = cl.compare(runs)
print(methods_paragraph(runs, result))
write("report", runs, result, figures={"curves": cl.figures.learning_curves(runs)},
      tables={"comparison": cl.tables.comparison(result, controls=runs.controls)})
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curriculab.figures import about, export_all
from curriculab.figures.captions import digests, seeds
from curriculab.figures.files import write as write_file
from curriculab.paper.compared import how_tested
from curriculab.paper.ran import budget, ends_and_steering, objectives, spending
from curriculab.paper.tables import PAGE, Table, latex_text
from curriculab.paper.variants import described
from curriculab.runs import Record, Runs, judging
from curriculab.runs.configurations import apart, as_recorded, bench_of, configuration_of, parents_of
from curriculab.runs.failures import failures
from curriculab.statistics import Comparison
from curriculab.statistics.verdict import trained_tests

if TYPE_CHECKING:
    import plotly.graph_objects as go

WIDTHS = (3.25, 6.75)  # inches: one column of a paper, and two

TIMEOUT = 120  # seconds, of one pass of LaTeX; the pocket report takes one


def benches(runs: Runs) -> dict[str, Runs]:
    """Part runs by the bench they were made on: same model, rows, objective, budget and code.

    They come by a digest of the bench, the one that finished last first. Variants stand in the order they were asked
    for; two configurations of one name keep names that tell them apart.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, steps=4, batch_size=4, seed=[0, 1])
    >>> [part.variants for part in cl.paper.report.benches(runs).values()]
    [['random']]
    """
    parts: dict[str, list[Record]] = {}
    for record in sorted(as_recorded(runs.records), key=_finished):
        parts.setdefault(bench_of(record), []).append(record)
    found = sorted(parts.items(), key=lambda part: -_finished(part[1][-1]))
    return {key: _ordered(part) for key, part in found}


def latest(runs: Runs) -> Runs:
    """Take the runs of the bench that finished last; what else there is, is said in one line.

    Of a variant with several configurations, such as two values of a knob, the one that finished last is taken, with
    its own controls.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, steps=4, batch_size=4, seed=[0, 1])
    >>> len(cl.paper.report.latest(runs).records)
    2
    """
    found = benches(runs)
    if not found:
        raise ValueError("no recorded runs to report; load some with cl.load_runs")
    first, *others = found.values()
    kept, older = _latest_configurations(first)
    left = sum(len(r.records) for r in others)
    out = [f"{left} of other benches (report.benches has them)"] if left else []
    counted = Counter(record.key[0] for record in older)
    out += [f"{count} of {name!r}, an earlier configuration" for name, count in counted.items()]
    if out:
        print(textwrap.fill(f"{len(kept.records)} runs of the latest bench; left out: {'; '.join(out)}", 100))
    return kept


def _latest_configurations(runs: Runs) -> tuple[Runs, list[Record]]:
    """Of each variant the configuration that finished last, with the controls of that one; and what is left."""
    recorded = as_recorded(runs.records)
    parents, last = parents_of(recorded), {}
    for record in sorted(recorded, key=_finished):
        if record.key[0] not in parents:  # a variant says which of its controls belong beside it
            last[record.key[0]] = configuration_of(record)
    names = [parents.get(record.key[0], record.key[0]) for record in recorded]
    of = [configuration_of(record) == last[name] for record, name in zip(recorded, names, strict=True)]
    kept = [record for record, own in zip(recorded, of, strict=True) if own]
    return _ordered(kept), [record for record, own in zip(runs.records, of, strict=True) if not own]


def _finished(record: Record) -> float:
    return float(record.spec.get("finished", 0))


def _ordered(records: Sequence[Record]) -> Runs:
    names = dict.fromkeys(v for r in records for v in (*r.spec.get("bench", {}).get("variants", ()), r.key[0]))
    place = {name: i for i, name in enumerate(names)}
    unique = {(r.key, str(r.spec.get("decides"))): r for r in records}.values()  # of one run twice the later one counts
    order, _ = apart(sorted(unique, key=lambda r: (place[r.key[0]], r.key[1])))
    null = tuple(dict.fromkeys(r.key[0] for r in order if r.spec.get("null")))
    return Runs(order, null)


def methods_paragraph(runs: Runs, result: Comparison | None = None) -> str:
    """Write a paragraph of methods, read from what the runs recorded; what was not recorded is said at the end.

    It tells model, rows, the objective that was trained with, budget, variants with their knobs, controls, seeds, what
    each variant spent and how it ended, tests and software. `runs` are of one bench, ValueError for those of several;
    `result` is the comparison of these, if its tests are to be told.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, steps=4, batch_size=4, seed=[0, 1])
    >>> for sentence in cl.paper.report.methods_paragraph(runs).split(". "):
    ...     print(sentence)
    The objective was supervised fine-tuning
    Variants: random
    Each ran with 2 seeds (0 and 1)
    A run trained 16 rows (4 a step) and 879 tokens
    Not recorded: model, rows and budget.
    """
    many = benches(runs)
    if len(many) > 1:
        raise ValueError(
            f"these runs come from {len(many)} benches (model, rows, objective, budget or code differ), and one "
            "paragraph cannot tell them all; give those of one, such as report.latest(runs)"
        )
    setup = next((r.spec["bench"] for r in runs.records if "bench" in r.spec), {})
    sentences = [_model(setup), objectives(runs, setup), budget(setup), _variants(runs), _controls(runs), _seeds(runs)]
    sentences += [spending(runs, setup), *ends_and_steering(runs)]
    sentences += [how_tested(result, runs) if result is not None else "", judging.sentence(runs)]
    return " ".join(part for part in (*sentences, _software(runs), _missing(runs, setup)) if part)


def _model(setup: Mapping[str, Any]) -> str:
    if "model" not in setup:
        return ""
    model, tests = setup["model"], setup["test"]
    bits = f"quantised to {model['bits']} bits" if model["bits"] < 16 else f"in {model['bits']} bits"
    shares = [f"{share:.0%}" for share in setup["shares"]]
    when = f"after {_listed(shares)} of the budget" if len(shares) > 1 else "at the end"
    lora = model["lora"]
    return (
        f"We trained LoRA adapters (rank {lora['r']}, alpha {lora['lora_alpha']}) on the frozen model {model['name']}, "
        f"{bits}, with {setup['train']['rows']:,} training rows. Accuracy is the share of {tests['rows']:,} held-out "
        f"test rows that are answered right, measured {when}.{_backend(setup)}"
    )


def _backend(setup: Mapping[str, Any]) -> str:
    """Who answered in place of the model in the bench's process."""
    given = setup.get("backend")
    return f" All requests were answered by a backend of its author's ({given['lost']})." if given else ""


def _variants(runs: Runs) -> str:
    methods = {r.key[0]: described(r) for r in runs.records if r.key[0] not in (*runs.null, *runs.controls)}
    sentence = f"Variants: {'; '.join(f'{name}{how}' for name, how in methods.items())}." if methods else ""
    return " ".join([sentence, *trained_tests(runs).values()]).strip()


def _controls(runs: Runs) -> str:
    kinds = {
        "random_order": "random order",
        "reversed_score": "each measure turned round ({})",
        "shuffled_score": "each measure shuffled among the rows, which keeps all but its information ({})",
    }
    found: dict[str, list[str]] = {}
    for record in {r.key[0]: r for r in runs.records if r.spec.get("control")}.values():
        if record.key[0] not in runs.null:
            found.setdefault(dict(record.spec.get("method", {})).get("method", ""), []).append(record.key[0])
    parts = [kinds[kind].format("; ".join(names)) if kind in kinds else _listed(names) for kind, names in found.items()]
    parts += [f"a null band of {len(runs.null)} further random orders"] if runs.null else []
    return f"Controls: {'; '.join(parts)}." if parts else ""


def _seeds(runs: Runs) -> str:
    each: dict[str, set[int]] = {name: set() for name in (*runs.variants, *runs.null)}
    for record in runs.records:
        each[record.key[0]].add(record.key[1])
    same = len(set(map(frozenset, each.values()))) == 1
    numbers = _listed(map(str, runs.seeds)) + ("" if same else "; not every variant with each")
    sentence = f"Each ran with {seeds(map(len, each.values()))} ({numbers})."
    failed = [" ".join(str(failure).split()) for failure in failures(runs)]
    return sentence + (f" Left out: {'; '.join(failed)}." if failed else "")


def _software(runs: Runs) -> str:
    spec = next((r.spec for r in runs.records if "versions" in r.spec.get("decides", {})), None)
    if spec is None:
        return ""
    versions = dict(spec["decides"]["versions"])
    commit = f" (commit {spec['git']})" if spec.get("git") else ""
    own = f"curriculab {versions.pop('curriculab')}{commit}"
    rest = [f"{name} {version}" for name, version in versions.items()]
    where = f"Python {spec['python']} on {spec['machine']} ({spec['device']})"
    return f"Software: {', '.join([own, *rest])}, {where}."


def _missing(runs: Runs, setup: Mapping[str, Any]) -> str:
    trained = any(record.spec.get("trained_with") for record in runs.records)
    wanted = {"model": "model", "train": "rows", "objectives": "objective", "budget": "budget"}
    lacking = [name for key, name in wanted.items() if key not in setup and not (trained and key == "objectives")]
    return f"Not recorded: {_listed(lacking)}." if lacking else ""


def _listed(names: Any, word: str = "and") -> str:
    *rest, last = [str(name) for name in names]
    return f"{', '.join(rest)} {word} {last}" if rest else last


def write(
    to: str | Path,
    runs: Runs,
    result: Comparison,
    *,
    figures: Mapping[str, go.Figure],
    tables: Mapping[str, Table],
    title: str = "Does this curriculum help?",
) -> list[Path]:
    """Write a folder with `report.tex`, its parts, and, where LaTeX is installed, `report.pdf`; return the files.

        figures/   each as HTML, CSV, caption, and PDF, SVG, PNG at both column widths (where a browser is found)
        tables/    each as LaTeX, Markdown and CSV
        methods.txt, verdict.txt, runs.txt       the paragraph, the verdict, the digests of the runs

    Parameters
    ----------
    to : str or Path
        The folder; it is made where it is missing.
    runs, result : Runs, Comparison
        Of one bench, and of these runs.
    figures, tables : mapping
        Figures and `Table`s by what become names of files.
    title : str
        Of the report.

    Raises
    ------
    ValueError
        For a name that cannot be one of a file, runs of several benches, or a report that LaTeX refuses.

    Examples
    --------
    >>> pool = cl.load_pool("ladder", n=60, seed=0)
    >>> runs = cl.simulate({"random": cl.methods.random_order}, pool, tests=pool, steps=4, batch_size=4)
    >>> found = cl.compare(runs)
    >>> tables = {"by level": cl.paper.tables.levels(found)}
    >>> cl.paper.report.write("report", runs, found, figures={}, tables=tables)
    Traceback (most recent call last):
        ...
    ValueError: 'by level' cannot name a file of the report; use letters, digits, - and _
    """
    for name in (*figures, *tables):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise ValueError(f"{name!r} cannot name a file of the report; use letters, digits, - and _")
    to = Path(to)
    paragraph = methods_paragraph(runs, result)
    files = export_all({to / "figures" / name: figure for name, figure in figures.items()}, width=WIDTHS, runs=runs)
    files += [path for name, table in tables.items() for path in table.write(to / "tables" / name, "table", PAGE)]
    drawn = {path.stem for path in files if path.suffix == ".pdf"}
    texts = {"methods.txt": paragraph, "verdict.txt": result.verdict, "runs.txt": "\n".join(digests(runs))}
    texts["report.tex"] = _document(title, paragraph, result.verdict, figures, tables, digests(runs), drawn)
    files += [write_file(to / name, f"{text}\n".encode()) for name, text in texts.items()]
    made = compile_latex(to / "report.tex")
    return files + ([made] if made else [])


def _document(
    title: str,
    paragraph: str,
    verdict: str,
    figures: Mapping[str, go.Figure],
    tables: Mapping[str, Table],
    runs: Sequence[str],
    drawn: Collection[str],
) -> str:
    parts = [
        r"\documentclass[10pt]{article}",
        r"\usepackage[textwidth=6.75in,textheight=9.2in]{geometry}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage{booktabs}",
        r"\usepackage{graphicx}",
        r"\emergencystretch=3em",
        f"\\title{{{latex_text(title)}}}",
        r"\author{}",
        r"\date{}",
        r"\begin{document}",
        r"\maketitle",
        r"\section*{Result}",
        *(f"{latex_text(line)}\\par" for line in verdict.splitlines()),
        r"\section*{Methods}",
        latex_text(paragraph),
        *(f"\\input{{tables/{name}.tex}}" for name in tables),
        *(part for name, figure in figures.items() for part in _included(name, figure, drawn)),
        r"\section*{Recorded runs}",
        rf"{{\footnotesize\ttfamily\raggedright {' '.join(runs)}\par}}",
        r"\end{document}",
    ]
    return "\n".join(parts)


def _included(name: str, figure: go.Figure, drawn: Collection[str]) -> Iterator[str]:
    """A figure with its caption, as wide as its panels want; where no browser drew it, where its numbers are."""
    info, meta = about(figure), figure.layout.meta if isinstance(figure.layout.meta, dict) else {}
    file = f"{name}-{round(100 * WIDTHS[meta.get('panels', 1) > 1])}"
    if file not in drawn:
        yield latex_text(f"{info.title}: no browser drew it; the numbers are in figures/{name}.csv.") + "\n"
        return
    yield from (r"\begin{figure}[tb]", r"  \centering", f"  \\includegraphics{{figures/{file}.pdf}}")
    yield f"  \\caption{{{latex_text(f'{info.title}. {info.caption}')}}}\\label{{fig:{name}}}"
    yield r"\end{figure}"


def compile_latex(path: str | Path) -> Path | None:
    r"""Compile a LaTeX file to a PDF beside it; None, and one line, where pdflatex is not installed.

    ValueError, with LaTeX's reason, where the file does not compile.

    Examples
    --------
    >>> from pathlib import Path
    >>> import shutil
    >>> _ = Path("note.tex").write_text(r"\documentclass{article}\begin{document}Done.\end{document}")
    >>> made = cl.paper.report.compile_latex("note.tex") if shutil.which("pdflatex") else None
    >>> made is None or made.read_bytes().startswith(b"%PDF")
    True
    """
    path = Path(path)
    program = shutil.which("pdflatex")
    if program is None:
        print(f"{path} is not compiled: no pdflatex; on Debian `sudo apt install texlive-latex-recommended`")
        return None
    with tempfile.TemporaryDirectory() as folder:  # what it leaves beside the PDF is of no use
        options = ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", f"-output-directory={folder}"]
        safe = os.environ | {"openin_any": "p", "openout_any": "p", "TEXINPUTS": f"{path.parent.resolve()}:"}
        for _ in range(2):  # the second pass knows the numbers of tables and figures
            ran = subprocess.run(
                [program, *options, path.name], cwd=path.parent, env=safe, capture_output=True, timeout=TIMEOUT
            )
            if ran.returncode:
                log = ran.stdout.decode(errors="replace").splitlines()
                why = next((line for line in log if line.startswith("! ")), "no reason given")
                raise ValueError(f"{path} does not compile: {why}; the line is in {path.name}")
        return write_file(path.with_suffix(".pdf"), (Path(folder) / f"{path.stem}.pdf").read_bytes())
