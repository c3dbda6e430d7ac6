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
# # What a training loss estimates
#
# A masked diffusion model is trained on the negative evidence lower bound (NELBO), which is never computed: each step
# draws a masking level, masks tokens, and weights their losses. Public code does this in a dozen ways. Which of them
# have the NELBO as their mean? How much do they vary, and what lowers that? On laws that can be enumerated all of it is
# exact: the mean, and the variance split into **mask noise** (which tokens are masked), **level noise** (how many) and
# **data noise** (which sequence), after arXiv 2511.18159. Then two uses of the same object: schedules that differ from
# position to position (arXiv 2511.19152), and preference optimisation (arXiv 2505.19223).
#
# Losses are in nats a sequence. Set `UNMASKED_PRESET=smoke` for a quick run.

# %%
import os

import numpy as np
import pandas as pd
import sympy as sp
import torch
from matplotlib import pyplot

import unmasked as um

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
um.figures.style()

# %% [markdown]
# ## 1. Derive: why 1/t, and why m/k is the same
#
# With level $t$ uniform on $(0, 1)$, every one of $n$ tokens is masked with probability $t$, and the loss of the masked
# ones is divided by $t$. A given set of $k$ masked tokens then counts with weight

# %%
t, n, k = sp.symbols("t n k", positive=True, integer=False)
by_time = sp.simplify(sp.gammasimp(sp.integrate(t ** (k - 1) * (1 - t) ** (n - k), (t, 0, 1), conds="none")))
by_time

# %% [markdown]
# With a uniform count $k$, a uniform set of that size and the weight $n/k$ it is $\frac1n \binom nk^{-1} \frac nk$:

# %%
by_count = sp.gamma(k + 1) * sp.gamma(n - k + 1) / sp.gamma(n + 1) / k
assert sp.simplify(sp.gammasimp(by_time / by_count)) == 1
sp.Eq(sp.Symbol("weight"), sp.simplify(by_count))

# %% [markdown]
# Both have the same mean, the NELBO. Their variances differ: near $t = 0$ one token is masked with probability $t$ and
# its squared loss is divided by $t^2$, so that the second moment is the integral of $1/t$. It diverges.
#
# ## 2. Check: public losses on an exact law
#
# `share` is the mean over the NELBO. Only where it is one is the loss a bound on the likelihood. Dividing by the masked
# count under independent masks scales the NELBO by $n/(n + 1)$; a flat weight or a fixed masking rate changes which
# tokens matter.

# %%
WORLDS = {
    "Markov chain": um.worlds.markov_chain([[0.9, 0.1], [0.2, 0.8]], n=5),
    "copied pairs": um.worlds.copied_pairs(2),
    "random law": um.worlds.dirichlet(4, 3, 1.0, torch.Generator().manual_seed(0)),
}


def perturbed(world, noise=0.5):
    """A denoiser that is wrong: exact log-conditionals, each moved by a normal error."""
    states = torch.cartesian_prod(*[torch.arange(world.d + 1)] * world.n)
    exact = world(states)
    error = noise * torch.randn(exact.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hidden = (states == world.d)[..., None]
    return um.TableDenoiser(torch.where(hidden, (exact + error).log_softmax(-1), exact))


world = WORLDS["random law"]
losses = um.training.losses(world, perturbed(world))
losses.round(3)

# %% [markdown]
# A second route draws masks and adds up. It agrees, and shows what "infinite" means in practice: the sample variance
# of 1/t depends on the smallest level that happened to be drawn.

# %%
table = um.training.loss_table(world, perturbed(world))
rows, generator = (20_000 if PRESET == "smoke" else 200_000), torch.Generator().manual_seed(1)
drawn = []
for name, estimator in um.training.ZOO.items():
    cells = torch.multinomial(table.law, rows, True, generator=generator)
    draws = um.training.draw(estimator, torch.zeros(rows, world.n, dtype=torch.bool), generator)
    sets = (draws.masked * 2 ** torch.arange(world.n - 1, -1, -1)).sum(-1)
    values = (draws.weight.double() * table.values[sets, cells]).mean(0)
    drawn.append({"loss": name, "mean drawn": float(values.mean()), "variance drawn": float(values.var())})
pd.DataFrame(drawn).set_index("loss").join(losses[["share", "variance"]]).round(3)

# %% [markdown]
# ## 3. Build an estimator and watch its variance
#
# `um.explorers.estimators` builds a loss from parts, and draws the sources of its variance beside those of $1/t$ above
# 1/1000, at equal passes. `gamma` is the exponent of a level density $t^{-\gamma}$, with weight $1/(t\,p(t))$; anything
# strictly between 0 and 1 keeps the variance finite. On these worlds counts beat every density of levels, and strata of
# counts beat both.

# %%
explore = um.explorers.estimators
explore(masks="exactly k", strata=True)

# %%
explore.sliders()

# %% [markdown]
# ## 4. Orders: a schedule for each position
#
# With masking probabilities $t^{w_l}$ the decoding order follows Plackett and Luce's law: next is $l$ with probability
# $w_l$ over the weights still to come. The NELBO is the mean over orders of the code length. Where the conditionals are
# those of one law it does not depend on $w$; where they are not, the best weights run away to a single order.

# %%
orders = um.training.orders
weights = [0.5, 2.0, 0.7]
law = orders.plackett_luce(weights)
pd.DataFrame({"product": law, "integral": orders.order_law(orders.polynomial(weights))}).round(6)

# %%
source = perturbed(um.worlds.dirichlet(3, 3, 1.0, torch.Generator().manual_seed(2)), 1.0)
target = um.worlds.dirichlet(3, 3, 1.0, torch.Generator().manual_seed(2))
sequences = torch.cartesian_prod(*[torch.arange(3)] * 3)
terms = um.likelihood.order_terms(source, sequences)
ratio = np.logspace(0, 3, 25)
best, order = um.best_rules.best_fixed_order(terms, target)
paths = {}
for chosen in ([0, 1, 2], [2, 1, 0], order):
    laws = [orders.plackett_luce([c ** -chosen.index(i) for i in range(3)]) for c in ratio]
    path = [float(target.law() @ orders.nelbo_by_orders(terms, each)) for each in laws]
    paths[tuple(int(i) + 1 for i in chosen)] = path
figure, axes = pyplot.subplots(figsize=(7, 2.8))
for name, path in paths.items():
    axes.plot(ratio, path, label=f"towards {name}")
axes.axhline(-best, color="black", linewidth=0.8, linestyle=":")
axes.set(xscale="log", xlabel="ratio of neighbouring weights", ylabel="mean NELBO (nats)")
axes.legend()
pyplot.show()

# %% [markdown]
# ## 5. Preferences: how many draws are enough?
#
# The score of a preference pair is a difference of four ELBOs. Estimated with $V$ as its variance, it makes the loss
# too large by at most $\ln\cosh(\sqrt{s^2 + V}/2) - \ln\cosh(s/2)$, which is below $V/8$. Masks shared with the
# reference estimate the difference itself, and one mask a level is best. The table gives the number of masks that a
# response needs for a deviation of the score below 0.1 nats.

# %%
preferences = um.training.preferences
reference = um.training.loss_table(world, perturbed(world, 0.5))
policy = um.training.loss_table(world, perturbed(world, 0.8))
pair = preferences.Pair((policy.at(0), policy.at(7)), (reference.at(0), reference.at(7)), beta=1.0)
needed = {}
for label, shared in (("shared masks", True), ("masks of their own", False)):
    one = pair.variance(shared=shared)
    needed[label] = {"variance of one mask": one, "masks for a deviation of 0.1": np.ceil(one / 0.01)}
print(f"score {pair.score:.3f}; bounds on the bias at the variance of one shared mask:")
print({name: round(value, 4) for name, value in preferences.bias_bounds(pair.score, pair.variance()).items()})
pd.DataFrame(needed).T.round(3)

# %% [markdown]
# ## 6. Train with it
#
# The object that was integrated is the one that training draws from: `loss=` takes a name or an estimator.

# %%
rows = WORLDS["copied pairs"].sample(400 if PRESET == "smoke" else 2000, torch.Generator().manual_seed(0)).numpy()
complements = um.training.Estimator(
    "complements", um.training.Exactly(), um.training.BY_COUNT, strata="batch", partner="complement"
)
steps = 40 if PRESET == "smoke" else 200
runs = {name: um.fit(rows, d=2, steps=steps, model="tiny", loss=loss) for name, loss in
        (("1/t", "time"), ("by count", "count"), ("by count, complements", complements))}  # fmt: skip
figure, axes = pyplot.subplots(figsize=(7, 2.6))
for name, run in runs.items():
    axes.plot(run.trained.history["step"], run.trained.history["nelbo"], marker="o", label=name)
axes.axhline(WORLDS["copied pairs"].entropy(), color="black", linestyle=":", linewidth=0.8)
axes.set(xlabel="step", ylabel="held-out NELBO (nats)")
axes.legend()
pyplot.show()
