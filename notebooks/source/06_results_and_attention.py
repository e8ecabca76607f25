# %% [markdown]
# # 6 · Results and attention: what the numbers mean, and what the model looks at
#
# **You will be able to**
# - compute every metric of the field from raw predictions, in both of its conventions;
# - put an interval around a number, and compare two models on the same utterances;
# - say for which utterances face and voice help, and for which they do harm;
# - read an attention map, and find out which face turns "great" around;
# - test whether attention shows what the model used.
#
# **You need** notebooks 3 and 5.
#
# **Time** 45 minutes with the exercises; about three minutes of computing on a 2-core laptop, less
# if you ran notebook 5.
#
# **Downloads** the demo sentences on first use (2.4 MB, from the Python package index). Nothing
# else.

# %%
from dataclasses import replace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from sklearn.metrics import f1_score

from cenet_lib import AttentionInspector, TrainingSettings, evaluate_predictions, load_corpus
from cenet_lib.course.exercises import check
from cenet_lib.course.lesson import fast, recorded, shorten, show, trained
from cenet_lib.inspector.records import Subject, attention_on_cues, measure_effects, without
from cenet_lib.results.bootstrap import interval, paired_difference
from cenet_lib.results.plots import (
    confusion_by_class,
    error_by_length,
    metric_by_variant,
    predicted_against_true,
    set_theme,
)

set_theme()

# %% [markdown]
# Two models, trained in the same way: one with words only, and CENet. (If notebook 5 has trained
# one of them, it is opened.)

# %%
corpus = shorten(load_corpus("demo"))
cenet = trained(corpus, TrainingSettings(watch_test=True))
words = trained(corpus, TrainingSettings(fusion="none", watch_test=True))

# %% [markdown]
# Both have predicted every utterance. We put what they say about test side by side.

# %%
test = cenet.predictions.query("split == 'test'").reset_index(drop=True)
test["words_only"] = words.predictions.query("split == 'test'")["prediction"].to_numpy()
y, y_hat, y_words = (test[c].to_numpy() for c in ("label", "prediction", "words_only"))
test.head(3).round(2)

# %% [markdown]
# ## The metrics, on paper
#
# Five utterances are enough to see all of them. Take a pencil.
#
# | | 1 | 2 | 3 | 4 | 5 |
# |---|---|---|---|---|---|
# | true $y$ | 2.5 | 1.0 | 0.0 | −0.6 | −3.0 |
# | predicted $\hat y$ | 1.5 | 1.4 | −0.4 | 0.2 | −2.6 |
# | error | 1.0 | 0.4 | 0.4 | 0.8 | 0.4 |
#
# - **[MAE](GLOSSARY.md#mae)**, the mean absolute error: (1.0 + 0.4 + 0.4 + 0.8 + 0.4) / 5 = 0.6.
# - **[Acc-2](GLOSSARY.md#acc-2)**, the share of right signs. But what is the sign of 0? With
#   zeros as positive (*has0*), utterances 1, 2 and 5 are right: 3/5. Without the utterance whose
#   label is 0 (*non0*), it is 3/4.
# - **[Acc-7](GLOSSARY.md#acc-7)**, the share with the same rounded value. Truth rounds to 2, 1,
#   0, −1, −3 and prediction to 2, 1, 0, 0, −3: 4/5. NumPy rounds halves to the even number, so
#   2.5 and 1.5 both become 2.
# - **Corr**, Pearson's correlation: does the prediction rise and fall with the truth? It does not
#   see if all predictions are twice too large.

# %%
five = np.array([2.5, 1.0, 0.0, -0.6, -3.0])
five_hat = np.array([1.5, 1.4, -0.4, 0.2, -2.6])
some = five != 0
by_hand = {
    "mae": np.abs(five_hat - five).mean(),
    "corr": np.corrcoef(five, five_hat)[0, 1],
    "acc2_has0": ((five_hat >= 0) == (five >= 0)).mean(),
    "acc2_non0": ((five_hat > 0) == (five > 0))[some].mean(),
    "acc7": (np.round(five_hat.clip(-3, 3)) == np.round(five.clip(-3, 3))).mean(),
    "acc5": (np.round(five_hat.clip(-2, 2)) == np.round(five.clip(-2, 2))).mean(),
    "f1_has0": f1_score(five >= 0, five_hat >= 0, average="weighted"),
    "f1_non0": f1_score((five > 0)[some], (five_hat > 0)[some], average="weighted"),
}

# %%
packaged = evaluate_predictions(five, five_hat)
assert packaged.keys() == by_hand.keys()
assert all(np.isclose(packaged[name], value) for name, value in by_hand.items())
print({name: round(float(value), 3) for name, value in by_hand.items()})

# %% [markdown]
# **F1** is the harmonic mean of precision and recall; *weighted* means that both classes count by
# their size. It has the same two conventions.
#
# So "Acc-2 = 86 %" says little. Papers print `83.5 / 85.2` and mean has0 / non0; some swap them;
# some print one number and do not say which. Always name the convention.

# %% [markdown]
# ### Exercise 6.1 · Acc-2, twice · ★☆☆ · 4 minutes · 1 point
#
# `y` and `y_hat` are arrays. Return both accuracies, has0 first. *has0*: on all utterances, ŷ ≥ 0
# against y ≥ 0. *non0*: on utterances whose **label** is not 0, ŷ > 0 against y > 0.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `(a == b).mean()` is a share. `[y != 0]` picks.
#
# </details>


# %% exercise="acc2_twice"
def acc2_twice(y, y_hat):
    """Return (has0, non0), shares from 0 to 1."""
    ### BEGIN SOLUTION
    has0 = ((y_hat >= 0) == (y >= 0)).mean()
    non0 = ((y_hat > 0) == (y > 0))[y != 0].mean()
    return has0, non0
    ### END SOLUTION


# %% check="acc2_twice"
check("acc2_twice", acc2_twice)

# %% [markdown]
# ### Exercise 6.2 · Seven classes · ★★☆ · 5 minutes · 2 points
#
# Acc-7: clip both to [−3, 3], round both (halves to the even number, as NumPy does), and return the
# share that agrees. A model may well predict 3.8; that is class 3.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `np.clip`, then `np.round`. `int()` would cut off instead of rounding.
#
# </details>


# %% exercise="acc7"
def acc7(y, y_hat):
    """Return the share of utterances in the same of seven classes."""
    ### BEGIN SOLUTION
    return (np.round(np.clip(y, -3, 3)) == np.round(np.clip(y_hat, -3, 3))).mean()
    ### END SOLUTION


# %% check="acc7"
check("acc7", acc7)

# %% [markdown]
# ### The two models
#
# On test, which neither has seen:

# %%
found = [evaluate_predictions(y, guess) for guess in (y_words, y_hat)]
pd.DataFrame(found, index=["words only", "CENet"]).round(3)

# %% [markdown]
# In `demo` no label is exactly 0, so both conventions agree. In MOSI they do not.
#
# A table hides what the picture shows:

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
for ax, column, title in zip(axes, ("words_only", "prediction"), ("words only", "CENet")):
    predicted_against_true(test[["label"]].assign(prediction=test[column]), ax=ax)
    ax.set_title(title)
show(figure, "Predicted over true intensity: both models rise; CENet is closer to the diagonal")

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
confusion_by_class(test, ax=axes[0])
error_by_length(test, ax=axes[1])
show(
    figure,
    "Left: mistakes are mostly between neighbouring classes. Right: error by sentence length",
)

# %% [markdown]
# Left: most mistakes are between neighbours, and the ends are pulled to the middle. That is what a
# squared error does to a model that is not sure. Right: the intervals overlap from short to long
# sentences, so nothing follows about length.

# %% [markdown]
# ## How sure is a number?
#
# Our test split has 686 utterances. Another 686 would have given another MAE. How far off might
# it be? The [bootstrap](GLOSSARY.md#bootstrap) ([Efron 1979](REFERENCES.md#efron-1979)) asks the
# data themselves: draw 686 utterances from the 686, *with* replacement, so that some come twice
# and some not at all. Compute the MAE. Do it a thousand times. The middle 95 % of the results are
# an interval for it.

# %%
errors = np.abs(y_hat - y)
rng = np.random.default_rng(0)
draws = np.array([rng.integers(0, len(y), len(y)) for _ in range(1000)])  # (1000, N)
resampled = errors[draws].mean(1)  # (1000,)

# %% [markdown]
# That is all there is to it. The package does the same:

# %%
low, high = np.quantile(resampled, [0.025, 0.975])
assert np.allclose(interval(y, y_hat)["mae"], (low, high))
print(f"MAE {errors.mean():.3f}, 95 % interval {low:.3f} to {high:.3f}")

# %% [markdown]
# It says how much the choice of *utterances* matters. It says nothing about the *seed*: for that,
# train several (notebook 5).
#
# Now compare two models. Do their intervals overlap? That is the wrong question. Both models were
# tested on the **same** utterances, and a sentence that is hard for one is often hard for the
# other. So take the difference on each utterance, and ask how sure *that* is: the paired
# bootstrap.

# %%
gain = np.abs(y_hat - y) - np.abs(y_words - y)  # below 0 where CENet is better
difference, low, high = paired_difference(y, y_hat, y_words)["mae"]
assert np.isclose(difference, gain.mean())
print(f"MAE of CENet minus words only: {difference:+.3f} [{low:+.3f}, {high:+.3f}]")
print(f"CENet is better on {(gain < 0).mean():.0%} of the utterances")

# %% [markdown]
# The interval is far from 0. But notice the second line: CENet is *not* better on every sentence.
# It is better on average.

# %% [markdown]
# ### Exercise 6.3 · Paired bootstrap · ★★★ · 9 minutes · 3 points
#
# `a` and `b` (N,) are the absolute errors of two models on the same utterances. `draws` (R, N)
# holds the numbers of the utterances in each of R resamples. Return three numbers: the mean of a
# − b, and the 2.5 % and 97.5 % quantiles of that mean over the resamples.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `(a - b)[draws]` has the shape (R, N). Its mean over axis 1 is one number per resample.
#
# </details>


# %% exercise="paired_bootstrap"
def paired_bootstrap(a, b, draws):
    """Return (difference, low, high)."""
    ### BEGIN SOLUTION
    difference = a - b  # (N,)
    resampled = difference[draws].mean(1)  # (R,)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return difference.mean(), low, high
    ### END SOLUTION


# %% check="paired_bootstrap"
check("paired_bootstrap", paired_bootstrap)

# %% [markdown]
# ## Irony: where the streams decide
#
# `demo` knows what real data hide. Each utterance has a *rating* $r$, what readers thought of the
# words alone, and a *delivery* $d$, how it was said (simulated). The label is made of both: $y =
# 0.7 r + 0.6 d$, clipped. So we can sort the test utterances:
#
# - words and delivery **agree** in sign;
# - they disagree, and the **words win**: the label has their sign;
# - they disagree, and the **delivery wins**: a warm sentence said with such a frown that a listener
#   takes it for the opposite. That is [irony](GLOSSARY.md#irony).

# %%
rating, delivery = (
    np.array([u.annotations[name] for u in corpus.test]) for name in ("rating", "delivery")
)
kind = np.where(np.sign(y) == np.sign(rating), "words win", "delivery wins")
kind[np.sign(rating) == np.sign(delivery)] = "agree"

# %%
rows = []
for name in ("agree", "words win", "delivery wins"):
    for model, guess in (("words only", y_words), ("CENet", y_hat)):
        here = evaluate_predictions(y[kind == name], guess[kind == name])
        rows.append((name, (kind == name).sum(), model, here["mae"], here["acc2_non0"]))
by_kind = pd.DataFrame(rows, columns=["kind", "n", "model", "mae", "acc2_non0"])
by_kind.pivot(index=["kind", "n"], columns="model", values=["mae", "acc2_non0"]).round(2)

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
for ax, metric, label in zip(axes, ("mae", "acc2_non0"), ("MAE", "Acc-2 (non0)")):
    looks = {"palette": ["silver", "C0"], "saturation": 1, "legend": ax is axes[0]}
    sns.barplot(by_kind, x="kind", y=metric, hue="model", **looks, ax=ax)
    ax.set(xlabel="", ylabel=label)
axes[0].legend()
show(
    figure,
    "Bars: MAE and Acc-2 of words only and CENet. Where delivery wins, words only gets most signs "
    "wrong and CENet most right; where words win against delivery, CENet gets more wrong",
)

# %% [markdown]
# - Where words and delivery **agree**, CENet is better on both counts.
# - Where the **delivery wins**, words only gets three signs of four wrong. It cannot know better.
#   CENet gets three of four right. This is irony, understood.
# - Where the **words win** against the delivery, CENet gets *more* signs wrong than words only.
#   It has learned that delivery counts, and follows it too far.
#
# So face and voice are no gift to every sentence. The average over all, which is what papers print,
# shows neither the irony nor the harm.

# %% [markdown]
# ### Move the delivery
#
# Take one sentence, and lend it the face and voice of others, from very negative deliveries to
# very positive ones. The words stay as they are. We do it for three sentences: bad words,
# middling ones and good ones, as the words-only model sees them.

# %%
model = Subject("CENet", cenet.model, cenet.processor)
wanted = np.linspace(-3, 3, 7)
order = np.argsort(y_words)
chosen = [int(order[int(q * (len(order) - 1))]) for q in (0.02, 0.5, 0.95)]
for i in chosen:
    print(f"words only says {y_words[i]:+.1f}: {corpus.test[i].text}")


# %%
def spoken_as(utterance, d):
    """Return the utterance with the faces and voices of ten others, of a delivery near d."""
    nearest = np.argsort(np.abs(delivery - d))[: fast(10, 3)]
    lenders = [corpus.test[j] for j in nearest]
    return [replace(utterance, visual=by.visual, acoustic=by.acoustic) for by in lenders]


said = np.array(
    [
        [np.mean([r.prediction for r in model.read(spoken_as(corpus.test[i], d))]) for d in wanted]
        for i in chosen
    ]
)  # (3 sentences, 7 deliveries)

# %% [markdown]
# Each number is the mean over ten lenders, because the frames of a single one may happen to hold
# few cues. Move the delivery:

# %%
names = ("bad words", "middling words", "good words")


def explore_delivery(step):
    figure, ax = plt.subplots(figsize=(5, 2), layout="constrained")
    ax.barh(names, said[:, step])
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlim=(-3.2, 3.2), xlabel="prediction", title=f"delivery about {wanted[step]:+.0f}")
    show(figure, f"Predictions for three sentences with a delivery of about {wanted[step]:+.0f}")
    return said[:, step].round(3).tolist()


widgets.interactive(explore_delivery, step=widgets.IntSlider(0, 0, 6, continuous_update=False))

# %% [markdown]
# On paper:

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
sns.lineplot(pd.DataFrame(said.T, index=wanted, columns=names), markers=True, ax=ax)
ax.axhline(0, color="black", linewidth=0.8)
ax.set(xlabel="delivery of the lender", ylabel="prediction", ylim=(-3.2, 3.2))
show(
    figure, "Predictions for three sentences rise with the delivery; good words lie above bad ones"
)

# %% [markdown]
# The lines rise, and keep their order: the model adds up what is said and how it is said. Good
# words with the worst delivery end up near zero, or below. Bad words with the best delivery stay
# below zero.

# %% [markdown]
# ## Which stream is it?
#
# Take one away, for the whole training and test: an [ablation](GLOSSARY.md#ablation). And a
# control: `shuffled` deals the streams out to other utterances. A model with shuffled streams has
# all the weights of CENet, and nothing to learn from them. Three seeds each, made beforehand:
#
#     python -m cenet_lib compare --fusion none ce --streams both visual acoustic shuffled \
#         --seed 0 1 2 --out runs/demo

# %%
ablation = recorded("streams_summary")
columns = ["fusion", "streams", "mae_mean", "mae_std", "mae_gain", "mae_gain_low", "mae_gain_high"]
ablation[columns].round(3)

# %%
runs = recorded("streams")
plain_names = {"both": "words, face, voice", "visual": "words, face", "acoustic": "words, voice"}
plain_names["shuffled"] = "words, shuffled streams"
runs["variant"] = runs["streams"].map(plain_names).where(runs["fusion"] == "ce", "words only")
figure, ax = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
metric_by_variant(runs, ax=ax, by="variant")
ax.set_ylabel("")
show(figure, "MAE on test for words only, and with both streams, face, voice, and shuffled streams")

# %% [markdown]
# - **Shuffled** is as bad as words only; the interval of its gain contains 0. So what CENet gains
#   does not come from its additional weights. This control costs three runs, and few papers have
#   it.
# - **One stream** brings most of the gain. Face and voice tell the same story here, since both
#   follow the same delivery.
# - **Both** are better than one by a few hundredths, which is about twice the spread of the seeds.

# %% [markdown]
# ## Look into the attention
#
# Now to what the model looks at. We list the test sentences with the word *great*, and open the one
# that the face pulls down most.
#
# Click a word, or a code; switch from codes to frames; move over the strip, and the face plays.
# (Without a running kernel you see the picture below instead. `python -m cenet_lib inspect RUN
# --out maps.html` makes a page that needs none.)

# %%
great = [u for u in corpus.test if "great" in u.words]
lowered = [
    seen.prediction - unseen.prediction
    for seen, unseen in zip(model.read(great), model.read([without(u, "visual") for u in great]))
]
utterance = great[int(np.argmin(lowered))]
inspector = AttentionInspector(cenet.model, cenet.processor, corpus, great)
inspector.utterance = utterance.id
inspector

# %%
show(
    inspector.figure(),
    "The chosen utterance: predictions with and without voice and face, and two maps of words by "
    "codes, whose columns are labelled with small faces and waves",
)

# %% [markdown]
# How to read it. A row is a word, a column is a code. Dark means: this word takes much from
# frames of this code. The first token, `[CLS]`, is the one that the head reads; it is the last
# row. Each row of a map sums to 1.
#
# Which face turns "great" down? Above each column stands what its code **adds to the
# prediction**. All these effects add up to what face and voice move. Look for the lowest number,
# and at the face above it. In numbers, beside what happens if this code's frames **alone** are
# left out:

# %%
reading = model.read([utterance])[0]
visual = measure_effects([model], utterance, corpus)["subjects"][0]["visual"]
attention = np.nanmean(reading.visual[:-1], axis=0)  # (k+1,), mean over the words
pd.DataFrame(
    [(int(c), attention[int(c)], e, visual["left_out"][c]) for c, e in visual["effects"].items()],
    columns=["face code", "attention", "adds to the prediction", "left out alone"],
).sort_values("adds to the prediction").head(5).round(2)

# %% [markdown]
# Compare the columns with care: they answer different questions. *Attention* is what CE mixed in.
# *Left out alone* is what happens without this one code: its attention goes to the other codes, and
# if those say the same, little happens. So these numbers do not add up. What a code *adds* is its
# share of the whole movement, averaged over all orders in which the codes could come (a
# [Shapley value](GLOSSARY.md#shapley-value)). Much attention and a small effect are no
# contradiction.

# %% [markdown]
# ## Is attention faithful?
#
# An attention map is tempting: it looks like a reason. Is it one? We call a map
# [faithful](GLOSSARY.md#faithful) as far as it shows what the prediction really rests on. Three
# tests.
#
# **Test 1: the planted cues.** In `demo` two runs of frames in five are cues; the rest is noise.
# Does attention find them? If it did not care, its mass on cues would be their share of the
# frames.

# %%
some_test = corpus.test[: fast(200, 40)]
on_cues = attention_on_cues(model, some_test, corpus)
on_cues.groupby(["stream", "streams"])[["share", "mass"]].mean().round(2)

# %% [markdown]
# It finds them: about two fifths of the frames are cues, and about four fifths of the attention lie
# there.
#
# **Test 2: the control.** The rows `shuffled` show the words of one utterance with the streams of
# another. Look: the mass is the *same*. So CE does not look for cues that fit these words. It has
# learned which codes are cues, and looks at those, whatever is said. (In `demo` that is right:
# cues follow the delivery, and the delivery hardly follows the words.) Without the control one
# would have told a nicer story.

# %% [markdown]
# ### Exercise 6.4 · Attention mass on cues · ★★☆ · 5 minutes · 2 points
#
# A word's attention is over **codes**, `attention` (k,). `codes` (n,) is the code of each frame,
# and `cue` (n,) says which frames are cues. A code's attention is shared equally by its frames.
# Return the mass on cue frames.
#
# On paper: code 0 has the attention 0.4 and two frames, one a cue; code 1 has 0.6 and three
# frames, all cues. The mass is 0.4 · 1/2 + 0.6 · 3/3 = 0.8.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `attention[codes]` gives each frame its code's attention. Divide by how many frames that code has
# (`np.bincount(codes)`).
#
# </details>


# %% exercise="cue_mass"
def cue_mass(attention, codes, cue):
    """Return the attention mass on cue frames, from 0 to 1."""
    ### BEGIN SOLUTION
    counts = np.bincount(codes, minlength=len(attention))  # (k,)
    per_frame = attention[codes] / counts[codes]  # (n,)
    return per_frame[cue].sum()
    ### END SOLUTION


# %% check="cue_mass"
check("cue_mass", cue_mass)

# %% [markdown]
# **Test 3: take frames out.** If attention shows what matters, then removing the frames with the
# most attention should change the prediction much, and removing as many at random should change
# it little. We remove a growing share of both streams.


# %%
def without_frames(utterance, reading, share, how, rng):
    """Return the utterance without some of its frames: those of most attention, or random ones."""
    kept = {}
    for stream in ("visual", "acoustic"):
        codes = model.processor.codes(utterance, stream)
        attention = np.nanmean(getattr(reading, stream)[:-1], axis=0)  # (k+1,)
        per_frame = (attention / np.maximum(np.bincount(codes, minlength=len(attention)), 1))[codes]
        first = (
            np.argsort(-per_frame, kind="stable") if how == "most" else rng.permutation(len(codes))
        )
        kept[stream] = utterance.frames(stream)[np.sort(first[round(share * len(codes)) :])]
    return replace(utterance, **kept)


# %%
shares = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
subset = corpus.test[: fast(100, 20)]
readings = model.read(subset)
base = np.array([r.prediction for r in readings])
rng = np.random.default_rng(0)
moved = {}
for how in ("most", "random"):
    for share in shares:
        changed = [without_frames(u, r, share, how, rng) for u, r in zip(subset, readings)]
        after = np.array([r.prediction for r in model.read(changed)])
        moved.setdefault(how, []).append(np.abs(after - base).mean())

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
lines = {"frames of most attention": moved["most"], "random frames": moved["random"]}
sns.lineplot(pd.DataFrame(lines, index=[100 * s for s in shares]), markers=True, ax=ax)
ax.set(xlabel="frames removed, %", ylabel="mean change of the prediction")
show(
    figure,
    "Change of the prediction over the share of removed frames: large from the start for frames of "
    "most attention, near zero for random ones until most frames are gone",
)

# %%
print(pd.DataFrame(moved, index=[f"{s:.0%}" for s in shares]).round(3).to_string())

# %% [markdown]
# Take out the twentieth of the frames that has most attention, and the prediction moves some
# thirty times as far as when as many random frames go. At random, most of the frames must go to
# do as much. So attention does point at frames that count. And the upper curve becomes flat after
# two fifths: what is left then was hardly used.

# %% [markdown]
# ### What follows, and what does not
#
# On `demo` CE's attention is a fair guide to *which frames matter together*: it lies on the planted
# cues, and taking its frames away changes the prediction. It is a poor guide to *what a single code
# did*, and to *why this word*. Two warnings remain:
#
# - Attention tells what CE mixed in. Five layers follow, and may do with it what they like.
# - `demo` is a simulation, with cues that can be found. On real faces nobody knows the cues, and
#   test 1 cannot be made. Tests 2 and 3 can.
#
# The question whether attention explains has a literature of its own: see [Jain and Wallace
# 2019](REFERENCES.md#jain-2019), and the answer by [Wiegreffe and Pinter
# 2019](REFERENCES.md#wiegreffe-2019).

# %% [markdown]
# ## What you did
#
# You computed the metrics by hand, and know that a name without its convention says little. You
# put an interval around a number and paired a comparison. You found where the streams decide: on
# irony, and sometimes for the worse. You looked into the attention, and tested it before you
# believed it.
#
# **Exercises** 6.1 Acc-2, twice · 6.2 seven classes · 6.3 paired bootstrap · 6.4 attention mass on
# cues.
#
# **To think about** Test 3 removes whole frames, so the model sees streams that are shorter than
# any it was trained on. Could the change come from that? What would be a fairer removal?
#
# **Next** [Beyond the paper](07_beyond_the_paper.ipynb): what else one can do with face and
# voice, and what one should not.
