"""Waitress's listening sockets: whom they let in, and on whom they hang up."""

from __future__ import annotations

import ctypes
import errno
import logging
import socket
import struct
import time
from contextlib import suppress
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer

log = logging.getLogger(__name__)

# How long nobody is let in where there are no more files or no more memory for it, in seconds. Some
# may be given back meanwhile; to try again at once would take all of the processor.
FULL_SECONDS = 1.0
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
# How often that is logged, in seconds.
SAID_SECONDS = 60.0
# Which packets a socket hears, in the words of linux/filter.h: of the flags in a TCP header, its
# 14th byte, look at SYN and ACK; where there is SYN alone, keep nothing of the packet, or else all.
SO_ATTACH_FILTER = 26
NO_SYN = (
    (0x30, 0, 0, 13),
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)


def adopt(listener: Any, request_seconds: float) -> None:
    """Have a listening socket behave so.

    :param request_seconds: how long a client may take to send a request
    """
    listener.full_until = listener.said_until = 0.0
    listener.accept = partial(_accept, listener)
    listener.readable = partial(_is_open, listener)
    listener.maintenance = partial(_hang_up, listener, request_seconds)


def let_nobody_else_connect(listener: Any) -> None:
    """Have the system not hear whoever wants to connect from now on.

    It would let clients in until the socket is closed, and those whom nobody accepts before would
    be cut off, though they may have sent a request. Whoever is not heard asks again a second later,
    and then hears that nobody is there, or finds the next process.
    """
    program = b"".join(struct.pack("HBBI", *each) for each in NO_SYN)
    kept = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HL", len(NO_SYN), ctypes.addressof(kept))
    # Systems other than Linux have no such thing, and some that pretend to be it.
    with suppress(OSError):
        listener.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


def _accept(listener: Any) -> Any:
    try:
        return wasyncore.dispatcher.accept(listener)
    except OSError as error:
        if error.errno not in FULL:
            raise
        now = time.monotonic()
        listener.full_until = now + FULL_SECONDS
        if now >= listener.said_until:
            listener.said_until = now + SAID_SECONDS
            log.warning("nobody else can connect: %s", error.strerror)
        return None


def _is_open(listener: Any) -> bool:
    """Does it wait for connections?"""
    # Asked in any case: that is when it looks after those that are there.
    is_open: bool = BaseWSGIServer.readable(listener)
    return is_open and time.monotonic() >= listener.full_until


def _hang_up(listener: Any, request_seconds: float, now: float) -> None:
    """Close the connections that get nowhere: nothing happens on them, a request does not arrive,
    or an answer is not taken.
    """
    silent, slow = now - listener.adj.channel_timeout, now - request_seconds
    channels = [*listener.active_channels.values()]
    for channel in channels:
        is_silent = channel.last_activity < silent
        # While others are answered, or answers are sent, it is not read on.
        arriving = not (channel.requests or channel.total_outbufs_len) and channel.request
        if arriving and (is_silent or arriving.began < slow):
            channel.give_up()
        elif channel.total_outbufs_len and is_silent:
            channel.will_close = True
    BaseWSGIServer.maintenance(listener, now)
    for channel in channels:
        if channel.will_close:
            channel.handle_close()
