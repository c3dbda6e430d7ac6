"""`measure_model`: what a masked model of your own does on sequences, with intervals, on one page."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic.judging import counted
from synthetic.measuring.report import Report
from synthetic.measuring.runs import measure
from synthetic.measuring.scores import Plan
from synthetic.measuring.sequences import Sequences, sequences
from synthetic.progress import reporter
from theory.denoisers import denoiser as as_denoiser
from theory.errors import InvalidInput
from theory.files import make_folder, write_atomically
from theory.showing import brief

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEGEND = (
    "Log-likelihoods and costs are in nats a sequence, with 95 % intervals over the sequences. A path is the order in "
    "which a rule would reveal a given sequence, and its log-likelihood is exactly that of the sampler with this rule. "
    "EB, the entropy-bounded rule, reveals the longest prefix of positions by rising entropy whose entropies but the "
    "largest sum to at most its budget (nats); that sum bounds what revealing them together costs, on average over the "
    "model's own law. Confidence is the largest probability of a position, margin its distance from the second. The "
    "computed schedule is the best grid of its steps for the model's cross-entropies on the other half of sequences."
)
RECORD, PAGE, SUMMARY = "report.json", "page.png", "report.md"


def measure_model(
    model: Any,
    tokens: Any = None,
    prompts: Any = None,
    *,
    samples: int = 0,
    length: int | None = None,
    out: Path | str | None = None,
    say: Callable[[str], None] | None = None,
    **plan: Any,
) -> Report:
    """Measure a masked model on sequences; a report with sentences, tables, a figure page and a JSON record.

    `model` is a denoiser, as `um.denoiser` and `um.adapters.masked_lm` make them, or a world. `tokens` are complete
    sequences of tokens 0..d-1, an array or a list of several lengths (`model.vocabulary.states(ids)` makes them of the
    ids of a model of transformers); without them the model's own `samples` of that
    `length` are taken, drawn one token a step in a random order. `prompts` says which tokens are given: the number of
    first ones, for all or for each, or a Boolean for each token. Other arguments are those of the plan: `draws` masks a
    sequence, the number of sequences that are `scored` along orders and by rules, `sizes` and `budgets` of the rules,
    `seed`. The cost is said first, by `say`, on stderr unless given. With a folder `out`, what is finished is kept
    there and found again after a cut, and record and page are written there. Raises InvalidInput.

    >>> import torch, unmasked as um
    >>> rows = um.worlds.markov_chain([[0.9, 0.1], [0.2, 0.8]], n=12)
    >>> report = um.measure_model(rows, rows.sample(8, torch.Generator().manual_seed(0)))
    >>> report.spread.mean                                     # conditionals of one law agree in all orders
    0.0
    """
    denoiser = _denoiser(model)
    settings = _plan(plan)
    data = _sequences(denoiser, tokens, prompts, samples, length, settings.seed)
    folder = None if out is None else Path(out)
    with reporter() as progress:
        run = measure(denoiser, data, settings, folder, progress, say or announce)
    report = Report(getattr(denoiser, "name", "model"), len(data), settings, run)
    if folder is not None:
        write(report, folder)
    return report


def announce(line: str) -> None:
    """Say what is to be done, where it does not mix with what a program prints."""
    print(line, file=sys.stderr)


def page(report: Report) -> Figure:
    """Return the figure page of a report."""
    from figures import model_page

    title = f"{report.name}: {report.sequences} sequences, NELBO {report.nelbo.mean:.4g} nats a sequence"
    return model_page.page(report.tables, title)


def write(report: Report, folder: Path) -> None:
    """Write the record, the sentences with the tables, and the page into a folder."""
    import io

    make_folder(folder)
    write_atomically(folder / RECORD, report.json())
    write_atomically(folder / SUMMARY, summary(report))
    buffer = io.BytesIO()
    page(report).savefig(buffer, format="png", dpi=150)
    write_atomically(folder / PAGE, buffer.getvalue())


def summary(report: Report) -> str:
    """Return sentences and tables as Markdown."""
    settings = ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(report.plan).items())
    lines = [
        f"# {report.name}",
        "",
        f"Measured on {counted(report.sequences, 'sequence')}; {settings}.",
        "",
        LEGEND,
        "",
    ]
    lines += [f"- {said}" for said in report.sentences]
    for name, table in report.tables.items():
        lines += ["", f"## {name.replace('_', ' ')}", "", *_markdown(table)]
    return "\n".join(lines) + "\n"


def _markdown(table: Any) -> list[str]:
    from theory.showing import shown

    header = [f"| {' | '.join(name.replace('_', ' ') for name in table)} |", f"|{' --- |' * len(table.columns)}"]
    return header + [f"| {' | '.join(shown(value) for value in row)} |" for row in table.itertuples(index=False)]


def _denoiser(model: Any) -> Any:
    if isinstance(model, str | Path) or hasattr(model, "config"):
        kind = "a folder" if isinstance(model, str | Path) else "a model of transformers"
        raise InvalidInput(f"{brief(model)} is {kind}; make a denoiser of it: um.adapters.masked_lm(...)")
    return as_denoiser(model)


def _plan(settings: dict[str, Any]) -> Plan:
    from theory.errors import unknown

    known = [field.name for field in dataclasses.fields(Plan)]
    for name in settings:
        if name not in known:
            raise unknown("setting of measure_model", name, known)
    return Plan(**settings)


def _sequences(denoiser: Any, tokens: Any, prompts: Any, samples: int, length: int | None, seed: int) -> Sequences:
    if tokens is not None:
        if samples:
            raise InvalidInput(f"{samples} samples beside sequences; give one of the two")
        return tokens if isinstance(tokens, Sequences) else sequences(tokens, denoiser.d, prompts)
    n = length or denoiser.n
    if samples < 0 or (length is not None and length < 1):
        raise InvalidInput(f"{samples} samples of length {length}; expected positive numbers")
    if not samples or n is None:
        raise InvalidInput("no sequences; give tokens, or samples=COUNT of the model's own with their length")
    import torch

    from theory.unmasking.rules.sets import RandomOne
    from theory.unmasking.sampling import sample

    drawn = sample(RandomOne(), denoiser, torch.full((samples, n), denoiser.d), seed=seed)
    return sequences(drawn.tokens, denoiser.d, prompts)
