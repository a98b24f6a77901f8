"""What is left of a body where a request is answered that nobody read to its end.

Waitress takes a body in before it asks the application. Some of the servers that hand it over as it
comes close the connection where something is left of it, though their answer does not say so, and
the client's next request may fail.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

# Up to which size of a body it is worth taking in what nobody wants, in bytes, if the largest that
# is read is not larger. To connect again takes less than to send more.
WORTH = 2**20
PIECE = 65536


def arriving(environ: dict[str, Any]) -> Any:
    """The stream that a body comes from; None where there is no body, or the server has all of it.

    To be asked for first: whoever reads a body may put it in the place of the stream.
    """
    if not (environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ):
        return None
    stream = environ["wsgi.input"]
    # Of one that does not end with the body nobody may read too much.
    is_arriving = environ.get("wsgi.input_terminated") and not hasattr(stream, "seek")
    return stream if is_arriving else None


def drop(stream: Any, largest: int) -> None:
    """Take in what is left.

    :param largest: the largest body that is read, in bytes
    """
    left = max(WORTH, 2 * largest)
    # Each server has errors of its own for what it cannot read, which is its own affair now.
    with suppress(Exception):
        while left > 0 and (piece := stream.read(PIECE)):
            left -= len(piece)
