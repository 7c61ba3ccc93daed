"""python -m curriculab.bench spec.json: train a bench without a notebook."""

from curriculab.bench.command import main

if __name__ == "__main__":
    raise SystemExit(main())
