"""The attention inspector: what each word takes from face and voice, to look into.

``records`` computes what is shown, with ``effects`` (what codes do to a prediction), ``shapley``
(shares that add up) and ``first_order`` (a simple picture of a model); ``face`` and ``pictures``
draw codes as faces and waves, ``film`` is what goes with an utterance that was measured in a film,
``counterfactuals`` asks what a model would make of other words, codes and frames, and ``what_ifs``
chooses some for a page without a model; ``layers`` and ``gates`` look at what happens on the way;
``several`` tells whether the maps of several runs repeat; ``survey`` looks at all utterances at
once, and ``fitting`` keeps an exported page small;
``widget`` is the notebook's widget and the exported page, and ``figure`` the same on paper.
``recorder`` films oneself.
"""
