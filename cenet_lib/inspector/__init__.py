"""The attention inspector: what each word takes from face and voice, to look into.

``records`` computes what is shown, with ``effects`` (what codes do to a prediction), ``shapley``
(shares that add up) and ``first_order`` (a simple picture of a model); ``face`` and ``pictures``
draw codes as faces and waves, ``film`` is what goes with an utterance that was measured in a film,
``widget`` is the notebook's widget and the exported page, and ``figure`` the same on paper.
``recorder`` films oneself.
"""
