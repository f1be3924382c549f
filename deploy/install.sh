#!/bin/sh
# What the Dockerfile does, as a script that runs anywhere: install.sh SOURCE PREFIX
# Packs the project in SOURCE and installs the package, with what it needs at run time, into PREFIX; PREFIX/bin has merlon and tritonserver.
# MERLON_TARBALL=FILE installs that package instead of packing SOURCE; MERLON_FAISS=none leaves the binding of FAISS out.
set -eu
source=$1
prefix=$2
tarball=${MERLON_TARBALL:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$tarball" ]; then
  cd "$source"
  npm ci --ignore-scripts --no-audit --no-fund
  npm run build
  npm pack --silent --pack-destination "$work"
  tarball=$(ls "$work"/merlon-*.tgz)
fi
mkdir -p "$prefix"
cd "$prefix"
printf '{ "name": "merlon-server", "private": true }\n' > package.json
npm install --ignore-scripts --omit=dev --no-audit --no-fund "$tarball"
# Optional packages are added by name: SQLite's and Redis's for models that read a Feast store, FAISS for those that search an index. DuckDB, for
# `fit` and `transform`, has no place in a server.
node node_modules/merlon/scripts/add-native.mjs onnxruntime-node better-sqlite3 ioredis
[ "${MERLON_FAISS:-}" = none ] || node node_modules/merlon/scripts/add-native.mjs faiss-node
# ONNX Runtime brings binaries for other systems along.
find node_modules/onnxruntime-node/bin -mindepth 2 -maxdepth 2 -type d ! -name "$(node -p process.platform)" -exec rm -rf {} +
mkdir -p bin
ln -sf ../node_modules/.bin/merlon ../node_modules/.bin/tritonserver bin/
# One start without models: what V8 makes of the code stays beside it, for servers of an account that can't write there.
models=$work/models
log=$work/log
: > "$log"
mkdir "$models"
bin/tritonserver --model-repository="$models" --http-port=0 --grpc-port=0 --metrics-port=0 \
  --http-address=127.0.0.1 --grpc-address=127.0.0.1 --metrics-address=127.0.0.1 > "$log" 2>&1 &
server=$!
for _ in $(seq 100); do
  grep -q 'Started HTTPService' "$log" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
kill -TERM "$server" 2>/dev/null || true
if ! wait "$server"; then
  cat "$log" >&2
  echo "install.sh: the installed server does not start; its log is above" >&2
  exit 1
fi
