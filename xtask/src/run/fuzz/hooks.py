"""How schemathesis asks: mostly as somebody who is logged in, each time from an address of its own, and what it noted.

The file that PROOFLINE_FUZZ_PLAN names says who asks and where the notes go; only its owner can read it.
"""

import atexit
import itertools
import json
import os

import schemathesis

with open(os.environ["PROOFLINE_FUZZ_PLAN"], encoding="utf-8") as file:
    PLAN = json.load(file)

COUNTER = itertools.count(1)
NOTES = {}


def note(case):
    return NOTES.setdefault(case.operation.label, {"requests": 0, "statuses": {}})


# A part of an upload (tus 1.0.0).
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(COUNTER)
    note(case)["requests"] += 1
    if PLAN["address"]:
        # A range that is set aside for benchmarks (RFC 2544).
        case.headers[PLAN["address"]] = f"198.18.{number // 250 % 250}.{number % 250 + 1}"
    if case.method == "POST":
        # With it, an upload is only begun (tus 1.0.0), and a document has no words for an answer that then has no body.
        case.headers.pop("Tus-Resumable", None)
    # Whoever ends an account ends one that nobody else asks with.
    *members, leaver = PLAN["people"] or [None]
    who = leaver if case.operation.label == PLAN["ending"] else members and members[number % len(members)]
    if who and number % 5:
        case.headers[who["header"]] = who["value"]


@schemathesis.hook
def after_call(context, case, response):
    # It tries methods that are not declared, too.
    if case.method.upper() != case.operation.method.upper():
        return
    statuses = note(case)["statuses"]
    status = str(response.status_code)
    statuses[status] = statuses.get(status, 0) + 1


@atexit.register
def write():
    with open(PLAN["notes"], "w", encoding="utf-8") as file:
        json.dump(NOTES, file)
