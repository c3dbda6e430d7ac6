"""Numbers of tokens that public samplers reveal at each step: how released code rounds a schedule to whole tokens.

Every function returns the sizes of the steps, whole numbers that sum to the number of masked tokens. A size may be 0:
the code then calls its network and reveals nothing. Fractions and float64 stand in for the float32 in which the code
computes, except where `as_released` asks for float32.

Read in the released code: LLaDA's `get_num_transfer_tokens` (generate.py), MaskGIT's `decode` (libml/parallel_decode.py
and libml/mask_schedule.py). Dream's loop and the schedule of the Maskgit-pytorch family were read in copies that other
repositories keep of them. `theory.unmasking.early_ends` has the samplers that stop before everything is revealed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from theory.errors import InvalidInput, unknown
from theory.schedules import ONE_MINUS_COSINE, as_schedule
from theory.tolerance import SLACK

Rounding = Literal["floor", "half up", "half even", "ceil"]


def equal_quotas(masks: int, steps: int) -> tuple[int, ...]:
    """Return the equal sizes of LLaDA: masks // steps each, and one more in each of the first masks % steps steps.

    With more steps than masked tokens the last sizes are 0. Raises InvalidInput for numbers that are not whole, fewer
    than 0 masked tokens or fewer than 1 step.
    """
    masks, steps = _whole("masks", masks, 0), _whole("steps", steps, 1)
    each, more = divmod(masks, steps)
    return (each + 1,) * more + (each,) * (steps - more)


def rounded_quotas(schedule: Any, masks: int, steps: int, rounding: Rounding = "floor") -> tuple[int, ...]:
    """Return the sizes whose running totals are masks * alpha(k / steps), rounded to whole tokens.

    `schedule` is anything that `theory.schedules.as_schedule` takes. "half even" is what Python, NumPy and torch call
    round; a product within the slack of a whole number, or of a half, counts as one. Raises InvalidInput.
    """
    masks, steps = _whole("masks", masks, 0), _whole("steps", steps, 1)
    if rounding not in ROUNDINGS:
        raise unknown("rounding", rounding, ROUNDINGS)
    totals = [ROUNDINGS[rounding](masks * float(alpha)) for alpha in as_schedule(schedule).grid(steps)]
    return tuple(int(size) for size in np.diff(totals))


def maskgit_quotas(
    masks: int, steps: int, schedule: Any = ONE_MINUS_COSINE, as_released: bool = False
) -> tuple[int, ...]:
    """Return the sizes of MaskGIT: after step k < steps, floor(masks * (1 - alpha(k / steps))) tokens stay masked.

    The floor is raised to at least 1 and then lowered so that every step reveals a token while two are left: the code
    keeps at least one token masked until the last step. With more steps than masked tokens some steps reveal nothing.
    The schedule is MaskGIT's cosine unless given, 1 - alpha(t) = cos(pi t / 2). With `as_released` the cosine is taken
    in float32 as in the code: cos(pi / 3) is then below 1/2, and of an even number of masked tokens one less than half
    stay masked after two thirds of the steps. Raises InvalidInput, for `as_released` with another schedule too.
    """
    masks, steps = _whole("masks", masks, 0), _whole("steps", steps, 1)
    if as_released and schedule is not ONE_MINUS_COSINE:
        raise InvalidInput(
            f"as_released beside {as_schedule(schedule)}; it is about MaskGIT's own cosine: leave it out"
        )
    wanted = [_floor(masks * float(share)) for share in 1 - as_schedule(schedule).grid(steps)]
    if as_released:
        angle = np.float32(math.pi / 2) * (np.arange(steps + 1) / steps).astype(np.float32)
        wanted = np.floor(np.float32(masks) * np.cos(angle)).astype(int).tolist()
    left = [masks]
    for count in wanted[1:-1]:
        left.append(min(max(1, min(left[-1] - 1, count)), left[-1]))
    return tuple(before - after for before, after in zip(left, [*left[1:], 0], strict=True))


def floored_shares(masks: int, steps: int, eps: float | Fraction = Fraction(1, 1000)) -> tuple[int, ...]:
    """Return the sizes of Dream: at times t_k from 1 down to eps in equal steps, floor(left * (1 - t_(k+1) / t_k)).

    `left` counts what is still masked, so what a floor leaves over is offered again at the next step; the last step
    reveals all that is left. Computed in fractions, `eps` as the decimal that is written. Raises InvalidInput for an
    eps outside [0, 1).
    """
    masks, steps, end = _whole("masks", masks, 0), _whole("steps", steps, 1), _share("eps", eps)
    times = [1 - (1 - end) * Fraction(k, steps) for k in range(steps + 1)]
    sizes, left = [], masks
    for k in range(steps - 1):
        sizes.append(math.floor(left * (1 - times[k + 1] / times[k])))
        left -= sizes[-1]
    return (*sizes, left)


def proportional_quotas(weights: Sequence[float], masks: int) -> tuple[int, ...]:
    """Return the sizes of the Maskgit-pytorch family: masks * weight / total, rounded half to even, at least 1 each.

    The last size then takes what is missing, or gives back what is too much. Raises InvalidInput for weights that are
    negative or sum to 0, and where the last step would have to give back more than it has, as the released code does
    not notice.
    """
    shares, masks = [float(w) for w in weights], _whole("masks", masks, 1)
    total = math.fsum(shares)
    if not shares or not total > 0 or not math.isfinite(total) or min(shares) < 0:
        raise InvalidInput(f"weights {shares!r:.80}; expected numbers >= 0, one a step, of which one is positive")
    sizes = [max(1, _half_even(masks * w / total)) for w in shares]
    sizes[-1] += masks - sum(sizes)
    if sizes[-1] < 0:
        raise InvalidInput(
            f"{len(sizes)} steps of at least one of {masks} masked tokens leave the last step {sizes[-1]}; take fewer"
        )
    return tuple(sizes)


def _floor(x: float) -> int:
    return math.floor(x + SLACK * max(1.0, abs(x)))


def _ceil(x: float) -> int:
    return -_floor(-x)


def _half_up(x: float) -> int:
    return _floor(x + 0.5)


def _half_even(x: float) -> int:
    low = _half_up(x) - 1
    tie = abs(x - (low + 0.5)) <= SLACK * max(1.0, abs(x))
    return low if tie and low % 2 == 0 else low + 1


ROUNDINGS: dict[str, Callable[[float], int]] = {
    "floor": _floor, "half up": _half_up, "half even": _half_even, "ceil": _ceil
}  # fmt: skip
"""What makes a real number of tokens a whole one."""


def _whole(label: str, value: object, least: int) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # refused below where it is no integer
    except TypeError:
        number = least - 1
    if number < least:
        raise InvalidInput(f"{label} = {value!r:.40}; expected a whole number of at least {least}")
    return number


def _share(label: str, value: float | Fraction) -> Fraction:
    share = value if isinstance(value, Fraction) else Fraction(str(value))
    if not 0 <= share < 1:
        raise InvalidInput(f"{label} = {value}; expected a number from 0 up to, but not, 1")
    return share
