"""How the head is turned, from the landmarks of a face.

The seen landmarks are brought into the metric space of the face in rest, and the rotation that
best lays the one over the other is found by a weighted Procrustes fit. That is MediaPipe's
``face_geometry`` (``geometry_pipeline.cc``, ``procrustes_solver.cc``; Copyright The MediaPipe
Authors, Apache License 2.0), written for many faces at a time. The camera is assumed to see 63°
from top to bottom, as there.
"""

import math

import numpy as np

from .face_model import RestingFace

_NEAR_HEIGHT = 2 * math.tan(math.radians(63) / 2)  # of what the camera sees, at a distance of 1


def head_rotations(landmarks: np.ndarray, aspect: float, rest: RestingFace) -> np.ndarray:
    """Return the rotation that takes the face in rest to each seen face.

    Parameters
    ----------
    landmarks : (n, 478, 3) float
        x and y as shares of the picture's width and height, z in units of its width.
    aspect : float
        The picture's width, divided by its height.
    rest : RestingFace

    Returns
    -------
    (n, 3, 3) float64
        x to the right of the picture, y up, z towards the camera.

    Examples
    --------
    >>> from cenet_lib.video.face_model import RestingFace
    >>> points = np.random.default_rng(0).uniform(-9, 9, (468, 3))
    >>> rest = RestingFace(points, np.ones(468))
    >>> seen = points * [1, -1, -1] / 1000 + [0.5, 0.5, 0]  # far away, so without perspective
    >>> np.diag(head_rotations(seen[None], 1.0, rest)[0]).round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    used = np.flatnonzero(rest.weights)
    goal, weights = rest.points[used], rest.weights[used] / rest.weights.sum()  # (m, 3), (m,)
    width = _NEAR_HEIGHT * aspect
    seen = landmarks[:, : len(rest.points)].astype(np.float64)  # (n, 468, 3)
    seen = (seen - [0.5, 0.5, 0]) * [width, -_NEAR_HEIGHT, width]
    depth = seen[:, :, 2].mean(axis=1)[:, None]  # (n, 1)
    seen = seen[:, used]  # (n, m, 3)
    # Depth is relative, so the first scale is found without perspective, the second with it.
    _, first = _procrustes(goal, seen * [1, 1, -1], weights)
    _, second = _procrustes(goal, _metric(seen, depth, first), weights)
    rotations, _ = _procrustes(goal, _metric(seen, depth, first * second), weights)
    return rotations


def euler_angles(rotations: np.ndarray) -> np.ndarray:
    """Return pitch, yaw and roll of rotations (n, 3, 3), in degrees.

    Pitch is positive where the head looks down, yaw where it looks to the right of the picture,
    roll where it leans to the left of the picture (counter-clockwise).

    Examples
    --------
    >>> quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # counter-clockwise
    >>> euler_angles(quarter[None]).round().tolist()
    [[0.0, 0.0, 90.0]]
    """
    pitch = np.arctan2(rotations[:, 2, 1], rotations[:, 2, 2])
    yaw = np.arctan2(-rotations[:, 2, 0], np.hypot(rotations[:, 0, 0], rotations[:, 1, 0]))
    roll = np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0])
    return np.degrees(np.stack([pitch, yaw, roll], axis=1)) + 0.0  # (n, 3), without -0


def _metric(seen: np.ndarray, depth: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Undo the perspective for faces (n, m, 3) of a scale (n,); z then points to the camera."""
    z = (seen[:, :, 2] - depth + 1) / scale[:, None]  # (n, m)
    return np.stack([seen[:, :, 0] * z, seen[:, :, 1] * z, -z], axis=2)


def _procrustes(
    goal: np.ndarray, seen: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return rotation (n, 3, 3) and scale (n,) from ``goal`` (m, 3) to ``seen`` (n, m, 3)."""
    middle = weights @ goal  # (3,)
    flat = goal - middle
    centred = seen - np.einsum("m,nmi->ni", weights, seen)[:, None]
    covariance = np.einsum("m,nmi,mj->nij", weights, centred, flat)  # (n, 3, 3)
    left, sizes, right = np.linalg.svd(covariance)
    sizes[:, 2] *= (mirrored := np.sign(np.linalg.det(left) * np.linalg.det(right)))
    left[:, :, 2] *= mirrored[:, None]  # a rotation, never a mirror image
    return left @ right, sizes.sum(axis=1) / (weights @ (flat**2).sum(axis=1))
