"""A variant in words, from its record: its method, the measure that it orders by, its other knobs."""

from __future__ import annotations

from collections.abc import Mapping

from curriculab.runs import Record
from curriculab.runs.configurations import in_words


def described(record: Record) -> str:
    """ " (baby_steps by loss, buckets=3)": the method, its measure, and knobs that are not the defaults.

    Examples
    --------
    >>> from curriculab.paper.variants import described
    >>> made = {"method": "baby_steps", "knobs": {"by": "loss", "buckets": 3}}
    >>> described(cl.runs.Record({"variant": "mine", "seed": 0, "method": made}, {}))
    ' (baby_steps by loss, buckets=3)'
    >>> described(cl.runs.Record({"variant": "mine", "seed": 0}, {}))  # nothing of it was recorded
    ''
    """
    made = record.spec.get("method")
    found = record.spec.get("decides", {}).get("method", {})
    usual = found.get("reached", {}).get("keywords") or {}
    if isinstance(made, Mapping) and "method" in made:
        name, own = str(made["method"]), ""
        knobs = {knob: written_value(value) for knob, value in made.get("knobs", {}).items()}
    else:
        name, own = str(found.get("function", "")).rpartition(".")[2], "defined by its author"
        knobs = {knob: in_words(value) for knob, value in found.get("knobs", {}).items()}
    if not name:
        return ""
    by = knobs.pop("by", None) or usual.get("by")
    others = [f"{knob}={value}" for knob, value in knobs.items() if knob not in usual or value != in_words(usual[knob])]
    return f" ({', '.join([f'{name}{_by(record, by)}', *filter(None, [own]), *others])})"


def _by(record: Record, column: object) -> str:
    """ " by loss (answer_loss)": the column that rows are ordered by, and the measure that made it, where known."""
    if not column:
        return ""
    about = record.spec.get("columns", {}).get(column)
    if not about:
        return f" by {column}"
    knobs = {name: value for name, value in about["knobs"].items() if name != "role" and value is not None}
    inner = "".join(f", {name}={value}" for name, value in knobs.items())
    return f" by {column} (the measure {about['measure']}{inner})"


def written_value(written: object) -> str:
    """A knob as a reader would write it."""
    if not isinstance(written, Mapping):
        return str(written)
    if "method" in written:
        inner = ", ".join(f"{k}={written_value(v)}" for k, v in written.get("knobs", {}).items())
        return f"{written['method']}({inner})" if inner else str(written["method"])
    if "setting" in written:
        inner = ", ".join(f"{k}={written_value(v)}" for k, v in written["fields"].items())
        return f"{written['setting'].rpartition(':')[2]}({inner})"
    if "mapping" in written:
        return f"{{{', '.join(f'{k}: {written_value(v)}' for k, v in written['mapping'].items())}}}"
    return (
        f"[{', '.join(map(written_value, next(iter(written.values()))))}]" if len(written) == 1 else str(dict(written))
    )
