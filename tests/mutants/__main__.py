"""Plants faults into the engines and says which of them no claim and no test notices: `make mutants`.

A sample is taken of each module, the same every time; --each 0 takes all. The report goes to docs/mutants.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.mutants import hunting
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.mutations import Mutation, mutations
from theory.files import PROJECT, write_atomically

LEFT_OUT = (
    "claims", "reference", "errors", "files", "showing", "catalogue", "instances", "strategies", "tightest", "data",
    "answers", "callables", "denoisers",
)  # fmt: skip
"""Where no number of the theory is computed (files, messages, what users hand in), and the sides of its comparisons."""

LAST = PROJECT / "build" / "mutants.json"
"""What noticed each fault in the last run."""

REPORT = PROJECT / "docs" / "mutants.md"


def engines() -> list[str]:
    """Return the modules of the theory that compute."""
    found = []
    for path in sorted((PROJECT / "theory").rglob("*.py")):
        parts = path.relative_to(PROJECT).with_suffix("").parts
        if path.name != "__init__.py" and not set(parts) & set(LEFT_OUT):
            found.append(".".join(parts))
    return found


def main() -> None:
    """Run the hunt and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="modules, or beginnings of their names; all engines unless given")
    parser.add_argument("--each", type=int, default=8, help="faults sampled from each module; 0 for all")
    parser.add_argument("--skip", type=int, default=0, help="faults of each sample to leave out: a sample not seen yet")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="only the faults that nothing noticed the last time")
    parser.add_argument("--out", type=Path, default=None, help="where the report goes; docs/mutants.md for all engines")
    options = parser.parse_args()
    modules = [m for m in engines() if not options.modules or m.startswith(tuple(options.modules))]
    hunting.load(modules)
    chosen = [m for module in modules for m in sample(mutations(module), options.each, options.skip)]
    print(f"{len(chosen)} faults in {len(modules)} modules; first each claim is run once", flush=True)
    seen, start = hunting.touched(), time.perf_counter()
    known: dict[str, str] = json.loads(LAST.read_text()) if options.again and LAST.exists() else {}
    waiting = [m for m in chosen if not known.get(m.key) and m.key not in EQUIVALENT]
    for done, (mutation, notice) in enumerate(hunting.hunt(waiting, seen, options.jobs), 1):
        known[mutation.key] = notice
        write_atomically(LAST, json.dumps(known, indent=1))
        left = (time.perf_counter() - start) / done * (len(waiting) - done) / 60
        print(f"{done}/{len(waiting)} {left:.0f} min left  {notice or 'SURVIVED'}  {mutation.key}", flush=True)
    found = {m: known.get(m.key, "") for m in chosen}
    text = report(found, options.each)
    out = options.out or (REPORT if not options.modules else None)
    if out is not None:
        write_atomically(out, text)
    print(text)


def sample(found: Sequence[Mutation], count: int, skip: int = 0) -> list[Mutation]:
    """Return `count` of the faults behind the first `skip`, in an order set by their own names; all for 0."""
    chosen = set(sorted(found, key=lambda m: m.rank)[skip:][: count or len(found)])
    return [m for m in found if m in chosen]


def report(found: Mapping[Mutation, str], each: int) -> str:
    """Return the report in Markdown: the score, a row a module, and every survivor."""
    survivors = [m for m, notice in found.items() if not notice]
    open_ = [m for m in survivors if m.key not in EQUIVALENT]
    counted = len(found) - (len(survivors) - len(open_))
    by_claim = sum(not n.startswith("tests/") and n != "no end" for n in found.values() if n)
    share = (counted - len(open_)) / max(1, counted)
    size = f"{each} faults sampled from each module" if each else "all faults"
    lines = [
        "# Mutants",
        "",
        f"`make mutants` plants faults into the engines of the theory, {size}, and runs the claims that",
        f"call the faulty function, then the tests that name it. Of {len(found)} faults {len(survivors) - len(open_)}",
        f"change nothing (reasons below). Of the other {counted}, {counted - len(open_)} are noticed, {share:.1%}:",
        f"{by_claim} by a claim, the rest by a test or because the program no longer ends.",
        "",
        "| module | faults | noticed by a claim | otherwise | equivalent | survived |",
        "|---|---|---|---|---|---|",
    ]
    for module in dict.fromkeys(m.module for m in found):
        lines.append(_row(module, {m: n for m, n in found.items() if m.module == module}))
    lines += ["", "## Survivors", "", *(f"- `{m.key}` (line {m.line})" for m in open_)]
    lines += ["", "## Equivalent", ""]
    lines += [f"- `{m.key}`: {EQUIVALENT[m.key]}" for m in survivors if m.key in EQUIVALENT]
    return "\n".join(lines) + "\n"


def _row(module: str, found: Mapping[Mutation, str]) -> str:
    kinds = Counter(_kind(m, notice) for m, notice in found.items())
    cells = [kinds[k] for k in ("claim", "otherwise", "equivalent", "survived")]
    return f"| `{module}` | {len(found)} | " + " | ".join(map(str, cells)) + " |"


def _kind(mutation: Mutation, notice: str) -> str:
    if not notice:
        return "equivalent" if mutation.key in EQUIVALENT else "survived"
    return "otherwise" if notice.startswith("tests/") or notice == "no end" else "claim"


if __name__ == "__main__":
    main()
