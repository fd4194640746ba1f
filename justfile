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

# One target of fuzz/fuzz_targets for so long, optimised; without arguments all of them as CI does
fuzz *TARGET_SECONDS:
    tests/fuzz {{ TARGET_SECONDS }}

fmt:
    cargo fmt

# Side by side with mbsync: first sync and nothing changed
bench:
    cargo build --release --locked
    benches/compare --rounds 3
