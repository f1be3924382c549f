"""Event times as Feast's stores keep them, of Python's datetime and protobuf.

Reads a JSON list of [seconds since 1970, microseconds, offset of the zone in minutes or null] from stdin. Writes for each the texts that Python's sqlite3 and
`str` make of the time, and its serialized `google.protobuf.Timestamp` in hexadecimal.
"""

import json
import sys
from datetime import datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def forms(seconds, micros, minutes):
    at = EPOCH + timedelta(seconds=seconds, microseconds=micros)
    if minutes is None:
        local = at.replace(tzinfo=None)
    else:
        local = at.astimezone(timezone(timedelta(minutes=minutes)))
    texts = [local.isoformat(" "), local.isoformat()]
    if minutes is not None:
        texts.append(local.strftime("%Y-%m-%d %H:%M:%S%z"))
    if minutes == 0:
        texts.append(at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    stamp = Timestamp()
    stamp.FromMicroseconds(seconds * 10**6 + micros)
    return {"texts": texts, "timestamp": stamp.SerializeToString().hex()}


json.dump([forms(*one) for one in json.load(sys.stdin)], sys.stdout)
