"""The attention inspector: what each word takes from face and voice, to look into.

``records`` computes what is shown, ``pictures`` draws codes as faces and waves, ``widget`` is the
notebook's widget and the exported page, and ``figure`` the same on paper.
"""
