use super::*;

use std::time::Instant;

async fn shell(script: &str) -> Result<Secret, Error> {
    let argv = ["sh", "-c", script].map(str::to_owned);
    run(&argv, Duration::from_secs(20)).await
}

#[tokio::test]
async fn the_first_line_is_the_secret_whatever_is_in_it() {
    for (script, secret) in [
        (r"printf 'p w\n'", "p w"),
        (r"printf 'p\r\n'", "p"),
        (r"printf '\n p\n\n'", " p"),
        (r"printf 'p\nuser: me\nurl: https://example.org\n'", "p"),
        (r"printf 'no end'", "no end"),
        (r"printf 'p\303\274\n'; echo noise >&2", "p\u{fc}"),
    ] {
        assert_eq!(shell(script).await.unwrap().expose(), secret.as_bytes());
    }
}

#[tokio::test]
async fn arguments_see_no_shell_and_input_is_empty() {
    let argv = ["printf", "%s", "$HOME;`id`"].map(str::to_owned);
    let secret = run(&argv, LIMIT).await.unwrap();
    assert_eq!(secret.expose(), b"$HOME;`id`");
    assert_eq!(shell("cat; echo end").await.unwrap().expose(), b"end");
}

#[tokio::test]
async fn nothing_and_too_much_are_refused() {
    for script in ["true", "echo", "printf '\\n\\r\\n'"] {
        let error = shell(script).await.unwrap_err();
        assert!(matches!(error, Error::Empty { .. }), "{error}");
    }

    let started = Instant::now();
    let error = shell("yes").await.unwrap_err();
    assert!(matches!(error, Error::Run { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_failure_shows_the_first_line_of_its_complaint_escaped() {
    let script = r"echo canary; printf '\n\033[31mlocked\nmore\n' >&2; exit 3";
    let error = shell(script).await.unwrap_err();
    let text = error.to_string();
    assert!(error.may_pass());
    assert!(text.contains(r": \u{1b}[31mlocked"), "{text}");
    assert!(!text.contains("more") && !text.contains("canary"), "{text}");
    assert!(text.contains("exit status: 3"), "{text}");
}

#[tokio::test]
async fn a_flood_of_complaints_does_not_block_the_program() {
    let script = "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo pw";
    assert_eq!(shell(script).await.unwrap().expose(), b"pw");
}

#[tokio::test]
async fn a_program_that_hangs_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let script = format!("echo $$ > {}; exec sleep 60", file.display());
    let argv = ["sh".to_owned(), "-c".to_owned(), script];
    let error = run(&argv, Duration::from_millis(500)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }));
    let pid = std::fs::read_to_string(file).unwrap();
    let state = format!("/proc/{}/stat", pid.trim());
    for _ in 0..100 {
        match std::fs::read_to_string(&state) {
            Ok(stat) if !stat.contains(") Z ") => time::sleep(Duration::from_millis(20)).await,
            _ => return,
        }
    }
    panic!("still running");
}

#[tokio::test]
async fn an_agent_that_keeps_the_output_open_does_not_hold_us_up() {
    let started = Instant::now();
    let secret = shell("echo pw; sleep 15 &").await.unwrap();
    assert_eq!(secret.expose(), b"pw");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_without_its_arguments() {
    let argv = ["no-such-program-here", "canary"].map(str::to_owned);
    let error = run(&argv, LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::Run { .. }));
    assert!(error.to_string().contains("no-such-program-here"));
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert!(matches!(run(&[], LIMIT).await, Err(Error::NoProgram)));
}
