"""The map of the papers' figures: what it claims is there, and every figure has its place in it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from figures import elements, gallery
from figures.gallery import FIGURES
from theory.errors import InvalidInput
from theory.files import PROJECT
from unmasked.command_line import main


@pytest.mark.parametrize("element", elements.elements(), ids=lambda element: f"{element.paper} {element.element}")
def test_an_element_that_claims_a_figure_has_one_and_others_say_why_not(element: elements.Element) -> None:
    assert element.count >= 1 and element.shows
    if element.state in elements.SHOWN:
        assert element.figures and set(element.figures) <= set(FIGURES)
    else:
        assert not element.figures
    if element.state == "scale":
        assert element.note


def test_every_figure_of_a_paper_shows_one_of_its_elements() -> None:
    placed = {name for element in elements.elements() for name in element.figures}
    ours = {name for name, entry in FIGURES.items() if entry.paper == gallery.OURS}
    assert set(FIGURES) - placed <= ours


def test_no_element_stands_there_twice() -> None:
    names = [(element.paper, element.element) for element in elements.elements()]
    assert len(set(names)) == len(names)


def test_the_readme_says_what_is_covered() -> None:
    readme = " ".join((PROJECT / "README.md").read_text().split())
    assert str(elements.coverage()) in readme


def test_coverage_counts_every_element_of_a_kind() -> None:
    some = [element for element in elements.elements() if element.paper == "2503.00307"]
    counted = elements.coverage(some)
    literal = {state: sum(e.count for e in some if e.state == state) for state in ("exact", "counterpart", "absent")}
    assert (counted.exact, counted.counterpart, counted.absent) == tuple(literal.values())


def test_the_command_lists_a_paper(capsys: Any) -> None:
    assert main(["figures", "--paper", "2509.13866"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^Fig\. 2 +exact +landscapes", printed, re.MULTILINE)
    assert main(["figures", "--paper", "1234.56789"]) == 2
    assert "known are 2509.13866" in capsys.readouterr().err
    with pytest.raises(InvalidInput, match="known are"):
        elements.of_paper("0")
