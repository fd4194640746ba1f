//! What is asked at the terminal: only what was named is done, and a wrong name is said to be one.

use crate::Setting;
use crate::living::{alive, ends, until};
use crate::support::{Variant, message};

/// How the account is, as programs see it.
fn account(setting: &Setting) -> serde_json::Value {
    setting.ferry.run(&["status", "--json"]).json()["accounts"][0].clone()
}

#[test]
fn a_mailbox_that_is_not_there_is_wrong_usage_and_changes_nothing() {
    let setting = Setting::with_messages(Variant::Dovecot, 2);
    let before = account(&setting);
    let ask = || {
        setting.client().append("Box", "", &message("new"));
        let said = setting.ferry.run(&["sync", "test:Bxo", "test:Box"]);
        said.exits(2);
        assert!(said.stderr.contains("did you mean `test:Box`?"), "{said:?}");
        assert_eq!(said.stdout, "");
    };
    ask();
    assert_eq!(account(&setting), before);
    assert_eq!(setting.ferry.maildir().files("Box").len(), 2);
    let daemon = alive(&setting);
    ask();
    let after = account(&setting);
    assert_eq!(after["state"], "in-sync");
    assert_eq!(after["problems"], serde_json::json!([]));
    ends(daemon);
}

#[test]
fn a_sync_of_one_mailbox_does_and_tells_only_that() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    for name in ["Box", "Archive"] {
        let _ = client.command(&format!("CREATE {name}"));
        client.append(name, "", &message(name));
    }
    let foretold = setting
        .ferry
        .run(&["sync", "--dry-run", "--json", "test:Box"]);
    let foretold = foretold.exits(0).json()["accounts"][0].clone();
    assert_eq!(foretold["operations"].as_array().unwrap().len(), 1);
    assert_eq!(foretold["mailboxes"].as_array().unwrap().len(), 1);
    let done = setting.ferry.run(&["sync", "--json", "test:Box"]);
    let done = done.exits(0).json()["accounts"][0].clone();
    assert_eq!(done["mailboxes"].as_array().unwrap().len(), 1, "{done}");
    let root = setting.ferry.root();
    assert!(root.join("Box/cur").is_dir());
    assert!(!root.join("Archive").exists());
    assert!(!root.join("INBOX").exists());
    assert_eq!(account(&setting)["last_sync"], serde_json::Value::Null);
    setting.settle();
}

/// The daemon knows what it runs; the file is read again when it says so, and not before.
#[test]
fn the_daemon_is_asked_though_the_file_has_a_mistake_by_now() {
    let setting = Setting::with_messages(Variant::Dovecot, 2);
    let daemon = alive(&setting);
    setting
        .ferry
        .reconfigure(|text| text.replace("host =", "hots ="));
    for arguments in [
        &["status", "--json"][..],
        &["sync", "--json", "test:Box"],
        &["holds"],
        &["pause", "test"],
        &["resume"],
    ] {
        let said = setting.ferry.run(arguments);
        assert!(said.stderr.contains("did you mean `host`?"), "{said:?}");
        assert!(said.stderr.contains("the daemon goes on"), "{said:?}");
        said.exits(0);
    }
    setting.ferry.run(&["sync", "tset"]).exits(2);
    ends(daemon);
    setting.ferry.run(&["status"]).exits(2);
}

#[test]
fn a_paused_account_is_paused_and_not_failed() {
    let setting = Setting::with_messages(Variant::Dovecot, 1);
    let daemon = alive(&setting);
    setting.ferry.run(&["pause", "test"]).exits(0);
    let said = setting.ferry.run(&["sync", "--json"]);
    let account = &said.exits(1).json()["accounts"][0];
    assert_eq!(account["state"], "paused");
    let said = setting.ferry.run(&["status"]);
    assert!(
        said.stdout.contains("go on: mailferry resume test"),
        "{said:?}"
    );
    ends(daemon);
}

#[test]
fn the_log_tells_of_the_beginning_and_of_a_new_configuration() {
    let setting = Setting::with_messages(Variant::Dovecot, 1);
    let daemon = alive(&setting);
    let other = setting.ferry.root().with_file_name("other");
    let other = format!(
        "[accounts.other]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\nuser = \"u\"\npassword = \"p\"\nmaildir = \"{}\"\n",
        other.display()
    );
    setting.ferry.reconfigure(|text| format!("{text}\n{other}"));
    daemon.signal(rustix::process::Signal::HUP);
    until("the daemon has read it", || {
        let status = setting.ferry.run(&["status", "--json"]).json();
        status["accounts"].as_array().map(Vec::len) == Some(2)
    });
    daemon.signal(rustix::process::Signal::INT);
    let said = daemon.wait();
    let lines: Vec<&str> = said.stderr.lines().collect();
    for told in [
        "runs: test",
        "the configuration was read again: test, other",
    ] {
        let line = lines.iter().find(|line| line.contains(told));
        let line = line.unwrap_or_else(|| panic!("{said:?}"));
        let year = line.get(..2);
        assert_eq!(year, Some("20"), "it has a date: {line}");
    }
}
