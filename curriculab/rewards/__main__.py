"""python -m curriculab.rewards, the same as the command `curriculab rewards`."""

from curriculab.rewards.commands import main

if __name__ == "__main__":
    raise SystemExit(main())
