"""Where a language model lies on this disk: packaged, in a folder, or downloaded from a model hub.

Nothing here imports torch or transformers, so that a wrong name is told before either. Asking the
hub takes at most a second and a half, and happens for names only that are no folder.
`cenet_lib.language.backbone` and `cenet_lib.processor` read what was found; the command line asks
`check_backbone` before it imports them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from ..errors import CENetError, first_line
from .packaged import packaged_minilm

TOKENIZER_SETTINGS = "tokenizer_config.json"
# Any of these sets is a vocabulary.
VOCABULARIES = (
    ("tokenizer.json",),
    ("vocab.txt",),
    ("vocab.json", "merges.txt"),
    ("sentencepiece.bpe.model",),
    ("spiece.model",),
    ("spm.model",),
    ("bpe.codes",),
)
TOKENIZER_FILES = (
    *(name for names in VOCABULARIES for name in names),
    *(TOKENIZER_SETTINGS, "special_tokens_map.json", "added_tokens.json", "dict.txt"),
)
# On the hub; the first that is there is taken.
_WEIGHTS = (
    ("model.safetensors",),
    ("model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin",),
    ("pytorch_model.bin.index.json", "pytorch_model-*.bin"),
)
_PATIENCE = 1.5  # seconds
_ONLY = "give 'minilm', a folder with config.json and weights, or a name on the model hub"


def resolve_backbone(backbone: str | Path) -> str:
    """Return the folder of the packaged model for ``"minilm"``, anything else as it is.

    Raises
    ------
    CENetError
        If the package is not installed.

    Examples
    --------
    >>> resolve_backbone("roberta-base")
    'roberta-base'
    """
    if backbone != "minilm":
        return str(backbone)
    return str(packaged_minilm())


def backbone_folder(backbone: str | Path, wanted: str = "language model") -> Path:
    """Return where a language model lies on this disk: its folder, or its file of weights.

    A name on the model hub is downloaded, or taken from what was downloaded before.

    Parameters
    ----------
    backbone : str or Path
        What `cenet_lib.language.backbone.load_backbone` takes.
    wanted : str
        What the error message calls that which could not be loaded.

    Raises
    ------
    CENetError
        If there is nothing by that name.

    Examples
    --------
    >>> backbone_folder("minilm").is_dir()
    True
    """
    name = resolve_backbone(backbone)
    with _one_error(backbone, wanted):
        return _on_disk(name) or _fetched(name, _hub_files(name))


def check_backbone(backbone: str | Path) -> None:
    """Raise a `CENetError` if there is no such language model; download nothing.

    Examples
    --------
    >>> check_backbone("minilm")
    >>> check_backbone("no/such/folder")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/folder: no language model could be loaded (there is no \
such folder, and the model hub does not answer); give 'minilm', a folder with config.json and \
weights, or a name on the model hub
    """
    name = resolve_backbone(backbone)
    with _one_error(backbone, "language model"):
        if _on_disk(name) is None:
            files = _hub_files(name)
            if not files:  # it was downloaded before, or the hub says why it is not there
                _fetched(name, files)


@contextmanager
def _one_error(backbone: str | Path, wanted: str) -> Iterator[None]:
    """Say in one way that there is no such name, no connection, or nothing that could be a name."""
    try:
        yield
    except Exception as error:
        from huggingface_hub.errors import HfHubHTTPError  # heavy, and no folder needs it

        reason = "there is no such folder, and the model hub does not answer"
        if isinstance(error, HfHubHTTPError):
            reason = first_line(error)
        raise CENetError(f"{backbone}: no {wanted} could be loaded ({reason}); {_ONLY}") from error


def _on_disk(name: str) -> Path | None:
    """Return the folder or file of that name, or of an absent one ``None``."""
    place = Path(name).expanduser()
    if place.is_dir() or place.is_file():
        return place
    if place.exists():
        raise OSError(f"{place} is neither a folder nor a file")
    return None


def _hub_files(name: str) -> list[str] | None:
    """Return the names of a model's files on the hub; ``None`` if nobody answers in time.

    Transformers itself asks for each file six times and waits 23 seconds in between.
    """
    from huggingface_hub import HfApi  # heavy: a third of a second, and no folder needs it
    from huggingface_hub.errors import HfHubHTTPError  # heavy too

    answer: list[list[str]] = []

    def ask() -> None:
        with suppress(Exception):  # no connection, offline mode, or nothing that could be a name
            try:
                found = HfApi().model_info(name, timeout=_PATIENCE).siblings or []
                answer.append([file.rfilename for file in found])
            except HfHubHTTPError:  # there is no such model, or not for everybody
                answer.append([])

    asking = Thread(target=ask, daemon=True)  # a search for the hub's address knows no timeout
    asking.start()
    asking.join(_PATIENCE)
    return answer[0] if answer else None


def _fetched(name: str, files: list[str] | None) -> Path:
    """Download the configuration, the tokenizer and the weights of a model on the hub.

    If nobody answered (``files`` is ``None``), what was downloaded before is taken, at once.
    """
    from huggingface_hub import snapshot_download, utils  # heavy, and no folder needs it

    weights = next((names for names in _WEIGHTS if names[0] in (files or ())), ())
    hidden = utils.are_progress_bars_disabled()
    utils.disable_progress_bars()
    try:
        return Path(
            snapshot_download(
                name,
                allow_patterns=["config.json", *TOKENIZER_FILES, *weights],
                local_files_only=files is None,
            )
        )
    finally:
        if not hidden:
            utils.enable_progress_bars()
