"""Qdrant's REST interface over the local mode of its own client. Bodies are parsed by the client's messages, which are generated from Qdrant's
OpenAPI document and refuse unknown fields. Usage: FOLDER PORT [KEY]"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

from pydantic import TypeAdapter, ValidationError
from qdrant_client.http import models
from qdrant_client.local.qdrant_local import QdrantLocal

FOLDER, PORT, KEY = sys.argv[1], int(sys.argv[2]), (sys.argv[3:] or [None])[0]
local = QdrantLocal(FOLDER, force_disable_check_same_thread=True)
# Local mode has no indexes of payloads. As the collections, they outlive this process.
INDEXES = Path(FOLDER, "indexes-of-payloads.json")
indexes: dict[str, dict[str, str]] = json.loads(INDEXES.read_text()) if INDEXES.exists() else {}
lock = threading.Lock()


def plain(value):
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def real(name: str) -> str:
    return local.aliases.get(name, name)


def keep(made: dict[str, dict[str, str]]):
    global indexes
    indexes = made
    INDEXES.write_text(json.dumps(indexes))


def respond(method: str, parts: list[str], body: bytes):
    def read(model):
        return TypeAdapter(model).validate_json(body)

    match (method, parts):
        case ("GET", ["aliases"]):
            return plain(local.get_aliases())
        case ("POST", ["collections", "aliases"]):
            return local.update_collection_aliases(read(models.ChangeAliasesOperation).actions)
        case ("GET", ["collections", name]):
            info = plain(local.get_collection(name))
            known = indexes.get(real(name), {})
            info["payload_schema"] = {field: {"data_type": kind, "points": 0} for field, kind in known.items()}
            return info
        case ("PUT", ["collections", name]):
            return local.create_collection(name, vectors_config=read(models.CreateCollection).vectors)
        case ("DELETE", ["collections", name]):
            keep({other: fields for other, fields in indexes.items() if other != name})
            return local.delete_collection(name)
        case ("PUT", ["collections", name, "index"]):
            local.get_collection(name)
            made = read(models.CreateFieldIndex)
            kind = models.PayloadSchemaType(made.field_schema).value
            keep({**indexes, real(name): {**indexes.get(real(name), {}), made.field_name: kind}})
            return {"operation_id": 1, "status": "completed"}
        case ("PUT", ["collections", name, "points"]):
            return plain(local.upsert(name, read(models.PointInsertOperations).points))
        case ("POST", ["collections", name, "points", "count"]):
            asked = read(models.CountRequest)
            return plain(local.count(name, count_filter=asked.filter))
        case ("POST", ["collections", name, "points", "query", "batch"]):
            found = local.query_batch_points(name, requests=read(models.QueryRequestBatch).searches)
            return [plain(response) for response in found]
        case _:
            raise NotImplementedError(f"{method} {'/'.join(parts)}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status: int, document) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle_call(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urlparse(self.path)
        if KEY is not None and self.headers.get("api-key") != KEY:
            return self.answer(401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}})
        if url.path == "/":
            return self.answer(200, {"title": "qdrant - vector search engine", "version": "1.20.0-local"})
        if self.command == "PUT" and url.path.rsplit("/", 1)[-1] in ("points", "index"):
            assert parse_qs(url.query) == {"wait": ["true"]}, url.query
        try:
            with lock:
                result = respond(self.command, [unquote(part) for part in url.path[1:].split("/")], body)
            self.answer(200, {"result": result, "status": "ok", "time": 0.0})
        except ValidationError as error:
            self.answer(400, {"status": {"error": f"Format error in JSON body: {error}"}})
        except NotImplementedError as error:
            self.answer(405, {"status": {"error": str(error)}})
        except ValueError as error:
            self.answer(404 if "not found" in str(error) else 400, {"status": {"error": str(error)}})

    do_GET = do_PUT = do_POST = do_DELETE = handle_call


server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
print("ready", flush=True)
server.serve_forever()
