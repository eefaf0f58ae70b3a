"""Lets schemathesis come as many clients, each within its limits, and as somebody who is logged in.

The suite gives the token in TOKEN. Every request has a client address of its own, from the range that is set aside
for benchmarks (RFC 2544), as the environment under test trusts the forwarding header of this machine.
"""

import itertools
import os

import schemathesis

COUNTER = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(COUNTER)
    case.headers["X-Forwarded-For"] = f"198.18.{number // 250 % 250}.{number % 250 + 1}"
    if "Authorization" not in case.headers and number % 5:
        case.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
