"""How schemathesis logs in: each request has a token of its own, as some make theirs worthless."""

import json
import os
from urllib.parse import urlencode
from urllib.request import urlopen

import schemathesis

LOGIN = os.environ["API"] + "/auth/login"
ACCOUNT = {"email": os.environ["EMAIL"], "password": os.environ["PASSWORD"]}


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """A new token of the account."""

    def get(self, _case, _context):
        """The token."""
        with urlopen(LOGIN, urlencode(ACCOUNT).encode()) as answer:  # noqa: S310  (it is ours)
            return json.loads(answer.read())["access_token"]

    def set(self, case, token, _context):
        """Send it (RFC 6750, 2.1)."""
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
