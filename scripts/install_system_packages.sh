#!/usr/bin/env bash
# Programs that some tests drive: strace (what an analysis writes), Chromium (what a report looks like), poppler (what is in
# a PDF), PostgreSQL (the store) and wrk (the load of a benchmark). Installed where that needs no question; otherwise said:
# the tests that need them are skipped, save for those of the store, which fail. Never fails itself.
set -uo pipefail

has_chromium() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }

# The server's programs lie in a folder of their version, outside the PATH. The tests start a server of their own.
has_postgresql() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

missing() {
  command -v strace >/dev/null || echo strace
  has_chromium || echo chromium
  command -v pdftotext >/dev/null || echo poppler-utils
  has_postgresql || echo postgresql
  command -v wrk >/dev/null || echo wrk
}

wanted=$(missing | xargs)
[ -z "$wanted" ] && exit 0

if [ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo -n); else as_root=(false); fi
  fi
  if [ "${as_root[0]:-}" != false ]; then
    echo "installing $wanted"
    # shellcheck disable=SC2086  # one word a package
    {
      "${as_root[@]}" apt-get update -qq
      DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends $wanted
    } >/dev/null 2>&1
  fi
fi

wanted=$(missing | xargs)
[ -z "$wanted" ] || echo "not installed: $wanted. The tests that need them are skipped, or fail (PostgreSQL); install them with your system's package manager."
exit 0
