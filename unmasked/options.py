"""The commands and their options, as the command line shows them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

Names = tyro.conf.Positional[tuple[str, ...]]
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class List:
    """List claims: identifier, kind, verdict, source, statement.

    The verdict of a theorem is the ledger's, that of a claim about trained models the last in docs/verdicts.md.
    """

    ids: Names = ()
    """Identifiers, subjects (energy, eb, ...) or globs (schedules.1*); all claims where none is named."""
    paper: str | None = None
    """Only claims of this paper, by its arXiv number."""
    refuted: bool = False
    """Only statements that are refuted, by the ledger or by the last verdict on trained models."""
    printed: bool = False
    """Only statements that are printed in a paper."""
    json: bool = False
    """Print JSON instead of a table."""


@dataclass(frozen=True)
class Check:
    """Check claims and print their verdicts; exit code 1 where one differs from the ledger's.

    Claims about trained models are judged from their records. Where records are missing, models are trained for the
    claims that you name (the cost is said first); without names those claims are left out and counted.
    """

    ids: Names = ()
    """Identifiers, subjects, globs, or FILE:NAME of a claim of your own; all claims where none is named."""
    paper: str | None = None
    """Only claims of this paper, by its arXiv number."""
    refuted: bool = False
    """Only statements that are refuted, by the ledger or by the last verdict on trained models."""
    printed: bool = False
    """Only statements that are printed in a paper."""
    profile: str = "default"
    """How many inputs are drawn: smoke (an eighth of default), default, or deep (a hundred times default)."""
    jobs: int = CORES
    """How many processes share the work."""
    json: Path | None = None
    """Write everything that was found to this file."""
    replay: Path | None = None
    """Check only the instance that `tightest` saved in this file."""
    preset: str = "laptop"
    """The size of the experiments behind claims about trained models: smoke, laptop, h100 or gpu."""
    write: bool = False
    """Write the verdicts on trained models to docs/verdicts.md and their summary to README.md as well."""


@dataclass(frozen=True)
class Explain:
    """Say all that is known of a claim, an experiment or a figure: what it states, how it is checked, what it needs."""

    name: tyro.conf.Positional[str]
    """A claim's identifier, FILE:NAME of a claim of your own, or the name of an experiment or figure."""
    preset: str = "laptop"
    """The size, for experiments and figures."""


@dataclass(frozen=True)
class Tightest:
    """Search for the instance with the least room (for an equality: the largest residual); print and save it."""

    id: tyro.conf.Positional[str]
    """A claim's identifier, or FILE:NAME of a claim of your own."""
    budget: int = 300
    """How many inputs are drawn; the gradient search takes as many steps."""
    out: Path | None = None
    """Where to save the instance; in the folder of records where no file is named."""


@dataclass(frozen=True)
class Evaluate:
    """Measure an unmasking rule of your own exactly against all built-in rules and the best rules that exist."""

    rule: tyro.conf.Positional[str]
    """FILE:NAME of a function (log_p, masked) -> positions, a rule, or a rule class."""
    world: tuple[str, ...] = ()
    """FILE:NAME of laws of your own, arrays or worlds, in place of the eight built-in worlds."""
    model: str | None = None
    """FILE:NAME of a denoiser that predicts in place of the exact conditionals."""
    out: Path | None = None
    """Where to draw KL against denoiser calls; in the folder of records where no file is named."""
    json: Path | None = None
    """Write all scores to this file."""


@dataclass(frozen=True)
class Measure:
    """Measure a masked model on sequences: its NELBO, orders, rules, schedules and drafts, with intervals."""

    model: tyro.conf.Positional[str]
    """A folder that save_pretrained wrote, FILE:NAME of a denoiser, or antiberty (a model of antibodies)."""
    sequences: Path | None = None
    """Complete sequences: text (.txt), FASTA, or rows of the model's ids or a denoiser's tokens (.npy, .csv)."""
    samples: int = 0
    """In place of sequences, so many of the model's own, drawn one token a step in a random order."""
    length: int | None = None
    """The number of tokens of such samples."""
    prompt: int = 0
    """How many first tokens of each sequence are given and not measured."""
    draws: int = 32
    """Random masks a sequence, for the NELBO and the schedules."""
    scored: int = 24
    """How many sequences, the first ones, are scored along orders and by rules, which takes most of the time."""
    mask_id: int | None = None
    """The id of the mask, where the model's tokenizer does not say it."""
    forbidden: tuple[int, ...] = ()
    """Ids of tokens that no sequence has."""
    before: tuple[int, ...] | None = None
    """Ids that stand before every sequence, where the tokenizer does not say them."""
    after: tuple[int, ...] | None = None
    """Ids that stand behind every sequence."""
    seed: int = 0
    """Of the masks and random orders."""
    out: Path | None = None
    """The folder to write to; in the folder of records where none is named. The same command goes on from there."""
    device: str | None = None
    """Where a model of Hugging Face runs: cpu or cuda; chosen by what there is where none is named."""


@dataclass(frozen=True)
class Trace:
    """Run an any-process program, or a planner with a predictor, on a text: its states, how it ended, what it took."""

    program: tyro.conf.Positional[str]
    """A built-in program, or FILE:NAME of one, of a function that says what every position of a string becomes, or of
    a planner with a predictor (theory.power.planners.MDM)."""
    text: tyro.conf.Positional[str]
    """The string to begin with, in the program's characters; _ is the mask."""
    alphabet: str = "01"
    """The characters of the tokens, for a function or a planner with a predictor."""
    cap: int = 1000
    """The most steps."""
    states: int = 60
    """How many states to print."""


@dataclass(frozen=True)
class Run:
    """Compute records of experiments where they are not fresh; without a name, list the experiments."""

    names: Names = ()
    """The experiments to run."""
    preset: str = "laptop"
    """The size: smoke, laptop, h100 or gpu."""
    force: bool = False
    """Compute them even where they are fresh."""
    jobs: int = CORES
    """How many processes share the runs, each on one thread."""
    cluster: str | None = None
    """The address of a Dask scheduler, tcp://host:port, whose workers see this folder."""
    device: str | None = None
    """Where models are trained and sampled: cpu or cuda; chosen by what there is where none is named."""


@dataclass(frozen=True)
class Figures:
    """Draw figures from records, computing what is missing; without a name, list the figures and what each needs."""

    names: Names = ()
    """The figures to draw."""
    all: bool = False
    """Draw every figure. What is missing is computed first, and models are trained for it."""
    paper: str | None = None
    """List what a paper shows, by its arXiv number, and which figures of ours show it; with --all, draw those."""
    list: bool = False
    """Say what the named figures, or all, show and what drawing them would need; draw nothing."""
    preset: str = "laptop"
    """The size of the experiments: smoke, laptop, h100 or gpu."""
    set: tuple[str, ...] = ()
    """Settings of the experiment behind one figure, NAME=VALUE, as in --set steps=4."""
    out: Path | None = None
    """The folder to write to; figures/gallery for laptop, build/gallery-PRESET else, build/figures with --set."""
    explain: bool = False
    """Say what would be computed and drawn, and why; do neither."""
    force: bool = False
    """Compute and draw everything again."""
    jobs: int = CORES
    """How many processes share the experiments, each on one thread."""


@dataclass(frozen=True)
class Reproduce:
    """Compute everything from nothing, models included, into a folder of its own, and say which numbers moved."""

    preset: str = "laptop"
    """The size of the experiments: smoke, laptop, h100 or gpu."""
    out: Path | None = None
    """The folder to work in; build/reproduced where none is named. An interrupted run goes on from what is there."""
    jobs: int = CORES
    """How many processes share the work, each on one thread."""
    other_seeds: int = 0
    """Where a number is given, judge every claim about trained models instead, with this number added to every seed,
    and say which verdicts change. At least 100: the published seeds are below."""
    publish: bool = False
    """Put the figures and the records of trained models in the place of the published ones."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Explain, tyro.conf.subcommand("explain")]
    | Annotated[Tightest, tyro.conf.subcommand("tightest")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Measure, tyro.conf.subcommand("measure")]
    | Annotated[Trace, tyro.conf.subcommand("trace")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Figures, tyro.conf.subcommand("figures")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
)
