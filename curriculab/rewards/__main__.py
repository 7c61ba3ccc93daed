"""python -m curriculab.rewards fuzz --n 100000 --seed 0: hostile text against the verifiers."""

import argparse

from curriculab.rewards.fuzz import report

parser = argparse.ArgumentParser(prog="python -m curriculab.rewards")
parser.add_argument("what", choices=["fuzz"])
parser.add_argument("--n", type=int, default=100_000, help="texts (default: %(default)s)")
parser.add_argument("--seed", type=int, default=0)
asked = parser.parse_args()
report(asked.n, asked.seed)
