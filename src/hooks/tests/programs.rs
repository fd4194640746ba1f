//! `mailferry.exec`.

use std::time::{Duration, Instant};

use super::*;

async fn run(body: &str) -> Reply {
    let text = format!("mailferry.on(\"account.synced\", function(event)\n{body}\nend)");
    let mut spec = script(&text);
    spec.grants = Grants::default().with(Capability::Exec);
    let mut host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let reply = host.tell(&[SYNCED], false).await;
    assert_eq!(reply.failures, [], "{body}");
    reply
}

#[tokio::test]
async fn a_program_gets_its_words_as_they_are_and_gives_its_output() {
    let reply = run(
        "local r = mailferry.exec {argv = {\"printf\", \"%s|\", \"a b\", \"$HOME;`id`\"}}\n\
         print(r.ok, r.status, r.stdout, r.timed_out)\n\
         r = mailferry.exec {argv = {\"cat\"}, stdin = \"in\\0put\"}\n\
         print(#r.stdout)\n\
         r = mailferry.exec {argv = {\"sh\", \"-c\", \"echo no >&2; exit 3\"}}\n\
         print(r.ok, r.status, r.stderr)\n\
         r = mailferry.exec {argv = {\"sh\", \"-c\", \"kill -TERM $$\"}}\n\
         print(r.ok, r.status, r.signal)\n\
         local none, why = mailferry.exec {argv = {\"/nonexistent/program\"}}\n\
         print(none, why ~= nil)\n\
         r = mailferry.exec {argv = {\"true\"}, stdin = (\"x\"):rep(1000000)}\n\
         print(r.ok)",
    )
    .await;
    assert_eq!(
        reply.log,
        [
            "true 0 a b|$HOME;`id`| false",
            "6",
            "false 3 no\\n",
            "false nil 15",
            "nil true",
            "true"
        ]
    );
    assert_eq!(reply.programs.len(), 6);
}

/// The script's thread waits for others; what it runs does as what anybody runs.
#[tokio::test]
async fn programs_have_the_priority_that_we_have() {
    let ours = rustix::process::getpriority_process(None).unwrap();
    let reply = run("print((mailferry.exec {argv = {\"nice\"}}).stdout)").await;
    assert_eq!(reply.log, [format!("{ours}\\n")]);
}

#[tokio::test]
async fn the_environment_is_clean() {
    // Cargo sets these for tests.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let reply = run(
        "local r = mailferry.exec {argv = {\"env\"}, env = {EXTRA = \"yes\"}}\n\
         print(r.stdout:find(\"CARGO\") == nil, r.stdout:find(\"EXTRA=yes\") ~= nil, r.stdout:find(\"PATH=\") ~= nil)\n\
         print(mailferry.exec {argv = {\"pwd\"}}.stdout)",
    )
    .await;
    assert_eq!(reply.log, ["true true true", "/\\n"]);
}

#[tokio::test]
async fn a_program_that_takes_too_long_dies_with_its_children_and_the_handler_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let begin = Instant::now();
    let reply = run(&format!(
        "local r = mailferry.exec {{argv = {{\"sh\", \"-c\", \"(sleep 3; touch {0}) & sleep 1000\"}}, timeout = \"1s\"}}\n\
         print(r.ok, r.timed_out, r.signal)",
        mark.display()
    ))
    .await;
    // Longer than the handler's own time, which is 300 ms here.
    assert_eq!(reply.log, ["false true 9"]);
    assert!(begin.elapsed() < Duration::from_millis(2_500));
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(!mark.exists(), "the child lives");
}

/// Not below a keeper here, which is the program itself (`tests/cli.rs`): whoever has not lost its parents is found.
#[tokio::test]
async fn a_session_of_its_own_is_no_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let reply = run(&format!(
        "local r = mailferry.exec {{argv = {{\"sh\", \"-c\", \"setsid sh -c 'sleep 2; touch {0}' & sleep 1000\"}}, timeout = \"1s\"}}\n\
         print(r.timed_out)",
        mark.display()
    ))
    .await;
    assert_eq!(reply.log, ["true"]);
    std::thread::sleep(Duration::from_millis(2_000));
    assert!(!mark.exists(), "it lives");
}

#[tokio::test]
async fn output_without_end_is_cut_and_a_child_that_holds_it_is_not_waited_for() {
    let begin = Instant::now();
    let reply = run(
        "local r = mailferry.exec {argv = {\"sh\", \"-c\", \"head -c 5000000 /dev/zero\"}}\n\
         print(r.ok, #r.stdout)\n\
         r = mailferry.exec {argv = {\"sh\", \"-c\", \"sleep 20 & echo done\"}}\n\
         print(r.ok, r.stdout)",
    )
    .await;
    assert_eq!(reply.log, ["true 1048576", "true done\\n"]);
    assert!(begin.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_dry_run_only_notes_programs() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let text = format!(
        "mailferry.on(\"account.synced\", function() print(mailferry.exec {{argv = {{\"touch\", \"{}\"}}}}.ok) end)",
        mark.display()
    );
    let mut spec = script(&text);
    spec.dry = true;
    spec.grants = Grants::all();
    let mut host = Host::start(spec, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let reply = host.tell(&[SYNCED], false).await;
    assert_eq!(reply.log, ["true"]);
    assert_eq!(reply.programs[0][0], "touch");
    assert!(!mark.exists());
}

#[tokio::test]
async fn programs_without_end_come_to_an_end() {
    for body in [
        "while true do mailferry.exec {argv = {\"sleep\", \"600\"}} end",
        "while true do mailferry.exec {argv = {\"sleep\", \"0.2\"}} end",
        "while true do pcall(mailferry.exec, {argv = {\"sleep\", \"600\"}, timeout = \"1s\"}) end",
    ] {
        let text = format!(
            "mailferry.on(\"error\", function()\n{body}\nend)\n\
             mailferry.on(\"account.synced\", function() print(mailferry.exec {{argv = {{\"true\"}}}}.ok) end)"
        );
        let mut spec = script(&text);
        spec.grants = Grants::all();
        spec.programs = Duration::from_secs(1);
        let host = Host::start(spec, None).await;
        let mut host = host.unwrap_or_else(|error| panic!("{error}"));
        let begun = Instant::now();
        let error = Occasion::Error {
            mailbox: None,
            text: "x".to_owned(),
        };
        let reply = tokio::time::timeout(Duration::from_secs(8), host.tell(&[error], false)).await;
        let reply = reply.unwrap_or_else(|_| panic!("{body} goes on"));
        assert!(begun.elapsed() < Duration::from_secs(6), "{body}");
        assert_eq!(reply.failures.len(), 1, "{body}");
        assert!(
            reply.failures[0].text.contains("took too long"),
            "{reply:?}"
        );
        assert!(reply.programs.len() < 100, "{}", reply.programs.len());
        // The next handler has its own time.
        assert_eq!(host.tell(&[SYNCED], false).await.log, ["true"], "{body}");
        assert_eq!(host.abandoned(), 0);
    }
}
