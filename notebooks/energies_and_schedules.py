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
# (data). Its *mask schedule* $\alpha_t$ says which fraction is revealed at $t$. Chen et al. (arXiv 2509.13866) choose
# it by least **energy**; Chen, Cong and Li (arXiv 2511.04647) count the exact **error** of sampling in $K$ steps.
# This notebook derives the first, computes the second, and puts sliders on both.
#
# Entropies and divergences are in nats. Set `UNMASKED_PRESET=smoke` for a quick run, `gpu` for fine planes.

# %%
import os

import numpy as np
import pandas as pd
import sympy as sp
import torch
from matplotlib import pyplot
from sympy.calculus.euler import euler_equations

from figures import landscapes, toy
from figures.looks import SCHEDULES
from figures.stamps import STYLE
from synthetic.records import Store
from synthetic.worlds import WORLDS, curve
from theory import schedules
from theory.energy.closed_forms import LEAST, beta_landscape, schedule_integral, step_energy
from theory.reference.energy import Problem
from theory.unmasking import curves, optimal
from theory.worlds import information

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
STORE = Store()
pyplot.style.use(STYLE)


def record(experiment):
    """Return an experiment's record at this notebook's preset, computing it where it is not fresh."""
    return STORE.get_or_compute(experiment, STORE.preset(experiment, PRESET))


# %% [markdown]
# ## 1. Derive: the schedule of least energy
#
# Up to constants that no schedule changes, all three energies of the paper are
# $J(\alpha, \gamma) = \int_0^1 \dot\alpha^2 / (\dot\gamma\,\alpha(1-\alpha))\,dt$ with a weight $\gamma$ from 0 to 1.
# Write $\alpha = \sin^2\theta$: the integrand becomes $4\dot\theta^2/\dot\gamma$.

# %%
t = sp.Symbol("t")
theta, gamma = sp.Function("theta")(t), sp.Function("gamma")(t)
alpha = sp.sin(theta) ** 2
lagrangian = sp.simplify(alpha.diff(t) ** 2 / (gamma.diff(t) * alpha * (1 - alpha)))
lagrangian

# %% [markdown]
# The Euler–Lagrange equation says that $\dot\theta/\dot\gamma$ is constant. With $\theta_0 = 0$ and
# $\theta_1 = \pi/2$ that is **Condition 3.4**, $\theta = \pi\gamma/2$, that is $\alpha = \sin^2(\pi\gamma/2)$:

# %%
equation = euler_equations(lagrangian, [theta], [t])[0].lhs
momentum = -(8 * theta.diff(t) / gamma.diff(t)).diff(t)
assert sp.simplify(equation - momentum) == 0
sp.simplify(equation.subs(theta, sp.pi * gamma / 2).doit())

# %% [markdown]
# It is the minimum, and the least value is $\pi^2$: the integrand is a nonnegative square plus a derivative whose
# integral is $\pi^2$ whatever the schedule.

# %%
square = (2 * theta.diff(t) - sp.pi * gamma.diff(t)) ** 2 / gamma.diff(t)
boundary = 4 * sp.pi * theta - sp.pi**2 * gamma
assert sp.simplify(lagrangian - square - boundary.diff(t)) == 0
boundary.subs({theta: sp.pi / 2, gamma: 1}) - boundary.subs({theta: 0, gamma: 0})

# %% [markdown]
# ## 2. Compute: the Beta family, two ways
#
# With $\gamma$ the distribution function of Beta$(c, e)$ and $\alpha$ built from Beta$(a, b)$ the energy has a closed
# form. Quadrature of the definition agrees, and the linear schedule, Beta(½, ½), has infinite energy under
# $\gamma = t$.

# %%
cases = [(1, 1, 1, 1), (1.3, 0.8, 1, 1), (0.9, 0.7, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 1, 1)]
rows = []
for a, b, c, e in cases:
    closed = float(beta_landscape(a, b, c, e))
    problem = Problem.of(schedules.beta_mask(a, b), schedules.beta(c, e))
    by_quadrature = schedule_integral(problem) if np.isfinite(closed) else np.inf
    rows.append({"a": a, "b": b, "c": c, "e": e, "closed form": closed, "quadrature": by_quadrature})
pd.DataFrame(rows)

# %%
figure, table = landscapes.draw({"landscapes": record("landscapes")})

# %% [markdown]
# ## 3. What the energy does not see
#
# Every schedule is of least energy for *some* weight, and the energy does not depend on the data. The error of
# sampling does: with exact conditionals, the expected KL of the per-token sampler on a grid
# $0 = \alpha_0 < \dots < \alpha_K = 1$ is the area between the data's smoothed information curve $n\tilde Z$ and its
# left-endpoint steps,
#
# $$E = n \sum_k \int_{\alpha_k}^{\alpha_{k+1}} \bigl[\tilde Z(a) - \tilde Z(\alpha_k)\bigr]\,da .$$
#
# On the two targets of the paper's toy experiment, three steps, without sampling noise:

# %%
figure, table = toy.draw({"toy": record("toy")})

# %% [markdown]
# The best block sizes of three steps hit *both* targets exactly. On the right, sizes 3 + 1 + 1 do so although their
# path KL is positive: averaging over random orders cancels errors that each single order makes.

# %%
scalars = record("toy").scalars
names = ["linear", "sine", "squared sine", "one minus cosine", "best Beta", "best grid", "best sizes"]
pd.DataFrame(
    {(side, what): [scalars[f"{side}/{name}/{what}"] for name in names]
     for side in ("left", "right") for what in ("kl", "tv", "error")},
    index=names,
).round(4)  # fmt: skip

# %% [markdown]
# ## 4. Explore
#
# Move the shapes $(a, b)$, the number of steps $K$ and the world. Left: the schedule and the times at which the
# sampler stops. Middle: the data's curve, and the steps of your schedule and of the best grid. Right: all errors.


# %%
def errors_of(world, a, b, steps):
    """Return name -> error (nats) of the schedule (a, b), the named ones, the best grid and the best sizes."""
    z = curve(world)
    found = {f"Beta({a:.2g}, {b:.2g})": float(curves.per_token_error(z, schedules.beta_mask(a, b).grid(steps)))}
    for name, schedule in schedules.NAMED.items():
        found[name] = float(curves.per_token_error(z, schedule.grid(steps)))
    found["best grid"] = optimal.optimal_grid(z, steps)[1]
    if steps <= len(z):
        found["best sizes"] = optimal.optimal_sizes(z, steps)[-1].error
    return found


def draw_schedule(axes, a, b, steps):
    """Draw the weight, the mask schedule and where the sampler stops."""
    times, mask = np.linspace(0, 1, 201), schedules.beta_mask(a, b)
    axes.plot(times, schedules.beta(a, b)(times), label=r"weight $\gamma_t$")
    axes.plot(times, mask(times), label=r"mask schedule $\alpha_t$")
    axes.plot(schedules.uniform_grid(steps), mask.grid(steps), "o", color="black", label=f"{steps} steps")
    axes.set(xlabel="generation time $t$", xlim=(0, 1), ylim=(0, 1))
    axes.legend()


def draw_steps(axes, world, a, b, steps):
    """Draw the world's smoothed curve, the steps of a schedule below it, and those of the best grid."""
    z, level = curve(world), np.linspace(0, 1, 201)
    axes.plot(level, information.smoothed_curve(z, torch.from_numpy(level)), color="black", label=r"$\tilde Z(\alpha)$")
    grids = {"best Beta": schedules.beta_mask(a, b).grid(steps), "best grid": optimal.optimal_grid(z, steps)[0]}
    for name, label in (("best Beta", f"steps of Beta({a:.2g}, {b:.2g})"), ("best grid", "steps of the best grid")):
        heights = information.smoothed_curve(z, torch.from_numpy(grids[name][:-1]))
        look = {key: SCHEDULES[name][key] for key in ("color", "linestyle")}
        axes.stairs(heights, grids[name], baseline=None, linewidth=1.5, label=label, **look)
    axes.set(xlabel=r"revealed fraction $\alpha$", ylabel="information (nats)", xlim=(0, 1), ylim=(0, None))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.3))


def draw_errors(axes, world, a, b, steps):
    """Draw the exact error of the schedule, the named ones and the optima."""
    found = errors_of(world, a, b, steps)
    bars = axes.barh(list(found), found.values(), color="#56B4E9", edgecolor="black", hatch="//")
    axes.bar_label(bars, [f"{value:.4f}" if value > 1e-12 else "0" for value in found.values()], padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="error, path KL (nats)", xlim=(0, 1.35 * max(found.values())), title=world)


def explore(a=0.9, b=0.3, world="Markov chain", steps=4):
    """Draw a Beta schedule, its steps under the world's curve, and its error beside the best possible."""
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(10, 3.4))
    draw_schedule(left, a, b, steps)
    draw_steps(middle, world, a, b, steps)
    draw_errors(right, world, a, b, steps)
    energy = float(beta_landscape(a, b, 1, 1)) / LEAST
    discrete = float(step_energy(schedules.beta_mask(a, b).grid(steps))) / LEAST
    shown = rf"{energy:.3f} $\pi^2$" if np.isfinite(energy) else "infinite"
    figure.suptitle(rf"energy under $\gamma_t = t$: {shown}; of these {steps} steps: {discrete:.3f} $\pi^2$")
    pyplot.show()


explore()

# %%
from ipywidgets import Dropdown, FloatLogSlider, IntSlider, interact

SMALL = ("Markov chain", "copied pairs", "repetition", "even parity", "MDS code", "a x b = c")
sliders = interact(
    explore,
    a=FloatLogSlider(0.9, min=-1, max=1, step=0.02, description="a"),
    b=FloatLogSlider(0.3, min=-1, max=1, step=0.02, description="b"),
    world=Dropdown(options=SMALL if PRESET == "smoke" else list(WORLDS), value="Markov chain", description="world"),
    steps=IntSlider(4, min=1, max=16, description="K"),
)

# %% [markdown]
# ## 5. The sign, world by world
#
# Is the schedule of least energy (squared sine, for $\gamma = t$) better or worse than the linear one, whose energy is
# infinite? Worse nearly everywhere; better where the curve rises fastest at both ends, or only at the very end.

# %%
compared = record("energy_vs_error").scalars
signs = {k.removesuffix("/sign"): v for k, v in compared.items() if k.endswith("/sign") and "Dirichlet" not in k}
worse, worlds = compared["squared sine worse"], compared["worlds"]
print(f"squared sine is worse on {worse} of {worlds} worlds, K = {compared['steps']}")
pd.Series(signs, name="error of squared sine over linear's, minus 1").sort_values().round(3).to_frame()
