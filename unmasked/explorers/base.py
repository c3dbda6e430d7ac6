"""An explorer: a picture with choices, drawn by a call, or moved by sliders in a notebook. No mathematics."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from figures.stamps import STYLE
from theory.errors import InvalidInput, unknown
from unmasked.explorers.controls import Control, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Explorer:
    """A function that draws a figure from keyword choices, and a control for each of them.

    A call draws the figure, with the function's defaults for what is not chosen; `sliders()` puts it under widgets.
    """

    name: str
    draw: Callable[..., Figure]
    controls: Mapping[str, Control]

    def __post_init__(self) -> None:
        signature = inspect.signature(self.draw)
        if list(signature.parameters) != list(self.controls):
            raise InvalidInput(
                f"explorer {self.name} has controls {', '.join(self.controls)}; expected those of its function, "
                f"{', '.join(signature.parameters)}"
            )
        choices = [f"    {name}: {control.expected}" for name, control in self.controls.items()]
        object.__setattr__(self, "__signature__", signature)
        object.__setattr__(self, "__doc__", "\n".join([inspect.getdoc(self.draw) or "", "", "Choices:", *choices]))

    @property
    def defaults(self) -> dict[str, Any]:
        """What is drawn where nothing is chosen."""
        return {name: each.default for name, each in inspect.signature(self.draw).parameters.items()}

    def __call__(self, **choices: Any) -> Figure:
        """Return the figure for these choices; it is closed for pyplot, so that a notebook shows it once.

        Raises InvalidInput for an unknown choice, and for a value outside its options or its range.
        """
        from matplotlib import pyplot

        chosen = self._checked(choices)
        with pyplot.style.context(STYLE, after_reset=True):
            figure = self.draw(**chosen)
            pyplot.close(figure)
        return figure

    def sliders(self, **choices: Any) -> Any:
        """Return widgets, one for each choice, above the figure that they draw; a notebook shows what is returned.

        The widgets begin at `choices`, and at the defaults for the rest. Where a choice does not fit the others, such
        as a text with characters that a program does not know, the message takes the place of the figure. Raises
        InvalidInput as a call does, and where ipywidgets is not installed.
        """
        try:
            import ipywidgets

            notebook: Any = importlib.import_module("IPython.display")  # typed or not, as far as it is installed
        except ImportError as error:
            raise InvalidInput(
                "sliders need ipywidgets, which is not installed; expected the extra `notebooks`: "
                "pip install 'unmasked[notebooks]'"
            ) from error
        start = self._checked(choices)
        for name, control in self.controls.items():
            if isinstance(control, Text) and start[name] is None:
                start[name] = control.examples[start[control.of]]
        widgets = {name: control.widget(name, start[name]) for name, control in self.controls.items()}
        picture, shown = ipywidgets.Output(), dict[str, Any]()

        def redraw(_: object = None) -> None:
            chosen = {name: widget.value for name, widget in widgets.items()}
            if chosen == shown:  # a choice that another one changed has drawn both
                return
            shown.update(chosen)
            with picture:
                notebook.clear_output(wait=True)
                try:
                    notebook.display(self(**chosen))
                except InvalidInput as error:
                    print(error)

        for name, control in self.controls.items():
            if isinstance(control, Text):
                control.follow(widgets[name], widgets[control.of])
        for widget in widgets.values():
            widget.observe(redraw, "value")
        redraw()
        return ipywidgets.VBox([*widgets.values(), picture])

    def __repr__(self) -> str:
        choices = ", ".join(f"{name}={value!r}" for name, value in self.defaults.items())
        return f"explorer {self.name}({choices}); call it for a figure, .sliders() in a notebook"

    def _checked(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Return all choices, the defaults where none is made."""
        for name in choices:
            if name not in self.controls:
                raise unknown(f"choice of explorer {self.name}", name, self.controls)
        given = self.defaults | dict(choices)
        return {name: control.checked(name, given[name]) for name, control in self.controls.items()}


def explorer(**controls: Control) -> Callable[[Callable[..., Figure]], Explorer]:
    """Return the decorator that makes an explorer of a function with these controls, one for each parameter."""
    return lambda draw: Explorer(draw.__name__, draw, controls)
