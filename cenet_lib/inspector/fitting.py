"""An exported page stays small: what it leaves out where there are many utterances.

What goes first is what can be missed most easily, and utterances *in full* keep it longest: those
of which more was computed than of the rest. The page is not built to measure it: its parts are
measured, each once, and again only when something was left out of them.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..utterance import STREAMS
from . import page
from .page import compressed, first_part, line_of, others_of, page_html
from .records import pack, unpack

LARGEST_PAGE = 4_000_000  # bytes, films aside
_GROUP = 64  # utterances that are compressed together, to be measured
_BASE64 = 4 / 3  # characters to a byte
_CLOSE = 1.06


def make_fit(data: dict[str, Any], full: Collection[str], moved: Mapping[str, float]) -> None:
    """Leave out of a page's data what makes it too large.

    Parameters
    ----------
    data : dict
        See `cenet_lib.inspector.page.page_html`; it is changed.
    full : ids
        The utterances that keep most.
    moved : mapping of id to float
        How far face and voice move each utterance: if there is no room for the maps of all, those
        that are moved furthest keep them.

    Examples
    --------
    >>> stream = {"looks": "pictures"}
    >>> record = {"subjects": [{"visual": dict(stream), "acoustic": dict(stream)}]}
    >>> data = {"records": {"a": record}, "effects": {}, "what_ifs": {}, "state": {}}
    >>> make_fit(data, full=[], moved={"a": 0.5})
    >>> data["records"]["a"]["subjects"][0]["visual"]["looks"] is None
    True
    """
    rest = [id for id in data["records"] if id not in full]
    _without_looks(data, rest)
    _without_estimates(data, rest)
    sizes = Sizes(data)
    steps = (_with_coarse_maps, _without_looks, _without_estimates, _without_what_ifs)
    for lighten in steps:
        some = rest if lighten is _with_coarse_maps else full
        if sizes.page > LARGEST_PAGE:
            lighten(data, some)
            sizes.measure(some)
    while (size := sizes.page) > LARGEST_PAGE and len(data["records"]) > 1:
        _keep_records(data, max(int(len(data["records"]) * 0.98 * LARGEST_PAGE / size), 1), moved)


class Sizes:
    """How large a page is, from what is known of its parts.

    Parameters
    ----------
    data : mapping
        See `cenet_lib.inspector.page.page_html`.

    Examples
    --------
    >>> data = {"records": {"a": {"n": 1}}, "effects": {}, "what_ifs": {}, "state": {}}
    >>> abs(Sizes(data).page - len(page_html(data).encode())) < 100
    True
    """

    def __init__(self, data: Mapping[str, Any]):
        self._data = data
        self._code = len(page_html({}).encode())  # the page without data
        self._lines: dict[str, tuple[int, float]] = {}  # by id: as text, and compressed
        self.measure(data["records"])

    def measure(self, some: Collection[str]) -> None:
        """Measure some utterances anew, and what the page shows first."""
        first = first_part(self._data)
        self._first = len(first), len(compressed(first))
        ids = list(some)
        for at in range(0, len(ids), _GROUP):
            group = {id: line_of(self._data, id) for id in ids[at : at + _GROUP]}
            share = len(compressed("\n".join(group.values()))) / sum(map(len, group.values()))
            for id, line in group.items():
                self._lines[id] = (len(line) + 3 * len(id), share * len(line))

    @property
    def page(self) -> int:
        """The bytes of the page, to a few in a hundred, and rather more than less.

        Where that decides whether there is room, the page is built after all.
        """
        known = [self._lines[id] for id in others_of(self._data)]
        text = self._first[0] + sum(size for size, _ in known)
        if text <= page.LARGE:
            return self._code + text
        about = self._code + int(_BASE64 * (self._first[1] + sum(size for _, size in known)))
        if LARGEST_PAGE < about < _CLOSE * LARGEST_PAGE:
            return len(page_html(self._data).encode())
        return about


def _with_coarse_maps(data: Mapping[str, Any], some: Collection[str]) -> None:
    """Keep a byte of each attention; the page says so."""
    for id in some:
        for subject in data["records"][id]["subjects"]:
            for stream in STREAMS:
                of = subject[stream]
                for name in ("attention", "by_frame"):
                    if of[name] is not None and of[name]["dtype"] != "q1":
                        of[name] = pack_coarse(unpack(of[name]))


def pack_coarse(shares: np.ndarray) -> dict[str, Any]:
    """Return shares in [0, 1] as `pack` does, a byte of each: at most .004 off, small ones less.

    Examples
    --------
    >>> import base64
    >>> packed = pack_coarse(np.array([0.0, 0.25, 1.0, np.nan]))
    >>> packed["dtype"], [int(byte) for byte in base64.b64decode(packed["data"])]
    ('q1', [0, 127, 254, 255])
    """
    bytes = np.where(np.isnan(shares), 255, np.round(254 * np.sqrt(np.nan_to_num(shares))))
    return {**pack(bytes, "u1"), "dtype": "q1"}


def _without_looks(data: Mapping[str, Any], some: Collection[str]) -> None:
    """Leave out what frames look like: the codes' pictures are played instead."""
    for id in some:
        for subject in data["records"][id]["subjects"]:
            for stream in STREAMS:
                subject[stream]["looks"] = None


def _without_estimates(data: Mapping[str, Any], some: Collection[str]) -> None:
    """Leave out how to estimate a set of codes: their effects are added up instead."""
    for id in some:
        for subject in data["effects"].get(id, {"subjects": []})["subjects"]:
            subject["estimate"] = None


def _without_what_ifs(data: Mapping[str, Any], some: Collection[str]) -> None:
    """Leave out what was computed of changes."""
    for id in some:
        data["what_ifs"].pop(id, None)


def _keep_records(data: Mapping[str, Any], n: int, moved: Mapping[str, float]) -> None:
    """Keep the maps of the chosen utterance, and of those that are moved furthest."""
    chosen = data["state"]["utterance"]
    others = sorted((id for id in data["records"] if id != chosen), key=lambda id: -abs(moved[id]))
    gone = others[n - 1 :]
    for part in ("records", "effects", "what_ifs"):
        for id in gone:
            data[part].pop(id, None)
