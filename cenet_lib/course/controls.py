"""What a student moves: sliders whose labels say what is set, and in which unit."""

import ipywidgets as widgets


def slider(
    label: str, low: float, high: float, value: float, step: float = 1
) -> widgets.IntSlider | widgets.FloatSlider:
    """Return a slider that shows its whole label, and tells its value when it is let go.

    Parameters
    ----------
    label : str
        What is set, and in which unit, such as ``"padded to, frames"``.
    low, high, value, step : float
        Where it begins and ends, where it stands, and how far it jumps. Four whole numbers make a
        slider of whole numbers.

    Examples
    --------
    >>> slider("padded to, frames", 30, 500, 100, step=10).value
    100
    >>> slider("delivery, from −3 to 3", -3, 3, 2, step=0.5).value
    2.0
    """
    whole = all(isinstance(number, int) for number in (low, high, value, step))
    return (widgets.IntSlider if whole else widgets.FloatSlider)(
        value=value,
        min=low,
        max=high,
        step=step,
        description=label,
        continuous_update=False,
        style={"description_width": "initial"},
        layout={"width": "28em"},
    )
