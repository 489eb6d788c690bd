"""Several processes that train one network: joined the way `torchrun` asks for, or only one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed

from core.errors import PoseFormatError
from core.training import Share


@contextmanager
def joined(device: str | None) -> Iterator[tuple[Share, torch.device]]:
    """Join the other processes, if `torchrun` started this one; give its share and its device.

    Args:
        device: "cpu", "cuda", "cuda:1"; None takes a GPU where there is one.

    Raises:
        PoseFormatError: there is no such device.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")) if processes > 1 else None)
    if processes == 1:
        yield Share(), chosen
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Share(distributed.get_rank(), processes), chosen
    finally:
        distributed.destroy_process_group()


def _device(wanted: str | None, local_rank: int | None) -> torch.device:
    """Find the device: of several processes on a machine each takes a GPU of its own."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    try:
        device = torch.device(wanted or ("cuda" if there else "cpu"))
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise PoseFormatError("no such device; expected cpu, cuda or cuda:N", file=str(wanted))
    if device.type == "cpu":
        return device
    index = (device.index or 0) if local_rank is None else local_rank
    if index >= there:
        raise PoseFormatError(
            f"PyTorch sees {there} CUDA devices here; --device cpu trains without", file=str(device)
        )
    return torch.device("cuda", index)
