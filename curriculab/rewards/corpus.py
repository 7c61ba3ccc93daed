"""How often a verifier errs on pairs with a known verdict: `curriculab rewards corpus` prints it.

A corpus is a file of JSON lines, or of one JSON list, such as

    {"kind": "fraction", "gold": "5/8", "text": "\\\\boxed{0.625}", "right": 1}

with `options` where there are some. A pair whose `right` is null has no verdict and is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from curriculab.rewards.verification import verify


def load_pairs(path: str | Path) -> list[dict]:
    """Pairs of a file, those without a verdict left out.

    Parameters
    ----------
    path : str or Path
        JSON lines, or one JSON list, of objects with the names kind, gold, text, right and perhaps options.

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        For a file that holds no such pair.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("pairs.jsonl").write_text('{"kind": "unit", "gold": "7", "text": "7 km", "right": 1}')
    >>> cl.rewards.load_pairs("pairs.jsonl")[0]["gold"]
    '7'
    """
    expected = f"{path}: no pairs of 'gold', 'text' and 'right'; give JSON lines of such objects"
    text = Path(path).read_text(encoding="utf-8")
    try:
        whole = text.lstrip().startswith("[")
        rows = json.loads(text) if whole else [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise ValueError(f"{expected} ({error})") from None
    objects = all(isinstance(row, dict) for row in rows)
    pairs = [row for row in rows if row.get("right") is not None] if objects else []
    if not pairs or any(not {"gold", "text"} <= set(row) for row in pairs):
        raise ValueError(expected)
    return pairs


def judge_pairs(pairs: Sequence[dict], task: str | None = None) -> pd.DataFrame:
    """Judge every pair; a pair with options is a choice, every other is judged as `task`.

    Parameters
    ----------
    pairs : sequence of dict
        As `load_pairs` gives them.
    task : str, optional
        Name of a verifier; None: the one that the right answer asks for.

    Returns
    -------
    pd.DataFrame
        kind, gold, text, right (bool) and accepted (bool), one row per pair.

    Examples
    --------
    >>> pairs = [{"kind": "unit", "gold": "7", "text": "The answer is 8 km.", "right": 0}]
    >>> cl.rewards.judge_pairs(pairs)[["right", "accepted"]].values.tolist()
    [[False, False]]
    """
    rows = []
    for pair in pairs:
        options = pair.get("options")
        worth = verify(pair["text"], pair["gold"], "choice" if options else task, options=options)
        row = {"kind": pair.get("kind", ""), "gold": pair["gold"], "text": pair["text"]}
        rows.append({**row, "right": bool(pair["right"]), "accepted": worth == 1})
    return pd.DataFrame(rows)


def figures_of(judged: pd.DataFrame) -> pd.DataFrame:
    """Counts by kind, and of all kinds together in the last row.

    Parameters
    ----------
    judged : pd.DataFrame
        As `judge_pairs` gives it.

    Returns
    -------
    pd.DataFrame
        right, false_rejects, wrong, false_accepts (pairs), one row per kind and one named "all".

    Examples
    --------
    >>> judged = cl.rewards.judge_pairs([{"kind": "unit", "gold": "7", "text": "#### 7", "right": 1}])
    >>> cl.rewards.figures_of(judged).loc["all"].tolist()
    [1, 0, 0, 0]
    """
    right, accepted = judged["right"], judged["accepted"]
    counts = pd.DataFrame(
        {
            "right": right,
            "false_rejects": right & ~accepted,
            "wrong": ~right,
            "false_accepts": ~right & accepted,
        }
    ).astype(int)
    by_kind = counts.groupby(judged["kind"], sort=False).sum()
    return pd.concat([by_kind, counts.sum().to_frame("all").T])


def lines_of(name: str, judged: pd.DataFrame, *, errors: bool = False) -> Iterable[str]:
    """What is printed of one file: the counts by kind, and with `errors` every pair that was judged wrongly."""
    yield f"{name}\n{figures_of(judged).to_string()}"
    if errors:
        for row in judged[judged["right"] != judged["accepted"]].itertuples():
            what = "rejected, though right" if row.right else "accepted, though wrong"
            yield f"  {row.kind}: {what}: gold {row.gold!r}, text {row.text[-200:]!r}"
