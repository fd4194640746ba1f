# The same scripts that README and continuous integration use.

# Everything that is checked
test:
    tests/run

# A private server, some mail, both sides compared
demo:
    tests/demo

# Both on a fresh Debian, bookworm or trixie, in a system of its own (demo, run or all); needs root and debootstrap
fresh suite what="all":
    tests/fresh {{suite}} {{what}}

# Formatting, lints and dependencies only
lint:
    cargo fmt --check
    .ci/deps-check
    .ci/packages-check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --no-deps --locked --document-private-items

# One target of fuzz/fuzz_targets for so long, optimised; without arguments all of them as CI does
fuzz *TARGET_SECONDS:
    tests/fuzz {{ TARGET_SECONDS }}

# Random lives of the engine and of the daemon in a simulated world, with fresh seeds, for so many seconds
simulate seconds="3600":
    SIM_SECONDS={{seconds}} cargo test --lib --locked random_lives_for_hours -- --ignored --nocapture

# Every situation with a second stop, a failure and an outage at every place, not only at some of them
simulate-all:
    SIM_ALL=1 cargo test --lib --locked engine::tests

# Takes guards away one by one and sees whether a test notices
mutants *words:
    tests/mutate {{words}}

# The limits of inotify and an unmounted Maildir, in a user namespace that is thrown away
namespaces:
    unshare --user --map-root-user --mount \
        cargo test --lib maildir::tests::watching::limits -- --ignored --test-threads 1

fmt:
    cargo fmt

# Side by side with mbsync by IMAP and with mpop by POP3: first sync and nothing changed
bench:
    cargo build --release --locked
    benches/compare --rounds 3
    benches/compare-pop3 --rounds 3

# Killed and started again so many times
kill iterations="300":
    cargo build --release --locked
    MAILFERRY_TEST_BIN={{justfile_directory()}}/target/release/mailferry MAILFERRY_KILLS={{iterations}} \
        cargo test --locked --test servers killing:: -- --nocapture

# Sessions with a POP3 server killed and cut in so many rounds
kill-letters rounds="100":
    cargo build --release --locked
    MAILFERRY_TEST_BIN={{justfile_directory()}}/target/release/mailferry MAILFERRY_KILLS={{rounds}} MAILFERRY_CUTS={{rounds}} \
        cargo test --locked --test servers letters::survival -- --nocapture

# Every system call that can fail (0: all of them, which takes hours; else so many, at random)
syscalls count="0":
    MAILFERRY_SYSCALLS={{count}} cargo test --locked --test servers syscalls:: -- --nocapture

# The power cut at so many places (0: at every system call), with so many of the states it may leave at each
crashstates cuts="0" states="8":
    MAILFERRY_CUTS={{cuts}} MAILFERRY_STATES={{states}} cargo test --locked --test servers crashstates:: -- --nocapture

# Mail programs at work on the Maildir for so many seconds
readers seconds="300":
    MAILFERRY_SECONDS={{seconds}} cargo test --locked --test servers readers:: -- --nocapture

# A cut after every octet around APPEND and FETCH, in three ways each; takes about an hour
cut:
    MAILFERRY_CUT_EVERY=1 cargo test --test servers --locked a_cut_after_any_octet -- --nocapture

# What the daemon must reach, at full size: how soon, through which outages, at what cost; takes half an hour
acceptance:
    cargo build --release --locked
    MAILFERRY_ACCEPTANCE=1 MAILFERRY_TEST_BIN={{justfile_directory()}}/target/release/mailferry \
        cargo test --locked --test servers daemon:: -- --nocapture --test-threads 1 --include-ignored

# Random use of both sides under the daemon for so many hours; nothing may grow
soak hours="24":
    cargo build --release --locked
    MAILFERRY_SOAK=$(({{hours}} * 3600)) MAILFERRY_TEST_BIN={{justfile_directory()}}/target/release/mailferry \
        cargo test --locked --test servers a_soak_leaves_no_trace -- --nocapture
