"""Encodes header blocks with `hpack` and frames with `hyperframe`, and keeps what a whole client of `h2` sends.

    pip install -r tests/oracles/http2/requirements.txt
    python tests/oracles/http2/generate.py tests/fixtures/http2
"""
import json
import random
import sys
from pathlib import Path

import h2.connection
import h2.settings
import hyperframe.frame as frames
from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
chance = random.Random(1)
STATIC = [(name.decode(), value.decode()) for name, value in HeaderTable.STATIC_TABLE]
NAMES = [name for name, _ in STATIC] + ["grpc-timeout", "x-request-id", "traceparent", "a", "x" * 300]


def text() -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-" if chance.random() < 0.7 else "".join(map(chr, range(1, 256)))
    return "".join(chance.choice(letters) for _ in range(chance.choice([0, 1, 5, 20, 127, 128, 300])))


def connection() -> list[dict]:
    """The blocks of one connection: repeated, new, never indexed and large fields, and tables that change their size."""
    encoder = Encoder()
    known = [(chance.choice(NAMES), text()) for _ in range(12)]
    blocks = []
    for _ in range(16):
        if chance.random() < 0.15:
            encoder.header_table_size = chance.choice([0, 64, 500, 4096])
        fields = []
        for _ in range(chance.randint(0, 9)):
            kind = chance.random()
            name, value = (
                chance.choice(known) if kind < 0.6 else chance.choice(STATIC) if kind < 0.8 else (chance.choice(NAMES), text())
            )
            kept = NeverIndexedHeaderTuple if kind > 0.95 else HeaderTuple
            fields.append(kept(name.encode("latin-1"), value.encode("latin-1")))
        block = encoder.encode(fields, huffman=chance.random() < 0.7)
        blocks.append(
            {"hex": block.hex(), "fields": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in fields]}
        )
    return blocks


huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
texts = [bytes([byte]) for byte in range(256)] + [bytes(chance.randbytes(n)) for n in (0, 2, 3, 50, 200)]
(out / "hpack.json").write_text(
    json.dumps(
        {
            "static": STATIC,
            "huffman": [[one.hex(), huffman.encode(one).hex()] for one in texts],
            "connections": [connection() for _ in range(6)],
        },
        indent=None,
    )
    + "\n"
)

settings = frames.SettingsFrame(0, settings={1: 4096, 2: 0, 4: 65535, 5: 16384})
padded = frames.DataFrame(5, b"padded", pad_length=7, flags=["PADDED", "END_STREAM"])
headers = frames.HeadersFrame(7, b"\x82\x86", flags=["END_HEADERS", "PRIORITY", "PADDED"], pad_length=3, depends_on=3)
unknown = frames.ExtensionFrame(type=0x42, stream_id=0, flag_byte=3, body=b"unknown")
unknown.body_len = 7
written = [
    settings,
    frames.SettingsFrame(0, flags=["ACK"]),
    frames.DataFrame(1, bytes(range(256)) * 64),
    padded,
    headers,
    frames.ContinuationFrame(7, b"\x84", flags=["END_HEADERS"]),
    frames.PriorityFrame(9, depends_on=1, stream_weight=16, exclusive=True),
    frames.RstStreamFrame(2**31 - 1, error_code=8),
    frames.PingFrame(0, b"12345678"),
    frames.PingFrame(0, b"87654321", flags=["ACK"]),
    frames.GoAwayFrame(0, last_stream_id=77, error_code=11, additional_data=b"calm"),
    frames.WindowUpdateFrame(3, window_increment=2**31 - 1),
    unknown,
]


def row(one) -> dict:
    whole = one.serialize()
    return {"hex": whole.hex(), "type": one.type, "flags": whole[4], "stream": one.stream_id, "payload": whole[9:].hex()}


client = h2.connection.H2Connection()
client.initiate_connection()
client.local_settings = h2.settings.Settings(client=True)
CALL = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/echo"),
    (":authority", "oracle"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]
for stream in (1, 3):
    client.send_headers(stream, CALL)
    client.send_data(stream, b"first ", pad_length=5)
    client.send_data(stream, f"of {stream}".encode(), end_stream=stream == 1)
client.send_headers(3, [("x-trailer", "last")], end_stream=True)
(out / "frames.json").write_text(
    json.dumps({"frames": [row(one) for one in written], "client": client.data_to_send().hex()}) + "\n"
)
