"""Verifiers and reward parts: is this text a right answer, and what is it worth?

    verify("5 * 12 = 60\\n#### 60", "60")                                  # 1.0
    verify("so it is \\\\boxed{0.5}", "\\\\frac{1}{2}", "math")                # 1.0
    reward = Composite({"correct": Correct(), "length": Triangle(87)}, {"correct": 0.6, "length": lambda t: 0.4 * t})
    out = reward(out, run.progress)                                       # reward/correct, reward/length, reward

`python -m curriculab.rewards fuzz --n 100000 --seed 0` throws hostile text at the verifiers and prints what they did.
"""

from curriculab.rewards.parts import Band, Composite, Correct, Cosine, Overlong, Part, Tags, Triangle
from curriculab.rewards.verifiers import LONGEST, final, limits, number, verify, verify_rows

__all__ = [
    "LONGEST",
    "Band",
    "Composite",
    "Correct",
    "Cosine",
    "Overlong",
    "Part",
    "Tags",
    "Triangle",
    "final",
    "limits",
    "number",
    "verify",
    "verify_rows",
]


def __dir__() -> list[str]:
    return __all__
