"""One request at a time, and its JSON; for what is not timed."""

from __future__ import annotations

import http.client
import json

import data

PREFIX = "/api/v1"


def ask(port: int, method: str, path: str, token: str = "", body: dict | None = None):
    """The status and the body of an answer.

    :param path: from the prefix on, or a link that begins with it
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body)
    path = path if path.startswith(PREFIX) else PREFIX + path
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if text else None


def log_in(port: int, user: int) -> str:
    """A new token of a user."""
    body = {"email": data.user(user)["email"], "password": data.PASSWORD}
    status, answer = ask(port, "POST", "/auth/login", body=body)
    assert status == 200, (status, answer)
    return answer["access_token"]
