//! What becomes of a batch when a script does not come back from one of its events.

use super::*;

/// Files each message; one with "stuck" in its subject it never comes back from.
const FILING: &str = "mailferry.on(\"message.new\", function(msg)\n\
    if msg.subject == \"stuck\" then string.find((\"a\"):rep(1e4), \".-.-.-.-b$\") end\n\
    msg:move_to(\"Lists\") end)";

fn batch(maildir: &Maildir, stuck: &[u64]) -> Vec<Occasion> {
    let one = |number| {
        let subject = if stuck.contains(&number) {
            "stuck"
        } else {
            "fine"
        };
        let mail = format!("Subject: {subject}\n\n");
        arrived(maildir.put("INBOX", number, Flags::new(), &mail))
    };
    (1..=20).map(one).collect()
}

fn rows(reply: &Reply) -> Vec<i64> {
    reply.wanted.iter().map(|one| one.row.0).collect()
}

#[tokio::test]
async fn what_was_wanted_before_is_done_and_what_comes_after_is_told_to_a_new_state() {
    let maildir = Maildir::new();
    let mut host = start(FILING).await;
    let reply = host.tell(&batch(&maildir, &[11]), false).await;
    let all: Vec<i64> = (1..=20).filter(|row| *row != 11).collect();
    assert_eq!(rows(&reply), all);
    assert_eq!(reply.failures.len(), 1, "{:?}", reply.failures);
    assert_eq!(reply.failures[0].why, Why::Stuck);
    // Its thread is lost nevertheless.
    assert_eq!(
        (host.condition().word(), host.abandoned()),
        ("set-aside", 1)
    );
}

#[tokio::test]
async fn a_second_loss_in_a_batch_is_the_last_and_the_rest_waits_until_the_hook_is_back() {
    let maildir = Maildir::new();
    let mut hooks = Hooks::start(vec![script(FILING)], || None).await;
    let reply = hooks.tell(&batch(&maildir, &[5, 11, 18]), false).await;
    assert_eq!(rows(&reply), [1, 2, 3, 4, 6, 7, 8, 9, 10]);
    assert_eq!(reply.failures.len(), 2);
    assert_eq!(hooks.states()[0].abandoned, 2);
    assert_eq!(hooks.states()[0].state, "set-aside");
    assert_eq!(hooks.tick().await, Reply::default());
    assert!(hooks.enable("test.lua").await.unwrap());
    let reply = hooks.tick().await;
    assert_eq!(rows(&reply), [12, 13, 14, 15, 16, 17, 19, 20]);
    assert!(hooks.enable("test.lua").await.unwrap());
    assert_eq!(
        hooks.tick().await,
        Reply::default(),
        "nothing is owed any more"
    );
}

#[tokio::test]
async fn a_handler_that_came_back_before_another_is_stuck_has_what_it_wanted() {
    let maildir = Maildir::new();
    let text = format!(
        "mailferry.on(\"message.new\", function(msg) msg:add_flags(\"seen\") end)\n{FILING}"
    );
    let mut host = start(&text).await;
    let reply = host.tell(&batch(&maildir, &[20])[19..], false).await;
    assert!(
        matches!(acts(&reply)[..], [(20, Act::AddFlags(_))]),
        "{reply:?}"
    );
}
