"""What channels are, in plain words: every one that a toolkit is known to name, and no guesses."""

import pytest

from cenet_lib.corpora import demo
from cenet_lib.inspector.channels import about_channels
from cenet_lib.inspector.face import SHAPES
from cenet_lib.video.voice import VOICE_CHANNELS


@pytest.mark.parametrize(
    ("names", "stream"),
    [
        (demo.FACE_CHANNELS, "visual"),  # FACET
        (demo.VOICE_CHANNELS, "acoustic"),  # COVAREP
        (VOICE_CHANNELS, "acoustic"),  # librosa
        (tuple(SHAPES), "visual"),  # ARKit
    ],
)
def test_every_channel_of_the_known_toolkits_has_words(names, stream):
    about = about_channels(names, stream)
    assert [name for name, kind in zip(names, about, strict=True) if kind is None] == []
    assert all(len(kind.words) <= 100 for kind in about)  # one line or two below the bars


@pytest.mark.parametrize(
    ("name", "stream", "kind"),
    [
        ("MCEP_5", "acoustic", "MCEP"),
        ("mcep_24", "acoustic", "MCEP"),
        ("mfcc1_sma3", "acoustic", "MFCC"),
        ("F0semitoneFrom27.5Hz_sma3nz", "acoustic", "F0semitone"),
        ("F1frequency_sma3nz", "acoustic", "F1 to F3"),
        ("HNRdBACF_sma3nz", "acoustic", "HNR"),
        ("Rd_conf", "acoustic", "Rd_conf"),
        ("VUV", "acoustic", "VUV"),
        ("AU12 Evidence", "visual", "AU12 Evidence"),
        ("AU12_r", "visual", "AU12_r"),
        (" mouthSmile_L ", "visual", "mouthSmile_L"),
        ("pose_Rx", "visual", "pose_Rx"),
        ("gaze_0_x", "visual", "gaze"),
        ("AU12", "acoustic", None),  # a face in the voice is nobody's channel
        ("MCEP_5", "visual", None),
        ("AU99", "visual", None),
        ("visual 3", "visual", None),
        ("", "acoustic", None),
    ],
)
def test_channels_are_known_by_name_whatever_the_spelling(name, stream, kind):
    (about,) = about_channels([name], stream)
    assert (about and about.name) == kind


def test_yes_or_no_is_no_amount_and_a_head_is_no_voice():
    lips, seen, head = about_channels(["AU12_r", "AU12_c", "pitch"], "visual")
    assert lips.words == "lip corners up (action unit)"
    assert seen.words == "lip corners up (action unit, yes or no)"
    assert head.words == "angle of the head, up and down"
    assert about_channels(["F0"], "acoustic")[0].words == "pitch in Hz"
