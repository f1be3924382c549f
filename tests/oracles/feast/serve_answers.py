"""What `feast serve` answers about a view of a repository that make_every_type.py wrote, word for word.

Pins: as in make_every_type.py. Run: python tests/oracles/feast/serve_answers.py tests/fixtures/feast/every-0.31-k2 raw raws i64 text moments
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

os.environ["FEAST_USAGE"] = "False"
folder, features = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
server = subprocess.Popen([str(pathlib.Path(sys.executable).parent / "feast"), "serve", "-h", "127.0.0.1", "-p", str(port)], cwd=folder)
try:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
            break
        except urllib.error.URLError:
            time.sleep(0.2)
    body = {"features": [f"values:{f}" for f in features], "entities": {"user_id": [1, -2, 99]}, "full_feature_names": True}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/get-online-features", json.dumps(body).encode(), {"content-type": "application/json"})
    (folder / "served.json").write_text(urllib.request.urlopen(request).read().decode() + "\n")
finally:
    server.terminate()
    server.wait()
