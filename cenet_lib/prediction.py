"""The one inference loop: a model and utterances in, predictions (and attention) out.

It stands after `cenet_lib.processor` and `cenet_lib.model` and before `cenet_lib.metrics`. Whoever
wants to know what a model makes of utterances comes here: training for the metrics of an
epoch, ``python -m cenet_lib predict`` for a table, the inspector for attention. Utterances are
taken in windows, so memory stays bounded however many there are; within a window, batches are of
similar length, so little is wasted on padding; results come in the order of the utterances.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, tee
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from .corpus import Corpus
from .errors import CENetError
from .metrics import evaluate_predictions
from .model import CENet
from .processor import CENetProcessor
from .progress import bar
from .utterance import STREAMS, Utterance

_WINDOW = 16  # batches that are sorted by length together


class Output(NamedTuple):
    """What a model made of one utterance of T tokens.

    Attributes
    ----------
    prediction : float
        Intensity, unrounded.
    visual_attention, acoustic_attention : (T, k+1) or (T, N) float32 Tensor, or None
        Attention of each token over codes or over frames, on the CPU; ``None`` if it was not asked
        for, or from a model that does not attend.

    Examples
    --------
    >>> Output(prediction=1.25).visual_attention is None
    True
    """

    prediction: float
    visual_attention: Tensor | None = None
    acoustic_attention: Tensor | None = None


@torch.inference_mode()
def outputs(
    model: CENet,
    processor: CENetProcessor,
    encoded: Iterable[Mapping[str, Any]],
    *,
    batch_size: int = 64,
    attention: bool = False,
) -> Iterator[Output]:
    """Run a model on encoded utterances and yield an `Output` of each, in their order.

    Parameters
    ----------
    model : CENet
        The model is put into evaluation mode, and back when the loop ends.
    processor : CENetProcessor
        The processor that the model was trained with.
    encoded : iterable of mappings
        What the processor makes of utterances. Labels are not looked at.
    batch_size : int
        How many utterances the model sees at a time.
    attention : bool
        Whether to return what each token attended to as well.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, utterances = Run("runs/mine"), load_corpus("data/mine").test
    >>> encoded = map(run.processor, utterances)
    >>> predictions = [output.prediction for output in outputs(run.model, run.processor, encoded)]
    >>> len(predictions) == len(utterances)
    True
    """
    was_training = model.training
    model.eval()
    stream = iter(encoded)
    try:
        while window := list(islice(stream, _WINDOW * batch_size)):
            order = sorted(range(len(window)), key=lambda i: len(window[i]["input_ids"]))
            found: list[Output | None] = [None] * len(window)
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch = processor.inputs([window[i] for i in rows], model.device)
                output = model(**batch, output_attentions=attention)
                predictions = output.logits.float().tolist()  # (B,)
                for place, i in enumerate(rows):
                    n_tokens = len(window[i]["input_ids"])
                    attended = [
                        None if whole is None else whole[place, :n_tokens].float().cpu()
                        for whole in (output.visual_attention, output.acoustic_attention)
                    ]
                    found[i] = Output(predictions[place], *attended)
            yield from (output for output in found if output is not None)
    finally:
        model.train(was_training)


def predict_stream(
    model: CENet,
    processor: CENetProcessor,
    utterances: Iterable[Utterance],
    *,
    batch_size: int = 64,
    known: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[tuple[str, str, float, float]]:
    """Yield ``(id, words, label, prediction)`` per utterance, in order, in bounded memory.

    Predictions are rounded to six decimals, below which the order of additions shows.

    Parameters
    ----------
    model, processor, batch_size
        They are what `outputs` takes.
    utterances : iterable of Utterance
        They are gone through once, so a generator will do.
    known : mapping of id to features, optional
        What the processor made of utterances before, as for training: these are not encoded again.

    Raises
    ------
    CENetError
        If the model predicts something that is no finite number, or a corpus has other channels
        than the processor was fitted on.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, utterances = Run("runs/mine"), load_corpus("data/mine").test
    >>> id, words, label, prediction = next(predict_stream(run.model, run.processor, utterances))
    >>> words == utterances[0].text
    True
    """
    if isinstance(utterances, Corpus):
        processor.check_channels(utterances)
    utterances, again = tee(processor.ahead(utterances))
    features = _features(processor, again, known or {}, batch_size)
    found = outputs(model, processor, features, batch_size=batch_size)
    for output, utterance in zip(found, utterances):  # in this order, so that none is lost
        label = math.nan if utterance.label is None else utterance.label
        yield utterance.id, utterance.text, label, round(finite(output, utterance), 6)


def _features(
    processor: CENetProcessor,
    utterances: Iterable[Utterance],
    known: Mapping[str, Mapping[str, Any]],
    at_once: int,
) -> Iterator[Mapping[str, Any]]:
    """Yield what the processor makes of each utterance, or has made of it before."""
    utterances, again = tee(utterances)
    unknown = (utterance for utterance in again if utterance.id not in known)
    new = processor.encoded(unknown, at_once)
    for utterance in utterances:
        yield known[utterance.id] if utterance.id in known else next(new)


def finite(output: Output, utterance: Utterance) -> float:
    """Return the prediction of an utterance, or say that the model gave none.

    Raises
    ------
    CENetError
        If it is NaN or infinite.

    Examples
    --------
    >>> from cenet_lib import load_corpus
    >>> finite(Output(math.nan), load_corpus("data/mine").test[0])
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: segment test21[1]: the model predicts nan, which is no finite \
number; train the run anew, with lower learning rates if it was just trained
    """
    if not math.isfinite(output.prediction):
        raise CENetError(
            f"segment {utterance.id}: the model predicts {output.prediction}, which is no finite "
            "number; train the run anew, with lower learning rates if it was just trained"
        )
    return output.prediction


def predict(
    model: CENet,
    processor: CENetProcessor,
    utterances: Iterable[Utterance],
    *,
    batch_size: int = 64,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    progress: str | None = None,
) -> pd.DataFrame:
    """Predict the intensity of each utterance, in their order.

    Parameters
    ----------
    model, processor, batch_size, known
        They are what `predict_stream` takes.
    utterances : iterable of Utterance
        They are gone through once, so a generator will do.
    progress : str, optional
        What a bar is to be called; by default, there is none.

    Returns
    -------
    DataFrame
        ``id``, ``words`` (joined by spaces), ``label`` (NaN if unknown), ``prediction``.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, utterances = Run("runs/mine"), load_corpus("data/mine").test
    >>> predict(run.model, run.processor, utterances).columns.tolist()
    ['id', 'words', 'label', 'prediction']
    """
    rows: Iterable[tuple[str, str, float, float]] = predict_stream(
        model, processor, utterances, batch_size=batch_size, known=known
    )
    if progress is not None:
        total = len(utterances) if isinstance(utterances, Sequence) else None
        rows = bar(rows, f"predict {progress}", total=total)
    return pd.DataFrame(rows, columns=["id", "words", "label", "prediction"])


def evaluate(
    predictions: pd.DataFrame, label_range: tuple[float, float] = (-3.0, 3.0)
) -> dict[str, dict[str, float]]:
    """Return the metrics of each split of a table of predictions.

    Parameters
    ----------
    predictions : DataFrame
        ``split``, ``label`` and ``prediction``. Rows without a label are left out.
    label_range : (float, float)
        The range of the corpus' labels, see `cenet_lib.metrics`.

    Examples
    --------
    >>> table = pd.DataFrame({"split": "test", "label": [1.0, -2.0], "prediction": [1.5, -2.5]})
    >>> evaluate(table)["test"]["mae"]
    0.5
    """
    known = predictions.dropna(subset=["label"])
    return {
        str(split): evaluate_predictions(rows["label"], rows["prediction"], label_range)
        for split, rows in known.groupby("split", sort=False)
    }


def attention_summary(
    model: CENet, processor: CENetProcessor, encoded: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Describe what a model attends to, averaged over the tokens of some encoded utterances.

    Parameters
    ----------
    model, processor, encoded
        They are what `outputs` takes.

    Returns
    -------
    dict
        It has for each stream ``<stream>_entropy`` in bits (0: one code; log₂ k: all alike) and,
        where attention is over codes, ``<stream>_share_<code>``. It is empty if the model does not
        attend.

    Examples
    --------
    >>> from cenet_lib import Run, load_corpus
    >>> run, utterances = Run("runs/mine"), load_corpus("data/mine").test
    >>> encoded = [run.processor(utterance) for utterance in utterances]
    >>> summary = attention_summary(run.model, run.processor, encoded)
    >>> list(summary)[:3]
    ['visual_entropy', 'visual_share_0', 'visual_share_1']
    """
    over = model.attends_over
    if over is None:
        return {}
    entropies: dict[str, list[Tensor]] = {stream: [] for stream in STREAMS}
    shares: dict[str, list[Tensor]] = {stream: [] for stream in STREAMS}
    for output in outputs(model, processor, encoded, attention=True):
        attended = (output.visual_attention, output.acoustic_attention)
        for stream, rows in zip(STREAMS, attended, strict=True):
            assert rows is not None  # a model that attends returns both
            rows = rows[rows.sum(-1) > 0]  # (tokens, k+1) or (tokens, N); none without frames
            entropies[stream].append(torch.special.entr(rows).sum(-1) / math.log(2))
            if over == "codes":
                shares[stream].append(rows)
    summary = {}
    for stream in STREAMS:
        if sum(map(len, entropies[stream])):
            summary[f"{stream}_entropy"] = torch.cat(entropies[stream]).mean().item()
        if sum(map(len, shares[stream])):
            mean = torch.cat(shares[stream]).mean(0).tolist()  # (k+1,)
            summary |= {f"{stream}_share_{code}": share for code, share in enumerate(mean)}
    return summary
