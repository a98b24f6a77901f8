"""Ask advisory services about the packages in the folder of the first argument; judge the answer.

The second argument is where the answer is kept. Ends with 1 where a package has a known hole, and
with 78, never with 0, where it could not be asked about every one of them.
"""

import json
import subprocess
import sys
from pathlib import Path

UNREACHABLE = 78
OURS = {"widget-service", "widget_service"}
SERVICES = ("pypi", "osv")


def ask(service, folder):
    """What pip-audit found; no packages at all where it could not even ask."""
    command = ["pip-audit", "--path", folder, "-s", service, "--timeout", "10", "-f", "json"]
    command[0] = str(Path(sys.executable).with_name(command[0]))
    asked = subprocess.run(  # noqa: S603  (the command is written here)
        command, capture_output=True, text=True, check=False
    )
    print(f"{service}: {asked.stderr.strip().splitlines()[-1:] or 'asked'}")
    return json.loads(asked.stdout)["dependencies"] if asked.stdout.strip() else []


def judge(packages):
    """The status to end with, after a line for each thing that somebody should know."""
    theirs = [each for each in packages if each["name"] not in OURS]
    holes = [(each["name"], hole) for each in theirs for hole in each.get("vulns", ())]
    skipped = [each["name"] for each in theirs if "skip_reason" in each]
    for name, hole in holes:
        print(f"HOLE {name}: {hole['id']}, fixed in {', '.join(hole['fix_versions']) or 'none'}")
    print(f"{len(theirs) - len(skipped)} packages audited, {len(holes)} holes")
    if holes:
        return 1
    if skipped or not theirs:
        print(f"NOT AUDITED, nobody could be asked about: {', '.join(skipped) or 'anything'}")
        return UNREACHABLE
    return 0


def main(folder, kept):
    """Ask one service after another until one knows all packages."""
    for service in SERVICES:
        packages = ask(service, folder)
        Path(kept).write_text(json.dumps(packages, indent=1), encoding="utf-8")
        status = judge(packages)
        if status != UNREACHABLE:
            break
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
