"""assemble.py CHECKOUT OUT [CLIENT]: makes the folder `qa` of Triton's test container. It has the checkout's `qa`, other files of it
that Dockerfile.QA copies, and the Python examples of a checkout of the client's repository. Compiled parts are left out; the folders of their models are made."""

import os
import re
import shutil
import subprocess
import sys

checkout, out = sys.argv[1:3]
for part in ("qa", "docs/examples", "src/test/models"):
    shutil.copytree(os.path.join(checkout, part), os.path.join(out, part), dirs_exist_ok=True)
with open(os.path.join(checkout, "Dockerfile.QA")) as file:
    text = file.read().replace("\\\n", " ")
steps = [step.strip(" ;") for line in text.split("\n") if line.startswith("RUN ") for step in line[4:].split("&&")]
for step in steps:
    words = step.replace("/workspace/", "").split()
    # Plain copies and folders of this tree alone: no other command, no path out of it.
    if not words or words[0] not in ("mkdir", "cp") or any(re.search(r"\.\.|^/|[$`;*(]", word) for word in words):
        continue
    if words[0] == "mkdir":
        words[1:1] = ["-p"]
    subprocess.run(words, cwd=out, stderr=subprocess.DEVNULL, check=False)
if len(sys.argv) > 3:
    shutil.copytree(os.path.join(sys.argv[3], "src/python/examples"), os.path.join(out, "qa/clients"), dirs_exist_ok=True)
# Scripts that are run by their name must find the interpreter of the container's path.
for name in os.listdir(os.path.join(out, "qa/common")):
    path = os.path.join(out, "qa/common", name)
    if not name.endswith(".py"):
        continue
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(re.sub(r"\A#!/usr/bin/python\S*", "#!/usr/bin/env python3", text))
# Its file is downloaded when the container is built; a server would not start without it.
for suite in ("L0_grpc", "L0_http"):
    shutil.rmtree(os.path.join(out, "qa", suite, "models/densenet_onnx"), ignore_errors=True)
