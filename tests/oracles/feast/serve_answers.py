"""The response of `feast serve` about a view of a repository from make_every_type.py, word for word.

Pins: as in make_every_type.py. Run: python tests/oracles/feast/serve_answers.py tests/fixtures/feast/every-0.31-k2 raw raws i64 text moments
"""
import json
import os
import pathlib
import sys
import urllib.request

from servers import feast_server

os.environ["FEAST_USAGE"] = "False"
folder, features = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
body = {"features": [f"values:{f}" for f in features], "entities": {"user_id": [1, -2, 99]}, "full_feature_names": True}
with feast_server(folder) as url:
    request = urllib.request.Request(f"{url}/get-online-features", json.dumps(body).encode(), {"content-type": "application/json"})
    (folder / "served.json").write_text(urllib.request.urlopen(request).read().decode() + "\n")
