//! The outbox: its numbers, and what is held back.

use proptest::prelude::*;

use super::*;
use crate::mail::FlagDelta;

fn tidings(row: i64, what: What) -> Change {
    Change::PutNews(Tidings {
        row: RowId(row),
        mailbox: MailboxId(1),
        side: Side::Remote,
        at: 7,
        old: false,
        what,
    })
}

fn told(store: &SqliteStore) -> Vec<(i64, What)> {
    let news = block(store.news(100)).unwrap();
    news.into_iter().map(|it| (it.row.0, it.what)).collect()
}

fn numbers(store: &SqliteStore) -> Vec<NewsId> {
    let news = block(store.news(100)).unwrap();
    news.into_iter().map(|it| it.id).collect()
}

fn with_mailbox(dir: &Path) -> SqliteStore {
    let store = open(dir);
    commit(&store, vec![Change::PutMailbox(mailbox(1, "INBOX"))]);
    store
}

#[test]
fn a_number_is_never_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    commit(&store, vec![tidings(1, What::New), tidings(2, What::New)]);
    let first = numbers(&store);
    commit(&store, vec![Change::DropNews(first.clone())]);
    assert_eq!(numbers(&store), []);
    let store = reopen(store, dir.path());
    commit(&store, vec![tidings(3, What::Deleted)]);
    assert!(numbers(&store)[0] > first[1]);
}

#[test]
fn a_state_that_takes_the_place_of_another_goes_on_counting() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = with_mailbox(one.path());
    commit(&store, vec![tidings(1, What::New)]);
    let first = numbers(&store);
    thread::sleep(std::time::Duration::from_millis(1100));
    let store = with_mailbox(two.path());
    commit(&store, vec![tidings(1, What::New)]);
    assert!(numbers(&store) > first);
}

#[test]
fn nothing_is_told_of_a_message_before_it_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    let first = vec![
        Change::PutEntry(entry(1, 1, Some(1))),
        tidings(1, What::New),
        tidings(9, What::Deleted),
    ];
    commit(&store, first);
    assert_eq!(told(&store), [(9, What::Deleted)]);
    let store = reopen(store, dir.path());
    commit(
        &store,
        vec![Change::Delivered(RowId(1), entry(1, 1, None).stamp)],
    );
    assert_eq!(told(&store), [(1, What::New), (9, What::Deleted)]);
}

#[test]
fn what_was_never_delivered_is_never_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    let put = |row| {
        vec![
            Change::PutEntry(entry(row, 1, None)),
            tidings(row, What::New),
        ]
    };
    for drop in [
        Change::DropEntry(RowId(1)),
        Change::DropMailbox(MailboxId(1)),
    ] {
        commit(&store, put(1));
        commit(&store, vec![drop]);
        assert_eq!(told(&store), []);
    }
    commit(&store, vec![Change::PutMailbox(mailbox(1, "INBOX"))]);
    commit(&store, put(2));
    block(store.start_over()).unwrap();
    assert_eq!(told(&store), []);
}

#[test]
fn what_was_delivered_is_told_though_it_is_gone_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    let linked = Entry {
        state: EntryState::Linked,
        ..entry(1, 1, None)
    };
    let deletion = Deletion {
        row: RowId(1),
        mailbox: MailboxId(1),
        side: Side::Local,
        at: 8,
        identity: linked.identity(),
        flags: linked.flags.clone(),
        trash_path: None,
    };
    commit(
        &store,
        vec![Change::PutEntry(linked), tidings(1, What::New)],
    );
    commit(
        &store,
        vec![
            Change::PutDeletion(deletion.clone()),
            Change::DropEntry(RowId(1)),
            tidings(1, What::Deleted),
        ],
    );
    assert_eq!(told(&store), [(1, What::New), (1, What::Deleted)]);
    let found = block(store.deleted(&[RowId(1), RowId(2)])).unwrap();
    assert_eq!(found, [deletion]);
}

#[test]
fn a_mailbox_is_heard_until_it_goes_or_everything_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    let heard = || block(store.heard()).unwrap().mailboxes.len();
    assert_eq!(heard(), 0);
    let hear = || vec![Change::Hear(MailboxId(1)), Change::Hear(MailboxId(1))];
    commit(&store, hear());
    assert_eq!(heard(), 1);
    block(store.start_over()).unwrap();
    assert_eq!(heard(), 0);
    commit(&store, hear());
    commit(&store, vec![Change::DropMailbox(MailboxId(1))]);
    assert_eq!(heard(), 0);
}

#[test]
fn an_account_begins_once_and_again_when_everything_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    let since = || block(store.heard()).unwrap().since;
    assert_eq!(since(), None);
    commit(&store, vec![Change::Begin(70), Change::Begin(80)]);
    assert_eq!(since(), Some(70));
    block(store.start_over()).unwrap();
    assert_eq!(since(), None);
}

#[test]
fn what_is_wanted_of_keywords_is_forgotten_once_it_is_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    let keyword = |word: &str| Flags::new().with_keyword(Keyword::new(word).unwrap());
    let put = |add: &str, remove: &str| {
        let words = |text: &str| Flags::from_parts(0, text.split(' ').filter_map(Keyword::new));
        let delta = FlagDelta {
            add: words(add),
            remove: words(remove),
        };
        commit(&store, vec![Change::PutLabels(RowId(1), delta)]);
    };
    let left = || block(store.base(MailboxId(1))).unwrap().labels;
    put("Work", "");
    assert_eq!(left(), [], "there is no such message");
    let old = Entry {
        flags: keyword("Old"),
        ..entry(1, 1, None)
    };
    commit(&store, vec![Change::PutEntry(old)]);
    put("Work old a-b_c", "other");
    let wanted = FlagDelta {
        add: keyword("a-b_c").union(&keyword("Work")),
        remove: Flags::new(),
    };
    assert_eq!(left(), [(RowId(1), wanted)]);
    commit(&store, vec![Change::SetFlags(RowId(1), keyword("WORK"))]);
    put("", "work");
    let rest = FlagDelta {
        add: keyword("a-b_c"),
        remove: keyword("work"),
    };
    assert_eq!(left(), [(RowId(1), rest)], "the later wish counts");
    commit(&store, vec![Change::SetFlags(RowId(1), keyword("a-b_c"))]);
    assert_eq!(left(), []);
    put("More", "");
    commit(&store, vec![Change::DropEntry(RowId(1))]);
    assert_eq!(left(), []);
}

#[test]
fn what_was_told_of_old_mail_is_forgotten_and_the_rest_stays_durable() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_mailbox(dir.path());
    commit(&store, vec![tidings(1, What::New), tidings(2, What::New)]);
    let all = numbers(&store);
    commit(&store, vec![Change::DropOldNews(vec![all[0]])]);
    assert_eq!(numbers(&store), all[1..]);
    let durable = |store: &SqliteStore| {
        let ask = |conn: &rusqlite::Connection| {
            conn.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))
        };
        block(store.ask("ask", ask)).unwrap()
    };
    assert_eq!(durable(&store), 2);
    let store = reopen(store, dir.path());
    assert_eq!(numbers(&store), all[1..]);
}

/// What a reader of the outbox would do with one event after the other.
#[derive(Clone, Debug)]
enum Step {
    /// So many messages arrive, with rows that follow each other but for one; delivered at once or not.
    Arrive(i64, Option<i64>, bool),
    /// Something else happens to a message.
    Change(i64),
    /// Of those that are told first, these are done with.
    Forget(Vec<bool>),
    /// A message that is in the state goes; its event stays only if it was delivered.
    Drop(prop::sample::Index),
    /// Everything that was not delivered is forgotten.
    StartOver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..12_i64, prop::option::of(0..12_i64), any::<bool>())
            .prop_map(|(count, gap, linked)| Step::Arrive(count, gap, linked)),
        2 => (1..40_i64).prop_map(Step::Change),
        4 => prop::collection::vec(any::<bool>(), 1..20).prop_map(Step::Forget),
        2 => any::<prop::sample::Index>().prop_map(Step::Drop),
        1 => Just(Step::StartOver),
    ]
}

/// The outbox as a plain list, and which messages are not delivered yet.
#[derive(Default)]
struct Plain {
    events: Vec<(NewsId, i64, What)>,
    rows: Vec<(i64, bool)>,
    last: i64,
}

impl Plain {
    fn undelivered(&self, row: i64) -> bool {
        self.rows.contains(&(row, false))
    }

    fn told(&self) -> Vec<(NewsId, i64, What)> {
        let told = self.events.iter().filter(|it| !self.undelivered(it.1));
        told.cloned().collect()
    }

    fn arrive(&mut self, count: i64, gap: Option<i64>, linked: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        for at in 0..count {
            self.last += if Some(at) == gap { 2 } else { 1 };
            let (row, state) = (
                self.last,
                if linked {
                    EntryState::Linked
                } else {
                    EntryState::Delivering
                },
            );
            self.rows.push((row, linked));
            let uid = u32::try_from(row).ok();
            changes.push(Change::PutEntry(Entry {
                state,
                ..entry(row, 1, uid)
            }));
            changes.push(tidings(row, What::New));
            self.events.push((NewsId(0), row, What::New));
        }
        changes
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn an_outbox_of_runs_is_one_of_single_events(steps in prop::collection::vec(step(), 1..25)) {
        let dir = tempfile::tempdir().unwrap();
        let store = with_mailbox(dir.path());
        let mut plain = Plain::default();
        commit(&store, vec![tidings(1, What::Deleted)]);
        let mut number = numbers(&store)[0].0;
        commit(&store, vec![Change::DropNews(numbers(&store))]);
        for step in steps {
            let before = plain.events.len();
            match step {
                Step::Arrive(count, gap, linked) => commit(&store, plain.arrive(count, gap, linked)),
                Step::Change(row) => {
                    commit(&store, vec![tidings(row, What::Deleted)]);
                    plain.events.push((NewsId(0), row, What::Deleted));
                }
                Step::Forget(which) => {
                    let told = plain.told().into_iter().zip(which);
                    let ids: Vec<NewsId> = told.filter(|it| it.1).map(|it| it.0.0).collect();
                    plain.events.retain(|it| !ids.contains(&it.0));
                    commit(&store, vec![Change::DropNews(ids)]);
                }
                Step::Drop(which) if !plain.rows.is_empty() => {
                    let (row, linked) = plain.rows.remove(which.index(plain.rows.len()));
                    plain.events.retain(|it| linked || it.1 != row);
                    commit(&store, vec![Change::DropEntry(RowId(row))]);
                }
                Step::Drop(_) => {}
                Step::StartOver => {
                    block(store.start_over()).unwrap();
                    let gone: Vec<i64> = plain.rows.iter().filter(|it| !it.1).map(|it| it.0).collect();
                    plain.events.retain(|it| !gone.contains(&it.1));
                    plain.rows.clear();
                }
            }
            // Numbers are given out in order, without a gap.
            for event in plain.events.iter_mut().skip(before) {
                number += 1;
                event.0 = NewsId(number);
            }
            let told = block(store.news(1000)).unwrap();
            let told: Vec<_> = told.into_iter().map(|it| (it.id, it.row.0, it.what)).collect();
            prop_assert_eq!(&told, &plain.told());
            for most in [0, 1, 3, 7] {
                let few = block(store.news(most)).unwrap().into_iter();
                let few: Vec<_> = few.map(|it| (it.id, it.row.0, it.what)).collect();
                let most = told.len().min(most as usize);
                prop_assert_eq!(&few, &told[..most]);
            }
        }
    }
}
