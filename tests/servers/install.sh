#!/usr/bin/env bash
# Installs what the tests in this directory need. As root on Debian it uses apt-get; Cyrus is unpacked beside the
# build and never installed, because its package and Dovecot's exclude each other.
set -euo pipefail
cd "$(dirname "$0")/../.."

need=()
command -v dovecot >/dev/null || [ -x /usr/sbin/dovecot ] || need+=(dovecot-core dovecot-imapd)
[ -x /usr/lib/dovecot/pop3 ] || need+=(dovecot-pop3d)
command -v openssl >/dev/null || need+=(openssl)
[ -x /usr/bin/time ] || need+=(time)
# What plugins run.
command -v notmuch >/dev/null || need+=(notmuch)
command -v mu >/dev/null || need+=(maildir-utils)
command -v bogofilter >/dev/null || need+=(bogofilter)
if [ "${#need[@]}" -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing: ${need[*]}; run as root: apt-get install -y ${need[*]}" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi

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
mkdir -p "$target/deb"
packages=(cyrus-imapd cyrus-pop3d cyrus-common libsasl2-2 libsasl2-modules libsasl2-modules-db libical3 libclamav12 libzephyr4
    libwrap0 libpcre3 libpq5 libxapian30 libldap-2.5-0 libkrb5-3 libjansson4 libicu72 libmspack0 libxml2 libcom-err2)
fetch() (cd "$target/deb" && apt-get download -qq "${packages[@]}" 2>&1 | grep -v '^W: Download is performed unsandboxed' || true)
fetch
if ! ls "$target"/deb/cyrus-imapd_*.deb >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    fetch
fi
for deb in "$target"/deb/*.deb; do dpkg -x "$deb" "$target"; done
libraries="$target/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)"
missing=$(for program in master imapd pop3d ctl_cyrusdb; do
    LD_LIBRARY_PATH="$libraries:${libraries/usr\/lib/lib}" ldd "$target/usr/lib/cyrus/bin/$program" | grep 'not found' || true
done | sort -u)
if [ -n "$missing" ]; then
    echo "Cyrus lacks libraries:" "$missing" >&2
    exit 1
fi
rm -rf "$target/deb"
touch "$target/complete"
