"""Values and tables as JSON: bit-identical when read back, and without code."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np
import pandas as pd

from curriculab.protocol import Piece, Rows

NUMBERS = "fiub"  # kinds of NumPy types whose bytes are written as they are


def _same(a: pd.Series, b: pd.Series) -> bool:
    """Bit-identical; of other objects, the very same ones."""
    if a.dtype != b.dtype:
        return False
    if isinstance(a.dtype, np.dtype) and a.dtype.kind in NUMBERS:
        return a.to_numpy().tobytes() == b.to_numpy().tobytes()
    if a.dtype == object:
        return all(x is y for x, y in zip(a.to_numpy(), b.to_numpy(), strict=True))
    return a.equals(b)


def _begins_with(turns: object, before: tuple[Piece, ...]) -> bool:
    """Whether these are turns that begin with the ones before, the very same objects."""
    if not isinstance(turns, tuple) or len(turns) < len(before):
        return False
    return all(p is q for p, q in zip(turns, before, strict=False))


def _pack_column(column: pd.Series, before: pd.Series | None) -> dict[str, object]:
    if column.name == "turns":
        had = before.tolist() if before is not None else [()] * len(column)
        had = [h if isinstance(h, tuple) else () for h in had]
        goes_on = all(map(_begins_with, column.tolist(), had))
        had = had if goes_on else [()] * len(column)
        return {
            "turns": [
                _packed(t[len(h) :]) if isinstance(t, tuple) else None
                for t, h in zip(column.tolist(), had, strict=True)
            ],
            "goes_on": goes_on,
        }
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in NUMBERS:
        return {"values": _packed(column.to_numpy())}
    return {"values": [_packed(v) for v in column.tolist()], "dtype": str(column.dtype)}


def _unpack_column(packed: Mapping, reply: Rows, name: str) -> pd.Series:
    if "turns" in packed:
        had = reply["turns"].tolist() if packed["goes_on"] and "turns" in reply else [()] * len(reply)
        more = [None if t is None else _unpacked(t) for t in packed["turns"]]
        values = [
            None if m is None else (*(h if isinstance(h, tuple) else ()), *m) for h, m in zip(had, more, strict=True)
        ]
        return pd.Series(values, index=reply.index, dtype=object)
    if "dtype" in packed:
        values = np.empty(len(reply), dtype=object)
        values[:] = [_unpacked(v) for v in packed["values"]]
        return pd.Series(values, index=reply.index, dtype=packed["dtype"])
    return pd.Series(_unpacked(packed["values"]), index=reply.index)


def _packed(value: object) -> object:
    """A value as JSON: plain ones as they are, others as a dictionary with one short key."""
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in NUMBERS:
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"a": value.dtype.str, "shape": list(value.shape), "data": data}
    if isinstance(value, np.ndarray):
        return {"o": [_packed(v) for v in value.tolist()]}
    if isinstance(value, np.generic):
        return {"s": _packed(np.asarray(value))}
    if isinstance(value, Piece):
        names = [f for f in Piece.__dataclass_fields__ if f not in ("tokens", "logprobs")]
        plain = {f: _packed(getattr(value, f)) for f in names}
        tokens = None if value.tokens is None else _packed(np.asarray(value.tokens, np.int64))
        logprobs = None if value.logprobs is None else _packed(np.asarray(value.logprobs, np.float64))
        return {"p": {**plain, "tokens": tokens, "logprobs": logprobs}}
    if isinstance(value, tuple):
        return {"t": [_packed(v) for v in value]}
    if isinstance(value, list):
        return [_packed(v) for v in value]
    if isinstance(value, Mapping):
        return {"d": [[_packed(k), _packed(v)] for k, v in value.items()]}
    if value is pd.NA or value is pd.NaT:
        return {"m": "NA" if value is pd.NA else "NaT"}
    raise ValueError(f"a reply holds a {type(value).__name__}; replies hold numbers, texts, arrays, lists and mappings")


def _unpacked(value: object) -> object:
    if isinstance(value, list):
        return [_unpacked(v) for v in value]
    if not isinstance(value, dict):
        return value
    kind = next(iter(value))
    inner = value[kind]
    if kind == "a":
        flat = np.frombuffer(base64.b64decode(value["data"]), dtype=np.dtype(inner))
        return flat.reshape(value["shape"]).copy()
    if kind == "o":
        return np.array([_unpacked(v) for v in inner], dtype=object)
    if kind == "s":
        return _unpacked(inner)[()]
    if kind == "p":
        made = {k: _unpacked(v) for k, v in inner.items()}
        lists = {k: None if made[k] is None else tuple(made[k].tolist()) for k in ("tokens", "logprobs")}
        return Piece(**{**made, **lists})
    if kind == "t":
        return tuple(_unpacked(v) for v in inner)
    if kind == "d":
        return {_unpacked(k): _unpacked(v) for k, v in inner}
    return pd.NA if inner == "NA" else pd.NaT


def pack_table(table: Rows) -> dict[str, object]:
    """A whole table as JSON."""
    columns = {str(name): _pack_column(table[name], None) for name in table.columns}
    return {"index": [_packed(i) for i in table.index], "name": table.index.name, "columns": columns}


def unpack_table(packed: Mapping) -> Rows:
    """What `pack_table` was given."""
    bare = pd.DataFrame(index=pd.Index([_unpacked(i) for i in packed["index"]], name=packed["name"]))
    return bare.assign(**{name: _unpack_column(column, bare, name) for name, column in packed["columns"].items()})
