"""AttentionInspector: see with the mouse what each word takes from face and voice.

`records` computes, the `page` shows; this module joins them: as a notebook widget whose selections
Python reads and sets, as one HTML file that needs neither kernel nor network, and as a picture for
papers and for notebooks that are read without a kernel.
"""

import base64
import io
import math
import struct
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from ..prediction import Output, finite
from ..processor import CENetProcessor
from ..runs.folder import Run
from ..utterance import SPLITS, STREAMS, Utterance
from .counterfactuals import Changes, what_if
from .effects import Takeaway
from .exact import Exact
from .face import FACE
from .figure import FIRST_TOKEN, draw_record
from .film import describe_film
from .fitting import make_fit
from .matching import LARGEST_FILM, AnyFilm, film_of, match_films
from .page import page_html, page_module
from .records import (
    Reading,
    Subject,
    code_effects,
    describe_utterance,
    describe_vocabulary,
    list_utterances,
    measure_effects,
)
from .several import Comparison, check_runs, name_runs, titled, vocabulary_places
from .survey import Survey, code_effects_of, describe_survey, survey_some
from .what_ifs import describe_what_if, measure_what_ifs

MAPS = ("each", "difference", "spread")
_MOST_LISTED = 500
_IN_FULL = 50  # utterances of a page of which effects are sampled, and pictures are frame by frame
_PIECE = 1_000_000  # bytes of a film in one message
_EXACT_SETS = 4096  # of codes, which are looked at for the exact effects on a page


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
    compare : float, (CENet, CENetProcessor), or a list of such pairs, optional
        A second reading of each utterance beside the first, on the same colour scale: of the same
        model with another attention scale, or of another model. Where their maps have the same
        cells, their difference can be shown. Of a list, all must have the same cells.
    names : sequence of str, optional
        What to call them.
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
    maps : str
        Of several models, what the maps show: ``"each"`` by itself, the ``"difference"`` of two, or
        the mean over all and its ``"spread"``.
    pair : (int, int)
        Of several models, the first minus the second is the difference; the first is the one whose
        codes are shown.

    All can be read, set and observed, as traits of ipywidgets are.

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
    maps = traitlets.Enum(MAPS, "each").tag(sync=True)
    pair = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 1)).tag(sync=True)
    _corpus = traitlets.Dict().tag(sync=True)
    _record = traitlets.Dict().tag(sync=True)
    show = traitlets.Enum(("utterance", "corpus"), "utterance").tag(sync=True)
    _effects = traitlets.Dict().tag(sync=True)
    _survey = traitlets.Dict().tag(sync=True)
    _corpus_view = traitlets.Dict().tag(sync=True)  # how what the survey found is shown

    def __init__(
        self,
        model: CENet,
        processor: CENetProcessor,
        corpus: Corpus,
        utterances: Sequence[Utterance] | None = None,
        *,
        compare: float
        | tuple[CENet, CENetProcessor]
        | list[tuple[CENet, CENetProcessor]]
        | None = None,
        names: Sequence[str] | None = None,
        frame_rate: Mapping[str, float] | None = None,
        films: AnyFilm | Mapping[str, AnyFilm] | None = None,
        title: str | None = None,
        progress: bool = False,
    ):
        self._progress = progress
        self._own_survey: Survey | None = None
        self._is_watched = False
        self.subjects = _subjects(model, processor, compare, names)
        for subject in self.subjects:
            subject.processor.check_channels(corpus)
        self.corpus = corpus
        listed = _to_list(corpus) if utterances is None else list(utterances)
        if not listed:
            raise CENetError(f"{corpus.name}: there is no utterance to look into")
        self._listed = {utterance.id: utterance for utterance in listed}
        self._films = match_films(films, self._listed)
        self._comparison = Comparison.of(
            self.subjects, listed, strict=isinstance(compare, list), progress=progress
        )
        self.listing = list_utterances(self.subjects[0], listed, progress=progress)
        if self._comparison is not None and self._comparison.table is not None:
            self.listing["repeats"] = self._comparison.repeats(self.listing["id"].tolist())
        books = [subject.processor for subject in self.subjects]
        places = vocabulary_places(books)
        distinct = [books[places.index(place)] for place in sorted(set(places))]
        description = {
            "name": corpus.name,
            "title": title or " and ".join(subject.name for subject in self.subjects),
            "label_range": corpus.label_range,
            "first_token": processor.tokenizer.cls_token or "first token",
            "frame_rate": dict(frame_rate or {}),
            "face": FACE,
            "subjects": [
                {"vocabulary": place, **subject.facts}
                for place, subject in zip(places, self.subjects, strict=True)
            ],
            "several": None if self._comparison is None else self._comparison.facts,
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
            _effects=self._measure(self._listed[first]),
            maps=self._maps_at_first(strict=isinstance(compare, list)),
        )
        self.on_msg(self._hear)

    def _maps_at_first(self, strict: bool) -> str:
        """Runs that were named to be compared are; a second one beside the first stays there."""
        if len(self.subjects) > 2:
            return "spread"
        return "difference" if strict else "each"

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

    @classmethod
    def from_runs(
        cls,
        runs: Sequence[Run | str | Path],
        corpus: Corpus | None = None,
        utterances: Sequence[Utterance] | None = None,
        **settings,
    ) -> "AttentionInspector":
        """Open two runs or more, to see whether their maps repeat.

        Of two, the page shows the difference of the maps; of more, for each cell the mean and its
        spread. `agreement` says how far they agree.

        Parameters
        ----------
        runs : sequence of Run, str or Path
            Finished runs or their folders, trained on the same corpus: such as one with several
            seeds.
        corpus : Corpus, optional
            By default the one that they were trained on.
        utterances, **settings
            As of `AttentionInspector`.

        Raises
        ------
        CENetError
            If their maps do not have the same cells, see `cenet_lib.inspector.several`.

        Examples
        --------
        >>> AttentionInspector.from_runs(["runs/mine", "runs/mine"])
        Traceback (most recent call last):
        cenet_lib.errors.CENetError: runs/mine: is named twice; name each run once
        """
        opened = [run if isinstance(run, Run) else Run(Path(run)) for run in runs]
        check_runs(opened)
        names = name_runs(opened)
        settings.setdefault("names", names)
        settings.setdefault("title", titled(names))
        first, *others = opened
        compare = [(run.model, run.processor) for run in others]
        corpus = first.corpus() if corpus is None else corpus
        return cls(first.model, first.processor, corpus, utterances, compare=compare, **settings)

    @property
    def agreement(self) -> pd.DataFrame:
        """How far the maps of several models agree on each listed utterance.

        The columns are ``id``, ``stream``, ``agreement`` and ``by_word``, see
        `cenet_lib.inspector.several`.

        Raises
        ------
        CENetError
            If there is one model only, or the maps do not have the same cells.

        Examples
        --------
        >>> inspector = AttentionInspector.from_run("runs/mine", compare=1.0)
        >>> inspector.agreement.columns.tolist()
        ['id', 'stream', 'agreement', 'by_word']
        """
        if self._comparison is None:
            raise CENetError("one model alone agrees with itself; open several with from_runs")
        return self._comparison.known.drop(columns="each")

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

    @traitlets.validate("maps")
    def _known_maps(self, proposal) -> str:
        if proposal["value"] != "each":
            if self._comparison is None:
                raise CENetError("there is one model only; open several with from_runs")
            _ = self._comparison.known  # or it says why not
        return proposal["value"]

    @traitlets.validate("pair")
    def _known_pair(self, proposal) -> tuple[int, int]:
        n, (one, other) = len(self.subjects), proposal["value"]
        if n > 1 and (one == other or not {one, other} <= set(range(n))):
            raise CENetError(f"a pair is two different models of 0 to {n - 1}; not {one}, {other}")
        return proposal["value"]

    @traitlets.observe("utterance")
    def _read_utterance(self, change) -> None:
        if change["old"] in (traitlets.Undefined, ""):
            return  # being built; the record comes along
        utterance = self._listed[self.utterance]
        self.word = None
        # The record goes to the page before the slower part begins.
        self._record = self._describe(utterance, has_pictures=utterance.id in self._films)
        if self._is_watched:  # a page asks for better ones, if it stays with this utterance
            self._effects = self._quick_effects(utterance)
        else:
            self._effects = self._measure(utterance)

    def _measure(self, utterance: Utterance) -> dict:
        """Return effects; if they are sampled and could be exact, a page asks for that."""
        effects = measure_effects(self.subjects, utterance, self.corpus, self._all())
        self._exact = Exact(self.subjects, utterance, effects)
        return {**effects, "sampled": True} if self._exact.of else effects

    def _go_on(self, id: str) -> None:
        """Look at some more sets of codes, while the page stays with an utterance."""
        self._exact.step()
        if self._exact.done < self._exact.of:
            self.send({"kind": "exact", "id": id})
        else:
            self._effects = self._exact.effects(self.corpus)

    def _describe(self, utterance: Utterance, has_pictures: bool, dtype: str = "f4") -> dict:
        record = describe_utterance(self.subjects, utterance, self.corpus, dtype)
        told = None if self._comparison is None else self._comparison.told_of(utterance.id)
        film = describe_film(utterance, self.corpus, has_pictures)
        return {**record, "agreement": told, "film": film}

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
            Which model, from 0, where several are compared.

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
        id, of = self._asked(utterance, subject)
        codes = [self._known_code({"value": code}) for code in codes]
        taken = Takeaway(of.processor, self._listed[id])
        return float(of.predict([taken.without(codes)], taken.utterance)[0])

    def what_if(self, utterance: str | None = None, *, subject: int = 0, **changes) -> Reading:
        """Return what a model makes of an utterance if something in it were different.

        No model was trained on such utterances: it is what this one does, not what a person would
        feel.

        Parameters
        ----------
        utterance : str, optional
            An id; by default, the chosen utterance.
        subject : int
            Which model, where several are compared.
        **changes
            What `cenet_lib.inspector.counterfactuals.Changes` holds: ``words`` by their places,
            ``codes`` that become others, ``gaps`` in a stream, the ``scale`` of the attention, and
            codes ``without`` which it is.

        Returns
        -------
        Reading
            ``prediction``, and the attention ``visual`` and ``acoustic`` (n_words + 1, k+1).

        Raises
        ------
        CENetError
            If there is no such utterance, model, word, code, frame or scale.

        Examples
        --------
        >>> inspector = AttentionInspector.from_run("runs/mine")
        >>> frown, smile = ("visual", 0), 1
        >>> reading = inspector.what_if(words={0: "good"}, codes={frown: smile})
        >>> bool(reading.visual[:, 0].any())  # no word sees the first code any more
        False
        """
        id, of = self._asked(utterance, subject)
        return what_if(of, self._listed[id], Changes(**changes), self.corpus)

    def _asked(self, utterance: str | None, subject: int) -> tuple[str, Subject]:
        """Return the id of an utterance and the model that a question is about."""
        id = self._known_utterance({"value": self.utterance if utterance is None else utterance})
        if subject not in range(len(self.subjects)):
            raise CENetError(f"there are {len(self.subjects)} models to ask; not one {subject!r}")
        return id, self.subjects[subject]

    def _hear(self, _: Any, message: Mapping, buffers: Sequence[Any]) -> None:
        """Answer what the page asks for, by messages, which no notebook saves."""
        kind, id = message.get("kind"), str(message.get("id"))
        if kind == "film" and id in self._films:
            self._send_film(id)
        if kind == "here":
            self._is_watched = True
        if kind == "survey":
            self._answer_survey()
        if kind == "refine" and id == self.utterance:
            self._effects = self._measure(self._listed[id])
        if kind == "exact" and id == self.utterance and self._effects.get("sampled"):
            self._go_on(id)
        if kind == "without" and id in self._listed:
            codes = [(str(stream), int(code)) for stream, code in message["codes"]]
            prediction = self.prediction_without(codes, id, subject=int(message["subject"]))
            self.send({**message, "prediction": prediction})
        if kind == "what if" and id in self._listed:
            self.send({**message, **self._answer(id, message)})

    def _answer(self, id: str, message: Mapping) -> dict[str, Any]:
        """Return what a model makes of the changes that the page asks about, or what is wrong."""
        try:
            _, subject = self._asked(id, message["subject"])
            reading = what_if(subject, self._listed[id], Changes.from_message(message), self.corpus)
        except CENetError as error:
            return {"say": str(error)}
        return {"answer": describe_what_if(reading)}

    def _send_film(self, id: str) -> None:
        try:
            film = film_of(self._films[id], self._listed[id], self.corpus)
        except CENetError as error:
            self.send({"kind": "no film", "id": id, "say": str(error)})
            return
        pieces = [film.content[at : at + _PIECE] for at in range(0, len(film.content), _PIECE)]
        about = {"kind": "film", "id": id, "mime": film.kind, "offset": film.offset}
        for n, piece in enumerate(pieces):
            self.send({**about, "n": n, "of": len(pieces)}, [piece])

    # ---------------------------------------------------------------- all utterances

    @property
    def _reads_streams(self) -> bool:
        return self.subjects[0].model.fusion is not None

    @property
    def survey(self) -> Survey:
        """What the (first) model made of all listed utterances: effects of codes, tables of words.

        It is made when it is first asked for, at about 25 utterances a second with MiniLM.

        Raises
        ------
        CENetError
            If the model reads words only.

        Examples
        --------
        >>> inspector = AttentionInspector.from_run("runs/mine")
        >>> bool(inspector.survey.codes["utterances"].max() <= len(inspector.listing))
        True
        """
        if self._own_survey is None:
            bar = tqdm(
                total=len(self._listed),
                desc="effects of all utterances",
                leave=False,
                disable=not self._progress,
            )
            with bar:
                self._own_survey = self._make_survey(lambda done: bar.update(done - bar.n))
        return self._own_survey

    def _make_survey(self, tell: Callable[[int], object]) -> Survey:
        survey = Survey.of(self.subjects[0], self._all(), tell)
        self._survey = describe_survey(survey, self.corpus)
        return survey

    def _surveyed_as(self, survey: Survey | None, effects: Mapping[str, Mapping]) -> dict:
        """Return the record of a survey that has the same effects as the page's utterances."""
        if survey is None:
            return {}
        known = {id: code_effects_of(entry["subjects"][0]) for id, entry in effects.items()}
        return describe_survey(survey.replaced(known), self.corpus)

    def _quick_effects(self, utterance: Utterance) -> dict:
        """Return effects from the simple picture of each model, which are there at once."""
        entries = []
        for i, subject in enumerate(self.subjects):
            if subject.model.fusion is None:
                entries.append(code_effects(subject, utterance, self.corpus))
                continue
            survey = self._own_survey if i == 0 else None
            if survey is None:
                (surveyed,) = survey_some(subject, [utterance])
                entries.append(surveyed.entry(0.0))
            else:
                entries.append(survey.of_utterance(utterance.id).entry(survey.error))
        return {"id": utterance.id, "subjects": entries, "first": True}

    def _answer_survey(self) -> None:
        """Make the survey that the page asks for, and tell how far it is."""
        if self._own_survey is not None or not self._reads_streams:
            return
        start = time.monotonic()

        def tell(done: int) -> None:
            left = (time.monotonic() - start) / done * (len(self._listed) - done)
            self.send({"kind": "survey", "done": done, "of": len(self._listed), "left": left})

        self._own_survey = self._make_survey(tell)

    def _all(self) -> list[Utterance]:
        return list(self._listed.values())

    def _most_moved(self, n: int, ids: Collection[str] | None = None) -> list[str]:
        """Return the ids of utterances that face and voice change most, the most lowered first."""
        moved = self.listing["prediction"] - self.listing["words_alone"]
        if ids is not None:
            moved = moved[self.listing["id"].isin(ids)]
        chosen = moved.loc[moved.abs().sort_values(ascending=False, kind="stable").index[:n]]
        return self.listing.loc[chosen.sort_values(kind="stable").index, "id"].tolist()

    # ---------------------------------------------------------------- without a kernel

    def to_html(
        self,
        path: str | Path,
        utterances: int | Sequence[str] | None = None,
        *,
        film: bool = False,
    ) -> None:
        """Write one HTML file in which everything but running the model works.

        It loads nothing and calls nobody, and opens from the disk.

        Parameters
        ----------
        path : str or Path
        utterances : int or ids, optional
            How many to put in with their maps: the chosen one and those that face and voice move
            most. Or which. By default all that are listed; of these, 50 in full, and of the others
            the page has effects from a simple picture of the model. A page has 4 MB at most, films
            aside: if there is no room, maps are left out of those that are moved least. The view of
            all utterances has all that are listed in any case.
        film : bool
            Put the films in, with the pictures and the voices of the people in them; at most 30 MB.
            By default the page has what was measured: landmarks, loudness and pitch.

        Raises
        ------
        CENetError
            If an id is not listed, films are asked for and there are none or too large ones, or the
            file cannot be written.
        """
        if utterances is None:
            utterances = len(self._listed)
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

    def _read_films(self, ids: Sequence[str]) -> dict[str, dict[str, str | float]]:
        films: dict[str, dict[str, str | float]] = {}
        room = LARGEST_FILM
        for id in ids:
            if id in self._films:
                film = film_of(self._films[id], self._listed[id], self.corpus, room)
                room -= len(film.content)
                data = base64.b64encode(film.content).decode("ascii")
                films[id] = {"mime": film.kind, "data": data, "offset": film.offset}
        if not films:
            raise CENetError(
                "there are no films to put in; give them to the inspector as `films`, or leave "
                "film=True out: the mesh needs none"
            )
        return films

    def _page(self, ids: Sequence[str], films: Mapping[str, Mapping[str, str | float]]) -> str:
        records, effects, what_ifs = {}, {}, {}
        books = [
            self._corpus["vocabularies"][facts["vocabulary"]] for facts in self._corpus["subjects"]
        ]
        start = self.utterance if self.utterance in ids else ids[0]
        full = set(ids) if len(ids) <= _IN_FULL else {start, *self._most_moved(_IN_FULL - 1, ids)}
        survey = self.survey if self._reads_streams else None
        room = _EXACT_SETS
        for id in tqdm(ids, desc="export", leave=False, disable=not self._progress):
            utterance = self._listed[id]
            records[id] = self._describe(utterance, has_pictures=id in films, dtype="f2")
            if id in full or survey is None:
                effects[id] = measure_effects(self.subjects, utterance, self.corpus, self._all())
                exact = Exact(self.subjects, utterance, effects[id])
                if 0 < exact.of <= room:
                    room -= exact.of
                    effects[id] = exact.all_effects(self.corpus)
                    if id == self.utterance:
                        self._effects = effects[id]  # a page says what the widget says
                what_ifs[id] = measure_what_ifs(self.subjects, utterance, effects[id], books)
            else:
                effects[id] = self._quick_effects(utterance)
        here = start == self.utterance
        data = {
            "corpus": self._corpus,
            "survey": self._surveyed_as(survey, effects),
            "records": records,
            "effects": effects,
            "what_ifs": what_ifs,
            "state": {
                "utterance": start,
                "word": self.word if here else None,
                "code": self.code,
                "view": self.view,
                "maps": self.maps,
                "pair": list(self.pair),
                "show": self.show,
                "_corpus_view": self._corpus_view,
            },
        }
        moved = self.listing["prediction"] - self.listing["words_alone"]
        make_fit(data, full, dict(zip(self.listing["id"], moved, strict=True)))
        return page_html({**data, "films": films})

    def to_png(self, path: str | Path, dpi: int = 200) -> None:
        """Write a static picture of the chosen utterance, for papers."""
        self._save_figure(path, "png", dpi)

    def to_svg(self, path: str | Path) -> None:
        """Write the same picture as vectors."""
        self._save_figure(path, "svg", 72)

    def figure(self):
        """Draw the chosen utterance as a static matplotlib Figure.

        Of several models, it has the maps of their difference if these are shown.
        """
        difference = self.pair if self.maps == "difference" else None
        shown = (self._corpus, self._record, self._effects)
        return draw_record(*shown, self.word, self.code, difference)

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
) -> float:
    """Write the page of one utterance that was measured in a film, as a run reads it.

    Parameters
    ----------
    utterance : Utterance
        See `cenet_lib.video.extract.utterance_from_video`.
    run : Run, str or Path
        A finished run, or its folder.
    path : str or Path
        A new HTML file, see `AttentionInspector.to_html`.
    film : str, Path, bytes, Clip or Playable, optional
        The film itself, to be put in, or what `cenet_lib.inspector.matching.read_film` made of it;
        without it the page has the mesh of the face.

    Returns
    -------
    float
        What the run predicts.

    Raises
    ------
    CENetError
        If the file exists already, the run's model was trained on other channels or predicts no
        finite number, or the film is too large or another one than was measured.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = film_page(load_corpus("data/mine").test[0], "runs/mine", f"{folder}/mine.html")
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
    prediction = finite(Output(float(inspector.listing["prediction"].iloc[0])), utterance)
    inspector.to_html(path, film=film is not None)
    return prediction


def _subjects(model, processor, compare, names) -> list[Subject]:
    if compare is None:
        return [Subject((names or ("model",))[0], model, processor)]
    if isinstance(compare, list):
        names = names or [f"model {i + 1}" for i in range(len(compare) + 1)]
        models = [(model, processor), *compare]
        return [Subject(name, *one) for name, one in zip(names, models, strict=True)]
    if isinstance(compare, int | float):
        own = getattr(model.fusion, "scale", math.nan)
        names = names or (f"scale {own:g}", f"scale {compare:g}")
        other = Subject(names[1], model, processor, float(compare))
    else:
        names = names or ("first model", "second model")
        other = Subject(names[1], *compare)
    return [Subject(names[0], model, processor), other]


def split_to_show(corpus: Corpus) -> list[Utterance]:
    """Return all utterances of the test split, or of the first split that is not empty.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> corpus = load_corpus("data/mine")
    >>> [one.id for one in split_to_show(corpus)] == [one.id for one in corpus.test]
    True
    """
    filled = [corpus.splits[split] for split in reversed(SPLITS) if len(corpus.splits[split])]
    return list(filled[0]) if filled else []


def _to_list(corpus: Corpus) -> list[Utterance]:
    whole = split_to_show(corpus)
    rows = np.linspace(0, len(whole) - 1, min(len(whole), _MOST_LISTED)).astype(int)
    return [whole[int(row)] for row in rows]


def _columns(listing: pd.DataFrame) -> dict[str, list]:
    """Return a table as lists, with null for NaN, which JSON does not have."""
    return {
        str(name): [None if isinstance(v, float) and math.isnan(v) else v for v in column.tolist()]
        for name, column in listing.items()
    }
