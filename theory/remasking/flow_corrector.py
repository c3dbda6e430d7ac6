"""The corrector of discrete flow matching as a member of ReMDM's family: its strength, widths of steps and sigma.

Gat et al., arXiv 2407.15595, sample masked data with a forward velocity of weight 1 + beta and a backward one of weight
beta, where beta = 10 u^(1/4) (1 - u)^(1/4) at the revealed fraction u, and shorten steps that would make a chance
exceed one. Wang et al., arXiv 2503.00307, Proposition 4.3, identify the sampler with theirs at
sigma = beta (alpha_next - alpha_now) / alpha_now. The widths are read from the code released with arXiv 2503.00307
(`_dfm_caching_update`): a step from u has width min{1 / T, 1 / ((1 + beta) / (1 - u) + beta / u)}, the first step and
the last one have width 1 / T or less, and the last reveals all masks that are left.
"""

from __future__ import annotations

from theory.errors import InvalidInput
from theory.remasking.schedules import Step

STRENGTH = 10.0
"""The factor of beta that Gat et al. print for text and that the released code holds."""

POWER = 0.25
"""The power of u and of 1 - u in beta, printed and released like `STRENGTH`."""


def corrector_strength(alpha: float) -> float:
    """Return beta = 10 (alpha (1 - alpha))^(1/4) at a revealed fraction, without unit; 0 at both ends.

    Raises InvalidInput outside [0, 1].
    """
    if not 0 <= alpha <= 1:
        raise InvalidInput(f"alpha = {alpha:g}; expected a revealed fraction in [0, 1]")
    return float(STRENGTH * (alpha * (1 - alpha)) ** POWER)


def flow_sigma(alpha_now: float, alpha_next: float) -> float:
    """Return sigma = beta (alpha_next - alpha_now) / alpha_now of Proposition 4.3, and 0 where nothing is shown yet.

    It is a `SigmaRule` of `theory.remasking.schedules`. On steps that are too wide it exceeds what is admissible, which
    `Step` refuses; those of `flow_steps` are narrow enough.
    """
    if alpha_now == 0:
        return 0.0
    return corrector_strength(alpha_now) * (alpha_next - alpha_now) / alpha_now


def flow_steps(steps: int) -> tuple[Step, ...]:
    """Return the steps of the sampler for linear alpha and a nominal number T = `steps`; there are a few more than T.

    Raises InvalidInput for T < 2.
    """
    if steps < 2:
        raise InvalidInput(f"steps = {steps}; expected at least 2: the first and the last step remask nothing")
    width = 1 / steps
    alpha = width
    taken = [Step(0.0, alpha)]
    while 1 - alpha > width * (1 + 1e-9):
        beta = corrector_strength(alpha)
        after = alpha + min(width, 1 / ((1 + beta) / (1 - alpha) + beta / alpha))
        taken.append(Step(alpha, after, flow_sigma(alpha, after)))
        alpha = after
    return (*taken, Step(alpha, 1.0))
