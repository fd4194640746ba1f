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

# Random lives of the whole program in a simulated world, with fresh seeds, for so many seconds
simulate seconds="3600":
    SIM_SECONDS={{seconds}} cargo test --lib --locked random_lives_for_hours -- --ignored --nocapture

# Every situation with a second stop, a failure and an outage at every place, not only at some of them
simulate-all:
    SIM_ALL=1 cargo test --lib --locked engine::tests

# Takes guards away one by one and sees whether a test notices
mutants *words:
    tests/mutate {{words}}

fmt:
    cargo fmt

# Side by side with mbsync: first sync and nothing changed
bench:
    cargo build --release --locked
    benches/compare --rounds 3
