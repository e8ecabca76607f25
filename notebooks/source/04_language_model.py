# %% [markdown]
# # 4 · The language model: where words become numbers, and where CE goes in
#
# **You will be able to**
# - follow a sentence from words to word pieces, ids and vectors;
# - say what SentiLARE adds to a word, and compute a word's polarity from a dictionary by hand;
# - show that padding does no harm if it is masked, and what happens if it is not;
# - put a module in front of any layer of a language model;
# - count the parameters of a Transformer, and say what freezing some of them saves.
#
# **You need** notebook 3; what a layer of a Transformer is for, roughly.
#
# **Time** 45 minutes with the exercises; under a minute of computing on a 2-core laptop.
#
# **Downloads** the demo sentences on first use (2.4 MB, from the Python package index). The
# language model comes with the installed requirements.

# %% [markdown]
# ## A word that is not in the list
#
# The first sentence of `train` speaks of a film *"hiding behind cutesy film references"*. The
# language model that is to read it has no entry for *cutesy*. The dictionary that is to help says
# that *cutesy* is praise. And the head, which gives the answer, looks at none of the words at all.
# How can such a model understand the sentence, and by which way does a frown reach its answer?

# %% [markdown]
# ## From words to pieces
#
# CENet's text part is a language model that others have trained on a very large amount of text. It
# knows a fixed list of 30,522 entries. "film" is one of them; "cutesy" is not. So a
# [tokenizer](GLOSSARY.md#word-piece) cuts "cutesy" into pieces that are: `cute` and `##sy`. The
# two hashes mean: this goes on the piece before.

# %%
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch

from cenet_lib import CENet, CENetError, CENetProcessor, load_corpus
from cenet_lib.course.controls import slider
from cenet_lib.course.exercises import check, mine, progress
from cenet_lib.course.guess import guess
from cenet_lib.course.lesson import recorded, shorten, show
from cenet_lib.language.sentiwordnet import gloss_weights
from cenet_lib.results.plots import metric_by_variant, seed_interval, set_theme
from cenet_lib.runs.preparation import freeze

set_theme()

# %% [markdown]
# The processor holds the tokenizer and the two vocabularies of notebook 2. For now, only the text
# matters.

# %%
corpus = shorten(load_corpus("demo"))
processor = CENetProcessor.fit(corpus, annotator="offline")
utterance = corpus.train[0]
encoded = processor(utterance)
pieces = processor.tokenizer.convert_ids_to_tokens(encoded["input_ids"])
print(utterance.text)
print(pieces)

# %% [markdown]
# Nine words have become twelve *tokens*: one word was cut in two, and two special tokens came in.
# `[SEP]` ends the sentence. `[CLS]` begins it, and stands for no word at all. It is there to
# collect what the sentence as a whole says: that is how BERT is trained. (Our small MiniLM was
# trained with the mean of all tokens instead; its first token learns the task when we train it.)
# CENet's head will read this **first token** and nothing else.
#
# Each token is now a number. `word_index` remembers which word it came from, −1 for none.

# %%
table = pd.DataFrame({"piece": pieces, "id": encoded["input_ids"], "word": encoded["word_index"]})
table.T

# %% [markdown]
# A sentence may have at most 50 pieces here, as in the published code. What is longer is cut. How
# often does that happen?

# %%
lengths = np.array([len(processor.tokenizer(u.text)["input_ids"]) for u in corpus.train])
words = np.array([len(u.words) for u in corpus.train])
print(f"words: {words.mean():.1f} on average; pieces, uncut: {lengths.mean():.1f}")
print(f"sentences of more than 50 pieces, which are cut: {(lengths > 50).sum()} of {len(lengths)}")

# %% [markdown]
# ## What a dictionary knows about a word
#
# You have read thousands of film reviews, so you know that "cutesy" is no compliment. A model that
# must learn from 1,284 utterances does not. The paper therefore takes a language model that was
# told: [SentiLARE](GLOSSARY.md#sentilare) ([Ke et al. 2020](REFERENCES.md#ke-2020)). Beside each
# word it reads
#
# - its **part of speech**: verb 0, adjective 1, adverb 2, noun 3, other 4;
# - its **word polarity**: negative 0, positive 1, neutral or unknown 2;
# - the **sentence polarity**: one to five stars as 0 to 4, unknown 5. CENet does not know the
#   answer before it has found it, so this one is always 5.
#
# Where do the first two come from? The package has two sources. `"offline"` needs nothing but the
# installed packages: a tagger, and the lexicon of VADER ([Hutto and Gilbert
# 2014](REFERENCES.md#hutto-2014)).

# %%
table["part of speech"], table["polarity"] = encoded["pos_ids"], encoded["polarity_ids"]
table.T

# %% [markdown]
# Read the last two rows. "hiding" is a verb, and counts as negative. "cutesy" counts as a
# *positive* noun, and "references" as a neutral one. So the dictionary is quick, and may be wrong:
# it knows words, not what they do in a sentence. Nor does it know negation. In "not good", "good"
# stays positive. Undoing that is the language model's task; the ids are only a hint.
#
# Both pieces of "cutesy" carry the ids of their word. Special tokens get "other" and "neutral".

# %% [markdown]
# ### Exercise 4.1 · Ids for pieces · ★☆☆ · 4 minutes · 1 point
#
# `word_ids` has one id per word. `word_index` has one entry per piece: the number of its word, or
# −1 for a special token. Return the id of each piece; special tokens get `filler`.
#
# On paper: the ids 3, 0 for two words, the index −1, 0, 0, 1, −1 and the filler 4 give 4, 3, 3, 0,
# 4.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Go through `word_index`. Where it is −1, take the filler. Beware: in Python, `word_ids[-1]` is the
# last word.
#
# </details>


# %% exercise="ids_of_pieces"
def ids_of_pieces(word_ids, word_index, filler):
    """Return one id per piece, as a list or an array."""
    ### BEGIN SOLUTION
    return [filler if word < 0 else word_ids[word] for word in word_index]
    ### END SOLUTION


# %% check="ids_of_pieces"
check("ids_of_pieces", ids_of_pieces)

# %%
index, of_pieces = encoded["word_index"].tolist(), encoded["pos_ids"].tolist()
of_words = [of_pieces[index.index(word)] for word in range(max(index) + 1)]
print(mine("ids_of_pieces", ids_of_pieces)(of_words, index, 4))

# %% [markdown]
# ### The paper's source: senses
#
# "Cheap" may mean *costing little* or *of poor quality*. One polarity for both would be wrong.
# The paper asks [SentiWordNet](REFERENCES.md#baccianella-2010), which knows for each **sense** of
# a word how positive ($P$) and how negative ($N$) it is. Senses are ranked: 1 is the most
# frequent. And each has a *gloss*, a short definition.
#
# Which sense is meant? The one that is frequent, and whose gloss resembles the sentence. Both
# become vectors, and $\cos$ says how alike they point, from −1 to 1:
#
# $$a_j = \frac{\cos(\text{sentence}, \text{gloss}_j) + 1}{2\, r_j}, \qquad w =
#   \operatorname{softmax}(a), \qquad \text{score} = \sum_j w_j\, (P_j - N_j).$$
#
# You know this shape from notebook 3: it is an attention of the sentence over the senses. The sign
# of the score is the polarity.

# %% [markdown]
# On paper, with numbers made up to be easy. A sentence complains about the acting, so it resembles
# the second gloss ($\cos = 1$) and not the first ($\cos = 0$):
#
# | sense | rank $r$ | cos | $a$ | $w$ | $P - N$ |
# |---|---|---|---|---|---|
# | costing little | 1 | 0 | (0 + 1) / 2 = 1/2 | 1/2 | +0.25 |
# | of poor quality | 2 | 1 | (1 + 1) / 4 = 1/2 | 1/2 | −0.75 |
#
# The first is more frequent, the second more alike, and both get the same weight. The score is
# $0.125 - 0.375 = -0.25$: negative.

# %%
weights = gloss_weights(cosines=[0, 1], ranks=[1, 2])
print("weights", weights, "score", weights @ [0.25, -0.75])

# %% [markdown]
# ### Exercise 4.2 · The polarity of a word · ★★☆ · 6 minutes · 2 points
#
# All four arguments are arrays with one entry per sense. Return the polarity **id**: 0 if the score
# is negative, 1 if it is positive, 2 if it is exactly zero.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Do not forget the $e^{a}$ of the softmax. For the sign alone you need not even divide by the sum.
#
# </details>


# %% exercise="word_polarity"
def word_polarity(cosines, ranks, positive, negative):
    """Return 0, 1 or 2 from arrays (n_senses,)."""
    ### BEGIN SOLUTION
    weights = np.exp((cosines + 1) / (2 * ranks))  # (n_senses,)
    score = np.sum(weights * (positive - negative))
    return 2 if score == 0 else int(score > 0)
    ### END SOLUTION


# %% check="word_polarity"
check("word_polarity", word_polarity)

# %%
polarity_of = mine("word_polarity", word_polarity)
senses = (np.array([1, 2]), np.array([0.25, 0.0]), np.array([0.0, 0.3]))  # rank, P, N
for cosine in (-1, 0, 1):
    print(f"the first sense has cos {cosine:2}:", polarity_of(np.array([cosine, 1]), *senses))

# %% [markdown]
# ## From ids to vectors
#
# An id is a row number of a table, the [embedding](GLOSSARY.md#embedding). There is a table for
# words, one for positions ("I am the third token"), and one for the token type, which we do not
# need: it is 0 everywhere. SentiLARE has three more. A token's vector is simply the **sum** of its
# rows. A layer norm then brings it to a standard size:
#
# $$x = \operatorname{LayerNorm}(\text{word} + \text{position} + \text{type} + \text{part of speech}
#   + \text{word polarity} + \text{sentence polarity}).$$

# %% [markdown]
# The packaged model, MiniLM, is no SentiLARE. But with `linguistic=True` the three tables can be
# put on any language model. We fill them with something, and write the sum out.

# %%
model = CENet.from_backbone("minilm", linguistic=True).eval()
torch.manual_seed(0)
for tables in model.linguistic.parameters():
    torch.nn.init.normal_(tables, 0, 0.02)
batch = processor.batch([utterance])
ids, pos, polarity = (batch[name][0] for name in ("input_ids", "pos_ids", "polarity_ids"))

# %%
E, extra = model.backbone.embeddings, model.linguistic
total = (
    E.word_embeddings.weight[ids]  # (T, d)
    + E.position_embeddings.weight[: len(ids)]  # (T, d): rows 0, 1, 2, …
    + E.token_type_embeddings.weight[0]  # (d,)
    + extra.pos.weight[pos]  # (T, d)
    + extra.polarity.weight[polarity]  # (T, d)
    + extra.sentence_polarity.weight[5]  # (d,): unknown
)
unfolded = E.LayerNorm(total)  # (T, d)

# %% [markdown]
# Is this what the model does? We catch the vectors that it gives to its first layer.

# %%
caught = {}
handle = model.backbone.encoder.layer[0].register_forward_pre_hook(
    lambda layer, inputs: caught.update(states=inputs[0][0])
)
with torch.no_grad():
    model(**batch)
handle.remove()
assert torch.allclose(caught["states"], unfolded, atol=1e-5)
print("the same:", tuple(unfolded.shape))

# %% [markdown]
# New tables must not disturb what the model knows. So in the package their rows start at **zero**.
# At step 0 the model with them is the model without.

# %%
with torch.no_grad():
    for tables in model.linguistic.parameters():
        tables.zero_()
    with_tables = model(**batch).logits
    model.linguistic = None
    without = model(
        **{n: x for n, x in batch.items() if n not in ("pos_ids", "polarity_ids")}
    ).logits
assert torch.allclose(with_tables, without, atol=1e-6)
print("no difference at step 0")

# %% [markdown]
# One detail costs people hours when they compare models. BERT counts positions from 0. RoBERTa,
# and so SentiLARE, counts from **2**: rows 0 and 1 are taken. With a table of 514 rows there is
# room for 512 tokens.

# %% [markdown]
# ## Padding, and a mask that is there
#
# A batch is a rectangle, sentences are not. The short ones are filled up with `[PAD]`, and an
# [attention mask](GLOSSARY.md#mask) says what is real. In the language model tokens meet in the
# attention only. So if the attention never looks at padding, an utterance gives the same result
# alone and in company.

# %%
long = max(corpus.train[:50], key=lambda u: len(u.words))
together = processor.batch([utterance, long])
print("shape:", tuple(together["input_ids"].shape))
print("mask of the short one:", together["attention_mask"][0].tolist())

# %%
model = CENet.from_backbone("minilm").eval()
keep = ("input_ids", "attention_mask", "visual_counts", "acoustic_counts")


def first_prediction(batch):
    """Return the prediction for a batch's first utterance."""
    with torch.no_grad():
        return model(**{name: batch[name] for name in keep}).logits[0].item()


alone, masked = first_prediction(batch), first_prediction(together)
no_mask = first_prediction(
    {**together, "attention_mask": torch.ones_like(together["attention_mask"])}
)
assert abs(masked - alone) < 1e-5

# %% [markdown]
# The model has a random head, so the numbers mean nothing yet. What counts is whether they differ.

# %%
print(f"with the mask, the prediction moves by {abs(masked - alone):.0e}")
print(f"without it, by {abs(no_mask - alone):.0e}")

# %% [markdown]
# With the mask there is only rounding. Without it the prediction depends on who else is in the
# batch.
#
# The published code fills up with id 0 instead of RoBERTa's padding id 1. In RoBERTa id 0 is
# `<s>`, the token that *begins* a sentence. It does no harm, for the mask hides it. But compare
# with notebook 3: there, on the side of face and voice, the same code has no mask, and padding
# does leak.

# %% [markdown]
# ## Where CE goes in
#
# A language model is a pile of layers. Each takes states of shape $(T, d)$ and gives states of
# the same shape. So one can reach in between any two of them and change the states. CENet does
# that once, before layer $i$, the [injection layer](GLOSSARY.md#injection-layer):
#
# ![Words pass through the layers of a language model; before layer 1, the CE module adds what each
# word takes from the codes of face and voice; a head reads the first
# token.](images/architecture.svg)
#
# Why not at the end? Because the words would have no time left to make something of it. In the
# layers after CE, words exchange what they took: "great" learns that "film" saw a frown. Why not at
# the very start? There a word's state is little more than its embedding, so it can hardly ask a
# good question. Such are the reasons; whether they carry weight is measured below. The paper takes
# $i = 1$, counting from 0.

# %% [markdown]
# ### Exercise 4.3 · Inject · ★★☆ · 5 minutes · 2 points
#
# `layers` is a list of functions from states to states, `enhance` is another. Run the states `x`
# through all layers, with `enhance` **before** layer `i`, counted from 0, and return what comes
# out.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `for number, layer in enumerate(layers):`
#
# </details>


# %% exercise="inject"
def inject(layers, enhance, i, x):
    """Return the states after all layers, enhanced once, before layer i."""
    ### BEGIN SOLUTION
    for number, layer in enumerate(layers):
        if number == i:
            x = enhance(x)
        x = layer(x)
    return x
    ### END SOLUTION


# %% check="inject"
check("inject", inject)

# %% [markdown]
# The package must do this inside a model that others wrote, without copying its code. PyTorch has
# a place for that: a *forward pre-hook*, a function that is called with a layer's inputs just
# before the layer runs, and may change them. In `model.py` it is `_enhance_input`, five lines
# long. Thus the language model keeps the names of its weights, and nearly any encoder with a list
# of layers will do. (It is tried out when the model is built.)
#
# A layer that is not there is an error, not a silent nothing:

# %%
try:
    CENet.from_backbone("minilm", injection_layer=6)
except CENetError as error:
    print("error:", error)

# %% [markdown]
# ### How a shift travels
#
# We give CE weights that are loud enough to see (drawn with standard deviation 0.05 instead of
# 0.02), put it before each of the six layers in turn, and measure how much the states change after
# each layer, as a share of their length: that of the first token, and the words' on average.


# %%
def states_after_layers(injection_layer, fusion="ce", tokens=slice(None)):
    """Return the states after each layer, (6, T, d); CE shifts these tokens only."""
    settings = {"injection_layer": injection_layer, "first_token_only": False}
    model = CENet.from_backbone("minilm", fusion=fusion, **settings).eval()
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if name.startswith("fusion."):
            torch.nn.init.normal_(weight, 0, 0.05)

    def shift_some(module, inputs, output):
        some = inputs[0].clone()
        some[:, tokens] = output.states[:, tokens]
        return output._replace(states=some)

    if model.fusion is not None:
        model.fusion.register_forward_hook(shift_some)
    states = []
    for layer in model.backbone.encoder.layer:
        layer.register_forward_hook(lambda m, i, output: states.append(output[0]))
    with torch.no_grad():
        model(**{name: batch[name] for name in keep})
    return torch.stack(states)  # (6, T, d)


# %%
plain = states_after_layers(0, fusion="none")
shares = [(states_after_layers(i) - plain).norm(dim=2) / plain.norm(dim=2) for i in range(6)]
first_token = np.stack([share[:, 0].numpy() for share in shares])  # (injection layer, layer)
of_words = np.stack([share[:, 1:-1].mean(1).numpy() for share in shares])
for changes in (first_token, of_words):
    assert np.allclose(np.tril(changes, -1), 0, atol=1e-6)  # nothing changes before CE


def change_at_the_end(i, tokens):
    """Return the first token's change after the last layer, if CE before i shifts some tokens."""
    end = states_after_layers(i, tokens=tokens)[-1, 0]
    return float((end - plain[-1, 0]).norm() / plain[-1, 0].norm())


ways = {"the first token only": slice(1), "all others only": slice(1, None)}
shifted = {f"CE before {i}": [change_at_the_end(i, t) for t in ways.values()] for i in (1, 3, 5)}

# %% [markdown]
# For a picture we want one long table: a row for each place of CE, each layer, and each state.

# %%
rows = [
    (i, j, state, 100 * changes[i, j])
    for state, changes in (("words", of_words), ("first token", first_token))
    for i, j in np.ndindex(6, 6)
]
change = pd.DataFrame(rows, columns=["CE before", "after layer", "state", "change, %"])

# %% [markdown]
# Choose a layer and watch.


# %%
def draw_change(ax, i, legend=True):
    looks = {"palette": ["silver", "C0"], "saturation": 1, "legend": legend}
    here = change[change["CE before"] == i]
    sns.barplot(here, x="after layer", y="change, %", hue="state", **looks, ax=ax)
    ax.axvline(i - 0.5, color="grey", linestyle="--", linewidth=1)
    ax.set(title=f"CE before layer {i}", ylim=(0, 1.05 * change["change, %"].max()))


def explore_injection(i):
    figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
    draw_change(ax, i)
    show(figure, f"Change of first token and words with CE before layer {i}: 0 before it, then not")
    return first_token[i].round(4).tolist()


widgets.interactive(explore_injection, i=slider("CE before layer", 0, 5, 1))

# %% [markdown]
# For those who read without a kernel: CE before each of the six layers.

# %%
figure, axes = plt.subplots(2, 3, figsize=(10, 4.4), layout="constrained", sharex=True, sharey=True)
for i, ax in enumerate(axes.flat):
    draw_change(ax, i, legend=i == 5)
    ax.label_outer()
show(
    figure,
    "Six bar charts, CE before layers 0 to 5: nothing changes before CE; the words keep their "
    "change in all layers after it; the first token shows little of an early CE until the last layer",
    fold="The change of the states for each of the six places",
)

# %% [markdown]
# Before the dashed line nothing happens. After it, the words keep their change all the way up.
# (Each layer adds its own result to what came in, by a *residual* connection. That makes it
# possible to carry a change on, and no more: the first token has the same connections.)
#
# The first token is different. If CE comes early, hardly anything of it shows there in the layers
# between, and only the *last* layer brings it back. From where? CE shifts the first token as well
# as the words, so there are two ways to the head. Let CE shift the first token only, or all others
# only, and see how much of the change arrives.

# %%
pd.DataFrame(shifted, index=list(ways)).map("{:.0%}".format)

# %% [markdown]
# With CE before layer 1 the larger part comes by way of the words: the first token gathers it from
# them in the last layer. With CE before the last layer the larger part is the first token's own.
# (Here the weights of CE are random. What the layers make of a change, training decides.)

# %% [markdown]
# ### Which layer is best?
#
# That takes forty trained models. On a laptop they would take about an hour, so it was done
# beforehand, on a GPU:
#
#     python -m cenet_lib compare --injection-layer 0 1 3 5 --seed 0 1 2 3 4 5 6 7 8 9 --out runs/demo

# %%
sweep = recorded("layer")
spread = sweep.groupby("injection_layer")["test_mae"].agg(["mean", "std"]).round(3)
spread

# %%
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
metric_by_variant(sweep, ax=ax, by="injection_layer")
show(figure, "MAE on test for CE before layers 0, 1, 3 and 5, ten seeds each, with intervals")

# %% [markdown]
# The four means lie within a hundredth of each other, and the seeds of one layer differ by more.
# (Is there still a difference? Notebook 7 shows how to ask, and finds none that can be proven.)
# Even before the *last* layer CE does its work. On `demo` that is no surprise: what face and voice
# add shows in how many cues of the whole utterance are positive and how many negative, so words
# need not exchange what they took. On data where a frown belongs to *one* word, it may be
# otherwise.
#
# And mind what this table may be used for. It shows test. To *choose* a layer, look at valid.

# %% [markdown]
# ## Where the parameters sit
#
# What have we built, in numbers? First a guess.

# %%
word_list = guess("How much of the whole model is the table of words and positions?", 0, 100, "%")
word_list

# %% [markdown]
# Every weight has a name, and the name says to which part it belongs.


# %%
def part_of(name):
    """Return which part of a CENet a weight belongs to."""
    for part in ("embeddings", "encoder", "fusion", "head"):
        if part in name.split("."):
            return part


sizes = pd.Series({name: weight.numel() for name, weight in model.named_parameters()})
by_part = sizes.groupby(part_of).sum()
print(by_part.to_string(), "\ntotal     ", by_part.sum())
word_list.compare(round(100 * by_part["embeddings"] / by_part.sum()))

# %%
figure, ax = plt.subplots(figsize=(6, 2), layout="constrained")
sns.barplot(x=by_part / 1e6, y=by_part.index, saturation=1, ax=ax)
ax.set_ylabel("")
ax.set_xlabel("parameters, millions")
show(
    figure,
    "Parameters: about 12 million in embeddings, 11 in the encoder, 1 in CE, little in the head",
)

# %% [markdown]
# Half of the model is a word list: 30,522 rows of 384 numbers. CE adds five per cent. The head is
# hardly there.
#
# Can we get the encoder's number on paper? A layer of a BERT has
#
# - four square maps for the attention (query, key, value, output), each $d \times d$ with a bias of
#   $d$;
# - two maps for the feed-forward network, up to $f$ and back: $d \times f$ with a bias of $f$,
#   and $f \times d$ with a bias of $d$;
# - two layer norms, each with a scale and a shift of $d$.
#
# MiniLM has $d = 384$ and $f = 1536$. Its attention has $4 (384^2 + 384) = 591{,}360$ parameters a
# layer. Add the rest on paper: six layers should come to the 10,646,784 above.

# %% [markdown]
# ### Exercise 4.4 · Count a RoBERTa · ★★★ · 8 minutes · 3 points
#
# Write it for any size: `n_words` rows of words, `n_positions` rows of positions, one row of
# token types, a layer norm after their sum, and `n_layers` layers of width `d` with a
# feed-forward network of width `f`. Return the number of parameters. There is no head, and no
# *pooler*, a map for the first token that some models have behind their layers.
#
# RoBERTa-base, on which SentiLARE is built, has 50,265 words, 514 positions, 12 layers, $d = 768$
# and $f = 3072$. What do you expect?

# %% [markdown]
# <details><summary>Hint</summary>
#
# Tables: (n_words + n_positions + 1) · d. The layer norm after them: 2 · d. The layers: as above.
#
# </details>


# %% exercise="count_parameters"
def count_parameters(n_words, n_positions, n_layers, d, f):
    """Return the number of parameters of a RoBERTa of this size."""
    ### BEGIN SOLUTION
    embeddings = (n_words + n_positions + 1) * d + 2 * d
    layer = 4 * (d * d + d) + (d * f + f) + (f * d + d) + 2 * (2 * d)
    return embeddings + n_layers * layer
    ### END SOLUTION


# %% check="count_parameters"
check("count_parameters", count_parameters)

# %%
count = mine("count_parameters", count_parameters)
whole = count(30_522, 512, 6, 384, 1536) + 384  # MiniLM has a second row of token types
assert whole == by_part["embeddings"] + by_part["encoder"]
print(f"MiniLM, embeddings and layers: {whole:,}")

# %% [markdown]
# ## Freezing
#
# Training a weight costs more than keeping it. Beside the weight itself there is its gradient,
# and AdamW, which makes the steps (notebook 5), keeps two more numbers for it: running means of the
# gradient and of its square. That
# is four numbers of 4 bytes, 16 bytes a parameter, where a *frozen* one takes 4.
#
# [Freezing](GLOSSARY.md#freezing) the embeddings and the lowest layers therefore saves memory.
# (Training also keeps what the layers computed, for the way back. That grows with the batch, is
# often more than all of this, and is not counted here.) `freeze_layers` is a setting of every run.

# %%
rows = []
for n in (0, 1, 3, 6):
    frozen = CENet.from_backbone("minilm")
    freeze(frozen, n)
    trained = sum(w.numel() for w in frozen.parameters() if w.requires_grad)
    rows.append((n, trained, 16 * trained + 4 * (by_part.sum() - trained)))
columns = ["frozen layers", "trained parameters", "bytes"]
pd.DataFrame(rows, columns=columns).map("{:,}".format)

# %% [markdown]
# With one layer frozen the embeddings are frozen too, and more than half of all parameters rest.
# With six only CE and the head learn.
#
# And what does it cost? Ten seeds each, made beforehand on a GPU:
#
#     python -m cenet_lib compare --freeze-layers 0 3 6 --seed 0 1 2 3 4 5 6 7 8 9 --out runs/demo

# %%
frozen_runs = recorded("freeze")
frozen_runs.groupby("freeze_layers")[["test_mae", "test_corr"]].agg(["mean", "std"]).round(3)

# %% [markdown]
# All were trained with the same seeds, so we may take differences seed by seed, and an interval
# for their mean (notebooks 6 and 7 say what that is):

# %%
words_only = recorded("fusions").query("fusion == 'none'")["test_mae"]
print(f"words only, no layer frozen: MAE {words_only.mean():.2f}")
by_seed = frozen_runs.pivot(index="seed", columns="freeze_layers", values="test_mae")
for n in (3, 6):
    low, high = seed_interval(by_seed[n] - by_seed[0])
    print(f"{n} layers frozen: the MAE grows by {low:.3f} to {high:.3f} (95 % interval)")

# %% [markdown]
# With half of the layers frozen a little is lost, some two hundredths, and ten seeds are enough to
# show it, on this test split: the 95 % interval does not contain 0. With all six frozen much is
# lost. (Of what, the table does not say: the reading of the words cannot learn any more, and
# neither can what the layers make of the shift by CE.) Still, 0.79 is far better than a model with
# words only, for what CE mixes in reaches the head even through layers that do not learn.

# %% [markdown]
# ## The last layer, for one token only
#
# The head reads the first token. So in the *last* layer, nobody ever asks what became of the
# other tokens. Their keys and values are needed, for the first token looks at them. But after the
# attention each token goes its way alone: the feed-forward network, two thirds of a layer's work,
# need run for one token only.
#
# The package does that (`first_token_only=True`, the default). It is the same prediction for less
# work:

# %%
torch.manual_seed(0)
short = CENet.from_backbone("minilm").eval()
torch.manual_seed(0)
full = CENet.from_backbone("minilm", first_token_only=False).eval()
given = {name: together[name] for name in keep}
with torch.no_grad():
    assert torch.allclose(short(**given).logits, full(**given).logits, atol=1e-5)
print("the same predictions")

# %% [markdown]
# ## Five questions
#
# Answer each for yourself, then unfold it. The last lines say which exercises are done.

# %%
from cenet_lib.course.quiz import quiz

quiz("04")
progress(4)

# %% [markdown]
# ## What you did
#
# You followed a sentence from words to pieces, ids and vectors, and wrote its embedding as a sum.
# You computed a word's polarity from its senses, and saw a dictionary take mockery for praise. You
# showed that a mask makes padding harmless, put CE in front of every layer, counted all
# parameters, and know what freezing saves.
#
# **The word that is not in the list** comes as two pieces, `cute` and `##sy`. What the dictionary
# says of it is no more than a summand of their vectors, which the layers after it may overrule. And
# a frown reaches the head in two ways: the first token takes from it itself, and it gathers from
# the words what they took.
#
# **Exercises** 4.1 ids for pieces · 4.2 the polarity of a word · 4.3 inject · 4.4 count a RoBERTa.
#
# **To think about** "cute" and "##sy" attend to face and voice separately. Does a word of many
# pieces get more of them?
#
# <details><summary>An answer</summary>
#
# Each piece takes home a full answer of its own, so a word of three pieces carries three where
# others carry one, and the first token finds three tokens in the last layer that hold it. Nothing
# evens that out, though training may learn to. To give each word one say, let only the first piece
# ask, or share one answer among the pieces of a word.
#
# </details>
#
# **Next** [Training](05_training.ipynb): the recipe, the loop, and numbers that are true.
