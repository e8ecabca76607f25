"""Exact effects of the codes of an utterance, a piece at a time, so that nobody waits long for one.

With n codes there are 2ⁿ sets of them. A few are sampled at first (`cenet_lib.inspector.records`),
which is close; where n is at most ten, all can be looked at while somebody stays with an utterance.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ..corpus import Corpus
from ..utterance import STREAMS, Utterance
from .effects import Takeaway
from .records import Subject, code_effects
from .shapley import subsets

MOST_CODES = 10  # 2¹⁰ sets
_PIECE = 64  # sets in one pass


class Exact:
    """What is still to be computed of an utterance, of which effects were sampled.

    Parameters
    ----------
    subjects : sequence of Subject
    utterance : Utterance
    effects : mapping
        What `cenet_lib.inspector.records.measure_effects` returned. Of a subject with more than
        ten codes they stay as they are, and so they do where they are exact already.

    Attributes
    ----------
    done, of : int
        How many sets were looked at, of how many.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> from cenet_lib.inspector.records import measure_effects
    >>> run, corpus = Run("runs/mine"), load_corpus("data/mine")
    >>> subjects, utterance = [Subject("mine", run.model, run.processor)], corpus.test[0]
    >>> sampled = measure_effects(subjects, utterance, corpus, evaluations=12)
    >>> exact = Exact(subjects, utterance, sampled)
    >>> sampled["subjects"][0]["error"] > 0, exact.all_effects(corpus)["subjects"][0]["error"]
    (True, 0.0)
    """

    def __init__(self, subjects: Sequence[Subject], utterance: Utterance, effects: Mapping):
        self._subjects = subjects
        self._utterance = utterance
        self._sampled = effects
        self._taken = [Takeaway(subject.processor, utterance) for subject in subjects]
        self._reached = {
            place: np.empty(2 ** len(entry["players"]))
            for place, entry in enumerate(effects["subjects"])
            if entry["subsets"] is None and 0 < len(entry["players"]) <= MOST_CODES
        }
        self.done = 0
        self.of = sum(len(reached) for reached in self._reached.values())

    def step(self) -> None:
        """Look at some more sets."""
        start = self.done
        for place, reached in self._reached.items():
            if start < len(reached):
                taken = self._taken[place]
                sets = subsets(len(taken.players))[start : start + _PIECE]
                found = self._subjects[place].predict(taken.of_sets(sets), self._utterance)
                reached[start : start + len(sets)] = found
                self.done += len(sets)
                return
            start -= len(reached)

    def all_effects(self, corpus: Corpus) -> dict:
        """Look at all sets at once, and return what `effects` does."""
        while self.done < self.of:
            self.step()
        return self.effects(corpus)

    def effects(self, corpus: Corpus) -> dict:
        """Return the same as was sampled, but exact; all sets must have been looked at."""
        entries = list(self._sampled["subjects"])
        for place, reached in self._reached.items():
            subject = self._subjects[place]
            entry = code_effects(subject, self._utterance, corpus, reached=reached)
            for stream in STREAMS:
                entry[stream]["cues"] = entries[place][stream]["cues"]
            entries[place] = entry
        return {"id": self._utterance.id, "subjects": entries}
