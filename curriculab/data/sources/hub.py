"""Data sets of the Hugging Face hub, and local folders laid out like one: "hf:openai/gsm8k"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from curriculab.data.files import numbered
from curriculab.data.registry import source
from curriculab.data.shaping import shape
from curriculab.data.validation import PoolError, one_line


@source("hf:", rest="<id>")
def load(
    source: str,
    /,
    *,
    columns: Any = None,
    split: str = "train",
    name: str | None = None,
    level_order: Sequence[str] | None = None,
    n: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Rows of a hub data set or of a local folder laid out like one; code that comes with a data set never runs."""
    place = source.removeprefix("hf:")
    try:
        import datasets
    except ImportError:
        raise PoolError(f"{source} needs the package datasets: pip install datasets") from None
    local = Path(place).is_dir()
    reached = local or hub_answers(source, place)
    try:
        with offline(not reached):
            frame = datasets.load_dataset(place, name, split=split).to_pandas()
    except Exception as error:  # the library raises a dozen kinds
        if not reached:
            raise unreachable(source) from None
        raise PoolError(f"{source}: {one_line(error)}") from None
    how = dict(columns=columns, level_order=level_order, n=n, seed=seed)
    return shape(numbered(frame), source, stem=place.strip("/").split("/")[-1], **how)


def hub_answers(source: str, name: str) -> bool:
    """Whether the hub can be reached; raises where it can and does not know the name."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        HfApi().dataset_info(name, timeout=10)
    except RepositoryNotFoundError:
        raise PoolError(
            f"{source}: the hub knows no data set {name!r} that you may read; check the name at https://huggingface.co/datasets,"
            " or log in (hf auth login) if it is private"
        ) from None
    except ValueError as error:  # a name that no data set can have
        raise PoolError(f"{source}: {one_line(error)}") from None
    except Exception:  # any kind of network trouble
        return False
    return True


def unreachable(source: str) -> PoolError:
    return PoolError(
        f"{source}: the hub cannot be reached and the data set is not in the local cache; check the name and the "
        "network, or give a local folder (hf:<folder>) or file"
    )


@contextmanager
def offline(on: bool) -> Iterator[None]:
    """Keep `datasets` from retrying a hub that has just been found out of reach; it reads its cache instead."""
    from datasets import config

    before = config.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = on or before
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
