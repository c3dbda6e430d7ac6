"""Two laws taken from real data that installed packages ship: handwritten digits and English text."""

from __future__ import annotations

import numpy as np
import torch

from theory.errors import InvalidInput
from theory.worlds.table import TableWorld

LETTERS = " abcdefghijklmnopqrstuvwxyz"


def digit_patches(side: int = 3, threshold: float = 8.0) -> TableWorld:
    """Return the empirical law of side x side patches of binarised 8x8 handwritten digits (scikit-learn).

    A pixel (0..16) is 1 when it is at least `threshold`; all positions of all 1797 images count equally.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InvalidInput("digit_patches needs scikit-learn; install it: pip install scikit-learn") from error
    bits = (load_digits().images >= threshold).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(bits, (side, side), axis=(1, 2)).reshape(-1, side * side)
    return _empirical(windows, 2, f"{side}x{side} digit patches")


def english_letters(length: int = 4) -> TableWorld:
    """Return the empirical law of letter n-grams in the documentation topics that CPython ships.

    27 symbols: space and a..z; case folded, every run of other characters counts as one space.
    """
    text = english_text()
    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64)
    symbols = np.where(codes == ord(" "), 0, codes - ord("a") + 1)
    windows = np.lib.stride_tricks.sliding_window_view(symbols, length)
    return _empirical(windows, len(LETTERS), f"English letter {length}-grams")


def english_text() -> str:
    """Return the documentation topics of CPython as one line over LETTERS."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise InvalidInput("this Python lacks pydoc_data.topics; use a complete CPython") from error
    text = " ".join(topics[key] for key in sorted(topics)).lower()
    kept = "".join(ch if "a" <= ch <= "z" else " " for ch in text)
    return " ".join(kept.split())


def _empirical(rows: np.ndarray, d: int, name: str) -> TableWorld:
    n = rows.shape[1]
    cells = rows @ d ** np.arange(n - 1, -1, -1)
    counts = torch.from_numpy(np.bincount(cells, minlength=d**n)).double()
    return TableWorld(counts / counts.sum(), n, d, name=name)
