//! What goes wrong outside: other UIDs, a lost state, a Maildir that is not there.

use std::fs;

use crate::Setting;
use crate::support::{Variant, message, oracle};

crate::over_every_server!(
    another_uidvalidity_with_the_same_mails_carries_no_body,
    a_lost_state_carries_no_body,
    a_lost_state_and_a_local_deletion_bring_the_message_back,
    an_empty_root_deletes_nothing_on_the_server,
    a_missing_root_deletes_nothing_on_the_server,
    an_emptied_folder_without_its_marker_deletes_nothing_on_the_server,
    a_folder_that_is_gone_deletes_nothing_on_the_server,
    a_run_killed_in_the_middle_loses_and_doubles_nothing,
);

fn another_uidvalidity_with_the_same_mails_carries_no_body(variant: Variant) {
    let setting = Setting::with_messages(variant, 30);
    setting.server.renumber("Box");
    let (there, here) = (setting.there(), setting.here());
    setting.relay.reset();
    setting.settle();
    setting.relay.assert_no_body();
    assert_eq!((setting.there(), setting.here()), (there, here));
    setting.assert_quiet();
}

fn a_lost_state_carries_no_body(variant: Variant) {
    let setting = Setting::with_messages(variant, 30);
    let (there, here) = (setting.there(), setting.here());
    fs::remove_dir_all(setting.ferry.state()).unwrap();
    setting.relay.reset();
    setting.settle();
    setting.relay.assert_no_body();
    assert_eq!((setting.there(), setting.here()), (there, here));
    setting.assert_quiet();
}

fn a_lost_state_and_a_local_deletion_bring_the_message_back(variant: Variant) {
    let setting = Setting::with_messages(variant, 10);
    let there = setting.there();
    fs::remove_dir_all(setting.ferry.state()).unwrap();
    fs::remove_file(&setting.ferry.maildir().files("Box")[3]).unwrap();
    setting.settle();
    assert_eq!(setting.there(), there);
}

fn an_empty_root_deletes_nothing_on_the_server(variant: Variant) {
    let setting = Setting::with_messages(variant, 10);
    let there = setting.there();
    fs::rename(
        setting.ferry.root(),
        setting.ferry.root().with_extension("away"),
    )
    .unwrap();
    fs::create_dir(setting.ferry.root()).unwrap();
    for _ in 0..2 {
        setting.ferry.sync().complains();
        assert_eq!(setting.there(), there);
    }
    assert_eq!(setting.relay.writes(), [""; 0]);
    fs::remove_dir_all(setting.ferry.root()).unwrap();
    fs::rename(
        setting.ferry.root().with_extension("away"),
        setting.ferry.root(),
    )
    .unwrap();
    setting.settle();
    assert_eq!(setting.there(), there);
}

fn a_missing_root_deletes_nothing_on_the_server(variant: Variant) {
    let setting = Setting::with_messages(variant, 10);
    let there = setting.there();
    fs::rename(
        setting.ferry.root(),
        setting.ferry.root().with_extension("away"),
    )
    .unwrap();
    setting.ferry.sync().complains();
    assert_eq!(setting.there(), there);
    assert_eq!(setting.relay.writes(), [""; 0]);
}

fn an_emptied_folder_without_its_marker_deletes_nothing_on_the_server(variant: Variant) {
    let setting = Setting::with_messages(variant, 10);
    let there = setting.there();
    let folder = setting.ferry.root().join("Box");
    fs::remove_dir_all(&folder).unwrap();
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    setting.client().append("INBOX", "", &message("elsewhere"));
    setting.ferry.sync().complains();
    setting.ferry.sync();
    assert_eq!(setting.there()["Box"], there["Box"]);
    assert_eq!(setting.here()["INBOX"].len(), 1, "the rest is synced");
}

fn a_folder_that_is_gone_deletes_nothing_on_the_server(variant: Variant) {
    let setting = Setting::with_messages(variant, 10);
    let there = setting.there();
    fs::remove_dir_all(setting.ferry.root().join("Box")).unwrap();
    setting.ferry.sync();
    setting.ferry.sync();
    assert_eq!(setting.there(), there);
}

fn a_run_killed_in_the_middle_loses_and_doubles_nothing(variant: Variant) {
    let setting = Setting::new(variant);
    let mut client = setting.client();
    client.create("Box");
    client.append_many(
        "Box",
        (0..200).map(|number| message(&format!("down {number}"))),
    );
    let maildir = setting.ferry.maildir();
    setting.settle();
    client.append_many(
        "Archive",
        (0..300).map(|number| message(&format!("more {number}"))),
    );
    for number in 0..100 {
        maildir.deliver("Box", "S", &message(&format!("up {number}")));
    }
    for wait in [5, 20, 40, 60, 80, 110, 150, 200] {
        let run = setting.ferry.start(&["sync"]);
        std::thread::sleep(std::time::Duration::from_millis(wait));
        run.signal(rustix::process::Signal::KILL);
        drop(run);
    }
    // An upload without an answer is believed lost only after a while.
    let start = std::time::Instant::now();
    while setting.ferry.sync().code != Some(0) {
        assert!(start.elapsed().as_secs() < 120, "it never comes to rest");
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    setting.settle();
    let there = setting.there();
    assert_eq!((there["Box"].len(), there["Archive"].len()), (300, 300));
    assert_eq!(oracle::digests(&there).len(), 600);
    setting.assert_quiet();
}
