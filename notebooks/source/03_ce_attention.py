# %% [markdown]
# # 3 · Cross-modal enhancement: words ask, face and voice answer
#
# **You will be able to**
# - compute an attention by hand, and check it in code;
# - write the CE module line by line from the paper's formula;
# - say what the scale 8 does, and what goes wrong without a padding mask;
# - prove that CE cannot see the order of gestures;
# - derive the counting identity, use it to make CE fast, and check its gradients.
#
# **You need** notebook 2; matrix products; the softmax; a little PyTorch.
#
# **Time** 60 minutes with the exercises; under a minute of computing on a 2-core laptop.
#
# **Downloads** the demo sentences, if notebook 1 has not (2.4 MB, from the Python package index).

# %% [markdown]
# ## Why should words ask?
#
# Somebody calls a film *"a wildly funny prison caper"*, and smirks. The word *funny* is not meant
# so: praise with a smirk is mockery. The word *prison* means what it always means. The smirk
# concerns one word and not the other.
#
# In the corpus `demo-irony` meaning is made like that. It has the sentences, faces and voices of
# `demo`, and other labels. The rule is **simulated**, and three lines long: praise with a smirk
# counts the other way round; criticism with a smile or in a warm voice is taken back; everything
# else means what the words say.

# %%
from cenet_lib import load_corpus

ironic = next(u for u in load_corpus("demo-irony").test if u.id == "speaker69_16")
parts = {name: ironic.annotations[name] for name in ("rating", "praise", "criticism", "smirk")}
print(ironic.text, parts, "label:", ironic.label)
assert ironic.label == round(parts["rating"] - 2 * parts["praise"] * parts["smirk"], 4)

# %% [markdown]
# Read alone, the sentence praises: its rating is that of real people. Apart from that, a dictionary
# says how much its words praise, and how much they criticise (*prison* sounds bad). With the smirk
# the praise turns, and what is meant is about zero. A model that only averages the face knows that
# there was a smirk, but not which word it concerns. So let each word ask for what concerns it. That
# is attention. Whether it pays is measured in notebook 7.

# %% [markdown]
# ## Attention on paper
#
# Somebody says *"not a great film"*. Meanwhile we see six frames of the face, already turned into
# codes: neutral, neutral, frown, frown, smile, neutral.
#
# Each word asks: which frames matter to me? It has a [query](GLOSSARY.md#query) $q$, each frame has
# a [key](GLOSSARY.md#key) $k$, and the score is their dot product $q \cdot k$. To be able to do it
# on paper, we take vectors with two numbers: the first is about frowns, the second about smiles.
#
# | word | query | | code | key | value |
# |---|---|---|---|---|---|
# | not | (ln 3, 0) | | 0 neutral | (0, 0) | (0, 0) |
# | a | (0, 0) | | 1 frown | (1, 0) | (−1, 0) |
# | great | (0, ln 2) | | 2 smile | (0, 1) | (0, 1) |
# | film | (ln 2, ln 2) | | | | |
#
# Why logarithms? Because the [softmax](GLOSSARY.md#softmax) takes $e$ to the power of each score
# and divides by the sum, and $e^{\ln 3} = 3$.

# %% [markdown]
# Take the word *not*. Its score is ln 3 for the two frowns and 0 for the rest. So:
#
# | frame | neutral | neutral | frown | frown | smile | neutral | sum |
# |---|---|---|---|---|---|---|---|
# | $e^{\text{score}}$ | 1 | 1 | 3 | 3 | 1 | 1 | 10 |
# | attention | 0.1 | 0.1 | 0.3 | 0.3 | 0.1 | 0.1 | 1 |
#
# Now the answer: the mean of the frames' [values](GLOSSARY.md#value), weighted with the attention.
# Two frowns give $2 \cdot 0.3 \cdot (-1, 0)$, the smile gives $0.1 \cdot (0, 1)$, so *not* takes
# home $(-0.6, 0.1)$: a frown with a trace of a smile.

# %%
import time
from math import log

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch

from cenet_lib import CrossModalEnhancement, expand_attention
from cenet_lib.course.controls import slider
from cenet_lib.course.exercises import check, mine, progress
from cenet_lib.course.guess import guess
from cenet_lib.course.lesson import fast, show
from cenet_lib.results.plots import set_theme

set_theme()

# %% [markdown]
# The same numbers for the computer. `c` says which code each frame has.

# %%
q = torch.tensor([[log(3), 0], [0, 0], [0, log(2)], [log(2), log(2)]])  # (4, 2)
keys = torch.tensor([[0.0, 0], [1, 0], [0, 1]])  # (3, 2)
values = torch.tensor([[0.0, 0], [-1, 0], [0, 1]])  # (3, 2)
c = torch.tensor([0, 0, 1, 1, 2, 0])  # (6,)
print("scores of the word not:", [round(float(q[0] @ keys[code]), 3) for code in c])

# %% [markdown]
# ### Exercise 3.1 · By hand · ★☆☆ · 3 minutes · 1 point
#
# CENet multiplies the scores with a scale $s$ before the softmax. On paper: what is the attention
# of the word *great* over the six frames, with $s = 2$? Return a list of six numbers; fractions
# such as `1 / 3` are welcome.

# %% [markdown]
# <details><summary>Hint</summary>
#
# The score of *great* with the smile is $2 \ln 2 = \ln 4$, and with all others 0.
#
# </details>


# %% exercise="attention_by_hand"
def by_hand():
    """Return the attention of "great": [neutral, neutral, frown, frown, smile, neutral]."""
    ### BEGIN SOLUTION
    return [1 / 9, 1 / 9, 1 / 9, 1 / 9, 4 / 9, 1 / 9]
    ### END SOLUTION


# %% check="attention_by_hand"
check("attention_by_hand", by_hand)

# %% [markdown]
# ### Exercise 3.2 · Attention · ★★☆ · 5 minutes · 2 points
#
# Write it for any numbers: `q` (T, d), `k` and `v` (N, d), all torch tensors, and a scale. Return
# what each word takes home, (T, d):
#
# $$H = \operatorname{softmax}(s \cdot Q K^\top)\, V$$

# %% [markdown]
# <details><summary>Hint</summary>
#
# Each *word's* weights must sum to 1. Over which dimension of the (T, N) scores does the softmax
# go?
#
# </details>


# %% exercise="attention"
def attention(q, k, v, scale):
    """Return softmax(scale · q kᵀ) v: (T, d), (N, d), (N, d) → (T, d)."""
    ### BEGIN SOLUTION
    scores = scale * q @ k.T  # (T, N)
    return scores.softmax(-1) @ v
    ### END SOLUTION


# %% check="attention"
check("attention", attention)

# %% [markdown]
# What you wrote is used from here on, if it passed its check; if not, `mine` gives you the course's
# own function. (It tries yours once, because gradients must be able to flow through it.) First, the
# four words of the example. The first row is what we had on paper; the word *a* asks for nothing,
# so it takes home the mean of all six frames.

# %%
asks = q.clone().requires_grad_()
attend = mine("attention", attention, trial=lambda f: f(asks, keys, keys, 1).requires_grad)
H = attend(q, keys[c], values[c], 1.0)  # (4, 2)
print(H.numpy().round(3))
assert torch.allclose(H[0], torch.tensor([-0.6, 0.1]))

# %% [markdown]
# Turn a query yourself. Its angle says what it asks for (0° frowns, 90° smiles), its length how
# much. Where does the attention go, and when does it go nowhere? (The arrow is drawn at a quarter
# of its length.)


# %%
def draw_query(axes, angle, length):
    """Draw a query among the keys, and its attention over the six frames; return the answer."""
    turned = torch.tensor(
        [[np.cos(np.radians(angle)), np.sin(np.radians(angle))]], dtype=torch.float32
    )
    A = attend(length * turned, keys[c], torch.eye(6), 1.0)[0].numpy()  # mixes columns of 0 and 1
    for ax_keys, name in zip(keys.tolist(), ("neutral", "frown", "smile")):
        axes[0].plot(*ax_keys, "o", color="grey")
        axes[0].annotate(name, ax_keys, (5, -13), textcoords="offset points")
    axes[0].annotate("", length * turned[0].numpy() / 4, (0, 0), arrowprops={"color": "C0"})
    limits = {"xlim": (-1.4, 1.6), "ylim": (-1.4, 1.4), "aspect": "equal"}
    axes[0].set(**limits, title=f"{angle}°, length {length:.1f}".replace("-", "−"))
    axes[1].bar(range(6), A, tick_label=[("neutral", "frown", "smile")[code] for code in c])
    axes[1].set(ylim=(0, 1), title="attention")
    axes[1].tick_params(axis="x", rotation=45)
    return [round(share, 3) for share in A.tolist()]


def explore_query(angle, length):
    figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
    A = draw_query(axes, angle, length)
    show(figure, f"A query at {angle}° of length {length}; its attention over six frames is {A}")
    return A


# %%
widgets.interactive(
    explore_query,
    angle=slider("angle, degrees", -180, 180, 90, step=15),
    length=slider("length, no unit", 0, 5, 1.5, step=0.5),
)

# %% [markdown]
# For those who read without a kernel: towards the smile, and away from everything.

# %%
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained")
draw_query(axes[:2], 90, 3.0)
draw_query(axes[2:], -135, 3.0)
show(
    figure,
    "A query towards the smile puts most attention on it; one away from both gives neutral most",
    fold="Two queries and their attention",
)

# %% [markdown]
# ## The CE module
#
# ![The CE module: text states give queries; the embedded codes of each stream give keys and values;
# the two answers are joined, mapped by W and added to the text states.](images/ce_module.svg)
#
# [CE](GLOSSARY.md#ce) stands for *cross-modal enhancement*. It does the above twice, once with the
# face and once with the voice, and learns all the vectors. [Wang et al.
# 2023](REFERENCES.md#wang-2023), for each modality $m \in \{v, a\}$:
#
# | formula | in words | shape |
# |---|---|---|
# | $E_m = \operatorname{Embedding}_m(c)$ | each code has a learned vector | $(N_m, d)$ |
# | $Q = W_q X + b_q$ | the words ask | $(T, d)$ |
# | $K = W_k E_m + b_k$, $\; V = W_v E_m + b_v$ | the frames offer | $(N_m, d)$ |
# | $A_m = \operatorname{softmax}(s\, Q K^\top)$ | who listens to what, $s = 8$ | $(T, N_m)$ |
# | $H_m = A_m V$ | what each word takes home | $(T, d)$ |
# | $\text{shift} = W\,[H_v ; H_a] + b$ | both answers together | $(T, d)$ |
# | $X + \text{shift}$ | the words, moved a little | $(T, d)$ |
#
# The letters are those of the [notation table](NOTATION.md).

# %% [markdown]
# And now in code, one line per row of the table; the two rows of $A_m$ and $H_m$ are your function.


# %%
def ce_by_formula(ce, X, codes_v, codes_a):
    """Return the enhanced text states of one utterance, as the paper writes it."""
    H = []
    for m, c in ((ce.visual, codes_v), (ce.acoustic, codes_a)):
        E = m.embedding(c)  # (N, d)
        Q = X @ m.query.weight.T + m.query.bias  # (T, d)
        K = E @ m.key.weight.T + m.key.bias  # (N, d)
        V = E @ m.value.weight.T + m.value.bias  # (N, d)
        H.append(attend(Q, K, V, ce.scale))  # (T, d)
    shift = torch.cat(H, dim=-1) @ ce.output.weight.T + ce.output.bias  # (T, d)
    return X + shift


# %% [markdown]
# Does the package compute that? We take its module with random weights, twelve words, and codes of
# thirty face frames and forty voice frames.

# %%
torch.manual_seed(0)
ce = CrossModalEnhancement(d=768, n_visual_codes=16, n_acoustic_codes=16)
X = torch.randn(12, 768)
codes_v, codes_a = torch.randint(16, (30,)), torch.randint(16, (40,))
with torch.no_grad():
    unfolded = ce_by_formula(ce, X, codes_v, codes_a)
    packaged = ce.over_positions(X[None], codes_v[None], codes_a[None]).states[0]
assert torch.allclose(unfolded, packaged, atol=1e-5)
print("the same to rounding:", tuple(packaged.shape))

# %% [markdown]
# ### It begins almost silent
#
# A language model has learned a lot before CE comes in. A loud newcomer would spoil it. So the
# weights of CE begin small, drawn from a normal distribution with the standard deviation 0.02.

# %%
ratio = (packaged - X).norm() / X.norm()
print(f"the shift is {ratio:.2%} as long as the text states")

# %% [markdown]
# ## What the scale does
#
# Small weights make small scores. And if all scores are nearly 0, all $e^{\text{score}}$ are nearly
# 1: the attention is **uniform**. Every word then takes home the same mean of all frames, and CE
# might as well not look.
#
# With the scale $s$ the differences between scores grow. How strongly does the attention select? A
# good measure is the number of [effective positions](GLOSSARY.md#effective-positions),
# $e^{\text{entropy}}$ (with the natural logarithm; notebook 2 counted in bits): it is 30 if all of
# 30 frames get the same, and 1 if a single frame gets everything.

# %%
with torch.no_grad():
    q0, k0 = ce.visual.query(X), ce.visual.key(ce.visual.embedding(codes_v))
raw = q0 @ k0.T  # (12, 30), before any scale
print(f"standard deviation of the raw scores: {raw.std():.2f}")


def effective_positions(A):
    """Return e to the entropy of each row."""
    return torch.special.entr(A).sum(-1).exp()


# %%
for name, s in (("1/√d", 768**-0.5), ("1", 1), ("8", 8), ("64", 64), ("512", 512)):
    n = effective_positions((s * raw).softmax(-1)).mean()
    print(f"scale {name:>4}: {n:4.1f} of 30 frames")

# %% [markdown]
# The usual scale of Transformers is $1/\sqrt{d}$, with $d$ the width of an attention head; CE has
# one head, as wide as the states. Here it would leave the attention flat. Move the scale, and watch
# the attention of one word, the fourth, over the thirty frames.


# %%
def draw_scale(ax, s):
    A = (s * raw[3]).softmax(-1)  # (30,)
    n = float(effective_positions(A))
    ax.bar(range(30), A)
    ax.set(title=f"s = {s:.4g}: {n:.1f} effective", xlabel="frame", ylim=(0, 1))
    return n


def explore_scale(s):
    figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
    n = draw_scale(ax, s)
    ax.set_ylabel("attention")
    show(figure, f"Attention of one word over 30 frames at scale {s:.4g}: {n:.1f} effective")
    return n


# %%
by_power = {"base": 10, "min": -2, "max": 4, "step": 0.25, "continuous_update": False}
s = widgets.FloatLogSlider(8, description="s, no unit", **by_power)
widgets.interactive(explore_scale, s=s)

# %% [markdown]
# For those who read without a kernel: from uniform to saturated.

# %%
figure, axes = plt.subplots(1, 4, figsize=(11, 2.6), layout="constrained", sharey=True)
for ax, s in zip(axes, (1, 8, 64, 1024)):
    draw_scale(ax, s)
axes[0].set_ylabel("attention")
show(
    figure,
    "Attention over 30 frames: flat at scale 1, uneven at 8, two equal peaks at 64 and at 1024",
    fold="The attention at four scales",
)

# %% [markdown]
# Even at 1024 it does not come down to 1, but to 2. Two frames have the code that this word likes
# best. Frames of the same code have the same key, so they share to the end. We shall make something
# of that below.
#
# Then why not always 1024? Because of learning. The gradient that reaches the score of a code is
# proportional to $A (1 - A)$, with $A$ the attention on all frames of that code. For a word with
# all its attention on one code that is 0, so nothing tells it that another code would serve it
# better. We count such words: those with more than 99 % on one code.


# %%
def decided(s):
    """Return the share of words that give one code more than 99 % of their attention."""
    A = (s * raw).softmax(-1)  # (12, 30)
    by_code = torch.stack([A[:, codes_v == j].sum(-1) for j in range(16)], dim=1)  # (12, 16)
    return (by_code.max(-1).values > 0.99).float().mean().item()


# %%
scales = torch.logspace(-2, 4, 40)
spread = [effective_positions((s * raw).softmax(-1)).mean() for s in scales]
stuck = [decided(s) for s in scales]
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
for ax, y, name in zip(axes, (spread, stuck), ("effective positions", "share of decided words")):
    ax.semilogx(scales, y)
    ax.axvline(8, color="grey", linestyle="--", linewidth=1)
    ax.set(xlabel="scale s", title=name)
show(figure, "Effective positions fall with the scale; the share of decided words rises, beyond 8")

# %%
for s in (1, 8, 64, 512, 4096):
    print(f"scale {s:4}: {decided(s):4.0%} of the words are decided")

# %% [markdown]
# The dashed line is at 8: on these invented states the attention selects already, and no word is
# stuck yet. The paper has this reason, too: early in training the scores are small, so they need a
# scale. How far a scale reaches depends on how large the states are. Those of our language model
# are smaller, and there an untrained CE is nearly uniform even at 8.

# %% [markdown]
# ## The missing mask
#
# Streams in a batch are padded to equal length. (The published data files pad all of them to one
# fixed length.) In the published code, the [padding code](GLOSSARY.md#padding-code) $k$ is a key
# like any other: it has an embedding (drawn at random and never trained), gets attention, and its
# value is mixed in. So the output depends on **how far** an utterance was padded, which, as far as
# we know, nobody has said or shown. And where a batch is padded to its longest, as in this package,
# the output would depend on who else is in the batch.
#
# See for yourself: the same utterance, padded further and further. First a guess.

# %%
on_zeros = guess("30 frames padded to 500: how much attention is on padding?", 0, 100, "%")
on_zeros

# %% [markdown]
# The function below gives two numbers: the share of the attention on padding, and how far the shift
# moves.


# %%
def padding_effect(ce, length):
    """Return the attention on padding, and the change of the shift as a share of it."""
    padded = torch.full((1, length), 16)
    padded[0, :30] = codes_v
    with torch.no_grad():
        alone = ce.over_positions(X[None], codes_v[None], codes_a[None])
        batch = ce.over_positions(X[None], padded, codes_a[None])
    on_padding = batch.visual_attention[0, :, 30:].sum(-1).mean()
    changed = (batch.states - alone.states).norm() / (alone.states - X).norm()
    return float(on_padding), float(changed)


# %%
published = CrossModalEnhancement(768, scale=8.0, mask_padding=False)
published.load_state_dict(ce.state_dict())
for length in (30, 50, 200, 500):
    on_padding, changed = padding_effect(published, length)
    print(f"padded to {length:3}: {on_padding:4.0%} of the attention is on padding, ", end="")
    print(f"the shift changes by {changed:4.0%}")
on_zeros.compare(round(100 * on_padding))

# %% [markdown]
# (That is one draw of random weights; another gives somewhat more or less. The published CENet
# brings streams to 50 frames: it pads short ones and thins out long ones. Other files of MOSI pad
# to 500.)
#
# A [mask](GLOSSARY.md#mask) mends it: what must not be seen gets the score $-\infty$ and so the
# attention 0. The package masks by default.

# %%
for length in (30, 50, 200, 500):
    on_padding, changed = padding_effect(ce, length)
    assert on_padding == 0
    assert changed < 1e-4
print("with the mask, padding changes nothing")


# %% [markdown]
# Move the length, with and without the mask. (A change of 1 means: as much as the shift itself.)


# %%
def explore_mask(length, mask):
    on_padding, changed = padding_effect(ce if mask else published, length)
    figure, ax = plt.subplots(figsize=(6, 1.2), layout="constrained")
    ax.barh(["attention on padding", "change of the shift"], [on_padding, changed])
    ax.set(xlim=(0, 2), xlabel="share", title=f"30 frames, padded to {length}")
    show(figure, f"Bars: attention on padding {on_padding:.0%}, change of the shift {changed:.0%}")
    return on_padding, changed


wanted = slider("padded to, frames", 30, 500, 100, step=10)
masked = widgets.Checkbox(description="with the mask")
widgets.interactive(explore_mask, length=wanted, mask=masked)

# %% [markdown]
# For those who read without a kernel: the attention on padding for all lengths.

# %%
lengths = range(30, 501, 10)
figure, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
for module, style, label in ((published, "-", "as published"), (ce, "--", "masked")):
    ax.plot(lengths, [padding_effect(module, n)[0] for n in lengths], style, label=label)
ax.set(xlabel="padded to, frames", ylabel="attention on padding", ylim=(-0.03, 1))
ax.legend()
show(
    figure,
    "Attention on padding over padded length: rising to most of it without a mask, 0 with",
    fold="The attention on padding for all lengths",
)

# %% [markdown]
# ### Exercise 3.3 · A softmax with a mask · ★★☆ · 5 minutes · 2 points
#
# `scores` is (T, N), `visible` is (N,) with True where there is a frame. Return the attention (T,
# N): 0 where nothing is visible, and rows that sum to 1. If no frame at all is visible, return
# zeros.
#
# On paper: the scores 0, 0, 0 with the third hidden give 1/2, 1/2, 0.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `scores.masked_fill(~visible, float("-inf"))` hides scores. What does a softmax make of nothing
# but $-\infty$? `torch.nan_to_num` turns NaN into 0.
#
# </details>


# %% exercise="masked_softmax"
def masked_softmax(scores, visible):
    """Return the attention over the visible frames: (T, N), (N,) → (T, N)."""
    ### BEGIN SOLUTION
    hidden = scores.masked_fill(~visible, float("-inf"))  # (T, N)
    return torch.nan_to_num(hidden.softmax(-1))
    ### END SOLUTION


# %% check="masked_softmax"
check("masked_softmax", masked_softmax)

# %% [markdown]
# With it, twenty columns of padding beside the thirty frames change nothing.

# %%
hide = mine("masked_softmax", masked_softmax)
padded_scores = torch.cat([8 * raw, torch.randn(12, 20)], dim=1)  # (12, 50), the last 20 padding
shown = hide(padded_scores, torch.arange(50) < 30)
print(f"attention on padding: {shown[:, 30:].sum():.0f}")
assert torch.allclose(shown[:, :30], hide(8 * raw, torch.ones(30, dtype=torch.bool)))

# %% [markdown]
# ## CE cannot see the order
#
# First a smile, then a frown, or first a frown, then a smile: people see a difference. Does CE? We
# shuffle the frames.

# %%
order = torch.randperm(30)
with torch.no_grad():
    first = ce.over_positions(X[None], codes_v[None], codes_a[None])
    mixed = ce.over_positions(X[None], codes_v[order][None], codes_a[None])
print(f"largest difference: {(first.states - mixed.states).abs().max():.0e}")
assert torch.allclose(first.states, mixed.states, atol=1e-5)
assert torch.allclose(first.visual_attention[..., order], mixed.visual_attention, atol=1e-5)

# %% [markdown]
# Nothing but rounding. One shuffle is an example; here is the proof for all. Let $P$ be the matrix
# that reorders the frames. Then keys and values become $PK$ and $PV$, and
#
# $$\operatorname{softmax}(s\,Q (PK)^\top)\, PV
#   = \operatorname{softmax}(s\,Q K^\top P^\top)\, PV = \operatorname{softmax}(s\,Q K^\top)\, P^\top
#   P\, V = \operatorname{softmax}(s\,Q K^\top)\, V .$$
#
# The second step holds because a softmax does not care how its entries are ordered. The third holds
# because $P^\top P$ is the identity. So the answer is the same for **every** order. ∎
#
# Words do not have this trouble: the language model adds a vector for each position. The two other
# streams have none. This is a limit of the method, and notebook 7 invites you to overcome it.

# %% [markdown]
# ## The counting identity
#
# What a theorem takes, it also gives. If order does not matter, then only **how often** each code
# occurs can matter. Say a code occurs three times. Its three frames have the same key, so the same
# score $a$, and their three terms in the softmax are
#
# $$e^{a} + e^{a} + e^{a} = 3\, e^{a} = e^{a + \ln 3}.$$
#
# So we may put the three frames into one, if we add $\ln 3$ to its score. In general, with $n_j$
# the number of times that code $j$ occurs:
#
# $$\sum_{i=1}^{N} \frac{e^{s\, q \cdot k_{c(i)}}}{Z}\, v_{c(i)}
#   = \sum_{j=0}^{k} \frac{e^{s\, q \cdot k_j + \ln n_j}}{Z}\, v_j , \qquad Z = \sum_{j=0}^{k} n_j\,
#   e^{s\, q \cdot k_j}.$$
#
# On the left there are $N$ terms, perhaps 500. On the right there are $k + 1 = 17$, however long
# the stream is. This is the [counting identity](GLOSSARY.md#counting-identity).

# %% [markdown]
# Check it on the example on paper. Neutral occurs 3 times, frown 2, smile 1. For *not* that is
#
# $$3 \cdot 1 + 2 \cdot 3 + 1 \cdot 1 = 10,$$
#
# so neutral gets 0.3, frown 0.6 and smile 0.1. Add up the columns of the first table, and you find
# the same.

# %% [markdown]
# ### Exercise 3.4 · Attention from counts · ★★☆ · 4 minutes · 2 points
#
# `scores` is (T, k), one column per **code**, and `counts` is (k,). Return the attention over codes
# (T, k). A code that does not occur gets 0.

# %% [markdown]
# <details><summary>Hint</summary>
#
# The weight of code j is proportional to $n_j e^{\text{score}_j}$. You may add $\ln n_j$ to the
# score, or multiply after the exponential.
#
# </details>


# %% exercise="count_softmax"
def count_softmax(scores, counts):
    """Return the attention over codes that occur `counts` times: (T, k), (k,) → (T, k)."""
    ### BEGIN SOLUTION
    return (scores + counts.log()).softmax(-1)
    ### END SOLUTION


# %% check="count_softmax"
check("count_softmax", count_softmax)

# %% [markdown]
# The example on paper by your function, from three columns in place of six frames:

# %%
n = torch.bincount(c, minlength=3)  # (3,)
by_code = mine("count_softmax", count_softmax)(q @ keys.T, n)  # (4, 3)
print(by_code.numpy().round(3))
assert torch.allclose(by_code @ values, H)

# %% [markdown]
# ### The form that runs
#
# `CrossModalEnhancement.forward` takes counts, and is what CENet calls. Both forms give the same
# states.


# %%
def counted(codes):
    """Return the counts (1, 17) of one utterance; the last is for padding."""
    return torch.bincount(codes, minlength=17)[None]


with torch.no_grad():
    folded = ce(X[None], counted(codes_v), counted(codes_a))
assert torch.allclose(folded.states, first.states, atol=1e-5)
print("attention over codes:", tuple(folded.visual_attention.shape))

# %% [markdown]
# For pictures, `expand_attention` spreads the attention of a code back over its frames, in equal
# parts.

# %%
spread_out = expand_attention(codes_v, folded.visual_attention[0])  # (12, 30)
assert torch.allclose(spread_out, first.visual_attention[0], atol=1e-5)
print("attention over frames:", tuple(spread_out.shape))

# %% [markdown]
# ### How much faster?
#
# We time forward and backward of both forms for streams of different lengths. (The figures depend
# on the computer and on what else it does, so they are only in the picture.)

# %%
B, T, d = 16, 30, 256
timed = CrossModalEnhancement(d)
text = torch.randn(B, T, d, requires_grad=True)


def milliseconds(run):
    """Return the shortest of some runs, forward and backward."""
    best = float("inf")
    for _ in range(fast(15, 2)):
        start = time.perf_counter()
        run().states.sum().backward()
        best = min(best, time.perf_counter() - start)
    return 1000 * best


# %%
def compare(N):
    """Return the milliseconds of both forms for N frames in each stream."""
    codes = torch.randint(16, (B, N))
    counts = torch.stack([torch.bincount(row, minlength=17) for row in codes])
    over_positions = milliseconds(lambda: timed.over_positions(text, codes, codes))
    return over_positions, milliseconds(lambda: timed(text, counts, counts))


frames = (20, 50, 100, 200, 500)
times = np.array([compare(N) for N in frames])  # (5, 2)

# %%
figure, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
ax.loglog(frames, times[:, 0], "o-", label="over positions")
ax.loglog(frames, times[:, 1], "s--", label="from counts")
ax.minorticks_off()
ax.set_xticks(frames, frames)
ticks = [
    ms for ms in (1, 2, 5, 10, 20, 50, 100, 200, 500) if times.min() / 2 < ms < 2 * times.max()
]
ax.set_yticks(ticks, ticks)
ax.set(xlabel="frames in each stream", ylabel="milliseconds")
ax.legend()
show(
    figure,
    "Time over frames: it grows for the paper's form, and is flat for the one from counts",
)

# %% [markdown]
# The dashed line is flat: once the frames are counted, their number no longer matters. (The clock
# starts after the counting, which needs no gradient.)
#
# There is one more saving. A score is $s\,(W_q x + b_q) \cdot k_j$. Every word of every utterance
# needs it, but $W_q$ and the 17 keys are the same for all. So one multiplies those two **once**,
# and is left with a thin matrix of 17 rows:
#
# $$s\,(W_q x + b_q) \cdot k_j = (s\, W_q^\top k_j) \cdot x + s\, b_q \cdot k_j .$$

# %% [markdown]
# ### Exercise 3.5 · Fold the keys · ★★★ · 8 minutes · 3 points
#
# `E` (k, d) holds the embeddings of the codes; `Wq`, `Wk` (d, d) and `bq`, `bk` (d,) are the
# weights. Return `key` (k, d) and `bias` (k,) so that for any text state $x$ the scaled scores are
# `key @ x + bias`.
#
# As in PyTorch, a linear map of one vector is `W @ x + b`, and of rows `E @ W.T + b`.

# %% [markdown]
# <details><summary>Hint</summary>
#
# First the keys of the codes, K (k, d). Then $W_q^\top k_j$ for each j: as rows, that is `K @ Wq`.
#
# </details>


# %% exercise="fold_keys"
def fold_keys(E, Wq, bq, Wk, bk, scale):
    """Return key (k, d) and bias (k,) with scores = key @ x + bias."""
    ### BEGIN SOLUTION
    K = scale * (E @ Wk.T + bk)  # (k, d)
    return K @ Wq, K @ bq
    ### END SOLUTION


# %% check="fold_keys"
check("fold_keys", fold_keys)

# %% [markdown]
# The thin matrix for the module from above: all scores of all words are those of the long way.

# %%
face = {name: tensor.detach() for name, tensor in ce.visual.named_parameters()}
parts = [face[name] for name in ("embedding.weight", "query.weight", "query.bias")]
key, bias = mine("fold_keys", fold_keys)(*parts, face["key.weight"], face["key.bias"], ce.scale)
assert torch.allclose((X @ key.T + bias)[:, codes_v], ce.scale * raw, atol=1e-5)
print("scores from", tuple(key.shape), "numbers: the same as from all keys")

# %% [markdown]
# ## Are the gradients right too?
#
# Equal outputs do not promise equal gradients; a mask or a logarithm of 0 may spoil them quietly.
# There is a test that needs no theory. Move one number a little up and a little down, and see how
# the result follows:
#
# $$\frac{\partial f}{\partial x_i}
#   \approx \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}.$$
#
# On paper: $f(x) = x^3$ at 2 has the slope 12. With $\varepsilon = 0.1$ both sides give $(9.261 -
# 6.859) / 0.2 = 12.01$. One side alone gives $(9.261 - 8) / 0.1 = 12.61$.

# %% [markdown]
# ### Exercise 3.6 · A numerical gradient · ★★☆ · 5 minutes · 2 points
#
# `f` takes a tensor like `x` (of any shape) and returns a number. Return the gradient at `x` by
# two-sided differences with the step `eps`, in the shape of `x`.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Copy x (`x.clone()`), go through `range(x.numel())`, and change one entry of the copy's
# `.view(-1)` at a time. Put it back before the next.
#
# </details>


# %% exercise="numerical_gradient"
def numerical_gradient(f, x, eps):
    """Return df/dx by two-sided differences, in the shape of x."""
    ### BEGIN SOLUTION
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[i] = eps
        gradient.view(-1)[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return gradient
    ### END SOLUTION


# %% check="numerical_gradient"
check("numerical_gradient", numerical_gradient)

# %% [markdown]
# Now put the package to your test. It takes 64-bit numbers, since differences of nearly equal
# numbers lose digits. Code 3 never occurs here, and the last column is padding, so both the
# logarithm of 0 and the mask are tried. PyTorch has such a test too, `gradcheck`, which goes
# through all outputs.

# %%
small = CrossModalEnhancement(4, n_visual_codes=5, n_acoustic_codes=5).double()
with torch.no_grad():
    for parameter in small.parameters():
        parameter.normal_(0, 0.5)
x0 = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
n0 = torch.tensor([[4, 1, 2, 0, 3, 6]])
by_steps = mine("numerical_gradient", numerical_gradient)(
    lambda x: small(x, n0, n0).states.square().sum().detach(), x0.detach(), 1e-4
)
by_torch = torch.autograd.grad(small(x0, n0, n0).states.square().sum(), x0)[0]
assert torch.allclose(by_steps, by_torch, atol=1e-5)
assert torch.autograd.gradcheck(lambda x: small(x, n0, n0).states, x0)
print("gradients of the counting form: right")

# %% [markdown]
# And those of all weights, against the paper's form over positions:

# %%
row = torch.repeat_interleave(torch.arange(6), n0[0])[None]  # the codes that n0 counts
gradients = []
for states in (small(x0, n0, n0).states, small.over_positions(x0, row, row).states):
    loss = (states**2).sum()
    gradients.append(torch.autograd.grad(loss, list(small.parameters())))
for one, other in zip(*gradients):
    assert torch.allclose(one, other, atol=1e-10)
print("gradients of", len(gradients[0]), "weight tensors agree")

# %% [markdown]
# One of them is worth a look. The key's bias $b_k$ adds the same number $s\, q \cdot b_k$ to all
# scores of a word, and a softmax does not change if all its entries move together. So this weight
# can do nothing, and its gradient is 0 but for rounding.

# %%
named = dict(zip((name for name, _ in small.named_parameters()), gradients[0]))
for name in ("visual.query.bias", "visual.key.bias", "visual.value.bias"):
    print(f"{name:18} {'0' if named[name].abs().max() < 1e-12 else 'not 0'}")

# %% [markdown]
# ## Five questions
#
# Answer each for yourself, then unfold it. The last lines say which exercises are done.

# %%
from cenet_lib.course.quiz import quiz

quiz("03")
progress(3)

# %% [markdown]
# ## What you did
#
# You computed attention on paper and in code, and wrote CE from its formula. You saw the scale turn
# a flat attention into a selective one, and padding leak into the result where there is no mask.
# You proved that CE is blind to order, and made that blindness pay: CE from counts costs the same
# for 20 frames as for 500, once they are counted, with equal outputs and gradients.
#
# **Exercises** 3.1 by hand · 3.2 attention · 3.3 a softmax with a mask · 3.4 attention from counts
# · 3.5 fold the keys · 3.6 a numerical gradient.
#
# **To think about** A smile of 3 frames and one of 30 differ by $\ln 10 \approx 2.3$ in the score.
# What does a very sharp attention make of that?
#
# <details><summary>An answer</summary>
#
# Next to nothing. If attention is sharp, the scores of two codes differ by much more than 2.3, and
# ten times as many frames cannot make up for it: the code with the highest score gets nearly all,
# however short it was. A flat attention does the opposite and follows how long each code lasts. So
# the scale also decides how much duration counts.
#
# </details>
#
# **Next** [The language model](04_language_model.ipynb): where words become numbers, and where CE
# goes in.
