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
# # What masked diffusion can compute
#
# Ordinary masked diffusion writes each token once. *Any-process generation* (arXiv 2510.06190) may also mask a token
# again, insert a mask, and delete one. A step gives four answers at every position: a token to write, and the bits
# *remask*, *insert*, *delete*. A token `a` thus becomes `a`, `_`, `a_` or `__`; a mask `_` becomes any token `y`,
# `_`, `y_`, `__`, or nothing. Only masks can be deleted, so that erasing a token takes two steps.
#
# Set `UNMASKED_PRESET=smoke` for a quick run.

# %%
import itertools
import os

import sympy as sp

import unmasked as um

PRESET = os.environ.get("UNMASKED_PRESET", "laptop")
um.figures.style()

# %% [markdown]
# ## 1. Derive: how often seven rules leave a zero
#
# Parity by seven rules looks at the first two bits: `01` and `10` lose their zero, `00` and `11` both. Read from the
# left, what is left of the bits so far is nothing, `0` or `1`. With uniform bits the shares $e$ (nothing) and $z$ (a
# zero) obey $e' = (1 - e)/2$ and $z' = e/2$.

# %%
n = sp.symbols("n", integer=True, positive=True)
e = sp.Function("e")
nothing = sp.rsolve(e(n + 1) - (1 - e(n)) / 2, e(n), {e(1): 0})
zero = sp.simplify(nothing.subs(n, n - 1) / 2)
sp.Eq(sp.Symbol("P(0 is left)"), sp.expand(zero))

# %% [markdown]
# ## 2. Check: all strings of some lengths

# %%
SEVEN = um.programs.named("parity by seven rules")
for length in (3, 4, 5, 6):
    words = ["".join(bits) for bits in itertools.product("01", repeat=length)]
    ends = [um.programs.trace(SEVEN, word).states[-1] for word in words]
    share = sp.Rational(ends.count("0"), len(words))
    print(length, share, zero.subs(n, length))
    assert share == zero.subs(n, length)
    assert all((end == "1") == (word.count("1") % 2 == 1) for word, end in zip(words, ends, strict=True))

# %% [markdown]
# Two steps are enough, whatever the length: mask everything and insert after every zero; then delete all masks, but
# write a one at the last of an odd length. Moving together what is left counts, which attention of constant precision
# in a string of fixed length cannot do.

# %%
print("\n".join(um.programs.trace(um.programs.named("parity in two steps"), "0110100").states))

# %% [markdown]
# ## 3. Explore: a program, state by state
#
# `um.explorers.programs` draws the states of a program on a text of yours, one below the other. Here a binary counter
# adds and walks back; choose others with the sliders.

# %%
explore = um.explorers.programs
explore(program="counter", step=12)

# %%
explore.sliders()

# %% [markdown]
# ## 4. A rule set of your own
#
# A program is a function from a string to what each position becomes. This one erases every letter that repeats its
# left neighbour: it masks it first, and deletes the masks in the next step. An answer that no edit gives is refused,
# and said.


# %%
def step(x):
    """Erase what repeats its left neighbour, in two steps."""
    if "_" in x:
        return ["" if symbol == "_" else symbol for symbol in x]
    return ["_" if x[i - 1 : i] == symbol else symbol for i, symbol in enumerate(x)]


um.programs.trace(um.programs.program(step, alphabet="ab"), "aabbbaba")

# %%
try:
    um.programs.trace(um.programs.program(lambda x: ["b" for _ in x], alphabet="ab"), "ab")
except um.InvalidInput as error:
    print(error)

# %% [markdown]
# ## 5. Steps against symbols
#
# The same problems by a chain of thought, by planner and predictor on a tree (arXiv 2510.13117), written once or
# again. Every count is from a run whose answer was checked.

# %%
table = um.record("rounds", PRESET).table
longest = table[table["n"] == table["n"].max()]
longest.pivot(index="model", columns="problem", values="steps").astype("Int64")

# %%
longest.pivot(index="model", columns="problem", values="symbols").astype("Int64")

# %%
um.figures.draw("rounds", PRESET)

# %% [markdown]
# And as they go: one row a step, one column a position.

# %%
um.figures.draw("space_time", PRESET)
