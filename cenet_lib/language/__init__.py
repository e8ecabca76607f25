"""The language model's side: the pre-trained encoder, its weights, and what dictionaries know.

`cenet_lib.model` builds on the encoder, and `cenet_lib.processor` asks the dictionaries.

``packaged`` and ``backbone`` find an encoder and its layers, ``probe`` tries it, ``weights`` reads
and renames foreign checkpoints, ``sentilare`` is the language model of the paper, ``annotators``
gives each word its part of speech and polarity, and ``sentiwordnet`` is the dictionary that the
paper took them from.
"""
