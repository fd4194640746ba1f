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

# Whatever measurements benches/ has
bench:
    for script in benches/*.sh; do [ ! -e "$script" ] || bash "$script"; done
