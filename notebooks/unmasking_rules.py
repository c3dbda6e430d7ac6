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

import pandas as pd

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
# `um.explorers.rules` is a picture of one rule on one world, and its `sliders()` choose both, and a budget. Left: the
# rule among Top-$k$ (the $k$ surest tokens at each step), EB over all budgets, and the optimal frontier. Middle: the
# probability that a sample takes so many calls. Right: at every state that the data visits, the entropy bound and the
# error of the block revealed there.

# %%
explore = um.explorers.rules
explore()

# %%
explore.sliders()

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
