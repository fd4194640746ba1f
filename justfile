# The same scripts that README and continuous integration use.

# Everything that is checked
test:
    tests/run

# A private server, some mail, both sides compared
demo:
    tests/demo

# Formatting, lints and dependencies only
lint:
    cargo fmt --check
    .ci/deps-check
    cargo clippy --all-targets --locked -- -D warnings

# The limits of inotify and an unmounted Maildir, in a user namespace that is thrown away
namespaces:
    unshare --user --map-root-user --mount \
        cargo test --lib maildir::tests::watching::limits -- --ignored --test-threads 1

fmt:
    cargo fmt

# Side by side with mbsync: first sync and nothing changed
bench:
    cargo build --release --locked
    benches/compare --rounds 3
