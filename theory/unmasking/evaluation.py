"""A researcher's own unmasking rule against all built-in ones, exactly, on small worlds.

For every rule and world: KL(q || output law) and E[NFE] of the sampler with exact conditionals, and the
excess of its path KL over the best that any deterministic value-free rule attains at the same E[NFE].
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from theory import worlds
from theory.errors import InvalidInput, unknown
from theory.tolerance import SLACK
from theory.unmasking import best_rules, walks
from theory.unmasking.hull import height
from theory.unmasking.rules.base import Rule, SetRule, ValueRule
from theory.unmasking.rules.info_gain import InfoGain
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.unmasking.walks import DATA, SAMPLER
from theory.worlds import World
from theory.worlds.tree import sticky_chain

BUDGETS = (0.0, 0.05, 0.2, 0.5, 1.0)
ERRATIC = "two calls on the same batch differ: list the sets it may pick in `choices`"


@dataclass(frozen=True)
class FunctionRule(SetRule):
    """A plain function (log-conditionals, masked) -> positions as a rule."""

    function: Callable[..., Any]
    name: str

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Call the function; raise InvalidInput, naming it, when it fails or returns no tensor shaped like `masked`."""
        try:
            chosen = self.function(log_p, masked)
        except Exception as error:
            kind = type(error).__name__
            raise InvalidInput(f"rule {self.name!r} fails on (log_p, masked): {kind}: {error}") from error
        if not isinstance(chosen, Tensor) or chosen.shape != masked.shape:
            shape = tuple(chosen.shape) if isinstance(chosen, Tensor) else ""
            raise InvalidInput(
                f"rule {self.name!r} returned {type(chosen).__name__} {shape}; expected a boolean tensor of shape "
                f"{tuple(masked.shape)}, like `masked`"
            )
        return chosen


@dataclass(frozen=True)
class Score:
    """A rule on a world. `excess` is nan outside the theorems' family, where path KL is not defined."""

    rule: str
    world: str
    calls: float
    divergence: float
    excess: float
    mine: bool = False

    def dominates(self, other: Score) -> bool:
        """Return whether this score has no more calls and no more divergence, and less of one."""
        fewer, closer = other.calls - self.calls, other.divergence - self.divergence
        return min(fewer, closer) >= -2 * SLACK and max(fewer, closer) > 2 * SLACK


@dataclass(frozen=True)
class Report:
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


def small_worlds() -> dict[str, World]:
    """Return the worlds of the evaluation: chain, copies, codes, random and real ones, enumerable in seconds."""
    generator = torch.Generator().manual_seed(0)
    return {
        "Markov chain": sticky_chain(6),
        "copied pairs": worlds.copied_pairs(3),
        "even parity": worlds.even_parity(5),
        "repetition": worlds.repetition(5),
        "MDS code": worlds.mds_code(4, 2, 5),
        "Dirichlet, dense": worlds.dirichlet(5, 2, 1.0, generator),
        "Dirichlet, sparse": worlds.dirichlet(5, 2, 1.0, generator, support=6),
        "digit patches": worlds.digit_patches(2),
    }


def built_in() -> list[Rule]:
    """Return the built-in rules at the settings of the evaluation."""
    found: list[Rule] = [RandomOne(), Dilated(2), Dilated(4), Punt(0.0), Punt(0.05), Punt(0.3)]
    found += [InfoGain(form, "drawn") for form in ("mean", "sum")]
    found += [LeftToRight(k) for k in (1, 2, 3)]
    found += [TopK(k, by) for k in (1, 2, 3) for by in ("confidence", "entropy", "margin")]
    found += [Threshold(t, "entropy") for t in (0.1, 0.3, 0.5)] + [Threshold(-0.9, "confidence")]
    return found + [EntropyBounded(b, by) for b in BUDGETS for by in ("confidence", "entropy", "margin")]


def load(target: str) -> Rule:
    """Return the rule named MODULE:NAME, MODULE a dotted name or a file; NAME a rule, a rule class or a function."""
    module_name, _, name = target.partition(":")
    if not name:
        raise InvalidInput(f"{target!r}; expected MODULE:NAME, as in my_rules.py:careful")
    module = _import(module_name)
    if not hasattr(module, name):
        raise unknown(f"rule in {module_name}", name, [k for k in vars(module) if not k.startswith("_")])
    found = getattr(module, name)
    if inspect.isclass(found) and issubclass(found, SetRule | ValueRule):
        try:
            found = found()
        except TypeError as error:
            raise InvalidInput(f"{target} cannot be built without arguments ({error}); name an instance") from error
    if isinstance(found, SetRule | ValueRule):
        return found
    if callable(found):
        return FunctionRule(found, name)
    raise InvalidInput(f"{target} is a {type(found).__name__}; expected a function (log_p, masked) or a rule")


def evaluate(rule: Rule, chosen: dict[str, World] | None = None) -> Iterator[tuple[str, list[Score], list[Any]]]:
    """Yield for each world its name, the scores of all rules (the own one first) and the optimal hull."""
    for name, world in (chosen or small_worlds()).items():
        law = world.law()
        hull = best_rules.frontier(law, world.n, world.d)
        rules: list[Rule] = [rule, *built_in()]
        yield name, [_score(r, law, world, name, hull, r is rule) for r in rules], hull


def report(rule: Rule, rows: list[tuple[str, list[Score], list[Any]]]) -> Report:
    """Gather the scores of all worlds and say whether the rule stays in the family of the theorems."""
    scores = tuple(s for _, found, _ in rows for s in found)
    hulls = {name: tuple((o.calls, o.divergence) for o in hull) for name, _, hull in rows}
    return Report(rule.name, scores, hulls, tuple(family_remarks(rule)))


def family_remarks(rule: Rule) -> list[str]:
    """Return what keeps a rule outside the theorems' family; empty when nothing was found."""
    if isinstance(rule, ValueRule):
        return ["it looks at drawn values, so S3 to S5 and DUEL's likelihood do not cover it"]
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


def _score(rule: Rule, law: Tensor, world: World, name: str, hull: list[Any], mine: bool) -> Score:
    walk = walks.walk(rule, law, world.n, world.d)
    excess = math.nan
    if isinstance(rule, SetRule):
        best = height([(o.calls, o.divergence) for o in hull], float(walk.mean_nfe[DATA]))
        excess = float(walk.path_divergence) - best
        excess = 0.0 if abs(excess) < 2 * SLACK else excess
    return Score(rule.name, name, float(walk.mean_nfe[SAMPLER]), max(0.0, float(walk.divergence)), excess, mine)


def _import(name: str) -> ModuleType:
    path = Path(name)
    try:
        if path.suffix != ".py":
            sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(name)
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}; expected MODULE:NAME with MODULE a file or a dotted name")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    except InvalidInput:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise InvalidInput(f"{name} does not import ({kind}: {error}); mend it, then try again") from error
