"""python -m curriculab.methods, the same as the command `curriculab methods`."""

from curriculab.bench.checking import main

if __name__ == "__main__":
    raise SystemExit(main())
