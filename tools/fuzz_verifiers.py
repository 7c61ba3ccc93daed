"""Hostile text for the verifiers: hostile(rng) -> "\\boxed{9^{9^{9^{9}}}}" and worse.

    python -m tools.fuzz_verifiers --n 100000 --seed 0

judges so many texts and prints what was cut off, what took longest and whether anything raised.
"""

from __future__ import annotations

import argparse
import importlib.util
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from curriculab.rewards import VERIFIERS, judging, limits, verify

LATE = 0.05  # seconds beyond a judgement's limit within which every text is judged, a worker's restart not counted


GOLD = ("72", "-3.5", r"\frac{1}{2}", "(x+1)^2", r"\{1,2,3\}", "(1,2]", r"90^\circ", "Paris", "3 7 9", "y = 2x + 1")


SHELLS = ("{}", "#### {}", "The answer is {}.", r"\boxed{{{}}}", "${}$", r"so \[{}\]", "<answer>{}</answer>")


BRACKETS = ("()", "[]", "{}", (r"\left(", r"\right)"), (r"\sqrt{", "}"), (r"\frac{1}{", "}"))


MARKS = (r"\boxed{", "$", "#### ", "answer is ", "$$", r"\[", "<answer>")


CODE = (
    "__import__('os').system('sleep 9')",
    "().__class__.__mro__[1].__subclasses__()",
    "exec('9**9**9')",
    "Symbol('x').__class__",
    "open('/etc/passwd').read()",
    "lambda: 9",
)


PIECES = (
    r"\frac",
    r"\sqrt",
    r"\sum",
    r"\int",
    r"\left(",
    r"\right)",
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    r"\text{",
    r"\boxed{",
    r"\cdot",
    r"\infty",
    r"\cup",
    r"\in",
    r"\le",
    r"\pi",
    r"\log",
    r"\binom",
    r"\pm",
    r"\%",
    r"\\",
    *"&$^_{}()[]|,;=<+-*/!. \n\txyei019",
    "$$",
    "**",
    "17",
    "1e999",
    "####",
    "answer is",
    "import os",
    "__class__",
    "lambda:",
    "eval(",
    "\x00",
    "\x1b[2J",
    "\u202e",
    "\ud800",
    "\udfff",
    "\U0010ffff",
    "\u0663",
    "\u00b2",
    "\u2028",
)


def hostile(rng: np.random.Generator) -> str:
    """A text that wants to hang, crash or fool a verifier."""
    n = int(rng.integers(1, 60))
    power = 10 ** int(rng.integers(1, 9))

    def one(of: Sequence) -> Any:
        return of[rng.integers(len(of))]

    match rng.integers(11):
        case 0:  # brackets, closed or not
            left, right = one(BRACKETS)
            n *= one((1, 1, 1, 1, 200))
            core = left * n + "3" + right * one((0, n, n))
        case 1:
            core = one(("9**" * n + "9", "9^{" * n + "9" + "}" * n, "9^" * n + "9", "9" + "!" * n))
        case 2:  # up to a megabyte of digits
            core = one("123456789") * one((10, 100, 1000, 10_000, 1_000_000))
        case 3:  # control characters, and code points of any kind, half surrogates included
            core = "".join(map(chr, rng.integers(0, one((0x20, 0x110000)), n)))
        case 4:  # short to say, long to work out
            sums = (rf"\sum_{{i=1}}^{{{power}}} i", rf"\int_0^{{{power}}} e^{{x^2}} dx", "x+" * n + "1")
            core = one((f"(x+1)^{{{power}}}", f"{power}!", rf"\binom{{{power}}}{{{power // 2}}}", *sums))
        case 5:
            core = one(CODE)
        case 6:  # a right answer, damaged
            whole, at = one(GOLD), int(rng.integers(20))
            core = whole[:at] + one(PIECES) + whole[at + 1 :]
        case 7:
            core = one(MARKS) * (8 * n)
        case _:
            core = "".join(one(PIECES) for _ in range(n))
    return one(SHELLS).format(core)


RULES = """[
{"rule": "words", "n": 3}, {"rule": "sentences", "n": 2}, {"rule": "order", "first": "a", "second": "b"},
{"rule": "alphabetical"}, {"rule": "distinct"}, {"rule": "times", "part": "a", "n": 2}, {"rule": "long_words", "n": 3},
{"rule": "keywords:forbidden_words", "forbidden_words": ["the", "answer"]}, {"rule": "detectable_format:json_format"},
{"rule": "detectable_content:number_placeholders", "num_placeholders": 2}, {"rule": "detectable_format:title"},
{"rule": "detectable_format:number_highlighted_sections", "num_highlights": 2}, {"rule": "combination:two_responses"},
{"rule": "detectable_format:multiple_sections", "section_spliter": "SECTION", "num_sections": 2},
{"rule": "length_constraints:nth_paragraph_first_word", "num_paragraphs": 2, "nth_paragraph": 1, "first_word": "so"},
{"rule": "detectable_content:postscript", "postscript_marker": "P.S."}
]"""


def fuzz(n: int, seed: int = 0) -> Iterator[tuple[str | None, str, float, float]]:
    """Judge `n` hostile texts: task, text, worth, and seconds it took less those waited for a worker to be ready."""
    rng = np.random.default_rng(seed)
    tasks = ["math", "math", None, *(name for name in VERIFIERS if not name.endswith(":"))]
    if importlib.util.find_spec("reasoning_gym") is not None:
        tasks.append("gym:countdown")  # its scorer evaluates the answer
    options = ("Paris", "72", "(1,2]", "3 7 9")
    for _ in range(n):
        task, gold, text = tasks[rng.integers(len(tasks))], GOLD[rng.integers(len(GOLD))], hostile(rng)
        waited, began = limits()["restart_seconds"], time.perf_counter()
        metadata = RULES if task in ("rules", "ifeval") else '{"numbers": [1, 2, 3], "target": 6}'
        worth = verify(text, gold, task, metadata=metadata, options=options)
        yield task, text, worth, time.perf_counter() - began - (limits()["restart_seconds"] - waited)


def report(n: int, seed: int, seconds: float) -> None:
    """Print what `n` hostile texts, judged in a background thread, did to the verifiers."""
    done: list[tuple[str, str, float, float]] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.extend((str(task), text[:200], worth, seconds) for task, text, worth, seconds in fuzz(n, seed))
        except BaseException as error:
            failed.append(error)

    limits(reset=True)
    judging(seconds=seconds)
    began = time.perf_counter()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    late = sum(took > seconds + LATE for *_, took in done)
    print(f"{len(done):,} of {n:,} texts judged in {time.perf_counter() - began:.0f} s; raised: {failed or 'none'}")
    for name in sorted({task for task, *_ in done}):
        worths = [worth for task, _, worth, _ in done if task == name]
        print(f"  {name}: {len(worths):,}, of these worth something {np.count_nonzero(worths):,}")
    print("  cut off:", ", ".join(f"{name} {value:,.6g}" for name, value in limits().items()))
    for task, text, _, took in sorted(done, key=lambda d: -d[3])[:3]:
        print(f"  slow: {took:.3f} s, {task}, {text!r}")
    print(f"  over {seconds + LATE:g} s by the clock, of {seconds:g} s of the processor: {late}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz_verifiers", description="Hostile text for verifiers.")
    parser.add_argument("--n", type=int, default=100_000, help="texts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the texts (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="of the processor a judgement (default: %(default)s)"
    )
    given = parser.parse_args(argv)
    report(given.n, given.seed, given.seconds)


if __name__ == "__main__":
    main()
