//! mailferry against real servers: what must hold, each as one test over every kind of server.
//!
//! A server that is missing is a failure, never a skip: `bash tests/servers/install.sh` puts it there.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on should stop where it stands"
)]

mod support;

mod account;
mod accounts;
mod asking;
mod crashstates;
mod cutting;
mod daemon;
mod disasters;
mod filing;
mod guard;
mod halves;
mod hooking;
mod hostile;
mod killing;
mod letters;
mod liars;
mod limits;
mod linked;
mod living;
mod login;
mod mix;
mod namespaces;
mod ordinary;
mod plugins;
mod readers;
mod renaming;
mod scene;
mod selftest;
mod serving;
mod setting_up;
mod showing;
mod signing;
mod size;
mod smalldisk;
mod syscalls;
mod takeover;
mod telling;
mod trials;
mod watching;

use support::{Client, Ferry, Relay, Server, Variant, assert_equal, oracle};

/// Makes one test of each function for each kind of server.
#[macro_export]
macro_rules! over_every_server {
    ($($name:ident),* $(,)?) => {
        mod dovecot { $(#[test] fn $name() { super::$name($crate::support::Variant::Dovecot); })* }
        mod dovecot_without_qresync {
            $(#[test] fn $name() { super::$name($crate::support::Variant::DovecotWithoutQresync); })*
        }
        mod dovecot_without_condstore {
            $(#[test] fn $name() { super::$name($crate::support::Variant::DovecotWithoutCondstore); })*
        }
        mod dovecot_without_move {
            $(#[test] fn $name() { super::$name($crate::support::Variant::DovecotWithoutMove); })*
        }
        mod cyrus { $(#[test] fn $name() { super::$name($crate::support::Variant::Cyrus); })* }
    };
}

/// A server, a relay before it, and an account that goes through the relay.
struct Setting {
    variant: Variant,
    server: Server,
    relay: Relay,
    ferry: Ferry,
}

impl Setting {
    fn new(variant: Variant) -> Self {
        Self::on(variant, Server::start(variant))
    }

    /// On a server that was started otherwise than its variant says.
    fn on(variant: Variant, server: Server) -> Self {
        let relay = Relay::to(server.plain());
        let ferry = Ferry::plain(relay.address);
        Self {
            variant,
            server,
            relay,
            ferry,
        }
    }

    /// The same with messages in `Box`, already synced.
    fn with_messages(variant: Variant, count: usize) -> Self {
        Self::new(variant).filled(count)
    }

    /// Lets any number of deletions through.
    fn hold_nothing(&self) {
        let hold = "hold = { messages = 1000000, percent = 100 }";
        let address = self.relay.address;
        self.ferry.configure(address, "tls = \"none\"\n", hold);
    }

    fn filled(self, count: usize) -> Self {
        let setting = self;
        let mut client = setting.server.client();
        client.create("Box");
        for number in 0..count {
            client.append(
                "Box",
                "\\Seen",
                &support::message(&format!("message {number}")),
            );
        }
        setting.settle();
        setting.relay.reset();
        setting
    }

    fn client(&self) -> Client {
        self.server.client()
    }

    fn there(&self) -> support::Snapshot {
        oracle::server(&mut self.client(), self.variant.only_marks())
    }

    fn here(&self) -> support::Snapshot {
        let wire = oracle::digests(&oracle::server(&mut self.client(), false));
        let mut here = self.ferry.maildir().snapshot(&wire);
        // What is left out of the server's side is left out here: a mark may have come down as a flag.
        if self.variant.only_marks() {
            for mails in here.values_mut() {
                mails.retain(|(_, flags)| !flags.contains("\\deleted"));
            }
        }
        here
    }

    #[track_caller]
    fn assert_equal(&self) {
        assert_equal(&self.there(), &self.here());
    }

    /// Two passes, after which both sides must be equal.
    #[track_caller]
    fn settle(&self) {
        self.ferry.sync().in_sync();
        self.ferry.sync().in_sync();
        self.assert_equal();
    }

    /// A pass that must change nothing on either side.
    #[track_caller]
    fn assert_quiet(&self) {
        let before = self.ferry.maildir().footprint();
        self.relay.reset();
        self.ferry.sync().in_sync();
        self.relay.assert_nothing_written();
        self.relay.assert_no_body();
        assert_eq!(
            self.ferry.maildir().footprint(),
            before,
            "the Maildir was written"
        );
    }
}
