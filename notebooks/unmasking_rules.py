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
# next. Tokens that are revealed together are drawn independently, and their joint law suffers. The laws here (*worlds*)
# are so small that every path of every rule is enumerated. The **error** of a rule, the Kullback-Leibler divergence
# KL(data ‖ samples), and its expected number of **denoiser calls**, written E[NFE], are therefore exact. All rules see
# the exact conditional laws of the tokens, so that what is lost is lost by the rule.
#
# Entropies and divergences are in nats. Set `UNMASKED_PRESET=smoke` for a quick run.

# %%
import os

import numpy as np
import pandas as pd
from matplotlib import pyplot

import unmasked as um

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
um.figures.style()

# %% [markdown]
# ## 1. The entropy bound, and the rule that spends it
#
# Revealing a block $U$ of tokens at once costs its total correlation, the **joint dependence error**
# $\sum_{l \in U} H_l - H(U) \le \sum_{l \in U} H_l - \max_{l \in U} H_l$. Here $H_l$ is the entropy of token $l$ and
# $H(U)$ that of the block, both given what is revealed; a joint entropy is at least any of its marginal ones. The
# EB-Sampler (entropy-bounded, EB for short; arXiv 2505.24857) sorts the masked tokens from the surest to the least
# sure, and reveals the longest prefix whose **entropy bound**, the right-hand side, is within a **budget**. On a state
# of a 4x4 Sudoku:

# %%
um.figures.draw("eb_explained", PRESET)

# %% [markdown]
# ## 2. Check: the bound and the true dependence
#
# The world is a law on six sequences of five bits. The table lists the partially masked states at which EB reveals
# several tokens (an underscore is a mask), and how likely a path of the data visits them. At each, the bound is within
# the budget and the error within the bound. The total error of the rule is the sum of these errors, weighted by the
# visits.

# %%
WORLDS = um.explore.worlds("rules")
world, rule = WORLDS["six atoms"](), um.EntropyBounded(0.4)
blocks = um.explore.blocks(rule, world)
assert (blocks["error"] <= blocks["bound"] + 1e-12).all() and (blocks["bound"] <= 0.4).all()
assert abs((blocks["visits"] * blocks["error"]).sum() - um.measure(rule, world).kl) < 1e-12
blocks.round(4)

# %% [markdown]
# A larger budget does not always make fewer calls, nor a larger error: on this world E[NFE] *rises* at budget 0.43.

# %%
um.figures.draw("budgets", PRESET)

# %% [markdown]
# ## 3. Explore
#
# One call measures any rules on any world, and one more gives the best rules that exist there: the **optimal
# frontier**, found by dynamic programming. No deterministic rule that is blind to the tokens drawn has a smaller path
# KL (the divergence of whole paths of unmasking, never less than KL) at as many calls. In the table, `excess` is a
# rule's path KL above that frontier. PUNT looks at drawn tokens, so that its path KL does not exist (NaN).

# %%
um.explore.rules(WORLDS["digit patches"](), [um.TopK(2), um.EntropyBounded(0.5, by="entropy"), um.Punt(0.1)]).round(4)

# %% [markdown]
# Choose a world, a rule and a budget. Left: the rule among Top-$k$ (the $k$ surest tokens at each step), EB over all
# budgets, and the optimal frontier. Middle: the probability that a sample takes so many calls. Right: at every state
# that the data visits, the entropy bound and the error of the block revealed there.

# %%
RULES = {
    "EB, entropy": lambda budget: um.EntropyBounded(budget, "entropy"),
    "EB, confidence": lambda budget: um.EntropyBounded(budget, "confidence"),
    "EB, margin": lambda budget: um.EntropyBounded(budget, "margin"),
    "entropy threshold at the budget": lambda budget: um.Threshold(budget, "entropy"),
    "PUNT, eps at the budget": lambda budget: um.Punt(budget),
    "Top-2, confidence": lambda budget: um.TopK(2, "confidence"),
    "left to right, 2": lambda budget: um.LeftToRight(2),
    "dilated, stride 4": lambda budget: um.Dilated(4),
    "random one": lambda budget: um.RandomOne(),
}
GRID = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.5, 2.5)


def draw_frontier(axes, world, chosen):
    """Draw the optimal frontier, Top-k, EB over budgets, and the chosen rule."""
    best = um.explore.frontier(world)
    tops = um.explore.rules(world, [um.TopK(k) for k in range(1, world.n + 1)])
    bounded = um.explore.rules(world, [um.EntropyBounded(budget) for budget in GRID])
    axes.plot(best["calls"], best["KL"], color="black", label="optimal frontier")
    axes.plot(tops["calls"], tops["KL"], "o", color="#D55E00", label="Top-$k$, confidence")
    axes.plot(bounded["calls"], bounded["KL"], "D", color="#0072B2", markersize=3.5, label="EB, entropy")
    star = {"color": "#F0E442", "markeredgecolor": "black", "markersize": 14}
    axes.plot(chosen.calls, max(0.0, chosen.divergence), "*", label="chosen rule", **star)
    axes.set(xlabel="E[NFE]", ylabel="KL(data ‖ samples), nats", ylim=(-0.03 * tops["KL"].iloc[-1], None))
    axes.legend(loc="upper right")


def draw_calls(axes, chosen):
    """Draw the distribution of denoiser calls."""
    share = chosen.call_law.numpy()
    used = np.flatnonzero(share > 1e-12)
    axes.bar(used, share[used], color="#56B4E9", edgecolor="black", hatch="//")
    axes.set(xlabel="denoiser calls", ylabel="probability", ylim=(0, 1.05))
    axes.set_xlim(0, used[-1] + 1)
    axes.set_xticks(range(1, int(used[-1]) + 1, 1 + int(used[-1]) // 10))


def draw_blocks(axes, rule, world):
    """Draw bound against error at every state where several tokens are revealed."""
    found = um.explore.blocks(rule, world)
    if found.empty:
        why = "one token a step, or a rule that looks at drawn tokens"
        axes.annotate(f"no blocks:\n{why}", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_axis_off()
        return
    size = 4 + 40 * (found["visits"] * found["several"]) ** 0.5
    top = 1.05 * max(found["bound"].max(), 0.01)
    axes.scatter(found["bound"], found["error"], s=size, color="#0072B2", edgecolors="black", linewidths=0.4)
    axes.plot([0, top], [0, top], color="black", linewidth=1, linestyle="-")
    axes.set(xlabel="entropy bound (nats)", ylabel="error of the block (nats)", xlim=(0, top), ylim=(0, top))


def explore(world="digit patches", rule="EB, entropy", budget=0.5):
    """Draw one rule on one world: where it lies, the calls it takes, its bound and error at every state."""
    law, method = WORLDS[world](), RULES[rule](budget)
    chosen = um.walks.walk(method, law)
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(10, 3.4))
    draw_frontier(left, law, chosen)
    draw_calls(middle, chosen)
    draw_blocks(right, method, law)
    figure.suptitle(f"{chosen.rule} on {world}: E[NFE] {chosen.calls:.3f}, KL {max(0.0, chosen.divergence):.4f} nats")
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
# KL and calls of all rules. Read it from left to right: it shows what a rule buys with more calls. PUNT tests which
# tokens may be revealed together, and pays for its tests in calls. Info-Gain keeps the most informative of several
# drawn candidates; with more than one candidate it no longer draws from the denoiser, and misses the data however many
# calls it makes.

# %%
um.figures.draw("frontiers", PRESET)

# %% [markdown]
# ## 5. A rule of your own
#
# A rule is a function from log-conditionals, shape (batch, n, d), and the masked positions, shape (batch, n), to the
# positions that are revealed next. This one reveals every second masked position.


# %%
def every_second(log_p, masked):
    """Return the masked positions of odd rank, counted from the left."""
    return masked & (masked.cumsum(-1) % 2 == 1)


mine = {
    name: um.explore.rules(WORLDS[name](), [every_second, um.TopK(2), um.EntropyBounded(0.3)])[["calls", "KL"]]
    for name in ("Markov chain", "even parity", "digit patches", "six atoms")
}
pd.concat(mine, names=["world"]).unstack().round(4)

# %% [markdown]
# And against all built-in rules at once, in words:

# %%
um.evaluate(every_second, {name: WORLDS[name]() for name in mine})
