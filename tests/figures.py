"""A stand-in for the two figures of a run, which take half a second."""

from base64 import b64decode

PIXEL = b64decode(  # a picture in PNG
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


def spared(history, predictions, folder):
    """Write a run's figures as a pixel each; return their paths."""
    written = [folder / f"{name}.png" for name in ("learning_curves", "predictions")]
    for path in written:
        path.write_bytes(PIXEL)
    return written
