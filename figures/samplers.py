"""How samplers that remask look in every figure: one colour, line style and marker each; ticks at powers of ten."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.ticker import FixedLocator, LogFormatterMathtext, NullLocator

SAMPLERS: dict[str, dict[str, Any]] = {
    "masked diffusion": {"color": "#000000", "linestyle": "-", "marker": "o"},
    "star": {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    "fixed count": {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    "guided": {"color": "#D55E00", "linestyle": (0, (8, 2)), "marker": "D"},
}
LABELS = {
    "masked diffusion": "masked diffusion",
    "star": "star, independent masks",
    "fixed count": "fixed count, random",
    "guided": "fixed count, guided",
}
MARK = {"markeredgecolor": "black", "markeredgewidth": 0.4, "markersize": 4.5}
LIGHT = {"guided": "#E69F00"}
"""A second colour, for a sampler that is drawn twice."""


def decades(axis: Any, every: int = 1) -> None:
    """Put a tick at every power of ten in view, or every second or third one, and none between."""
    low, high = (math.log10(end) for end in axis.get_view_interval())
    first = every * math.ceil(low / every)
    axis.set_major_locator(FixedLocator([10.0**k for k in range(first, math.floor(high) + 1, every)]))
    axis.set_major_formatter(LogFormatterMathtext())
    axis.set_minor_locator(NullLocator())
