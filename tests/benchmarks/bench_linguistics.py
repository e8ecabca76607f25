"""Words per second of both sources of word ids, on the sentences of the demo corpus.

    python tests/benchmarks/bench_linguistics.py [threads]

The first pass of ``sentiwordnet`` embeds glosses, the second finds them in the cache, which is a
temporary one here. It needs NLTK's data; without them only ``offline`` is measured.
"""

import os
import sys
import tempfile
import time

import numpy as np
import torch

from cenet_lib.corpora.demo import load_demo
from cenet_lib.errors import CENetError
from cenet_lib.language.annotators import (
    POLARITY_NEUTRAL,
    annotate_corpus,
    get_annotator,
    own_word_ids,
)


def main(threads: int) -> None:
    torch.set_num_threads(threads)
    corpus = load_demo()
    n_words = sum(len(utterance.words) for utterance in corpus)
    print(f"{len(corpus)} sentences, {n_words} words, {threads} threads")
    ids = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CENET_CACHE"] = cache
        for name in ("offline", "sentiwordnet"):
            annotator = get_annotator(name)
            start = time.perf_counter()
            try:
                annotator.annotate(["good"])
            except CENetError as error:
                print(f"{name}: left out: {error}")
                continue
            print(f"{name}: loaded in {time.perf_counter() - start:.1f} s")
            for attempt in ("first", "second"):
                start = time.perf_counter()
                done = annotate_corpus(corpus, annotator)
                seconds = time.perf_counter() - start
                print(f"{name}: {attempt} pass {seconds:.2f} s, {n_words / seconds:,.0f} words/s")
            columns = zip(*map(own_word_ids, done), strict=True)
            ids[name] = [np.concatenate(column) for column in columns]
            print(f"{name}: {np.mean(ids[name][1] != POLARITY_NEUTRAL):.1%} of words not neutral")
    if len(ids) == 2:
        pos, polarity = zip(*ids.values(), strict=True)
        both = (polarity[0] != POLARITY_NEUTRAL) & (polarity[1] != POLARITY_NEUTRAL)
        print(f"the same part of speech: {np.mean(pos[0] == pos[1]):.1%} of words")
        print(f"the same polarity: {np.mean(polarity[0] == polarity[1]):.1%} of words")
        print(
            f"the same sign where both have one: {np.mean((polarity[0] == polarity[1])[both]):.1%}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
