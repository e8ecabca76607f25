"""From tokens and frames, which a model has, to the rows and columns that a map shows."""

import numpy as np


def over_codes(tokens: np.ndarray, codes: np.ndarray, k: int) -> np.ndarray:
    """Add attention over frames (T, N) up by their codes (n,), n ≤ N: (T, k+1).

    Examples
    --------
    >>> over_codes(np.array([[0.5, 0.3, 0.2]]), np.array([1, 0, 1]), 2).round(1).tolist()
    [[0.3, 0.7, 0.0]]
    """
    by_code = np.zeros((len(tokens), k + 1))
    for code in np.unique(codes):
        by_code[:, code] = tokens[:, : len(codes)][:, codes == code].sum(1)
    return by_code


def over_words(tokens: np.ndarray, index: np.ndarray, n_words: int) -> np.ndarray:
    """Average the rows of tokens (T, m) over the pieces of each word, see the top of this module.

    Examples
    --------
    >>> over_words(np.array([[0.0], [1.0], [2.0]]), np.array([-1, 0, 0]), 2).tolist()
    [[1.5], [nan], [0.0]]
    """
    rows = np.full((n_words + 1, tokens.shape[1]), np.nan, np.float32)
    for word in np.unique(index[index >= 0]):
        rows[word] = tokens[index == word].mean(0)
    rows[-1] = tokens[0]
    return rows
