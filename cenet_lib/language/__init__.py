"""The language model's side: the pre-trained encoder, its weights, and what dictionaries know.

`cenet_lib.model` builds on the encoder, and `cenet_lib.processor` asks the dictionaries.

``packaged`` and ``backbone`` find an encoder and its layers, ``probe`` tries it. What a stranger's
folder holds is read without trust: ``weights`` reads checkpoints, ``names`` says which weight is
which, ``described`` takes from a configuration what describes a model, ``tokenizer`` reads the
words' side. ``sentilare`` is the language model of the paper, ``annotators`` gives each word its
part of speech and polarity, ``sentiwordnet`` is the dictionary that the paper took them from, and
``stanford`` its tagger.
"""
