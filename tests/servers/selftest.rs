//! The harness itself: servers start, hide what they should hide, and the oracle sees what is there.

use crate::support::server::{PASSWORD, USER};
use crate::support::{Client, Relay, Server, Variant, message, oracle};

crate::over_every_server!(
    the_oracle_sees_what_was_put_there,
    another_uidvalidity_keeps_the_mails,
    the_special_mailboxes_are_there,
);

fn the_oracle_sees_what_was_put_there(variant: Variant) {
    let server = Server::start(variant);
    let relay = Relay::to(server.plain());
    let mut client = Client::login(relay.address, USER, PASSWORD);
    client.create("Reisen");
    client.create("Reisen/Zürich");
    client.append("Reisen/Zürich", "\\Seen $Forwarded", &message("one"));
    client.append_many(
        "INBOX",
        (0..3).map(|number| message(&format!("many {number}"))),
    );
    let snapshot = oracle::server(&mut client, false);
    assert_eq!(snapshot["INBOX"].len(), 3);
    let (digest, flags) = &snapshot["Reisen/Zürich"][0];
    assert_eq!(*digest, oracle::digest(&message("one")));
    assert!(
        flags.contains("\\seen") && flags.contains("$forwarded"),
        "{flags:?}"
    );
    assert_eq!(oracle::count(&snapshot), 4);
    assert_eq!(relay.commands_with(&["APPEND "]).len(), 2);
    assert!(relay.up() > 600 && relay.down() > 600);
}

fn another_uidvalidity_keeps_the_mails(variant: Variant) {
    let server = Server::start(variant);
    let mut client = server.client();
    client.create("Box");
    client.append("Box", "\\Flagged", &message("one"));
    let validity = |client: &mut Client| {
        let responses = client.ok("STATUS Box (UIDVALIDITY)");
        responses[0].text.clone()
    };
    let (before, mails) = (validity(&mut client), oracle::server(&mut client, false));
    drop(client);
    server.renumber("Box");
    let mut client = server.client();
    assert_ne!(validity(&mut client), before);
    assert_eq!(oracle::server(&mut client, false), mails);
}

fn the_special_mailboxes_are_there(variant: Variant) {
    let server = Server::start(variant);
    let names = server.client().mailboxes();
    assert_eq!(
        names,
        ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]
    );
    let listed = server.client().ok("LIST (SPECIAL-USE) \"\" *");
    let trash = listed
        .iter()
        .any(|response| response.text.to_lowercase().contains("\\trash"));
    assert!(trash, "{listed:?}");
}

#[test]
fn hidden_capabilities_are_hidden() {
    for (variant, hidden) in [
        (Variant::DovecotWithoutQresync, vec!["QRESYNC"]),
        (
            Variant::DovecotWithoutCondstore,
            vec!["QRESYNC", "CONDSTORE"],
        ),
        (Variant::DovecotWithoutMove, vec!["MOVE", "UIDPLUS"]),
    ] {
        let server = Server::start(variant);
        let text = server.client().ok("CAPABILITY")[0].text.clone();
        let offered: Vec<&str> = text.split_whitespace().collect();
        assert!(offered.contains(&"NAMESPACE"));
        for one in hidden {
            assert!(!offered.contains(&one), "{variant:?} offers {one}");
        }
    }
}
