"""As much of curl as the README uses, for machines without it."""

import argparse
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("-s", dest="silent", action="store_true")
parser.add_argument("-i", dest="include", action="store_true")
parser.add_argument("-X", dest="method")
parser.add_argument("-H", dest="headers", action="append", default=[])
parser.add_argument("-d", dest="data", action="append")
args = parser.parse_args()

data = None if args.data is None else "&".join(args.data).encode()
headers = dict(header.split(": ", 1) for header in args.headers)
try:
    response = urlopen(Request(args.url, data, headers, method=args.method))  # noqa: S310  (our own)
except HTTPError as error:
    response = error
with response:
    if args.include:
        sys.stdout.write(f"HTTP/1.1 {response.status} {response.reason}\n{response.headers}")
    sys.stdout.write(response.read().decode())
