"""What comes out of runs: how sure a number is, how ways compare, what a code means, figures.

``bootstrap`` puts intervals around metrics, ``experiments`` trains a grid of settings and tabulates
it, ``codes`` describes vocabularies, and ``plots`` draws.
"""
