"""Left before right, and children before parents: what a product loses when either order is broken."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, equal, hoeffding_margin
from theory.power import trees
from theory.power.claims import machine_inputs as inputs
from theory.power.claims.machine_inputs import EXACT, NONE, OURS, PAPER, Words, words_of
from theory.power.monoids import DFA, LANGUAGES, Monoid, language, transition_monoid, word_problem
from theory.power.planners import run
from theory.power.trees import Circuit, balanced_tree, one_at_a_time, products_of, success_probability
from theory.reference import machines as reference

DRAWS = 200_000


def reversed_words(automaton: DFA, words: Words, swapped: bool = True) -> Iterator[Evidence]:
    """Compare the tree that multiplies right first with the product of the reversed word, folded letter by letter."""
    monoid, letters = transition_monoid(automaton), words_of(automaton, words)
    products = _tree_products(monoid, monoid.elements(letters), swapped)
    maps = list(zip(*automaton.transitions, strict=True))
    folded = [reference.fold(maps, word[::-1]) for word in letters.tolist()]
    yield equal("enumeration", monoid.maps[products], folded, 0, effective=not monoid.commutative)


def noticed(name: str, broken: bool, decision: bool = False) -> Iterator[Evidence]:
    """Say whether swapping left and right changes the product (or decision) of some word of up to six letters."""
    automaton = language(name)
    monoid = transition_monoid(automaton)
    changed = 0
    for n in range(2, 7):
        elements = monoid.elements(words_of(automaton, n))
        first, second = _tree_products(monoid, elements, False), _tree_products(monoid, elements, True)
        apart = monoid.accepts[first] != monoid.accepts[second] if decision else first != second
        changed += int(apart.sum())
    yield equal("enumeration", int(changed > 0), int(broken), NONE, note=f"{changed} words")


def unnoticed_decision(points: int, pair: list[int], word: list[int], other: bool = False) -> Iterator[Evidence]:
    """Compare whether a word over an n-cycle and a transposition has product 1 with whether its reverse has.

    In the variant the decision is whether the product is that of the cycle and the transposition.
    """
    one, cycle = tuple(range(points)), (*range(1, points), 0)
    transposition = tuple(sum(pair) - p if p in pair else p for p in one)
    accepted = reference.after(cycle, transposition) if other else one
    forward, backward = (reference.fold((cycle, transposition), w) for w in (word, word[::-1]))
    yield equal("enumeration", int(forward == accepted), int(backward == accepted), NONE, effective=len(word) > 2)
    reflection = tuple((sum(pair) - p) % points for p in one)
    mirrored = reference.after(reference.after(reflection, forward), reflection)
    yield equal("enumeration", reference.after(mirrored, backward), one, 0, note="the reflection inverts the product")
    if sorted(pair) == [0, 1] and points <= 5 and not other:
        monoid = transition_monoid(word_problem(points))
        element = _tree_products(monoid, monoid.elements(torch.tensor([word])), True)
        yield equal("enumeration", int(monoid.accepts[element[0]]), int(forward == one), NONE, note="the tree, swapped")


def agreement(n: int, share: Fraction) -> Iterator[Evidence]:
    """Count on which share of the words over all six elements of S3 the swapped tree decides alike."""
    monoid = transition_monoid(language("S3"))
    words = torch.cartesian_prod(*[torch.arange(6)] * n).reshape(-1, n)
    first, second = (monoid.accepts[_tree_products(monoid, words, swapped)] for swapped in (False, True))
    yield equal("enumeration", Fraction(int((first == second).sum()), len(words)), share, NONE)


def premature(tree: Circuit, off: int = 0) -> Iterator[Evidence]:
    """Run all orders, one node a step, and compare the share of right roots with one over the subtree sizes.

    A node written too early gets a wrong symbol. In the variant the size of the root is off by one.
    """
    monoid = transition_monoid(language("S3"))
    orders = _every_order(tree.nodes)
    words = monoid.elements(torch.arange(tree.n)[None] % 2).expand(len(orders), -1)
    program = one_at_a_time(tree, monoid.products, orders)
    roots = run(program.machine, words, program.steps).last[:, program.results[0]]
    right = roots == _tree_products(monoid, words[:1], False)
    share, claimed = Fraction(int(right.sum()), len(orders)), success_probability(tree)
    claimed = claimed * Fraction(tree.nodes, tree.nodes + off)
    yield equal("enumeration", share, claimed, NONE, effective=tree.nodes > 1, note="all orders")
    yield equal("enumeration", int((right != trees.bottom_up(tree, orders)).sum()), 0, NONE, note="right if bottom up")
    yield equal("rational", reference.share_of_orders(_children(tree)), claimed, NONE, note="by counting sets")


def numbers(kind: str, n: int, one_over: int) -> Iterator[Evidence]:
    """Compare the probability of a balanced tree or a chain with a number, by subtree sizes and by counting sets."""
    tree = balanced_tree(n) if kind == "tree" else trees.chain(n)
    yield equal("rational", success_probability(tree), Fraction(1, one_over), NONE)
    yield equal("rational", reference.share_of_orders(_children(tree)), Fraction(1, one_over), NONE)


def drawn_orders(n: int, seed: int, factor: float = 1.0) -> Iterator[Evidence]:
    """Draw orders of a balanced tree's nodes and compare the share that is bottom up with its probability."""
    tree = balanced_tree(n)
    orders = trees.random_orders(tree.nodes, DRAWS, torch.Generator().manual_seed(seed))
    share, claimed = float(trees.bottom_up(tree, orders).double().mean()), factor * float(success_probability(tree))
    yield equal("monte-carlo", share, claimed, hoeffding_margin(DRAWS, 1.0))


def guessed(name: str, word: list[int], kept: int = 0) -> Iterator[Evidence]:
    """Average over orders and uniform guesses of nodes written too early, and compare with p + (1 - p) / |G|.

    The root depends on the order through the set of early nodes alone, so that one order stands for each such set.
    """
    monoid = transition_monoid(language(name))
    tree, size = balanced_tree(len(word)), len(monoid)
    p = success_probability(tree)
    yield equal("enumeration", _success(monoid, tree, word), p + (1 - p) / (size + kept), NONE, effective=p < 1)


def guessed_with_zero(name: str, word: list[int], group: bool = False) -> Iterator[Evidence]:
    """Compare the success of guesses in a monoid with a zero with p + (1 - p) / |M|: it is larger for this word."""
    monoid = transition_monoid(language(name))
    tree = balanced_tree(len(word))
    p = success_probability(tree)
    share, formula = _success(monoid, tree, word), p + (1 - p) / len(monoid)
    yield equal("enumeration", int(share > formula), int(not group), NONE, note=f"{share} against {formula}")


def _success(monoid: Monoid, tree: Circuit, word: Sequence[int]) -> Fraction:
    """Return the probability that the root is right when nodes written too early hold uniform guesses."""
    orders = _every_order(tree.nodes)
    rank = torch.nn.functional.pad(orders.argsort(-1), (tree.n, 0), value=-1)
    early = (rank[:, tree.left] > rank[:, tree.n :]) | (rank[:, tree.right] > rank[:, tree.n :])
    sets, members, counts = torch.unique(early, dim=0, return_inverse=True, return_counts=True)
    share = Fraction(0)
    for k, (nodes, count) in enumerate(zip(sets, counts.tolist(), strict=True)):
        free = int(nodes.sum())
        choices = torch.tensor(list(itertools.product(range(len(monoid)), repeat=free)), dtype=torch.int64)
        guesses = torch.zeros(len(choices), tree.nodes, dtype=torch.int64)
        guesses[:, nodes] = choices
        order = orders[int((members == k).nonzero()[0, 0])]
        program = one_at_a_time(tree, monoid.products, order.expand(len(choices), -1), guesses)
        words = torch.tensor([list(word)]).expand(len(choices), -1)
        roots = run(program.machine, words, program.steps).last[:, program.results[0]]
        right = int((roots == _tree_products(monoid, words[:1], False)).sum())
        share += Fraction(right, len(choices)) * Fraction(count, len(orders))
    return share


@functools.cache
def _every_order(nodes: int) -> Tensor:
    return torch.tensor(list(itertools.permutations(range(nodes))), dtype=torch.int64)


def _tree_products(monoid: Monoid, words: Tensor, swapped: bool) -> Tensor:
    """Return the products of words of elements by the tree; right first where left and right are swapped."""
    program = products_of(balanced_tree(words.shape[1]), monoid.products.T if swapped else monoid.products)
    return run(program.machine, words, program.steps).last[:, program.results[0]]


def _children(tree: Circuit) -> list[list[int]]:
    return [[place - tree.n for place in pair if place >= tree.n] for pair in tree.window.tolist()]


@st.composite
def _generated(draw: DrawFn) -> Instance:
    points = draw(st.integers(3, 6))
    pair = st.lists(st.integers(0, points - 1), min_size=2, max_size=2, unique=True)
    return {"points": points, "pair": draw(pair), "word": draw(st.lists(st.integers(0, 1), min_size=1, max_size=24))}


@st.composite
def _group_words(draw: DrawFn) -> Instance:
    name, n = draw(st.sampled_from((("parity", 4), ("parity", 8), ("mod 3", 5), ("mod 3", 6), ("S3", 4), ("S3", 5))))
    size = len(transition_monoid(language(name)))
    return {"name": name, "word": draw(st.lists(st.integers(0, size - 1), min_size=n, max_size=n))}


CLAIMS = (
    Claim(
        id="reasoning.3",
        statement="The tree that multiplies right before left computes the product of the reversed word.",
        source=f"{OURS}, reasoning.3", quantifier="for all", kind="equality", routes=("enumeration",), check=reversed_words,
        tolerance=EXACT, inputs=inputs.automata_and_words, examples=10,
        fixtures=tuple({"automaton": LANGUAGES[name], "words": 5} for name in ("S3", "S5", "a*b*")),
        variants={"left before right": partial(reversed_words, swapped=False)},
    ),
    Claim(
        id="reasoning.3products",
        statement=(
            "Swapping left and right changes the product of some word for every language of the eight but parity and mod "
            "3, whose monoids are commutative."
        ),
        source=f"{OURS}, reasoning.3", quantifier="this instance", kind="equality", routes=("enumeration",), check=noticed,
        tolerance=EXACT, fixtures=tuple({"name": n, "broken": n not in ("parity", "mod 3")} for n in LANGUAGES),
        variants={"decisions in the place of products": partial(noticed, decision=True)},
    ),
    Claim(
        id="reasoning.3decisions",
        statement=(
            "Swapping left and right changes the decision of some word for every language whose monoid is not commutative, "
            "so that a test of decisions guards the order of composition."
        ),
        source=f"{OURS}, reasoning.3", quantifier="this instance", kind="equality", routes=("enumeration",),
        check=partial(noticed, decision=True), tolerance=EXACT, expected="refuted", see="reasoning.3products",
        fixtures=tuple({"name": n, "broken": True} for n in ("contains aba", "S3", "S4", "S5", "(ab)*", "a*b*")),
    ),
    Claim(
        id="reasoning.3words",
        statement=(
            "A word over an n-cycle and a transposition has product 1 if and only if its reverse has: over these two "
            "generators the decision of a word problem never shows whether left and right are swapped."
        ),
        source=f"{OURS}, reasoning.3", quantifier="for all", kind="equality", routes=("enumeration",),
        check=unnoticed_decision, tolerance=EXACT, inputs=_generated, examples=15,
        fixtures=({"points": 5, "pair": [0, 1], "word": [0, 1]}, {"points": 3, "pair": [0, 1], "word": [0, 0, 1, 0, 1]}),
        variants={"whether the product is that of the generators": partial(unnoticed_decision, other=True)},
    ),
    Claim(
        id="reasoning.3share",
        statement=(
            "Over words of elements of S3 that are uniform, the swapped tree decides 'is the product 1' alike on all words "
            "at N = 2, on 5/6 of them at N = 3 and 4 and on 19/24 at N = 5 and 6."
        ),
        source=f"{OURS}, reasoning.3", quantifier="this instance", kind="equality", routes=("enumeration",), check=agreement,
        tolerance=EXACT,
        fixtures=tuple({"n": n, "share": Fraction(k, 24)} for n, k in ((2, 24), (3, 20), (4, 20), (5, 19), (6, 19))),
        variants={"one word more": lambda n, share: agreement(n, share + Fraction(1, 6**n))},
    ),
    Claim(
        id="reasoning.5",
        statement=(
            "If nodes are written one at a time in uniformly random order, and one that is written before what it reads "
            "gets a wrong symbol that spreads, the root is right with probability one over the product of the subtree sizes."
        ),
        source=f"{OURS}, reasoning.5 (an illustration of {PAPER}, Theorem 2.1)", quantifier="for all", kind="equality",
        routes=("enumeration", "rational"), check=premature, tolerance=EXACT,
        inputs=lambda: st.fixed_dictionaries({"tree": inputs.trees()}), examples=8, fixtures=({"tree": balanced_tree(8)},),
        variants={"one node more at the root": partial(premature, off=1)},
    ),
    Claim(
        id="reasoning.5numbers",
        statement=(
            "This probability is 1/3, 1/63 and 1/59535 for balanced trees over 4, 8 and 16 inputs, and 1/n! for a chain of "
            "n nodes."
        ),
        source=f"{OURS}, reasoning.5", quantifier="this instance", kind="equality", routes=("rational",), check=numbers,
        tolerance=EXACT,
        fixtures=(
            *({"kind": "tree", "n": n, "one_over": k} for n, k in ((4, 3), (8, 63), (16, 59535))),
            *({"kind": "chain", "n": n + 1, "one_over": math.factorial(n)} for n in (1, 4, 8)),
        ),
        variants={"one more": lambda kind, n, one_over: numbers(kind, n, one_over + 1)},
    ),
    Claim(
        id="reasoning.5draws",
        statement="Drawn orders of the nodes of a balanced tree are bottom up as often as the subtree sizes say.",
        source=f"{OURS}, reasoning.5", quantifier="this instance", kind="equality", routes=("monte-carlo",),
        check=drawn_orders, tolerance=f"Hoeffding margin at the ledger's rate for {DRAWS} draws",
        fixtures=tuple({"n": n, "seed": n} for n in (4, 5, 6)),
        variants={"a twentieth more": partial(drawn_orders, factor=1.05)},
    ),
    Claim(
        id="reasoning.5guesses",
        statement=(
            "If nodes written too early hold uniform guesses over a group G, the root is right with probability "
            "p + (1 - p) / |G|, p the probability that children come before parents: 2/3 and 32/63 for parity at N = 4, 8."
        ),
        source=f"{OURS}, reasoning.5", quantifier="for all", kind="equality", routes=("enumeration",), check=guessed,
        tolerance=EXACT, inputs=_group_words, examples=5,
        fixtures=tuple({"name": "parity", "word": [1, 0, 1, 1, 0, 0, 1, 0][:n]} for n in (4, 8)),
        variants={"one element more": partial(guessed, kept=1)},
    ),
    Claim(
        id="reasoning.5zero",
        statement=(
            "There are a monoid with a zero and a word for which such guesses are right more often than p + (1 - p) / |M|."
        ),
        source=f"{OURS}, reasoning.5", quantifier="there exists", kind="equality", routes=("enumeration",),
        check=guessed_with_zero, tolerance=EXACT, fixtures=({"name": "a*b*", "word": [2, 1, 2, 1, 2, 1, 2, 1]},),
        variants={"no more often": partial(guessed_with_zero, group=True)},
    ),
)  # fmt: skip
