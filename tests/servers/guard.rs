//! A flood of deletions is held until the user says yes.

use crate::Setting;
use crate::support::{Variant, message};

crate::over_every_server!(
    a_flood_of_local_deletions_is_held_and_approved,
    a_flood_of_local_deletions_is_restored,
    a_folder_emptied_to_nothing_is_held,
    a_flood_on_the_server_is_held_and_restored,
);

fn with_a_flood(variant: Variant) -> (Setting, String) {
    let setting = Setting::with_messages(variant, 40);
    let maildir = setting.ferry.maildir();
    for file in maildir.files("Box").iter().take(30) {
        std::fs::remove_file(file).unwrap();
    }
    maildir.relabel(&maildir.files("Box")[0], "F");
    maildir.deliver("Archive", "S", &message("while held"));
    setting
        .client()
        .append("INBOX", "", &message("also while held"));
    setting.ferry.sync().exits(3);
    setting.ferry.sync().exits(3);
    let there = setting.there();
    let lengths = (
        there["Box"].len(),
        there["Trash"].len(),
        there["Archive"].len(),
    );
    assert_eq!(lengths, (40, 0, 1), "nothing deleted, the rest done");
    let flagged = there["Box"]
        .iter()
        .filter(|(_, flags)| flags.contains("\\flagged"));
    assert_eq!(flagged.count(), 1);
    let here = setting.here();
    assert_eq!((here["Box"].len(), here["INBOX"].len()), (10, 1));
    let id = the_hold(&setting, "Box", 30);
    (setting, id)
}

/// The one hold there is; its id.
#[track_caller]
fn the_hold(setting: &Setting, mailbox: &str, count: u64) -> String {
    let holds = setting.ferry.run(&["holds", "--json"]).json();
    let [hold] = &holds.as_array().expect("an array")[..] else {
        panic!("one hold: {holds}");
    };
    assert_eq!(
        (&hold["mailbox"], &hold["count"]),
        (&mailbox.into(), &count.into()),
        "{hold}"
    );
    for key in ["account", "side", "since", "reason"] {
        assert!(!hold[key].is_null(), "{key} is missing: {hold}");
    }
    match &hold["id"] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn no_holds(setting: &Setting) {
    let holds = setting.ferry.run(&["holds", "--json"]).json();
    assert_eq!(holds, serde_json::json!([]));
}

fn a_flood_of_local_deletions_is_held_and_approved(variant: Variant) {
    let (setting, id) = with_a_flood(variant);
    setting.ferry.run(&["approve", &id]).in_sync();
    setting.settle();
    let there = setting.there();
    assert_eq!((there["Box"].len(), there["Trash"].len()), (10, 30));
    no_holds(&setting);
    setting.assert_quiet();
}

fn a_flood_of_local_deletions_is_restored(variant: Variant) {
    let (setting, id) = with_a_flood(variant);
    setting.ferry.run(&["restore", &id]).in_sync();
    setting.settle();
    let there = setting.there();
    assert_eq!((there["Box"].len(), there["Trash"].len()), (40, 0));
    no_holds(&setting);
    setting.assert_quiet();
}

fn a_folder_emptied_to_nothing_is_held(variant: Variant) {
    let setting = Setting::with_messages(variant, 6);
    for file in setting.ferry.maildir().files("Box") {
        std::fs::remove_file(file).unwrap();
    }
    setting.ferry.sync().exits(3);
    assert_eq!(setting.there()["Box"].len(), 6);
    the_hold(&setting, "Box", 6);
}

fn a_flood_on_the_server_is_held_and_restored(variant: Variant) {
    let setting = Setting::with_messages(variant, 40);
    let mut client = setting.client();
    client.select("Box");
    client.store("1:30", '+', "\\Deleted");
    client.ok("EXPUNGE");
    setting.ferry.sync().exits(3);
    setting.ferry.sync().exits(3);
    assert_eq!(setting.here()["Box"].len(), 40);
    let id = the_hold(&setting, "Box", 30);
    setting.ferry.run(&["restore", &id]).in_sync();
    setting.settle();
    assert_eq!(setting.there()["Box"].len(), 40);
    no_holds(&setting);
}
