"""What all layers name things by: registries, knobs with bounds, serialization, the digest of what decides a run.

It stands below every other package and imports none of them.
"""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
