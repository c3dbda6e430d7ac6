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
# # Temperature and wires
#
# Two ideas from outside masked diffusion, with the bridges to it. *SGD at a constant learning rate* is said to
# minimise a free energy U - T S: the expected loss less a temperature times the entropy of the weights (arXiv
# 2505.23489). *Weights in memristive crossbars* lose current in the wires, the more the farther cells lie from the
# rails (arXiv 2511.04798).
#
# Set `UNMASKED_PRESET=smoke` for a quick run.

# %%
import itertools
import os

import numpy as np
import sympy as sp
import torch

import unmasked as um

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
um.figures.style()

# %% [markdown]
# ## 1. Derive: the stationary law and its temperature
#
# One weight with loss $h w^2 / 2$ and a step $w - \eta (h w + \xi)$, $\xi$ of variance $c$. What variance $\Sigma$
# does a step leave as it is, and what is $T = U'(\eta) / S'(\eta)$, with $U = h \Sigma / 2$ and $S = \ln(2 \pi e
# \Sigma) / 2$?

# %%
eta, h, c, variance = sp.symbols("eta h c Sigma", positive=True)
stationary = sp.solve(sp.Eq(variance, (1 - eta * h) ** 2 * variance + eta**2 * c), variance)[0]
loss, entropy = h * stationary / 2, sp.log(2 * sp.pi * sp.E * stationary) / 2
temperature = sp.simplify(sp.diff(loss, eta) / sp.diff(entropy, eta))
sp.Eq(sp.Symbol("T"), sp.factor(temperature))

# %% [markdown]
# The temperature is that of equipartition, $h \Sigma$, at every learning rate. With several directions it is their
# mean with weights $1 / (2 - \eta h_i)$. It rises with $\eta$ for isotropic noise, but it need not for every noise.

# %%
assert sp.simplify(temperature - h * stationary) == 0
problem = um.temperature.Quadratic.diagonal(np.array([0.2, 1.0]), np.array([1.0, 1e-4]))
for rate in (1.0, 1.278, 1.9, 1.9836):
    print(rate, problem.stationary(rate).temperature.round(4))

# %% [markdown]
# ## 2. Check: many chains against the closed form

# %%
rates = torch.tensor([0.3, 1.0, 1.7])
generator = torch.Generator().manual_seed(0)
w = next(itertools.islice(um.temperature.quadratic_chains(problem, rates, 20_000, generator), 200, None))
simulated = (w**2).mean(1).numpy()
exact = np.einsum("mii->mi", problem.stationary(rates.numpy().astype(float)).covariance)
print(np.round(simulated / exact, 3))
assert np.abs(simulated / exact - 1).max() < 0.06  # six standard errors of 20,000 squares of normal numbers

# %% [markdown]
# ## 3. Explore: free energy over the learning rate
#
# Where the temperature rises with $\eta$, the learning rate whose temperature it is minimises the free energy. Make
# the noise of the steep direction small and move $\eta$ to the right: another minimum takes over. The square of
# `um.explorers.temperature` is at the learning rate that gives the temperature.

# %%
explore = um.explorers.temperature
explore(rate=1.6, steep_noise=1e-4)

# %%
explore.sliders()

# %% [markdown]
# ## 4. Your own runs
#
# `um.temperature.measured` takes losses and weights of runs at several learning rates. Here they are chains on the
# sphere with three losses and no common zero, where the theory is known: $T = \eta\, v / (2 - \eta h)$ with curvature
# $h = 23/26$ and noise $v = 25/338$.

# %%
toy = um.temperature.sphere.underparameterised()
rates = torch.tensor([0.01, 0.02, 0.04, 0.08])
top = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(4, 2000, 3)
x = next(itertools.islice(um.temperature.sphere.steps(toy, rates, top, generator), 600, None))
losses = um.temperature.sphere.loss(toy, x)
runs = {float(rate): (losses[k], x[k]) for k, rate in enumerate(rates)}
table = um.temperature.measured(runs, sphere_weights=True)
table["theory"] = [float(rate * 25 / 338 / (2 - rate * 23 / 26)) for rate in rates]
table.round(5)

# %% [markdown]
# ## 5. Explore: a tile of a crossbar
#
# 64 rows of 8 weights of 8 bits. Driving all rows by one volt, each cell lacks what the wires drop. Reversing the
# columns brings the dense low-order bits to the drivers, sorting brings dense rows to the sense amplifiers. Both
# lower the loss of current. Whether they lower the error of the recombined outputs depends on the layout.
# `um.explorers.wires` draws one tile; both moves are made in the first picture.

# %%
tile = um.explorers.wires
tile(move="both")

# %%
tile.sliders()

# %% [markdown]
# ## 6. A denoiser on wires
#
# A trained denoiser with its matrices on crossbars: the exact NELBO of the law of copied pairs, before and after.

# %%
world = um.worlds.copied_pairs(3)
network = um.trained("small/copied pairs", PRESET)
for move in ("none", "both"):
    for ohms in (0.0, 5.0, 20.0):
        device = um.crossbars.Device(wires=um.crossbars.equal_wires(ohms))
        changed = um.crossbars.on_crossbars(network.trained.denoiser, move=move, device=device)
        denoiser = um.denoiser(changed.network, n=world.n, d=world.d, outputs="log-probabilities")
        table = um.training.loss_table(world, denoiser)
        print(
            f"{move:5} {ohms:4.1f} ohm: loss of current {changed.nf:.3%}, NELBO {float(table.mean(table.nelbo())):.5f}"
        )

# %% [markdown]
# The likelihood hardly notices wires that lose a tenth of the current. The gallery has the comparison over models,
# tiles and resistances (`unmasked figures denoiser_on_wires`), and the other bridge: whether less noise in the
# objective means a lower temperature (`noise_temperature`).

# %%
um.figures.draw("sgd_temperatures", PRESET)
