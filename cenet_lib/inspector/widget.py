"""AttentionInspector: see with the mouse what each word takes from face and voice.

`records` computes, the `page` shows; this module joins them: as a notebook widget whose selections
Python reads and sets, as one HTML file that needs neither kernel nor network, and as a picture for
papers and for notebooks that are read without a kernel.
"""

import base64
import io
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets
from IPython.display import display
from tqdm.auto import tqdm

from ..corpus import Corpus
from ..errors import CENetError
from ..files import atomic_file, refuse_existing
from ..model import CENet
from ..processor import CENetProcessor
from ..runs.folder import Run
from ..utterance import SPLITS, STREAMS, Utterance
from .effects import Takeaway
from .face import FACE
from .figure import FIRST_TOKEN, draw_record
from .film import LARGEST_FILM, AnyFilm, describe_film, match_films, read_film
from .page import page_html, page_module
from .records import (
    Subject,
    describe_utterance,
    describe_vocabulary,
    list_utterances,
    measure_effects,
)

_MOST_LISTED = 500
_LARGEST_PAGE = 2_000_000  # bytes; beyond, a page leaves the frame-by-frame pictures out
_PIECE = 1_000_000  # bytes of a film in one message


# Styles of an output that is not trusted are dropped, so nothing is shown twice.
_STAND_IN = """<style>
.cenet-stand-in { display: none; }
.jp-OutputArea-child:has(> .jupyter-widgets.jp-OutputArea-output):has(+ * .cenet-stand-in) {
  display: none;
}
.jp-OutputArea-child:has(> .jupyter-widgets.jp-OutputArea-output) + * .cenet-stand-in {
  display: block;
  @SIZE@;
  background: url("data:image/png;base64,@PNG@") left top / contain no-repeat;
}
</style><div class="cenet-stand-in" role="img" aria-label="picture of the inspector"></div>"""


class AttentionInspector(anywidget.AnyWidget):
    """Words × codes of face and voice, to look into by mouse, keyboard or from Python.

    Parameters
    ----------
    model : CENet
    processor : CENetProcessor
    corpus : Corpus
    utterances : sequence of Utterance, optional
        What to list; by default the test split (or the first split that is not empty), and of a
        large one 500 spread evenly over it.
    compare : float, or (CENet, CENetProcessor), optional
        A second reading of each utterance beside the first, on the same colour scale: of the same
        model with another attention scale, or of another model.
    names : (str, str), optional
        What to call the two.
    frame_rate : mapping of stream to frames per second, optional
        To label time in seconds.
    films : film, folder, or mapping of id to film, optional
        The films in which utterances were measured, to be shown in step with the maps: a path, the
        bytes, or a recorder's `Clip`. Of a folder, the files that are called as those that the
        utterances were measured in. Without them a mesh is drawn from the landmarks. They go to the
        page of this notebook only, and are not saved with it.
    title : str, optional
        The heading, by default the name of the model; `from_run` takes the name of the run.
    progress : bool
        Show a bar while the listed utterances are read once, about 100 a second with MiniLM. Off by
        default, because a notebook keeps the bar's remains in its output.

    Attributes
    ----------
    utterance : str
        Id of the chosen utterance.
    word : int or None
        Position of the chosen word; -1 is the first token, which the head reads.
    code : (str, int) or None
        Stream (``"visual"`` or ``"acoustic"``) and number of the chosen code.
    view : str
        Columns of the maps: ``"codes"`` or ``"frames"``.

    All four can be read, set and observed, as traits of ipywidgets are.

    Raises
    ------
    CENetError
        If there is nothing to list, a value set from Python does not exist, or a film belongs to
        no listed utterance.

    Examples
    --------
    >>> inspector = AttentionInspector.from_run("runs/mine")
    >>> inspector.code = ("visual", 2)
    >>> inspector.code = ("visual", 9)
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: the visual codes are 0 to 3; not 9
    """

    _esm = page_module()
    utterance = traitlets.Unicode().tag(sync=True)
    word = traitlets.Int(None, allow_none=True).tag(sync=True)
    code = traitlets.Tuple(
        traitlets.Enum(STREAMS), traitlets.Int(), default_value=None, allow_none=True
    ).tag(sync=True)
    view = traitlets.Enum(("codes", "frames"), "codes").tag(sync=True)
    _corpus = traitlets.Dict().tag(sync=True)
    _record = traitlets.Dict().tag(sync=True)
    _effects = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        model: CENet,
        processor: CENetProcessor,
        corpus: Corpus,
        utterances: Sequence[Utterance] | None = None,
        *,
        compare: float | tuple[CENet, CENetProcessor] | None = None,
        names: tuple[str, str] | None = None,
        frame_rate: Mapping[str, float] | None = None,
        films: AnyFilm | Mapping[str, AnyFilm] | None = None,
        title: str | None = None,
        progress: bool = False,
    ):
        self._progress = progress
        self.subjects = _subjects(model, processor, compare, names)
        for subject in self.subjects:
            subject.processor.check_channels(corpus)
        self.corpus = corpus
        listed = _to_list(corpus) if utterances is None else list(utterances)
        if not listed:
            raise CENetError(f"{corpus.name}: there is no utterance to look into")
        self._listed = {utterance.id: utterance for utterance in listed}
        self._films = match_films(films, self._listed)
        self.listing = list_utterances(self.subjects[0], listed, progress=progress)
        books = [subject.processor for subject in self.subjects]
        distinct = books[: 1 if books[-1] is books[0] else 2]
        description = {
            "name": corpus.name,
            "title": title or " and ".join(subject.name for subject in self.subjects),
            "label_range": corpus.label_range,
            "first_token": processor.tokenizer.cls_token or "first token",
            "frame_rate": dict(frame_rate or {}),
            "face": FACE,
            "subjects": [
                {"vocabulary": min(i, len(distinct) - 1), **subject.facts}
                for i, subject in enumerate(self.subjects)
            ],
            "vocabularies": [
                {stream: describe_vocabulary(p, corpus, stream, progress) for stream in STREAMS}
                for p in distinct
            ],
            "list": _columns(self.listing),
        }
        moved = self.listing["prediction"] - self.listing["words_alone"]
        first = self.listing["id"].iloc[int(moved.argmin())]  # the top of the page's list
        super().__init__(
            utterance=first,
            _corpus=description,
            _record=self._describe(self._listed[first], has_pictures=first in self._films),
            _effects=measure_effects(self.subjects, self._listed[first], corpus, listed),
        )
        self.on_msg(self._hear)

    @classmethod
    def from_run(
        cls,
        run,
        corpus: Corpus | None = None,
        utterances: Sequence[Utterance] | None = None,
        *,
        compare=None,
        **settings,
    ) -> "AttentionInspector":
        """Open a run (a `Run` or its folder), by default on the corpus that it was trained on.

        ``compare`` may be another run, or an attention scale.
        """
        run = run if isinstance(run, Run) else Run(run)
        if corpus is None:
            corpus = run.corpus()
        settings.setdefault("title", run.folder.name)
        if compare is not None and not isinstance(compare, int | float):
            other = compare if isinstance(compare, Run) else Run(compare)
            settings.setdefault("names", (run.folder.name, other.folder.name))
            compare = (other.model, other.processor)
        return cls(run.model, run.processor, corpus, utterances, compare=compare, **settings)

    # ---------------------------------------------------------------- what Python may set

    @traitlets.validate("utterance")
    def _known_utterance(self, proposal) -> str:
        if proposal["value"] not in self._listed:
            raise CENetError(
                f"{proposal['value']!r} is not among the {len(self._listed)} utterances listed; "
                "see inspector.listing"
            )
        return proposal["value"]

    @traitlets.validate("word")
    def _known_word(self, proposal) -> int | None:
        word, words = proposal["value"], self._listed[self.utterance].words
        if word is not None and not FIRST_TOKEN <= word < len(words):
            raise CENetError(
                f"{self.utterance} has words 0 to {len(words) - 1} (and -1, the first token); "
                f"there is no word {word}"
            )
        return word

    @traitlets.validate("code")
    def _known_code(self, proposal) -> tuple[str, int] | None:
        code = proposal["value"]
        if code is not None:
            n_codes = max(subject.processor.n_codes(code[0]) for subject in self.subjects)
            if not 0 <= code[1] < n_codes:
                raise CENetError(f"the {code[0]} codes are 0 to {n_codes - 1}; not {code[1]}")
        return code

    @traitlets.observe("utterance")
    def _read_utterance(self, change) -> None:
        if change["old"] in (traitlets.Undefined, ""):
            return  # being built; the record comes along
        utterance = self._listed[self.utterance]
        self.word = None
        # The record goes to the page before the slower part begins.
        self._record = self._describe(utterance, has_pictures=utterance.id in self._films)
        self._effects = measure_effects(self.subjects, utterance, self.corpus, self._all())

    def _describe(self, utterance: Utterance, has_pictures: bool, dtype: str = "f4") -> dict:
        record = describe_utterance(self.subjects, utterance, self.corpus, dtype)
        return {**record, "film": describe_film(utterance, self.corpus, has_pictures)}

    def prediction_without(
        self, codes: Iterable[tuple[str, int]], utterance: str | None = None, *, subject: int = 0
    ) -> float:
        """Return what is predicted if the frames of some codes are taken away.

        Parameters
        ----------
        codes : iterable of (str, int)
            Streams and numbers of codes; those that do not occur change nothing.
        utterance : str, optional
            An id; by default, the chosen utterance.
        subject : int
            Which model, 0 or 1, where two are compared.

        Raises
        ------
        CENetError
            If there is no such utterance, model or code.

        Examples
        --------
        >>> inspector = AttentionInspector.from_run("runs/mine")
        >>> codes = [("visual", code) for code in range(4)]  # all that there are of the face
        >>> without = inspector.prediction_without(codes)
        >>> bool(np.isclose(without, inspector._record["subjects"][0]["predictions"]["no_visual"]))
        True
        """
        id = self._known_utterance({"value": self.utterance if utterance is None else utterance})
        if subject not in range(len(self.subjects)):
            raise CENetError(f"there are {len(self.subjects)} models to ask; not one {subject!r}")
        codes = [self._known_code({"value": code}) for code in codes]
        of = self.subjects[subject]
        taken = Takeaway(of.processor, self._listed[id])
        return float(of.predict([taken.without(codes)], taken.utterance)[0])

    def _hear(self, _: Any, message: Mapping, buffers: Sequence[Any]) -> None:
        """Answer what the page asks for, by messages, which no notebook saves."""
        kind, id = message.get("kind"), str(message.get("id"))
        if kind == "film" and id in self._films:
            self._send_film(id)
        if kind == "without" and id in self._listed:
            codes = [(str(stream), int(code)) for stream, code in message["codes"]]
            prediction = self.prediction_without(codes, id, subject=int(message["subject"]))
            self.send({**message, "prediction": prediction})

    def _send_film(self, id: str) -> None:
        try:
            content, mime = read_film(self._films[id])
        except CENetError as error:
            self.send({"kind": "no film", "id": id, "say": str(error)})
            return
        pieces = [content[at : at + _PIECE] for at in range(0, len(content), _PIECE)]
        for n, piece in enumerate(pieces):
            self.send({"kind": "film", "id": id, "n": n, "of": len(pieces), "mime": mime}, [piece])

    def _all(self) -> list[Utterance]:
        return list(self._listed.values())

    def _most_moved(self, n: int) -> list[str]:
        """Return the ids of utterances that face and voice change most, the most lowered first."""
        moved = self.listing["prediction"] - self.listing["words_alone"]
        chosen = moved.loc[moved.abs().sort_values(ascending=False, kind="stable").index[:n]]
        return self.listing.loc[chosen.sort_values(kind="stable").index, "id"].tolist()

    # ---------------------------------------------------------------- without a kernel

    def to_html(
        self, path: str | Path, utterances: int | Sequence[str] = 50, *, film: bool = False
    ) -> None:
        """Write one HTML file in which everything but running the model works.

        It loads nothing and calls nobody, and opens from the disk.

        Parameters
        ----------
        path : str or Path
        utterances : int or ids
            How many to put in: the chosen one and those that face and voice move most. Or which.
        film : bool
            Put the films in, with the pictures and the voices of the people in them; at most 30 MB.
            By default the page has what was measured: landmarks, loudness and pitch.

        Raises
        ------
        CENetError
            If an id is not listed, films are asked for and there are none or too large ones, or the
            file cannot be written.
        """
        if isinstance(utterances, int):
            others = [id for id in self._most_moved(len(self._listed)) if id != self.utterance]
            strongest = set(self._most_moved(utterances)) - {self.utterance}
            ids = [self.utterance, *[id for id in others if id in strongest]][: max(utterances, 1)]
        else:
            ids = list(utterances)
        unknown = [id for id in ids if id not in self._listed]
        if unknown or not ids:
            raise CENetError(f"cannot export {unknown or 'no utterance'}; see inspector.listing")
        page = self._page(ids, self._read_films(ids) if film else {})
        with atomic_file(path) as temporary:
            temporary.write_text(page, encoding="utf-8")

    def _read_films(self, ids: Sequence[str]) -> dict[str, dict[str, str]]:
        films: dict[str, dict[str, str]] = {}
        room = LARGEST_FILM
        for id in ids:
            if id in self._films:
                content, mime = read_film(self._films[id], room)
                room -= len(content)
                films[id] = {"mime": mime, "data": base64.b64encode(content).decode("ascii")}
        if not films:
            raise CENetError(
                "there are no films to put in; give them to the inspector as `films`, or leave "
                "film=True out: the mesh needs none"
            )
        return films

    def _page(self, ids: Sequence[str], films: Mapping[str, Mapping[str, str]]) -> str:
        records, effects = {}, {}
        for id in tqdm(ids, desc="export", leave=False, disable=not self._progress):
            utterance = self._listed[id]
            records[id] = self._describe(utterance, has_pictures=id in films, dtype="f2")
            effects[id] = measure_effects(self.subjects, utterance, self.corpus, self._all())
        rows = self.listing[self.listing["id"].isin(ids)]
        start = self.utterance if self.utterance in records else ids[0]
        here = start == self.utterance
        data = {
            "corpus": {**self._corpus, "list": _columns(rows)},
            "records": records,
            "effects": effects,
            "state": {
                "utterance": start,
                "word": self.word if here else None,
                "code": self.code,
                "view": self.view,
            },
        }
        for lighten in (_without_looks, _without_estimates):
            if len(page_html(data).encode()) > _LARGEST_PAGE:
                lighten(data)
        return page_html({**data, "films": films})

    def to_png(self, path: str | Path, dpi: int = 200) -> None:
        """Write a static picture of the chosen utterance, for papers."""
        self._save_figure(path, "png", dpi)

    def to_svg(self, path: str | Path) -> None:
        """Write the same picture as vectors."""
        self._save_figure(path, "svg", 72)

    def figure(self):
        """Draw the chosen utterance as a static matplotlib Figure."""
        return draw_record(self._corpus, self._record, self._effects, self.word, self.code)

    def _save_figure(self, path: str | Path, format: str, dpi: int) -> None:
        with atomic_file(path) as temporary:
            self.figure().savefig(temporary, format=format, dpi=dpi)

    def __repr__(self):
        return f"AttentionInspector({self.corpus.name!r}, utterance={self.utterance!r})"

    def _repr_mimebundle_(self, **kwargs):
        """Give a picture along with the widget, for readers of a saved notebook."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:  # anywidget has nothing to show
            return None
        data, metadata = bundle
        png = io.BytesIO()
        self.figure().savefig(png, format="png", dpi=80)
        data["image/png"] = base64.b64encode(png.getvalue()).decode("ascii")
        return data, metadata

    def _ipython_display_(self, **kwargs):
        """Show the widget, and below it what stands in for it when the notebook is reopened.

        JupyterLab shows the picture beside a widget only in notebooks that it does not trust; in
        one's own, a widget without its kernel is "model not found".
        """
        bundle = self._repr_mimebundle_(**kwargs)
        if bundle is None:
            return
        display(bundle[0], metadata=bundle[1], raw=True)
        picture = bundle[0]["image/png"]
        header = base64.b64decode(picture[:32])  # of a PNG: its width and height are bytes 16 to 23
        width, height = struct.unpack(">II", header[16:24])
        size = f"max-width: {width}px; aspect-ratio: {width} / {height}"
        html = _STAND_IN.replace("@SIZE@", size).replace("@PNG@", picture)
        display({"text/html": html}, raw=True)


def film_page(
    utterance: Utterance, run: Run | str | Path, path: str | Path, film: AnyFilm | None = None
) -> None:
    """Write the page of one utterance that was measured in a film, as a run reads it.

    Parameters
    ----------
    utterance : Utterance
        See `cenet_lib.video.extract.utterance_from_video`.
    run : Run, str or Path
        A finished run, or its folder.
    path : str or Path
        A new HTML file, see `AttentionInspector.to_html`.
    film : str, Path, bytes or Clip, optional
        The film itself, to be put in; without it the page has the mesh of the face.

    Raises
    ------
    CENetError
        If the file exists already, the run's model was trained on other channels, or the film is
        too large or of a kind that browsers do not play.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film_page(load_corpus("data/mine").test[0], "runs/mine", f"{folder}/mine.html")
    """
    refuse_existing(path)
    run = run if isinstance(run, Run) else Run(Path(run))
    try:
        corpus = run.corpus()
    except CENetError:  # it is elsewhere: then nothing is known of where its codes occur
        visual, acoustic = (
            None if vocabulary is None else vocabulary.channels_
            for vocabulary in (run.processor.vocabularies[stream] for stream in STREAMS)
        )
        corpus = Corpus(run.folder.name, visual_names=visual, acoustic_names=acoustic)
    inspector = AttentionInspector.from_run(run, corpus, [utterance], films=film)
    inspector.to_html(path, film=film is not None)


def _without_looks(data: Mapping) -> None:
    """Leave out what frames look like: the codes' pictures are played instead."""
    for record in data["records"].values():
        for subject in record["subjects"]:
            for stream in STREAMS:
                subject[stream]["looks"] = None


def _without_estimates(data: Mapping) -> None:
    """Leave out how to estimate a set of codes: their effects are added up instead."""
    for effects in data["effects"].values():
        for subject in effects["subjects"]:
            subject["estimate"] = None


def _subjects(model, processor, compare, names) -> list[Subject]:
    if compare is None:
        return [Subject((names or ("model",))[0], model, processor)]
    if isinstance(compare, int | float):
        own = getattr(model.fusion, "scale", math.nan)
        names = names or (f"scale {own:g}", f"scale {compare:g}")
        other = Subject(names[1], model, processor, float(compare))
    else:
        names = names or ("first model", "second model")
        other = Subject(names[1], *compare)
    return [Subject(names[0], model, processor), other]


def _to_list(corpus: Corpus) -> list[Utterance]:
    filled = [corpus.splits[split] for split in reversed(SPLITS) if len(corpus.splits[split])]
    if not filled:
        return []
    rows = np.linspace(0, len(filled[0]) - 1, min(len(filled[0]), _MOST_LISTED)).astype(int)
    return [filled[0][int(row)] for row in rows]


def _columns(listing: pd.DataFrame) -> dict[str, list]:
    """Return a table as lists, with null for NaN, which JSON does not have."""
    return {
        str(name): [None if isinstance(v, float) and math.isnan(v) else v for v in column.tolist()]
        for name, column in listing.items()
    }
