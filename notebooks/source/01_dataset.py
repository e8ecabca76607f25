# %% [markdown]
# # 1 · The data: what is said, and how
#
# **You will be able to**
# - open a corpus and read an utterance: its words, its face, its voice, its label;
# - say what padding costs, and compute with it without being fooled by it;
# - tell aligned from unaligned data;
# - split a corpus by speaker, and show why a random split flatters a model;
# - say which part of the `demo` corpus is real and which is simulated.
#
# **You need** Python with NumPy; what a mean, a median and a correlation are.
#
# **Time** 50 minutes with the exercises; under a minute of computing on a 2-core laptop.
#
# **Downloads** the demo sentences on first use (2.4 MB, from the Python package index). Nothing
# else.

# %% [markdown]
# ## Three sentences to begin with
#
# Three people speak about a film. First you get their words and nothing else. How did each of them
# mean it? Then you see the face, and the voice as a wave, and may think again.

# %%
from pathlib import Path

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import display
from scipy.spatial.distance import cdist
from sklearn.linear_model import LinearRegression

from cenet_lib import Corpus, load_corpus
from cenet_lib.corpora.demo import best_reading
from cenet_lib.course.controls import slider
from cenet_lib.course.exercises import check, mine, progress
from cenet_lib.course.guess import guess
from cenet_lib.course.lesson import has_truth, recorded, shorten, show
from cenet_lib.course.portraits import Portraits
from cenet_lib.results.plots import set_theme

set_theme()

# %% [markdown]
# `load_corpus` opens any corpus that this course knows. `"demo"` needs no files of yours.
# (`shorten` gives the corpus back as it is. Only the course's own tests make it smaller.)

# %%
demo = load_corpus("demo")
corpus = shorten(demo)
truth = has_truth(corpus, "rating", "delivery", "visual_states")
chosen = ("speaker71_06", "speaker86_02", "speaker65_18") if truth else ()
sentences = [u for name in chosen for u in demo.test if u.id == name]
corpus

# %% [markdown]
# Read each sentence, and move its slider to how it was meant: −3 is as negative as can be, 0 is
# neither, 3 is as positive as can be. Nobody sees what you guess, and a wrong guess teaches more
# than a right one.

# %%
guesses = {}
for u in sentences:
    guesses[u.id] = guess(u.text, -3, 3)
    display(guesses[u.id])

# %% [markdown]
# Now the three people. Choose a sentence, and press the triangle to let it play, or move the slider
# by hand. The face is drawn from some of the numbers that are measured in each of its moments: how
# strongly its muscles pull, and how the head is turned. The wave is the voice: fast for a high
# pitch, tall for a loud voice, thick for a tense one.


# %%
portraits = Portraits(demo)


def explore_moment(sentence, time):
    """Draw a sentence's face and voice at a time in % of its length; say what they do."""
    u = sentences[sentence - 1]
    said = portraits.words(u, time / 100)
    show(portraits.at(u, time / 100), f"Sentence {sentence} at {time} %: {said}")
    return said


if sentences:
    which = widgets.Dropdown(options=[1, 2, 3], description="sentence")
    time = slider("time, % of the sentence", 0, 100, 0, step=2)
    play = widgets.Play(min=0, max=100, step=2, interval=250)
    widgets.jslink((play, "value"), (time, "value"))
    display(play, widgets.interactive(explore_moment, sentence=which, time=time))

# %% [markdown]
# For those who read without a kernel: unfold a sentence to see ten of its moments.

# %%
for number, u in enumerate(sentences, start=1):
    moments = {round(100 * m / 9): portraits.words(u, m / 9) for m in (0, 4, 9)}
    at = "; ".join(f"at {percent} %, {said}" for percent, said in moments.items())
    alt = f"Sentence {number}, ten faces with the voices below: {at}"
    show(portraits.over_time(u, 10), alt, fold=f"Sentence {number} in ten moments")

# %% [markdown]
# Would you say something else now? Then move the sliders of your guesses once more, before you run
# the next cell.

# %%
for u in sentences:
    print(u.text)
    guesses[u.id].compare(round(u.label, 1))

# %% [markdown]
# Each sentence turns around. The first two speak well of a film, but they are said with frowns, a
# smirk and sighs, in a flat or tense voice. The third finds its film less than compelling, but it
# is said with raised brows, a smile and a bright voice.
#
# Others had your task before you. About twenty people read the words and nothing else; the first
# column has their mean, on our scale. The next two are of models that you will train in notebooks 5
# and 6: one reads the words, the other sees and hears as well.

# %%
read = recorded("predictions").set_index("id")  # two models' predictions for the test split
rows = {
    u.text: {
        "people, from the words": u.annotations["rating"],
        "model, from the words": read.loc[u.id, "none"],
        "model, from all three": read.loc[u.id, "ce"],
        "what was meant": u.label,
    }
    for u in sentences
}
with pd.option_context("display.max_colwidth", None):
    display(pd.DataFrame(rows).T.round(2))

# %% [markdown]
# Two things must be said. The words and what people thought of them are real. The faces and voices
# are **simulated**, and with them what was meant; you will see below how. And we chose these three
# because they turn. How often does the sign of the prediction turn when a model sees and hears, and
# how often is that right?

# %%
turned = read[read["none"] * read["ce"] < 0]
rightly = turned[turned["ce"] * turned["label"] > 0]
print(f"of {len(read)} test sentences, {len(turned)} turn, {len(rightly)} of them rightly")

# %% [markdown]
# So for about every fifth sentence the model that sees and hears gives another sign than the one
# that reads, and about two times in three it is the one that is right. (That is one seed of each.
# Two models that only read would differ in some sentences, too.) What to measure in them, and how a
# model comes to use them, is what this course is about.

# %% [markdown]
# ## Why three streams?
#
# Somebody says: *"Well, that was a great film."* Is it praise?
#
# You cannot tell from the words. With a smile and a bright voice it is praise. With a frown and a
# flat voice it is the opposite. The words are **what** is said; face and voice are **how** it is
# said. A model of [multimodal](GLOSSARY.md#multimodal) sentiment reads all three.
#
# ![Data flow: the words of an utterance become tokens; its face and voice frames become codes, then
# counts; all three enter CENet, which predicts an intensity from -3 to 3.](images/data_flow.svg)
#
# This notebook is about the left edge of the picture: what the data look like before any model.

# %% [markdown]
# The three [splits](GLOSSARY.md#split) have jobs. We **fit** on `train`, **choose** on `valid`
# (which epoch? which setting?), and look at `test` **once**, at the end.

# %% [markdown]
# ## One utterance
#
# An [utterance](GLOSSARY.md#utterance) is one spoken sentence. Here is the first one of `train`.

# %%
u = corpus.train[0]
print(u.text)
print("label:", u.label)

# %% [markdown]
# The label is an [intensity](GLOSSARY.md#intensity): −3 is very negative, 0 neutral, +3 very
# positive. It is a real number, so predicting it is a *regression*.
#
# The face is a table. Each row is a [frame](GLOSSARY.md#frame), one measurement in time. Each
# column is a feature.

# %%
print("words:", len(u.words))
print("face: ", u.visual.shape)
print("voice:", u.acoustic.shape)

# %% [markdown]
# The three lengths differ, and none follows from another. (That the face has five frames for each
# word here is chance.) A camera and a microphone keep their own time, and neither knows about
# words. Keep that in mind; it returns below.
#
# The columns have names.

# %%
print(*(corpus.feature_names["visual"] or ["not given"])[:16], "…")
print(*(corpus.feature_names["acoustic"] or ["not given"])[:12], "…")

# %% [markdown]
# `AU12` is *action unit* 12 of the Facial Action Coding System: the muscle that pulls the corners
# of the mouth up. `AU4` lowers the brows. Programs such as FACET measure them in every video frame.
# `F0` is the pitch of the voice in Hertz, `VUV` says whether the vocal folds vibrate at all, and
# `MCEP_0` follows its loudness. COVAREP measures those.
#
# A picture says more. We bring every channel to a mean of 0 and a spread of 1 first; otherwise
# pitch, which is counted in hundreds, would drown the rest.

# %%
figure, axes = plt.subplots(2, 1, figsize=(9, 5), layout="constrained")
for ax, stream in zip(axes, ("visual", "acoustic")):
    frames = u.frames(stream)
    z = (frames - frames.mean(0)) / frames.std(0)
    colors = {"cmap": "RdBu_r", "vmin": -3, "vmax": 3, "cbar_kws": {"label": "standard deviations"}}
    sns.heatmap(z.T, xticklabels=20, yticklabels=False, **colors, ax=ax)
    ax.set(title=stream, xlabel="frame", ylabel="channel")
show(figure, "Heat maps, channels by frames, of face and voice, with red bars a few frames long")

# %% [markdown]
# Look for short red bars. For a few frames a channel goes up, often several channels together; then
# it comes down again. That is a gesture: a smile, a frown, a sigh. The next notebook finds these
# gestures by itself.

# %% [markdown]
# ## Lengths and padding
#
# How long are utterances?

# %%
lengths = {
    "words": np.array([len(u.words) for u in corpus.train]),
    "face frames": np.array([len(u.visual) for u in corpus.train]),
    "voice frames": np.array([len(u.acoustic) for u in corpus.train]),
}
for name, n in lengths.items():
    print(f"{name:12}  shortest {n.min():3}  median {np.median(n):5.1f}  longest {n.max():3}")

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 2.4), layout="constrained")
for ax, (name, n) in zip(axes, lengths.items()):
    sns.histplot(n, bins=18, ax=ax)
    ax.set(xlabel=name, ylabel="utterances")
show(
    figure,
    "Histograms of words, face frames and voice frames: words nearly symmetric around 21, "
    "frames with a tail to the right",
)

# %% [markdown]
# A tensor is a rectangle, and utterances are not equally long. The usual way out is
# [padding](GLOSSARY.md#padding): fill the short ones up with zeros.


# %%
def pad(sequences):
    """Stack (n_i, d) arrays into (B, N, d), N the longest; zeros fill the rest."""
    longest = max(len(frames) for frames in sequences)
    batch = np.zeros((len(sequences), longest, sequences[0].shape[1]), np.float32)
    for row, frames in zip(batch, sequences):
        row[: len(frames)] = frames
    return batch  # (B, N, d)


faces = [u.visual for u in corpus.train[:4]]
print([len(frames) for frames in faces], "→", pad(faces).shape)

# %% [markdown]
# ### Exercise 1.1 · What padding costs · ★☆☆ · 3 minutes · 1 point
#
# Write a function that takes the lengths of the utterances in a batch. It returns the share of the
# padded array that is padding, a number between 0 and 1. All are padded to the longest.
#
# Try it on paper first: lengths 2 and 4 make an array of 2 × 4 cells, and 2 of the 8 are padding,
# so the answer is 0.25.

# %% [markdown]
# <details><summary>Hint</summary>
#
# How many cells has the array? How many of them hold a real frame?
#
# </details>


# %% exercise="padding_share"
def padding_share(lengths):
    """Return the share of padding when all are padded to the longest."""
    ### BEGIN SOLUTION
    lengths = np.asarray(lengths)
    return 1 - lengths.sum() / (len(lengths) * lengths.max())
    ### END SOLUTION


# %% check="padding_share"
check("padding_share", padding_share)

# %% [markdown]
# Before you look: make a guess, and move the slider to it.

# %%
at_random = guess("32 utterances share a batch at random. How much is padding?", 0, 100, "%")
at_random

# %% [markdown]
# ### Does the batch size matter?
#
# Take a batch of size 1: no padding at all. Take the whole corpus as one batch: the longest of all
# decides. In between, it depends on **who** shares a batch. Move the slider, and switch sorting on.
#
# From here on, what you write is used. `mine` gives your function back if it passed its check, and
# the course's own if not, so that the notebook runs on either way.

# %%
padding_of = mine("padding_share", padding_share)


def mean_padding(batch_size, sort):
    """Return the share of padding over an epoch of face frames."""
    n = np.random.default_rng(0).permutation(lengths["face frames"])
    n = np.sort(n) if sort else n
    batches = [n[i : i + batch_size] for i in range(0, len(n), batch_size)]
    cells = [len(batch) * batch.max() for batch in batches]  # what each weighs
    return np.average([padding_of(batch) for batch in batches], weights=cells)


# %%
def draw_padding(batch_size, sort):
    share = mean_padding(batch_size, sort)
    figure, ax = plt.subplots(figsize=(6, 0.9))
    ax.barh([0], [1 - share])
    ax.barh([0], [share], left=[1 - share], color="lightgrey")
    ax.set(xlim=(0, 1), yticks=[], title=f"padding: {share:.0%} of the cells".replace("%", " %"))
    show(figure, f"A bar, of which {share:.0%} is padding")
    return share


by_length = widgets.Checkbox(description="sorted by length first")
most = min(128, len(corpus.train) // 2)
by_size = slider("utterances in a batch", 1, most, min(32, most))
widgets.interactive(draw_padding, batch_size=by_size, sort=by_length)

# %% [markdown]
# For those who read without a kernel: the same for every batch size.

# %%
sizes = [1, 2, 4, 8, 16, 32, 64, 128]
orders = {"sorted by length": True, "at random": False}
shares = {name: [mean_padding(n, sort) for n in sizes] for name, sort in orders.items()}
figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
sns.lineplot(pd.DataFrame(shares, index=sizes), markers=True, ax=ax)
ax.semilogx(base=2)
ax.set(xlabel="utterances in a batch", ylabel="share of padding", ylim=(0, 1))
ax.set_xticks(sizes, sizes)
show(
    figure,
    "Share of padding over batch size: rising steeply at random, to a tenth when sorted",
    fold="The share of padding for every batch size",
)

# %%
print(f"batches of 32: at random {mean_padding(32, False):.0%} padding, ", end="")
print(f"sorted {mean_padding(32, True):.0%}")
at_random.compare(round(100 * mean_padding(32, False)))

# %% [markdown]
# So putting utterances of similar length together saves a good part of the work. It has a price: a
# batch is no random draw any more, but holds utterances of one length. Notebook 5 pays it, and
# mixes at least the order of the batches, so that the model still sees long and short ones in turn.
#
# Files of MOSI, a corpus that this field uses much, pad *every* utterance to a fixed length: those
# of MMSA to 500 frames for the face. What would that be here?

# %%
to_500 = padding_of(np.append(lengths["face frames"], 500))
print(f"with one utterance of 500 frames among them, {to_500:.0%} is padding")

# %% [markdown]
# ### Exercise 1.2 · A mean that is not fooled · ★★☆ · 5 minutes · 2 points
#
# Padding is not only waste. It also *lies*: a zero looks like a measurement. Say one channel of an
# utterance reads 4, 4 and is padded to 4, 4, 0, 0. The mean of the row is 2. The mean of the
# utterance is 4.
#
# Write the mean over real frames. `frames` is (B, N, d), `lengths` is (B,), the result is (B, d).
# Do not rely on the padding being zero. An utterance without any frames gets zeros.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `np.arange(N) < lengths[:, None]` is a (B, N) array that is True where a frame is real. A loop
# over the batch is fine too.
#
# </details>


# %% exercise="masked_mean"
def masked_mean(frames, lengths):
    """Average the real frames of each utterance: (B, N, d), (B,) → (B, d)."""
    ### BEGIN SOLUTION
    real = np.arange(frames.shape[1]) < lengths[:, None]  # (B, N)
    total = (frames * real[:, :, None]).sum(1)  # (B, d)
    return total / np.maximum(lengths, 1)[:, None]
    ### END SOLUTION


# %% check="masked_mean"
check("masked_mean", masked_mean)

# %% [markdown]
# ## Alignment
#
# When a word has a start and an end in time, one can cut the frames at the words' borders and
# average the frames inside. Then every word has exactly one row of face and one of voice: the data
# are [aligned](GLOSSARY.md#aligned).
#
# | word | from | to | frames inside | row |
# |---|---|---|---|---|
# | that | 0.0 s | 0.2 s | 2 | their mean |
# | was | 0.2 s | 0.3 s | 1 | that frame |
# | great | 0.5 s | 0.9 s | 4 | their mean |
#
# It is handy: all three streams have the same length. It also costs something.
#
# - One needs the times. They come from a *forced aligner*, which may err.
# - A smile **after** the last word falls into no word and is lost, as the gap from 0.3 s to 0.5 s
#   is.
# - Four frames become one. What happened inside the word is gone.
#
# CENet needs no alignment: each word may look at all frames. So this course keeps every stream at
# its own length.

# %% [markdown]
# ### Exercise 1.3 · Align to words · ★★☆ · 5 minutes · 2 points
#
# Do it once, to know what aligned files contain. `frames` is (n, d), `times` is (n,) with the time
# of each frame, `intervals` is (n_words, 2) with start and end of each word. Return (n_words, d).
#
# A frame belongs to a word if start ≤ time < end. A word without frames gets zeros.

# %% [markdown]
# <details><summary>Hint</summary>
#
# For one word: `inside = (times >= start) & (times < end)`, then `frames[inside].mean(0)`. What is
# the mean of nothing?
#
# </details>


# %% exercise="align_to_words"
def align_to_words(frames, times, intervals):
    """Average the frames inside each word: (n, d), (n,), (n_words, 2) → (n_words, d)."""
    ### BEGIN SOLUTION
    rows = np.zeros((len(intervals), frames.shape[1]))  # (n_words, d)
    for row, (start, end) in zip(rows, intervals):
        inside = (times >= start) & (times < end)  # (n,)
        if inside.any():
            row[:] = frames[inside].mean(0)
    return rows
    ### END SOLUTION


# %% check="align_to_words"
check("align_to_words", align_to_words)

# %% [markdown]
# ## Labels
#
# How are the intensities spread?

# %%
y = np.array([u.label for u in corpus.train])
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
sns.histplot(y, bins=24, binrange=(-3, 3), ax=ax)
ax.set(xlabel="intensity", ylabel="utterances")
show(figure, "Histogram of labels from -3 to 3: low humps near -1 and 1, small piles at the ends")

# %%
print(f"mean {y.mean():+.2f}, median {np.median(y):+.2f}, standard deviation {y.std():.2f}")
print(f"positive {np.mean(y > 0):.0%}, exactly at an end {np.mean(np.abs(y) == 3):.1%}")

# %% [markdown]
# Positive and negative are nearly in balance. So a model that always says "positive" is right about
# half the time, and an accuracy of 50 % means nothing at all.
#
# The small piles at both ends are labels that were clipped to [−3, 3].
#
# Before any model, ask what a *constant* achieves. Any model has to beat that.

# %% [markdown]
# ### Exercise 1.4 · The constant to beat · ★☆☆ · 3 minutes · 1 point
#
# Predict the same number for every test utterance. Choose the number **on train**, so that the mean
# absolute error is as small as it can be. Return that error **on test**.
#
# Which number is it? Try labels 0, 0, 3: the constant 1 (the mean) has the errors 1, 1, 2, which is
# 1.33 on average. The constant 0 (the median) has 0, 0, 3, which is 1.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Two arrays, two uses: from one you compute the constant; from the other you only subtract it.
#
# </details>


# %% exercise="constant_baseline"
def constant_baseline(train_labels, test_labels):
    """Return the mean absolute error, on test, of the best constant of train."""
    ### BEGIN SOLUTION
    return np.abs(test_labels - np.median(train_labels)).mean()
    ### END SOLUTION


# %% check="constant_baseline"
check("constant_baseline", constant_baseline)

# %%
test_labels = np.array([u.label for u in corpus.test])
to_beat = mine("constant_baseline", constant_baseline)(y, test_labels)
print(f"the constant to beat on demo: {to_beat:.2f}")

# %% [markdown]
# ## What is real here, and what is not
#
# The best-known corpora of this field, CMU-MOSI ([Zadeh et al. 2016](REFERENCES.md#zadeh-2016)) and
# CMU-MOSEI ([Zadeh et al. 2018](REFERENCES.md#zadeh-2018)), are for research only and may not be
# handed on. So the course brings its own, and says openly how it was made:
#
# - The **words are real**. They are sentences of film reviews, each with a mean of about 20 human
#   ratings [(Hutto and Gilbert 2014)](REFERENCES.md#hutto-2014).
# - The **delivery is simulated**. Speakers, faces and voices are invented by a program.
#
# The program draws a *delivery* $d$ that agrees with the rating $r$ of the words only in part; it
# may go beyond 3, as a shout does. The label is what a listener would take from both:
#
# $$y = \operatorname{clip}(0.7\,r + 0.6\,d,\; -3,\; 3)$$

# %% [markdown]
# Because we made the data, we know $r$ and $d$. Real data never tell. They are kept beside each
# utterance, and **no model may read them**; they are for measuring only. (On another corpus the
# cells about them do nothing, here and in the other notebooks.)

# %%
if truth:
    r = np.array([u.annotations["rating"] for u in corpus.train])
    d = np.array([u.annotations["delivery"] for u in corpus.train])
    print("the formula holds:", np.allclose(y, np.clip(0.7 * r + 0.6 * d, -3, 3), atol=1e-3))
    print(f"correlation of the label with the words {np.corrcoef(y, r)[0, 1]:.2f}, ", end="")
    print(f"with the delivery {np.corrcoef(y, d)[0, 1]:.2f}")

# %% [markdown]
# So a perfect reader of the words alone is good but not perfect. What is missing is in face and
# voice. When the delivery wins over the words, we have *irony*: kind words that are meant unkindly,
# or the reverse.

# %%
if truth:
    ironic = [u for u in corpus.train if u.label * u.annotations["rating"] < 0]
    print(f"{len(ironic) / len(corpus.train):.0%} of the train split is ironic in this sense")
    u = min(ironic, key=lambda u: u.label * u.annotations["rating"])
    print(f"{u.text!r}: words {u.annotations['rating']:+.1f}, ", end="")
    print(f"delivery {u.annotations['delivery']:+.1f}, label {u.label:+.1f}")

# %% [markdown]
# ### A yardstick for the whole course
#
# How small can the error become? We can mark the way. A **constant** is what you computed. A
# **perfect reader of the words** knows $r$ exactly, and draws the best straight line from $r$ to
# the label. Whoever was told the delivery $d$ as well would never be wrong. But nobody is told: $d$
# shows in face and voice, by cues that are drawn at random, and from a few throws of a coin nobody
# reads off how bent it is. A **perfect reader of words, face and voice** sees every cue and knows
# how they were drawn, and makes the best guess that is left (`best_reading` does it by Bayes'
# rule).

# %%
if truth:
    line = LinearRegression().fit(r[:, None], y)
    known = {n: np.array([u.annotations[n] for u in corpus.test]) for n in ("rating", "delivery")}
    of_test = np.array([u.label for u in corpus.test])
    formula = np.clip(0.7 * known["rating"] + 0.6 * known["delivery"], -3, 3)
    readers = {
        "the best constant": np.median(y),
        "a perfect reader of the words": line.predict(known["rating"][:, None]),
        "a perfect reader of words, face and voice": [best_reading(u) for u in corpus.test],
        "who is told words and delivery": formula,
    }
    errors = {name: np.abs(said - of_test).mean() for name, said in readers.items()}
    display(pd.Series(errors, name="MAE on test").round(2).to_frame())

# %% [markdown]
# Keep the numbers in mind. The models that later notebooks train on `demo` lie between the constant
# and the perfect reader of all three, and notebook 6 puts them side by side. A model is not good
# because its error is small; it is good if it comes nearer to what can be reached than others that
# read the same.

# %% [markdown]
# How does a delivery look? A face goes through *states*: neutral, talking, smile, frown … Each is
# drawn 3 to 9 frames long. (Two alike in a row look like one, and the last may be cut off.) Two
# draws in five are cues. Their sign mostly follows the delivery, the more surely the stronger it
# is. The others say nothing: people blink and look aside whatever they mean.
#
# Among utterances of middle length, the slider looks for the one whose delivery is nearest to what
# you choose.

# %%
names = corpus.provenance.get("visual_states", [])
cues = np.array(corpus.provenance.get("visual_cues", []))  # +1, 0 or -1 per state
COLORS = {-1: "#D55E00", 0: "lightgrey", 1: "#009E73"}
middling = [u for u in corpus.train if 60 <= len(u.visual) <= 80]


def draw_face(ax, delivery):
    """Draw the face states of the utterance nearest to a delivery; return its share of green."""
    u = min(middling, key=lambda u: abs(u.annotations["delivery"] - delivery))
    states = u.annotations["visual_states"]
    ax.bar(range(len(states)), 1, width=1, color=[COLORS[cues[s]] for s in states])
    start = np.flatnonzero(np.diff(states, prepend=-1))  # where a state begins
    ax.vlines(start - 0.5, 0, 1, color="white", linewidth=2)
    for i in start[cues[states[start]] != 0]:
        ax.text(i + 0.2, 0.5, names[states[i]], rotation=90, va="center", fontsize=8)
    d = f"{round(u.annotations['delivery'], 1) + 0.0:+}".replace("-", "−")  # no minus zero
    ax.set(yticks=[], xlim=(-0.5, 80), ylabel=f"d = {d}")
    return float((cues[states] > 0).mean())


# %%
def explore_delivery(delivery):
    figure, ax = plt.subplots(figsize=(9, 1.4), layout="constrained")
    share = draw_face(ax, delivery)
    ax.set_xlabel("frame")
    show(figure, f"Face states over time for a delivery near {delivery}")
    return share


if truth:
    wanted = slider("delivery, from −3 to 3", -3, 3, 2, step=0.5)
    display(widgets.interactive(explore_delivery, delivery=wanted))

# %% [markdown]
# Orange is a negative cue, green a positive one, grey says nothing. For those who read without a
# kernel: three deliveries, from negative to positive. (That the middle one has hardly any cues is
# chance. At 0 there are as many as elsewhere; as many positive as negative ones, that is.)

# %%
if truth:
    figure, axes = plt.subplots(3, 1, figsize=(9, 3.4), layout="constrained", sharex=True)
    for ax, delivery in zip(axes, (-2.5, 0, 2.5)):
        draw_face(ax, delivery)
    axes[-1].set_xlabel("frame")
    show(
        figure,
        "Face states of three utterances: orange cues, hardly any cues, green cues",
        fold="Three deliveries, from negative to positive",
    )

# %% [markdown]
# What this corpus can show: whether a method finds cues that are there. What it cannot show: how
# people really express what they feel. For that, use MOSI or MOSEI, and read notebook 7 on their
# limits.

# %% [markdown]
# ## Splits and leaks
#
# Every utterance names its speaker in `video`. (In MOSI a video shows one speaker, but a few people
# made more than one, so look for them before you split.)

# %%
people = {split: {u.video for u in part} for split, part in corpus.splits.items()}
for split, speakers in people.items():
    print(f"{split:5}  {len(corpus.splits[split]):4} utterances of {len(speakers):2} speakers")
print("in two splits:", (people["train"] & people["test"]) | (people["train"] & people["valid"]))

# %% [markdown]
# No speaker is in two splits. Why does it matter? Because a face is recognisable, even as a table
# of numbers. Take each utterance's mean face frame, and look for the nearest mean frame of another
# utterance. Is it by the same speaker?

# %%
nearest_is = guess("How often is the nearest one by the same speaker?", 0, 100, "%")
nearest_is

# %% [markdown]
# The mean over real frames is yours, from exercise 1.2.

# %%
average = mine("masked_mean", masked_mean)
some = corpus.train[:1500]  # of a larger corpus, these will do
faces = pad([u.visual for u in some])  # (n, N, d)
mean_face = average(faces, lengths["face frames"][: len(some)])  # (n, d)
mean_face = (mean_face - mean_face.mean(0)) / np.maximum(mean_face.std(0), 1e-6)
speaker = np.array([u.video for u in some])
distance = cdist(mean_face, mean_face, "sqeuclidean")  # (n, n)
np.fill_diagonal(distance, np.inf)
hits = np.mean(speaker == speaker[distance.argmin(1)])
print(f"the nearest utterance is by the same speaker: {hits:.0%}")
chance = np.mean([np.mean(speaker == one) for one in speaker])
print(f"a random other utterance is: {chance:.0%}")
nearest_is.compare(round(100 * hits))

# %% [markdown]
# Nearly always! (The speakers of `demo` are invented; how easily real ones are told apart, it
# cannot say. The point stays.) Now suppose that each speaker has a *mood*: one likes every film,
# another hates them all. A model can then recognise the **person** and recall the mood, without
# understanding a word. Let us invent such moods, and predict with the nearest neighbour under two
# splits.

# %%
rng = np.random.default_rng(0)
moods = {name: rng.choice([-2.0, 2.0]) for name in np.unique(speaker)}
mood = np.array([moods[name] for name in speaker])  # (n,)


def neighbour_error(test):
    """Return the mean absolute error where each test row copies its nearest train row."""
    nearest = distance[test][:, ~test].argmin(1)
    return np.abs(mood[test] - mood[~test][nearest]).mean()


# %%
at_random = rng.random(len(speaker)) < 0.3
chosen = rng.permutation(np.unique(speaker))[: len(np.unique(speaker)) // 3]
by_speaker = np.isin(speaker, chosen)
print(f"random split:     error {neighbour_error(at_random):.2f}")
print(f"split by speaker: error {neighbour_error(by_speaker):.2f}")

# %% [markdown]
# Moods are −2 or +2, so whoever always guesses 0 has an error of 2. With the random split the
# neighbour is almost perfect. With new speakers it is about as bad as the constant guess, in one
# draw of speakers better and in another worse. The random split promised something that will not
# hold for the next person: a [leak](GLOSSARY.md#leak).
#
# In MOSI this is no invention. A video is one review of one film by one person, so its segments
# lean the same way.

# %% [markdown]
# ### Exercise 1.5 · Split by speaker · ★★★ · 8 minutes · 3 points
#
# `speakers` is a list with the speaker of each utterance. Return two lists of positions, train and
# test. No speaker may be in both. Test should get about `share` of the **utterances** (10 points
# more or less will do). Which speakers go to test must not depend on their names: shuffle them.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Shuffle the different speakers. Send one after another to test until test has enough utterances.
# Sets help: `if speaker in test_speakers`.
#
# </details>


# %% exercise="split_by_speaker"
def split_by_speaker(speakers, share):
    """Return (train positions, test positions) without a common speaker."""
    ### BEGIN SOLUTION
    different, counts = np.unique(speakers, return_counts=True)
    order = np.random.default_rng(0).permutation(len(different))
    before = np.cumsum(counts[order]) - counts[order]  # utterances in test before this speaker
    test_speakers = set(different[order[before < share * len(speakers)]])
    test = [i for i, s in enumerate(speakers) if s in test_speakers]
    train = [i for i, s in enumerate(speakers) if s not in test_speakers]
    return train, test
    ### END SOLUTION


# %% check="split_by_speaker"
check("split_by_speaker", split_by_speaker)

# %%
_, chosen = mine("split_by_speaker", split_by_speaker)(list(speaker), 0.3)
print(
    f"your split by speaker: error {neighbour_error(np.isin(np.arange(len(speaker)), chosen)):.2f}"
)

# %% [markdown]
# ## Your own copy of MOSI or MOSEI
#
# If you have the files, put them into the folder `data` of this project
# ([data/README.md](../data/README.md) says which and where from). Everything in this course then
# runs on them: write `load_corpus("…")` with their path at the top of any notebook.
#
# Such files are *pickles*. A pickle is a program, and opening one runs it. So `load_corpus` reads
# them with a reader of its own, which accepts plain data and refuses everything else.

# %%
mosi = "../data/mosi"  # as data/README.md names it, seen from the folder of the notebooks
print(load_corpus(mosi) if Path(mosi).exists() else f"no {mosi}; the course goes on with demo")

# %% [markdown]
# A mistake in a path, or a damaged file, gives one sentence that says what to do.

# %%
try:
    load_corpus("data/mosi.pkl")
except ValueError as error:
    print(error)

# %% [markdown]
# Large files take long to open. Save a corpus once in the course's own form, and it opens at once,
# because the frames stay on the disk until they are read. It holds a table (`segments.csv`), arrays
# (`.npy`) and a description (`corpus.json`): no pickle, and readable for any program.

# %%
import tempfile

with tempfile.TemporaryDirectory() as folder:
    corpus.save(Path(folder) / "demo")
    print(*sorted(file.name for file in (Path(folder) / "demo").iterdir()), sep="\n")
    same = Corpus.load(Path(folder) / "demo").fingerprint() == corpus.fingerprint()
print("the same corpus:", same)

# %% [markdown]
# ## Five questions
#
# Answer each for yourself, then unfold it. The last lines say which exercises are done.

# %%
from cenet_lib.course.quiz import quiz

quiz("01")
progress(1)

# %% [markdown]
# ## What you did
#
# You opened a corpus and looked at one utterance as words, faces and voices. You measured what
# padding costs and how it lies, aligned frames to words, and found the constant to beat. You know
# that the words of `demo` are real and its faces and voices are not. You saw a random split flatter
# a model.
#
# **Exercises** 1.1 padding · 1.2 a mean that is not fooled · 1.3 alignment · 1.4 the constant to
# beat · 1.5 split by speaker. Run the notebook again from the top; every check should start with ✓.
#
# **To think about** A corpus has one speaker in 40 % of its utterances. How would you split it?
#
# <details><summary>An answer</summary>
#
# That speaker must go whole into one split. In test, the result is mostly about one person, and
# train has lost two fifths of its data; in train, the model learns mostly from one person, and test
# tells how that carries over to others. Usually the second is the better choice, together with the
# error per speaker beside the mean. Better still: leave out each speaker in turn, and report all
# the errors.
#
# </details>
#
# **Next** [2 · Vocabularies](02_kmeans_vocabularies.ipynb): frames become words of a kind.
