"""What the codes of a vocabulary mean, how they are used, and how many there should be.

A code is a point among frames, not a frame. To see what it stands for, one looks at the real frames
nearest to it, and at the utterances that they come from.

It reads vocabularies (`cenet_lib.vocabulary`) and utterances; `cenet_lib.results.plots` draws the
tables, and the inspector shows the frames.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_score

from ..frames import Frames, FrameSequences, Sample, batches
from ..utterance import Utterance
from ..vocabulary import FeatureVocabulary, one_thread


class NearestFrames:
    """The real frames nearest to each code: from each utterance the nearest of those that chose it.

    Parameters
    ----------
    n_codes : int
        The size k of the vocabulary.
    n : int
        How many frames are kept for each code, each from another utterance.

    Examples
    --------
    >>> vocabulary = FeatureVocabulary(n_codes=2).fit(np.array([[0.0], [0.1], [7.0]]))
    >>> nearest = NearestFrames(n_codes=2, n=1)
    >>> nearest.add(0, vocabulary.transform([[6.0], [7.1]]))
    >>> nearest.add(1, vocabulary.transform([[0.0], [0.3], [5.0]]))
    >>> [nearest.of(code) for code in vocabulary.predict([[0.0], [7.0]])]
    [[(1, 0)], [(0, 1)]]
    """

    def __init__(self, n_codes: int, n: int = 1):
        self._distance = np.full((n_codes, n), np.inf)  # ascending
        self._where = np.zeros((n_codes, n, 2), dtype=np.int64)  # position, frame

    def add(self, position: int, distance: np.ndarray) -> None:
        """Take in the utterance at a position: the distances (n, k) of its frames to the codes."""
        if len(distance) == 0:
            return
        k, n = self._distance.shape
        chosen = distance.argmin(1)[:, None] == np.arange(k)  # (n, k)
        distance = np.where(chosen, distance, np.inf)
        frame = distance.argmin(0)  # (k,)
        distance = np.column_stack([self._distance, distance.min(0)])  # (k, n + 1)
        where = np.column_stack([np.full(k, position), frame])[:, None]  # (k, 1, 2)
        order = distance.argsort(axis=1, kind="stable")[:, :n]  # (k, n)
        self._distance = np.take_along_axis(distance, order, axis=1)
        self._where = np.take_along_axis(
            np.concatenate([self._where, where], axis=1), order[..., None], axis=1
        )

    def of(self, code: int) -> list[tuple[int, int]]:
        """Return utterance (its position) and frame (from 0), the nearest to the code first."""
        found = np.isfinite(self._distance[code])  # (n,)
        return [(int(position), int(frame)) for position, frame in self._where[code][found]]


def describe_codes(
    vocabulary: FeatureVocabulary,
    train: Sequence[Utterance],
    valid: Sequence[Utterance],
    stream: str,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Report how a vocabulary is used and which real frames its codes stand for.

    Parameters
    ----------
    vocabulary : FeatureVocabulary
        A vocabulary that was fitted on the frames of this stream.
    train, valid : sequences of Utterance
        The utterances that it was fitted on, and others.
    stream : str
        ``"visual"`` or ``"acoustic"``.

    Returns
    -------
    codes : DataFrame, one row per code
        ``frames`` and ``share`` in train, and the train frame nearest to the code as
        ``nearest_segment`` and ``nearest_frame`` (counted from 0).
    summary : dict
        ``inertia_train``, ``inertia_valid`` (per frame, standardised units), ``entropy`` of the
        usage in bits and its maximum ``entropy_max``, ``nonfinite`` values met in fitting.

    Raises
    ------
    CENetError
        If the frames have another width than those that the vocabulary was fitted on.

    Examples
    --------
    >>> voice = np.array([[1.0], [2.0], [2.0]])
    >>> utterance = Utterance("u", ("fine",), visual=voice, acoustic=voice)
    >>> vocabulary = FeatureVocabulary(n_codes=2).fit(voice)
    >>> table, summary = describe_codes(vocabulary, [utterance], [utterance], "acoustic")
    >>> sorted(table["frames"]), summary["inertia_valid"]
    ([1, 2], 0.0)
    """
    k = vocabulary.n_codes
    used, inertia, nearest = np.zeros(k, dtype=np.int64), 0.0, NearestFrames(k)
    for position, utterance in enumerate(train):
        distance = vocabulary.transform(utterance.frames(stream))  # (n, k)
        used += np.bincount(distance.argmin(1), minlength=k)
        inertia += float((distance.min(1) ** 2).sum())
        nearest.add(position, distance)
    n = used.sum()
    found = [next(iter(nearest.of(code)), None) for code in range(k)]
    table = pd.DataFrame(
        {
            "code": np.arange(k),
            "frames": used,
            "share": used / max(n, 1),
            "nearest_segment": [train[where[0]].id if where else "" for where in found],
            "nearest_frame": [where[1] if where else -1 for where in found],
        }
    )
    summary = {
        "inertia_train": inertia / n if n else float("nan"),
        "inertia_valid": vocabulary.inertia(FrameSequences(valid, stream)),
        "entropy": usage_entropy(used),
        "entropy_max": float(np.log2(k)),
        "nonfinite": vocabulary.n_nonfinite_,
    }
    return table, summary


def usage_entropy(counts: np.ndarray) -> float:
    """Return the entropy, in bits, of how often each code is used: log2(k) if all are equal.

    Examples
    --------
    >>> usage_entropy(np.array([5, 5, 5, 5]))
    2.0
    """
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


@one_thread
def compare_sizes(
    frames: Frames,
    sizes: Sequence[int] = (2, 4, 8, 12, 16, 24, 32, 48),
    *,
    sample: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Fit one vocabulary per size k, to help to choose k.

    Parameters
    ----------
    frames : (n, d) array, or an iterable of (n_i, d) arrays that can be iterated repeatedly
        The frames of the train split.
    sizes : sequence of int
        The sizes k to try.
    sample : int
        The number of frames for the silhouette, whose cost grows with their square.
    random_state : int
        The seed of the vocabularies and of the sample.

    Returns
    -------
    DataFrame with a row per k
        ``k``; ``inertia`` per frame; ``silhouette`` in [-1, 1] (Rousseeuw 1987), on the sample;
        ``entropy`` of the usage in bits.

    Raises
    ------
    CENetError
        If there are fewer distinct frames than codes.

    Examples
    --------
    >>> frames = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    >>> compare_sizes(frames, sizes=(2, 3, 4)).set_index("k")["silhouette"].idxmax()
    3
    """
    table = []
    for k in sizes:
        vocabulary = FeatureVocabulary(k, random_state=random_state).fit(frames)
        used, inertia, drawn = np.zeros(k, dtype=np.int64), 0.0, Sample(sample, random_state)
        for batch in batches(frames, vocabulary.batch_size):
            distance = vocabulary.transform(batch)  # (b, k)
            used += np.bincount(distance.argmin(1), minlength=k)
            inertia += float((distance.min(1) ** 2).sum())
            drawn.add(batch)
        frames_drawn = drawn.frames()
        z, codes = vocabulary.standardize(frames_drawn), vocabulary.predict(frames_drawn)
        distinct = len(np.unique(codes))
        table.append(
            {
                "k": k,
                "inertia": inertia / vocabulary.n_frames_,
                "silhouette": silhouette_score(z, codes) if 1 < distinct < len(z) else np.nan,
                "entropy": usage_entropy(used),
            }
        )
    return pd.DataFrame(table)
