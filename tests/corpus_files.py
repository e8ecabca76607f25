"""One small data set, written in every format that the readers know.

The formats are written from their description (see ``data/README.md``), not with our own code. Face
and voice have a frame per word, some of them zero, and the last one never: so that padding can be
told from frames in every format.
"""

import io
import pickle
from pathlib import Path

import h5py
import numpy as np

VISUAL, ACOUSTIC = 5, 4  # features
SIZES = {"train": {"aaaaaaaaaaa": 3, "bbbbbbbbbbb": 2}, "valid": {"ccccccccccc": 2}}
SIZES["test"] = {"ddddddddddd": 2, "e_eeeeee_12": 1}
WORDS = ("what", "a", "film", "it", "was", "slow", "but", "I", "loved", "café", "scenes")
PADDED, PADDED_AUDIO = 12, 14  # rows
CODES, PAD_CODE = 12, 16


class Segment:
    def __init__(self, split, video, number, generator):
        self.split, self.video, self.number = split, video, number
        self.id = f"{video}[{number}]"
        length = int(generator.integers(3, 9))
        self.words = [str(word) for word in generator.choice(WORDS, length)]
        self.visual = generator.normal(size=(length, VISUAL)).astype(np.float32)
        self.acoustic = generator.normal(size=(length, ACOUSTIC)).astype(np.float32)
        self.visual[1] = 0.0
        self.acoustic[0] = 0.0
        self.label = float(np.float32(generator.uniform(-3, 3)))
        self.pos = generator.integers(0, 5, length).tolist()
        self.polarity = generator.integers(0, 3, length).tolist()
        self.codes = {s: generator.integers(0, 16, length) for s in ("visual", "acoustic")}


def segments() -> list[Segment]:
    generator = np.random.default_rng(0)
    return [
        Segment(split, video, number, generator)
        for split, videos in SIZES.items()
        for video, count in videos.items()
        for number in range(count)
    ]


def of(split: str) -> list[Segment]:
    return [segment for segment in segments() if segment.split == split]


def padded(rows: np.ndarray, length: int, front: bool = False) -> np.ndarray:
    padding = np.zeros((length - len(rows), rows.shape[1]), rows.dtype)
    return np.concatenate([padding, rows] if front else [rows, padding])


# The formats, as the objects that are pickled.


def mag() -> dict:
    return {
        name: [
            ((s.words, s.visual, s.acoustic), np.array([[s.label]]), s.id.encode())
            for s in of(split)
        ]
        for name, split in (("train", "train"), ("dev", "valid"), ("test", "test"))
    }


def misa(split: str) -> list:
    return [
        (
            (np.arange(len(s.words)), s.visual, s.acoustic, s.words),
            np.array([[s.label]], np.float32),
            s.id,
        )
        for s in of(split)
    ]


def mmim(split: str) -> list:
    """Padded behind, and the lengths tell it."""
    return [
        (
            (
                [],
                padded(s.visual, PADDED),
                padded(s.acoustic, PADDED_AUDIO),
                s.words,
                np.int64(len(s.words)),
                len(s.words),
            ),
            np.array([[s.label]], np.float32),
            f"{s.video}_{s.number}",
        )
        for s in of(split)
    ]


def in_one_dict(form) -> dict:
    """The lists of one file per split, as a dict."""
    return {name: form(split) for name, split in zip(("train", "dev", "test"), SIZES)}


def flat(data: dict) -> dict:
    """The same segments without the inner tuple."""
    return {
        name: [(*parts, label, id) for parts, label, id in segments]
        for name, segments in data.items()
    }


def batched(data: dict) -> dict:
    """The same segments with frames (1, n, d)."""
    return {
        name: [
            ((w, v[None], a[None], *more), label, id) for (w, v, a, *more), label, id in segments
        ]
        for name, segments in data.items()
    }


def as_tensors(value: object) -> object:
    """The same data with tensors in place of arrays of numbers."""
    import torch

    if isinstance(value, dict):
        return {key: as_tensors(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_tensors(item) for item in value)
    is_numbers = isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
    return torch.from_numpy(value.copy()) if is_numbers else value


def vectors(labels=None) -> dict:
    """Files of MulT and MultiBench: vectors in place of words."""
    return {
        split: {
            "vision": np.ones((2, 20, 35)),
            "audio": np.ones((2, 20, 74)),
            "text": np.ones((2, 5, 300)),
            "labels": np.array([[[0.4]], [[-1.8]]]) if labels is None else labels,
            "id": np.array([[b"abc_1", b"0.0", b"2.1"], [b"abc_2", b"2.1", b"4.0"]]),
        }
        for split in SIZES
    }


def hkt() -> dict:
    """Files of HKT: a punchline, its context, an id, and whether it is humour."""
    one = ("and then he left", np.ones((4, 371)), np.ones((4, 81)), np.ones((4, 4)))
    before = (["so", "we met"], np.ones((3, 371)), np.ones((3, 81)), np.ones((3, 4)))
    return {name: [(one, before, 17, 1)] for name in ("train", "dev", "test")}


def bc_lstm() -> tuple:
    """One stream of bc-LSTM: a vector per utterance of each video."""
    frames, labels = np.ones((3, 6, 100)), np.ones((3, 6))
    return frames, labels, frames, labels, 6, [6, 4, 2], [6, 4, 2]


def cenet() -> dict:
    def codes(segment, stream):
        found = segment.codes[stream].tolist()
        return found + [PAD_CODE] * (CODES - len(found))

    return {
        name: [
            (
                (
                    s.words,
                    padded(s.visual.astype(np.float64), CODES),
                    padded(s.acoustic.astype(np.float64), CODES),
                    s.pos,
                    s.polarity,
                    codes(s, "visual"),
                    codes(s, "acoustic"),
                ),
                s.label,
                s.id,
            )
            for s in of(split)
        ]
        for name, split in (("train", "train"), ("dev", "valid"), ("test", "test"))
    }


def mmsa(lengths: type | None = None, front: bool = False) -> dict:
    """``lengths``: the type of the columns of lengths, or None for an aligned file."""
    data = {}
    for split in SIZES:
        found = of(split)
        columns = {
            "raw_text": [" ".join(s.words) for s in found],
            "text": np.ones((len(found), PADDED, 7), np.float32),
            "text_bert": np.ones((len(found), 3, PADDED), np.float32),
            "vision": np.stack([padded(s.visual, PADDED, front) for s in found]),
            "audio": np.stack([padded(s.acoustic, PADDED_AUDIO, front) for s in found]),
            "id": [f"{s.video}$_${s.number}" for s in found],
            "regression_labels": np.array([s.label for s in found], np.float32),
            "classification_labels": np.ones(len(found)),
            "annotations": ["Positive"] * len(found),
        }
        if lengths is not None:
            for name in ("vision_lengths", "audio_lengths"):
                columns[name] = lengths([len(s.words) for s in found])
        data[split] = columns
    return data


def write_csd(folder: Path, aligned: bool = False) -> None:
    """Write the four sequences, with pauses between the words and frames outside the segments."""
    folder.mkdir()
    tables = {"words": {}, "FACET 4.2": {}, "COVAREP": {}, "Opinion Segment Labels": {}}
    videos: dict[str, list[Segment]] = {}
    for segment in segments():
        videos.setdefault(segment.video, []).append(segment)
    for video, found in videos.items():
        rows = {name: [] for name in tables}
        for k, segment in enumerate(found):
            start = 20.0 * k + 1.5
            times = start + np.arange(len(segment.words)) + 0.1
            spans = np.stack([times, times + 0.6], axis=1)
            spoken = [(word.encode(), span) for word, span in zip(segment.words, spans)]
            spoken.insert(2, (b"sp", np.array([spans[1, 1], spans[2, 0]])))
            label = (np.array([segment.label, 1.0]), np.array([start, start + len(times) + 0.2]))
            own = {
                "words": spoken,
                "FACET 4.2": list(zip(segment.visual, spans)),
                "COVAREP": list(zip(segment.acoustic, spans)),
                "Opinion Segment Labels": [label],
            }
            if aligned:
                for name, table in tables.items():
                    table[f"{video}[{k}]"] = own[name]
                continue
            outside = np.array([start - 1.4, start - 1.0])
            own["words"].insert(0, (b"unheard", outside))
            own["FACET 4.2"].insert(0, (np.full(VISUAL, 9.0), outside))
            own["COVAREP"].insert(0, (np.full(ACOUSTIC, np.nan), outside))
            for name in tables:
                rows[name] += own[name]
        if not aligned:
            for name, table in tables.items():
                table[video] = rows[name]
    for number, (root, table) in enumerate(tables.items()):
        with h5py.File(folder / f"sequence_{number}.csd", "w") as file:
            file.create_group(f"{root}/metadata")["root name"] = [root]
            for entry, rows in table.items():
                features = [row[0] for row in rows]
                features = (
                    np.array(features, "S32")[:, None] if root == "words" else np.stack(features)
                )
                file[f"{root}/data/{entry}/features"] = features
                file[f"{root}/data/{entry}/intervals"] = np.stack([row[1] for row in rows])
    lines = [f"{video},{found[0].split}" for video, found in videos.items()]
    (folder / "folds.csv").write_text("video,split\n" + "\n".join(lines) + "\n")


def write_pickle(path: Path, data: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(data, protocol))
    return path


class Python2Pickler(pickle._Pickler):
    """Writes texts and bytes as Python 2 did: both as its one kind of text."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_text(self, value):
        data = value.encode() if isinstance(value, str) else value
        size = len(data)
        if self.proto == 0:
            quoted = "".join(
                chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in data
            )
            self.write(b"S'" + quoted.encode() + b"'\n")
        else:
            self.write(
                (b"U" + bytes([size]) if size < 256 else b"T" + size.to_bytes(4, "little")) + data
            )
        self.memoize(value)

    dispatch[str] = save_text
    dispatch[bytes] = save_text


def python2(data: object, protocol: int) -> bytes:
    """Pickle as Python 2 with the NumPy of its time did."""
    file = io.BytesIO()
    Python2Pickler(file, protocol).dump(data)
    return file.getvalue().replace(b"numpy._core.", b"numpy.core.")
