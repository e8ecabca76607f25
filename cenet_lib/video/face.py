"""The face in each picture: where it is, its 478 landmarks, and 54 numbers that describe it.

Three nets work one after another (`cenet_lib.video.face_model`): a detector finds faces in the
whole picture made small; a second net puts landmarks on a square cut around one face; a third turns
landmarks into blendshapes. In a film, the next square is laid around this picture's landmarks, so
that the face is followed; the detector still looks at every picture, for other faces. The ways to
cut, to join boxes and to lay the next square are MediaPipe's (Copyright The MediaPipe Authors,
Apache License 2.0), so that the numbers equal those of Google's own runtime.

What the numbers are: animation coefficients in [0, 1] with ARKit's names, and three angles. They
are *not* action units, and their values in rest differ from one person to the next. A covered mouth
is invented, not missed.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from .face_model import (
    BLENDSHAPE_LANDMARKS,
    BLENDSHAPES,
    DETECTOR_SIZE,
    LANDMARKS_SIZE,
    N_LANDMARKS,
    anchors,
    load_nets,
)
from .head_pose import euler_angles, head_rotations

VISUAL_CHANNELS = (*BLENDSHAPES[1:], "pitch", "yaw", "roll")

_LEAST = 0.5  # the score below which a box, or a face in its square, does not count
_SAME = 0.3  # boxes that share more than this are of one face
_LARGER = 1.25  # how much larger another face must be for it to be followed instead
_CHUNK = 64  # faces described at a time


class Box(NamedTuple):
    """A square around a face, in pixels.

    Attributes
    ----------
    x, y : float
        Its middle.
    side : float
    angle : float
        How far it is turned clockwise, in radians.

    Examples
    --------
    >>> Box(180.0, 144.0, 200.0, 0.0).side
    200.0
    """

    x: float
    y: float
    side: float
    angle: float


class Sighting(NamedTuple):
    """What was seen in one picture.

    Attributes
    ----------
    landmarks : (478, 3) float32 or None
        Of the face that is followed: x and y as shares of the picture's width and height, z
        (smaller is nearer) in units of its width. None if there is no face.
    others : int
        How many other faces there are.

    Examples
    --------
    >>> Sighting(None, 0).others
    0
    """

    landmarks: np.ndarray | None
    others: int


class FaceLandmarker:
    """Finds a face and describes it.

    Raises
    ------
    CENetError
        If the nets cannot be had, or the library that runs them is missing.

    Examples
    --------
    >>> landmarker = FaceLandmarker()
    >>> landmarker.look(np.zeros((288, 360, 3), np.uint8))
    Sighting(landmarks=None, others=0)
    """

    def __init__(self) -> None:
        self._nets = load_nets()

    def look(self, picture: np.ndarray) -> Sighting:
        """Return the largest face of one picture, without regard to any other picture.

        Parameters
        ----------
        picture : (height, width, 3) uint8

        Examples
        --------
        >>> landmarker = FaceLandmarker()
        >>> landmarker.look(np.full((90, 160, 3), 127, np.uint8)).landmarks is None
        True
        """
        return self._see(picture, self._detect(picture), None)[0]

    def follow(self, pictures: Iterable[np.ndarray]) -> Iterator[Sighting]:
        """Follow a face through the pictures of a film, in their order.

        The largest face is followed until it is lost, or another one is a quarter larger.

        Parameters
        ----------
        pictures : iterable of (height, width, 3) uint8

        Examples
        --------
        >>> landmarker = FaceLandmarker()
        >>> [seen.others for seen in landmarker.follow(np.zeros((3, 90, 160, 3), np.uint8))]
        [0, 0, 0]
        """
        last: np.ndarray | None = None  # the landmarks in the picture before, in pixels
        shape: tuple[int, ...] = ()
        for picture in pictures:
            if picture.shape != shape:
                last, shape = None, picture.shape
            seen, last = self._see(picture, self._detect(picture), last)
            yield seen

    def describe(self, landmarks: np.ndarray, width: int, height: int) -> np.ndarray:
        """Return the channels of faces, as `VISUAL_CHANNELS` names them.

        Parameters
        ----------
        landmarks : (n, 478, 3) float
            As in a `Sighting`.
        width, height : int
            The size of the picture.

        Returns
        -------
        (n, 54) float32
            51 blendshapes in [0, 1]; pitch, yaw and roll in degrees.

        Examples
        --------
        >>> landmarker = FaceLandmarker()
        >>> landmarker.describe(np.empty((0, 478, 3)), 360, 288).shape
        (0, 54)
        """
        described = np.empty((len(landmarks), len(VISUAL_CHANNELS)), np.float32)
        for first in range(0, len(landmarks), _CHUNK):
            some = landmarks[first : first + _CHUNK]
            rows = described[first : first + _CHUNK]
            rows[:, :-3] = self.blendshapes(some, width, height)[:, 1:]
            rows[:, -3:] = euler_angles(head_rotations(some, width / height, self._nets.rest))
        return described

    def blendshapes(self, landmarks: np.ndarray, width: int, height: int) -> np.ndarray:
        """Return all 52 blendshapes (n, 52) of faces, see `describe`.

        Examples
        --------
        >>> FaceLandmarker().blendshapes(np.zeros((1, 478, 3)), 360, 288).shape
        (1, 52)
        """
        read = landmarks[:, BLENDSHAPE_LANDMARKS, :2] * (width, height)  # (n, 146, 2)
        found = [self._nets.blendshapes(one[None])[0] for one in read.astype(np.float32)]
        return np.reshape(found, (len(landmarks), len(BLENDSHAPES)))

    def _detect(self, picture: np.ndarray) -> np.ndarray:
        """Return the faces that the detector finds, (n, 9): middle, sides, two eyes, score."""
        height, width = picture.shape[:2]
        side = max(height, width)
        answers, scores = self._nets.detector(_whole(picture)[None])
        found = _joined(answers[0], scores[0, :, 0])
        found[:, [0, 1, 4, 5, 6, 7]] -= 0.5  # from shares of the square around the picture
        found[:, :8] *= side
        found[:, [0, 4, 6]] += width / 2
        found[:, [1, 5, 7]] += height / 2
        return found

    def _see(
        self, picture: np.ndarray, faces: np.ndarray, last: np.ndarray | None
    ) -> tuple[Sighting, np.ndarray | None]:
        """Return what is seen, and the landmarks in pixels, where to look in the next picture."""
        for box in _candidates(faces, last):
            points, presence = self._landmarks(picture, box)
            if presence < _LEAST:
                continue
            height, width = picture.shape[:2]
            shares = (points / (width, height, width)).astype(np.float32)
            return Sighting(shares, int(np.count_nonzero(~_within(faces, points)))), points
        return Sighting(None, 0), None

    def _landmarks(self, picture: np.ndarray, box: Box) -> tuple[np.ndarray, float]:
        """Return the landmarks (478, 3) in a box, in pixels, and how sure the net is."""
        answer, presence, _ = self._nets.landmarks(_cut(picture, box)[None])
        points = answer.reshape(N_LANDMARKS, 3).astype(np.float64) / LANDMARKS_SIZE
        x, y, z = ((points - (0.5, 0.5, 0)) * box.side).T
        c, s = math.cos(box.angle), math.sin(box.angle)
        turned = np.stack([box.x + x * c - y * s, box.y + x * s + y * c, z], axis=1)
        return turned, float(_sigmoid(presence.reshape(-1)[0]))


def _candidates(faces: np.ndarray, last: np.ndarray | None) -> Iterator[Box]:
    """Yield the boxes in which the face to follow may be, the best first."""
    largest = faces[np.argsort(-faces[:, 2:4].max(axis=1), kind="stable")]
    if last is not None:
        own = _within(faces, last)
        size = faces[own, 2:4].max(initial=0.0)
        for face in largest[:1]:
            if size and face[2:4].max() > _LARGER * size:
                yield _around_face(face)
        yield _around_landmarks(last)
    yield from map(_around_face, largest)


def _within(faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Tell which of the detector's faces (n, 9) is the one with these landmarks: (n,) bool."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return np.all((faces[:, :2] > low) & (faces[:, :2] < high), axis=1)


def _around_face(face: np.ndarray) -> Box:
    """Return the square around a face of the detector; its eyes lie level in it."""
    angle = math.atan2(face[7] - face[5], face[6] - face[4])
    return Box(float(face[0]), float(face[1]), 1.5 * float(face[2:4].max()), angle)


def _around_landmarks(points: np.ndarray) -> Box:
    """Return the square around landmarks (478, 3), in which the face is sought next."""
    across = points[263] - points[33]  # from the outer corner of one eye to that of the other
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    x, y = (low + high) / 2
    return Box(
        float(x), float(y), 1.5 * float((high - low).max()), math.atan2(across[1], across[0])
    )


def _joined(answers: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return one row per face (n, 9) where the detector (896, 16) answers several times for each.

    Overlapping answers are averaged, weighted by their scores ("weighted non-maximum suppression").
    """
    scores = _sigmoid(logits)
    kept = np.flatnonzero(scores >= _LEAST)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    rows = answers[kept, :8] / DETECTOR_SIZE  # middle, sides, two eyes
    for column in (0, 4, 6):
        rows[:, column : column + 2] += anchors()[kept]
    scores, faces = scores[kept], []
    while len(rows):
        same = _overlap(rows[0], rows) > _SAME
        same[0] = True
        weights = scores[same] / scores[same].sum()
        faces.append([*(weights @ rows[same]), scores[0]])
        rows, scores = rows[~same], scores[~same]
    return np.reshape(np.array(faces, np.float64), (-1, 9))


def _overlap(one: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the share of a box in the union with each of others: (n,)."""
    low = np.maximum(one[:2] - one[2:4] / 2, rows[:, :2] - rows[:, 2:4] / 2)
    high = np.minimum(one[:2] + one[2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2)
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / (one[2:4].prod() + rows[:, 2:4].prod(axis=1) - shared)


def _whole(picture: np.ndarray) -> np.ndarray:
    """Return the picture in the middle of a square, small: (128, 128, 3) in [-1, 1], black around.

    A pixel of the square is read at one point, between four of the picture, and rounded to a whole
    value, as MediaPipe does.
    """
    height, width = picture.shape[:2]
    steps = (np.arange(DETECTOR_SIZE) / DETECTOR_SIZE - 0.5) * max(height, width)
    (top, bottom, v), (left, right, u) = (
        _neighbours(size / 2 + steps, size) for size in (height, width)
    )
    v, u = v[:, None, None], u[:, None]
    upper, lower = picture[top], picture[bottom]  # (128, width, 3)
    above = upper[:, left] * (1 - u) + upper[:, right] * u
    below = lower[:, left] * (1 - u) + lower[:, right] * u
    square = above * (1 - v) + below * v
    square *= _inside(height / 2 + steps, height)[:, None, None]
    square *= _inside(width / 2 + steps, width)[:, None]
    return (np.rint(square) / 127.5 - 1).astype(np.float32)


def _cut(picture: np.ndarray, box: Box) -> np.ndarray:
    """Return the square in a box, turned upright: (256, 256, 3) in [0, 1].

    Beyond the picture's edge, its outermost pixels go on.
    """
    height, width = picture.shape[:2]
    along = (np.arange(LANDMARKS_SIZE, dtype=np.float32) / LANDMARKS_SIZE - 0.5) * box.side
    c, s = math.cos(box.angle), math.sin(box.angle)
    left, right, u = _neighbours((along * c + box.x) - (along * s)[:, None], width)
    top, bottom, v = _neighbours((along * s + box.y) + (along * c)[:, None], height)
    pixels, top, bottom = picture.reshape(-1, 3), top * width, bottom * width
    square = _between(pixels, top + left, top + right, u)  # (256, 256, 3)
    below = _between(pixels, bottom + left, bottom + right, u)
    below -= square
    below *= v[..., None]
    square += below
    return np.rint(square, out=square) / np.float32(255)


def _between(
    pixels: np.ndarray, first: np.ndarray, second: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Return colours between pixels (n, 3) at two places each: (256, 256, 3) float32."""
    colours = pixels.take(first, axis=0).astype(np.float32)
    step = pixels.take(second, axis=0) - colours
    step *= share[..., None]
    colours += step
    return colours


def _neighbours(at: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels before and after each place, and how far it is from the first."""
    at = np.clip(at, 0, size - 1).astype(np.float32, copy=False)
    before = at.astype(np.int32)
    return before, np.minimum(before + 1, size - 1), at - before


def _inside(at: np.ndarray, size: int) -> np.ndarray:
    """Return 1 for places inside a picture, less towards one pixel outside of it, 0 beyond."""
    return np.clip(1 + np.minimum(at, size - 1 - at), 0, 1).astype(np.float32)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
