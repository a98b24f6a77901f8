"""Ask a new server, on the port of the first argument, for what matters; fail if any is amiss."""

import json
import sys
from urllib.parse import urlencode
from urllib.request import Request, urlopen

API = f"http://localhost:{sys.argv[1]}/api/v1"
ACCOUNT = {"email": "ci@example.com", "password": "123456"}


def ask(path, fields=None, token=None):
    """The body of the answer, as text; any status but 2xx is an exception."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = urlencode(fields).encode() if fields else None
    with urlopen(Request(API + path, data, headers)) as response:  # noqa: S310  (it is ours)
        return response.read().decode()


def main():
    """Each line is one thing that must work."""
    assert "name" in json.loads(ask("/"))
    assert json.loads(ask("/swagger.json"))["swagger"] == "2.0"
    assert json.loads(ask("/openapi.json"))["openapi"].startswith("3.1")
    assert ask("/ui").lower().startswith("<!doctype html>")
    assert json.loads(ask("/auth/register", ACCOUNT))["status"] == "success"
    token = json.loads(ask("/auth/login", ACCOUNT))["access_token"]
    assert json.loads(ask("/auth/user", token=token))["email"] == ACCOUNT["email"]
    assert json.loads(ask("/widgets", token=token))["total_items"] == 0
    print(f"{API} answers as it should")


main()
