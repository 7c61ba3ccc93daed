"""Verifiers and reward parts: is this text a right answer, and what is it worth?

    verify("5 * 12 = 60\\n#### 60", "60")                                  # 1.0
    verify("so it is \\\\boxed{0.5}", "\\\\frac{1}{2}", "math")                # 1.0
    reward = Composite({"correct": Correct(), "length": Triangle(87)}, {"correct": 0.6, "length": lambda t: 0.4 * t})
    out = reward(out, run.progress)                                       # reward/correct, reward/length, reward

Here belong what is compared with an answer (verifiers/, one file a kind of task; verification.py calls them), the
process that judges what could hang (worker.py, worker_process.py), and the parts that a reward is added up from
(parts.py). `python -m tools.fuzz_verifiers --n 100000 --seed 0` throws hostile text at the verifiers and prints what
they did.
"""

from curriculab.rewards.answers import LONGEST, final, number
from curriculab.rewards.cutoffs import limits
from curriculab.rewards.parts import Band, Composite, Correct, Cosine, Overlong, Part, Tags, Triangle
from curriculab.rewards.registry import VERIFIERS, Reference, verifier
from curriculab.rewards.verification import verify, verify_rows

__all__ = [
    "LONGEST",
    "VERIFIERS",
    "Band",
    "Composite",
    "Correct",
    "Cosine",
    "Overlong",
    "Part",
    "Reference",
    "Tags",
    "Triangle",
    "final",
    "limits",
    "number",
    "verifier",
    "verify",
    "verify_rows",
]


def __dir__() -> list[str]:
    return __all__
