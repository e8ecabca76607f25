"""Checks for notebook 05: the schedule, AdamW, patience, a mean over batches."""

from itertools import product

import numpy as np

from .framework import Wrong, exercise, expect, parts


def _schedule_solved(step, n_steps, n_warmup):
    if step < n_warmup:
        return step / n_warmup
    return (n_steps - step) / (n_steps - n_warmup)


def _schedule_cases(rng):
    for n_steps, n_warmup in ((1, 0), (2, 1), (4, 2), (3, 0), (7, 3)):
        for step in range(n_steps):
            yield step, n_steps, n_warmup


@exercise("schedule", solve=_schedule_solved, cases=_schedule_cases)
def _schedule(answer, rng):
    n_steps = int(rng.integers(40, 60))
    n_warmup = int(rng.integers(5, 15))
    steps = np.arange(n_steps)
    up, down = steps / n_warmup, (n_steps - steps) / (n_steps - n_warmup)
    rising = steps < n_warmup
    got = [answer(int(step), n_steps, n_warmup) for step in steps]
    expect(
        got,
        np.where(rising, up, down),
        {
            "You count from 1: step 0 has the share 0.": np.where(
                rising, (steps + 1) / n_warmup, down
            ),
            "It should fall after the warm-up; yours stays at the peak.": np.where(rising, up, 1),
            "The way down begins at the peak: n_steps − step of n_steps − n_warmup, not of "
            "n_steps.": np.where(rising, up, 1 - steps / n_steps),
            "On the way down, count the steps since the warm-up ended.": np.where(
                rising, up, 1 - steps / (n_steps - n_warmup)
            ),
            "At n_steps it would be 0, one step after the last: n_steps − step are left.": np.where(
                rising, up, (n_steps - 1 - steps) / (n_steps - 1 - n_warmup)
            ),
            "It falls from the first step; the first n_warmup steps should rise.": (
                1 - steps / n_steps
            ),
            "It rises over all steps. After n_warmup it should fall.": steps / n_steps,
            "Return the share of the peak; you divided once too often.": np.where(
                rising, up / n_warmup, down / (n_steps - n_warmup)
            ),
        },
        what="The share at steps 0, 1, 2, …",
    )
    try:
        one = answer(0, n_steps, 0)
    except ZeroDivisionError:
        raise Wrong("There may be no warm-up (n_warmup = 0): do not divide by 0.") from None
    if abs(float(np.asarray(one).reshape(())) - 1) > 1e-6:
        raise Wrong("Without any warm-up (n_warmup = 0), step 0 has the full rate, 1.")


# The arguments t, lr, decay, beta1, beta2 and eps of `adamw_step`: all large enough to be seen.
_STEP = (3, 0.5, 0.1, 0.9, 0.999, 0.3)


def _adamw_step_solved(w, g, m, v, t, lr, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    w = w - lr * decay * w - lr * m_hat / (v_hat**0.5 + eps)
    return w, m, v


def _adamw_step_cases(rng):
    for decay, beta2 in ((0.0, 0.5), (0.5, 0.5), (0.5, 0.75)):
        w, g, m, v = (np.array([x]) for x in (2.0, 1.0, 0.0, 0.0))
        yield w, g, m, v, 1, 0.5, decay, 0.5, beta2, 0.5
    yield np.array([2.0]), np.array([-2.0]), np.array([1.0]), np.array([4.0]), 2, *_STEP[1:]
    for n in (1, 3):
        w, g, m = np.round(rng.normal(0, 1, (3, n)), 1)
        v = np.round(rng.uniform(0.1, 1, n), 1)
        yield w, g, m, v, 3, 0.1, 0.2
        yield w, g, m, v, 5, 0.1, 0.2, 0.8, 0.9, 0.1


@exercise("adamw_step", solve=_adamw_step_solved, cases=_adamw_step_cases)
def _adamw_step(answer, rng):
    w, g, m = rng.normal(0, 1, (3, 5))
    v = rng.uniform(0.1, 1, 5)
    t, _, decay, b1, b2, _ = _STEP
    m_new, v_new = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    result = answer(w, g, m, v, *_STEP)
    got_w, got_m, got_v = parts(result, 3, "Return three things: w, m and v.")
    expect(
        got_m,
        m_new,
        {
            "In m, β₁ and 1 − β₁ are swapped.": (1 - b1) * m + b1 * g,
            "m and v are swapped, or m got the square of the gradient.": v_new,
            "You returned m̂; return m, before the correction.": m_new / (1 - b1**t),
            "The decay went into the gradient, and so into m. That is Adam with L2; AdamW takes it "
            "from the weight itself.": b1 * m + (1 - b1) * (g + decay * w),
            "m has not moved: it takes in a little of g.": m,
            "m goes with β₁; you took β₂.": b2 * m + (1 - b2) * g,
        },
        what="m",
    )
    expect(
        got_v,
        v_new,
        {
            "v takes the SQUARE of the gradient.": b2 * v + (1 - b2) * g,
            "In v, β₂ and 1 − β₂ are swapped.": (1 - b2) * v + b2 * g**2,
            "You returned v̂; return v, before the correction.": v_new / (1 - b2**t),
            "v has not moved: it takes in a little of g².": v,
        },
        what="v",
    )
    _adamw_weight(got_w, w, (m, v), (m_new, v_new))


def _adamw_weight(got, w, before, after):
    """Compare the new weight; ``before`` and ``after`` are m and v around the step."""
    t, lr, decay, b1, b2, eps = _STEP

    def step(m, v, *, t=t, correct=True, root=True, inside=False, eps=eps):
        m_hat = m / (1 - b1**t) if correct else m
        v_hat = v / (1 - b2**t) if correct else v
        size = np.sqrt(v_hat + eps) if inside else (np.sqrt(v_hat) if root else v_hat) + eps
        return m_hat / size

    kept = w - lr * decay * w
    expect(
        got,
        kept - lr * step(*after),
        {
            "The corrections 1 − βᵗ are missing. Early on, m and v are too small without them.": (
                kept - lr * step(*after, correct=False)
            ),
            "Is your ε inside the square root? It belongs outside.": (
                kept - lr * step(*after, inside=True)
            ),
            "The square root of v̂ is missing.": kept - lr * step(*after, root=False),
            "The weight decay is missing.": w - lr * step(*after),
            "The decay must be scaled by the learning rate: η λ w.": (
                w - decay * w - lr * step(*after)
            ),
            "The decay takes the OLD w; you took it from the new one.": (
                (w - lr * step(*after)) * (1 - lr * decay)
            ),
            "Steps are counted from 1, so 1 − βᵗ takes t itself, not t + 1.": (
                kept - lr * step(*after, t=t + 1)
            ),
            "ε is missing.": kept - lr * step(*after, eps=0),
            "You used m and v of before this step.": kept - lr * step(*before),
            "The step goes uphill: subtract it.": kept + lr * step(*after),
            "The learning rate is missing.": kept - step(*after),
        },
        what="w",
    )


def _early_stop_solved(errors, patience):
    best = 0
    for epoch, error in enumerate(errors):
        if error < errors[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch + 1, best + 1


def _early_stop_cases(rng):
    for n in (1, 2, 3):
        for errors in product((0.5, 0.25, 0.75), repeat=n):
            for patience in (1, 2, 3):
                yield list(errors), patience
    for _ in range(40):
        yield np.round(rng.choice(12, 7) / 16, 4).tolist(), int(rng.integers(1, 4))


@exercise("early_stop", solve=_early_stop_solved, cases=_early_stop_cases)
def _early_stop(answer, rng):
    cases = [
        ([1.0, 0.8, 0.9, 0.85, 0.95, 0.97, 0.7], 2),
        ([1.0, 0.9, 0.8, 0.7], 3),  # never runs out
        ([0.5, 0.5, 0.5, 0.4], 2),  # equal is no better
        ([0.9, 1.0, 0.8], 1),
        ([1.0, 1.1, 0.9, 1.0, 0.8, 0.9, 0.7], 2),  # waits once, three times, never twice
    ]
    decreasing = 1 / np.arange(1, 9) + rng.uniform(0, 0.01, 8)
    cases.append(([*decreasing[:5].tolist(), 1.0, 2.0, 3.0, 0.0], 3))
    said = [_two_epochs(answer(errors, patience)) for errors, patience in cases]
    right = [_stopped(errors, patience) for errors, patience in cases]
    if said == right:
        return
    place = next(i for i, (one, other) in enumerate(zip(said, right)) if one != other)
    errors, patience = cases[place]
    where = f"For {np.round(errors, 2).tolist()} and a patience of {patience}: "
    for hint, rule in _OTHER_RULES.items():
        if said == [rule(*case) for case in cases]:
            raise Wrong(where + hint)
    raise Wrong(f"{where}it says {said[place]}; expected {right[place]}.")


def _two_epochs(found):
    try:
        last, taken = (int(n) for n in found)
    except (TypeError, ValueError):
        raise Wrong("Return two numbers: the last epoch trained, and the epoch taken.") from None
    return last, taken


def _stopped(errors, patience, equal=False, last=False, forgets=True):
    best = waited = 0
    for epoch, error in enumerate(errors):
        before = errors[epoch - 1] if last and epoch else errors[best]
        if error < before or (equal and error == before):
            waited = 0 if forgets else waited
        else:
            waited += epoch > 0
        if error < errors[best] or (equal and error == errors[best]):
            best = epoch
        if waited >= patience:
            break
    return epoch + 1, best + 1


def _taken_after_all(errors, patience):
    """Return where it stops, and the best epoch of all, also of those that it never sees."""
    return _stopped(errors, patience)[0], int(np.argmin(errors)) + 1


def _better_than_the_last(errors, patience):
    """Return what comes out if an epoch counts as best that is better than the one before it."""
    best = 0
    for epoch, error in enumerate(errors):
        if epoch and error < errors[epoch - 1]:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch + 1, best + 1


# What typical wrong answers say, under the hint to print.
_OTHER_RULES = {
    "count epochs from 1.": lambda e, p: tuple(n - 1 for n in _stopped(e, p)),
    "first the epoch after which it stops, then the one that is taken.": lambda e, p: _stopped(
        e, p
    )[::-1],
    "it waits one epoch too long.": lambda e, p: _stopped(e, p + 1),
    "the last epoch is not the one to take; take the best.": lambda e, p: (_stopped(e, p)[0],) * 2,
    "it never stops early, and takes what it should not have seen.": lambda e, p: (
        len(e),
        int(np.argmin(e)) + 1,
    ),
    "it takes an epoch that training did not reach.": _taken_after_all,
    "an error equal to the best is no better.": lambda e, p: _stopped(e, p, equal=True),
    "a better epoch begins the waiting anew: the count goes back to 0.": lambda e, p: _stopped(
        e, p, forgets=False
    ),
    "compare with the BEST error so far, not with the one before.": lambda e, p: _stopped(
        e, p, last=True
    ),
    "an epoch is the best if it beats the BEST so far, not only the one before.": (
        _better_than_the_last
    ),
}


def _mean_over_batches_solved(means, sizes):
    return sum(m * n for m, n in zip(means, sizes)) / sum(sizes)


def _mean_over_batches_cases(rng):
    yield from (([2.0], [1]), ([2.0], [3]), ([1.0, 5.0], [1, 1]), ([1.0, 5.0], [3, 1]))
    for n in (2, 3, 4):
        yield np.round(rng.uniform(0, 3, n), 1).tolist(), rng.integers(1, 9, n).tolist()


@exercise("mean_over_batches", solve=_mean_over_batches_solved, cases=_mean_over_batches_cases)
def _mean_over_batches(answer, rng):
    sizes = np.array([32, 32, 32, int(rng.integers(3, 9))])
    means = rng.uniform(0.5, 3, 4)
    total = float((means * sizes).sum())
    expect(
        answer(means.tolist(), sizes.tolist()),
        total / sizes.sum(),
        {
            "That is the mean of the means. The small last batch counts as much as a full one.": (
                means.mean()
            ),
            "That is the published way: twice the last batch's, over the number of batches.": (
                2 * means[-1] / 4
            ),
            "That is the last batch alone.": means[-1],
            "Divide by the number of utterances, not of batches.": total / 4,
            "Divide by the number of utterances: that is the sum.": total,
            "That is the sum of the means; weigh each by its size, and divide.": means.sum(),
            "Multiply each mean by its size before you add.": means.sum() / sizes.sum(),
        },
        what="The mean",
    )
