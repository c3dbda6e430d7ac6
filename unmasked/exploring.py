"""`um.explore`: what the notebooks tabulate, for any world, rule, schedule or model; one table a call.

Nothing is computed here: each function asks the engines and puts their numbers side by side. Divergences, errors and
bounds are in nats. A world is anything that `um.world` takes, a rule or schedule anything that `um.measure` takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Generator

from synthetic import remasking as shared_remasking
from synthetic import small_worlds
from synthetic import worlds as shared
from theory.energy.closed_forms import LEAST, step_energy
from theory.errors import InvalidInput, unknown
from theory.remasking import chain
from theory.remasking.chain import Remasked
from theory.remasking.drafts import Refinement
from theory.schedules import NAMED, as_schedule
from theory.speculation import bounds, gaussian, masked, sampling
from theory.unmasking import best_rules, curves, evaluation, hull, optimal, walks
from theory.unmasking.rules.function import as_rule
from theory.worlds import TableWorld, World, states
from theory.worlds.table import table_of
from unmasked.entry import predictor
from unmasked.entry import world as as_world
from unmasked.measuring import PAIRS
from unmasked.recording import record

WORLDS: dict[str, Mapping[str, Callable[[], World]]] = {
    "schedules": shared.WORLDS,
    "rules": small_worlds.WORLDS,
    "remasking": shared_remasking.LAWS,
}
REMASKING = tuple(shared_remasking.SAMPLERS)
"""The samplers of `remasked`: masked diffusion, star, and a fixed count of masks, at random or guided by errors."""


def worlds(subject: str) -> dict[str, Callable[[], World]]:
    """Return the worlds that the figures on a subject share, by name; each is built when it is called.

    The subjects are "schedules", "rules" and "remasking".

    >>> worlds("rules")["even parity"]().n
    6
    """
    if subject not in WORLDS:
        raise unknown("subject with worlds", subject, WORLDS)
    return dict(WORLDS[subject])


def errors(world: Any, schedule: Any, steps: int, curve: Any = None) -> pd.DataFrame:
    """Return what a mask schedule at K steps gets wrong, beside the named schedules and the best that exist.

    A row is a schedule. `error` is the expected path KL of revealing each token by itself on the schedule's grid,
    `energy` the energy of the same K steps for the weight gamma = t over the least, pi^2. The last rows are the best
    grid, and the best whole block sizes (where K is at most n), which have no energy. All rest on the world's
    information curve, computed unless it is given.

    >>> from theory.worlds import copied_pairs
    >>> errors(copied_pairs(3), "squared sine", steps=4).loc[["squared sine", "best grid", "best sizes"]].round(3)
                  error  energy
    squared sine  0.609   1.000
    best grid     0.520   1.111
    best sizes    0.277     NaN
    """
    law = as_world(world)
    z = law.information_curve() if curve is None else curve
    given = as_schedule(schedule)
    grids = {each.name: each.grid(steps) for each in (given, *NAMED.values())}
    grids["best grid"] = optimal.optimal_grid(z, steps).grid
    rows = {name: (float(curves.per_token_error(z, g)), float(step_energy(g)) / LEAST) for name, g in grids.items()}
    if steps <= law.n:
        rows["best sizes"] = (optimal.optimal_sizes(z, steps)[-1].error, math.nan)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["error", "energy"])


def rules(world: Any, rules: Iterable[Any], denoiser: Any = None) -> pd.DataFrame:
    """Return what each rule gets wrong on a small world and what it costs, exactly; a row is a rule.

    `calls` is the sampler's expected number of denoiser calls, `KL` that of the data from its samples. `path KL`, over
    whole paths of unmasking, is the sum of `model error` (zero for the world's own conditionals) and
    `joint dependence`, which `bound` bounds. `excess` is the path KL above the best rule at as many calls, nan where
    the world is too large to solve for it. What rests on paths is nan for a rule that looks at drawn tokens.

    >>> from theory.unmasking.rules.sets import TopK
    >>> from theory.worlds import copied_pairs
    >>> rules(copied_pairs(2), [TopK(1), TopK(2)])["KL"].round(4).to_dict()
    {'Top-1, confidence': 0.0, 'Top-2, confidence': 1.3863}
    """
    table = _table(world)
    denoiser = predictor(denoiser, table)
    best = best_rules.frontier(table, denoiser=denoiser) if (2 * table.d + 1) ** table.n <= PAIRS else []
    vertices = [(each.calls, each.divergence) for each in best]
    found = [walks.walk(as_rule(each), table, denoiser) for each in rules]
    return _by_rule([_row(each, vertices) for each in found])


def frontier(world: Any, denoiser: Any = None) -> pd.DataFrame:
    """Return the best rules that exist on a small world, by ascending calls, as `rules` describes them.

    They are the corners of the lower convex hull of (calls, path KL) over all deterministic rules that are blind to
    drawn tokens, found by dynamic programming; no such rule lies below it.

    >>> from theory.worlds import copied_pairs
    >>> frontier(copied_pairs(2))[["calls", "path KL"]].round(4).values.tolist()
    [[1.0, 1.3863], [2.0, 0.0]]
    """
    table = _table(world)
    denoiser = predictor(denoiser, table)
    best = best_rules.frontier(table, denoiser=denoiser)
    vertices = [(each.calls, each.divergence) for each in best]
    return _by_rule([_row(walks.walk(each.rule, table, denoiser), vertices) for each in best])


def blocks(rule: Any, world: Any, denoiser: Any = None) -> pd.DataFrame:
    """Return the states at which a rule reveals several tokens at once, and what that costs there.

    A row is a partially masked state that the data's paths visit, an underscore a mask. `visits` is the probability
    that a path comes by, `several` that the rule then reveals two tokens or more, `error` the joint dependence error
    of the block revealed, `bound` its entropy bound. The table is empty for a rule that reveals one token at a time,
    and for one that looks at drawn tokens.

    >>> from theory.unmasking.rules.sets import TopK
    >>> from theory.worlds import repetition
    >>> blocks(TopK(2), repetition(3))["error"].round(4).to_dict()          # ln 2 at the start, then one token is left
    {'_ _ _': 0.6931}
    """
    table = _table(world)
    found = walks.walk(as_rule(rule), table, predictor(denoiser, table))
    at = (torch.nan_to_num(found.visits_of_data * found.nodes.several) > 0).nonzero()[:, 0]
    z = states.digits(at, found.world.n, found.world.d + 1).tolist()
    columns = {
        "visits": found.visits_of_data[at],
        "several": found.nodes.several[at],
        "error": found.nodes.joint_dependence[at],
        "bound": found.nodes.bound[at],
    }
    shown = [" ".join("_" if token == found.world.d else str(token) for token in state) for state in z]
    return pd.DataFrame(columns, index=pd.Index(shown, name="state", dtype=object))


def refinement(world: Any, sampler: str = "guided", temperature: float = 1.0) -> Refinement:
    """Return how a sampler chooses the positions that it masks again, as `um.remasking.remask` takes it.

    "guided" asks the best error predictor that exists, its choice the sharper the lower the temperature; every other
    sampler chooses at random.

    >>> from theory.worlds import copied_pairs
    >>> refinement(copied_pairs(2)).n
    4
    """
    return shared_remasking.Exact(_table(world)).refinement(_known(sampler), temperature)


def remasked(
    world: Any, sampler: str, steps: int, window: tuple[float, float] = (0.0, 1.0), temperature: float = 1.0
) -> Remasked:
    """Return what a sampler that masks tokens again does to a law: its output law, its TV and KL from the data.

    The samplers are those of REMASKING, on T linear steps, with the world's exact conditionals; they remask within the
    window of generation time (0 all masked, 1 data).

    >>> from theory.worlds import copied_pairs
    >>> round(remasked(copied_pairs(2), "star", steps=8).total_variation, 4)
    0.1971
    """
    table = _table(world)
    plan = shared_remasking.SAMPLERS[_known(sampler)](steps, window)
    return chain.remask(plan, table, refine=shared_remasking.Exact(table).refinement(sampler, temperature))


def remasking(
    world: Any, steps: Sequence[int], window: tuple[float, float] = (0.0, 1.0), temperature: float = 1.0
) -> pd.DataFrame:
    """Return the total variation of the output from the data: a row for each number of steps, a column a sampler.

    >>> from theory.worlds import copied_pairs
    >>> remasking(copied_pairs(2), [2, 8])["masked diffusion"].round(4).tolist()
    [0.4375, 0.1211]
    """
    law = shared_remasking.Exact(_table(world))
    columns = {
        name: [law.distance(law.output(name, plan(count, window), temperature)) for count in steps]
        for name, plan in shared_remasking.SAMPLERS.items()
    }
    return pd.DataFrame(columns, index=pd.Index(list(steps), name="steps"))


def masked_rounds(world: Any, windows: Sequence[int] | None = None) -> pd.DataFrame:
    """Return what speculative decoding of masked sequences, left to right, costs and what it gets wrong, exactly.

    A row is a window of L drafted tokens (1..n unless given). `rounds` and `rejections` are expectations, `ceiling` is
    ceil(n / L) + rejections, which rounds never exceed, and `TV` the distance of the output law from the data's: none.

    >>> from theory.worlds import repetition
    >>> masked_rounds(repetition(4), [1, 2])["rounds"].to_dict()
    {1: 4.0, 2: 2.0}
    """
    table, rows = _table(world), []
    for window in range(1, table.n + 1) if windows is None else windows:
        found = masked.sweep(table, window)
        away = float(chain.distances(table, found.output)[0])
        ceiling = bounds.rounds_ceiling(table.n, window, found.rejections)
        rows.append((window, found.rounds, found.rejections, ceiling, away))
    return pd.DataFrame(rows, columns=["window", "rounds", "rejections", "ceiling", "TV"]).set_index("window")


def gaussian_rounds(target: gaussian.Chain, windows: Sequence[int], paths: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return what speculative sampling of a Gaussian chain costs, on drawn paths with a frozen drift as the draft.

    A row is a window of L drafted steps. `rounds` is the mean number of windows a path, `acceptance` the share of steps
    kept, `speedup` the steps for each target call that must wait for another, `evaluations` the target evaluations a
    step. `least room` is the least of ceil(N / L) + rejections - rounds over all paths: the theorem says at least 0.

    >>> chain = gaussian.diffusion(gaussian.TOY, steps=20)
    >>> bool((gaussian_rounds(chain, [2, 5], paths=50)["least room"] >= 0).all())
    True
    """
    rows = []
    for window in windows:
        run = sampling.speculate(target, window, paths, Generator().manual_seed(seed))
        room = bounds.rounds_ceiling(target.steps, window, run.rejections) - run.rounds
        evaluations = float(run.evaluations.double().mean()) / target.steps
        rows.append(
            (window, float(run.rounds.double().mean()), run.acceptance, run.speedup, evaluations, int(room.min()))
        )
    columns = ["window", "rounds", "acceptance", "speedup", "evaluations", "least room"]
    return pd.DataFrame(rows, columns=columns).set_index("window")


def verdicts(*experiments: str, preset: str = "laptop") -> pd.DataFrame:
    """Return the claims on trained models that these experiments decide, with their verdicts: a row is a claim.

    Verdicts follow from 95 % intervals over seeds and items (`synthetic/claims/base.py`). What an experiment lacks is
    computed and trained first. Raises InvalidInput for an unknown experiment or preset.
    """
    from synthetic.claims import registry
    from synthetic.claims.base import judge

    records = {name: record(name, preset) for name in experiments}
    rows: dict[str, tuple[str, str]] = {}
    for claim in registry().values():
        if set(claim.experiments) <= records.keys():
            try:
                found: str = judge(claim, records).verdict
            except InvalidInput:
                found = "too few values"
            rows[claim.id] = (found, claim.statement)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["verdict", "says"]).rename_axis("claim")


def _row(found: walks.Walk, vertices: list[tuple[float, float]]) -> dict[str, Any]:
    path, calls = float(found.path_divergence), float(found.calls_of_data)
    solved = vertices and not math.isnan(path)
    return {
        "rule": found.rule,
        "calls": float(found.calls),
        "KL": max(0.0, float(found.divergence)),
        "path KL": path,
        "model error": evaluation.whole(float(found.model_error)),
        "joint dependence": evaluation.whole(float(found.joint_dependence)),
        "bound": float(found.bound),
        "excess": evaluation.whole(path - hull.height(vertices, calls)) if solved else math.nan,
    }


def _by_rule(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).set_index("rule")


def _table(world: Any) -> TableWorld:
    return table_of(as_world(world))


def _known(sampler: str) -> str:
    if sampler not in shared_remasking.SAMPLERS:
        raise unknown("sampler that remasks", sampler, shared_remasking.SAMPLERS)
    return sampler
