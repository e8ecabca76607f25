"""Films as browsers play them: as they are, a part copied out of them, or encoded anew.

FFmpeg reads nearly everything and a browser does not: H.264, VP8, VP9 and AV1 in mp4 or webm, with
eight bits a colour, play everywhere. Such a film stays as it is. Where only a part of it is meant,
the packets from the key picture before are copied into a film of their own, and nothing is encoded
again. Everything else (mpg, avi, HEVC of a telephone) becomes VP8 and Opus in webm, in a size to be
looked at beside a map.

A film that was cut begins later than the one that was measured: `Playable.offset` says by how much,
and whoever shows it adds that to the player's time.
"""

import io
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import CENetError, first_line
from ..progress import bar
from .media import Film, Picture, chosen, failures

_PICTURES = {"webm": ("vp8", "vp9", "av1"), "mp4": ("h264", "vp9", "av1")}
_SOUNDS = {"webm": (None, "opus", "vorbis"), "mp4": (None, "aac", "mp3", "opus", "flac")}
_EIGHT_BITS = ("yuv420p", "yuvj420p", "yuva420p")
_FAMILY = {"webm": "webm", "mp4": "mp4"}  # what FFmpeg calls a container in which they may lie

_ALL = 1.0  # seconds beside a part that need not be cut off
_RUN_UP = 5.0  # seconds before a part that are copied along at most
_WIDEST = 640  # pixels of what is encoded anew; a page shows 400
_SOUND_RATE = 24_000
_MOST, _LEAST, _OF_SOUND = 800_000, 100_000, 32_000  # bits a second


class Playable(NamedTuple):
    """A film that a browser plays.

    Attributes
    ----------
    content : bytes
    kind : str
        ``"video/webm"``, ``"video/mp4"`` or ``"video/ogg"``.
    offset : float
        The time of the film that was measured, in seconds, at which it begins.

    Examples
    --------
    >>> Playable(b"a film", "video/webm").offset
    0.0
    """

    content: bytes
    kind: str
    offset: float = 0.0


def playable(
    source: str | Path | bytes,
    start: float | None = None,
    end: float | None = None,
    *,
    room: float = math.inf,
    shown: bool = False,
) -> Playable:
    """Return a film, or a part of it, as a browser plays it.

    Parameters
    ----------
    source : str, Path or bytes
    start, end : float, optional
        The part that is meant, in seconds. Up to five seconds before it may come along.
    room : float
        The bytes that it may have.
    shown : bool
        Whether to show a progress bar where it is encoded anew.

    Raises
    ------
    CENetError
        If it is no film, the part does not lie in it, or there is no room for it.

    Examples
    --------
    >>> from cenet_lib.video.films import example_film
    >>> playable(example_film("face")).kind
    'video/mp4'
    """
    film = Film(source, start, end)
    with film.opened() as container:
        form = _form_for(container)
        lies_in = next((own for own in _FAMILY if own in container.format.name), None)
        plain = form == lies_in and _is_plain(film, container)
    if form is not None and lies_in is not None:
        if plain and _is_whole(film):
            return Playable(_as_it_is(film, room), f"video/{form}")
        with suppress(_NotToCopy):
            return _copied(film, form, room)
    return Playable(_encoded(film, room, shown), "video/webm", film.start)


def with_duration(content: bytes) -> bytes:
    """Return a browser's recording with its duration, and a table to seek by, in the container.

    A browser writes while it records and cannot know how long it will be. Pictures and sound stay
    as they are; nothing is encoded again.

    Parameters
    ----------
    content : bytes
        A webm (or mp4) as ``MediaRecorder`` makes it.

    Raises
    ------
    CENetError
        If it is no film.

    Examples
    --------
    >>> with_duration(b"")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: the recording: is empty (0 bytes); record it again
    """
    film = Film(content)
    with film.opened() as container:
        form = "webm" if "webm" in container.format.name else "mp4"
    try:
        return _copied(film, form, math.inf).content
    except _NotToCopy as error:
        raise CENetError(f"{film.name}: cannot be copied ({error}); record it again") from None


class _NotToCopy(Exception):
    """The packets of a film do not make one of their own."""


def _form_for(container: Any) -> str | None:
    """Return the container in which browsers play what is in this one, if there is any."""
    pictures, sound = chosen(container, "video"), chosen(container, "audio")
    if pictures.codec_context.pix_fmt not in _EIGHT_BITS:
        return None
    seen = pictures.codec_context.codec.canonical_name
    heard = None if sound is None else sound.codec_context.codec.canonical_name
    forms = (form for form in _PICTURES if seen in _PICTURES[form] and heard in _SOUNDS[form])
    return next(forms, None)


def _is_plain(film: Film, container: Any) -> bool:
    """Tell whether a container says how long it is, and where its pictures lie."""
    if "mp4" in container.format.name:
        fragments = chosen(container, "video").frames == 0  # as Safari records
        return not fragments and not container.metadata.get("major_brand", "").startswith("qt")
    return film.duration is not None


def _is_whole(film: Film) -> bool:
    """Tell whether a film is meant as a whole, and its own time begins at zero."""
    ends = film.end is None or film.duration is None or film.end > film.duration - _ALL
    return film.start < _ALL and ends and abs(film.origin) < 0.05


def _as_it_is(film: Film, room: float) -> bytes:
    if isinstance(film.source, bytes):
        refuse_large(film.name, len(film.source), room)
        return film.source
    refuse_large(film.name, Path(film.source).stat().st_size, room)
    return Path(film.source).read_bytes()


def refuse_large(name: str, size: float, room: float) -> None:
    """Refuse a film for which a page has no room.

    Raises
    ------
    CENetError

    Examples
    --------
    >>> refuse_large("long.mp4", 2e6, room=1e6)
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: long.mp4: has 2.0 MB, and the page has room for 1.0 MB of film; \
cut it to what is said, put in fewer utterances, or leave the film out: the mesh needs none
    """
    if size > room:
        raise CENetError(
            f"{name}: has {size / 1e6:.1f} MB, and the page has room for {room / 1e6:.1f} MB "
            "of film; cut it to what is said, put in fewer utterances, or leave the film out: the "
            "mesh needs none"
        )


# -------------------------------------------------------------------- the same packets


def _copied(film: Film, form: str, room: float) -> Playable:
    """Return the packets of the part that is meant in a container of their own."""
    import av  # optional; `Film` has said so where it is missing

    target = io.BytesIO()
    try:
        with film.opened() as source, av.open(target, "w", format=form) as copy:
            begin = _key_before(film, source)
            streams = {
                stream.index: copy.add_stream_from_template(stream)
                for stream in (chosen(source, "video"), chosen(source, "audio"))
                if stream is not None
            }
            for packet in _packets(film, source, [*streams], begin):
                packet.stream = streams[packet.stream.index]
                copy.mux(packet)
                refuse_large(film.name, target.tell(), room)
    except failures() as error:
        raise _NotToCopy(first_line(error)) from None
    refuse_large(film.name, target.tell(), room)
    return Playable(target.getvalue(), f"video/{form}", begin - film.origin)


def _key_before(film: Film, source: Any) -> float:
    """Go to where a copy begins; return when that is, as the container counts."""
    if film.start < _ALL:
        return film.origin
    pictures = chosen(source, "video")
    meant = film.start + film.origin
    aim = int(meant / pictures.time_base)
    source.seek(aim, stream=pictures)
    key = next((p for p in source.demux(pictures) if p.is_keyframe and p.pts is not None), None)
    begin = math.inf if key is None else float(key.pts * key.time_base)
    if not meant - _RUN_UP <= begin <= meant:
        raise _NotToCopy("no key picture lies shortly before the part")
    source.seek(aim, stream=pictures)
    return begin


def _packets(film: Film, source: Any, streams: list[int], begin: float) -> Iterator[Any]:
    """Yield the packets of a part, with times since its beginning."""
    last = math.inf if film.end is None else film.end + film.origin
    going = set(streams)
    for packet in source.demux([source.streams[index] for index in streams]):
        if not packet.size:  # the last one of each stream is empty
            continue
        if packet.dts is None or packet.pts is None:
            raise _NotToCopy("its packets do not say when they are")
        if packet.dts * packet.time_base >= last:
            going.discard(packet.stream.index)
            if not going:
                return
        # Before a cut lie pictures that need others, and sound that was said to somebody else.
        elif film.start < _ALL or packet.pts * packet.time_base >= begin - 1e-6:
            shift = round(begin / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield packet


# -------------------------------------------------------------------- encoded anew


def _encoded(film: Film, room: float, shown: bool) -> bytes:
    """Return a film in VP8 and Opus."""
    import av  # optional; `Film` has said so where it is missing

    target = io.BytesIO()
    with av.open(target, "w", format="webm") as copy:
        pictures = _pictures_stream(film, copy, room)
        sound = _sound_packets(film, copy) if film.has_sound else []
        for packet in _picture_packets(film, pictures, shown):
            while sound and _begin(sound[0]) <= _begin(packet):
                copy.mux(sound.pop(0))
            copy.mux(packet)
            refuse_large(film.name, target.tell(), room)
        copy.mux(sound)
    refuse_large(film.name, target.tell(), room)
    return target.getvalue()


def _pictures_stream(film: Film, copy: Any, room: float) -> Any:
    """Return a stream for the pictures, of a rate of bits for which there is room."""
    end = film.duration if film.end is None else film.end
    seconds = 60.0 if end is None else max(end - film.start, 1.0)
    rate = min(_MOST, 0.8 * 8 * room / seconds - _OF_SOUND)
    if rate < _LEAST:
        refuse_large(film.name, seconds * (_LEAST + _OF_SOUND) / 8, room)
    stream = copy.add_stream("libvpx", rate=max(1, round(film.rate)))
    stream.bit_rate, stream.pix_fmt = round(rate), "yuv420p"
    stream.options = {"deadline": "realtime", "cpu-used": "6"}
    stream.codec_context.thread_count = 1  # pictures are small: its threads would only wait
    stream.codec_context.time_base = Fraction(1, 1000)
    stream.codec_context.gop_size = max(1, round(film.rate))  # of a second, to be sought in
    return stream


def _picture_packets(film: Film, stream: Any, shown: bool) -> Iterator[Any]:
    import av  # optional; `Film` has said so where it is missing

    width = 0
    for time, rgb in _from_zero(bar(film.pictures(), f"convert {film.name}", shown), film.start):
        if not width:
            width, height = stream.width, stream.height = _small(rgb.shape[1], rgb.shape[0])
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(width, height, "yuv420p")
        frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _from_zero(pictures: Iterable[Picture], start: float) -> Iterator[tuple[float, np.ndarray]]:
    """Yield pictures with times since the part's beginning; the first stands from there on."""
    last = -1.0
    for picture in pictures:
        time = picture.time - start if last >= 0 else 0.0
        if round(1000 * time) > round(1000 * last):
            yield time, picture.rgb
            last = time


def _small(width: int, height: int) -> tuple[int, int]:
    """Return a size with even sides of which none is too long."""
    share = min(1.0, _WIDEST / max(width, height))
    return max(2, 2 * round(width * share / 2)), max(2, 2 * round(height * share / 2))


def _sound_packets(film: Film, copy: Any) -> list[Any]:
    import av  # optional; `Film` has said so where it is missing

    stream = copy.add_stream("libopus", rate=_SOUND_RATE, layout="mono")
    stream.bit_rate = _OF_SOUND
    packets, at = [], 0

    def encode(samples: np.ndarray) -> None:
        nonlocal at
        frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
        frame.sample_rate, frame.pts = _SOUND_RATE, at
        frame.time_base = Fraction(1, _SOUND_RATE)
        at += len(samples)
        packets.extend(stream.encode(frame))

    heard = film.listen(encode, _SOUND_RATE)
    packets.extend(stream.encode(None))
    late = round((heard.start - film.start) / packets[0].time_base) if packets else 0
    for packet in packets:
        packet.pts, packet.dts = packet.pts + late, packet.dts + late
    return packets


def _begin(packet: Any) -> float:
    return float(packet.pts * packet.time_base)
