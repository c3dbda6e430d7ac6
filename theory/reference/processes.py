"""Any-process generation written out (arXiv 2510.06190): its table of one position, runs, and the machines it imitates.

Strings are tuples of symbols 0..d with d the mask; an edit of a position is (token, remask, insert, delete).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence

String = tuple[int, ...]
PositionEdit = tuple[int, bool, bool, bool]


def position(symbol: int, edit: PositionEdit, d: int) -> String:
    """Return what one position becomes: the printed table, sixteen cases."""
    token, remask, insert, delete = edit
    if symbol == d:
        table = {(False, False): (token,), (True, False): (d,), (False, True): (token, d), (True, True): (d, d)}
        return () if delete else table[remask, insert]
    table = {(False, False): (symbol,), (True, False): (d,), (False, True): (symbol, d), (True, True): (d, d)}
    return table[remask, insert]


def composed(symbol: int, edit: PositionEdit, d: int) -> String:
    """Return what one position becomes when remask, delete and insert are executed one after the other."""
    token, remask, insert, delete = edit
    now = d if remask else token if symbol == d else symbol
    if delete and now == d:
        return ()
    return (now, d) if insert else (now,)


def transition(x: String, edits: Sequence[PositionEdit], d: int) -> String:
    """Return a string after one step."""
    return tuple(itertools.chain.from_iterable(position(s, e, d) for s, e in zip(x, edits, strict=True)))


def generate(
    process: Callable[[String], Sequence[PositionEdit]], x: String, d: int, cap: int
) -> tuple[list[String], str]:
    """Return the states of a deterministic process from x on, and how it ended: fixed point, cycle or cap."""
    states, seen = [x], {x}
    for _ in range(cap):
        after = transition(states[-1], process(states[-1]), d)
        if after == states[-1]:
            return states, "fixed point"
        states.append(after)
        if after in seen:
            return states, "cycle"
        seen.add(after)
    return states, "cap"


def automaton(
    cells: Sequence[int], rule: Callable[[int, int, int], int], outside: int | None, steps: int
) -> list[String]:
    """Return a cellular automaton's rows; `outside` is what stands beyond the ends, None for a ring."""
    rows, n = [tuple(cells)], len(cells)
    for _ in range(steps):
        now = rows[-1]
        beyond = (now[-1], now[0]) if outside is None else (outside, outside)
        padded = (beyond[0], *now, beyond[1])
        rows.append(tuple(rule(*padded[i : i + 3]) for i in range(n)))
    return rows


def rule_number(number: int) -> Callable[[int, int, int], int]:
    """Return Wolfram's elementary rule."""
    return lambda left, here, right: number >> (4 * left + 2 * here + right) & 1


def count_up(n: int) -> Iterator[tuple[tuple[int, ...], int, str]]:
    """Yield tape, head and state of a counter of n bits before every step, from zero on to the halt after all ones.

    Cells are 0, 1 or 2 (blank) with a blank at either end. In state "add" the head turns 1 into 0 and goes left, or 0
    into 1 and walks back; walking back it goes right to the blank, then one left. "add" on the left blank halts.
    """
    tape, head, state = [2, *[0] * n, 2], n, "add"
    while state != "halt":
        yield tuple(tape), head, state
        symbol = tape[head]
        if state == "add" and symbol == 1:
            tape[head], head = 0, head - 1
        elif state == "add" and symbol == 0:
            tape[head], head, state = 1, head + 1, "back"
        elif state == "add":
            state = "halt"
        elif symbol == 2:
            head, state = head - 1, "add"
        else:
            head += 1
    yield tuple(tape), head, state


def ranks(successor: Sequence[int]) -> list[int]:
    """Return how far each element of a linked list is from its end, which points to itself."""
    found = []
    for node in range(len(successor)):
        distance = 0
        while successor[node] != node:
            node, distance = successor[node], distance + 1
        found.append(distance)
    return found


def nesting(word: Sequence[int], kinds: int) -> int | None:
    """Return the nesting depth of a Dyck word, None for other words; bracket j opens as j and closes as kinds + j."""
    stack: list[int] = []
    depth = 0
    for symbol in word:
        if symbol < kinds:
            stack.append(symbol)
            depth = max(depth, len(stack))
        elif not stack or stack.pop() != symbol - kinds:
            return None
    return None if stack else depth


def reduces_to_nothing(word: Sequence[int], kinds: int) -> bool:
    """Return whether a word is the identity of the free group: j and kinds + j cancel in either order."""
    stack: list[int] = []
    for symbol in word:
        if stack and abs(stack[-1] - symbol) == kinds:
            stack.pop()
        else:
            stack.append(symbol)
    return not stack


def row_major_search(puzzle: Sequence[int], side: int) -> Iterator[list[int]]:
    """Yield the boards of a depth-first search that fills blanks (0) in reading order, least digit first."""
    size, box = side * side, side
    blanks = [k for k, digit in enumerate(puzzle) if not digit]
    board, tried = list(puzzle), [0] * len(blanks)
    depth = 0

    def legal(cell: int, digit: int) -> bool:
        row, column = divmod(cell, size)
        return all(
            board[other] != digit
            for other in range(size * size)
            if other != cell
            and (
                other // size == row
                or other % size == column
                or (other // size // box, other % size // box) == (row // box, column // box)
            )
        )

    while 0 <= depth < len(blanks):
        cell = blanks[depth]
        board[cell] = 0
        digit = next((k for k in range(tried[depth] + 1, size + 1) if legal(cell, k)), 0)
        if digit:
            board[cell], tried[depth] = digit, digit
            depth += 1
        else:
            tried[depth] = 0
            depth -= 1
            if depth >= 0:
                board[blanks[depth]] = 0
        yield list(board)


def shortest(edges: set[tuple[int, int]], source: int, target: int) -> list[int] | None:
    """Return a shortest path, None where there is none."""
    queue = [(0, [source])]
    seen = {source}
    while queue:
        length, path = heapq.heappop(queue)
        if path[-1] == target:
            return path
        for a, b in sorted(edges):
            if a == path[-1] and b not in seen:
                seen.add(b)
                heapq.heappush(queue, (length + 1, [*path, b]))
    return None


def greatest_flow(edges: set[tuple[int, int]], source: int, target: int) -> int:
    """Return the largest number of paths without a common edge, by turning round the edges of shortest paths."""
    residual, flow = set(edges), 0
    while path := shortest(residual, source, target):
        steps = set(itertools.pairwise(path))
        residual = (residual - steps) | {(b, a) for a, b in steps}
        flow += 1
    return flow


def any_order(
    policy: Callable[[String], tuple[Sequence[int], Sequence[bool]]], x: String, d: int, cap: int
) -> Iterator[String]:
    """Yield the states of masked diffusion: chosen masks become the policy's tokens."""
    for _ in range(cap):
        tokens, chosen = policy(x)
        x = tuple(t if c and s == d else s for s, t, c in zip(x, tokens, chosen, strict=True))
        yield x


def left_to_right(following: Callable[[String], int], x: String, end: int, cap: int) -> String:
    """Return what autoregression writes behind a prompt: up to the token `end`, or `cap` tokens."""
    for _ in range(cap):
        x = (*x, following(x))
        if x[-1] == end:
            break
    return x
