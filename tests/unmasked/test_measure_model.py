"""`um.measure_model` and the command `measure`, as somebody with a model of their own uses them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

import unmasked as um
from unmasked import models
from unmasked.command_line import main

QUICK = ["--draws", "4", "--scored", "1"]
SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 12,
    "max_position_embeddings": 24, "pad_token_id": 0,
}  # fmt: skip
LETTERS = "abcdefg"


def chain() -> Any:
    return um.worlds.markov_chain([[0.9, 0.1], [0.2, 0.8]], n=10)


def drawn(count: int = 6) -> Tensor:
    rows: Tensor = chain().sample(count, torch.Generator().manual_seed(0))
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that the transformers library saved, with a tokenizer of single letters, run in another process."""
    there = tmp_path / "their_model"
    program = f"""
import torch, transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
torch.manual_seed(0)
vocabulary = {{name: k for k, name in enumerate(["[PAD]", "[CLS]", "[SEP]", "[UNK]", *"{LETTERS}", "[MASK]"])}}
inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
marks = [("[CLS]", 1), ("[SEP]", 2)]
inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
names = dict(pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]", mask_token="[MASK]")
transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **names).save_pretrained({str(there)!r})
transformers.BertForMaskedLM(transformers.BertConfig(**{SMALL!r})).save_pretrained({str(there)!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return there


def test_a_function_and_an_array_are_enough(tmp_path: Path) -> None:
    report = um.measure_model(chain(), drawn(), out=tmp_path, draws=4, scored=2, sizes=(2,))
    assert float(report.nelbo.mean) == pytest.approx(-float(chain().log_prob(drawn()).mean()), abs=1.5)
    assert {path.name for path in tmp_path.iterdir()} >= {models.RECORD, models.PAGE, models.SUMMARY}
    assert (tmp_path / models.SUMMARY).read_text().count("## ") == len(report.tables)


def test_prompts_leave_the_rest_to_be_measured() -> None:
    rows, quick = drawn(), {"draws": 4, "scored": 2}
    with_prompt = um.measure_model(chain(), rows, prompts=[5] * len(rows), **quick)
    free = with_prompt.run.rows.free
    assert set(free) == {5}
    order = with_prompt.run.rows.query("kind == 'order' and name == 'left to right'").value.to_numpy()
    world, start = chain(), rows.clone()
    start[:, 5:] = 2
    given = world.log_prob(rows) - world.log_marginal(start)
    assert order == pytest.approx(given[:2].tolist(), abs=1e-7)


def test_a_model_can_be_asked_about_its_own_samples() -> None:
    report = um.measure_model(chain(), samples=4, draws=4, scored=1)
    assert report.sequences == 4


def test_the_command_on_a_model_that_transformers_saved(folder: Path, tmp_path: Path, capsys: Any) -> None:
    text = tmp_path / "rows.txt"
    text.write_text("abcabcab\ngfedcba\nabcabcaa\n")
    out = tmp_path / "out"
    arguments = ["measure", str(folder), "--sequences", str(text), "--out", str(out), *QUICK]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "3 sequences to measure" in printed and "NELBO" in printed
    record = json.loads((out / models.RECORD).read_text())
    assert record["model"] == "BertForMaskedLM" and record["sequences"] == 3
    assert main(arguments) == 0
    assert "measured already" in capsys.readouterr().out
    literal = nelbo_of_first_letter(folder)
    masked = [v for k, v in zip(record["rows"]["kind"], record["rows"]["value"], strict=True) if k == "all masked"]
    assert masked[0] == pytest.approx(literal, rel=1e-5)


def nelbo_of_first_letter(folder: Path) -> float:
    """Return the mean cross-entropy of the first sequence, all of it masked, by transformers alone."""
    network: Any = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    ids = torch.tensor([[1, *[11] * 8, 2]])
    letters = torch.tensor([4 + LETTERS.index(letter) for letter in "abcabcab"])
    with torch.no_grad():
        logits = network(input_ids=ids).logits[0, 1:-1, 4:11]
    return float(torch.nn.functional.cross_entropy(logits, letters - 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "expected a folder that save_pretrained wrote"),
        (["FOLDER"], "no sequences"),
        (["FOLDER", "--sequences", "missing.txt"], "there is no file"),
        (["FOLDER", "--sequences", "long.txt"], "the model takes at most 22"),
        (["FOLDER", "--sequences", "foreign.txt"], "holds what the tokenizer does not know"),
        (["FOLDER", "--sequences", "rows.pdf"], "expected sequences as"),
        (["FOLDER", "--sequences", "empty.txt"], "holds no sequences"),
        (["FOLDER", "--sequences", "words.csv"], "no table of whole numbers"),
        (["FOLDER", "--sequences", "rows.txt", "--prompt", "8"], "leaves none"),
        (["FOLDER", "--sequences", "rows.txt", "--draws", "3"], "draws = 3; expected an even number"),
        (["FOLDER", "--sequences", "rows.txt", "--device", "cuda"], "GPU"),
        (["FOLDER", "--sequences", "rows.txt", "--forbidden", "99"], "outside the model's vocabulary"),
        (["EMPTY", "--sequences", "rows.txt"], "no config.json"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_report(
    arguments: list[str], message: str, folder: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("rows.txt", "abcabcab\n"), ("long.txt", "a" * 23), ("foreign.txt", "abz\n"), ("rows.pdf", "x"),
        ("empty.txt", "\n"), ("words.csv", "a,b\n"),
    ):  # fmt: skip
        Path(name).write_text(text)
    Path("EMPTY").mkdir()
    given = [str(folder) if argument == "FOLDER" else argument for argument in arguments]
    assert main(["measure", *given, "--out", "out"]) == 2
    shown = capsys.readouterr().err
    assert message in shown and shown.startswith("error: ") and shown.count("\n") == 1
    assert not (tmp_path / "out" / models.RECORD).exists()


def test_a_folder_without_the_head_for_tokens_is_refused(folder: Path, tmp_path: Path, capsys: Any) -> None:
    headless = tmp_path / "headless"
    transformers.BertModel(transformers.BertConfig(**SMALL)).save_pretrained(headless)
    text = tmp_path / "rows.csv"
    text.write_text("4,5,6\n")
    assert main(["measure", str(headless), "--sequences", str(text), "--mask-id", "11"]) == 2
    assert "holds no weights for" in capsys.readouterr().err
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-50])
    assert main(["measure", str(folder), "--sequences", str(text)]) == 2
    assert "does not load" in capsys.readouterr().err


def test_a_model_of_transformers_is_not_taken_for_a_denoiser(folder: Path) -> None:
    for wrong in (str(folder), transformers.BertForMaskedLM(transformers.BertConfig(**SMALL))):
        with pytest.raises(um.InvalidInput, match="masked_lm"):
            um.measure_model(wrong, drawn())
    with pytest.raises(um.InvalidInput, match="expected positive numbers"):
        um.measure_model(chain(), samples=-1)
    with pytest.raises(um.InvalidInput, match="did you mean draws"):
        um.measure_model(chain(), drawn(), draw=4)


def test_numbers_fasta_and_denoisers_of_ones_own(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "import unmasked as um\nchain = um.worlds.markov_chain([[0.9, 0.1], [0.2, 0.8]], n=10)\n"
    )
    np.save("rows.npy", drawn().numpy())
    assert main(["measure", "mine.py:chain", "--sequences", "rows.npy", "--out", "a", *QUICK]) == 0
    Path("rows.csv").write_text("\n".join(",".join(map(str, row)) for row in drawn().tolist()))
    assert main(["measure", "mine.py:chain", "--sequences", "rows.csv", "--out", "b", *QUICK]) == 0
    first, second = (json.loads(Path(name, models.RECORD).read_text())["tables"] for name in "ab")
    assert first == second
    Path("rows.fasta").write_text(">one\nab\ncab\n\n>two\nabc\n")
    from unmasked.model_commands import read

    assert read(Path("rows.fasta"), list) == [list("abcab"), list("abc")]
    assert main(["measure", "mine.py:chain", "--sequences", "rows.fasta", "--out", "c"]) == 2
    assert "takes tokens 0..d-1" in capsys.readouterr().err
