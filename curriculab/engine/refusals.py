"""What a base may not be: spread over devices, on a device that is not there, or quantised by other libraries.

Each is refused in one line before anything is computed, since transformers, accelerate and PEFT take all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch


def refuse_device(device: str | None) -> None:
    """Refuse what is no device of this machine that a base is computed on: the CPU, or one CUDA device.

    Raises
    ------
    ValueError
        In one line, with what there is.
    """
    if device is None or device == "cpu":
        return
    if not isinstance(device, str) or not re.fullmatch(r"cuda(:\d+)?", device):
        raise ValueError(f"device={device!r}; a base lies on one device: choose 'cpu', 'cuda', or of several 'cuda:1'")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not found:
        raise ValueError(f"device={device!r}, and torch finds no CUDA device here; leave device out for the CPU")
    if int(device.partition(":")[2] or 0) >= found:
        raise ValueError(
            f"device={device!r}, and torch finds {found} CUDA devices here; they are counted from 'cuda:0'"
        )


def refuse_other_quantisation(name: str, config: object) -> None:
    """Refuse a model that is quantised by anything but bitsandbytes: GPTQ, AWQ, FP8, MXFP4 and others.

    Parameters
    ----------
    name : str
        Of the model.
    config : PreTrainedConfig
        As its files, or a model in memory, have it.

    Raises
    ------
    ValueError
        In one line, with the method.
    """
    found = getattr(config, "quantization_config", None)
    if found is None:
        return
    method = found.get("quant_method") if isinstance(found, Mapping) else getattr(found, "quant_method", None)
    method = str(getattr(method, "value", method))
    if not method.startswith("bitsandbytes"):
        raise ValueError(
            f"the weights of {name!r} are quantised by {method!r}, which is not computed here; load the model that "
            "they were made of, with bits=4 or bits=8 where memory is short"
        )


def refuse_several_devices(base: torch.nn.Module) -> None:
    """Refuse a model in memory that is spread over devices, or a part of which lies on none.

    Raises
    ------
    ValueError
        In one line, with the places.
    """
    mapped = (getattr(base, "hf_device_map", None) or {}).values()
    places = {str(parameter.device) for parameter in base.parameters()} | {_place(device) for device in mapped}
    if len(places) > 1 or "meta" in places:
        raise ValueError(
            f"the {type(base).__name__} lies on {', '.join(sorted(places))}; a base lies on one device: load it "
            "without device_map, or with device_map={'': 'cuda:0'}"
        )


def _place(device: object) -> str:
    """A device as a map of accelerate names it: a number is one of CUDA's."""
    name = f"cuda:{device}" if isinstance(device, int) else str(device)
    return "cuda:0" if name == "cuda" else name
