"""A researcher's own unmasking rule against all built-in ones, exactly, on small worlds.

For every rule and world: KL(q || output law) and E[NFE] of the sampler with exact conditionals, and the
excess of its path KL over the best that any deterministic value-free rule attains at the same E[NFE].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from theory import worlds as small
from theory.showing import Shown, shown
from theory.tolerance import SLACK
from theory.unmasking import best_rules, walks
from theory.unmasking.best_rules import Optimum
from theory.unmasking.hull import height
from theory.unmasking.rules.base import Rule, SetRule, ValueRule
from theory.unmasking.rules.info_gain import InfoGain
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.worlds import World
from theory.worlds.table import table_of
from theory.worlds.tree import sticky_chain

BUDGETS = (0.0, 0.05, 0.2, 0.5, 1.0)
ERRATIC = "two calls on the same batch differ: list the sets it may pick in `choices`"


@dataclass(frozen=True)
class Score:
    """A rule on a world; differences within the slack of `theory.tolerance` are exactly zero.

    `excess` is its path KL above the best deterministic value-free rules at as many calls, `excess_calls` its calls
    above theirs at the same path KL; both nan outside the theorems' family, where path KL is not defined. `at_end`
    tells that the rule takes one token a step, or all at once: an end of the calls axis, where being as good as the
    best says nothing about the choices that the rule makes. `dominated_by` names all built-in rules that dominate the
    researcher's own.
    """

    rule: str
    world: str
    calls: float
    divergence: float
    excess: float
    mine: bool = False
    excess_calls: float = math.nan
    at_end: bool = False
    dominated_by: tuple[str, ...] = ()

    @property
    def optimal(self) -> bool:
        """Return whether the rule chooses as well as any: on the hull, between its ends, dominated by none."""
        return self.excess <= 0 and self.excess_calls <= 0 and not self.at_end and not self.dominated_by

    def dominates(self, other: Score) -> bool:
        """Return whether this score has no more calls and no more divergence, and less of one."""
        fewer, closer = other.calls - self.calls, other.divergence - self.divergence
        return min(fewer, closer) >= -2 * SLACK and max(fewer, closer) > 2 * SLACK


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """All scores, and what the family of the theorems asks of the researcher's rule."""

    name: str
    scores: tuple[Score, ...]
    hulls: dict[str, tuple[tuple[float, float], ...]]
    remarks: tuple[str, ...]

    @property
    def erratic(self) -> bool:
        """Return whether the rule differs between two calls on the same batch, so that its numbers are one draw."""
        return ERRATIC in self.remarks

    def mine(self) -> list[Score]:
        """Return the researcher's own scores."""
        return [s for s in self.scores if s.mine]

    def worst(self) -> Score:
        """Return the own score furthest above the optimum (outside the family: of largest KL)."""
        return max(self.mine(), key=lambda s: s.divergence if math.isnan(s.excess) else s.excess)

    @property
    def verdict(self) -> str:
        """Return in one or two plain sentences how the rule stands against the best and the built-in rules."""
        return verdict(self)

    def _facts(self) -> dict[str, object]:
        return {"worlds": len(self.mine()), "verdict": self.verdict}


def verdict(report: Report) -> str:
    """Return in one or two plain sentences how the rule stands against the best and against the built-in rules.

    A rule is called optimal only on worlds where it attains the hull of the best rules between its ends and no
    built-in rule dominates it; never where it takes one token a step or all at once.
    """
    return f"{_against_best(report)} {_against_built_in(report.mine())}"


def small_worlds() -> dict[str, World]:
    """Return the worlds of the evaluation: chain, copies, codes, random and real ones, enumerable in seconds."""
    generator = torch.Generator().manual_seed(0)
    return {
        "Markov chain": sticky_chain(6),
        "copied pairs": small.copied_pairs(3),
        "even parity": small.even_parity(5),
        "repetition": small.repetition(5),
        "MDS code": small.mds_code(4, 2, 5),
        "Dirichlet, dense": small.dirichlet(5, 2, 1.0, generator),
        "Dirichlet, sparse": small.dirichlet(5, 2, 1.0, generator, support=6),
        "digit patches": small.digit_patches(2),
    }


def built_in() -> list[Rule]:
    """Return the built-in rules at the settings of the evaluation."""
    found: list[Rule] = [RandomOne(), Dilated(2), Dilated(4), Punt(0.0), Punt(0.05), Punt(0.3)]
    found += [InfoGain(form, "drawn") for form in ("mean", "sum")]
    found += [LeftToRight(k) for k in (1, 2, 3)]
    found += [TopK(k, by) for k in (1, 2, 3) for by in ("confidence", "entropy", "margin")]
    found += [Threshold(t, "entropy") for t in (0.1, 0.3, 0.5)] + [Threshold(-0.9, "confidence")]
    return found + [EntropyBounded(b, by) for b in BUDGETS for by in ("confidence", "entropy", "margin")]


def evaluate(
    rule: Rule, worlds: Mapping[str, World] | None = None, denoiser: Any = None
) -> Iterator[tuple[str, list[Score], list[Optimum]]]:
    """Yield for each world its name, the scores of all rules (the own one first) and the hull of the best rules.

    The worlds are `small_worlds()` unless given by name; the denoiser is each world itself unless given, and the best
    rules are then those under that denoiser. Raises InvalidInput where they do not fit one another.
    """
    for name, world in (small_worlds() if worlds is None else worlds).items():
        table = table_of(world)
        hull = best_rules.frontier(table, denoiser=denoiser)
        rules: list[Rule] = [rule, *built_in()]
        yield name, [_score(r, table, denoiser, name, hull, r is rule) for r in rules], hull


def report(rule: Rule, rows: Sequence[tuple[str, list[Score], list[Optimum]]]) -> Report:
    """Gather the scores of all worlds and say whether the rule stays in the family of the theorems."""
    scores = tuple(_judged(score, found) for _, found, _ in rows for score in found)
    hulls = {name: tuple((o.calls, o.divergence) for o in hull) for name, _, hull in rows}
    return Report(rule.name, scores, hulls, tuple(family_remarks(rule)))


def family_remarks(rule: Rule) -> list[str]:
    """Return what keeps a rule outside the theorems' family; empty when nothing was found."""
    if isinstance(rule, ValueRule):
        return ["it looks at drawn values, so S3 to S5 and DUEL's likelihood do not cover it"]
    if type(rule).for_states is not SetRule.for_states:
        return []  # a table over states: its choice depends on the state alone
    generator = torch.Generator().manual_seed(1)
    log_p = torch.rand(64, 6, 3, dtype=torch.float64, generator=generator).log().log_softmax(-1)
    masked = torch.rand(64, 6, generator=generator) < 0.7
    masked[:, 0] = True
    _weights, together = rule.choices(log_p, masked)
    remarks = []
    if not torch.equal(together, rule.choices(log_p, masked)[1]):
        remarks.append(ERRATIC)
    alone = torch.cat([rule.choices(log_p[k : k + 1], masked[k : k + 1])[1] for k in range(len(masked))])
    if not remarks and not torch.equal(together, alone):
        remarks.append("its choice for one sequence depends on the others in the batch")
    arbitrary = torch.where(masked[..., None], log_p, log_p.roll(1, 0))
    if not remarks and not torch.equal(together, rule.choices(arbitrary, masked)[1]):
        remarks.append("it reads conditionals at revealed positions, which a denoiser may fill with anything")
    return remarks


def whole(difference: float) -> float:
    """Return zero for a difference of two computed numbers that is within the slack."""
    return 0.0 if abs(difference) < 2 * SLACK else difference


def plot(found: Report, path: Path) -> None:
    """Draw KL against E[NFE] on every world: built-in rules, the own rule, the optimal hull."""
    from matplotlib.figure import Figure

    names = list(found.hulls)
    columns = min(4, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(2.6 * columns, 2.4 * rows + 0.5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).flatten()
    for ax, name in zip(axes, names, strict=False):
        others = [(s.calls, s.divergence) for s in found.scores if s.world == name and not s.mine]
        own = [(s.calls, s.divergence) for s in found.scores if s.world == name and s.mine]
        ax.scatter(*zip(*others, strict=True), s=14, facecolors="none", edgecolors="0.45", label="built-in rules")
        ax.plot(
            *zip(*found.hulls[name], strict=True), color="#0072B2", ls="--", lw=1.2, label="optimal rules (path KL)"
        )
        ax.scatter(
            *zip(*own, strict=True), s=70, marker="*", color="#D55E00", edgecolors="black", zorder=3, label=found.name
        )
        ax.set_title(name, fontsize=9)
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    figure.supxlabel("denoiser calls, E[NFE] of the sampler", fontsize=9)
    figure.supylabel("KL(data || output law) (nats)", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _score(rule: Rule, world: World, denoiser: Any, name: str, hull: list[Optimum], mine: bool) -> Score:
    walk = walks.walk(rule, world, denoiser)
    calls, divergence = float(walk.calls), whole(float(walk.divergence))
    excess = excess_calls = math.nan
    if isinstance(rule, SetRule):
        spent, found = float(walk.calls_of_data), float(walk.path_divergence)
        excess = whole(found - height([(o.calls, o.divergence) for o in hull], spent))
        excess_calls = whole(spent - height([(o.divergence, o.calls) for o in reversed(hull)], found))
    at_end = calls <= 1 + SLACK or calls >= world.n - 2 * SLACK
    return Score(rule.name, name, calls, max(0.0, divergence), excess, mine, excess_calls, at_end)


def _judged(score: Score, on_this_world: Sequence[Score]) -> Score:
    """Return an own score with the names of the built-in rules that dominate it; others as they are."""
    if not score.mine:
        return score
    return replace(score, dominated_by=tuple(s.rule for s in on_this_world if not s.mine and s.dominates(score)))


def _against_best(report: Report) -> str:
    own = report.mine()
    count, ends = len(own), sum(s.at_end for s in own)
    on = f"on {count} {'world' if count == 1 else 'worlds'}"
    worst = report.worst()
    if math.isnan(worst.excess):
        return (
            f"{report.name} looks at drawn values, so the best of the other rules are no bound for it; its KL {on} is "
            f"{shown(worst.divergence)} nats at most ({worst.world})."
        )
    slowest = max(own, key=lambda score: score.excess_calls)
    loses = f"{report.name} loses at most {shown(worst.excess)} nats more than the best rule (on {worst.world})"
    needs = f"it needs at most {shown(slowest.excess_calls)} calls more (on {slowest.world})"
    sentences = [f"At equal calls {loses if worst.excess > 0 else f'no rule is better than {report.name} {on}'}"]
    sentences += [f"at equal KL {needs if slowest.excess_calls > 0 else 'none needs fewer calls'}."]
    if ends:
        where = "on all of them" if ends == count else f"on {ends} of them"
        sentences += [
            f"It takes one token a step, or all at once, {where}: at these ends being as good as the best at equal "
            "calls says nothing about how well it chooses."
        ]
    if optimal := sum(score.optimal for score in own):
        sentences += [f"It is optimal on {optimal} of {count}."]
    return "; ".join(sentences[:2]) + "".join(f" {sentence}" for sentence in sentences[2:])


def _against_built_in(own: list[Score]) -> str:
    beaten = [s for s in own if s.dominated_by]
    if not beaten:
        return "No built-in rule has fewer calls without a larger KL, or a smaller KL without more calls."
    first = beaten[0]
    return (
        f"A built-in rule with no more calls and no more KL, and less of one, exists on {len(beaten)} of them, as "
        f"{first.dominated_by[0]} does on {first.world}."
    )
