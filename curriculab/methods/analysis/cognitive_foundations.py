"""Cognitive foundations: which behaviours in traces go with success, and guidance made of them; nothing is trained.

Title    Cognitive Foundations for Reasoning
Authors  Kargupta et al.
Year     2025
Number   28
Trains   no
Needs    columns topic
Paper    Kargupta et al. 2025, "Cognitive Foundations for Reasoning and Their Manifestation in LLMs", arXiv 2511.16660
Kept     elements with their places in each trace; normalised pointwise mutual information (NPMI) with success, of
         elements and of edges between them, for each type of problem; a path from the first element of the highest NPMI
         along edges of the highest NPMI, at most seven elements long; beside it the most frequent path; guidance in
         phases, one an element
Changed  six of 28 elements, found by words (theirs: an LLM judge with scores 0, 1 and 2); an edge joins an element to
         the next other one in the trace (the released structure.py has `contains` and `parallel` too, and its
         `contains` is an overlap, no nesting); a path ends where no edge has an NPMI above 0, `dynamic` of the released
         subgraph.py, which is off there; topics are the types of problems; the phases are fixed sentences (theirs are
         written by an LLM). `generic`, as long as the guidance, is a control that the paper does not have
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.protocol import Rows, Run, Sample, Use
from curriculab.registry.knobs import Knob, check_bounds

ELEMENTS = {  # words that tell an element, and the phase that asks for it; both ours
    "verification": (r"\b(let me check|verify|double-check)", "check every result against the question"),
    "backtracking": (r"\b(wait|go back|try again)\b", "go back where a step fails"),
    "decomposition": (r"\b(first|split|step by step)\b", "split the problem into parts"),
    "self-awareness": (r"\b(not sure|i know|i do not know)\b", "say what is known and what is not"),
    "backward chaining": (r"\b(work backwards|what is asked)\b", "start from the goal and work back"),
    "restructuring": (r"\b(in other words|put differently)\b", "put the problem differently"),
}
GENERIC = "Plan, solve and finish the task with care. "  # ours
Trace = tuple[str, ...]  # elements in the order of their places


def cognitive_foundations(
    pool: pd.DataFrame,
    run: Run,
    *,
    rows: Annotated[int, Knob(20, 200, "rows that traces are sampled for", step=20, least=2)] = 100,
    nodes: Annotated[int, Knob(1, 7, "elements of a path, at most", step=1, least=1)] = 7,  # released code
    dynamic: Annotated[
        bool, Knob(choices=(True, False), help="end a path where no edge goes with success")
    ] = True,  # a choice of the released code
) -> Generator:
    """NPMI(e, s) = log[P(e, s) / (P(e) P(s))] / -log P(e, s), for each topic; solvers plain, guided, frequent, generic.

    Returns a line for each topic and element: `share` of the traces that hold it, `npmi`, its place in the path of
    success (`guided`) and in the most frequent one (`frequent`), 0 where it is in neither.
    """
    check_bounds(cognitive_foundations, locals())
    asked = pool.take(run.rng.permutation(len(pool))[:rows])
    out = yield Sample(asked, run.rollouts, purpose="trace")
    paths, lines = {}, []
    for topic, of_topic in out.groupby("topic", sort=True):
        traces, right = [elements(text) for text in of_topic["text"]], of_topic["correct"].to_numpy(float) > 0
        paths[topic] = {
            "guided": path_of_success(traces, right, nodes, dynamic=dynamic),
            "frequent": frequent_path(traces, nodes),
        }
        lines += described(topic, traces, right, paths[topic])
    prompts = {}
    for kind in ("guided", "frequent"):
        prompts[kind] = {topic: guidance(path[kind]) for topic, path in paths.items()}
    prompts["generic"] = {topic: generic(text) for topic, text in prompts["guided"].items()}
    yield Use({"plain": solve, **{kind: partial(solve, before=texts) for kind, texts in prompts.items()}})
    return pd.DataFrame(lines)


def solve(rows: pd.DataFrame, before: dict[object, str] | None = None) -> Generator:
    """One greedy answer, behind the guidance for the row's topic."""
    if before is not None:
        said = [before.get(topic, "") for topic in rows["topic"]]
        rows = rows.assign(prompt=[f"{text}\n{prompt}" for text, prompt in zip(said, rows["prompt"], strict=True)])
    return (yield Sample(rows, temperature=0.0, purpose="test"))


def elements(text: str) -> Trace:
    """Elements of a trace by the place of their first words."""
    found = {}
    for name, (words, _) in ELEMENTS.items():
        match = re.search(words, text, re.IGNORECASE)
        if match:
            found[name] = match.start()
    return tuple(sorted(found, key=found.__getitem__))


def npmi(held: Sequence[bool], right: Sequence[bool]) -> float:
    """Normalised pointwise mutual information of two events over traces, in [-1, 1]; -1 where they never meet."""
    held, right = np.asarray(held, bool), np.asarray(right, bool)
    both = float((held & right).mean())
    if both in (0.0, 1.0):
        return -1.0 if both == 0 else 0.0
    return float(np.log(both / (held.mean() * right.mean())) / -np.log(both))


def path_of_success(traces: Sequence[Trace], right: np.ndarray, nodes: int, *, dynamic: bool) -> list[str]:
    """From the first element with the highest NPMI, along edges with the highest NPMI."""
    firsts = {trace[0] for trace, one in zip(traces, right, strict=True) if trace and one}
    starts, edges = {}, {}
    for name in sorted(firsts):
        starts[name] = npmi([name in trace for trace in traces], right)
    for edge in sorted(_edges(traces)):
        edges[edge] = npmi([edge in pairwise(trace) for trace in traces], right)
    return _walk(starts, {edge: value for edge, value in edges.items() if value > 0 or not dynamic}, nodes)


def frequent_path(traces: Sequence[Trace], nodes: int) -> list[str]:
    """From the most frequent first element along the most frequent edges, over all traces."""
    return _walk(Counter(trace[0] for trace in traces if trace), _edges(traces), nodes)


def _edges(traces: Sequence[Trace]) -> Counter:
    return Counter(edge for trace in traces for edge in pairwise(trace))


def _walk(starts: dict[str, float], edges: dict[tuple[str, str], float], nodes: int) -> list[str]:
    path = [max(starts, key=starts.__getitem__)] if starts else []
    while path and len(path) < nodes:
        further = {b: value for (a, b), value in edges.items() if a == path[-1] and b not in path}
        if not further:
            break
        path.append(max(further, key=further.__getitem__))
    return path


def guidance(path: Sequence[str]) -> str:
    """The path as phases, one an element."""
    return " ".join(f"Phase {k}: {ELEMENTS[name][1]}." for k, name in enumerate(path, 1))


def generic(text: str) -> str:
    """General advice of the same length in characters."""
    return (GENERIC * (len(text) // len(GENERIC) + 1))[: len(text)]


def described(topic: object, traces: Sequence[Trace], right: np.ndarray, paths: dict[str, list[str]]) -> list[dict]:
    """One line an element that some trace of the topic holds."""
    lines = []
    for name in ELEMENTS:
        held = [name in trace for trace in traces]
        places = {kind: path.index(name) + 1 if name in path else 0 for kind, path in paths.items()}
        if any(held):
            lines.append({"topic": topic, "element": name, "share": np.mean(held), "npmi": npmi(held, right), **places})
    return lines


# -- the check --------------------------------------------------------------------------------------------------------
USEFUL, IDLE = "Let me check", "First"  # words of verification and of decomposition
HELPS, GUIDED = 2.0, 1.5  # logits: what the useful behaviour adds to a trace, its phase to an answer


def trace(rows: Rows, rng: np.random.Generator) -> list[str]:
    """What the simulated student writes as a trace: its habits, and an answer that is right more often behind the
    useful one. That comes first where it comes at all."""
    held = {word: rows.get(f"habit {word}", pd.Series(False, rows.index)).to_numpy(bool) for word in (USEFUL, IDLE)}
    p = np.clip(rows["p"].to_numpy(float), 1e-9, 1 - 1e-9)
    right = rng.random(len(rows)) < 1 / (1 + np.exp(-np.log(p / (1 - p)) - HELPS * held[USEFUL]))
    texts = []
    for useful, useless, answer, one in zip(*(h.tolist() for h in held.values()), rows["answer"], right, strict=True):
        said = f"{USEFUL}. " * useful + f"{IDLE}, the parts. " * useless
        texts.append(f"{said}#### {answer if one else 'no'}")
    return texts


WRITERS = {"trace": trace}


def check(bench: CheckBench) -> Check:
    """Of two planted behaviours the rarer helps: NPMI tells which, and guidance by it solves what failed before."""

    def context(rows: Rows, ability: np.ndarray) -> np.ndarray:
        return GUIDED * rows["prompt"].str.contains(ELEMENTS["verification"][1], regex=False).to_numpy(float)

    pool, student = bench.planted(
        {"x": 0.35, "y": 0.3}, rows=80, varies=0.2, habits={USEFUL: 0.4, IDLE: 0.7}, context=context
    )
    signal = ("correct", "reward")
    runs = bench.reinforce(cognitive_foundations, signal=signal, pool=pool, student=student, steps=1)
    bench.final(runs)  # a failed run raises
    found = pd.concat(list(runs.findings.values())).groupby("element").npmi.mean()
    last = runs.items[runs.items.share == 1.0]
    correct = last.pivot_table(index=["seed", "id"], columns="solver", values="correct")
    failed, solved = (correct[correct.plain == one].mean() for one in (0, 1))
    useful, useless = found["verification"], found["decomposition"]
    over = {kind: float(failed.guided - failed[kind]) for kind in ("frequent", "generic")}
    return Check(
        claim="of two planted behaviours NPMI tells the one that helps, and guidance by the path of success solves "
        "more of what failed before than guidance by the most frequent path and than general advice of the same "
        "length, at no cost where the plain prompt was right",
        refuted_by="an NPMI of the useful one of at most 0.1, or of the idle one further than 0.05 from 0, or less "
        "than 0.05 more of the failed half than either, or a loss of more than 0.05 of the solved half (ours)",
        measured={
            "npmi_useful": float(useful),
            "npmi_idle": float(useless),
            "over_frequent": over["frequent"],
            "over_generic": over["generic"],
            "solved_kept": float(solved.guided),
        },
        held=bool(useful > 0.1 and abs(useless) <= 0.05 and min(over.values()) >= 0.05 and solved.guided >= 0.95),
        seeds=bench.seeds,
        mechanism=True,
    )
