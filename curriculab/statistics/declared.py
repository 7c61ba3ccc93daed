"""How runs will be compared, chosen before they are made and recorded with them; a verdict says where it was not so.

Bench(..., compare={"margin": 0.02}) -> compare(runs, margin=0.05) says that the recorded margin was 0.02
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curriculab.runs import Runs
from curriculab.statistics.equivalence import check_margin
from curriculab.statistics.power import SPREADS

# The arguments of `compare` where nothing is said.
DEFAULTS: Mapping[str, object] = {
    "to": "random",
    "at": "end",
    "margin": None,
    "confidence": 0.95,
    "spread": "own",
    "cluster": None,
    "replicates": True,
}
CHOSEN = ("margin", "spread")  # a claim rests on these having been chosen before the results were seen


def check_declared(given: Mapping[str, object]) -> dict[str, object]:
    """Arguments of `compare` as they are recorded with runs; refused in one line where there are none such.

    Parameters
    ----------
    given : mapping of str to value
        Some of the arguments of `compare` but `runs`.

    Returns
    -------
    dict of str to value

    Raises
    ------
    ValueError
        For a name that is no argument, a spread that there is not, a margin or a confidence out of its bounds.

    Examples
    --------
    >>> from curriculab.statistics.declared import check_declared
    >>> check_declared({"margin": 0.02})
    {'margin': 0.02}
    """
    unknown = [name for name in given if name not in DEFAULTS]
    if unknown:
        raise ValueError(
            f"compare={dict(given)!r}: no argument {unknown[0]!r} of cl.compare; it has {', '.join(DEFAULTS)}"
        )
    if given.get("spread", "own") not in SPREADS:
        raise ValueError(f"compare: spread={given['spread']!r}; choose 'own' or 'pooled'")
    if not 0 < float(given.get("confidence", 0.95)) < 1:
        raise ValueError(f"compare: confidence={given['confidence']!r}; give a share between 0 and 1, such as 0.95")
    check_margin(given.get("margin"))
    return dict(given)


def declared_note(runs: Runs, arguments: Mapping[str, object]) -> list[str]:
    """What a verdict says where a comparison is not the one that was recorded before the runs.

    Parameters
    ----------
    runs : Runs
        Of a bench; of others, simulated or read from logs, nothing is said.
    arguments : mapping of str to value
        The arguments of `compare`.

    Returns
    -------
    list of str
        None where the comparison is the recorded one, or nothing in it had to be chosen beforehand.

    Examples
    --------
    >>> from curriculab.statistics.declared import declared_note
    >>> pool = cl.load_pool("ladder", n=12, seed=0)
    >>> declared_note(cl.simulate(cl.methods.random_order, pool, steps=2, batch_size=4), {"margin": 0.02})
    []
    """
    specs = [record.spec for record in runs.records if "decides" in record.spec]
    if not specs:
        return []
    recorded = [spec["compare"] for spec in specs if spec.get("compare")]
    if not recorded:
        new = [name for name in CHOSEN if arguments.get(name, DEFAULTS[name]) != DEFAULTS[name]]
        if not new:
            return []
        how = ", ".join(f"{name}={arguments[name]!r}" for name in new)
        return [f"no record says that {how} was chosen before the runs: Bench(compare=dict({how})) records it"]
    first = recorded[0]
    if len(recorded) < len(specs) or any(one != first for one in recorded):
        return ["the runs were recorded with different comparisons in view, or some with none"]
    whole = {**DEFAULTS, **first}
    other = [name for name in DEFAULTS if name in arguments and arguments[name] != whole[name]]
    if not other:
        return []
    return [
        f"the comparison recorded before the runs has {_written(whole, other)}, this one {_written(arguments, other)}"
    ]


def _written(values: Mapping[str, object], names: Sequence[str]) -> str:
    return ", ".join(f"{name}={values[name]!r}" for name in names)
