"""Looped transformers and chains of thought inside masked diffusion, and masked diffusion inside chains of thought."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from theory.errors import InvalidInput
from theory.ledger import Claim, Evidence, Instance, at_most, equal
from theory.power.causal import Model, chain_of_thought, denoiser, emulated, inside_chain, with_copies
from theory.power.claims.machine_inputs import EXACT, NONE, OURS, PAPER, fixed_model, looped, models
from theory.power.looped import Block, Looped, as_masked_diffusion, coordinates, loops
from theory.power.planners import MDM, Run, run
from theory.reference import machines as reference

LOOPS = 20
BITS = "none: all arithmetic is on whole numbers, so that states agree bit for bit"
Word = list[int]
Embed = Callable[[int, int], Word]
Read = Callable[[Word], int]
Picks = Callable[[Word], bool]


def in_place(
    machine: Looped, words: list[Word], steps: int, rewrite: bool = True, fewer: int = 0
) -> Iterator[Evidence]:
    """Compare the coordinates in a string with the states of a looped transformer after every loop; count symbols.

    In the variants the same translation may not rewrite, or there is a symbol less.
    """
    letters = torch.tensor(words)
    translated = replace(as_masked_diffusion(machine, steps), resampling=rewrite)
    done = _steps_allowed(translated, letters, steps)
    yield equal("enumeration", len(done.strings) - 1, steps, NONE, effective=steps > 1, note="steps")
    size = machine.places * machine.block.width
    yield equal("enumeration", done.account.symbols, size - fewer, NONE, note="symbols")
    held = [coordinates(machine, string) for string in done.strings[1:]]
    yield from _agree(machine, letters, held) if held else ()


def written_apart(machine: Looped, words: list[Word], steps: int, once: bool = False) -> Iterator[Evidence]:
    """Compare the same for the translation that writes every step into symbols of its own; count symbols."""
    letters = torch.tensor(words)
    done = run(as_masked_diffusion(machine, steps, resampling=False), letters, steps)
    size = machine.places * machine.block.width
    yield equal("enumeration", done.account.symbols, size * (1 if once else steps), NONE, note="symbols")
    yield equal("enumeration", done.account.rewritten, 0, 0, note="places written again")
    yield from _agree(machine, letters, [coordinates(machine, done.last, step) for step in range(steps)])


def causal_attention(model: Model, string: Word, own: bool = False) -> Iterator[Evidence]:
    """Compare the states under emulated causal attention with those under true causal attention, place by place.

    With `own` a copy attends to the copies of the same owner, in the place of those of its own symbol.
    """
    literal, embed, _, _ = _literal(model)
    rows = [embed(symbol, place) for place, symbol in enumerate(string)]
    wanted = literal.layers(rows, lambda i: range(i + 1))
    yield equal("enumeration", emulated(model, torch.tensor([string]), own), [wanted], 0)


def chain_inside(
    model: Model, words: list[Word], steps: int, square: bool = False, fewer: int = 0
) -> Iterator[Evidence]:
    """Compare the strings of a parallel chain of thought with those of masked diffusion with copies; count symbols."""
    letters, places = torch.tensor(words), model.places
    done = run(with_copies(model, steps, square), letters, steps, keep=True)
    copies = places**2 if square else places * (places + 1) // 2
    yield equal("enumeration", done.account.symbols, model.outputs + copies - fewer, NONE, note="symbols")
    yield equal("enumeration", done.account.steps, steps, 0, note="steps")
    yield equal("enumeration", done.account.rewritten, 0, 0, note="places written again")
    held = [string[:, :places] for string in done.strings[1:]]
    apart = [int((a != b).sum()) for a, b in zip(held, chain_of_thought(model, letters, steps), strict=True)]
    yield equal("enumeration", apart, 0, 0, note="symbols of the engine's chain")
    literal, embed, read, _ = _literal(model)
    for row, word in enumerate(words):
        wanted = list(reference.chain_of_thought(literal, embed, read, word, model.d, model.outputs, steps))
        yield equal("enumeration", torch.stack([h[row] for h in held]), wanted, 0, note="symbols written out")


def diffusion_inside(
    model: Model, words: list[Word], steps: int, at_once: bool = True, fewer: int = 0
) -> Iterator[Evidence]:
    """Compare the strings of masked diffusion with the last blocks of the chain that appends a block a layer."""
    letters = torch.tensor(words)
    done = run(denoiser(model), letters, steps, keep=True)
    chain = inside_chain(model, letters, steps, at_once)
    claimed = model.block.layers * steps * model.places - fewer
    yield equal("enumeration", chain.symbols, claimed, NONE, note="symbols")
    yield equal("enumeration", chain.steps, steps, NONE, effective=model.block.layers > 1, note="steps")
    apart = [int((a != b).sum()) for a, b in zip(done.strings[1:], chain.strings, strict=True)]
    yield equal(
        "enumeration", apart, 0, 0, effective=bool(done.account.calls.any()), note="symbols of the engine's MDM"
    )
    literal, embed, read, picks = _literal(model)
    for row, word in enumerate(words):
        wanted = list(reference.denoising(literal, embed, read, picks, word, model.d, model.outputs, steps))
        yield equal("enumeration", torch.stack([s[row] for s in chain.strings]), wanted, 0, note="symbols written out")


def composed(n: int, steps: int, layers: int, less: int = 0) -> Iterator[Evidence]:
    """Compare L T (N + P), P = T + (N + T)^2, the count of both simulations in turn, with L T (N + T + 1)^2."""
    outputs = steps + (n + steps) ** 2
    count, bound = layers * steps * (n + outputs), layers * steps * (n + steps + 1) ** 2
    yield at_most("closed form", count, bound - 1 - less, NONE, note=f"{count} against {bound}")
    yield equal("closed form", bound - count, layers * steps * (n + steps + 1), NONE, note="what is left")


def _agree(machine: Looped, letters: Tensor, held: Sequence[Tensor]) -> Iterator[Evidence]:
    """Compare states held in symbols with direct computation, and for the first word with sums written out."""
    apart = [int((a != b).sum()) for a, b in zip(held, loops(machine, letters, len(held)), strict=True)]
    yield equal("enumeration", apart or 0, 0, 0, note="coordinates that differ after a loop")
    symbols = [*letters[0].tolist(), *[machine.letters] * (machine.places - machine.n)]
    rows = [machine.embedding[s].tolist() for s in symbols]
    written = reference.looped_states(_transformer(machine.block), rows, machine.positions.tolist(), len(held))
    yield equal("enumeration", torch.stack([h[0] for h in held]), list(written), 0, note="sums written out")


def _steps_allowed(machine: MDM, letters: Tensor, steps: int) -> Run:
    """Return the longest run of at most so many steps that the machine may make."""
    try:
        return run(machine, letters, steps, keep=True)
    except InvalidInput:
        return _steps_allowed(machine, letters, steps - 1)


def _transformer(block: Block) -> reference.Transformer:
    return reference.Transformer(block.attention.tolist(), block.up.tolist(), block.down.tolist(), block.bits)


def _literal(model: Model) -> tuple[reference.Transformer, Embed, Read, Picks]:
    """Return the model on lists: its layers, its embedding of a symbol at a place, its symbols and its picks."""
    transformer = _transformer(model.block)
    rows, places = model.embedding.tolist(), model.positions.tolist()
    columns, pick = model.readout.T.tolist(), model.pick.tolist()

    def product(row: Word, other: Word) -> int:
        return sum(a * b for a, b in zip(row, other, strict=True))

    def embed(symbol: int, place: int) -> Word:
        return transformer.clamp(reference.added([rows[symbol]], [places[place]])[0])

    def read(row: Word) -> int:
        scores = [product(row, column) for column in columns]
        return scores.index(max(scores))

    return transformer, embed, read, lambda row: product(row, pick) >= 0


@st.composite
def _prompted(draw: DrawFn, causal: bool = True) -> Instance:
    model = draw(models((1, 3) if causal else (1, 2)))
    word = st.lists(st.integers(0, model.d - 1), min_size=model.n, max_size=model.n)
    steps = [t for t in (1, 2, 4) if model.outputs % t == 0] if causal else [1, 2, 3]
    return {
        "model": model,
        "words": draw(st.lists(word, min_size=1, max_size=2)),
        "steps": draw(st.sampled_from(steps)),
    }


@st.composite
def _written(draw: DrawFn, layers: tuple[int, int] = (1, 3)) -> Instance:
    model = draw(models(layers))
    symbol = st.integers(0, model.d)
    return {"model": model, "string": draw(st.lists(symbol, min_size=model.places, max_size=model.places))}


@st.composite
def _looped_steps(draw: DrawFn) -> Instance:
    return {**draw(looped()), "steps": draw(st.integers(1, 6))}


_DEEP, _MOVING = fixed_model(4, 4, 2, 4), fixed_model(4, 4, 2, 2)
_WORDS = [[0, 1, 2, 0], [2, 2, 1, 0]]
_LOOPED = Looped(_MOVING.block, _MOVING.embedding, _MOVING.positions, 5)
_LETTERS = [[0, 1, 2, 1, 0], [2, 2, 0, 1, 1]]
CLAIMS = (
    Claim(
        id="reasoning.6",
        statement=(
            "Masked diffusion with one symbol for each coordinate makes the T loops of a padded looped transformer in T "
            "steps and (N + P) D symbols, whatever T, bit for bit after every loop, if it may rewrite."
        ),
        source=f"{PAPER}, Theorem 3.1, second inclusion", status="printed", quantifier="for all", kind="equality",
        routes=("enumeration",), check=in_place, tolerance=BITS, inputs=_looped_steps, examples=8,
        fixtures=({"machine": _LOOPED, "words": _LETTERS, "steps": LOOPS},),
        variants={"resampling forbidden": partial(in_place, rewrite=False), "one symbol less": partial(in_place, fewer=1)},
    ),
    Claim(
        id="reasoning.6apart",
        statement=(
            "If resampling is forbidden, the same translation makes the T loops with T (N + P) D symbols: each step writes "
            "symbols of its own."
        ),
        source=f"{OURS}, reasoning.6", quantifier="for all", kind="equality", routes=("enumeration",), check=written_apart,
        tolerance=BITS, inputs=_looped_steps, examples=6, fixtures=({"machine": _LOOPED, "words": _LETTERS, "steps": LOOPS},),
        variants={"in the symbols of one step": partial(written_apart, once=True)},
    ),
    Claim(
        id="reasoning.7",
        statement=(
            "Masked diffusion without causal attention makes the T steps of a pCoT in T steps, with "
            "P + (N + P)(N + P + 1) / 2 symbols and without resampling: copies of prefixes are triangular."
        ),
        source=f"{OURS}, reasoning.7", quantifier="for all", kind="equality", routes=("enumeration",), check=chain_inside,
        tolerance=BITS, inputs=_prompted, examples=8, fixtures=({"model": _DEEP, "words": _WORDS, "steps": 2},),
        variants={"one symbol less": partial(chain_inside, fewer=1)},
    ),
    Claim(
        id="reasoning.7printed",
        statement="Masked diffusion makes the T steps of a pCoT in T steps with P + (N + P)^2 symbols.",
        source=f"{PAPER}, Theorem 3.3", status="printed", quantifier="for all", kind="equality", routes=("enumeration",),
        check=partial(chain_inside, square=True), tolerance=BITS, inputs=_prompted, examples=6,
        fixtures=({"model": _DEEP, "words": _WORDS, "steps": 4},),
        variants={"one symbol less": partial(chain_inside, square=True, fewer=1)},
    ),
    Claim(
        id="reasoning.7attention",
        statement=(
            "If symbol (i, j) of the copy of place i attends to the copy of place j, every state is that of causal "
            "attention, whatever the number of layers."
        ),
        source=f"{OURS}, reasoning.7", quantifier="for all", kind="equality", routes=("enumeration",),
        check=causal_attention, tolerance=BITS, inputs=_written, examples=12,
        fixtures=tuple({"model": fixed_model(4, 4, k, k), "string": [0, 1, 2, 0, 2, 3, 3, 1]} for k in (1, 2, 3)),
        variants={"inside the copy of place i": partial(causal_attention, own=True)},
    ),
    Claim(
        id="reasoning.7own",
        statement=(
            "If symbol (i, j) of the copy of place i attends to that copy alone, every state is that of causal attention, "
            "whatever the number of layers."
        ),
        source=f"{PAPER}, Theorem 3.3, read with a private copy of its prefix for each place", status="reading",
        quantifier="for all", kind="equality", routes=("enumeration",), check=partial(causal_attention, own=True),
        tolerance=BITS, expected="refuted", see="reasoning.7attention", inputs=_written, examples=3,
        fixtures=({"model": _DEEP, "string": [0, 1, 2, 0, 2, 3, 3, 1]},),
    ),
    Claim(
        id="reasoning.7layer",
        statement="For one layer attention inside the copy of place i is causal attention too.",
        source=f"{OURS}, reasoning.7", quantifier="for all", kind="equality", routes=("enumeration",),
        check=partial(causal_attention, own=True), tolerance=BITS, inputs=lambda: _written((1, 1)), examples=8,
        fixtures=({"model": fixed_model(4, 4, 1, 1), "string": [0, 1, 2, 0, 2, 3, 3, 1]},),
        variants={"at two layers": lambda model, string: causal_attention(_DEEP, [0, 1, 2, 0, 2, 3, 3, 1], own=True)},
    ),
    Claim(
        id="reasoning.7back",
        statement=(
            "A pCoT makes T denoising steps in T steps with L T (N + P) symbols, L the number of layers: each step appends "
            "L blocks at once, and block l attends to block l - 1."
        ),
        source=f"{PAPER}, Theorem 3.4 (the prompt holds the masks)", status="printed", quantifier="for all", kind="equality",
        routes=("enumeration",), check=diffusion_inside, tolerance=BITS, inputs=lambda: _prompted(causal=False), examples=8,
        fixtures=({"model": _DEEP, "words": _WORDS, "steps": 4},),
        variants={"one symbol less": partial(diffusion_inside, fewer=1), "a step for each block": partial(diffusion_inside, at_once=False)},
    ),
    Claim(
        id="reasoning.7blocks",
        statement="A pCoT that appends the states of one layer a step makes T denoising steps in T steps.",
        source=f"{PAPER}, Theorem 3.4, read as rewriting the string layer by layer", status="reading", quantifier="for all",
        kind="equality", routes=("enumeration",), check=partial(diffusion_inside, at_once=False), tolerance=BITS,
        expected="refuted", see="reasoning.7back", fixtures=({"model": _DEEP, "words": _WORDS, "steps": 4},),
    ),
    Claim(
        id="reasoning.7composed",
        statement=(
            "Chains of T steps inside masked diffusion inside pCoT take L T (N + T + (N + T)^2) symbols, which is less than "
            "L T (N + T + 1)^2 by L T (N + T + 1)."
        ),
        source=f"{PAPER}, Corollary 3.5", status="printed", quantifier="for all", kind="upper", routes=("closed form",),
        check=composed, tolerance=EXACT, examples=10,
        inputs=lambda: st.fixed_dictionaries({"n": st.integers(1, 99), "steps": st.integers(1, 99), "layers": st.integers(1, 9)}),
        fixtures=({"n": 16, "steps": 16, "layers": 2},), variants={"less by one more": lambda n, steps, layers: composed(n, steps, layers, layers * steps * (n + steps + 1))},
    ),
)  # fmt: skip
