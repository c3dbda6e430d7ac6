"""What a choice of an explorer may be, and the widget that makes it: an option, a number, a flag or a text."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from theory.errors import InvalidInput, unknown


@dataclass(frozen=True)
class Option:
    """A choice among names."""

    names: Iterable[str]
    _: KW_ONLY
    label: str = ""

    @property
    def expected(self) -> str:
        """What the choice may be, in words."""
        return f"one of {', '.join(self.names)}"

    def checked(self, name: str, value: Any) -> str:
        """Return the value. Raises InvalidInput with the nearest names for one that is none of the options."""
        if not isinstance(value, str) or value not in tuple(self.names):
            raise unknown(name, value, self.names)
        return value

    def widget(self, name: str, value: str) -> Any:
        """Return a menu of the names."""
        import ipywidgets

        return ipywidgets.Dropdown(options=list(self.names), value=value, description=self.label or name)


@dataclass(frozen=True)
class Range:
    """A number between two ends, both included; a whole one where the ends and the step are whole.

    `step` is how far the slider moves at a time: in the number, or in its decimal logarithm if `logarithmic`. It does
    not restrict what a call may choose.
    """

    low: float
    high: float
    step: float
    _: KW_ONLY
    unit: str = ""
    label: str = ""
    logarithmic: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are in the range."""
        return all(isinstance(each, int) for each in (self.low, self.high, self.step))

    @property
    def expected(self) -> str:
        """What the choice may be, in words."""
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}{self.unit and f' {self.unit}'}"

    def checked(self, name: str, value: Any) -> float:
        """Return the value as an int or a float. Raises InvalidInput for anything but a number in the range."""
        kind = numbers.Integral if self.whole else numbers.Real
        number = isinstance(value, kind) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:
            raise InvalidInput(f"{name} is {value!r}; expected {self.expected}")
        return int(value) if self.whole else float(value)

    def widget(self, name: str, value: float) -> Any:
        """Return a slider over the range."""
        import ipywidgets

        label = self.label or name
        if self.logarithmic:
            low, high = math.log10(self.low), math.log10(self.high)
            return ipywidgets.FloatLogSlider(value, min=low, max=high, step=self.step, description=label)
        slider = ipywidgets.IntSlider if self.whole else ipywidgets.FloatSlider
        return slider(value, min=self.low, max=self.high, step=self.step, description=label)


@dataclass(frozen=True)
class Flag:
    """Something that is on or off."""

    _: KW_ONLY
    label: str = ""
    expected = "True or False"

    def checked(self, name: str, value: Any) -> bool:
        """Return the value. Raises InvalidInput for anything but True and False."""
        if not isinstance(value, bool):
            raise InvalidInput(f"{name} is {value!r}; expected {self.expected}")
        return value

    def widget(self, name: str, value: bool) -> Any:
        """Return a box to tick."""
        import ipywidgets

        return ipywidgets.Checkbox(value, description=self.label or name)


@dataclass(frozen=True)
class Text:
    """A free text, or None for the example of what another control, `of`, has chosen."""

    of: str
    examples: Mapping[str, str] = field(repr=False)
    _: KW_ONLY
    label: str = ""

    @property
    def expected(self) -> str:
        """What the choice may be, in words."""
        return f"a text, or None for an example that fits the {self.of}"

    def checked(self, name: str, value: Any) -> str | None:
        """Return the value. Raises InvalidInput for anything but a text and None."""
        if value is not None and not isinstance(value, str):
            raise InvalidInput(f"{name} is {value!r}; expected {self.expected}")
        return value

    def widget(self, name: str, value: str) -> Any:
        """Return a field to type in."""
        import ipywidgets

        return ipywidgets.Text(value, description=self.label or name)

    def follow(self, text: Any, chooser: Any) -> None:
        """Show the example of what a menu has chosen, from the next choice on."""
        chooser.observe(lambda change: setattr(text, "value", self.examples[change["new"]]), "value")


Control = Option | Range | Flag | Text
