#!/usr/bin/env bash
# Installs what the tests in this directory need. As root on Debian it uses apt-get; Cyrus is unpacked beside the
# build and never installed, because its package and Dovecot's exclude each other.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=tests/tools/common.sh
source tests/tools/common.sh
need_packages "${demo_packages[@]}" "${run_packages[@]}" "${server_packages[@]}"

# The unprivileged user Cyrus runs as must be able to reach its programs, which a checkout below /root does not allow.
reachable() {
    local path
    path=$(realpath -m "$1")
    while [ "$path" != / ]; do
        if [ -d "$path" ] && [ $((8#$(stat -c %a "$path") & 1)) = 0 ]; then return 1; fi
        path=$(dirname "$path")
    done
}
target=target/servers/cyrus
if [ "$(id -u)" = 0 ] && ! reachable "$target"; then target=/var/tmp/mailferry-servers/cyrus; fi
if [ -e "$target/complete" ] && [ -x "$target/usr/lib/cyrus/bin/pop3d" ]; then exit 0; fi

echo "unpacking Cyrus into $target"
rm -rf "$target"
if ! unpack "$target" "${cyrus_unpacked[@]}"; then
    echo "Cyrus could not be had: apt-get neither found nor downloaded ${cyrus_unpacked[*]}" >&2
    exit 1
fi
libraries=$(find "$target/usr/lib" "$target/lib" -maxdepth 1 -name '*-linux-gnu' -printf '%p:' 2>/dev/null || true)
missing=$(for program in master imapd pop3d ctl_cyrusdb; do
    LD_LIBRARY_PATH="$libraries" ldd "$target/usr/lib/cyrus/bin/$program" | grep 'not found' || true
done | sort -u)
if [ -n "$missing" ]; then
    echo "Cyrus lacks libraries:" "$missing" >&2
    exit 1
fi
touch "$target/complete"
