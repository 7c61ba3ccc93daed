"""The page of the docs about errors of the verdict, made from the record: docs/verdicts.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.verdicts import DATA, DESIGNS, may_err, over

PAGE = Path("docs/verdicts.md")
ABOUT = {
    "plain": "Equal variants; runs differ by their seed and by chance. Accuracy about one half.",
    "variant x row": "Each variant has its own luck with each row: on these rows some are a little better, for new "
    "rows of the same kind none is.",
    "clustered rows": "30 templates of 10 rows, and each variant has its luck with each template. The test rows have a "
    "column `template`, so that `compare` draws templates anew.",
    "ceiling": "Accuracy about 0.97: few rows differ, and some seeds not at all.",
    "spread ratio 2": "One variant's runs spread twice as much as the others'.",
    "spread ratio 3": "One variant's runs spread three times as much.",
    "low spread": "Runs differ by 0.05 logits only, about 0.011 of accuracy: most of the spread is that of answers.",
    "large luck, low spread": "The same, and each variant's luck with each row is large (an sd of one logit).",
    "templates not named": "As with templates, but no column tells of them: rows count as independent. The claim *for "
    "new rows* is then wrong far too often; the claim on these rows is not touched.",
}
HEAD = """# How often a verdict is wrong

<!-- made by `python -m benchmarks.verdicts`; do not edit -->

Benches whose truth is known were drawn and judged by the functions that `cl.compare` judges by ({date}; numpy {numpy},
scipy {scipy}; {rows} test rows; figures in `data/benchmarks/coverage.json`). *Variants* counts random order, which the
others are compared with. Each cell is a share of benches, asked for at most 0.05:

- **rows**: some variant's interval at the level of its family (Holm's, Dunnett's) leaves out the true difference on
  these rows. With equal variants: the verdict calls one better or worse *on these rows*.
- **new**: the verdict calls one better or worse without that addition, where for new rows of the kind none is.

A share of {benches:,} benches is off by up to {most:.3f} by chance (three standard errors); a cell above {limit} was
drawn again with 10,000 benches, where at most {limit_of_more} passes ({again}). *Null band* designs take the
null-band orders of a bench as replicates of random order, as `compare` does by default; *pooled* is
`compare(..., spread="pooled")`.
"""


def page(found: Mapping[str, object]) -> str:
    """The page, from "verdicts" of the record."""
    figures = found["figures"]
    small = min(f["benches"] for f in figures)
    again = sum(f["benches"] > small for f in figures)
    numbers = {
        "benches": small,
        "most": 3 * (0.05 * 0.95 / small) ** 0.5,
        "again": f"{again} of {len(figures)} cells" if again else "none had to be",
        **{name: found["versions"][name] for name in ("numpy", "scipy")},
        **{name: found[name] for name in ("date", "rows", "limit", "limit_of_more")},
    }
    parts = [HEAD.format(**numbers)]
    above = [f for f in figures if over(f) and not may_err(f)]
    parts.append(_above(above))
    for data in DATA:
        own = [f for f in figures if f["data"] == data]
        if data in ABOUT and own:
            parts.append(f"## {data[0].upper()}{data[1:]}\n\n{ABOUT[data]}\n\n{_table(own, ('error', 'error_new'))}")
    better = [f for f in figures if f["data"] == "one better"]
    if better:
        parts.append(
            "## What is found\n\nOne variant is better by 0.05: the share of benches in which the verdict says so, on "
            f"these rows (rows) and for new ones (new).\n\n{_table(better, ('found', 'found_new'))}"
        )
    return "\n".join(parts)


def _above(figures: Iterable[Mapping[str, object]]) -> str:
    listed = [f"{f['data']}, {f['variants']} variants, {f['seeds']} seeds, {f['design']}" for f in figures]
    if not listed:
        return (
            "All cells of the default pass but those of *templates not named*: where rows are made from templates, or\n"
            "stand in groups, that no column tells of, a claim *for new rows* is not to be trusted; name the column,\n"
            "`cluster=`. A pooled spread errs where spreads differ, which is why it has to be asked for by name,\n"
            "before the runs. Controls are in no family: each is tested alone, and the verdict calls none of them\n"
            "better. Where several variants do differ, each interval has the level at which Holm's method tests it;\n"
            "that all of them cover at once in 95% of benches is not claimed, and was not simulated.\n"
        )
    return f"Cells that do not pass: {'; '.join(listed)}.\n"


def _table(figures: list[Mapping[str, object]], columns: tuple[str, str]) -> str:
    by = {(f["variants"], f["seeds"], f["design"]): f for f in figures}
    lines = [
        f"| variants | seeds | {' | '.join(f'{design}: rows | new' for design in DESIGNS)} |",
        f"|---:|---:|{'---:|' * (2 * len(DESIGNS))}",
    ]
    for variants, seeds in dict.fromkeys((f["variants"], f["seeds"]) for f in figures):
        cells = []
        for design in DESIGNS:
            figure = by.get((variants, seeds, design))
            cells += ["" if figure is None else f"{figure[name]:.3f}" for name in columns]
        lines.append(f"| {variants} | {seeds} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
