# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Unmasking rules, measured exactly
#
# A masked diffusion model predicts every masked token on its own. An *unmasking rule* says which tokens to reveal
# next; several at once are drawn independently, and the joint law suffers. On small worlds every path of every rule
# is enumerated here, so its **error** KL(data ‖ output law) and its **denoiser calls** E[NFE] are exact.
#
# Entropies and divergences are in nats. Set `UNMASKED_PRESET=smoke` for a quick run.

# %%
import os
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot

from figures import budgets, eb_explained, frontiers
from figures.stamps import STYLE
from synthetic.experiments._small import WORLDS, small
from synthetic.records import Store
from theory.unmasking.best_rules import frontier
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.unmasking.walks import walk

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
STORE = Store()
pyplot.style.use(STYLE)


def record(experiment):
    """Return an experiment's record at this notebook's preset, computing it where it is not fresh."""
    return STORE.get_or_compute(experiment, STORE.preset(experiment, PRESET))


# %% [markdown]
# ## 1. The entropy bound, and the rule that spends it
#
# Revealing a block $U$ at once costs its total correlation, the **joint dependence error**
# $\sum_{l \in U} H_l - H(U) \le \sum_{l \in U} H_l - \max_{l \in U} H_l$, since a joint entropy is at least any of its
# marginal ones. The EB-Sampler (arXiv 2505.24857) sorts the masked tokens by trust and reveals the longest prefix
# whose right-hand side is within a **budget**. On a Sudoku state:

# %%
figure, table = eb_explained.draw({"eb_explained": record("eb_explained")})

# %% [markdown]
# ## 2. Check: the running bound and the true dependence
#
# On the six-atom world, node by node: where EB reveals several tokens, its bound is within the budget, and the
# error is within the bound. Total error = sum of node errors, weighted by the visits of the data's own paths.

# %%
world = small("six atoms")
found = walk(EntropyBounded(0.4), world)
columns = {"visits": found.visits_of_data, "error": found.nodes.joint_dependence, "bound": found.nodes.bound}
nodes = pd.DataFrame(columns)[(found.visits_of_data * found.nodes.several > 0).numpy()]
assert (nodes["error"] <= nodes["bound"] + 1e-12).all() and (nodes["bound"] <= 0.4).all()
assert abs((nodes["visits"] * nodes["error"]).sum() - found.divergence) < 1e-12
nodes.round(4)

# %% [markdown]
# A larger budget is not always a faster or a worse sampler: on this world E[NFE] *rises* at budget 0.43.

# %%
figure, table = budgets.draw({"budgets": record("budgets")})

# %% [markdown]
# ## 3. Explore
#
# Choose a world, a rule and a budget. Left: the rule among Top-$k$, EB over all budgets, and the optimal frontier
# (dynamic programming: no deterministic rule that is blind to drawn values lies below it). Middle: how many calls it
# takes. Right: at every state that the data visits, the entropy bound and the error of the block revealed there.

# %%
RULES = {
    "EB, entropy": lambda budget: EntropyBounded(budget, "entropy"),
    "EB, confidence": lambda budget: EntropyBounded(budget, "confidence"),
    "EB, margin": lambda budget: EntropyBounded(budget, "margin"),
    "entropy threshold at the budget": lambda budget: Threshold(budget, "entropy"),
    "PUNT, eps at the budget": lambda budget: Punt(budget),
    "Top-2, confidence": lambda budget: TopK(2, "confidence"),
    "left to right, 2": lambda budget: LeftToRight(2),
    "dilated, stride 4": lambda budget: Dilated(4),
    "random one": lambda budget: RandomOne(),
}
GRID = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.5, 2.5)


def point(found):
    """Return E[NFE] under the sampler and KL(data || output law)."""
    return found.calls, max(0.0, found.divergence)


def draw_frontier(axes, world, chosen):
    """Draw the optimal frontier, Top-k, EB over budgets, and the chosen rule."""
    hull = np.array([point(walk(best.rule, world)) for best in frontier(world)])
    tops = np.array([point(walk(TopK(k), world)) for k in range(1, world.n + 1)])
    bounded = np.array([point(walk(EntropyBounded(b), world)) for b in GRID])
    axes.plot(*hull.T, color="black", label="optimal frontier")
    axes.plot(*tops.T, "o", color="#D55E00", label="Top-$k$, confidence")
    axes.plot(*bounded.T, "D", color="#0072B2", markersize=3.5, label="EB, entropy")
    axes.plot(*point(chosen), "*", color="#F0E442", markeredgecolor="black", markersize=14, label="chosen rule")
    axes.set(xlabel="E[NFE]", ylabel="KL(data ‖ output), nats", ylim=(-0.03 * tops[-1, 1], None))
    axes.legend(loc="upper right")


def draw_calls(axes, chosen):
    """Draw the distribution of denoiser calls."""
    share = chosen.call_law.numpy()
    used = np.flatnonzero(share > 1e-12)
    axes.bar(used, share[used], color="#56B4E9", edgecolor="black", hatch="//")
    axes.set(xlabel="denoiser calls", ylabel="probability", ylim=(0, 1.05))
    axes.set_xlim(0, used[-1] + 1)
    axes.set_xticks(range(1, int(used[-1]) + 1, 1 + int(used[-1]) // 10))


def draw_nodes(axes, chosen):
    """Draw bound against error where several tokens are revealed; rules that look at drawn values have none."""
    weight = chosen.visits_of_data * chosen.nodes.several
    mine = torch.nan_to_num(weight) > 0
    if not bool(mine.any()):
        why = "it looks at drawn tokens" if bool(chosen.nodes.several.isnan().any()) else "one token a step"
        axes.annotate(f"no blocks: {why}", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_axis_off()
        return
    bound, error = chosen.nodes.bound[mine], chosen.nodes.joint_dependence[mine]
    top = 1.05 * max(float(bound.max()), 0.01)
    axes.scatter(bound, error, s=4 + 40 * weight[mine] ** 0.5, color="#0072B2", edgecolors="black", linewidths=0.4)
    axes.plot([0, top], [0, top], color="black", linewidth=1, linestyle="-")
    axes.set(xlabel="entropy bound (nats)", ylabel="error of the block (nats)", xlim=(0, top), ylim=(0, top))


def explore(world="digit patches", rule="EB, entropy", budget=0.5):
    """Draw one rule on one world: where it lies, the calls it takes, its bound and error at every state."""
    chosen_world = small(world)
    chosen = walk(RULES[rule](budget), chosen_world)
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(10, 3.4))
    draw_frontier(left, chosen_world, chosen)
    draw_calls(middle, chosen)
    draw_nodes(right, chosen)
    calls, error = point(chosen)
    figure.suptitle(f"{chosen.rule} on {world}: E[NFE] {calls:.3f}, KL {error:.4f} nats")
    pyplot.show()


explore()

# %%
from ipywidgets import Dropdown, FloatSlider, interact

sliders = interact(
    explore,
    world=Dropdown(options=list(WORLDS), value="digit patches", description="world"),
    rule=Dropdown(options=list(RULES), value="EB, entropy", description="rule"),
    budget=FloatSlider(0.5, min=0, max=2.5, step=0.01, description="budget (nats)"),
)

# %% [markdown]
# ## 4. Every rule on every world
#
# KL and calls of all rules. Read it from left to right: what a rule buys with more calls. PUNT pays for its tests in
# calls; Info-Gain with several candidates no longer draws from the denoiser, and misses the data at any price.

# %%
figure, table = frontiers.draw({"frontiers": record("frontiers")})

# %% [markdown]
# ## 5. A rule of your own
#
# From conditionals and the masked set to the positions revealed next. This one reveals every second masked position.


# %%
@dataclass(frozen=True)
class EverySecond(SetRule):
    """Reveal the masked positions of odd rank, counted from the left."""

    name: str = "every second"

    def select(self, log_p, masked, generator=None):
        """Return the positions."""
        return masked & (masked.cumsum(-1) % 2 == 1)


rows = []
for name in ("Markov chain", "even parity", "digit patches", "six atoms"):
    world = small(name)
    for rule in (EverySecond(), TopK(2), EntropyBounded(0.3)):
        calls, error = point(walk(rule, world))
        rows.append({"world": name, "rule": rule.name, "E[NFE]": calls, "KL (nats)": error})
pd.DataFrame(rows).pivot(index="world", columns="rule", values=["E[NFE]", "KL (nats)"]).round(4)
