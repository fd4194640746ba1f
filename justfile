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

fmt:
    cargo fmt

# Side by side with mbsync: first sync and nothing changed
bench:
    cargo build --release --locked
    benches/compare --rounds 3

# A cut after every octet around APPEND and FETCH, in three ways each; takes about an hour
cut:
    MAILFERRY_CUT_EVERY=1 cargo test --test servers --locked a_cut_after_any_octet -- --nocapture
