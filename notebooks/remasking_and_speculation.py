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
# # Remasking and speculation
#
# Masked diffusion reveals a token once and for all, and draws several at a time as if they were independent. There
# are two ways to mend what that breaks. **Remasking** masks tokens again and draws them anew: ReMDM (arXiv
# 2503.00307) and the star-shaped process (arXiv 2510.08369). **Speculation** drafts several tokens, verifies them and
# corrects the first one that fails: De Bortoli et al. (arXiv 2501.05370), here for Gaussian and for masked chains. On
# small laws the law of what either of them generates is computed exactly: remasking has a bias, while speculation has
# none and pays in rounds of model calls.
#
# Entropies and Kullback-Leibler divergences (KL) are in nats, and TV is the total variation distance. Set
# `UNMASKED_PRESET=smoke` for a quick run.

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
# ## 1. Derive: star is a member of ReMDM's family
#
# One step takes the revealed fraction from $a$ to $b \ge a$. ReMDM masks a visible token again with probability
# $\sigma$. So that a fraction $b$ is visible afterwards, a masked token must be revealed with probability $r$:

# %%
a, b, sigma, r = sp.symbols("a b sigma r", positive=True)
reveal = sp.solve(sp.Eq(a * (1 - sigma) + (1 - a) * r, b), r)[0]
sp.simplify(reveal)

# %% [markdown]
# With $\sigma = 0$ this is masked diffusion, $r = (b - a)/(1 - a)$. Given the data, the next state forgets the present
# one when masked and visible tokens are shown afterwards with the same probability, $r = 1 - \sigma$. One $\sigma$ does
# that, the **star**:

# %%
(forgetful,) = sp.solve(sp.Eq(reveal, 1 - sigma), sigma)
assert sp.simplify(forgetful - (1 - b)) == 0
sp.Eq(sigma, forgetful)

# %% [markdown]
# In the variational bound on the likelihood, the weight of a step is its $r$, which grows with $\sigma$; for star it is
# $b$. Over $T$ linear steps, star's bound for independent tokens is the following multiple of masked diffusion's, and
# so no estimate of a likelihood where $T$ is large:

# %%
k, T = sp.symbols("k T", positive=True, integer=True)
growth = sp.factor(sp.summation(sp.expand(k / T * (1 - (k - 1) / T)), (k, 1, T)))
assert sp.simplify(growth - (T + 1) * (T + 2) / (6 * T)) == 0
growth

# %% [markdown]
# ## 2. Check: one step, exactly
#
# A sequence of $n$ tokens from $d$ symbols, some of them masked, is one of $(d + 1)^n$ states. The law over all states
# goes through a step at once: masks are filled with a draft, then tokens are masked by the probabilities of section 1.
# We start from noised data, that is, data with each token shown with probability $0.2$, and take star's step to $0.5$.
# With masks filled **jointly** from the data's conditional law the step lands on noised data. Filled
# **independently**, which is all that a denoiser can do, it misses. A second route, which writes out every draft and
# every outcome in plain Python, agrees.

# %%
WORLDS = um.explore.worlds("remasking")
world, now, after = WORLDS["chain of 3"](), 0.2, 0.5
step = um.posteriors.posterior(now, after, um.posteriors.star_sigma(now, after))
start, goal = (um.remasking.noised_states(world, alpha) for alpha in (now, after))
stepped = {
    "joint": um.remasking.posterior_step(start, um.drafts.joint(world), step),
    "independent": um.remasking.posterior_step(start, um.drafts.factorised(world), step),
}
states = list(um.reference.states(world.n, world.d))
conditionals = um.reference.conditionals_of(um.reference.floats(world), world.d)
drafted = um.reference_remasking.independent(conditionals, world.d)
before = dict(zip(states, start.tolist(), strict=True))
listed = um.reference_remasking.posterior_step(before, drafted, now, after, 1 - after, world.d)
listed = torch.tensor([listed.get(z, 0.0) for z in states], dtype=torch.float64)
assert (stepped["independent"] - listed).abs().max() < 1e-14
pd.Series({f"TV, masks filled {how}": float(um.information.total_variation(goal, p)) for how, p in stepped.items()})

# %% [markdown]
# ## 3. Rates
#
# Do more steps wash the bias out? With exact conditionals, star's error falls like $T^{-1/2}$ in the number of steps
# $T$, masked diffusion's like $1/T$. A heuristic says why: the bias of a state is proportional to its masked fraction,
# and the last $\sqrt{2T}$ steps refresh too few tokens to catch up. Masking a *fixed* number of tokens at each step
# behaves otherwise: on a short sequence its last steps mask a single token, which is exact Gibbs sampling, and its
# error vanishes. Guided remasking, in section 4, has to be measured against that.

# %%
um.figures.draw("remasking_rates", PRESET)

# %% [markdown]
# When remasking goes on at a constant revealed fraction $\alpha$, the law of the states has a bias that is proportional
# to $\sigma$, and none where masks are filled jointly (upper panels). Lower panels: the weights of section 1, and what
# they do to the variational bound.

# %%
um.figures.draw("remasking_loop", PRESET)

# %% [markdown]
# ## 4. Guidance
#
# The guided sampler masks the positions at which an error predictor suspects a wrong token. Even the best predictor
# that exists moves a law that was right, and even when one position at a time is refilled from its exact conditional
# law $q(x_i \mid x_{-i})$: the token should be drawn *given that position $i$ was chosen*, and the choice has looked at
# $x_i$. The table has the TV from the data after one such refill of data, and after endlessly many.

# %%
world = WORLDS["chain of 4"]()
independent = um.drafts.factorised(world)


def refill(drafts, sampler):
    """Mask one position of every draft and fill it."""
    chance = um.explore.refinement(world, sampler).chance(1 - 1 / world.n)
    masked_law = um.remasking.counted_step(um.remasking.sequences_as_states(drafts), independent, chance)
    return um.remasking.draft_law(masked_law, independent)


def distance(output):
    """Return the total variation of a law from the data."""
    return um.remasking.distances(world, output)[0]


moved = {
    label: {
        "after one refill": distance(refill(world, sampler)),
        "in the long run": distance(um.stationary.stationary_world(lambda rows, s=sampler: refill(rows, s), world)),
    }
    for sampler, label in (("fixed count", "random position"), ("guided", "suspected position"))
}
assert moved["random position"]["in the long run"] < 1e-12
pd.DataFrame(moved).round(4)

# %% [markdown]
# So on independent tokens, where every unguided sampler is exact, guidance makes sequences likelier and their law
# worse: perplexity alone would call it an improvement. Guidance helps when it is switched on only in a short window of
# time, and where the data has hard constraints.

# %%
um.figures.draw("remasking_guidance", PRESET)

# %% [markdown]
# ## 5. Explore
#
# One call says how far each sampler stays from any small law of your own, by the number of steps:

# %%
um.explore.remasking(um.worlds.copied_pairs(2), steps=[4, 16, 64], window=(0.7, 1.0)).round(4)

# %% [markdown]
# `um.explorers.remasking` is a picture of that, and its `sliders()` choose a law, a sampler, the number of steps $T$,
# the share of them, at the end, in which tokens are masked again (window), and the temperature of the guided choice:
# the lower, the more surely the most suspected positions are masked. Left: the law of the samples and of the data,
# sequences in the order of the data's probability. Right: TV of all samplers over $T$.

# %%
explore = um.explorers.remasking
explore()

# %%
explore.sliders()

# %% [markdown]
# ## 6. Derive: accept, or correct
#
# Now the other way. A cheap draft has density $p$, and the target has density $q$. Keep the draft with probability
# $\min(1, q/p)$: that leaves $\min(p, q)$ in place, and a mass $\mathrm{TV}(p, q)$ to be put where it is missing, the
# residual $(q - p)_+$. Refused tokens are drawn anew from that residual. For Gaussians of equal variance $\sigma^2$ and
# means $m_p$ and $m_q$ it is the **mirror image** of what was refused:

# %%
x, m, mean, s = sp.symbols("x m mu s", real=True)


def density(centre, at):
    """Return the normal density up to its constant."""
    return sp.exp(-((at - centre) ** 2) / (2 * s**2))


mirrored = m + mean - x
assert sp.simplify(density(m, mirrored) - density(mean, x)) == 0
assert sp.simplify(density(mean, mirrored) - density(m, x)) == 0
delta = np.linspace(0, 4, 81)
accepted = um.coupling.acceptance(torch.from_numpy(delta)).numpy()
y = np.linspace(-4, 5, 400)
p, q = (np.exp(-((y - centre) ** 2) / 2) / np.sqrt(2 * np.pi) for centre in (1.0, 0.0))
figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 2.7))
left.plot(y, q, label="target $q$")
left.plot(y, p, label="draft $p$")
left.fill_between(y, np.minimum(p, q), color="0.85", linewidth=0, label="kept")
left.fill_between(y, q, p, where=q > p, color="#56B4E9", alpha=0.6, hatch="//", linewidth=0, label="mirrored, in")
left.fill_between(y, q, p, where=p > q, color="#E69F00", alpha=0.6, hatch="..", linewidth=0, label="refused, out")
left.set(xlabel="$y$", ylabel="density", ylim=(0, 0.68))
left.legend(ncol=2, loc="upper center", fontsize=7.5, handlelength=1.6)
right.plot(delta, accepted, label=r"$2\,\Phi(-\delta/2)$")
right.plot(delta, np.maximum(0, um.speculation_bounds.acceptance_floor(delta)), label=r"floor $1 - \delta/\sqrt{2\pi}$")
right.set(xlabel=r"mismatch $\delta = |m_p - m_q| / \sigma$", ylabel="acceptance", ylim=(0, 1), xlim=(0, 4))
right.legend()
pyplot.show()

# %% [markdown]
# ## 7. Rounds of a diffusion
#
# The target is a reversed diffusion of $N = 100$ steps. The draft freezes its drift over windows of $L$ steps; one
# round drafts a window and verifies it. Every path advances by 1 to $L$ steps a round, and
# rounds $\le \lceil N/L \rceil$ + rejections on every path (`least room` is the least difference that was seen). The
# result has the law of the chain itself. `speedup` counts steps for each target call that waits for another one,
# `evaluations` target evaluations a step, many of which run side by side.

# %%
target = um.gaussian_chains.diffusion(um.gaussian_chains.TOY, steps=100)
rounds = um.explore.gaussian_rounds(target, windows=(2, 5, 10, 20), paths=400 if PRESET == "smoke" else 4000)
assert (rounds["least room"] >= 0).all()
rounds.round(3)

# %% [markdown]
# ## 8. Rounds of masked decoding, exactly
#
# The same for tokens: the target reveals one position a step, from left to right, and the draft reads the $L$ tokens of
# a window off one call. A sweep over all pairs of states gives the exact law of the samples and the expected number of
# rounds, E[rounds]. The law is the data's for every window: there is no error, unlike in sections 3 and 4. What the
# dependence between tokens costs is rounds.

# %%
figure, axes = pyplot.subplots(figsize=(5.2, 3.2))
marks = ("o", "s", "D", "^")
laws = um.explore.worlds("rules")
for mark, name in zip(marks, ("Markov chain", "even parity", "digit patches", "six atoms"), strict=True):
    world = laws[name]()
    found = um.explore.masked_rounds(world)
    assert (found["TV"] < 1e-12).all() and (found["rounds"] <= found["ceiling"] + 1e-12).all()
    axes.plot(found.index, found["rounds"], marker=mark, label=f"{name}, $n$ = {world.n}")
windows = np.arange(1, 7)
axes.plot(
    windows, np.ceil(6 / windows), color="0.7", linewidth=5, linestyle="-", zorder=0, label=r"$\lceil 6/L \rceil$"
)
axes.set(xlabel="window $L$", ylabel="E[rounds], left to right", ylim=(0, 6.3), xticks=windows)
axes.legend()
pyplot.show()
