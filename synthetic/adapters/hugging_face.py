"""Masked language models of Hugging Face transformers as denoisers, from an object or a folder on disk.

Needs the extra `models`. Nothing is downloaded, and no code that comes with a model is run.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from synthetic.adapters.network import NetworkDenoiser, weights
from synthetic.adapters.vocabulary import Vocabulary
from synthetic.devices import device as chosen_device
from synthetic.devices import wide_products
from theory.errors import InvalidInput

OFFSET = ("roberta", "xlm-roberta", "camembert", "esm")
"""Kinds of models that number places from behind the padding id on, and so take that many fewer."""
EXTRA = "needs the package transformers; install it: pip install 'unmasked[models]'"


def masked_lm(
    model: Any,
    *,
    tokenizer: Any = None,
    allowed: Sequence[int] | None = None,
    forbidden: Sequence[int] = (),
    mask_id: int | None = None,
    before: Sequence[int] | None = None,
    after: Sequence[int] | None = None,
    n: int | None = None,
    shifted: bool = False,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    batch: int | None = None,
    name: str | None = None,
) -> NetworkDenoiser:
    """Return a masked language model as a denoiser.

    `model` is a transformers model or a folder that one was saved in, with its tokenizer where there is one. The mask,
    the special tokens, which are not allowed, and the marks before and after a sequence are the tokenizer's unless
    given as ids. `allowed` names the tokens, in the order of their ids unless given in another; `forbidden` takes some
    away. Raises InvalidInput where transformers is missing, a folder does not load or wants code of its own, no mask
    is known, ids lie outside the vocabulary, and sequences of `n` tokens with their marks are longer than the model
    takes.
    """
    if isinstance(model, str | Path):
        folder = Path(model)
        model, tokenizer = _loaded(folder), tokenizer or saved_tokenizer(folder)
    place = chosen_device(device)
    network = model.to(place) if dtype is None else model.to(place, dtype)
    network.eval()
    vocabulary = _vocabulary(network, tokenizer, allowed, forbidden, mask_id, before, after)
    ask = functools.partial(_ask, network, place)
    longest = _longest(network, vocabulary)
    return NetworkDenoiser(ask, vocabulary, n, shifted, batch=batch, name=name or type(model).__name__, longest=longest)


def _ask(network: Any, place: torch.device, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits of ids on any device; every place is attended to, as sequences of a batch have one length."""
    ids = ids.to(place)
    with wide_products(ids, weights(network, ids)):
        logits: torch.Tensor = network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return logits.float()


def _vocabulary(
    network: Any,
    tokenizer: Any,
    allowed: Sequence[int] | None,
    forbidden: Sequence[int],
    mask_id: int | None,
    before: Sequence[int] | None,
    after: Sequence[int] | None,
) -> Vocabulary:
    size = int(network.config.vocab_size)
    mask = mask_id if mask_id is not None else getattr(tokenizer, "mask_token_id", None)
    if mask is None:
        raise InvalidInput("the model's tokenizer names no mask token; give mask_id")
    special = set(getattr(tokenizer, "all_special_ids", ())) | {mask}
    known = size if tokenizer is None else min(size, len(tokenizer))  # ids beyond are padding of the weights
    tokens = [v for v in range(known) if v not in special] if allowed is None else list(allowed)
    tokens = [v for v in tokens if v not in set(forbidden)]
    outside = [v for v in (*tokens, mask, *forbidden) if not 0 <= v < size]
    if outside:
        raise InvalidInput(f"id {outside[0]} is outside the model's vocabulary of {size}")
    marks = _marks(tokenizer) if before is None or after is None else ((), ())
    return Vocabulary(
        tuple(tokens),
        int(mask),
        tuple(marks[0] if before is None else before),
        tuple(marks[1] if after is None else after),
    )


def _marks(tokenizer: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what a tokenizer puts before and after a sequence, seen on a text of one letter or word."""
    if tokenizer is None:
        return (), ()
    for text in ("A", "a", "0", "the"):
        try:
            encoded = tokenizer(text, return_special_tokens_mask=True)
        except Exception:  # a tokenizer without this letter and without a token for unknown ones
            continue
        ids, added = list(encoded["input_ids"]), list(encoded["special_tokens_mask"])
        if 0 in added:
            first, last = added.index(0), len(added) - added[::-1].index(0)
            return tuple(ids[:first]), tuple(ids[last:])
    raise InvalidInput("the tokenizer knows none of A, a, 0, the; give the marks before and after a sequence as ids")


def _longest(network: Any, vocabulary: Vocabulary) -> int | None:
    """Return the most tokens that a model takes beside its marks; None where its configuration does not say."""
    places = getattr(network.config, "max_position_embeddings", None)
    if places is None:
        return None
    if getattr(network.config, "model_type", "") in OFFSET:
        places -= int(network.config.pad_token_id or 0) + 1
    return int(places) - len(vocabulary.before) - len(vocabulary.after)


def _loaded(folder: Path) -> Any:
    try:
        from transformers import AutoModelForMaskedLM
    except ImportError as error:
        raise InvalidInput(f"a model of Hugging Face {EXTRA}") from error
    if not (folder / "config.json").exists():
        raise InvalidInput(f"{folder} has no config.json; expected a folder that save_pretrained wrote")
    try:
        with _quietly():
            model, info = AutoModelForMaskedLM.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, output_loading_info=True
            )
    except Exception as error:  # of safetensors, of a broken configuration, of a model that wants its own code
        reason = str(error).strip().splitlines()[0]
        raise InvalidInput(f"{folder} does not load as a masked language model: {reason}") from error
    if absent := sorted(info["missing_keys"]):
        raise InvalidInput(
            f"{folder} holds no weights for {absent[0]}; expected a model saved with its head for tokens"
        )
    return model


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep transformers from showing a bar while it loads: what is said here is one line."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def saved_tokenizer(folder: Path) -> Any:
    """Return the tokenizer beside a model, None where there is none. Raises InvalidInput where it does not load."""
    from transformers import AutoTokenizer

    if not any((folder / name).exists() for name in ("tokenizer_config.json", "tokenizer.json", "vocab.txt")):
        return None
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InvalidInput(f"the tokenizer in {folder} does not load: {reason}; give tokenizer, or the ids") from error
