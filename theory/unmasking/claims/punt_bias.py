"""PUNT away from its theorem: the laws that it misses, with and without error of its own account."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
from torch import Tensor

from theory.ledger import Claim, Evidence, at_least, equal, rounding
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.unmasking.rules.punt import Punt, Tests
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, World, information, states

SOURCE = "Azangulov et al., arXiv 2510.21961"
DERIVED = "ours, see docs/derivations.md"
EPS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
ROUNDING = "rounding of a sum over states and candidate vectors: ledger.rounding(n (d+1)^n d^n)"

XOR = TableWorld.from_weights([int(x[3] == x[1] ^ x[2]) for x in itertools.product((0, 1), repeat=4)], 4, 2, "xor")
"""G1: X_3 = X_1 xor X_2."""

_FIRST, _SECOND = (4, 3, 3), ((5, 5), (9, 1), (1, 9))
_SKEWED = [
    0 if max(x[0], x[2], x[3]) > 1 else _FIRST[x[1]] * _SECOND[x[1]][x[2]]
    for x in itertools.product((0, 1, 2), repeat=4)
]
SKEWED = TableWorld.from_weights(_SKEWED, 4, 3, "skewed")
"""G2: X_1 in {0, 1, 2} with law (.4, .3, .3), X_2 given it (.5, .5), (.9, .1), (.1, .9)."""


def tolerance(world: World) -> float:
    """Return the rounding error of a sum over states and candidate vectors."""
    n, d = world.n, world.d
    return rounding(n * (d + 1) ** n * d**n)


def bounded_by(rule: Punt, world: TableWorld) -> tuple[float, float, float, Tensor]:
    """Return KL(p_out || q), E sum delta, E T and p_out of PUNT on a law."""
    found = walk(rule, world)
    z, mass = states.all_states(world.n, world.d), found.visits
    open_ = (z == world.d).any(-1) & (mass > 0)
    errors = (mass[open_] * rule.step_error(world, z[open_])).sum()
    divergence = information.kullback_leibler(found.output.law(), world.law())
    return float(divergence), float(errors), float(mass[open_].sum()), found.output.law()


def literally(rule: Punt, world: TableWorld) -> reference_lookahead.Sampled:
    """Return the law, errors and steps of the same rule written out, in floats."""
    passes, in_order = reference_lookahead.within(rule.eps), rule.tests == "in-order"
    return reference_lookahead.punt(reference.float_conditionals(world), world.n, world.d, rule.by, passes, in_order)


def exactly(rule: Punt, world: TableWorld) -> reference.Law:
    """Return the law of the same rule at eps = 0 in fractions: only equal conditionals pass."""
    denoiser, in_order = reference.exact_conditionals(world), rule.tests == "in-order"
    return reference_lookahead.punt(denoiser, world.n, world.d, rule.by, operator.eq, in_order, errors=False).law


def listed(law: reference.Law, world: World) -> list[float]:
    """Return a law as floats in the order of a world's table."""
    return [float(law.get(x, 0)) for x in reference.sequences(world.n, world.d)]


def printed_digits(
    world: TableWorld, distance: float, first_zero: float, divergence: float, tests: Tests = "binary"
) -> Iterator[Evidence]:
    """Compute TV, P(X_1 = 0) and KL(p_out || q) at eps = 0, ranks = indices, exactly and by the engine; TV is 0 in order."""
    exact, slack = reference.exact(world), tolerance(world)
    for kind, wanted in ((tests, distance), ("in-order", 0.0)):
        rule = Punt(0.0, "index", "in-order" if kind == "in-order" else tests)
        law = exactly(rule, world)
        apart = sum((abs(law.get(x, 0) - exact.get(x, 0)) for x in law.keys() | exact.keys()), Fraction(0)) / 2
        yield equal("rational", apart, Fraction(str(wanted)), Fraction(0), note=f"TV, {kind}")
        output = walk(rule, world).output.law()
        far = information.total_variation(world.law(), output)
        yield equal("enumeration", far, wanted, slack, note=f"TV, {kind}")
        if kind == tests:
            zero = sum((p for x, p in law.items() if x[1] == 0), Fraction(0))
            yield equal("rational", zero, Fraction(str(first_zero)), Fraction(0), note="P(X_1 = 0)")
            if divergence < math.inf:
                found = information.kullback_leibler(output, world.law())
                yield equal("enumeration", found, divergence, 5e-4, note="KL(p_out || q), three digits")
                literal = reference.kullback_leibler(law, exact)
                yield equal("enumeration", found, literal, slack, note="KL(p_out || q), engine and fractions")


def violated(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    """Show that KL(p_out || q) exceeds E sum delta by more than rounding, by the engine and written out.

    At threshold 0 the errors are exactly zero in fractions, while the total variation is not.
    """
    divergence, errors, _, _ = bounded_by(rule, world)
    found, slack = literally(rule, world), tolerance(world)
    apart = reference.kullback_leibler(found.law, reference.floats(world))
    yield at_least("enumeration", divergence - errors, slack, 0.0, note="excess, engine")
    yield at_least("enumeration", apart - found.errors, slack, 0.0, note="excess, written out")
    yield equal("enumeration", [divergence, errors], [apart, found.errors], slack, note="both routes")
    if rule.eps == 0:
        exact, law = reference.exact(world), exactly(rule, world)
        far = sum((abs(law.get(x, 0) - exact.get(x, 0)) for x in law.keys() | exact.keys()), Fraction(0)) / 2
        yield at_least("rational", far, Fraction(6, 25), Fraction(0), note="TV in fractions")


def dirichlet_tables(count: int) -> list[TableWorld]:
    """Return flat Dirichlet laws of four bits."""
    rng = np.random.default_rng(0)
    return [TableWorld(rng.dirichlet([1.0] * 16), 4, 2, "flat Dirichlet") for _ in range(count)]


def samples_the_law(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    """Compare the output law of a rule at eps = 0 with the data law, exactly and by the engine."""
    exact, found = reference.exact(world), exactly(rule, world)
    x = max(reference.sequences(world.n, world.d), key=lambda x: abs(found.get(x, 0) - exact.get(x, 0)))
    ours, true = (law.get(x, Fraction(0)) for law in (found, exact))
    yield equal("rational", ours, true, Fraction(0), note=f"probability of {x}")
    yield equal("enumeration", walk(rule, world).output.law(), world.law(), tolerance(world), note="engine")


DICE = TableWorld.from_weights([4, 1, 2, 3], 2, 2, "two dependent bits")
G1_DIGITS = {"world": XOR, "distance": 0.5, "first_zero": 0.5, "divergence": math.inf}
G2_DIGITS = {"world": SKEWED, "distance": 0.24, "first_zero": 0.16, "divergence": 0.136}
_UNEVEN = [9, 4, 8, 6, 7, 6, 3, 7, 4, 5, 5, 4, 5, 4, 3, 9]
EXCESS = (
    {"world": SKEWED, "rule": Punt(0.0, "index")},
    {"world": TableWorld.from_weights(_UNEVEN, 4, 2, "four bits"), "rule": Punt(0.003)},
)
EXACT_AT_ZERO = "With exact conditionals and threshold 0 PUNT reveals independent tokens only, and so its output law is the data law"


def _in_order(world: TableWorld, rule: Punt) -> Iterator[Evidence]:
    return violated(world, replace(rule, tests="in-order"))


CLAIMS = (
    Claim(
        id="punt.6",
        statement=(
            "At threshold 0, with ranks equal to positions: on four bits of which the last is the parity of the second "
            "and third, PUNT's output law is at total variation .5 from the data law; on the skewed law of four tokens "
            "(X_1 of law (.4, .3, .3), X_2 given it (.5, .5), (.9, .1), (.1, .9), two free bits) at .24, with P(X_1 = 0) "
            "= .16 instead of .4 and KL(p_out || q) = .136. When each rank is tested against all kept before it, both "
            "distances are 0."
        ),
        source=f"{DERIVED}, punt.6",
        quantifier="this instance",
        kind="equality",
        routes=("rational", "enumeration"),
        check=printed_digits,
        tolerance=f"none in fractions; half a unit of the third digit of the divergence; {ROUNDING}",
        fixtures=(G2_DIGITS, G1_DIGITS),
        variants={"also with PUNT's own tests the distances are 0": partial(printed_digits, tests="in-order")},
    ),
    Claim(
        id="punt.7",
        statement=(
            "There are laws on which PUNT's tests in rounds break the bound of the tests in order: KL(p_out || q) "
            "exceeds the expected sum of the errors delta of the revealed tokens, at threshold 0 even where every such "
            "error is zero."
        ),
        assumptions="Exact conditionals; ranks that do not look at drawn tokens.",
        source=f"{DERIVED}, punt.6",
        quantifier="there exists",
        kind="lower",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=violated,
        tolerance="an excess of more than the rounding of the sums; none in fractions",
        fixtures=EXCESS,
        variants={"tests in order": _in_order},
    ),
    Claim(
        id="punt.G1",
        statement=f"{EXACT_AT_ZERO}; ranks are positions, and no test need look at several tokens jointly.",
        source=f"{SOURCE}, section 3, a reading; {DERIVED}, punt.6",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": XOR, "rule": Punt(0.0, "index")},),
    ),
    Claim(
        id="punt.G2",
        statement=f"{EXACT_AT_ZERO}, on laws whose dependences are all between pairs; ranks are positions.",
        source=f"{SOURCE}, section 3, a reading; {DERIVED}, punt.6",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": SKEWED, "rule": Punt(0.0, "index")},),
    ),
    Claim(
        id="punt.G3",
        statement=f"{EXACT_AT_ZERO}; candidates are ranked by the probability of the drawn token.",
        source=f"{SOURCE}, section 3, a reading; {DERIVED}, punt.6",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="punt.5",
        routes=("rational", "enumeration"),
        check=samples_the_law,
        tolerance=f"none in fractions; {ROUNDING}",
        fixtures=({"world": DICE, "rule": Punt(0.0, "drawn")},),
    ),
)
