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
# 2503.00307) and the star-shaped process (arXiv 2510.08369). **Speculation** verifies the draft and corrects the first
# token that fails: De Bortoli et al. (arXiv 2501.05370), here for Gaussian and for masked chains. On small laws the
# output law of both is computed exactly: remasking has a bias, speculation has none and pays in rounds.
#
# Entropies and divergences are in nats. Set `UNMASKED_PRESET=smoke` for a quick run.

# %%
import os

import numpy as np
import pandas as pd
import sympy as sp
import torch
from matplotlib import pyplot

from figures import remasking_guidance, remasking_loop, remasking_rates
from figures.samplers import LABELS, SAMPLERS
from figures.stamps import STYLE
from synthetic.experiments import _remasking
from synthetic.experiments._small import small
from synthetic.records import Store
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain
from theory.remasking.posterior import posterior, star_sigma
from theory.remasking.stationary import stationary_world
from theory.speculation import bounds, coupling, gaussian, masked, sampling
from theory.worlds import information, states

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
STORE = Store()
pyplot.style.use(STYLE)


def record(experiment):
    """Return an experiment's record at this notebook's preset, computing it where it is not fresh."""
    return STORE.get_or_compute(experiment, STORE.preset(experiment, PRESET))


# %% [markdown]
# ## 1. Derive: star is a member of ReMDM's family
#
# From the revealed fraction $a$ to $b \ge a$, ReMDM masks a visible token with probability $\sigma$. So that a share
# $b$ is visible afterwards, a masked one must be revealed with probability $r$:

# %%
a, b, sigma, r = sp.symbols("a b sigma r", positive=True)
reveal = sp.solve(sp.Eq(a * (1 - sigma) + (1 - a) * r, b), r)[0]
sp.simplify(reveal)

# %% [markdown]
# $\sigma = 0$ is masked diffusion, $r = (b - a)/(1 - a)$. The next state forgets the present one, given the data, when
# masked and visible tokens are shown with the same probability. One $\sigma$ does that, the **star**:

# %%
(forgetful,) = sp.solve(sp.Eq(reveal, 1 - sigma), sigma)
assert sp.simplify(forgetful - (1 - b)) == 0
sp.Eq(sigma, forgetful)

# %% [markdown]
# A step's weight in the variational bound is its $r$, which grows with $\sigma$. Star's is $b$. Over $T$ linear steps
# its bound for independent tokens is this multiple of masked diffusion's, no estimate of a likelihood at large $T$:

# %%
k, T = sp.symbols("k T", positive=True, integer=True)
growth = sp.factor(sp.summation(sp.expand(k / T * (1 - (k - 1) / T)), (k, 1, T)))
assert sp.simplify(growth - (T + 1) * (T + 2) / (6 * T)) == 0
growth

# %% [markdown]
# ## 2. Check: one step, exactly
#
# The law over all $(d + 1)^n$ states goes through a step at once. Started from noised data, a step with masks filled
# **jointly** lands on noised data; filled **independently**, which is what a denoiser can do, it misses. The second
# route writes every draft and every outcome out.

# %%
law = _remasking.exact("chain of 3")
now, after = 0.2, 0.5
step = posterior(now, after, star_sigma(now, after))
start, goal = (chain.noised_states(law.world, alpha) for alpha in (now, after))
stepped = {
    "joint": chain.posterior_step(start, law.joint, step),
    "independent": chain.posterior_step(start, law.independent, step),
}
n, d = law.world.n, law.world.d
before = dict(zip(reference.states(n, d), start.tolist(), strict=True))
drafts = reference_remasking.independent(reference.conditionals_of(reference.floats(law.world), d), d)
listed = reference_remasking.posterior_step(before, drafts, now, after, 1 - after, d)
listed = torch.tensor([listed.get(z, 0.0) for z in reference.states(n, d)], dtype=torch.float64)
assert (stepped["independent"] - listed).abs().max() < 1e-14
pd.Series({f"TV, masks filled {how}": float(information.total_variation(goal, p)) for how, p in stepped.items()})

# %% [markdown]
# ## 3. Rates
#
# Do more steps wash the bias out? With exact conditionals, star's error falls like $T^{-1/2}$, masked diffusion's like
# $1/T$. A heuristic: the bias of a state is proportional to its masked fraction, and the last $\sqrt{2T}$ steps refresh
# too few tokens to catch up. A *fixed* number of masks behaves otherwise: on a short sequence its last steps mask a
# single token, which is exact Gibbs sampling, and its error vanishes. That is what guidance has to be measured against.

# %%
figure, _ = remasking_rates.draw({"remasking_rates": record("remasking_rates")})

# %% [markdown]
# At a constant level $\alpha$ the bias of the states is proportional to $\sigma$, and gone where masks are filled
# jointly (upper panels). Lower panels: the weights of section 1 and what they do to the bound.

# %%
figure, _ = remasking_loop.draw({"remasking_loop": record("remasking_loop")})

# %% [markdown]
# ## 4. Guidance
#
# The guided sampler masks the positions that an error predictor suspects. Even the best predictor, and even one
# position at a time refilled from its exact conditional, moves the law: the refill should be drawn from
# $q(x_i \mid x_{-i})$ *given that position $i$ was chosen*, and the choice looked at $x_i$.

# %%
law = _remasking.exact("chain of 4")


def refill(drafts, sampler):
    """Mask one position of every draft and fill it."""
    chance = law.refinement(sampler).chance(1 - 1 / law.world.n)
    masked_law = chain.counted_step(chain.sequences_as_states(drafts), law.independent, chance)
    return chain.draft_law(masked_law, law.independent)


moved = {
    label: {
        "after one refill": law.distance(refill(law.world, sampler)),
        "in the long run": law.distance(stationary_world(lambda rows, s=sampler: refill(rows, s), law.world)),
    }
    for sampler, label in (("fixed count", "random position"), ("guided", "suspected position"))
}
assert moved["random position"]["in the long run"] < 1e-12
pd.DataFrame(moved).round(4)

# %% [markdown]
# So on independent tokens, where every unguided sampler is exact, guidance makes sequences likelier and the law worse:
# perplexity alone would call it an improvement. In a short window, or where the data has hard constraints, it helps.

# %%
figure, _ = remasking_guidance.draw({"remasking_guidance": record("remasking_guidance")})

# %% [markdown]
# ## 5. Explore
#
# Left: output and data law, sequences in the order of the data's probability. Right: TV of all samplers over $T$.


# %%
def explore(world="chain of 4", sampler="guided", steps=8, window=0.3, temperature=1.0):
    """Draw one sampler's output law beside the data, and the TV of all samplers over T."""
    law = _remasking.exact(world)
    inside = (1 - window, 1.0)
    output = law.output(sampler, _remasking.SAMPLERS[sampler](steps, inside), temperature)
    data = law.world.law()
    order = data.argsort(descending=True, stable=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.4))
    at = np.arange(len(order))
    left.bar(at - 0.2, data[order], 0.4, color="0.75", edgecolor="black", linewidth=0.6, label="data")
    left.bar(at + 0.2, output.law()[order], 0.4, color=SAMPLERS[sampler]["color"], edgecolor="black", linewidth=0.6,
             label=LABELS[sampler])  # fmt: skip
    names = ["".join(map(str, x)) for x in states.all_sequences(law.world.n, law.world.d)[order].tolist()]
    left.set_xticks(at, names, rotation=90)
    left.set(ylabel="probability")
    left.legend()
    counts = sorted({2, 4, 8, 16, 32, 64, steps})
    for name, look in SAMPLERS.items():
        plans = [_remasking.SAMPLERS[name](t, inside) for t in counts]
        right.plot(counts, [law.distance(law.output(name, p, temperature)) for p in plans], label=LABELS[name], **look)
    right.axvline(steps, color="0.6", linewidth=0.8, linestyle=":")
    right.set(xscale="log", yscale="log", ylim=(1e-5, 1), xlabel="steps $T$", ylabel="TV of output from data")
    right.set_xticks(counts, [str(t) for t in counts], minor=False)
    right.minorticks_off()
    right.legend(loc="lower left")
    figure.suptitle(f"{LABELS[sampler]} on {world}, last {window:.0%} of {steps} steps: TV {law.distance(output):.4f}")
    pyplot.show()


explore()

# %%
from ipywidgets import Dropdown, FloatLogSlider, FloatSlider, IntSlider, interact

sliders = interact(
    explore,
    world=Dropdown(options=list(_remasking.LAWS), value="chain of 4", description="law"),
    sampler=Dropdown(options=list(SAMPLERS), value="guided", description="sampler"),
    steps=IntSlider(8, min=1, max=64, description="steps T"),
    window=FloatSlider(0.3, min=0, max=1, step=0.05, description="window"),
    temperature=FloatLogSlider(1.0, base=10, min=-1, max=1.5, step=0.1, description="temperature"),
)

# %% [markdown]
# ## 6. Derive: accept, or correct
#
# Now the other way. A draft has density $p$, the target $q$. Keep the draft with probability $\min(1, q/p)$: that
# leaves $\min(p, q)$ in place, and a mass $\mathrm{TV}(p, q)$ to be put where it is missing, $(q - p)_+$. Tokens are
# drawn from that residual. For Gaussians of equal variance it is the **mirror image** of what was refused:

# %%
x, m, mean, s = sp.symbols("x m mu s", real=True)


def density(centre, at):
    """Return the normal density up to its constant."""
    return sp.exp(-((at - centre) ** 2) / (2 * s**2))


mirrored = m + mean - x
assert sp.simplify(density(m, mirrored) - density(mean, x)) == 0
assert sp.simplify(density(mean, mirrored) - density(m, x)) == 0
delta = np.linspace(0, 4, 81)
accepted = coupling.acceptance(torch.from_numpy(delta)).numpy()
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
right.plot(delta, np.maximum(0, bounds.acceptance_floor(delta)), label=r"floor $1 - \delta/\sqrt{2\pi}$")
right.set(xlabel=r"mismatch $\delta = |m_p - m_q| / \sigma$", ylabel="acceptance", ylim=(0, 1), xlim=(0, 4))
right.legend()
pyplot.show()

# %% [markdown]
# ## 7. Rounds of a diffusion
#
# A reversed diffusion of $N$ steps, its drift frozen over windows of $L$ steps as the draft. Every path advances by
# 1 to $L$ steps a round, and rounds $\le \lceil N/L \rceil$ + rejections. The result has the law of the chain itself.

# %%
target, paths = gaussian.diffusion(gaussian.TOY, steps=100), 400 if PRESET == "smoke" else 4000
rows = []
for window in (2, 5, 10, 20):
    run = sampling.speculate(target, window, paths, torch.Generator().manual_seed(window))
    assert (run.rounds <= bounds.rounds_ceiling(target.steps, window, run.rejections)).all()
    rows.append({
        "window L": window, "rounds": float(run.rounds.double().mean()), "acceptance": run.acceptance,
        "steps a sequential call": run.speedup, "evaluations a step": float(run.evaluations.double().mean()) / 100,
    })  # fmt: skip
pd.DataFrame(rows).set_index("window L").round(3)

# %% [markdown]
# ## 8. Rounds of masked decoding, exactly
#
# The same for tokens: the target reveals one position a step, the draft reads all its tokens off one call. A sweep over
# pairs of states gives the exact law and E[rounds]. The law is the data's for every window: no error, unlike sections
# 3 and 4. What the dependence between tokens costs is rounds.

# %%
figure, axes = pyplot.subplots(figsize=(5.2, 3.2))
marks = ("o", "s", "D", "^")
for mark, name in zip(marks, ("Markov chain", "even parity", "digit patches", "six atoms"), strict=True):
    world = small(name)
    sweeps = {window: masked.sweep(world, window) for window in range(1, world.n + 1)}
    for window, found in sweeps.items():
        assert (found.output.law() - world.law()).abs().max() < 1e-12
        assert found.rounds <= bounds.rounds_ceiling(world.n, window, found.rejections) + 1e-12
    axes.plot(list(sweeps), [found.rounds for found in sweeps.values()], marker=mark, label=f"{name}, $n$ = {world.n}")
windows = np.arange(1, 7)
axes.plot(
    windows, np.ceil(6 / windows), color="0.7", linewidth=5, linestyle="-", zorder=0, label=r"$\lceil 6/L \rceil$"
)
axes.set(xlabel="window $L$", ylabel="E[rounds], left to right", ylim=(0, 6.3), xticks=windows)
axes.legend()
pyplot.show()
