# Every Debian package that a script of this repository installs or unpacks. Sourced by bash.
# shellcheck shell=bash disable=SC2034
#
# An entry is PACKAGE:THERE. THERE is a command that the package brings, or the path of a file. The packages of `..._unpacked` are
# never installed. .ci/packages-check holds that every package exists in each release that is supported, and that no script
# names one elsewhere.

# The releases of Debian that README promises.
releases=(bookworm trixie)

# What a build needs: gcc does not depend on the C library's headers, it only recommends them.
build_packages=(gcc:cc libc6-dev:/usr/include/stdio.h make:make pkg-config:pkg-config
    ca-certificates:/etc/ssl/certs/ca-certificates.crt)
# What tests/demo needs besides.
demo_packages=(dovecot-imapd:dovecot openssl:openssl python3:python3)
# What tests/fuzz needs besides.
fuzz_packages=(g++:c++)
# What tests/run needs besides.
run_packages=(time:/usr/bin/time strace:strace mutt:mutt neomutt:neomutt notmuch:notmuch util-linux:unshare dbus-daemon:dbus-daemon
    systemd:systemd-analyze dunst:dunst xvfb:Xvfb x11-apps:xwd)
# What tests/servers needs besides.
server_packages=(dovecot-pop3d:/usr/lib/dovecot/pop3 maildir-utils:mu bogofilter:bogofilter isync:mbsync offlineimap3:offlineimap)
# Cyrus, with the mechanisms of its logins. Its package and Dovecot's exclude each other.
cyrus_unpacked=(cyrus-imapd cyrus-pop3d libsasl2-modules)
# Packages that only some of the releases have. What needs one that is missing is left out by name at the end of the run.
optional_packages=()
