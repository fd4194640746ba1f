//! `mailferry notify test`.

use std::process::Output;

use super::fake::Fake;
use super::private_bus::PrivateBus;
use super::soon;

async fn run(bus: &str) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_mailferry"));
    command
        .args(["notify", "test"])
        .env_clear()
        .env("DBUS_SESSION_BUS_ADDRESS", bus);
    soon(command.output()).await.unwrap()
}

fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test]
async fn a_test_shows_one_and_says_what_the_server_can_do() {
    let bus = PrivateBus::start();
    let mut fake = Fake::with(&bus.address, &["body", "body-markup", "actions"]).await;
    let (code, out, err) = texts(&run(&bus.address).await);
    let shown = fake.shows().await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(shown.summary, "mailferry: a test");
    assert_eq!(
        shown.body,
        "This is how mailferry tells of new mail: &lt;sender&gt;, subject &amp; text."
    );
    assert!(
        out.starts_with("A notification was shown by fake 1.0 (specification 1.3), number 1.\n"),
        "{out}"
    );
    assert!(
        out.contains("  actions      yes  there are buttons\n"),
        "{out}"
    );
    assert!(
        out.contains("  sound        no   new mail makes no sound\n"),
        "{out}"
    );
    assert!(out.ends_with("\nDo not disturb: off\n"), "{out}");
    assert!(fake.rest().is_empty());
}

#[tokio::test]
async fn without_a_bus_or_a_server_a_test_fails_and_says_why() {
    let (code, out, err) = texts(&run("unix:path=/nowhere/at/all").await);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("there is no session bus: "), "{err}");
    let bus = PrivateBus::start();
    let (code, out, err) = texts(&run(&bus.address).await);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.contains("no notification server runs on the session bus: "),
        "{err}"
    );
    let fake = Fake::start(&bus.address).await;
    fake.hang(true);
    let (code, _, err) = texts(&run(&bus.address).await);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("the notification server does not answer"),
        "{err}"
    );
}
