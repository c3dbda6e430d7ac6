"""Regular languages on the balanced tree, planner and predictor merged, and what separates them from short chains."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, equal
from theory.power.causal import Model, denoiser
from theory.power.claims import machine_inputs as inputs
from theory.power.claims.machine_inputs import EXACT, NONE, OURS, PAPER, Words, automata_and_words, words_of
from theory.power.monoids import DFA, LANGUAGES, language, solvable, transition_monoid
from theory.power.planners import MDM, by_confidence, by_rank, merged, run
from theory.power.trees import balanced_tree, halvings, products_of, state_tracking
from theory.reference import machines as reference

SIZES = {"parity": 2, "mod 3": 3, "a*b*": 5, "(ab)*": 6, "contains aba": 12, "S3": 6, "S4": 24, "S5": 120}
LONG = (127, 128, 129, 1000, 1024, 4096)
MOST_FOLDED = 64
"""Products are compared as maps of states for as many words and up to this length; decisions always."""


def decisions(
    automaton: DFA, words: Words, later: int = 0, fewer: int = 0, swapped: bool = False
) -> Iterator[Evidence]:
    """Compare products and decisions of the tree with the automaton read letter by letter; count steps and symbols.

    In the variants the tree is claimed to take `later` steps more, or `fewer` symbols, or multiplies right first.
    """
    monoid, letters = transition_monoid(automaton), words_of(automaton, words)
    n = letters.shape[1]
    program = products_of(balanced_tree(n), monoid.products.T if swapped else monoid.products)
    steps = halvings(n) + later
    done = run(program.machine, monoid.elements(letters), max(steps, 0))
    _, height, nodes = reference.tree_product(range(n), lambda a, b: a)
    yield equal("enumeration", done.account.steps, steps, 0, effective=n > 1, note="steps")
    yield equal("enumeration", height, steps, NONE, effective=n > 1, note="height of the tree by recursion")
    yield equal("enumeration", [done.account.symbols, nodes], n - 1 - fewer, 0, note="symbols")
    root = done.last[:, program.results[0]].clamp(max=len(monoid) - 1)
    read = [reference.final_state(automaton.transitions, automaton.start, word) for word in letters.tolist()]
    wanted = [int(state in automaton.accepting) for state in read]
    yield equal("enumeration", monoid.accepts[root].int(), wanted, 0, note="decisions")
    if n <= MOST_FOLDED:
        maps = list(zip(*automaton.transitions, strict=True))
        folded = [reference.fold(maps, word) for word in letters[:MOST_FOLDED].tolist()]
        yield equal("enumeration", monoid.maps[root[:MOST_FOLDED]], folded, 0, note="products")


def sizes(name: str, size: int, missing: int = 0) -> Iterator[Evidence]:
    """Compare the size of a transition monoid, by closure over letters and by reading words, with the stated one."""
    automaton = language(name)
    yield equal("enumeration", len(transition_monoid(automaton)), size - missing, NONE)
    yield equal("enumeration", len(reference.all_maps(automaton.transitions)), size - missing, NONE)


def tracking(automaton: DFA, words: Words, at_once: bool = False) -> Iterator[Evidence]:
    """Compare the states that a chain of thought writes one by one with the automaton; count steps and symbols."""
    letters = words_of(automaton, words)
    n = letters.shape[1]
    program = state_tracking(automaton, n)
    done = run(program.machine, letters, n)
    yield equal("enumeration", done.account.steps, halvings(n) if at_once else n, 0, note="steps")
    yield equal("enumeration", done.account.symbols, n, 0, note="symbols")
    yield equal("enumeration", done.account.parallel, 1, 0, note="symbols a step")
    start = automaton.start
    read = [
        [reference.final_state(automaton.transitions, start, word[: k + 1]) for k in range(n)]
        for word in letters.tolist()
    ]
    yield equal("enumeration", done.last[:, n:], read, 0, note="states")


def by_height(automaton: DFA, words: Words, threshold: float = 1.0, fewer: int = 0) -> Iterator[Evidence]:
    """Compare the trajectory of the tree's planner with two of the merged model: above a threshold, and by rank."""
    monoid, letters = transition_monoid(automaton), words_of(automaton, words)
    tree = balanced_tree(letters.shape[1])
    program = products_of(tree, monoid.products)
    if len(monoid) > 1:
        elements = monoid.elements(letters)
        yield _apart(program.machine, elements, program.steps, threshold)
        sizes = [tree.heights.count(height) - fewer for height in range(1, tree.depth + 1)]
        ranked = by_rank(program.machine, merged(program.machine), sizes)
        yield _difference(program.machine, ranked, elements, program.steps, "as many of the surest as there are nodes")
    else:
        yield equal("enumeration", 0, 0, NONE, effective=False, note="one element, nothing to be uncertain of")


def any_planner(model: Model, words: list[list[int]], steps: int, threshold: float = 1.0) -> Iterator[Evidence]:
    """Compare a transformer whose planner looks at the string and rewrites with its merged form."""
    letters = words_of(DFA("letters", [[0] * model.d], 0, []), words)
    yield _apart(denoiser(model), letters, steps, threshold)


def witnesses(name: str, complete: bool) -> Iterator[Evidence]:
    """Say whether the transition monoid of a language contains a non-solvable group, by two computations."""
    automaton = language(name)
    yield equal("enumeration", int(not solvable(transition_monoid(automaton))), int(complete), NONE)
    groups = reference.maximal_groups(reference.all_maps(automaton.transitions))
    wanted = any(not reference.is_solvable(group) for group in groups)
    yield equal("enumeration", int(wanted), int(complete), NONE, note="by images and kernels of maps")


def threshold_gates(n: int, cut: int = 0) -> Iterator[Evidence]:
    """Compare parity with two layers of threshold gates on all words; in the variant the last gate is missing."""
    words = words_of(language("parity"), n).tolist()
    gates = [reference.threshold_parity(word, n - cut) for word in words]
    yield equal("enumeration", gates, [sum(word) % 2 for word in words], 0)


def _apart(machine: MDM, words: Tensor, steps: int, threshold: float) -> Evidence:
    chosen = by_confidence(machine, merged(machine), threshold)
    return _difference(machine, chosen, words, steps, "all places above the threshold")


def _difference(machine: MDM, other: MDM, words: Tensor, steps: int, note: str) -> Evidence:
    """Return on how many symbols of their trajectories two machines differ."""
    first, second = (run(m, words, steps, keep=True) for m in (machine, other))
    apart = sum(int((a != b).sum()) for a, b in zip(first.strings, second.strings, strict=True))
    return equal("enumeration", apart, 0, NONE, effective=bool(first.account.steps.any()), note=note)


@st.composite
def _planned(draw: DrawFn) -> Instance:
    model = draw(inputs.models((1, 2)))
    word = st.lists(st.integers(0, model.d - 1), min_size=model.n, max_size=model.n)
    return {"model": model, "words": draw(st.lists(word, min_size=1, max_size=4)), "steps": draw(st.integers(1, 4))}


def _lengths(names: tuple[str, ...], lengths: tuple[int, ...]) -> tuple[Instance, ...]:
    return tuple({"automaton": LANGUAGES[name], "words": n} for name in names for n in lengths)


EVERY = tuple(LANGUAGES)
CLAIMS = (
    Claim(
        id="reasoning.1",
        statement=(
            "Every regular language is decided on words of length N by planner and predictor on the balanced tree of the "
            "transition monoid, in exactly ceil(log2 N) steps with N - 1 output symbols, without resampling."
        ),
        source=f"{PAPER}, Theorem 3.2", status="printed", quantifier="for all", kind="equality", routes=("enumeration",),
        check=decisions, tolerance=EXACT, inputs=automata_and_words, examples=15,
        fixtures=(*_lengths(EVERY, (1, 2, 3, 7, 10)), *_lengths(("S5",), LONG), *_lengths(("contains aba",), (64, 1000))),
        variants={
            "one more round": partial(decisions, later=1), "one round less": partial(decisions, later=-1),
            "one symbol less": partial(decisions, fewer=1), "left and right swapped": partial(decisions, swapped=True),
        },
    ),
    Claim(
        id="reasoning.1sizes",
        statement=(
            "The transition monoids have 2 elements for parity, 3 for mod 3, 5 for a*b*, 6 for (ab)*, 12 for 'contains "
            "aba', and 6, 24 and 120 for the word problems of S3, S4 and S5."
        ),
        source=f"{OURS}, reasoning.1", quantifier="this instance", kind="equality", routes=("enumeration",), check=sizes,
        tolerance=EXACT, fixtures=tuple({"name": name, "size": size} for name, size in SIZES.items()),
        variants={"one element less": partial(sizes, missing=1)},
    ),
    Claim(
        id="reasoning.1track",
        statement="A chain of thought that writes the state after every letter takes N symbols and N steps.",
        source=f"{OURS}, reasoning.1", quantifier="for all", kind="equality", routes=("enumeration",), check=tracking,
        tolerance=EXACT, inputs=automata_and_words, examples=6, fixtures=_lengths(("parity", "S5"), (1, 8, 64)),
        variants={"in the rounds of the tree": partial(tracking, at_once=True)},
    ),
    Claim(
        id="reasoning.8",
        statement=(
            "Planner and predictor of the tree merge into one model that is certain of the nodes of height r in step r and "
            "of no others: unmasking what is above a threshold, or as many of the surest places as there are nodes of "
            "height r, gives the planner's trajectory."
        ),
        source=f"{PAPER}, Theorem C.1, for the tree", status="reading", quantifier="for all", kind="equality",
        routes=("enumeration",), check=by_height, tolerance=EXACT, inputs=automata_and_words, examples=6,
        fixtures=_lengths(("parity", "S3"), (2, 5, 8)),
        variants={
            "a threshold that guesses reach": partial(by_height, threshold=1 / 120),
            "one place less": partial(by_height, fewer=1),
        },
    ),
    Claim(
        id="reasoning.8any",
        statement=(
            "Any planner and predictor merge into one model with resampling: its confidence is 1 where the planner picks "
            "and 1/d elsewhere, so that any threshold in (1/d, 1] gives the planner's trajectory."
        ),
        source=f"{PAPER}, Theorem C.1", status="reading", quantifier="for all", kind="equality", routes=("enumeration",),
        check=any_planner, tolerance=EXACT, inputs=_planned, examples=8,
        fixtures=({"model": inputs.fixed_model(4, 4, 2, 4), "words": [[0, 1, 2, 0], [2, 2, 1, 0]], "steps": 4},),
        variants={"a threshold that guesses reach": partial(any_planner, threshold=1 / 3)},
    ),
    Claim(
        id="reasoning.10",
        statement=(
            "Of the eight languages the word problem of S5 alone has a non-solvable group in its transition monoid, so that "
            "it is complete for NC1; the others are in TC0 and no witness that log-step chains fall short."
        ),
        source=f"{PAPER}, Corollary 3.7, with its witness", status="reading", quantifier="this instance", kind="equality",
        routes=("enumeration",), check=witnesses, tolerance=EXACT,
        fixtures=tuple({"name": name, "complete": name == "S5"} for name in LANGUAGES),
        variants={"S4 as well": lambda name, complete: witnesses(name, complete or name == "S4")},
    ),
    Claim(
        id="reasoning.10parity",
        statement="The transition monoid of parity contains a non-solvable group, as that of a witness must.",
        source=f"{PAPER}, Corollary 3.7, read with parity as the regular language", status="reading",
        quantifier="this instance", kind="equality", routes=("enumeration",), check=witnesses, tolerance=EXACT,
        expected="refuted", see="reasoning.10", fixtures=({"name": "parity", "complete": True},),
    ),
    Claim(
        id="reasoning.10gates",
        statement=(
            "Parity of n bits is computed by two layers of n + 1 threshold gates, and so lies in TC0: it cannot separate "
            "what contains TC0."
        ),
        source=f"{OURS}, reasoning.10", quantifier="for all", kind="equality", routes=("enumeration",),
        check=threshold_gates, tolerance=EXACT, inputs=lambda: st.fixed_dictionaries({"n": st.integers(1, 10)}),
        examples=8, fixtures=({"n": 10},), variants={"one gate less": partial(threshold_gates, cut=1)},
    ),
)  # fmt: skip
