"""Print, as constraints for pip, the oldest releases that the installed metadata allows."""

import re
from importlib.metadata import requires

FLOOR = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?.*?(>=|~=)(?P<floor>[\w.]+)")

for requirement in requires("widget_service"):
    found = FLOOR.match(requirement)
    print(f"{found['name']}=={found['floor']}")
