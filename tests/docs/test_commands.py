"""The documentation on the command line."""

import json

from widget_service import cli
from widget_service.testing import ini_text


def test_it_prints_the_document_that_is_served(client, tmp_path, capsys):
    file = tmp_path / "test.ini"
    file.write_text(ini_text(f"sqlite:///{tmp_path / 'test.sqlite'}"), encoding="utf-8")
    assert cli.main(["-c", str(file), "print-swagger"]) == 0
    assert json.loads(capsys.readouterr().out) == client.get("/api/v1/swagger.json").json
