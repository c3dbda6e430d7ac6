"""`measure` and `evaluate`: what a sampler gets wrong and what it costs, beside the best that exists."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Generator

from theory.denoisers import Denoiser, for_world
from theory.errors import InvalidInput
from theory.prompted import Prompted, prompted
from theory.schedules import Schedule
from theory.showing import Shown, brief
from theory.unmasking import best_rules, comparison, evaluation, hull, laws, long_walks, walks
from theory.unmasking.rules.after_prompt import after_prompt
from theory.unmasking.rules.base import Rule, SetRule, ValueRule
from theory.unmasking.rules.function import as_rule
from theory.worlds import World
from unmasked.entry import predictor, sampler
from unmasked.entry import world as as_world

STATES = 2**21
"""States (d + 1)^n of a world up to which a rule is walked exactly; beyond, paths are sampled."""

PAIRS = 2**20
"""Pairs of states (2d + 1)^n up to which the best rules are solved for without being asked."""


@dataclass(frozen=True, repr=False)
class Measurement(Shown):
    """What a sampler does on a world. All numbers are floats; divergences are in nats.

    `kl` is KL(data || samples), `path_kl` the same over whole paths of unmasking (never less than `kl`), `calls` the
    expected number of denoiser calls, `bound` the entropy bound on the error of revealing tokens together, `excess`
    the path KL above the best rule (for a schedule: the best K steps) at as many calls. A number that does not exist
    is nan: no path KL for a rule that looks at drawn tokens, no excess where the world is too large to solve for the
    best rule, no KL of a rule that chooses at random on a world that is sampled. Sampled numbers have
    `standard_errors`. `output` is the law of the samples as a world, where it is exact.
    """

    name: str
    world: World
    kl: float
    path_kl: float
    calls: float
    bound: float
    output: World | None = None
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    _excess: Any = None

    @functools.cached_property
    def excess(self) -> float:
        """Return the path KL above the best that as many denoiser calls allow."""
        return float(self._excess()) if self._excess is not None else math.nan

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"world": self.world.name}
        for label, value in (("kl", self.kl), ("path_kl", self.path_kl), ("calls", self.calls), ("bound", self.bound)):
            error = self.standard_errors.get(label)
            facts[label] = value if error is None else f"{value:.4g} +- {error:.1g}"
        if self._excess is not None and _pairs(self.world) <= PAIRS:
            facts["excess"] = self.excess
        return facts


def measure(
    what: Any,
    law: Any,
    denoiser: Any = None,
    start: Sequence[int] | None = None,
    *,
    steps: int | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Measurement:
    """Measure a rule, or a schedule at a number of steps, on a law.

    `what` is a rule, a function (log_p, masked) -> positions, a schedule, a function of time, a grid or a name; `law`
    an array of probabilities or a world; `denoiser` what predicts the tokens (the law's exact conditionals unless
    given), as `um.denoiser` makes it; `start` a partially masked state to begin from (token d is the mask): the best
    rules and steps are then those from there. Worlds beyond two million states are measured by `samples` sampled paths
    with standard errors. Raises InvalidInput.

    >>> import numpy as np, unmasked as um
    >>> pair = np.array([[0.5, 0.0], [0.0, 0.5]])                       # two tokens that are always equal
    >>> um.measure(um.EntropyBounded(0.2, by="entropy"), pair)
    Measurement(EB 0.2, entropy: world = table, kl = 0, path_kl = 0, calls = 2, bound = 0, excess = 0)
    >>> round(um.measure(um.TopK(2), pair).kl, 4)                       # both at once: ln 2 nats are lost
    0.6931
    """
    if isinstance(law, SetRule | ValueRule | Schedule):
        what, law = law, what
    method, world = sampler(what), as_world(law)
    denoiser = predictor(denoiser, world)
    if isinstance(method, Schedule):
        return _schedule(method, world, denoiser, start, steps)
    if steps is not None:
        raise InvalidInput(f"steps = {steps} beside a rule; a rule makes as many steps as it needs: leave steps out")
    if (world.d + 1) ** world.n > STATES:
        return _sampled(method, world, for_world(denoiser, world), start, samples, seed)
    walked = walks.walk(method, world, denoiser, start)
    best = functools.partial(_over_best_rule, walked, world, denoiser, start)
    excess = best if isinstance(method, SetRule) else None
    return Measurement(
        method.name, walked.world, _nats(walked.divergence), _nats(walked.path_divergence), float(walked.calls),
        _nats(walked.bound), walked.output, _excess=excess,
    )  # fmt: skip


def evaluate(
    what: Any,
    worlds: Mapping[str, Any] | None = None,
    denoiser: Any = None,
    start: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
) -> evaluation.Report:
    """Measure a rule on several worlds against every built-in rule and the best rules that exist.

    `worlds` maps names to laws (eight small ones unless given). `start` is one partially masked state for all worlds,
    or one for each name: the worlds are then the laws of the masked positions. The own rule is shown all positions, the
    built-in ones the masked positions, numbered anew. The report's `verdict` says in plain words where the rule is
    beaten, by which rules, and by how much. Raises InvalidInput.
    """
    rule = as_rule(what)
    chosen = None if worlds is None else {name: as_world(law) for name, law in worlds.items()}
    if start is None:
        return evaluation.report(rule, list(evaluation.evaluate(rule, chosen, denoiser)))
    parts = _after_prompts(evaluation.small_worlds() if chosen is None else chosen, denoiser, start)
    rows = [
        row
        for name, p in parts.items()
        for row in evaluation.evaluate(after_prompt(rule, p), {name: p.world}, p.denoiser)
    ]
    return evaluation.report(rule, rows)


def compare(
    schedule: Any, law: Any, steps: int | None = None, curve: Any = None, start: Sequence[int] | None = None
) -> comparison.Comparison:
    """Compare a mask schedule with the best one of K steps on a law.

    `schedule` is a name, a function of time, a grid or a schedule; a grid of K + 1 nodes makes K steps, or as many as
    are asked for along its line. `law` is an array of probabilities or a world, of any length whose information curve
    is exact. Another curve may be given: numbers Z_1..Z_n, or a sampled curve, which is
    made nondecreasing first. `start` is a partially masked state: the comparison is then about its masked tokens, and a
    curve is that of the law which is left of them. Raises InvalidInput.

    >>> import unmasked as um
    >>> found = um.compare("squared sine", um.worlds.copied_pairs(3), steps=4)
    >>> round(found.error, 3), round(found.optimum, 3), found.optimal_sizes.sizes
    (0.609, 0.52, (1, 2, 2, 1))
    """
    if steps is None:
        nodes = np.asarray(schedule, dtype=float) if isinstance(schedule, list | tuple | np.ndarray) else np.zeros(0)
        if len(nodes) < 2:
            raise InvalidInput(f"{brief(schedule)} is compared at a number of steps; give steps=K")
        steps = len(nodes) - 1
    world = as_world(law)
    return comparison.compare(schedule, world if start is None else prompted(world, start).world, steps, curve)


def _schedule(
    schedule: Schedule, world: World, denoiser: Any, start: Sequence[int] | None, steps: int | None
) -> Measurement:
    if steps is None:
        raise InvalidInput("a schedule is measured at a number of steps; give steps=K")
    if _pairs(world) > 2**24:
        raise InvalidInput(
            f"{world.name} has {world.d + 1}^{world.n} states, too many for the exact law of a schedule; compare(...) "
            "gives its error from the information curve"
        )
    found = laws.sampler_law(schedule, world, denoiser, start, steps=steps)
    law = world if start is None else found.world
    return Measurement(
        f"{schedule.name}, {steps} steps", law, _nats(found.divergence), _nats(found.path_divergence),
        float(found.calls), math.nan, found.output,
        _excess=functools.partial(_over_best_steps, schedule, world, start, steps) if denoiser is None else None,
    )  # fmt: skip


def _sampled(
    rule: Rule, world: World, denoiser: Denoiser, start: Sequence[int] | None, samples: int, seed: int
) -> Measurement:
    if not isinstance(rule, SetRule):
        raise InvalidInput(f"rule {rule.name!r} looks at drawn tokens; its law is exact on small worlds only")
    paths = long_walks.sample_walk(rule, world, samples, Generator().manual_seed(seed), denoiser, start)
    path_kl = paths.path_divergence
    errors = {
        "path_kl": path_kl.standard_error, "calls": paths.calls.standard_error, "bound": paths.bound.standard_error,
    }  # fmt: skip
    kl = math.nan
    if type(rule).choices is SetRule.choices:  # one path a sequence: then the KL of the samples is that of the paths
        kl, errors["kl"] = path_kl.mean, path_kl.standard_error
    return Measurement(
        rule.name, paths.world, kl, path_kl.mean, paths.calls.mean, paths.bound.mean, None, errors
    )  # fmt: skip


def _over_best_rule(found: walks.Walk, world: World, denoiser: Any, start: Sequence[int] | None) -> float:
    left = _left(world, denoiser, start)
    if left is None:
        return 0.0
    best = best_rules.frontier(left.world, denoiser=left.denoiser)
    height = hull.height([(o.calls, o.divergence) for o in best], float(found.calls_of_data))
    return evaluation.whole(float(found.path_divergence) - height)


def _over_best_steps(schedule: Schedule, world: World, start: Sequence[int] | None, steps: int) -> float:
    left = _left(world, None, start)
    return 0.0 if left is None else comparison.compare(schedule, left.world, steps).excess


@dataclass(frozen=True)
class _Part:
    """A law and what predicts its tokens; None for the law itself."""

    world: World
    denoiser: Any


def _left(world: World, denoiser: Any, start: Sequence[int] | None) -> _Part | None:
    """Return the law of the masked positions of a start and the denoiser there; None where nothing is masked."""
    if start is None:
        return _Part(world, denoiser)
    if not any(int(token) == world.d for token in start):
        return None
    p = prompted(world, start, denoiser)
    return _Part(p.world, None if denoiser is None else p.denoiser)


def _after_prompts(
    chosen: Mapping[str, World], denoiser: Any, start: Sequence[int] | Mapping[str, Sequence[int]]
) -> dict[str, Prompted]:
    """Return every world after its prompt, by name."""
    starts = start if isinstance(start, Mapping) else dict.fromkeys(chosen, start)
    if set(starts) != set(chosen):
        raise InvalidInput(
            f"starts for {', '.join(sorted(starts))} beside worlds {', '.join(sorted(chosen))}; give one start a world"
        )
    return {name: prompted(world, starts[name], denoiser) for name, world in chosen.items()}


def _nats(divergence: Any) -> float:
    """Return a divergence as a float, rounding about zero removed."""
    return evaluation.whole(float(divergence))


def _pairs(world: World) -> int:
    return int((2 * world.d + 1) ** world.n)
