"""Shapley values: how much each of several players adds to what they reach together.

Conventions:

- A *game* tells what any set of n players reaches. Sets are rows of booleans (m, n), True where a
  player is in; the game returns (m,) values, of all rows in one call.
- A player's *share* is what it adds to those who are there before it, averaged over all orders in
  which the n players can come. The shares of all players add up to what they reach together, minus
  what nobody reaches. That is what leaving out one player at a time does not do: where two players
  say the same, neither is missed.

Source: Shapley 1953, "A Value for n-Person Games"; sampling by orders: Castro et al. 2009,
"Polynomial calculation of the Shapley value based on sampling".
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import NamedTuple

import numpy as np

_EXACT_TEAM = 14  # players; 2¹⁴ sets
_STEPS = 8000  # of pairs of orders, where a game costs next to nothing
Game = Callable[[np.ndarray], np.ndarray]


class Shares(NamedTuple):
    """What each of n players adds.

    Attributes
    ----------
    values : (n,)
        The shares. They add up to what all reach minus what nobody reaches.
    alone : (n,)
        What all reach, minus what all but this player reach: the effect of leaving one out.
    error : float
        The standard error of a share, 0 if all sets were looked at. It is the root mean square over
        the players, because from few orders it cannot be told for each; and it takes an order and
        its reverse for independent, though they err less together.
    subsets : (2ⁿ,) or None
        What every set reaches, if all were looked at: player j is in set i if bit j of i is set.
    trust : float
        The factor with which a rough game was followed: about 1 if it is good, 0 if it is no use.

    Examples
    --------
    >>> found = shares(lambda sets: sets.any(axis=1) * 1.0, 2)  # either player is enough
    >>> found.values.tolist(), found.alone.tolist()
    ([0.5, 0.5], [0.0, 0.0])
    """

    values: np.ndarray
    alone: np.ndarray
    error: float
    subsets: np.ndarray | None
    trust: float = 0.0


@dataclass(frozen=True)
class Blend:
    """A game in which the members of a team are averaged: a simple picture of attention.

    Each team reaches the weighted mean of what those of its members that are there would reach
    alone, and nothing if nobody is there; the teams' results add up, and those of T places too.

    Attributes
    ----------
    weights : (T, n)
        How much a player counts, 0 or more.
    gains : (T, n)
        What a player reaches if it is alone.
    teams : (n,) int
        The team of each player.

    Examples
    --------
    >>> blend = Blend(np.array([[1.0, 3.0]]), np.array([[8.0, 0.0]]), np.array([0, 0]))
    >>> blend(subsets(2)).tolist()
    [0.0, 8.0, 0.0, 2.0]
    >>> blend.shares().tolist()
    [5.0, -3.0]
    """

    weights: np.ndarray
    gains: np.ndarray
    teams: np.ndarray

    def __call__(self, sets: np.ndarray) -> np.ndarray:
        """Return what sets (m, n) reach, (m,)."""
        total = np.zeros(len(sets))
        for team in np.unique(self.teams):
            own = self.teams == team
            there = sets[:, own].astype(np.float64)
            weight = there @ self.weights[:, own].T  # (m, T)
            gain = there @ (self.weights * self.gains)[:, own].T
            total += np.divide(gain, weight, out=np.zeros_like(gain), where=weight > 0).sum(1)
        return total

    def shares(self, seed: int = 0) -> np.ndarray:
        """Return the players' shares (n,): exact for teams of up to 14, else of many orders."""
        values = np.zeros(len(self.teams))
        for team in np.unique(self.teams):
            own = self.teams == team
            alone = Blend(self.weights[:, own], self.gains[:, own], self.teams[own])
            n = int(own.sum())
            if n <= _EXACT_TEAM:
                values[own] = exact_shares(alone(subsets(n)))
            else:
                orders = _orders(n, max(1, _STEPS // n), seed)
                values[own] = _added(alone(_prefixes(orders)), orders).mean(0)
        return values


def shares(
    game: Game, n: int, most: int = 256, rough: Blend | None = None, seed: int = 0
) -> Shares:
    """Share out what n players reach.

    Parameters
    ----------
    game : callable
        From sets (m, n) to what each reaches (m,).
    n : int
        The number of players.
    most : int
        About how many sets the game may be asked for. If there are no more than these, all are
        looked at and the shares are exact; else they are averages over orders drawn at random, each
        along with its reverse, and at least one such pair.
    rough : Blend, optional
        A game that comes close to the first one and costs next to nothing. Then only what it misses
        is sampled, so that the error shrinks to that of the difference.
    seed : int
        Of the orders.

    Examples
    --------
    >>> def product(sets):  # the first player counts only where the second is
    ...     return 2.0 * sets[:, 0] * sets[:, 1] + sets[:, 2:].sum(1)
    >>> shares(product, 4).values.tolist()
    [1.0, 1.0, 1.0, 1.0]
    >>> round(float(shares(product, 20, most=400).values.sum()), 6)
    20.0
    """
    if n == 0:
        return Shares(np.zeros(0), np.zeros(0), 0.0, game(np.zeros((1, 0), bool)))
    if 2**n <= max(most, 4):
        reached = game(subsets(n))
        without = (2**n - 1) ^ (1 << np.arange(n))  # (n,)
        return Shares(exact_shares(reached), reached[-1] - reached[without], 0.0, reached)
    pairs = max(1, (most - n) // (2 * (n - 1)))
    orders = _orders(n, pairs, seed)  # (2 · pairs, n)
    alone = ~np.eye(n, dtype=bool)
    sets, where = np.unique(np.concatenate([_prefixes(orders), alone]), axis=0, return_inverse=True)
    reached = game(sets)
    left = reached[where.ravel()]
    steps = _added(left[:-n], orders)  # (2 · pairs, n)
    trust, values = 0.0, np.zeros(n)
    if rough is not None:
        guessed = _added(rough(sets)[where.ravel()][:-n], orders)
        trust = _slope(guessed, steps)
        steps = steps - trust * guessed
        values = trust * rough.shares(seed)
    error = np.sqrt(steps.var(0, ddof=1).mean() / len(orders))
    return Shares(values + steps.mean(0), left[n] - left[-n:], float(error), None, trust)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Return the slope of the line through 0 that is closest to y over x."""
    return float((x * y).sum() / max((x * x).sum(), 1e-12))


def subsets(n: int) -> np.ndarray:
    """Return all sets of n players, (2ⁿ, n): player j is in set i if bit j of i is set.

    Examples
    --------
    >>> subsets(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def exact_shares(reached: np.ndarray) -> np.ndarray:
    """Return the shares (n,) of a game of which all sets were looked at, (2ⁿ,), as in `subsets`.

    Examples
    --------
    >>> exact_shares(np.array([0.0, 1.0, 1.0, 1.0])).tolist()
    [0.5, 0.5]
    """
    n = len(reached).bit_length() - 1
    sets = np.arange(2**n)
    size = subsets(n).sum(1)  # (2ⁿ,)
    # in this part of all orders, just these players come before the one in question
    weight = np.array([1 / (n * comb(n - 1, int(s))) if s < n else 0.0 for s in size])
    values = np.empty(n)
    for player in range(n):
        before = sets[sets >> player & 1 == 0]
        values[player] = weight[before] @ (reached[before | 1 << player] - reached[before])
    return values


def _orders(n: int, pairs: int, seed: int) -> np.ndarray:
    """Return orders in which n players come, (2 · pairs, n), each followed by its reverse."""
    rng = np.random.default_rng(seed)
    drawn = np.array([rng.permutation(n) for _ in range(pairs)])
    return np.stack([drawn, drawn[:, ::-1]], axis=1).reshape(2 * pairs, n)


def _prefixes(orders: np.ndarray) -> np.ndarray:
    """Return who is there after 0, 1, … n players have come, (orders · (n + 1), n)."""
    n = orders.shape[1]
    place = np.argsort(orders, axis=1)  # (orders, n): when each player comes
    there = place[:, None, :] < np.arange(n + 1)[None, :, None]  # (orders, n + 1, n)
    return there.reshape(-1, n)


def _added(reached: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return what each player adds in each order, (orders, n), from what `_prefixes` reach."""
    steps = np.diff(reached.reshape(len(orders), -1), axis=1)  # (orders, n), in their order
    added = np.empty_like(steps)
    np.put_along_axis(added, orders, steps, axis=1)
    return added
