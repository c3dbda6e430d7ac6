"""Symbolic derivations of the energy results; each returns residuals that must vanish, by name.

Source: Condition 3.4, Lemma 3.5, Theorem 3.6 and Proposition 3.7 of Chen et al. (arXiv 2509.13866); the
bound J >= pi^2 and the landscape (docs/derivations.md, energy.2a). SymPy is imported when a derivation is run.
"""

from __future__ import annotations

from functools import cache
from typing import Any

Residuals = dict[str, Any]


@cache
def euler_lagrange() -> Residuals:
    """Derive the Euler-Lagrange equation of J from its Lagrangian and insert alpha = sin^2(pi gamma / 2).

    Also inserts the general solution alpha = sin^2(A gamma + B), so Condition 3.4 is the one that meets
    alpha(0) = 0, alpha(1) = 1.
    """
    import sympy as sp
    from sympy.calculus.euler import euler_equations

    t, slope, shift = sp.Symbol("t"), sp.Symbol("A"), sp.Symbol("B")
    alpha, gamma = sp.Function("alpha")(t), sp.Function("gamma")(t)
    lagrangian = alpha.diff(t) ** 2 / (gamma.diff(t) * alpha * (1 - alpha))
    equation = euler_equations(lagrangian, [alpha], [t])[0].lhs

    def inserted(solution: Any) -> Any:
        return sp.simplify(equation.subs(alpha, solution).doit())

    return {
        "Condition 3.4": inserted(sp.sin(sp.pi * gamma / 2) ** 2),
        "general solution": inserted(sp.sin(slope * gamma + shift) ** 2),
    }


def euler_lagrange_of(power: int) -> Any:
    """Return the Euler-Lagrange residual of sin^power(pi t / 2) under gamma = t; zero for power 2 only."""
    import sympy as sp
    from sympy.calculus.euler import euler_equations

    t = sp.Symbol("t", positive=True)
    alpha = sp.Function("alpha")(t)
    equation = euler_equations(alpha.diff(t) ** 2 / (alpha * (1 - alpha)), [alpha], [t])[0].lhs
    return sp.simplify(equation.subs(alpha, sp.sin(sp.pi * t / 2) ** power).doit())


@cache
def beta_family() -> Residuals:
    """Derive Proposition 3.7: Beta(1/2, 1/2) gives alpha = t and Beta(1, 1) gives sin^2(pi t / 2).

    The distribution functions are proved by derivative and starting value; `total` is their value at 1.
    """
    import sympy as sp

    t = sp.Symbol("t", positive=True)
    found: Residuals = {}
    cases = {
        "(1/2, 1/2)": (sp.Rational(1, 2), 2 / sp.pi * sp.asin(sp.sqrt(t)), t),
        "(1, 1)": (sp.Integer(1), t, sp.sin(sp.pi * t / 2) ** 2),
    }
    for name, (shape, distribution, mask) in cases.items():
        scale = sp.gamma(shape) ** 2 / sp.gamma(2 * shape)
        density = t ** (shape - 1) * (1 - t) ** (shape - 1) / scale
        found[f"{name} density"] = sp.simplify(distribution.diff(t) ** 2 - density**2)
        found[f"{name} start"] = distribution.subs(t, 0)
        found[f"{name} total"] = distribution.subs(t, 1) - 1
        found[f"{name} mask"] = sp.simplify(sp.sin(sp.pi * distribution / 2) ** 2 - mask)
    return found


@cache
def round_trip() -> Residuals:
    """Return the residuals of gamma -> alpha -> gamma and alpha -> gamma -> alpha (Condition 3.4).

    The first is proved by derivative (on 0 < gamma < 1, where sin and cos of pi gamma / 2 are positive)
    and starting value.
    """
    import sympy as sp

    alpha, angle = sp.Symbol("alpha", positive=True), sp.Symbol("angle", positive=True)
    back = sp.sin(sp.pi / 2 * (2 / sp.pi) * sp.asin(sp.sqrt(alpha))) ** 2 - alpha
    slope = sp.asin(sp.sqrt(alpha)).diff(alpha).subs(alpha, sp.sin(angle) ** 2) * (sp.sin(angle) ** 2).diff(angle)
    return {
        "mask of weight of mask": sp.simplify(back),
        "weight of mask, slope": sp.simplify(slope**2 - 1),
        "weight of mask, start": sp.asin(sp.sqrt(sp.sin(sp.Integer(0)) ** 2)),
    }


@cache
def least_energy() -> tuple[Residuals, Any]:
    """Prove J >= pi^2: return residuals and the nonnegative integrand of J - pi^2.

    With alpha = sin^2 theta, J = int 4 theta'^2 / gamma'. Completing the square,
    4 theta'^2 / gamma' = (2 theta' - pi gamma')^2 / gamma' + d/dt (4 pi theta - pi^2 gamma), and the last
    term integrates to 4 pi (pi / 2) - pi^2 = pi^2. The square is pi^2 (g - w)^2 / w with g = 2 theta' / pi
    and w = gamma': pi^2 chi^2(g || w).
    """
    import sympy as sp

    t = sp.Symbol("t")
    theta, gamma = sp.Function("theta")(t), sp.Function("gamma")(t)
    alpha = sp.sin(theta) ** 2
    density = alpha.diff(t) ** 2 / (gamma.diff(t) * alpha * (1 - alpha))
    square = (2 * theta.diff(t) - sp.pi * gamma.diff(t)) ** 2 / gamma.diff(t)
    boundary = 4 * sp.pi * theta - sp.pi**2 * gamma
    g, w = 2 * theta.diff(t) / sp.pi, gamma.diff(t)
    ends = [boundary.subs({theta: angle, gamma: value}) for angle, value in ((0, 0), (sp.pi / 2, 1))]
    residuals = {
        "angle form": sp.simplify(density - 4 * theta.diff(t) ** 2 / gamma.diff(t)),
        "completed square": sp.simplify(4 * theta.diff(t) ** 2 / gamma.diff(t) - square - boundary.diff(t)),
        "boundary term": ends[1] - ends[0] - sp.pi**2,
        "chi-square": sp.simplify(square - sp.pi**2 * (g - w) ** 2 / w),
    }
    return residuals, square


@cache
def condition() -> Residuals:
    """Prove that J = pi^2 under Condition 3.4, read both ways: its integrand is pi^2 gamma'.

    With alpha = sin^2(pi gamma / 2) for a weight gamma, and with gamma = (2 / pi) arcsin sqrt(alpha) for a mask alpha;
    gamma runs from 0 to 1, so that the integral of pi^2 gamma' is pi^2.
    """
    import sympy as sp

    t = sp.Symbol("t")
    alpha, gamma = sp.Function("alpha", positive=True)(t), sp.Function("gamma", positive=True)(t)

    def density(mask: Any, weight: Any) -> Any:
        return mask.diff(t) ** 2 / (weight.diff(t) * mask * (1 - mask))

    best = sp.sin(sp.pi * gamma / 2) ** 2
    own = 2 / sp.pi * sp.asin(sp.sqrt(alpha))
    return {
        "best mask": sp.simplify(density(best, gamma) - sp.pi**2 * gamma.diff(t)),
        "own weight": sp.simplify(density(alpha, own) - sp.pi**2 * own.diff(t)),
    }


@cache
def landscape() -> Residuals:
    """Derive the Beta landscape: g^2 / w is an unnormalised Beta(2a - c, 2b - e) density, and its total.

    The total is Euler's integral int t^(x-1) (1-t)^(y-1) dt = Gamma(x) Gamma(y) / Gamma(x + y): checked
    through int_0^inf u^(x-1) / (1 + u)^(x+y) du (u = t / (1 - t)), which SymPy evaluates.
    """
    import sympy as sp

    t, u = sp.symbols("t u", positive=True)
    a, b, c, e, x, y = sp.symbols("a b c e x y", positive=True)

    def density(p: Any, q: Any) -> Any:
        return t ** (p - 1) * (1 - t) ** (q - 1)

    quotient = density(a, b) ** 2 / density(c, e) / density(2 * a - c, 2 * b - e)
    odds = (density(x, y).subs(t, u / (1 + u)) * (u / (1 + u)).diff(u)) / (u ** (x - 1) / (1 + u) ** (x + y))
    total = sp.integrate(u ** (x - 1) / (1 + u) ** (x + y), (u, 0, sp.oo), conds="none")
    euler = sp.gamma(x) * sp.gamma(y) / sp.gamma(x + y)
    return {
        "integrand": sp.simplify(sp.powsimp(sp.expand_power_base(quotient, force=True), force=True) - 1),
        "odds": sp.simplify(sp.powsimp(sp.expand_power_base(odds, force=True), force=True) - 1),
        "Euler integral": sp.simplify(sp.gammasimp(total - euler)),
    }


@cache
def step_excess() -> Residuals:
    """Prove K sum_k x_k^2 >= s^2 for K numbers with sum s, by induction over K.

    One number has x^2 = s^2. If the squares of K numbers with sum s - x add up to (s - x)^2 / K at least, then with one
    more, x, they reach s^2 / (K + 1): the excess is the square (K + 1) / K (x - s / (K + 1))^2. At s = pi / 2, times
    4 K, the bound is pi^2.
    """
    import sympy as sp

    steps, x, s = sp.Symbol("K", positive=True), sp.Symbol("x"), sp.Symbol("s")
    excess = (s - x) ** 2 / steps + x**2 - s**2 / (steps + 1)
    square = (steps + 1) / steps * (x - s / (steps + 1)) ** 2
    least = (4 * steps * s**2 / steps).subs(s, sp.pi / 2) - sp.pi**2
    return {"one step": x**2 - (s**2).subs(s, x), "one step more": sp.simplify(excess - square), "quarter turn": least}
