"""One step at one position: keep a visible token, reveal a masked one. ReMDM's family, the star-shaped member.

Wang, Schiff, Sahoo, Kuleshov, arXiv 2503.00307, eqs. of section 3, with the revealed fraction in generation time:
alpha_now is the paper's alpha_t, alpha_next >= alpha_now its alpha_s. Every function takes floats or fractions and
returns the same kind, so that identities can be checked without tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

from theory.errors import InvalidInput
from theory.ledger import Number
from theory.tolerance import SLACK


@dataclass(frozen=True)
class Posterior:
    """What happens to one token: a visible one is kept with chance `keep`, a masked one revealed with `reveal`."""

    keep: Number
    reveal: Number

    def then(self, second: Posterior) -> Posterior:
        """Return this step followed by another, both towards the same token: a product of 2 x 2 matrices."""
        keep = self.keep * second.keep + (1 - self.keep) * second.reveal
        reveal = self.reveal * second.keep + (1 - self.reveal) * second.reveal
        return Posterior(keep, reveal)

    def revealed(self, alpha: Number) -> Number:
        """Return the revealed fraction after the step, from `alpha` before it."""
        return alpha * self.keep + (1 - alpha) * self.reveal

    @property
    def is_kernel(self) -> bool:
        """Whether both chances lie in [0, 1]."""
        return bool(0 <= self.keep <= 1 and 0 <= self.reveal <= 1)


def posterior(alpha_now: Number, alpha_next: Number, sigma: Number) -> Posterior:
    """Return ReMDM's step: keep 1 - sigma, reveal (alpha_next - (1 - sigma) alpha_now) / (1 - alpha_now).

    sigma = 0 is the standard step of masked diffusion. At alpha_now = 1 nothing is masked, and reveal is 1. Raises
    InvalidInput unless 0 <= alpha_now <= alpha_next <= 1 and 0 <= sigma <= `largest_sigma`.
    """
    most = largest_sigma(alpha_now, alpha_next)
    if not -SLACK <= sigma <= most + SLACK:
        raise InvalidInput(
            f"sigma = {float(sigma):.6g} for the step from alpha {float(alpha_now):.6g} to {float(alpha_next):.6g}; "
            f"expected 0 <= sigma <= min(1, (1 - alpha_next) / alpha_now) = {float(most):.6g}: lower it, or use "
            "capped or rescaled"
        )
    sigma = min(max(sigma, 0), most)
    if alpha_now == 1:
        return Posterior(1 - sigma, 1 + 0 * sigma)
    reveal = (alpha_next - (1 - sigma) * alpha_now) / (1 - alpha_now)
    return Posterior(1 - sigma, min(max(reveal, 0), 1))


def largest_sigma(alpha_now: Number, alpha_next: Number) -> Number:
    """Return min{1, (1 - alpha_next) / alpha_now}, beyond which the posterior has a negative chance."""
    check_order(alpha_now, alpha_next)
    if alpha_now == 0:
        return 1 + 0 * alpha_next
    return min(1 + 0 * alpha_next, (1 - alpha_next) / alpha_now)


def no_sigma(alpha_now: Number, alpha_next: Number) -> Number:
    """Return 0: masked diffusion, where a revealed token stays."""
    check_order(alpha_now, alpha_next)
    return 0 * alpha_next


def star_sigma(alpha_now: Number, alpha_next: Number) -> Number:
    """Return 1 - alpha_next: the star-shaped process, whose next state ignores the present one given the data.

    Meshchaninov et al., arXiv 2510.08369. Always admissible, for 1 - alpha_next <= (1 - alpha_next) / alpha_now.
    """
    check_order(alpha_now, alpha_next)
    return 1 - alpha_next


def capped_sigma(alpha_now: Number, alpha_next: Number, eta: Number) -> Number:
    """Return min{eta, `largest_sigma`}: ReMDM-cap. Raises InvalidInput unless 0 <= eta <= 1."""
    return min(_eta(eta), largest_sigma(alpha_now, alpha_next))


def rescaled_sigma(alpha_now: Number, alpha_next: Number, eta: Number) -> Number:
    """Return eta * `largest_sigma`: ReMDM-rescale. Raises InvalidInput unless 0 <= eta <= 1."""
    return _eta(eta) * largest_sigma(alpha_now, alpha_next)


def predictor(alpha_now: Number, alpha_next: Number) -> Posterior:
    """Return the step of masked diffusion, sigma = 0."""
    return posterior(alpha_now, alpha_next, no_sigma(alpha_now, alpha_next))


def corrector(alpha: Number, sigma: Number) -> Posterior:
    """Return the corrector of Thm 4.1 at level alpha: mask with chance sigma, reveal with sigma alpha / (1 - alpha).

    It leaves the revealed fraction alpha as it is. Raises InvalidInput beyond `largest_corrector_sigma`, where its
    reveal chance exceeds one: there the composition is an identity of matrices, not of samplers.
    """
    most = largest_corrector_sigma(alpha)
    if not -SLACK <= sigma <= most + SLACK:
        raise InvalidInput(
            f"corrector with sigma = {float(sigma):.6g} at alpha = {float(alpha):.6g}; expected 0 <= sigma <= "
            f"min(1, (1 - alpha) / alpha) = {float(most):.6g}, stricter than for the posterior: lower sigma"
        )
    return corrector_matrix(alpha, min(max(sigma, 0), most))


def corrector_matrix(alpha: Number, sigma: Number) -> Posterior:
    """Return the corrector's entries for any sigma, a kernel or not; at alpha = 1 nothing is masked."""
    if alpha == 1:
        return Posterior(1 - sigma, 1 + 0 * sigma)
    return Posterior(1 - sigma, sigma * alpha / (1 - alpha))


def largest_corrector_sigma(alpha: Number) -> Number:
    """Return min{1, (1 - alpha) / alpha}."""
    return largest_sigma(alpha, alpha)


def check_order(alpha_now: Number, alpha_next: Number) -> None:
    """Raise InvalidInput unless 0 <= alpha_now <= alpha_next <= 1."""
    if not 0 <= alpha_now <= alpha_next <= 1:
        raise InvalidInput(
            f"step from alpha {float(alpha_now):.6g} to {float(alpha_next):.6g}; expected 0 <= alpha_now <= "
            "alpha_next <= 1: alpha is the revealed fraction in generation time and grows"
        )


def _eta(eta: Number) -> Number:
    if not 0 <= eta <= 1:
        raise InvalidInput(f"eta = {float(eta):.6g}; expected 0 <= eta <= 1, a share of the tokens")
    return eta
