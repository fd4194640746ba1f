# Helpers of tests/demo and tests/run: packages, the toolchain, a private Dovecot. Sourced by bash.
# shellcheck shell=bash

say() {
    printf '\n== %s\n' "$*"
}

# shellcheck source=tests/tools/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

# is_there COMMAND|PATH: whether it exists.
is_there() {
    case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# need_packages PACKAGE:COMMAND|PATH...: installs the packages whose command or file is missing.
need_packages() {
    local pair missing=()
    # Dovecot and others live where an ordinary user's PATH does not look.
    PATH=$PATH:/usr/sbin:/sbin
    for pair in "$@"; do
        is_there "${pair#*:}" || missing+=("${pair%%:*}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ]; then
        echo "Missing: ${missing[*]}. Install them (apt-get install ${missing[*]}), or run this as root." >&2
        return 1
    fi
    say "Installing ${missing[*]}"
    # The packaged services stay off: only private servers are used here.
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        ours=yes
    fi
    local status=0
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        </dev/null >/dev/null; } || status=$?
    [ -z "$ours" ] || rm -f "$policy"
    return "$status"
}

# unpack DIRECTORY PACKAGE...: downloads packages, with all that they depend on and this system lacks, and unpacks them there without
# installing anything. apt resolves the dependencies, so that no release's names of libraries stand here.
unpack() {
    local into=$1 wanted
    shift
    mkdir -p "$into/deb"
    if ! wanted=$(closure "$@") && [ "$(id -u)" -eq 0 ]; then
        apt-get update -qq
        wanted=$(closure "$@")
    fi
    [ -n "$wanted" ] || return 1
    # Without root apt cannot change to its own user for downloads, which it warns of.
    (cd "$into/deb" && xargs apt-get download -qq <<<"$wanted" 2> >(grep -v '^W: Download is performed unsandboxed' >&2)) || return 1
    local deb
    for deb in "$into"/deb/*.deb; do dpkg -x "$deb" "$into" || return 1; done
    rm -rf "$into/deb"
}

# closure PACKAGE...: PACKAGE=VERSION of these packages and of what they need and this system lacks. apt only plans: it may plan to
# remove packages that exclude these, and nothing of that is done.
closure() {
    local plan package
    plan=$(apt-get install --simulate -qq --no-install-recommends "$@") || return 1
    # "Inst NAME [installed version] (version release [architecture]) ..."
    sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*/\1=\3/p' <<<"$plan"
    # What is installed already is not planned for; its programs may still be wanted.
    for package in "$@"; do
        grep -q "^Inst $package " <<<"$plan" || echo "$package"
    done
}

# The toolchain: rustup's directory counts even if the shell does not know it yet.
need_cargo() {
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    if ! command -v cargo >/dev/null; then
        echo "cargo is missing: mailferry needs Rust 1.95 or later, from https://rustup.rs" >&2
        return 1
    fi
}

# Where cargo puts what it builds.
target_directory() {
    cargo metadata --no-deps --locked --format-version 1 |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_dovecot DIRECTORY: a Dovecot that nobody else sees, user alice, password secret. Sets dovecot_port.
start_dovecot() {
    local at=$1
    mkdir -p "$at/run" "$at/mail" "$at/home"
    chmod 755 "$(dirname "$at")" "$at"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$at/key.pem" -out "$at/cert.pem" 2>/dev/null
    # Mail belongs to somebody who owns nothing else; without root everything belongs to us.
    local user group login internal
    if [ "$(id -u)" -eq 0 ]; then
        user=nobody group=nogroup login=dovenull internal=dovecot
        chown "$user:$group" "$at/mail" "$at/home"
    else
        user=$(id -un) group=$(id -gn) login=$user internal=$user
    fi
    local try
    for try in 1 2 3 4 5; do
        dovecot_port=$(free_port)
        dovecot_config "$at" "$user" "$group" "$login" "$internal" >"$at/dovecot.conf"
        if dovecot -c "$at/dovecot.conf" 2>"$at/start.log" && wait_for_port "$dovecot_port"; then
            return
        fi
        stop_dovecot "$at"
        echo "Dovecot did not start (attempt $try):" >&2
        cat "$at/start.log" >&2
        tail -n 5 "$at/log" >&2 2>/dev/null || true
    done
    return 1
}

# Dovecot 2.4 reads another language than 2.3.
dovecot_config() {
    local at=$1 user=$2 group=$3 login=$4 internal=$5
    cat <<CONFIG
$(case $(dovecot --version) in
2.[0-3].*)
    cat <<OLD
ssl_cert = <$at/cert.pem
ssl_key = <$at/key.pem
mail_location = sdbox:$at/mail/%u
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=$user gid=$group home=$at/home/%u
}
OLD
    ;;
*)
    cat <<NEW
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
ssl_server_cert_file = $at/cert.pem
ssl_server_key_file = $at/key.pem
mail_driver = sdbox
mail_path = $at/mail/%{user}
passdb static {
  password = secret
}
userdb static {
  fields {
    uid = $user
    gid = $group
    home = $at/home/%{user}
  }
}
NEW
    ;;
esac)
base_dir = $at/run
state_dir = $at/run/state
log_path = $at/log
protocols = imap
listen = 127.0.0.1
ssl = required
mail_uid = $user
mail_gid = $group
first_valid_uid = 1
default_internal_user = $internal
default_login_user = $login
default_internal_group = $(id -gn "$internal")
auth_mechanisms = plain login
mail_max_userip_connections = 50
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = $dovecot_port
    ssl = yes
  }
}
service anvil {
  chroot =
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Trash {
    auto = create
    special_use = \\Trash
  }
  mailbox Sent {
    auto = create
    special_use = \\Sent
  }
}
CONFIG
}

wait_for_port() {
    python3 - "$1" <<'PYTHON'
import socket, sys, time
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.1)
sys.exit(1)
PYTHON
}

# stop_dovecot DIRECTORY: by the id in its own pid file, and waits until it is gone.
stop_dovecot() {
    local pid wait
    pid=$(cat "$1/run/master.pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    for wait in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "Dovecot (process $pid) did not stop within five seconds ($wait tries)" >&2
}

# The folders of a Maildir with the number of letters in each.
show_tree() {
    local folder
    echo
    echo "Letters  Folder in ${1##*/}/"
    find "$1" -type d -name cur -not -path '*/.mailferry-trash/*' -printf '%h\n' | sort | while read -r folder; do
        printf '%7d  %s\n' "$(find "$folder/cur" "$folder/new" -type f | wc -l)" "${folder#"$1"/}"
    done
    printf '%7d  together\n' "$(find "$1" -type f \( -path '*/cur/*' -o -path '*/new/*' \) -not -path '*/.mailferry-trash/*' | wc -l)"
}
