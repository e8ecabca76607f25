"""Answers to the exercises of notebook 05: right ones in several forms, and typical wrong ones."""

import numpy as np
import torch


def schedule_min(step, n_steps, n_warmup):
    up = step / n_warmup if n_warmup else 1.0
    return min(up, (n_steps - step) / (n_steps - n_warmup))


def schedule_interp(step, n_steps, n_warmup):
    if n_warmup == 0:
        return 1 - step / n_steps
    return np.interp(step, [0, n_warmup, n_steps], [0, 1, 0])


def schedule_flat(step, n_steps, n_warmup):
    return min(1.0, step / n_warmup)


def adamw_loop(w, g, m, v, t, lr, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    new = []
    for wi, gi, mi, vi in zip(w, g, m, v):
        mi = beta1 * mi + (1 - beta1) * gi
        vi = beta2 * vi + (1 - beta2) * gi * gi
        step = (mi / (1 - beta1**t)) / ((vi / (1 - beta2**t)) ** 0.5 + eps)
        new.append((wi * (1 - lr * decay) - lr * step, mi, vi))
    return [list(column) for column in zip(*new)]


def adamw_torch(w, g, m, v, t, lr, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    weight = torch.nn.Parameter(torch.tensor(w))
    optimizer = torch.optim.AdamW([weight], lr, (beta1, beta2), eps, decay)
    optimizer.state[weight] = {
        "step": torch.tensor(float(t - 1)),
        "exp_avg": torch.tensor(m),
        "exp_avg_sq": torch.tensor(v),
    }
    weight.grad = torch.tensor(g)
    optimizer.step()
    state = optimizer.state[weight]
    return weight, state["exp_avg"], state["exp_avg_sq"]


def adamw(change):
    """AdamW with one thing changed."""

    def answer(w, g, m, v, t, lr, decay, beta1=0.9, beta2=0.999, eps=1e-8):
        if change == "L2":
            g, decay = g + decay * w, 0
        m = (1 - beta1) * m + beta1 * g if change == "beta" else beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g if change == "square" else g**2)
        fix = change != "correction"
        m_hat, v_hat = (m / (1 - beta1**t), v / (1 - beta2**t)) if fix else (m, v)
        size = (v_hat + eps) ** 0.5 if change == "inside" else v_hat**0.5 + eps
        if change == "new":
            return (w - lr * m_hat / size) * (1 - lr * decay), m, v
        decayed = 0 if change == "decay" else (1 if change == "rate" else lr) * decay * w
        return w - decayed - lr * m_hat / size, m, v

    return answer


def stop_from_front(errors, patience):
    for last in range(1, len(errors) + 1):
        best = errors.index(min(errors[:last]))
        if last - 1 - best >= patience:
            return last, best + 1
    return len(errors), errors.index(min(errors)) + 1


def stop_numpy(errors, patience):
    errors = np.array(errors)
    firsts = np.array([np.argmin(errors[: i + 1]) for i in range(len(errors))])
    over = np.flatnonzero(np.arange(len(errors)) - firsts >= patience)
    last = over[0] if len(over) else len(errors) - 1
    return np.array([last + 1, firsts[last] + 1])


def stop_beats_the_last(errors, patience):
    best = 0
    for epoch in range(1, len(errors)):
        if errors[epoch] < errors[epoch - 1]:
            best = epoch
        if epoch - best >= patience:
            return epoch + 1, best + 1
    return len(errors), best + 1


def stop_compares_with_the_last(errors, patience):
    waited = best = 0
    for epoch in range(1, len(errors)):
        waited = 0 if errors[epoch] < errors[epoch - 1] else waited + 1
        if errors[epoch] < errors[best]:
            best = epoch
        if waited >= patience:
            return epoch + 1, best + 1
    return len(errors), best + 1


def schedule_parts(step, n_steps, n_warmup):
    if step >= n_warmup:
        return 1 - (step - n_warmup) / (n_steps - n_warmup)
    return 1 - (n_warmup - step) / n_warmup


def schedule_torch(step, n_steps, n_warmup):
    up = torch.linspace(0, 1, n_warmup + 1)
    down = torch.linspace(1, 0, n_steps - n_warmup + 1)
    return torch.cat([up[:-1], down])[step]


def adamw_in_place(w, g, m, v, t, lr, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * np.square(g)
    rate = lr / (1 - beta1**t)
    w *= 1 - lr * decay
    w -= rate * m / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w, m, v


def stop_with_a_count(errors, patience):
    best, taken, waited = float("inf"), 0, 0
    for epoch, error in enumerate(errors, start=1):
        if error < best:
            best, taken, waited = error, epoch, 0
        else:
            waited += 1
            if waited == patience:
                return epoch, taken
    return len(errors), taken


def stop_recursive(errors, patience, epoch=1, taken=1):
    if epoch - taken >= patience or epoch == len(errors):
        return [epoch, taken]
    better = errors[epoch] < errors[taken - 1]
    return stop_recursive(errors, patience, epoch + 1, epoch + 1 if better else taken)


def stop_never_reset(errors, patience):
    best, taken, waited = float("inf"), 0, 0
    for epoch, error in enumerate(errors, start=1):
        if error < best:
            best, taken = error, epoch
        else:
            waited += 1
            if waited == patience:
                return epoch, taken
    return len(errors), taken


def stop_where_equal_is_better(errors, patience):
    best, taken = float("inf"), 0
    for epoch, error in enumerate(errors, start=1):
        if error <= best:
            best, taken = error, epoch
        if epoch - taken >= patience:
            return epoch, taken
    return len(errors), taken


# Mutants of the solution that are right as well: the lines that differ, and the reason.
EQUIVALENT: dict[str, dict[str, str]] = {}

RIGHT = {
    "schedule": [schedule_min, schedule_interp, schedule_parts, schedule_torch],
    "adamw_step": [adamw_loop, adamw_torch, adamw("nothing"), adamw_in_place],
    "early_stop": [stop_from_front, stop_numpy, stop_with_a_count, stop_recursive],
    "mean_over_batches": [
        lambda means, sizes: np.average(means, weights=sizes),
        lambda means, sizes: np.repeat(means, sizes).mean(),
        lambda means, sizes: torch.tensor(means) @ torch.tensor(sizes).float() / sum(sizes),
        lambda means, sizes: sum(n / sum(sizes) * mean for mean, n in zip(means, sizes)),
    ],
}

WRONG = {
    "schedule": [
        (lambda s, n, w: (s + 1) / w if s < w else (n - s) / (n - w), "You count from 1"),
        (schedule_flat, "stays at the peak"),
        (lambda s, n, w: s / w if s < w else (n - s) / n, "not of n_steps"),
        (lambda s, n, w: s / w if s < w else 1 - s / (n - w), "since the warm-up ended"),
        (lambda s, n, w: 1 - s / n, "from the first step"),
        (lambda s, n, w: s / w if s < w else (n - 1 - s) / (n - 1 - w), "one step after the last"),
        (lambda s, n, w: s / w if s < w else (n - s) / (n - w) if w else 0.5, "Without any"),
        (lambda s, n, w: s / w if s <= w else (n - s) / (n - w), "do not divide by 0"),
    ],
    "adamw_step": [
        (adamw("L2"), "Adam with L2"),
        (adamw("beta"), "swapped"),
        (adamw("square"), "SQUARE"),
        (adamw("correction"), "corrections"),
        (adamw("inside"), "inside the square root"),
        (adamw("decay"), "weight decay is missing"),
        (adamw("rate"), "scaled by the learning rate"),
        (adamw("new"), "takes the OLD w"),
        (lambda w, g, m, v, t, *rest: adamw(None)(w, g, m, v, t + 1, *rest), "not t + 1"),
        (
            lambda w, g, m, v, t, lr, decay, b1=0.9, b2=0.999, eps=1e-8: adamw(None)(
                w, g, m, v, t, lr, decay, b2, b1, eps
            ),
            "you took β₂",
        ),
        (lambda w, *rest: w, "three things"),
    ],
    "early_stop": [
        (lambda e, p: tuple(n - 1 for n in stop_from_front(e, p)), "count epochs from 1"),
        (lambda e, p: stop_from_front(e, p)[::-1], "first the epoch after which it stops"),
        (lambda e, p: stop_from_front(e, p + 1), "one epoch too long"),
        (lambda e, p: (stop_from_front(e, p)[0],) * 2, "take the best"),
        (lambda e, p: (len(e), e.index(min(e)) + 1), "never stops early"),
        (lambda e, p: (stop_from_front(e, p)[0], e.index(min(e)) + 1), "did not reach"),
        (stop_compares_with_the_last, "BEST error so far"),
        (stop_beats_the_last, "not only the one before"),
        (stop_never_reset, "begins the waiting anew"),
        (stop_where_equal_is_better, "equal to the best is no better"),
        (lambda e, p: 3, "two numbers"),
    ],
    "mean_over_batches": [
        (lambda means, sizes: np.mean(means), "mean of the means"),
        (lambda means, sizes: 2 * means[-1] / len(means), "published way"),
        (lambda means, sizes: np.dot(means, sizes) / len(means), "not of batches"),
        (lambda means, sizes: np.dot(means, sizes), "that is the sum"),
    ],
}
