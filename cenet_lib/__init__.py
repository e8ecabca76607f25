"""Multimodal sentiment analysis with CENet: the package beside the notebooks.

The public names, in the order in which a student meets them. Each is imported when it is first
used, so that ``import cenet_lib`` itself takes no time.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Utterance": "utterance",
    "Corpus": "corpus",
    "load_corpus": "corpora",
    "FeatureVocabulary": "vocabulary",
    "FrameSequences": "vocabulary",
    "CrossModalEnhancement": "enhancement",
    "expand_attention": "enhancement",
    "CENetProcessor": "processor",
    "CENetConfig": "model",
    "CENet": "model",
    "evaluate_predictions": "metrics",
    "TrainingSettings": "settings",
    "load_recipe": "settings",
    "train": "training",
    "resume": "training",
    "predict": "prediction",
    "Run": "runs.folder",
    "AttentionInspector": "inspector.widget",
    "CENetError": "errors",
}
__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
