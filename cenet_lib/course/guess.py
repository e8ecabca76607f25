"""Predict before you run: a guess in a notebook, which a later cell compares with what comes.

    share = guess("Which share of the cells is padding?", 0, 100, unit="%")
    ...
    share.compare(41)

Where there are no widgets, the number is written into the call: ``guess(..., value=30)``.
"""

import math
from typing import Any

import ipywidgets as widgets


class Guess:
    """A number that somebody guesses, and what is said about it afterwards; see `guess`.

    Parameters
    ----------
    question : str
    low, high : float
        Between what the number lies.
    unit : str
    value : float, optional
        The guess, if it is made already.

    Examples
    --------
    >>> share = Guess("Which share of the cells is padding?", 0, 100, "%", value=30)
    >>> share.compare(41)
    You said 30 %; it is 41 %. Near enough to have the right picture.
    >>> Guess("And sorted?", 0, 100, "%").compare(2.5)
    It is 2.5 %. (No guess this time.)
    """

    def __init__(
        self, question: str, low: float, high: float, unit: str = "", value: float | None = None
    ):
        self.question = question
        self.low, self.high = low, high
        self.unit = unit
        self.value = value

    def compare(self, actual: float) -> None:
        """Print the guess beside what came, and how far apart they are."""
        if self.value is None:
            print(f"It is {self._with_unit(actual)}. (No guess this time.)")
            return
        said, came = self._with_unit(self.value), self._with_unit(actual)
        print(f"You said {said}; it is {came}. {self._feedback(actual)}")

    def _feedback(self, actual: float) -> str:
        assert self.value is not None
        off = abs(self.value - actual) / (self.high - self.low)
        if not math.isfinite(off):
            return "What came is no number."
        if off <= 0.03:
            return "Spot on."
        if off <= 0.15:
            return "Near enough to have the right picture."
        more = "more" if actual > self.value else "less"
        return f"It is {more} than you expected: worth asking why."

    def _with_unit(self, number: float) -> str:
        digits = 0 if self.high - self.low >= 100 and float(number).is_integer() else 2
        shown = f"{number:.{digits}f}"
        shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
        return f"{shown.replace('-', '−')}{' ' + self.unit if self.unit else ''}"

    def slider(self) -> widgets.Widget:
        """Return a slider that sets the guess as soon as it is moved."""
        step = 1.0 if self.high - self.low >= 20 else (self.high - self.low) / 100
        slider = widgets.FloatSlider(
            value=self.low + round((self.high - self.low) / 2 / step) * step,
            min=self.low,
            max=self.high,
            step=step,
            readout_format=".0f" if step == 1 else ".2f",
            description=self.unit or "guess",
        )
        slider.observe(self._moved, names="value")
        return widgets.VBox([widgets.HTML(value=f"<b>Guess.</b> {self.question}"), slider])

    def _moved(self, change: Any) -> None:
        self.value = float(change["new"])

    def __repr__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        said = "" if self.value is None else f" You say {self._with_unit(self.value)}."
        return f"Guess. {self.question} ({self.low:g} to {self.high:g}{unit}){said}"

    def _ipython_display_(self) -> None:
        from IPython.display import display  # only in a notebook

        print(self)
        if self.value is None:
            display(self.slider())


def guess(
    question: str, low: float, high: float, unit: str = "", value: float | None = None
) -> Guess:
    """Ask for a number before it is computed.

    As the last line of a cell it shows the question and a slider. `Guess.compare` tells later how
    near the guess was; without one, it just says what came.

    Parameters
    ----------
    question : str
    low, high : float
        Between what the number lies.
    unit : str
    value : float, optional
        The guess itself, where there are no sliders.

    Raises
    ------
    ValueError
        If low is not below high.

    Examples
    --------
    >>> guess("Which share of the cells is padding?", 0, 100, "%")
    Guess. Which share of the cells is padding? (0 to 100 %)
    """
    if not low < high:
        raise ValueError(f"a guess lies between two numbers, but {low} is not below {high}")
    return Guess(question, low, high, unit, value)
