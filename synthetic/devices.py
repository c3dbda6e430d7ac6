"""Which device computes, how precisely, and what becomes of memory that it has freed."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from theory.errors import InvalidInput

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt."""
WORTHWHILE = 2**24
"""Entries of states times weights from which oneDNN is faster: 700 tokens at 25,000 weights, 110 at 150,000."""


def device(name: str | None = None) -> torch.device:
    """Return the named device; for None that of $UNMASKED_DEVICE, else a GPU where there is one. Turns TF32 off.

    Raises InvalidInput where a GPU is named and there is none, or where the name is no device's.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    name = name or os.environ.get("UNMASKED_DEVICE") or None
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise InvalidInput(f"unknown device {name!r}; expected cpu, cuda or cuda:INDEX") from error
    if chosen.type not in {"cpu", "cuda"}:
        raise InvalidInput(f"device {name!r} is not supported; expected cpu, cuda or cuda:INDEX")
    found = torch.cuda.device_count()
    if chosen.type == "cuda" and (chosen.index or 0) >= found:
        raise InvalidInput(f"device {name!r} was demanded, and {found} GPUs are found; ask for cpu, or for none")
    return chosen


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: what is computed inside is then the same in a process alone and in one of many."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def wide_products(states: Tensor, weights: float, members: int = 1) -> Iterator[None]:
    """Multiply float32 matrices on a CPU with the full width of its instructions, where that pays; a GPU as ever.

    torch multiplies by MKL, which uses half the width on processors that are not Intel's: measured on one core, 105
    thousand million operations a second, where oneDNN reaches 230. oneDNN compiles once for every shape, and its calls
    cost more, so a pass over few states through few weights is left to MKL: below WORTHWHILE, the number of entries of
    the states times the number of weights. Where the states are those of several `members` of a stack, along the first
    axis, one member's states and weights decide: the two libraries round differently, and a network trained in a stack
    is to be the one that it would be alone.

    The setting that makes torch choose oneDNN is the one that allows products rounded to bfloat16. oneDNN rounds only
    where a processor has matrix tiles (AMX), so there the setting is left alone, as it is where torch is too old to
    tell. Attention is computed as two products, since torch's fused one calls oneDNN for pieces too small for it.
    """
    products = getattr(torch.backends.mkldnn, "matmul", None)
    if products is None or states.is_cuda or states.numel() / members * weights < WORTHWHILE or _rounds():
        yield
        return
    before = products.fp32_precision
    products.fp32_precision = "bf16"
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        products.fp32_precision = before


def _rounds() -> bool:
    """Return whether oneDNN would round products to bfloat16 here if it were allowed to, or may."""
    return bool(getattr(torch.cpu, "get_capabilities", dict)().get("amx_bf16", True))


def keep_freed_memory() -> None:
    """Have this process reuse memory that it freed rather than fetch zeroed pages anew; no effect outside glibc.

    A training step on the CPU frees and takes the same hundred megabytes again and again; an eager one is a tenth
    slower where each is mapped anew.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
