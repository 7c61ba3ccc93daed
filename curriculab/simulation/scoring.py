"""How a simulated student reads rows: Score."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curriculab.protocol import Answer, Ask, Rows, Score
from curriculab.simulation.abilities import Abilities, Chances, PartChances
from curriculab.simulation.arithmetic import entropy, nll, text_key
from curriculab.simulation.parts import rightness
from curriculab.simulation.rows import (
    context_bytes,
    is_list,
    last_learned,
    learned_text,
    text_bytes,
    wrong_choices,
)

MEASURES = ("nll", "options", "entropy", "angle", "angle_across", "embedding")

PER_TOKEN = ("nll", "entropy")  # measures that have a value at every learned token


def score(abilities: Abilities, ask: Ask) -> Answer:
    """Answer a Score: the measures that it names, a column each."""
    request, rows = ask.request, ask.request.rows
    measures = _measures(request)
    if measures == ("options",):
        return _score_options(abilities, ask)
    chances = abilities.chances(ask.owner, request.role, rows, answered=True)
    reads_text = any(measure in PER_TOKEN for measure in measures)
    learned, right = learned_text(rows) if reads_text else (np.zeros(len(rows), int), None)
    columns = {}
    for measure in measures:
        value = _measure(abilities, measure, rows, chances, right)
        if request.per == "token" and measure in PER_TOKEN:
            value = [np.full(n, v) for n, v in zip(learned, value, strict=True)]
        columns[measure] = pd.Series(value, index=rows.index, dtype=object if isinstance(value, list) else None)
    tokens = context_bytes(rows, learned=not reads_text) + learned
    return Answer(rows[[]].assign(**columns), int(tokens.sum()), read=tokens)


def _measures(request: Score) -> tuple[str, ...]:
    """Names of the measures; refuses what the student does not have."""
    measures = (request.measure,) if isinstance(request.measure, str) else tuple(request.measure)
    if unknown := [measure for measure in measures if measure not in MEASURES]:
        raise ValueError(f"the simulated learner has no measure {unknown[0]!r}; it knows {', '.join(MEASURES)}")
    has_tokens = any(measure in PER_TOKEN for measure in measures)
    if request.per not in ("row", "token") or (request.per == "token" and not has_tokens):
        written = f"Score({measures[0]!r}, per={request.per!r})"
        raise ValueError(f"{written}; 'nll' and 'entropy' go per 'row' or 'token'")
    return measures


def _measure(
    abilities: Abilities, measure: str, rows: Rows, chances: Chances, right: np.ndarray | None
) -> np.ndarray | list:
    """One measure of each row, (rows,).

    "angle", "angle_across": prompts are concentrated as far as they are mastered; "embedding": one-hot of the skill,
    and the difficulty.
    """
    if measure == "nll":
        return _with_parts(nll(chances.p, right, wrong_choices(rows)), rows, chances.parts)
    if measure == "entropy":
        return entropies(chances, rows)
    if measure in ("angle", "angle_across"):
        return chances.p
    skill, difficulty = abilities.knowledge.describe(rows)
    known = len(abilities.knowledge.mean_difficulty)
    return list(np.column_stack([np.eye(known)[np.minimum(skill, known - 1)], difficulty]))


def _with_parts(values: np.ndarray, rows: Rows, parts: PartChances | None) -> np.ndarray:
    """-log P of each row's text, (rows,): of rows with parts, summed over these, a wrong part having all of 1 - p."""
    if parts is None:
        return values
    right = rightness(parts, last_learned(rows))
    logs = np.log(np.where(right > 0, parts.able, 1 - parts.able))
    values[np.unique(parts.row)] = -np.bincount(parts.row, logs, len(rows))[np.unique(parts.row)]
    return values


def entropies(chances: Chances, rows: Rows) -> np.ndarray:
    """Entropy of the answer to each row in nats, (rows,): of rows with parts, the sum of theirs.

    Examples
    --------
    >>> one = Chances(np.array([0]), np.array([0.5]), np.array([0.5]))
    >>> entropies(one, pd.DataFrame({"prompt": ["q"], "options": [["a", "b"]]})).round(3)  # log 2
    array([0.693])
    """
    whole, parts = entropy(chances.p, wrong_choices(rows)), chances.parts
    if parts is not None:
        whole[np.unique(parts.row)] = np.bincount(parts.row, entropy(parts.able, 1), len(rows))[np.unique(parts.row)]
    return whole


def _score_options(abilities: Abilities, ask: Ask) -> Answer:
    """Log-probabilities with a fixed taste per row and option; the right one is the likeliest with P(right)."""
    rows = ask.request.rows
    p = abilities.chances(ask.owner, ask.request.role, rows, answered=True).p
    truths = abilities.knowledge.right_answers(rows)
    logprobs, texts, read = [], [], context_bytes(rows, learned=False)
    for at, (row, options, truth, right) in enumerate(zip(rows.index, rows["options"], truths, p, strict=True)):
        if not is_list(options) or truth not in list(options):
            raise ValueError(f"Score('options') of row {row!r}, whose options do not hold its answer; drop such rows")
        values = _option_logprobs(ask.owner[1], row, list(options), truth, right)
        logprobs.append(values)
        texts.append(str(options[int(values.argmax())]))
        read[at] += sum(text_bytes(option) + 1 for option in options)
    columns = {"options": pd.Series(logprobs, index=rows.index, dtype=object), "text": texts}
    return Answer(rows[[]].assign(**columns), int(read.sum()), read=read)


def _option_logprobs(seed: int, row: str, options: list, truth: object, p: float) -> np.ndarray:
    """Log-probability of each option (nats), (options,)."""
    right = options.index(truth)
    share = np.full(len(options), (1 - p) / max(1, len(options) - 1))
    share[right] = p
    u = np.random.default_rng([seed, text_key(row)]).random(len(options))
    taste = np.log(share) - np.log(-np.log(u))  # Gumbel: the largest is option k with probability share[k]
    return taste - np.logaddexp.reduce(taste)
