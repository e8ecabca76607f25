"""Corpora from files: one reader per format, the embedded demo, and our own safe store.

The flow of this room::

    file -> reader -> Collector -> Corpus

`loading.load_corpus` opens whatever it is given: it looks at what a file holds and picks the reader
that knows it.

- Readers, one per format: ``cenet.py``, ``mag.py``, ``misa.py``, ``mmim.py``, ``mmsa.py`` for
  pickles, and ``csd.py`` for the sequences of the CMU-MultimodalSDK. A reader finds its way about
  in one format and hands over segments. ``split_files.py`` puts one file per split together,
  ``foreign.py`` refuses what looks like a corpus and is none, ``forms.py`` makes the README's
  table.
- What they share: ``segments.py`` (the triples in most of the pickles), ``values.py`` (checked
  words, labels, matrices), ``words.py`` (what a word is), ``padding.py`` (which rows are
  frames), ``reading.py`` (the `Collector`, which checks, trims and counts, and skips what does not
  fit, if asked to), ``spool.py`` (frames beyond what fits in memory), ``folds.py`` (which video is
  in which split).
- Pickles are opened without running them: ``unpickle.py``, and behind it ``machine.py``,
  ``instructions.py`` and ``plain_objects.py``; for what PyTorch saved, ``torch_files.py`` and
  ``tensors.py``. HDF5 files are read no further than they reach: ``hdf5.py``. How much may come out
  of either: ``unfolding.py``.
- The default corpus: ``demo.py`` (simulated faces and voices) and ``sentences.py`` (real words);
  ``demo_irony.py`` labels it by another rule.
- ``card.py`` tells what to know about a corpus before using it.
"""

from .loading import SIMULATIONS, load_corpus

__all__ = ["SIMULATIONS", "load_corpus"]
