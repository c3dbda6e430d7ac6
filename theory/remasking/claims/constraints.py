"""G-Star 13: where guided refinement helps, hard constraints, and where it does nothing, an even parity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.ledger import Claim, Evidence, Instance, equal
from theory.reference import laws as reference
from theory.remasking import chain
from theory.remasking.claims.guidance import EXACT, NOT_GUIDED, ZERO, plain, refined
from theory.remasking.claims.inputs import COPIES, Case, in_digits, ours
from theory.remasking.schedules import counted, standard, star
from theory.worlds import TableWorld


def constraint_mass(
    world: TableWorld, steps: int, few: int, printed: Sequence[str], guided: bool = True
) -> Iterator[Evidence]:
    """Compute in fractions the mass that each sampler puts on the support of the data; guided refinement puts most.

    With `few` steps it puts less than refinement with uniform sets. The variant does not guide.
    """
    case = Case(world)
    laws = [
        plain(case, steps),
        plain(case, steps, True),
        refined(case, steps, 0, False),
        refined(case, steps, 0, guided),
    ]
    masses = [_on_support(law, case) for law in laws]
    yield equal("rational", int(masses[3] > max(masses[:3])), 1, ZERO, note="guided refinement has the most")
    for value, digits in zip(masses, printed, strict=True):
        yield in_digits("rational", value, digits, "standard, star, fixed count, guided")
    low, high = (_on_support(refined(case, few, 0, flag), case) for flag in (guided, False))
    yield equal("rational", int(low < high), 1, ZERO, note=f"less than with uniform sets at T = {few}")
    slack = case.slack(4 * steps)
    processes = (standard(steps), star(steps), counted(steps), counted(steps))
    refinements = (None, None, None, case.guided() if guided else None)
    for law, process, refine in zip(laws, processes, refinements, strict=True):
        output = chain.output_law(case.factorised, process, refine).law()
        yield equal("rational", output, case.listed(law), slack, note="engine")


def symmetric_control(n: int, steps: int, extra: int = 0) -> Iterator[Evidence]:
    """Refine an even parity of n bits with and without guidance: g* is equal at all positions, and the laws agree.

    The variant adds weight `extra` to the sequence of zeros.
    """
    weights = [int(sum(x) % 2 == 0) + extra * (not any(x)) for x in reference.sequences(n, 2)]
    case = Case(TableWorld.from_weights(weights, n, 2, "even parity"))
    spread = max(max(row) - min(row) for row in case.odds.values())
    yield equal("rational", spread, ZERO, ZERO, note="g* is equal at all positions of every draft")
    guided = chain.output_law(case.factorised, counted(steps), case.guided())
    output = chain.output_law(case.factorised, counted(steps))
    slack = case.slack(16 * steps)
    yield equal("enumeration", guided.law(), output.law(), slack, effective=steps > 1, note="guided = fixed count")
    if steps <= 3:
        law = case.listed(refined(case, steps))
        yield equal("rational", guided.law(), law, slack, effective=steps > 1, note="in fractions")


def _on_support(law: reference.Law, case: Case) -> Fraction:
    return sum((Fraction(p) for x, p in law.items() if x in case.rational), Fraction(0))


def _parities() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"n": st.integers(2, 4), "steps": st.integers(1, 8)})


CLAIMS = (
    Claim(
        id="gstar.13a",
        statement=(
            "There is a data law with hard constraints on whose support guided refinement puts more mass than masked "
            "diffusion, the star and refinement with uniform sets do, and with fewer steps less than the last: on two "
            "copied pairs of bits .947 against .766, .720 and .875 at T = 4, and less than with uniform sets at T = 2."
        ),
        assumptions="exact conditionals, the whole run refined, temperature 1",
        source=ours("gstar.13"),
        quantifier="there exists",
        kind="equality",
        routes=("rational",),
        check=constraint_mass,
        tolerance=EXACT,
        fixtures=({"world": COPIES, "steps": 4, "few": 2, "printed": ["0.766", "0.720", "0.875", "0.947"]},),
        variants={NOT_GUIDED: partial(constraint_mass, guided=False)},
    ),
    Claim(
        id="gstar.13b",
        statement=(
            "For an even parity of bits g* is equal at all positions of every draft, so refinement guided by it has the "
            "law of refinement with uniform sets, for every number of bits and of steps."
        ),
        assumptions="exact conditionals, the whole run refined, temperature 1",
        source=ours("gstar.13"),
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=symmetric_control,
        tolerance=EXACT,
        inputs=_parities,
        examples=6,
        fixtures=({"n": 4, "steps": 4}, {"n": 3, "steps": 3}),
        variants={"one unit more weight on zeros": partial(symmetric_control, extra=1)},
    ),
)
