# How other releases of Debian are reached from this machine. Sourced by bash, after common.sh.
# shellcheck shell=bash

# debian_mirror LABEL: where this machine's own apt gets Debian ("Debian") or its security updates ("Debian-Security") from.
debian_mirror() {
    local label=$1 usual=http://deb.debian.org/debian
    [ "$label" = Debian ] || usual=http://deb.debian.org/debian-security
    # Labels are known only once lists were fetched: the public mirror has what nobody asked this machine for yet.
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v label="$label" -v usual="$usual" '$1 == label && !found { usual = $2; found = 1 } END { sub("/$", "", usual); print usual }'
}

# apt_sources SUITE: the lines of sources.list for a release.
apt_sources() {
    printf 'deb %s %s main\n' "$(debian_mirror Debian)" "$1"
    printf 'deb %s %s-security main\n' "$(debian_mirror Debian-Security)" "$1"
}

# apt_settings: what this machine's apt is told of proxies and of other ways to reach its mirrors.
apt_settings() {
    apt-config dump Acquire | grep -E '^Acquire::(http|https|ftp|tor|Proxy|ProxyAutoDetect|ForceIPv|Retries|Check-)' | grep -v ' "";$' || true
}
