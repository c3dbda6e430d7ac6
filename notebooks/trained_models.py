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
# # Trained models against the theory
#
# The theorems speak of exact conditionals, or of arbitrary ones. The conditionals of a network, its predictions of each
# token given the others that are revealed, are neither exact nor consistent with one another. Here small masked
# diffusion models are trained on tasks whose law is known, and held against the theory: on small laws (*worlds*)
# **every** error of a trained model is exact, on longer ones it is estimated with intervals.
#
# Entropies and Kullback-Leibler divergences (KL) are in nats. E[NFE] is the expected number of denoiser calls. Set
# `UNMASKED_PRESET=smoke` for a quick run.

# %%
import os

import pandas as pd
import torch
from matplotlib import pyplot

import unmasked as um

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
um.figures.style()

# %% [markdown]
# ## 1. A model, and what it has learned
#
# The model is a transformer without time input, trained on the **NELBO**, the negative evidence lower bound: mask $k$
# of the $n$ tokens, with $k$ uniform in $1..n$, and weigh the summed cross-entropy of the masked ones by $n/k$. Its
# expectation is at least the entropy of the data, and the difference is the model's error averaged over all orders of
# unmasking. `um.trained` finds the model of a task on disk or trains it; `um.fit` does the same for rows of your own.

# %%
TASK = "small/four-token chain"
run = um.trained(TASK, PRESET)
figure, axes = pyplot.subplots(figsize=(5, 3))
history, entropy = run.trained.history, run.trained.entropy
axes.errorbar(history["step"], history["nelbo"] - entropy, 1.96 * history["standard_error"], marker="o")
axes.set(xlabel="training step", ylabel="NELBO - entropy (nats)", title=TASK, ylim=(0, None))
pyplot.show()

# %% [markdown]
# ## 2. Check: every error of that model, exactly
#
# The model is asked at every state that a rule can reach, so that every path of the rule is walked. For a
# deterministic rule, KL(data ‖ samples) is the sum of the **model error** (how far the predicted laws of the revealed
# tokens are from the true ones) and of the **joint dependence error** (what drawing them independently costs), to the
# last digit. A Monte Carlo estimate along paths of the data, which long sequences need, agrees within its own interval.

# %%
task, denoiser = um.tasks.task(TASK), run.denoiser
rules = [um.TopK(1), um.TopK(2), um.EntropyBounded(0.3), um.EntropyBounded(1.0), um.LeftToRight(2)]
table = um.explore.rules(task.world, rules, denoiser)
assert (table["KL"] - table["model error"] - table["joint dependence"]).abs().max() < 1e-9
for rule in rules:
    generator = torch.Generator().manual_seed(0)
    estimate = um.long_walks.sample_walk(rule, task.world, 4000, generator, denoiser).path_divergence
    assert abs(estimate.mean - table["path KL"][rule.name]) <= 5 * estimate.standard_error + 1e-9
    table.loc[rule.name, "Monte Carlo"] = f"{estimate.mean:.4f} ± {1.96 * estimate.standard_error:.4f}"
table.round(4)

# %% [markdown]
# The two errors of all rules on all small tasks, for models of several seeds:

# %%
um.figures.draw("decomposition", PRESET)

# %% [markdown]
# ## 3. Watch a rule decode
#
# Three 4x4 Sudokus, solved by the EB-Sampler (arXiv 2505.24857): at each call it reveals the surest cells, as long as
# the bound on what revealing them together costs is within a budget. The number in the corner of a cell says in which
# denoiser call it was revealed; clues are grey.

# %%
sudoku, solver = um.tasks.task("sudoku4"), um.trained("sudoku4", PRESET).denoiser
puzzles = sudoku.test.rows(slice(0, 3))
clues = torch.where(puzzles.given, puzzles.tokens, sudoku.d)  # the token d is the mask


def draw_decoding(axes, tokens, given, call):
    """Draw one grid with the call that revealed each cell."""
    axes.imshow(torch.where(given, -1, call).reshape(4, 4), cmap="Blues", vmin=-2, vmax=max(8, int(call.max()) + 3))
    for cell in range(16):
        y, x = divmod(cell, 4)
        color = "grey" if given[cell] else "black"
        axes.text(x, y, sudoku.symbols[tokens[cell]], ha="center", va="center", color=color)
        if not given[cell]:
            axes.text(x + 0.32, y - 0.32, int(call[cell]), ha="center", va="center", fontsize=6)
    axes.set(xticks=[], yticks=[])


def decode(budget):
    """Solve three puzzles by EB and draw when each cell was revealed."""
    rule = um.EntropyBounded(budget)
    found = um.sampling.sample(rule, solver, clues, seed=0, temperature=0, keep_trace=True)
    call = torch.zeros(3, 16, dtype=torch.long)
    for row, step, revealed in zip(found.trace.row, found.trace.step, found.trace.revealed, strict=True):
        call[row, revealed] = int(step) + 1
    figure, panels = pyplot.subplots(1, 3, figsize=(7, 2.6))
    solved = sudoku.success(found.tokens, puzzles)
    for k, axes in enumerate(panels):
        draw_decoding(axes, found.tokens[k], puzzles.given[k], call[k])
        axes.set_title(f"{int(found.nfe[k])} calls, {'solved' if solved[k] else 'wrong'}")
    figure.suptitle(f"EB, budget {budget:g} nats")
    pyplot.show()


decode(0.1)

# %%
from ipywidgets import FloatSlider, interact

sliders = interact(decode, budget=FloatSlider(0.1, min=0, max=3, step=0.01, description="budget (nats)"))

# %% [markdown]
# ## 4. Accuracy against denoiser calls
#
# What EB and its neighbours get right on each task, by the denoiser calls that they make.

# %%
um.figures.draw("eb_trained", PRESET)

# %% [markdown]
# ## 5. Explore: what a rule loses by the model, and what by the joint draw
#
# In `um.explorers.models` dark bars are model error, light bars joint dependence error. With the exact conditionals
# only the second is left. A model that is not yet on disk is trained when its task is first chosen.

# %%
explore = um.explorers.models
explore(preset=PRESET)

# %%
explore.sliders(preset=PRESET)

# %% [markdown]
# ## 6. What holds
#
# Statements about trained models are claims, too. Their verdicts follow from 95 % intervals over seeds and items:
# supported where all intervals are on the claimed side, refuted where one is on the other (after a correction for their
# number), undecided otherwise.
# These are the claims that the two experiments above decide; `unmasked check` prints all of them.

# %%
pd.options.display.max_colwidth = None
um.explore.verdicts("eb", "decomposition", preset=PRESET)
