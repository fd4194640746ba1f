//! Any mix of changes on both sides: two passes make them equal, a third writes nothing, and nothing is lost.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::Setting;
use crate::support::{Client, Random, Variant, message, oracle};

crate::over_every_server!(
    seed_1_ends_equal,
    seed_2_ends_equal,
    seed_3_ends_equal,
    seed_4_ends_equal
);

fn seed_1_ends_equal(variant: Variant) {
    any_mix_ends_equal(variant, 1);
}

fn seed_2_ends_equal(variant: Variant) {
    any_mix_ends_equal(variant, 2);
}

fn seed_3_ends_equal(variant: Variant) {
    any_mix_ends_equal(variant, 3);
}

fn seed_4_ends_equal(variant: Variant) {
    any_mix_ends_equal(variant, 4);
}

const BOXES: [&str; 5] = ["INBOX", "Archive", "Sent", "Eins", "Eins/Zwei ü"];
const ROUNDS: usize = 3;
const CHANGES: usize = 14;

fn any_mix_ends_equal(variant: Variant, seed: u64) {
    let setting = Setting::new(variant);
    let mut client = setting.client();
    client.create("Eins");
    client.create("Eins/Zwei ü");
    for name in BOXES {
        let messages = (0..12).map(|number| message(&format!("{name} {number}")));
        client.append_many(name, messages);
    }
    setting.settle();
    let mut mix = Mix {
        setting: &setting,
        client,
        random: Random::new(seed),
        made: 0,
    };
    for round in 0..ROUNDS {
        let before = oracle::digests(&setting.there());
        let made = mix.made;
        for _ in 0..CHANGES {
            if mix.random.below(2) == 0 {
                mix.change_here();
            } else {
                mix.change_there();
            }
        }
        mix.mailbox(round);
        // What was put into a trash counts as there, so that nothing at all may be missing on either side.
        setting.ferry.sync().in_sync();
        setting.ferry.sync().in_sync();
        let (there, here) = (setting.there(), setting.here());
        oracle::assert_equal(&there, &here);
        let after = oracle::digests(&there);
        let lost: BTreeSet<_> = before.difference(&after).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
        assert_eq!(
            after.len(),
            before.len() + (mix.made - made),
            "new messages of round {round}"
        );
        setting.assert_quiet();
    }
}

struct Mix<'a> {
    setting: &'a Setting,
    client: Client,
    random: Random,
    made: usize,
}

impl Mix<'_> {
    fn fresh(&mut self) -> Vec<u8> {
        self.made += 1;
        message(&format!("new {}", self.made))
    }

    fn file(&mut self) -> Option<PathBuf> {
        let folder = *self.random.pick(&BOXES);
        let files = self.setting.ferry.maildir().files(folder);
        (!files.is_empty()).then(|| self.random.pick(&files).clone())
    }

    fn change_here(&mut self) {
        let maildir = self.setting.ferry.maildir();
        let kind = self.random.below(7);
        let to = *self.random.pick(&BOXES);
        if kind == 0 {
            let letters = *self.random.pick(&["", "S", "FS", "D"]);
            let fresh = self.fresh();
            maildir.deliver(to, letters, &fresh);
            return;
        }
        let Some(file) = self.file() else {
            return;
        };
        match kind {
            1 | 2 => {
                let letters = *self.random.pick(&["", "S", "F", "RS", "FPRS", "P"]);
                maildir.relabel(&file, letters);
            }
            3 | 4 => {
                let new_name = self.random.below(2) == 0;
                maildir.rehome(&file, to, new_name);
            }
            5 => {
                maildir.copy(&file, to);
            }
            _ => std::fs::remove_file(&file).unwrap(),
        }
    }

    fn change_there(&mut self) {
        let kind = self.random.below(6);
        let (from, to) = (*self.random.pick(&BOXES), *self.random.pick(&BOXES));
        if kind == 0 {
            let flags = *self
                .random
                .pick(&["", "\\Seen", "\\Flagged", "$Forwarded work"]);
            let fresh = self.fresh();
            self.client.append(to, flags, &fresh);
            return;
        }
        let messages = self.client.messages(from);
        if messages.is_empty() {
            return;
        }
        let uid = self.random.pick(&messages).uid.to_string();
        match kind {
            1 | 2 => {
                let flags = *self.random.pick(&[
                    "\\Seen",
                    "\\Flagged",
                    "\\Answered",
                    "$Forwarded",
                    "later",
                ]);
                let sign = if self.random.below(2) == 0 { '+' } else { '-' };
                self.client.store(&uid, sign, flags);
            }
            3 => self
                .client
                .rehome(&uid, if from == to { "Junk" } else { to }),
            4 => {
                let to = self.client.quoted(to);
                self.client.ok(&format!("UID COPY {uid} {to}"));
            }
            // A deletion as a mail program does it. (A bare EXPUNGE would leave no trace on the server to check.)
            _ => self.client.rehome(&uid, "Trash"),
        }
    }

    fn mailbox(&mut self, round: usize) {
        let root = self.setting.ferry.root();
        match round {
            0 => {
                self.setting.ferry.maildir().create("Neu");
                self.client.create("New");
            }
            1 => std::fs::rename(root.join("Neu"), root.join("Neuer")).unwrap(),
            _ => {
                self.client.ok("RENAME New Newer");
            }
        }
    }
}
