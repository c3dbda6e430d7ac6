"""What networks answer: logits, probabilities or their logarithms, recognised, checked, brought to log-probabilities.

How far from one may a row of d probabilities sum by rounding alone? Let eps be the spacing at 1 of the number type that
was returned. To first order, an error of relative size r in every probability moves the sum by r at most, and an
absolute error r in every logarithm too. A softmax makes three: its exponentials are within one unit (eps), the quotient
and the stored number are rounded (eps / 2 each), so probabilities sum to one within 2 eps. A log-softmax has those of
the exponentials and, as absolute errors, those of the logarithm of the sum (at most ln d, within eps ln d) and of the
stored numbers (eps / 2 times |ln p|, which moves the sum by eps / 2 times the entropy, at most ln d): below
2 eps (1 + ln d) in all. The sum of d exponentials adds d - 1 roundings, in whatever order; libraries take it in float32
where numbers are narrower. Wider numbers count as float32 too, in which networks compute before they hand over float64.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import InvalidInput

Outputs = Literal["log-probabilities", "probabilities", "logits"]

ABOUT = 0.05
"""Rows that miss a sum of one by less, and by more than rounding, are taken for nothing: their owner must say more."""


def rounding(dtype: torch.dtype, d: int, outputs: Outputs = "log-probabilities") -> float:
    """Return how far from one d probabilities of a number type may sum by rounding alone."""
    single = torch.finfo(torch.float32).eps
    eps = max(torch.finfo(dtype).eps, single) if dtype.is_floating_point else single
    own = 2 * eps * (1 + math.log(d) if outputs == "log-probabilities" else 1)
    return own + (d - 1) * single / 2


def recognised(answer: Float[Tensor, "rows width"], who: str) -> Outputs:
    """Return what the rows of a first answer are; InvalidInput where they are nearly, but not quite, probabilities."""
    rows = answer.to(torch.float64)
    logarithms = bool((rows <= 0).all())
    kind: Outputs
    if bool((rows >= 0).all()):
        kind, sums, remedy = "probabilities", rows.sum(-1), "name outputs='probabilities', which renormalises them"
    else:
        kind, sums, remedy = "log-probabilities", rows.exp().sum(-1), "name outputs='logits', which renormalises them"
    missed, allowed = (sums - 1).abs(), rounding(answer.dtype, answer.shape[-1], kind)
    if bool((missed <= allowed).all()):
        return kind
    if float(missed.median()) > ABOUT or (kind == "log-probabilities" and not logarithms):
        return "logits"
    raise InvalidInput(
        f"{who} returned what look like {kind} that sum to {float(sums[missed.argmax()]):.9g}; expected 1 within "
        f"{allowed:.1g} for {_name(answer.dtype)}: {remedy}, or renormalise"
    )


def log_probabilities(
    answer: Float[Tensor, "*batch width"], hidden: Bool[Tensor, "*batch"], outputs: Outputs, named: bool, who: str
) -> Float[Tensor, "*batch width"]:
    """Return an answer as log-probabilities in float64, the rounding of its own number type renormalised away.

    Raises InvalidInput where hidden rows of probabilities do not sum to one up to that rounding, or up to ABOUT where
    their owner has `named` them probabilities. Log-probabilities are checked by `check_conditionals` before.
    """
    raw, d = answer.to(torch.float64), answer.shape[-1]
    if outputs == "logits":
        return raw.log_softmax(-1)
    rows = raw[hidden]
    if outputs == "probabilities":
        if bool((rows < 0).any()):
            raise InvalidInput(f"{who} returned negative probabilities; name its outputs: logits?")
        sums = rows.sum(-1)
        allowed = ABOUT if named else rounding(answer.dtype, d, outputs)
        if bool((bad := ~((sums - 1).abs() <= allowed)).any()):
            raise InvalidInput(
                f"{who} returned probabilities that sum to {float(sums[bad][0]):.6g}; expected 1 within {allowed:.1g}, "
                "without NaN: divide each row by its sum"
            )
        raw = raw.clamp(min=0).log()
    elif answer.dtype == torch.float64:
        return raw
    total = raw.logsumexp(-1, keepdim=True)
    return raw - torch.where(total.isfinite(), total, 0.0)


def check_conditionals(
    log_p: Float[Tensor, "batch n d"],
    z: Int[Tensor, "batch n"],
    d: int,
    who: str = "denoiser",
    hidden: Tensor | None = None,
) -> Float[Tensor, "batch n d"]:
    """Return the log-conditionals; InvalidInput for NaN, mass on the mask or rows that do not sum to one.

    A row may miss one by the rounding of a log-softmax of d logits in the number type at hand.
    """
    if not isinstance(log_p, Tensor) or log_p.shape != (*z.shape, d):
        shape = tuple(log_p.shape) if isinstance(log_p, Tensor) else type(log_p).__name__
        wide = isinstance(log_p, Tensor) and log_p.shape[-1:] == (d + 1,)
        extra = "; drop the mask's column and renormalise" if wide else ""
        raise InvalidInput(f"{who} returned shape {shape}; expected (batch, n, d) = {(*z.shape, d)}{extra}")
    hidden = z == d if hidden is None else hidden
    rows = log_p[hidden].to(torch.float64)
    deviation = rows.exp().sum(-1) - 1
    tolerance = rounding(log_p.dtype, d)
    bad = ~(deviation.abs() <= tolerance)
    if bool(bad.any()):
        first = int(bad.nonzero()[0, 0])
        row, position = hidden.nonzero()[first].tolist()
        looks = bool((rows[first] >= 0).all()) and abs(float(rows[first].sum()) - 1) <= ABOUT
        remedy = "these look like probabilities: return their logarithms" if looks else "apply log_softmax"
        raise InvalidInput(
            f"{who} at state {z[row].tolist()}, position {position}: probabilities sum to 1 "
            f"{float(deviation[first]):+.3g}; expected 1 within {tolerance:.1g}, without NaN: {remedy}"
            + ("" if looks else " over the d tokens")
        )
    return log_p


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
