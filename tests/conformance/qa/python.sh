#!/usr/bin/env bash
# Stands before Python in a suite's PATH: output of a test file is kept as well, one file a run, so that its result can be counted.
case "$*" in
  *.py* | *pytest* | *unittest*) ;;
  *) exec "$QA_PYTHON" "$@" ;;
esac
log=$(mktemp "$QA_RESULTS/$(date +%H%M%S.%N)-XXXX")
echo "\$ $*" >"$log"
timeout "${QA_TEST_SECONDS:-600}" "$QA_PYTHON" "$@" 2>&1 | tee -a "$log"
code=${PIPESTATUS[0]}
echo "exit $code" >>"$log"
exit "$code"
