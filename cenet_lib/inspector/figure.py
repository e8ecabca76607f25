"""The attention inspector as a static figure, for papers and for readers without a kernel."""

import textwrap
from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..utterance import STREAMS
from .effects import LEAST_TOLD
from .pictures import draw_code
from .records import unpack

FIRST_TOKEN = -1  # the `word` that stands for the token that the head reads
TITLES = {"visual": "Face", "acoustic": "Voice"}

_INK, _MUTED, _LINE = "#1a1e26", "#59616e", "#d8dce3"
_POSITIVE, _NEGATIVE, _ACCENT = "#0063a6", "#b14300", "#5a2ca0"
_RAMP = ("#ffffff", "#ded3f4", "#ab8ddf", "#6a3bbd", "#2c0d66")  # as in colours.js
_SIDES = ("#00441b", "#2f9150", "#bfe3bd", "#ffffff", "#dccdec", "#9067bd", "#43106e")
_ROW, _CELL, _GAP = 15, 26, 30  # points
_CAPTION = 144  # the width of the line under a map, which may be wider than a map of few codes
_MOST_BESIDE = 2  # models whose maps stand beside each other; of more, there is their mean
_MOST_VALUES = 4  # predictions in one line


def draw_record(
    corpus: Mapping,
    record: Mapping,
    effects: Mapping,
    word: int | None = None,
    code: tuple[str, int] | None = None,
    difference: tuple[int, int] | None = None,
) -> Figure:
    """Draw sentence, predictions, and a map per stream (and model) under its codes' pictures.

    Parameters
    ----------
    corpus, record, effects : mappings
        As the widget has them, see `inspection`.
    word, code
        What to mark, as the widget's traits.
    difference : (int, int), optional
        Draw the maps of the first of these models minus those of the second.

    Returns
    -------
    Figure
        With one Axes in points, y downwards, so that the pictures of codes keep their shape.

    Examples
    --------
    >>> from cenet_lib import AttentionInspector
    >>> inspector = AttentionInspector.from_run("runs/mine")
    >>> figure = inspector.figure()  # it hands what it has to `draw_record`
    >>> len(figure.axes)
    1
    """
    names = [*record["words"], corpus["first_token"]]
    names = [name if len(name) <= 18 else name[:17] + "…" for name in names]
    n_subjects = len(record["subjects"])
    places = list(range(n_subjects if n_subjects <= _MOST_BESIDE else 1))
    panels = [
        panel
        for subject in (places if difference is None else difference[:1])
        for stream in STREAMS
        if (panel := _panel(corpus, record, effects, subject, stream)) is not None
    ]
    if difference is not None:
        panels = [_minus(panel, corpus, record, difference) for panel in panels]
    label = 34 + 5.6 * max(len(name) for name in names)
    width = max(660, label + sum(_room(panel) for panel in panels))
    sentence = textwrap.wrap(" ".join(record["words"]), int(width / 7.4))
    predictions = 34 + 18 * len(sentence)
    maps = predictions + 100 + 24 + 74
    height = maps + _ROW * len(names) + 58 if panels else maps - 40

    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    for i, line in enumerate(sentence):
        _write(ax, 16, 24 + 18 * i, line, 12.5)
    _draw_predictions(ax, record, corpus["label_range"], 16, predictions)
    if not panels:
        none = all(subject["reads"] is None for subject in corpus["subjects"])
        about = "This model reads words only." if none else "This model does not attend to codes."
        _write(ax, 16, height - 24, about, 9, _MUTED)
        return figure

    most = max(float(np.nanmax(np.abs(p["values"]), initial=0)) for p in panels) or 1.0
    x = label
    for panel in panels:
        _draw_map(ax, panel, x, maps, most, code)
        x += _room(panel)
    chosen = len(names) - 1 if word == FIRST_TOKEN else word
    _write(ax, label - 8, maps - 27, "code", 7.5, _MUTED, ha="right")
    _write(ax, label - 8, maps - 12, "adds to prediction", 7.5, _MUTED, ha="right")
    for i, name in enumerate(names):
        color = _MUTED if i == len(names) - 1 else _INK
        style = {"ha": "right", "weight": "bold" if i == chosen else "normal"}
        _write(ax, label - 8, maps + _ROW * (i + 0.5), name, 8.5, color, **style)
    _write(ax, 16, height - 14, "Attention is what the module mixed in, not a reason.", 8, _MUTED)
    return figure


def _panel(corpus: Mapping, record: Mapping, effects: Mapping, subject: int, stream: str):
    """Gather what one map shows; ``None`` if the model has no attention there."""
    raw = record["subjects"][subject][stream]
    if raw["attention"] is None:
        return None
    attention, codes = unpack(raw["attention"]), unpack(raw["codes"])
    book = corpus["vocabularies"][corpus["subjects"][subject]["vocabulary"]][stream]
    counts = np.bincount(codes, minlength=attention.shape[1])
    counts[-1] = raw["padding"]
    order = [*book["order"], book["k"]] if book else [0]
    columns = [code for code in order if counts[code]]
    if not columns:
        return None
    name = corpus["subjects"][subject]["name"] if len(record["subjects"]) > 1 else ""
    told = effects["subjects"][subject][stream]["effects"]
    if len(record["subjects"]) > _MOST_BESIDE and corpus.get("several"):
        name, told = f"mean of {len(record['subjects'])} runs", {}
        attention = _mean_attention(record, stream, attention.shape[1])
    return {
        "stream": stream,
        "title": f"{TITLES[stream]} {name}".strip(),
        "book": book,
        "columns": columns,
        "values": attention[:, columns].astype(float),
        "effects": told,
        "width": _CELL * len(columns),
        "signed": False,
    }


def _minus(panel: Mapping, corpus: Mapping, record: Mapping, pair: tuple[int, int]) -> dict:
    """Return a map of the difference of two models, in the codes of the first."""
    stream, (first, second) = panel["stream"], pair
    width = unpack(record["subjects"][first][stream]["attention"]).shape[1]
    one, other = (_in_codes_of(first, record, place, stream, width) for place in pair)
    names = [corpus["subjects"][place]["name"] for place in (first, second)]
    return {
        **panel,
        "title": f"{TITLES[stream]} {' − '.join(names)}",
        "values": (one - other)[:, panel["columns"]],
        "effects": {},
        "signed": True,
    }


def _room(panel: Mapping) -> float:
    """Return how far the next map begins to the right of this one."""
    return max(panel["width"], _CAPTION) + _GAP


def _mean_attention(record: Mapping, stream: str, width: int) -> np.ndarray:
    """Return the mean over the models of attention (n_words + 1, k+1), in the first one's codes."""
    places = range(len(record["subjects"]))
    return np.mean([_in_codes_of(0, record, place, stream, width) for place in places], axis=0)


def _in_codes_of(first: int, record: Mapping, place: int, stream: str, width: int) -> np.ndarray:
    """Return a model's attention (n_words + 1, k+1) on the frames of each code of another model."""
    columns = unpack(record["subjects"][first][stream]["codes"]).astype(int)  # (n,)
    raw = record["subjects"][place][stream]
    attention = unpack(raw["attention"]).astype(float)  # (n_words + 1, k+1)
    codes = unpack(raw["codes"]).astype(int)
    counts = np.bincount(codes, minlength=attention.shape[1])
    frames = (attention / np.maximum(counts, 1))[:, codes]  # (n_words + 1, n)
    if raw["by_frame"] is not None:
        frames = unpack(raw["by_frame"]).astype(float)
    in_first = np.zeros((len(frames), width))
    np.add.at(in_first.T, columns, frames.T)
    in_first[:, -1] = attention[:, -1]  # padding
    return in_first


def _draw_map(ax: Axes, panel: Mapping, x: float, y: float, most: float, code) -> None:
    """Draw one map with its upper left corner at (x, y), its codes above it."""
    book, stream, values = panel["book"], panel["stream"], panel["values"]
    _write(ax, x, y - 76, panel["title"], 10, weight="bold")
    z, art = unpack(book["z"]).astype(float), unpack(book["activation"]) / 100
    for i, column in enumerate(panel["columns"]):
        middle = x + _CELL * (i + 0.5)
        marked = code is not None and tuple(code) == (stream, column)
        if column < book["k"]:
            activation = dict(zip(book["art"], art[column].tolist(), strict=True))
            bars = z[column, book["bars"]]
            draw_code(ax, activation, bars, stream, middle, y - 50, _CELL - 2, _INK, "white")
        style = {"ha": "center", "weight": "bold" if marked else "normal"}
        text = str(column) if column < book["k"] else "pad"
        _write(ax, middle, y - 27, text, 7.5, _INK if marked else _MUTED, **style)
        effect = panel["effects"].get(str(column), 0.0)
        if abs(effect) >= 0.005:
            color = _NEGATIVE if effect < 0 else _POSITIVE
            _write(ax, middle, y - 12, signed(effect), 7, color, ha="center")
        if marked:
            outline = Rectangle((middle - _CELL / 2, y), _CELL, _ROW * len(values))
            outline.set(fill=False, edgecolor=_INK, lw=1.4, zorder=4)
            ax.add_patch(outline)
    ax.pcolormesh(
        x + _CELL * np.arange(len(panel["columns"]) + 1),
        y + _ROW * np.arange(len(values) + 1),
        np.ma.masked_invalid(values),
        cmap=LinearSegmentedColormap.from_list("cells", _SIDES if panel["signed"] else _RAMP),
        vmin=-most if panel["signed"] else 0,
        vmax=most,
        edgecolors="white",
        linewidth=0.5,
    )
    frame = Rectangle((x, y), panel["width"], _ROW * len(values), fill=False, edgecolor=_LINE)
    ax.add_patch(frame)
    read = values[:-1][~np.isnan(values[:-1]).any(axis=1)]
    about = ""
    if panel["signed"]:
        about = f"violet: more, green: less; at most {most:.2f}"
    elif len(read):
        about = f"top code: {100 * read.max(axis=1).mean():.0f} % of a word's attention"
    _write(ax, x, y + _ROW * len(values) + 13, about, 8, _MUTED)


def _draw_predictions(ax: Axes, record: Mapping, label_range, x: float, y: float) -> None:
    """Draw the four predictions of each model on one scale, with the true label."""
    low, high = label_range
    left, right, step = x + 100, x + 400, 20

    def at(value: float) -> float:
        return left + (np.clip(value, low, high) - low) / (high - low) * (right - left)

    rows = [("words alone", "none"), ("words and voice", "no_visual")]
    rows += [("words and face", "no_acoustic"), ("all three", "all")]
    bottom = y + step * len(rows)
    for tick in range(int(np.ceil(low)), int(np.floor(high)) + 1):
        ax.plot([at(tick)] * 2, [y, bottom], color=_LINE, lw=0.7, zorder=0)
        number = f"{tick:+d}".replace("-", "−") if tick else "0"
        _write(ax, at(tick), bottom + 8, number, 7.5, _MUTED, ha="center")
    if record["label"] is not None:
        true = at(record["label"])
        ax.plot([true] * 2, [y - 4, bottom], color=_ACCENT, lw=1.4, ls=(0, (4, 2)))
        _write(ax, true, y - 10, "true", 7.5, _ACCENT, ha="center")
    for i, (name, key) in enumerate(rows):
        middle = y + step * (i + 0.5)
        bold = {"weight": "bold"} if key == "all" else {}
        _write(ax, left - 10, middle, name, 8.5, ha="right", **bold)
        for subject, marker in zip(record["subjects"], cycle("osD^v")):
            value = subject["predictions"][key]
            if not low <= value <= high:
                marker = "<" if value < low else ">"  # it leads out of the scale
            fill = "white" if key == "none" else _INK
            ax.plot(
                at(value), middle, marker, color=_INK, markerfacecolor=fill, ms=6, clip_on=False
            )
        several = [subject["predictions"][key] for subject in record["subjects"]]
        values = ", ".join(map(signed, several[:_MOST_VALUES]))
        values += ", …" if len(several) > _MOST_VALUES else ""
        _write(ax, right + 14, middle, values, 8.5, **bold)


def in_words(entry: Mapping, predictions: Mapping[str, float], captions: Mapping) -> str:
    """Tell what face and voice move, and which code has the largest part in it, as the page does.

    Parameters
    ----------
    entry : mapping
        What `cenet_lib.inspector.records.code_effects` returns.
    predictions : mapping
        ``all`` and ``none``, as in the record of the utterance.
    captions : mapping of str to sequence of str
        Per stream what each code looks or sounds like.

    Examples
    --------
    >>> entry = {"moved": -1.0, "headline": {"code": ("visual", 1), "against": None}}
    >>> entry |= {"visual": {"effects": {"1": -0.7, "0": -0.3}}}
    >>> in_words(entry, {"all": -0.4, "none": 0.6}, {"visual": ["smile", "frown"]})
    'Face and voice lower this prediction from +0.60 to −0.40. Face code 1 (frown) has the \
largest part in it: −0.70.'
    """
    if entry["headline"] is None:
        return ""

    def effect(code: tuple[str, int]) -> float:
        return entry[code[0]]["effects"][str(code[1])]

    def name(code: tuple[str, int]) -> str:
        stream, number = code
        return f"{TITLES[stream]} code {number} ({captions[stream][number]})"

    code, against = entry["headline"]["code"], entry["headline"]["against"]
    if abs(entry["moved"]) < LEAST_TOLD:
        verb = "lowers" if effect(code) < 0 else "raises"
        told = f"Together, face and voice leave this prediction at {signed(predictions['all'])}. "
        told += f"{name(code)} {verb} it most: {signed(effect(code))}"
        other = "the other way"
    else:
        verb = "lower" if entry["moved"] < 0 else "raise"
        ends = f"from {signed(predictions['none'])} to {signed(predictions['all'])}"
        told = f"Face and voice {verb} this prediction {ends}. "
        told += f"{name(code)} has the largest part in it: {signed(effect(code))}"
        as_hard = against is not None and signed(-effect(against)) == signed(effect(code))
        other = f"pulls the other way, {'as hard' if as_hard else 'and harder'}"
    if against is None:
        return f"{told}."
    return f"{told}; {name(against)} {other}: {signed(effect(against))}."


def signed(value: float) -> str:
    """Write a number with its sign and a true minus: ``−0.37``.

    Examples
    --------
    >>> signed(-0.374), signed(1.2), signed(-0.001)
    ('−0.37', '+1.20', '0.00')
    """
    text = f"{value:+.2f}".replace("-", "−")
    return text if text.strip("+−0.") else "0.00"


def _write(ax: Axes, x: float, y: float, text: str, size: float, color=_INK, **style) -> None:
    # Two dollar signs in a sentence are no formula.
    ax.text(x, y, text, size=size, color=color, va="center", parse_math=False, **style)
