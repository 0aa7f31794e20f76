"""Frames out of a container's packets, past whatever is damaged in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av


def decoded(
    container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream, on_damage: Callable[[], None]
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Frames of one stream in the order in which they are decoded.

    A packet that cannot be decoded is left out; a container that cannot be read on ends.

    Args:
        container: an open one.
        stream: of it.
        on_damage: told each time something could not be read.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:
            on_damage()
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            on_damage()
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame | av.AudioFrame):
                yield frame
