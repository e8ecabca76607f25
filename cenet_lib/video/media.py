"""Films: their pictures, each with its own time, and their sound, as a player would show them.

FFmpeg decodes, through the library ``av``, so any of the usual containers and codecs will do. What
this module adds is what a measurement needs beside that:

- *Times* are seconds since the film's beginning, as a player shows them. Each picture has its own:
  films from a browser or a telephone have uneven ones. A container may begin at any time, which is
  subtracted; sound before zero, which encoders put there to start up, is left out.
- *Pictures* are as displayed: turned as the container says, and with square pixels.
- *Sound* is mono, and gaps in it are silence, so that sample i belongs to start + i / rate.
- *Nothing is held as a whole*: pictures come one after another, and a part is sought, not read up
  to.
- *A stranger's file stays by itself*: only containers that hold what they play are opened, never a
  list that names other files or addresses.
"""

import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import CENetError, first_line
from ..files import refuse_special
from .libraries import missing_library
from .sound import Heard, Sound, Track

SOUND_RATE = 16_000  # samples per second

# Not among them: lists (hls, dash, concat, sdp), which make FFmpeg open other files or addresses,
# and texts, which it would draw.
CONTAINERS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpeg", "mpegts"),
    *("mpegvideo", "m4v", "h264", "hevc", "obu", "ivf", "flv", "asf", "ogg", "nut", "mxf", "dv"),
    *("rm", "wtv", "swf", "gif", "apng", "yuv4mpegpipe", "wav", "w64", "aiff", "caf", "mp3"),
    *("aac", "ac3", "eac3", "flac", "amr", "nsv"),
)
_RUN_UP = 2.0  # seconds before a part from which a decoder is started
_FROM_ZERO = ("matroska", "nut", "asf")  # whose durations count from zero, not from the beginning
_MISSING = 0.5  # seconds at the film's end that may be missing before somebody is told
_MEND = "play it to the end in a video player, then copy, export or record it again"


class Picture(NamedTuple):
    """One picture of a film.

    Attributes
    ----------
    time : float
        Seconds since the film's beginning.
    rgb : (height, width, 3) uint8
        The picture as displayed.

    Examples
    --------
    >>> Picture(0.04, np.zeros((288, 360, 3), np.uint8)).time
    0.04
    """

    time: float
    rgb: np.ndarray


class Film:
    """A film, or the part of one between two times.

    Parameters
    ----------
    source : str, Path, bytes or a recorder's clip
        The film's file, or its content: a recording that never lay on a disk.
    start, end : float, optional
        The part that is meant, in seconds since the film's beginning; by default all of it. A
        picture belongs to it if ``start <= time < end``.

    Attributes
    ----------
    name : str
        How errors call it.
    start : float
    end : float or None
    duration : float or None
        Seconds; None where the container does not say, as those from a browser.
    origin : float
        The time, as the container counts, at which the film begins.
    rate : float
        Pictures per second, on average, as the container says.
    has_sound : bool
    sound_rate : int
        Samples per second, as it was recorded.
    n_damaged : int
        The packets and pictures of the part that could not be decoded, of all that was read so far.

    Raises
    ------
    CENetError
        If there is no such file, it is no film or holds no moving pictures, or the part does not
        lie in it; or if the library ``av`` is missing.

    Examples
    --------
    >>> Film("no/such/film.mp4")
    Traceback (most recent call last):
    cenet_lib.errors.CENetError: no/such/film.mp4: there is no such file
    """

    def __init__(
        self, source: str | Path | bytes, start: float | None = None, end: float | None = None
    ):
        self.source = source = _path_or_content(source)
        self.name = "the recording" if isinstance(source, bytes) else str(source)
        _refuse_no_file(source, self.name)
        self.n_damaged = 0
        self._reached: dict[str, float] = {}  # where each stream that was read ended
        with self.opened() as container:
            self._read_header(container)
        self.start, self.end = self._checked_part(start, end)

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures in the order of their times; none is kept.

        Raises
        ------
        CENetError
            If there are fewer than two, or their times run backwards.
        """
        show, last, count = _Show(), -math.inf, 0
        for time, frame, stream in self._part("video"):
            if last - time > 1:
                raise CENetError(
                    f"{self.name}: its times run backwards, from {last:.2f} s to {time:.2f} s; "
                    "export it anew with a video editor"
                )
            if time > last:
                yield Picture(time, show(frame, stream))
                last, count = time, count + 1
        self._check_number(count)
        self._reached["video"] = last

    def sound(self, rate: int = SOUND_RATE) -> Sound:
        """Return the sound, resampled.

        Parameters
        ----------
        rate : int
            Samples per second.

        Raises
        ------
        CENetError
            If there is none.
        """
        samples = bytearray()  # which grows without a second copy
        heard = self.listen(lambda some: samples.extend(some.tobytes()), rate)
        return Sound(np.frombuffer(samples, np.float32), rate, heard.start, heard.clipped)

    def listen(self, hear: Callable[[np.ndarray], None], rate: int = SOUND_RATE) -> Heard:
        """Hand on the sound, resampled, piece by piece; none is kept.

        Parameters
        ----------
        hear : callable
            It is given the samples, (n,) float32, in their order.
        rate : int
            Samples per second.

        Raises
        ------
        CENetError
            If there is none.
        """
        self.require_sound()
        track = Track(rate, self.name, hear, self.start, self.end)
        for time, frame, _ in self._part("audio"):
            track.add(time, frame)
        heard = track.finish()
        if heard.end <= heard.start:
            raise CENetError(f"{self.name}: its sound holds nothing{self._told_part()}")
        self._reached["audio"] = heard.end
        return heard

    def require_sound(self) -> None:
        """Refuse a film without sound.

        Raises
        ------
        CENetError
        """
        if not self.has_sound:
            raise CENetError(
                f"{self.name}: has no sound; record it with a microphone, or choose another film"
            )

    def require_whole(self) -> None:
        """Refuse a film that ended before the time that its container promises.

        Call it when its pictures and its sound were read.

        Raises
        ------
        CENetError
            If it was cut off, as by a copy that was interrupted.
        """
        most = max(self._reached.values(), default=math.inf)
        for kind, reached in self._reached.items():
            own = self._promised[kind]
            promised = min(own or math.inf, self.duration or math.inf, self.end or math.inf)
            # where only the film as a whole has a duration, either stream may end early
            if promised < math.inf and (reached if own else most) < promised - _MISSING:
                raise CENetError(
                    f"{self.name}: ends at {reached:.2f} s, but promises {promised:.2f} s; it was "
                    f"cut off or is damaged; {_MEND}"
                )

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Open the container, for those who want its packets; it is closed again."""
        try:
            import av  # optional: only those who read films have it
        except ImportError as error:
            raise missing_library(error) from None
        file = io.BytesIO(self.source) if isinstance(self.source, bytes) else f"file:{self.source}"
        options = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}
        try:
            container = av.open(file, container_options=options, metadata_errors="replace")
        except failures() as error:
            raise CENetError(
                f"{self.name}: cannot be opened as a film ({_reason(error)}); it is none, or was "
                f"cut off or damaged; {_MEND}"
            ) from None
        with container:
            yield container

    def _read_header(self, container: Any) -> None:
        pictures, sound = chosen(container, "video"), chosen(container, "audio")
        if pictures is None:
            what = "sound" if sound is not None else "no stream that can be played"
            raise CENetError(f"{self.name}: is no film: it holds {what} and no moving pictures")
        self.has_sound = sound is not None
        self.sound_rate: int = sound.rate if sound is not None else 0
        self.rate = float(pictures.average_rate or pictures.guessed_rate or 25)
        self.origin = _origin(pictures, sound)
        self.duration = _duration(container, self.origin)
        self._promised = {"video": self._end_of(pictures), "audio": self._end_of(sound)}

    def _end_of(self, stream: Any) -> float | None:
        """Return when a stream ends, if the container says so."""
        if stream is None or not stream.duration:
            return None
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - self.origin

    def _checked_part(self, start: object, end: object) -> tuple[float, float | None]:
        begin = 0.0 if start is None else _as_seconds(start, "start", self.name)
        last = None if end is None else _as_seconds(end, "end", self.name)
        if last is not None and last <= begin:
            raise CENetError(
                f"{self.name}: the part from {begin:g} s to {last:g} s is empty; its end must be "
                "later than its start"
            )
        most = max(begin, last or 0.0)
        if self.duration is not None and most > self.duration + _MISSING:
            raise CENetError(
                f"{self.name}: a part that reaches {most:g} s does not lie in this film, which "
                f"lasts {self.duration:.2f} s; mend its start and end"
            )
        return begin, last

    def _part(self, kind: str) -> Iterator[tuple[float, Any, Any]]:
        """Yield what belongs to the part, decoded, with its time and its stream."""
        for time, frame, stream in self._from_before(kind):
            if self.end is not None and time >= self.end:
                return
            # a piece of sound may begin before the part and reach into it
            if time >= self.start or (kind == "audio" and time > self.start - _RUN_UP):
                yield time, frame, stream

    def _from_before(self, kind: str) -> Iterator[tuple[float, Any, Any]]:
        """Yield what is decoded, from somewhere before the part; from the beginning if need be."""
        if self.start > _RUN_UP:
            with self.opened() as container:
                stream = chosen(container, kind)
                target = self.start - _RUN_UP + self.origin
                container.seek(int(target / stream.time_base), stream=stream)
                found = self._decoded(container, stream, None)
                first = next(found, None)
                if first is not None and first[0] <= self.start:
                    yield first
                    yield from found
                    return
        with self.opened() as container:
            yield from self._decoded(container, chosen(container, kind), 0.0)

    def _decoded(
        self, container: Any, stream: Any, expected: float | None
    ) -> Iterator[tuple[float, Any, Any]]:
        """Yield what a stream holds; ``expected`` is the time of what does not say its own."""
        stream.codec_context.thread_count = 1  # several films at a time are quicker than threads
        for frame in self._frames(container, stream):
            if frame is None:  # after a leap, the first packets may need others before them
                self.n_damaged += expected is not None and expected >= self.start
                continue
            time = expected if frame.pts is None else frame.time - self.origin
            if time is None:
                return
            expected = time + _length(frame, stream)
            if frame.is_corrupt:
                self.n_damaged += expected > self.start
            elif expected > 0:
                yield time, frame, stream

    def _frames(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield what is in each packet, and ``None`` for one that cannot be decoded."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
            except failures() as error:
                raise CENetError(
                    f"{self.name}: cannot be read to the end ({_reason(error)}); {_MEND}"
                ) from None
            try:
                yield from packet.decode()
            except failures():  # what is missing leaves a gap in the times
                yield None

    def _check_number(self, count: int) -> None:
        if count < 2:
            holds = "no picture" if count == 0 else "one picture alone"
            raise CENetError(
                f"{self.name}: holds {holds}{self._told_part()}; a film has several, so choose "
                "another one, or a longer part of it"
            )

    def _told_part(self) -> str:
        if self.start == 0 and self.end is None:
            return ""
        return f" from {self.start:g} s to {'its end' if self.end is None else f'{self.end:g} s'}"


class _Show:
    """Turns decoded pictures into those that a player displays."""

    def __init__(self) -> None:
        import av  # optional; `Film` has said so where it is missing

        self._scaler = av.video.reformatter.VideoReformatter()

    def __call__(self, frame: Any, stream: Any) -> np.ndarray:
        width, height = _square(frame.width, frame.height, stream.sample_aspect_ratio)
        rgb = self._scaler.reformat(frame, width, height, "rgb24", threads=1).to_ndarray()
        return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90) % 4))  # (h, w, 3)


def failures() -> tuple[type[Exception], ...]:
    """Return the exceptions in which a film's faults come.

    Examples
    --------
    >>> ValueError in failures()
    True
    """
    import av  # optional; `Film` has said so where it is missing

    return (av.FFmpegError, OSError, ValueError)


def _path_or_content(source: Any) -> str | Path | bytes:
    """Return where a film lies or what it holds, also of a recorder's clip."""
    content = getattr(source, "data", source)
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    if isinstance(source, str | os.PathLike):
        return source if isinstance(source, str) else Path(source)
    raise CENetError(
        f"a film cannot be {type(source).__name__}; give a path, bytes, or a recorder's clip"
    )


def _refuse_no_file(source: str | Path | bytes, name: str) -> None:
    if isinstance(source, bytes):
        size = len(source)
    else:
        refuse_special(source)
        path = Path(source)
        if path.is_dir():
            raise CENetError(f"{name}: is a folder; give the path of a film")
        if not path.is_file():
            raise CENetError(f"{name}: there is no such file")
        size = path.stat().st_size
    mend = "record it again" if isinstance(source, bytes) else "copy or record it again"
    if size == 0:
        raise CENetError(f"{name}: is empty (0 bytes); {mend}")
    head = source[:8] if isinstance(source, bytes) else _first_bytes(path)
    promised = 8 + int.from_bytes(head[4:], "little")
    if head[:4] == b"RIFF" and size < promised:  # of AVI, FFmpeg plays what is there and is silent
        raise CENetError(f"{name}: was cut off: it has {size:,} of {promised:,} bytes; {mend}")


def _first_bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(8)
    except OSError as error:
        raise CENetError(f"{path}: cannot be read ({error.strerror})") from None


def chosen(container: Any, kind: str) -> Any:
    """Return the first stream of a kind that can be decoded and is no cover, or None.

    Examples
    --------
    >>> from cenet_lib.video.films import example_film
    >>> with Film(example_film("face")).opened() as container:
    ...     chosen(container, "video").codec_context.name, chosen(container, "subtitles")
    ('h264', None)
    """
    import av  # optional; `Film` has said so where it is missing

    still = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    for stream in getattr(container.streams, kind):
        if stream.codec_context is not None and not stream.disposition & still:
            return stream
    return None


def _origin(pictures: Any, sound: Any) -> float:
    """Return the time, as the container counts, at which the film begins."""
    begins = [
        float(stream.start_time * stream.time_base)
        for stream in (pictures, sound)
        if stream is not None and stream.start_time is not None
    ]
    first = min(begins, default=0.0)
    # Sound before zero is an encoder starting up. Pictures before zero are shown.
    if first < 0 and pictures.start_time is not None:
        return min(0.0, float(pictures.start_time * pictures.time_base))
    return first


def _duration(container: Any, origin: float) -> float | None:
    """Return how long a film is, if the container says so."""
    late = any(name in container.format.name for name in _FROM_ZERO)
    seconds = (container.duration or 0) / 1e6 - max(0.0, origin) * late
    return float(seconds) if seconds > 0 else None


def _length(frame: Any, stream: Any) -> float:
    """Return how long a picture, or a piece of sound, lasts."""
    if stream.type == "audio":
        return float(frame.samples / frame.sample_rate)
    return float(1 / (stream.average_rate or stream.guessed_rate or 25))


def _square(width: int, height: int, aspect: Any) -> tuple[int, int]:
    """Return the size of a picture whose pixels are to be square; no side gets shorter."""
    if not aspect or not 0.1 < aspect < 10:  # none, or nonsense
        return width, height
    if aspect >= 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def _as_seconds(value: object, what: str, name: str) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise CENetError(
            f"{name}: its {what} is {value!r}; give seconds since the film's beginning"
        )
    return seconds


def _reason(error: Exception) -> str:
    """Return what FFmpeg says, without its number and the path that the message begins with."""
    return str(getattr(error, "strerror", None) or first_line(error))
