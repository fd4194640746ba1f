//! Ways in: TLS from the start, STARTTLS, pins, and what must be refused.

use crate::support::{Ferry, Server, Variant, assert_equal, message, oracle};

crate::over_every_server!(
    tls_from_the_start_with_a_trusted_certificate,
    starttls_with_a_trusted_certificate,
    an_unknown_certificate_is_refused,
);

fn with_one_message(variant: Variant) -> Server {
    let server = Server::start(variant);
    server.client().append("INBOX", "\\Seen", &message("one"));
    server
}

#[track_caller]
fn syncs(server: &Server, ferry: &Ferry) {
    ferry.sync().in_sync();
    let there = oracle::server(&mut server.client(), false);
    let here = ferry.maildir().snapshot(&oracle::digests(&there));
    assert_equal(&there, &here);
    assert_eq!(here["INBOX"].len(), 1);
}

fn trust(server: &Server, tls: &str) -> String {
    format!(
        "tls = \"{tls}\"\ntls_ca_file = \"{}\"\n",
        server.certificate().display()
    )
}

fn tls_from_the_start_with_a_trusted_certificate(variant: Variant) {
    let server = with_one_message(variant);
    syncs(
        &server,
        &Ferry::with(server.tls(), &trust(&server, "implicit"), ""),
    );
}

fn starttls_with_a_trusted_certificate(variant: Variant) {
    let server = with_one_message(variant);
    syncs(
        &server,
        &Ferry::with(server.plain(), &trust(&server, "starttls"), ""),
    );
}

fn an_unknown_certificate_is_refused(variant: Variant) {
    let server = with_one_message(variant);
    let ferry = Ferry::with(server.tls(), "tls = \"implicit\"\n", "");
    let outcome = ferry.sync();
    outcome.exits(1);
    assert!(
        outcome.stderr.to_lowercase().contains("certificate"),
        "{}",
        outcome.stderr
    );
    assert!(ferry.maildir().files("INBOX").is_empty());
}

#[test]
fn a_wrong_password_is_said_and_never_shown() {
    let server = with_one_message(Variant::Dovecot);
    let ferry = Ferry::plain(server.plain());
    ferry.configure(server.plain(), "tls = \"none\"\n", "");
    let config = ferry.root().with_file_name("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("\"secret\"", "\"wr0ng-canary\"")).unwrap();
    let outcome = ferry.run(&["-v", "sync"]);
    outcome.exits(1);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!said.contains("canary"), "the password is shown: {said}");
}
