//! Folders that are called otherwise than their mailboxes (`[accounts.NAME.folders]`).

use crate::Setting;
use crate::support::{Variant, message};

#[test]
fn a_mailbox_lives_in_a_folder_of_another_name() {
    let setting = Setting::new(Variant::Dovecot);
    let names = "[accounts.test.folders]\n\"Sent\" = \"Mine/out\"\n\"INBOX\" = \"Inbox\"\n";
    let address = setting.relay.address;
    setting
        .ferry
        .configure(address, &format!("tls = \"none\"\n{names}"), "");
    let mut client = setting.client();
    client.create("Sent/2026");
    for name in ["INBOX", "Sent", "Sent/2026"] {
        client.append(name, "\\Seen", &message(name));
    }
    setting.ferry.sync().in_sync();
    let maildir = setting.ferry.maildir();
    let counts = |folders: [&str; 3]| folders.map(|folder| maildir.files(folder).len());
    assert_eq!(counts(["Inbox", "Mine/out", "Mine/out/2026"]), [1; 3]);
    for wrong in ["Sent", "INBOX"] {
        assert!(!maildir.root().join(wrong).exists(), "{wrong}");
    }
    // Everything goes both ways under the two names.
    maildir.deliver("Mine/out", "S", &message("sent from here"));
    maildir.rehome(&maildir.files("Inbox")[0], "Mine/out/2026", true);
    maildir.create("Mine/out/2027");
    maildir.deliver("Mine/out/2027", "S", &message("first"));
    setting.relay.reset();
    setting.ferry.sync().in_sync();
    setting.ferry.sync().in_sync();
    let mut client = setting.client();
    let there = ["INBOX", "Sent", "Sent/2026", "Sent/2027"].map(|name| client.messages(name).len());
    assert_eq!(there, [0, 2, 2, 1]);
    assert_eq!(
        counts(["Mine/out", "Mine/out/2026", "Mine/out/2027"]),
        [2, 2, 1]
    );
    setting.assert_quiet();
    let listed = setting.ferry.run(&["mailboxes", "--json"]);
    assert!(
        listed.in_sync().stdout.contains("Mine/out/2026"),
        "{listed:?}"
    );
}
