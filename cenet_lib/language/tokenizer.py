"""A language model's tokenizer, read from a stranger's folder without trust in it.

Only the files of a vocabulary are looked at, through a folder of links: a tokenizer's own code, a
file elsewhere on the disk that its configuration names, and whatever else lies there have no say.
`cenet_lib.processor` asks here, and `cenet_lib.language.sentilare` for its own layout.
"""

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from ..errors import CENetError, first_line
from ..files import read_json, write_json
from ..progress import quiet_transformers
from .described import harmless
from .place import TOKENIZER_FILES, TOKENIZER_SETTINGS, VOCABULARIES
from .weights import config_file, folder_of

_MEND = "copy the tokenizer's files anew from where the language model came from"


def read_tokenizer(place: str | Path) -> PreTrainedTokenizerBase:
    """Read the tokenizer in the folder of a language model, or beside its file of weights.

    A vocabulary of old, ``vocab.txt`` without settings, is taken for one of whole and half words
    in small letters, unless it has capitals.

    Raises
    ------
    CENetError
        If there is no vocabulary, or a file is damaged.

    Examples
    --------
    >>> read_tokenizer("models/mine").tokenize("good films")
    ['good', 'film', '##s']
    """
    folder = folder_of(place)
    if not any(all((folder / name).is_file() for name in names) for names in VOCABULARIES):
        raise CENetError(
            f"{folder}: no tokenizer could be loaded (it has neither tokenizer.json nor vocab.txt "
            f"nor vocab.json with merges.txt); {_MEND}"
        )
    options: dict[str, Any] = {}
    if not any((folder / name).is_file() for name in (TOKENIZER_SETTINGS, "tokenizer.json")):
        options["do_lower_case"] = not _has_capitals(folder / "vocab.txt")
    with _one_error(folder), only_files(folder, TOKENIZER_FILES) as clean:
        # RoBERTa's tokenizers want to know that words are separated by spaces; others ignore it.
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            clean,
            config=_kind(folder),
            add_prefix_space=True,
            local_files_only=True,
            trust_remote_code=False,
            **options,
        )
        tokenizer.name_or_path = ""  # the links' folder, which is gone soon
        tokenizer(["a"], is_split_into_words=True, truncation=True, max_length=9)
    check_tokenizer(folder, tokenizer)
    return tokenizer


def check_tokenizer(where: object, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise a `CENetError` if a tokenizer cannot serve: no words, no padding, no fast form.

    Examples
    --------
    >>> check_tokenizer("models/mine", read_tokenizer("models/mine"))
    """
    if not tokenizer.is_fast:
        raise CENetError(f"{where}: its tokenizer has no fast form, which tells pieces from words")
    if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
        raise CENetError(f"{where}: its tokenizer knows no word; {_MEND}")
    if tokenizer.pad_token_id is None:
        raise CENetError(
            f"{where}: its tokenizer has no padding token; choose an encoder, such as BERT"
        )


@contextmanager
def only_files(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """Yield a folder with some of the files of another, and with its settings made harmless.

    Examples
    --------
    >>> with only_files(Path("models/mine"), TOKENIZER_FILES) as clean:
    ...     sorted(path.name for path in clean.iterdir())
    ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt']
    """
    with tempfile.TemporaryDirectory(prefix="cenet-") as temporary:
        clean = Path(temporary)
        for name in names:
            if name != TOKENIZER_SETTINGS and (folder / name).is_file():
                _link(folder / name, clean / name)
        if TOKENIZER_SETTINGS in names and (folder / TOKENIZER_SETTINGS).is_file():
            settings = harmless(read_json(folder / TOKENIZER_SETTINGS, _MEND))
            # A vocabulary elsewhere on the disk would be copied into the run.
            kept = {key: v for key, v in settings.items() if not key.endswith("_file")}
            write_json(clean / TOKENIZER_SETTINGS, kept)
        yield clean


def _link(file: Path, link: Path) -> None:
    try:
        link.symlink_to(file.resolve())
    except OSError:  # Windows allows links to few users
        shutil.copyfile(file, link)


def _kind(folder: Path) -> PreTrainedConfig:
    """Return a plain configuration of the language model's kind, which decides the tokenizer's."""
    try:
        described = read_json(config_file(folder), _MEND)
    except CENetError:  # whoever wants the model is told
        described = {}
    kind = described.get("model_type")
    if kind is None and (folder / "vocab.txt").is_file():
        kind = "bert"
    elif kind is None and (folder / "merges.txt").is_file():
        kind = "roberta"
    config = PreTrainedConfig()
    if isinstance(kind, str) and kind in CONFIG_MAPPING and kind != "cenet":
        config = AutoConfig.for_model(kind)
    if isinstance(described.get("tokenizer_class"), str):
        config.tokenizer_class = described["tokenizer_class"]
    return config


def _has_capitals(vocabulary: Path) -> bool:
    """Tell whether a list of word pieces tells capitals from small letters."""
    try:
        pieces = vocabulary.read_text(encoding="utf-8").split()
    except (OSError, ValueError):  # whoever reads it properly will say what is wrong
        return False
    words = [piece for piece in pieces if piece.isascii() and piece[:1] != "["]
    return sum(piece != piece.lower() for piece in words) > len(words) / 100


@contextmanager
def _one_error(folder: Path) -> Iterator[None]:
    """Say in one way what tokenizers say in many."""
    try:
        with quiet_transformers():
            yield
    except CENetError:
        raise
    except BaseException as error:
        # Rust's panics are no Exceptions, lest anybody go on after them.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise CENetError(
            f"{folder}: no tokenizer could be loaded ({first_line(error)}); {_MEND}"
        ) from error
