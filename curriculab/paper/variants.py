"""A variant in words, from its record: its method, the measure that it orders by, its other knobs."""

from __future__ import annotations

from collections.abc import Mapping

from curriculab.runs import Record


def described(record: Record) -> str:
    """ " (baby_steps by loss, buckets=3)": the method, its measure, its other knobs; "" where it was not recorded."""
    made = record.spec.get("method")
    if not isinstance(made, Mapping) or "method" not in made:
        name = str(record.spec.get("decides", {}).get("method", {}).get("function", "")).rpartition(".")[2]
        return f" ({name}, defined by its author)" if name else ""
    knobs = dict(made.get("knobs", {}))
    by = knobs.pop("by", None) or _default(record, "by")
    words = [f"{made['method']}{_by(record, by)}", *(f"{k}={written_value(v)}" for k, v in knobs.items())]
    return f" ({', '.join(words)})"


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


def _default(record: Record, knob: str) -> object:
    reached = record.spec.get("decides", {}).get("method", {}).get("reached", {})
    return reached.get("keywords", {}).get(knob)


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
