//! What listeners learn of what became of their wishes.

use super::*;
use crate::engine::Settings;

/// Files what is new, and takes what somebody else filed back.
fn file(occasion: &Occasion) -> Option<Act> {
    match occasion {
        Occasion::Message {
            what: Happened::New,
            ..
        } => Some(Act::MoveTo(name("Lists"))),
        _ => None,
    }
}

#[test]
fn whoever_wanted_what_was_refused_is_told_so() {
    let world = settled();
    world.arrives("INBOX", 3, "");
    world.arrives("Archive", 4, "");
    driver::settle(&world, &pass).unwrap();
    let recorder = Recorder {
        rule: Some(file),
        ..Recorder::default()
    };
    let refused = Rc::clone(&recorder.refused);
    let settings = Settings {
        selects: Rc::new(|it| it.as_str() != "Lists"),
        ..settings()
    };
    let parts = parts(&world);
    let mut herald = Herald::new(&parts, settings, "a", recorder, Rc::default());
    assert_eq!(block_on(herald.empty()).unwrap().acted.done, 0);
    assert_eq!(refused.take().len(), 2);
}

#[test]
fn since_when_mail_is_news_is_said() {
    let world = settled();
    world.arrives("INBOX", 3, "");
    driver::settle(&world, &pass).unwrap();
    let since = block_on(world.store.heard()).unwrap().since;
    assert!(since.is_some());
    let batches = heard(&world);
    assert!(batches.iter().all(|it| it.since == since), "{batches:?}");
}

#[test]
fn a_move_that_a_listener_wanted_is_told_from_one_that_a_person_made() {
    let world = settled();
    world.arrives("INBOX", 3, "");
    driver::settle(&world, &pass).unwrap();
    let recorder = Recorder {
        rule: Some(file),
        ..Recorder::default()
    };
    let told = Rc::clone(&recorder.told);
    let parts = parts(&world);
    let mut herald = Herald::new(&parts, settings(), "a", recorder, Rc::default());
    let mut moves = || {
        driver::settle(&world, &pass).unwrap();
        block_on(herald.empty()).unwrap();
        let all = told.take().into_iter().flat_map(|it| it.occasions);
        all.filter_map(|occasion| match occasion {
            Occasion::Message {
                what: Happened::Moved { from },
                by_listener,
                subject,
                ..
            } => Some((
                from.as_str().to_owned(),
                subject.mailbox.as_str().to_owned(),
                by_listener,
            )),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    let of = |from: &str, to: &str, by| vec![(from.to_owned(), to.to_owned(), by)];
    assert_eq!(moves(), []);
    assert_eq!(moves(), of("INBOX", "Lists", true));
    world.remote_move(3, "Archive");
    assert_eq!(moves(), of("Lists", "Archive", false));
    world.remote_move(3, "Lists");
    assert_eq!(moves(), of("Archive", "Lists", false));
}
