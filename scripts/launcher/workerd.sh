#!/bin/sh
# Runs the Workers runtime under this process id, after writing it down: Miniflare does not tell it, and whoever
# finds the instance's folder after a kill -9 must be able to end the runtime that outlived it.
# Where the system can (Linux), the runtime also ends with its parent.
if [ -n "${ORASI_RUNTIME_PID_FILE:-}" ]; then echo $$ >"$ORASI_RUNTIME_PID_FILE"; fi
if command -v setpriv >/dev/null 2>&1; then exec setpriv --pdeathsig KILL "$ORASI_RUNTIME" "$@"; fi
exec "$ORASI_RUNTIME" "$@"
