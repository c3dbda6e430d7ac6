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
# # Energies and schedules
#
# A masked diffusion model generates by revealing tokens over generation time, from $t = 0$ (all masked) to $t = 1$
# (data). Its *mask schedule* $\alpha_t$ says which fraction is revealed at time $t$. Chen et al. (arXiv 2509.13866)
# choose the schedule of least **energy**. Chen, Cong and Li (arXiv 2511.04647) compute the exact **error** of sampling
# in $K$ steps: how far the sampled sequences are from the data, because tokens that are revealed in one step are drawn
# independently of each other. This notebook derives the first, computes the second, and puts sliders on both.
#
# Entropies, errors and Kullback-Leibler divergences (KL) are in nats. Set `UNMASKED_PRESET=smoke` for a quick run,
# `gpu` for fine planes.

# %%
import os

import numpy as np
import pandas as pd
import sympy as sp
from sympy.calculus.euler import euler_equations

import unmasked as um

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
um.figures.style()

# %% [markdown]
# ## 1. Derive: the schedule of least energy
#
# The paper defines a kinetic, a conditional kinetic and a geodesic energy. Up to constants that no schedule changes,
# all three are $J(\alpha, \gamma) = \int_0^1 \dot\alpha^2 / (\dot\gamma\,\alpha(1-\alpha))\,dt$. Dots are
# derivatives in time, and the weight $\gamma$, an increasing function from 0 to 1, says when motion is cheap. Write
# $\alpha = \sin^2\theta$ with an angle $\theta$ from 0 to $\pi/2$: the integrand becomes $4\dot\theta^2/\dot\gamma$.

# %%
t = sp.Symbol("t")
theta, gamma = sp.Function("theta")(t), sp.Function("gamma")(t)
alpha = sp.sin(theta) ** 2
lagrangian = sp.simplify(alpha.diff(t) ** 2 / (gamma.diff(t) * alpha * (1 - alpha)))
lagrangian

# %% [markdown]
# The Euler–Lagrange equation says that $\dot\theta/\dot\gamma$ is constant. With $\theta_0 = 0$ and
# $\theta_1 = \pi/2$ that is **Condition 3.4** of the paper, $\theta = \pi\gamma/2$, in other words
# $\alpha = \sin^2(\pi\gamma/2)$. The left-hand side of the equation vanishes there:

# %%
equation = euler_equations(lagrangian, [theta], [t])[0].lhs
momentum = -(8 * theta.diff(t) / gamma.diff(t)).diff(t)
assert sp.simplify(equation - momentum) == 0
sp.simplify(equation.subs(theta, sp.pi * gamma / 2).doit())

# %% [markdown]
# This schedule is the minimum, and the least value is $\pi^2$: the integrand is a nonnegative square plus a derivative
# whose integral is $\pi^2$ whatever the schedule.

# %%
square = (2 * theta.diff(t) - sp.pi * gamma.diff(t)) ** 2 / gamma.diff(t)
boundary = 4 * sp.pi * theta - sp.pi**2 * gamma
assert sp.simplify(lagrangian - square - boundary.diff(t)) == 0
boundary.subs({theta: sp.pi / 2, gamma: 1}) - boundary.subs({theta: 0, gamma: 0})

# %% [markdown]
# ## 2. Compute: the Beta family, two ways
#
# Let $\gamma$ be the distribution function of the law Beta$(c, e)$, and $\alpha = \sin^2(\pi F/2)$ with $F$ that of
# Beta$(a, b)$. Then the energy has a closed form, and numerical integration of the definition agrees with it. The
# linear schedule $\alpha_t = t$ is $a = b = ½$, and has infinite energy for the weight $\gamma_t = t$, which is
# $c = e = 1$.

# %%
cases = [(1, 1, 1, 1), (1.3, 0.8, 1, 1), (0.9, 0.7, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 1, 1)]
rows = []
for a, b, c, e in cases:
    closed = float(um.energies.beta_landscape(a, b, c, e))
    problem = um.energies.Problem.of(um.schedules.beta_mask(a, b), um.schedules.beta(c, e))
    by_quadrature = um.energies.schedule_integral(problem) if np.isfinite(closed) else np.inf
    rows.append({"a": a, "b": b, "c": c, "e": e, "closed form": closed, "quadrature": by_quadrature})
pd.DataFrame(rows)

# %% [markdown]
# The energy over all shapes $(a, b)$, one panel a weight. It is least where mask schedule and weight have the same
# shape, $a = c$ and $b = e$.

# %%
um.figures.draw("landscapes", PRESET)

# %% [markdown]
# ## 3. What the energy does not see
#
# Every schedule is of least energy for *some* weight, and the energy does not depend on the data. The error of
# sampling does. Take sequences of $n$ tokens, and a sampler that at step $k$ reveals each token by itself with the
# chance that raises the revealed fraction from $\alpha_k$ to $\alpha_{k+1}$, along a grid
# $0 = \alpha_0 < \dots < \alpha_K = 1$, and draws it from its exact conditional law. Let $Z_j$ be the mean information
# (in nats) between a token and $j - 1$ other ones, and $\tilde Z(a)$ the mean of $Z$ when every other token is
# revealed with probability $a$: the **information curve** and its smoothed form. The expected path KL of the sampler
# is $n$ times the area between the smoothed curve and its left-endpoint steps,
#
# $$E = n \sum_k \int_{\alpha_k}^{\alpha_{k+1}} \bigl[\tilde Z(a) - \tilde Z(\alpha_k)\bigr]\,da .$$
#
# On the two targets of the toy experiment of arXiv 2509.13866, in three steps and without sampling noise:

# %%
um.figures.draw("toy", PRESET)

# %% [markdown]
# The table has the KL of the data from the samples, their total variation (TV) and the error, which is the path KL
# and never less than the KL. The best *block sizes* of three steps, that is how many tokens to reveal at each step,
# hit *both* targets exactly. On the right, sizes 3 + 1 + 1 do so although their path KL is positive: averaging over
# random orders cancels errors that each single order makes.

# %%
scalars = um.record("toy", PRESET).scalars
names = ["linear", "sine", "squared sine", "one minus cosine", "best Beta", "best grid", "best sizes"]
pd.DataFrame(
    {(side, what): [scalars[f"{side}/{name}/{what}"] for name in names]
     for side in ("left", "right") for what in ("kl", "tv", "error")},
    index=names,
).round(4)  # fmt: skip

# %% [markdown]
# ## 4. Explore
#
# One call sets a schedule of your own beside the named ones, the best grid and the best block sizes, on any law. The
# energy is that of the same $K$ steps, for $\gamma_t = t$ and in units of the least, $\pi^2$.

# %%
pairs = um.explore.worlds("schedules")["copied pairs"]()
um.explore.errors(pairs, lambda t: t**1.5, steps=4).round(4)

# %% [markdown]
# `um.explorers.schedules` is a picture of one Beta schedule on one law, and its `sliders()` move the shapes $(a, b)$,
# the number of steps $K$ and the law. Left: the schedule, and the times at which the sampler stops. Middle: the
# smoothed information curve of the data, and the steps of your schedule and of the best grid below it; the area
# between is the error divided by $n$. Right: all errors.

# %%
explore = um.explorers.schedules
explore()

# %%
explore.sliders()

# %% [markdown]
# ## 5. The sign, world by world
#
# Is the schedule of least energy (squared sine, for $\gamma = t$) better or worse than the linear one, whose energy is
# infinite? It is worse on nearly every law, and better where the information curve rises fastest at both ends, or only
# at the very end.

# %%
compared = um.record("energy_vs_error", PRESET).scalars
signs = {k.removesuffix("/sign"): v for k, v in compared.items() if k.endswith("/sign") and "Dirichlet" not in k}
worse, worlds = compared["squared sine worse"], compared["worlds"]
print(f"squared sine is worse on {worse} of {worlds} worlds, K = {compared['steps']}")
pd.Series(signs, name="error of squared sine over linear's, minus 1").sort_values().round(3).to_frame()
