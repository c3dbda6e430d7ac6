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
# The theorems speak of exact conditionals, or of any conditionals; networks have neither exact nor consistent ones.
# Here small masked diffusion models are trained on tasks whose law is known, and held against the theory: on small
# worlds **every** error of a trained model is exact, on longer ones it is estimated with intervals.
#
# Entropies and divergences are in nats. Set `UNMASKED_PRESET=smoke` for a quick run.

# %%
import os

import pandas as pd
import torch
from matplotlib import pyplot

from figures import decomposition, eb_trained
from figures.stamps import STYLE
from synthetic import claims, models, tasks
from synthetic.claims.base import judge
from synthetic.denoisers import exact
from synthetic.experiments import _trained
from synthetic.progress import Silent
from synthetic.records import Store
from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.unmasking.long_walks import sample_walk
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.unmasking.sampling import sample
from theory.unmasking.walks import walk
from theory.worlds import states

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
STORE = Store()
pyplot.style.use(STYLE)


def record(experiment):
    """Return an experiment's record at this notebook's preset, computing it where it is not fresh."""
    return STORE.get_or_compute(experiment, STORE.preset(experiment, PRESET))


def denoiser(task):
    """Return the trained denoiser of a task (seed 0) as log-conditionals in float64."""
    return exact(models.trained(_trained.spec(task, PRESET, 0), Silent()))


# %% [markdown]
# ## 1. A model, and what it has learned
#
# A transformer without time input, trained on the **NELBO**: mask $k$ of the $n$ tokens, $k$ uniform, and weigh the
# cross-entropy of the masked ones by $n/k$. Its expectation is at least the entropy of the data; the difference is
# the model's error averaged over all orders of unmasking.

# %%
TASK = "small/four-token chain"
run = models.finished(_trained.spec(TASK, PRESET, 0), Silent())
figure, axes = pyplot.subplots(figsize=(5, 3))
history = run.history
axes.errorbar(history["step"], history["nelbo"] - run.entropy, 1.96 * history["standard_error"], marker="o")
axes.set(xlabel="training step", ylabel="NELBO - entropy (nats)", title=TASK, ylim=(0, None))
pyplot.show()

# %% [markdown]
# ## 2. Check: every error of that model, exactly
#
# Its conditionals at all $(d+1)^n$ states are tabulated and every path of a rule is walked. For a deterministic rule
# KL(data ‖ output) = model error + joint dependence error, to the last digit; and a Monte-Carlo estimate along paths
# of the data must agree within its own interval.

# %%
task, denoise = tasks.task(TASK), denoiser(TASK)
table = TableDenoiser(denoise(states.all_states(task.n, task.d)))
rows = []
for rule in (TopK(1), TopK(2), EntropyBounded(0.3), EntropyBounded(1.0), LeftToRight(2)):
    found = walk(rule, task.world, table)
    assert abs(found.path_divergence - found.divergence) < 1e-10
    drawn = sample_walk(rule, task.world, 4000, torch.Generator().manual_seed(0), denoise).path_divergence
    assert abs(drawn.mean - found.path_divergence) <= 5 * drawn.standard_error + 1e-9
    rows.append(
        {
            "rule": rule.name,
            "E[NFE]": found.calls,
            "model error": found.model_error,
            "joint dependence": found.joint_dependence,
            "entropy bound": found.bound,
            "Monte Carlo": f"{drawn.mean:.4f} ± {1.96 * drawn.standard_error:.4f}",
        }
    )
pd.DataFrame(rows).round(4)

# %% [markdown]
# All rules and tasks, three seeds:

# %%
figure, data = decomposition.draw({"decomposition": record("decomposition")})

# %% [markdown]
# ## 3. Watch a rule decode
#
# A 4x4 Sudoku solved by EB: the number in the corner says in which denoiser call a cell was revealed, clues are grey.

# %%
sudoku, solver = tasks.task("sudoku4"), denoiser("sudoku4")
puzzles = sudoku.test.rows(slice(0, 3))


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
    start = _trained.blank(puzzles, 4)
    found = sample(EntropyBounded(budget), solver, start, seed=0, temperature=0, keep_trace=True)
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
from ipywidgets import Dropdown, FloatSlider, interact

sliders = interact(decode, budget=FloatSlider(0.1, min=0, max=3, step=0.01, description="budget (nats)"))

# %% [markdown]
# ## 4. Accuracy against denoiser calls

# %%
figure, data = eb_trained.draw({"eb": record("eb")})

# %% [markdown]
# ## 5. Explore: what a rule loses by the model, and what by the joint draw
#
# Dark: model error, light: joint dependence error. With the exact conditionals only the second is left.

# %%
RULES = {
    "EB": EntropyBounded,
    "entropy threshold": lambda budget: Threshold(budget, "entropy"),
    "Top-2": lambda budget: TopK(2),
    "random one": lambda budget: RandomOne(),
}
SMALL = list(record("decomposition").table["task"].unique())


def explore(name=SMALL[0], rule="EB", budget=0.5):
    """Draw the two errors of one rule with the trained model and with the exact conditionals."""
    chosen, model = tasks.task(name), denoiser(name)
    tabulated = TableDenoiser(model(states.all_states(chosen.n, chosen.d)))
    _, axes = pyplot.subplots(figsize=(5, 2))
    for y, source in enumerate((None, tabulated)):
        found = walk(RULES[rule](budget), chosen.world, source)
        parts = [found.model_error, found.joint_dependence]
        axes.barh(y, parts[0], color="#0072B2")
        axes.barh(y, parts[1], left=parts[0], color="#56B4E9")
        axes.text(sum(parts), y, f"  {sum(parts):.4f} nats, {found.calls:.2f} calls", va="center")
    axes.set(yticks=[0, 1], yticklabels=["exact", "trained"], xlabel="path KL (nats)", title=f"{rule} on {name}")
    axes.margins(x=0.8)
    pyplot.show()


explore()

# %%
errors = interact(
    explore,
    name=Dropdown(options=SMALL, description="task"),
    rule=Dropdown(options=list(RULES), description="rule"),
    budget=FloatSlider(0.5, min=0, max=2.5, step=0.01, description="budget (nats)"),
)

# %% [markdown]
# ## 6. What holds
#
# Verdicts follow from 95 % bootstrap intervals over seeds and items; `python -m synthetic check` prints all of them.

# %%
shown = [claim for claim in claims.registry().values() if set(claim.experiments) <= {"eb", "decomposition"}]


def verdict(claim):
    """Return a claim's verdict, or that the records of this preset are too small to judge it."""
    try:
        return judge(claim, {name: record(name) for name in claim.experiments}).verdict
    except InvalidInput:
        return "too few values"


pd.DataFrame([{"claim": claim.id, "verdict": verdict(claim), "says": claim.statement} for claim in shown])
