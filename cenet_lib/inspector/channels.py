"""What channels are, in plain words: a reader of a map cannot know what `MCEP_5` measures.

Channels are matched by name, as in `pictures`: those of COVAREP and of openSMILE's eGeMAPS, those
that this package measures with librosa, action units of FACET and OpenFace, and blendshapes of
ARKit. A name that is not known has no words, which is better than a guess.

Sources: Degottex et al. 2014, "COVAREP: A collaborative voice analysis repository", ICASSP;
Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set", IEEE TAC; Ekman and Friesen
1978, the Facial Action Coding System.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from .face import ACTION_UNITS, SHAPES
from .pictures import drawable

_TIMBRE = (
    "timbre, the shape of the sound's spectrum: 0 is loudness, low numbers its outline, high ones "
    "detail"
)
# By pattern of the whole name: what such channels are called together, and what they are.
_VOICE = {
    r"F0": ("F0", "pitch in Hz"),
    r"F0semitone.*": ("F0semitone", "pitch in semitones"),
    r"VUV|voicing": ("{}", "whether the vocal folds vibrate: 1 is voiced, 0 is not"),
    r"energy": ("energy", "loudness in dB"),
    r"loudness.*": ("loudness", "how loud it sounds"),
    r"NAQ": ("NAQ", "how softly the vocal folds close: high is breathy, low is tense"),
    r"QOQ": ("QOQ", "how long the vocal folds stay open in each cycle: high is breathy"),
    r"H1H2": ("H1H2", "the lowest harmonic against the next, in dB: high is breathy, low is tense"),
    r"PSP": ("PSP", "how the sound of the vocal folds is spread over low frequencies"),
    r"MDQ": ("MDQ", "how blurred the closing of the vocal folds is: high is breathy, low is tense"),
    r"peakSlope": ("peakSlope", "how the sound falls off towards high frequencies"),
    r"Rd": ("Rd", "shape of the pulses of the vocal folds: high is breathy, low is tense"),
    r"Rd_?conf": ("Rd_conf", "how certain Rd is"),
    r"creak": ("creak", "how likely the voice is creaky"),
    r"MCEP_?\d+": ("MCEP", _TIMBRE),
    r"MFCC_?\d+(_sma3(nz)?)?": ("MFCC", _TIMBRE),
    r"HMPDM_?\d+": ("HMPDM", "phases of the harmonics, mean: the shape of the voice's pulses"),
    r"HMPDD_?\d+": ("HMPDD", "phases of the harmonics, spread: high is noisy, breathy or rough"),
    r"centroid": ("centroid", "centre of the sound's spectrum in Hz: high is bright"),
    r"rolloff": ("rolloff", "frequency in Hz below which most of the sound lies: high is bright"),
    r"flatness": ("flatness", "0 is a tone, 1 is noise"),
    r"contrast_?\d+": (
        "contrast",
        "how far tones stand above noise in dB, from low bands to high",
    ),
    r"alphaRatio.*|hammarbergIndex.*|slope\d.*": ("{}", "low frequencies against high ones"),
    r"spectralFlux.*": ("spectralFlux", "how fast the sound changes"),
    r"jitter.*": ("jitter", "how irregular the pitch is from cycle to cycle"),
    r"shimmer.*": ("shimmer", "how irregular the loudness is from cycle to cycle"),
    r"HNR.*": ("HNR", "tones against noise, in dB: low is hoarse or breathy"),
    r"logRelF0.*": ("logRelF0", "the lowest harmonic against a higher one: high is breathy"),
    r"F[1-3](frequency|bandwidth|amplitude).*": ("F1 to F3", "resonances of the mouth: the vowel"),
}
_EMOTION = "anger|contempt|disgust|joy|fear|sadness|surprise|confusion|frustration"
_FACE = {
    rf"({_EMOTION})( Evidence)?": ("{}", "how much the face looks like it, by FACET"),
    r"baseline( Evidence)?": ("baseline", "how much the face looks at rest, by FACET"),
    r"has_?glasses|is_?male": ("{}", "a guess about the person, by FACET, not about the moment"),
    r"gaze.*": ("gaze", "where the eyes look"),
    r"pose_T[xyz]": ("pose_T", "place of the head"),
}
_HEAD = {"pitch": "up and down", "yaw": "to the side", "roll": "leaning"}
_AU_SEEN = re.compile(r"au_?0*(\d+)_c", re.IGNORECASE)  # OpenFace's yes or no


class Kind(NamedTuple):
    """What channels of a kind are called together, and what they are.

    Examples
    --------
    >>> about_channels(["AU12"], "visual")[0]
    Kind(name='AU12', words='lip corners up (action unit)')
    """

    name: str
    words: str


def about_channels(names: Sequence[str], stream: str) -> list[Kind | None]:
    """Say what channels are; of those that are not known, nothing.

    Parameters
    ----------
    names : sequence of str
        Of all channels of a stream.
    stream : str
        ``"visual"`` or ``"acoustic"``.

    Returns
    -------
    list of Kind or None
        One per channel. Numbered channels, such as MCEP_0 to MCEP_24, are of one kind.

    Examples
    --------
    >>> [kind and kind.name for kind in about_channels(["MCEP_5", "MCEP_6", "x"], "acoustic")]
    ['MCEP', 'MCEP', None]
    >>> about_channels(["mouthSmileLeft"], "visual")[0].words
    'mouth corners up, left (blendshape)'
    """
    return [_about(name.strip(), stream) for name in names]


def _about(name: str, stream: str) -> Kind | None:
    return (_drawn(name) if stream == "visual" else None) or _by_pattern(name, stream)


def _drawn(name: str) -> Kind | None:
    """Return what a channel is that moves the face that is drawn."""
    what = next(iter(drawable([name], "visual")), None)
    if what in SHAPES:
        shape = SHAPES[what]
        side = f", {shape.side}" if shape.side else ""
        return Kind(name, f"{shape.words}{side} (blendshape)")
    if what in _HEAD:
        return Kind(name, f"angle of the head, {_HEAD[what]}")
    seen = _AU_SEEN.fullmatch(name)
    unit = int(seen[1]) if seen else int(what[2:]) if what else 0
    if unit not in ACTION_UNITS:
        return None
    return Kind(name, f"{ACTION_UNITS[unit]} (action unit{', yes or no' if seen else ''})")


def _by_pattern(name: str, stream: str) -> Kind | None:
    for pattern, (kind, words) in (_FACE if stream == "visual" else _VOICE).items():
        if re.fullmatch(pattern, name, re.IGNORECASE):
            return Kind(kind.format(name), words)
    return None
