"""Multimodal sentiment analysis with CENet: the package beside the notebooks.

To understand the method, read these files in this order; each is short and has one idea:

1.  ``utterance.py``     what a model of multimodal sentiment reads
2.  ``corpus.py``        many of them, in splits
3.  ``vocabulary.py``    k-means turns frames of face and voice into codes
4.  ``enhancement.py``   CE: words ask, face and voice answer
5.  ``fusion.py``        the other ways to bring them in, under one switch
6.  ``model.py``         a language model with CE before one of its layers, and a head
7.  ``processor.py``     from an utterance to what the model reads
8.  ``training.py``      the loop
9.  ``prediction.py``    the one inference loop
10. ``metrics.py``       how good are the predictions?

Beside them ``settings.py`` (all that decides a run), ``published.py`` (the authors' checkpoints),
``frames.py`` (frames on their way from a corpus into a vocabulary), ``store.py`` (a corpus on
disk), ``shards.py`` (a collection in many of them), and plumbing: ``errors.py``, ``terminal.py``,
``files.py``, ``fetching.py``, ``progress.py``, ``jobs.py``, ``startup.py``.

The rooms hold the rest: ``corpora`` (a reader per file format, and ``demo``), ``video`` (a film of
one's own becomes an utterance), ``language`` (encoders, their weights, dictionaries), ``runs``
(what a run leaves and how it goes on), ``results`` (intervals, comparisons, codes, figures),
``inspector`` (what each word takes from face and voice), ``course`` (what the notebooks stand on),
``commands`` (the command line) and ``recipes``.

Every public class and function has an example that runs. ``data/mine``, ``models/mine`` and
``runs/mine`` stand there for a corpus, a language model and a finished run of your own.

The public names are below, in the order in which a student meets them. Each is imported when it is
first used, so that ``import cenet_lib`` itself takes no time.
"""

import gc
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Utterance": "utterance",
    "Corpus": "corpus",
    "load_corpus": "corpora.loading",
    "FeatureVocabulary": "vocabulary",
    "FrameSequences": "frames",
    "CrossModalEnhancement": "enhancement",
    "expand_attention": "enhancement",
    "CENetProcessor": "processor",
    "CENetConfig": "model",
    "CENet": "model",
    "register_fusion": "fusion",
    "evaluate_predictions": "metrics",
    "TrainingSettings": "settings",
    "load_recipe": "settings",
    "train": "training",
    "resume": "training",
    "predict": "prediction",
    "Run": "runs.folder",
    "AttentionInspector": "inspector.widget",
    "Recorder": "inspector.recorder",
    "utterance_from_video": "video.extract",
    "CENetError": "errors",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    searching = gc.isenabled()
    gc.disable()  # torch and transformers make a million objects, and none of them is garbage
    try:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    finally:
        if searching:
            gc.enable()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
