//! Many messages: memory stays bounded, and a pass that changes nothing does not list them.

use crate::Setting;
use crate::support::{UNOPTIMISED_KIB, Variant, message};

const MANY: usize = 100_000;
/// What is promised of the program as it is installed.
const LIMIT_KIB: u64 = 64 * 1024 + UNOPTIMISED_KIB;

#[test]
fn a_hundred_thousand_messages_fit_into_64_mib_and_are_not_listed_again() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    client.append_many(
        "Archive",
        (0..MANY).map(|number| message(&format!("message {number}"))),
    );
    let first = setting.ferry.sync();
    assert!(
        first.in_sync().peak_kib < LIMIT_KIB,
        "first: {} KiB",
        first.peak_kib
    );
    assert_eq!(setting.ferry.maildir().files("Archive").len(), MANY);
    setting.ferry.sync().in_sync();
    setting.relay.reset();
    let quiet = setting.ferry.sync();
    assert!(
        quiet.in_sync().peak_kib < LIMIT_KIB,
        "nothing changed: {} KiB",
        quiet.peak_kib
    );
    setting.relay.assert_nothing_written();
    assert!(
        setting.relay.down() < 16 * 1024,
        "{} octets: {:#?}",
        setting.relay.down(),
        setting.relay.commands()
    );
}

#[test]
fn nothing_changed_costs_few_octets_in_two_thousand_messages() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    client.append_many(
        "Archive",
        (0..2000).map(|number| message(&format!("message {number}"))),
    );
    setting.ferry.sync().in_sync();
    setting.ferry.sync().in_sync();
    setting.relay.reset();
    setting.ferry.sync().in_sync();
    assert!(
        setting.relay.down() < 4096,
        "{} octets: {:#?}",
        setting.relay.down(),
        setting.relay.commands()
    );
}
