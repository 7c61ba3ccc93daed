"""python -m curriculab.runs, the same as the command `curriculab runs`."""

from curriculab.runs.commands import main

if __name__ == "__main__":
    raise SystemExit(main())
