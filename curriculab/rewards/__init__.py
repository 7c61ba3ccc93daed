"""Verifiers and reward parts: is this text a right answer, and what is it worth?

    verify("5 * 12 = 60\\n#### 60", "60")                                  # 1.0
    verify("so it is \\\\boxed{0.5}", "\\\\frac{1}{2}", "math")                # 1.0
    reward = Composite({"correct": Correct(), "length": Triangle(87)}, {"correct": 0.6, "length": lambda t: 0.4 * t})
    out = reward(out, run.progress)                                       # reward/correct, reward/length, reward

Here belong what is compared with an answer (verifiers/, one file a kind of task; verification.py calls them), the
rules that a text is to meet (rules.py, ifeval.py), the process that judges what could hang (worker.py,
worker_process.py), how an answer is found in a text and read (answers.py, meaning.py, quantities.py, plain.py), which
verifier a right answer asks for (golds.py, pools.py), and the parts that a reward is added up from (parts.py).
`curriculab rewards corpus` prints how often the verifiers err on pairs with a known verdict; `python -m
tools.fuzz_verifiers --n 100000 --seed 0` throws hostile text at them and prints what they did.
"""

from curriculab.rewards.answers import LONGEST, final, number
from curriculab.rewards.corpus import figures_of, judge_pairs, load_pairs
from curriculab.rewards.cutoffs import judging, limits
from curriculab.rewards.golds import kind_of
from curriculab.rewards.parts import Band, Composite, Correct, Cosine, Overlong, Part, Tags, Triangle
from curriculab.rewards.pools import Judging, judging_of
from curriculab.rewards.registry import VERIFIERS, Reference, verifier
from curriculab.rewards.rules import rules_met
from curriculab.rewards.verification import verify, verify_rows

__all__ = [
    "LONGEST",
    "VERIFIERS",
    "Band",
    "Composite",
    "Correct",
    "Cosine",
    "Judging",
    "Overlong",
    "Part",
    "Reference",
    "Tags",
    "Triangle",
    "figures_of",
    "final",
    "judge_pairs",
    "judging",
    "judging_of",
    "kind_of",
    "limits",
    "load_pairs",
    "number",
    "rules_met",
    "verifier",
    "verify",
    "verify_rows",
]


def __dir__() -> list[str]:
    return __all__
