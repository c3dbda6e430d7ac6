"""Claims of one's own: an inequality as a function of drawn worlds, rules and budgets, with a verdict and a witness."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any, Literal

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from theory import ledger
from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.ledger import Claim, Evidence, checking
from theory.ledger.tightest import Tightest
from theory.ledger.tightest import tightest as search
from theory.schedules import Schedule
from theory.showing import Shown
from theory.tolerance import SLACK
from theory.unmasking.rules.base import SetRule
from theory.worlds import TableWorld
from unmasked import strategies


@dataclass(frozen=True)
class Drawn:
    """How an argument of a claim is drawn, given the arguments before it."""

    strategy: Callable[[Mapping[str, Any]], SearchStrategy[Any]]


def _world(drawn: Mapping[str, Any]) -> TableWorld:
    found = next((value for value in drawn.values() if isinstance(value, TableWorld)), None)
    if found is None:
        raise InvalidInput("a drawn denoiser needs a world of its size; put an argument of type AnyWorld before it")
    return found


AnyWorld = Annotated[TableWorld, Drawn(lambda drawn: strategies.worlds())]
"""Any law of 2 to 4 tokens over 2 or 3 symbols, with exact weights; a third of them degenerate on purpose."""

AnyDenoiser = Annotated[TableDenoiser, Drawn(lambda drawn: strategies.denoisers(_world(drawn)))]
"""Any table of conditionals for the world drawn before it."""

AnyRule = Annotated[SetRule, Drawn(lambda drawn: strategies.rules())]
"""Any built-in rule that looks at conditionals only, with drawn parameters."""

AnySchedule = Annotated[Schedule, Drawn(lambda drawn: strategies.schedules())]
"""Any named schedule, or the mask schedule of a drawn Beta weight."""

Budget = Annotated[float, Drawn(lambda drawn: st.integers(0, 60).map(lambda k: k / 20))]
"""A budget in nats, a multiple of 1/20 from 0 to 3."""

Steps = Annotated[int, Drawn(lambda drawn: st.integers(1, 6))]
"""A number of steps from 1 to 6."""


@dataclass(frozen=True, repr=False)
class Checked(Shown):
    """The verdict on a claim: `holds` on all `instances` drawn, or `refuted` by a `witness` that no simpler one is."""

    name: str
    verdict: str
    instances: int
    worst: Mapping[str, Any]
    witness: Mapping[str, Any] | None

    def _facts(self) -> dict[str, object]:
        found: dict[str, object] = {"verdict": self.verdict, "instances": self.instances}
        return {**found, **({} if self.witness is None else {"witness": dict(self.witness)})}


@dataclass(frozen=True, repr=False)
class OwnClaim(Shown):
    """A claim of one's own. Call it like the function that it was made from; `check` and `tightest` draw the inputs."""

    name: str
    function: Callable[..., Any]
    claim: Claim

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def check(self, examples: int | None = None) -> Checked:
        """Check the claim on drawn inputs; where it fails, shrink the witness to the simplest one that is found."""
        scale = 1.0 if examples is None else examples / self.claim.examples
        result = checking.examine(self.claim, scale)
        witness = result.witness
        if result.verdict == "refuted":
            witness = checking.smallest_witness(self.claim, max(200, self.claim.examples)) or witness
        return Checked(self.name, result.verdict, result.instances, result.worst, witness)

    def tightest(self, budget: int = 300) -> Tightest:
        """Search for the instance with the least room left."""
        return search(self.claim, budget, budget)

    def _facts(self) -> dict[str, object]:
        return {"statement": self.claim.statement, "drawn": ", ".join(inspect.signature(self.function).parameters)}


def claim(
    statement: str,
    *,
    source: str = "our own",
    kind: Literal["upper", "lower", "equality"] = "upper",
    examples: int = 60,
) -> Callable[[Callable[..., Any]], OwnClaim]:
    """Make a claim of a function whose arguments are annotated with what is drawn for them.

    The function returns or yields comparisons (`at_most`, `at_least`, `equal`), or a truth value.

    >>> import unmasked as um
    >>> @um.claim("KL <= path KL")
    ... def data_processing(world: um.AnyWorld, rule: um.AnyRule):
    ...     found = um.measure(rule, world)
    ...     return um.at_most(found.kl, found.path_kl)
    >>> data_processing.check(examples=10).verdict
    'holds'
    """

    def made(function: Callable[..., Any]) -> OwnClaim:
        inputs = functools.partial(_inputs, _drawn_arguments(function))
        name = function.__name__
        check = functools.partial(_evidence, function)
        tolerance = "the slack of theory.tolerance, times the claimed value where that is above one"
        own = Claim(
            id=name,
            source=source,
            statement=statement,
            quantifier="for all",
            kind=kind,
            routes=("enumeration",),
            check=check,
            tolerance=tolerance,
            inputs=inputs,
            examples=examples,
        )
        return OwnClaim(name, function, own)

    return made


def at_most(computed: Any, claimed: Any, tolerance: float | None = None) -> Evidence:
    """Say computed <= claimed, up to rounding; exact for fractions. 0 <= 0 counts as no check: it could not fail."""
    found = ledger.at_most("enumeration", computed, claimed, _allowed(computed, claimed, tolerance))
    return replace(found, effective=bool(computed or claimed))


def at_least(computed: Any, claimed: Any, tolerance: float | None = None) -> Evidence:
    """Say computed >= claimed, up to rounding; exact for fractions. 0 >= 0 counts as no check: it could not fail."""
    found = ledger.at_least("enumeration", computed, claimed, _allowed(computed, claimed, tolerance))
    return replace(found, effective=bool(computed or claimed))


def equal(computed: Any, claimed: Any, tolerance: float | None = None) -> Evidence:
    """Say computed == claimed, up to rounding; exact for fractions."""
    return ledger.equal("enumeration", computed, claimed, _allowed(computed, claimed, tolerance))


def _allowed(computed: Any, claimed: Any, tolerance: float | None) -> float | Fraction:
    if tolerance is not None:
        return tolerance
    if isinstance(computed, Fraction | int) and isinstance(claimed, Fraction | int):
        return Fraction(0)
    return SLACK * max(1.0, float(abs(claimed).max()) if hasattr(claimed, "max") else abs(float(claimed)))


def _evidence(function: Callable[..., Any], **instance: Any) -> list[Evidence]:
    found = function(**instance)
    if isinstance(found, Evidence):
        return [found]
    if isinstance(found, bool) or type(found).__name__ in ("bool_", "bool"):
        return [ledger.at_most("enumeration", 0.0 if found else 1.0, 0.0, 0.0, note="a truth value: no room is known")]
    if isinstance(found, Iterable):
        return list(found)
    raise InvalidInput(
        f"claim {function.__name__} returned {type(found).__name__}; expected at_most(...), at_least(...), equal(...), "
        "several of them, or a truth value"
    )


def _drawn_arguments(function: Callable[..., Any]) -> dict[str, Drawn]:
    hints = typing.get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        marks = [mark for mark in getattr(hints.get(name), "__metadata__", ()) if isinstance(mark, Drawn)]
        if not marks and parameter.default is parameter.empty:
            raise InvalidInput(
                f"claim {function.__name__}: nothing is drawn for argument {name!r}; annotate it with AnyWorld, "
                "AnyRule, AnySchedule, AnyDenoiser, Budget or Steps"
            )
        if marks:
            found[name] = marks[0]
    return found


def _inputs(arguments: Mapping[str, Drawn]) -> SearchStrategy[dict[str, Any]]:
    @st.composite
    def instance(draw: DrawFn) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for name, how in arguments.items():
            drawn[name] = draw(how.strategy(drawn))
        return drawn

    return instance()
