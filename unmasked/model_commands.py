"""The command on models of one's own: measure."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape

from theory.denoisers import denoiser
from theory.errors import InvalidInput
from theory.files import make_folder, records_folder
from unmasked import models
from unmasked.adapters import OutsideMass
from unmasked.claim_commands import console
from unmasked.entry import may_be_denoiser, named
from unmasked.options import Measure

ANTIBERTY = "antiberty"
"""The name by which the pretrained model of the extra `pretrained` is asked for."""
LETTERS = (".txt", ".fasta", ".fa", ".faa")
NUMBERS = (".npy", ".csv")


def measure(command: Measure) -> int:
    """Measure the model, print what was found, and write record, tables and page."""
    out = command.out or records_folder() / "models" / _called(command.model)
    make_folder(out)
    model, reader = model_at(command)
    tokens = None if command.sequences is None else read(command.sequences, reader)
    prompts = command.prompt or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsideMass)  # the report says it in a sentence
        report = models.measure_model(
            model, tokens, prompts, samples=command.samples, length=command.length, out=out, say=console.print,
            draws=command.draws, scored=command.scored, seed=command.seed,
        )  # fmt: skip
    for said in report.sentences:
        console.print(f"- {escape(said)}")
    names = ", ".join((models.SUMMARY, models.PAGE, models.RECORD))
    console.print(f"{report.run.states} states were asked about; written in {out}: {names}", soft_wrap=True)
    return 0


def model_at(command: Measure) -> tuple[Any, Any]:
    """Return the named model as a denoiser, and the function that turns a line of text or ids into its tokens."""
    if command.model == ANTIBERTY:
        from synthetic.adapters import antibodies

        return antibodies.antiberty(command.device), antibodies.tokens
    folder = Path(command.model)
    if folder.is_dir():
        from synthetic.adapters.hugging_face import masked_lm, saved_tokenizer

        tokenizer = saved_tokenizer(folder)
        network = masked_lm(
            folder, tokenizer=tokenizer, mask_id=command.mask_id, forbidden=command.forbidden, device=command.device,
            before=command.before, after=command.after,
        )  # fmt: skip
        return network, _Reader(network.vocabulary, tokenizer)
    if ":" not in command.model:
        raise InvalidInput(
            f"{command.model} is no folder; expected a folder that save_pretrained wrote, FILE:NAME of a denoiser, or "
            f"{ANTIBERTY}"
        )
    own = denoiser(named(command.model, "denoiser", may_be_denoiser))
    return own, None


class _Reader:
    """Turns text or ids of a model into the tokens of its denoiser."""

    def __init__(self, vocabulary: Any, tokenizer: Any) -> None:
        self.vocabulary, self.tokenizer = vocabulary, tokenizer

    def __call__(self, line: Any) -> Any:
        if not isinstance(line, str):
            return self.vocabulary.states(line)
        if self.tokenizer is None:
            raise InvalidInput("text beside a model without a tokenizer; give its ids, as .npy or .csv")
        ids = self.tokenizer(line, add_special_tokens=False)["input_ids"]
        unknown = getattr(self.tokenizer, "unk_token_id", None)
        if unknown is not None and unknown in ids:
            raise InvalidInput(f"{line[:30]!r} holds what the tokenizer does not know ({self.tokenizer.unk_token})")
        return self.vocabulary.states(ids)


def read(path: Path, reader: Any) -> list[Any]:
    """Return the sequences of a file: lines of text, FASTA, or rows of whole numbers as .npy or .csv.

    Raises InvalidInput for a file that is not there, of another kind, or empty.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}; expected sequences as {', '.join((*LETTERS, *NUMBERS))}")
    suffix = path.suffix.lower()
    if suffix in LETTERS:
        if reader is None:
            raise InvalidInput(f"{path} holds text; a denoiser of your own takes tokens 0..d-1: give .npy or .csv")
        lines = _fasta(path) if suffix != ".txt" else [line.strip() for line in _text(path)]
        rows: list[Any] = [line for line in lines if line]
    elif suffix in NUMBERS:
        rows = list(_numbers(path))
    else:
        raise InvalidInput(f"{path}; expected sequences as {', '.join((*LETTERS, *NUMBERS))}")
    if not rows:
        raise InvalidInput(f"{path} holds no sequences")
    return rows if reader is None else [_read(reader, row, number + 1) for number, row in enumerate(rows)]


def _read(reader: Any, row: Any, number: int) -> Any:
    """Return the tokens of one sequence; what is wrong with it is said with its number."""
    try:
        return reader(row)
    except InvalidInput as error:
        raise InvalidInput(f"sequence {number}: {error}") from error


def _text(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in UTF-8 ({error.reason} at byte {error.start})") from error


def _numbers(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".npy":
            rows = np.load(path, allow_pickle=False)
            if rows.ndim != 2 or rows.dtype.kind not in "iu":
                raise InvalidInput(f"{path} holds {rows.dtype} of shape {rows.shape}; expected rows of whole numbers")
            return rows.astype(np.int64)
        return [[int(cell) for cell in line.split(",")] for line in _text(path) if line.strip()]
    except (ValueError, EOFError) as error:
        raise InvalidInput(f"{path} is no table of whole numbers ({error})") from error


def _fasta(path: Path) -> list[str]:
    """Return the sequences of a FASTA file, their lines joined."""
    chains: list[list[str]] = []
    for line in _text(path):
        if line.startswith(">"):
            chains.append([])
        elif line.strip():
            if not chains:
                raise InvalidInput(f"{path} begins with {line[:20]!r}; expected a FASTA header, > and a name")
            chains[-1].append(line.strip())
    return ["".join(chain) for chain in chains]


def _called(model: str) -> str:
    """Return a folder's name for a model: its own, and a mark of where it lies, as many are called alike."""
    mark = hashlib.sha256(str(Path(model).resolve()).encode()).hexdigest()[:6]
    return f"{Path(model.rpartition(':')[2] or model).name}-{mark}"
