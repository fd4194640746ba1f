//! Letters in a simulated world: every effect as a place to stop, every answer of the server as one that never comes.

mod desk;
mod town;

use std::rc::Rc;

use self::town::Town;
use crate::mail::MailboxName;
use crate::sim::content;
use crate::sim::{NameOnMove, When};
use crate::sync::{Act, KeepLetters, LetterState, RowId, Wanted};

const KEEPS: [KeepLetters; 2] = [KeepLetters::Forever, KeepLetters::Never];

#[test]
fn a_stop_after_any_effect_loses_and_doubles_no_letter() {
    let mut stops = 0;
    for keep in KEEPS {
        for crash in [false, true] {
            for when in [When::Before, When::After] {
                for effect in 1.. {
                    let town = Town::new(keep, effect);
                    town.world.steps.stop_at(effect, when);
                    let _ = town.session();
                    if !town.world.steps.stopped() {
                        break;
                    }
                    stops += 1;
                    let why = format!("{keep:?}, {when:?} effect {effect}, power cut: {crash}");
                    town.world.restart(crash);
                    town.nothing_lost(&why);
                    town.world.steps.reset();
                    town.comes_home(&why);
                }
            }
        }
    }
    assert!(stops > 80, "only {stops} places to stop at");
}

#[test]
fn a_second_stop_during_the_recovery_loses_and_doubles_no_letter() {
    for crash in [false, true] {
        for effect in 1.. {
            let mut over = false;
            for again in 1.. {
                let town = Town::new(KeepLetters::Never, effect * 100 + again);
                town.world.steps.stop_at(effect, When::After);
                let _ = town.session();
                over = !town.world.steps.stopped();
                town.world.restart(crash);
                town.world.steps.reset();
                town.world.steps.stop_at(again, When::After);
                let _ = town.session();
                if over || !town.world.steps.stopped() {
                    break;
                }
                let why = format!("effects {effect} and {again}, power cut: {crash}");
                town.world.restart(crash);
                town.nothing_lost(&why);
                town.world.steps.reset();
                town.comes_home(&why);
            }
            if over {
                break;
            }
        }
    }
}

#[test]
fn an_answer_that_never_comes_loses_and_doubles_no_letter() {
    for keep in KEEPS {
        for silent in 1.. {
            let town = Town::new(keep, 5);
            town.desk.silent_at.set(silent);
            if town.session().1.is_ok() {
                assert!(silent > 8);
                break;
            }
            let why = format!("{keep:?}, answer {silent} never came");
            town.nothing_lost(&why);
            town.comes_home(&why);
        }
    }
}

#[test]
fn a_letter_that_was_moved_before_its_delivery_was_settled_comes_once() {
    // Once a session was complete, the Maildir is not read through for letters any more.
    for later in [false, true] {
        let moved = (1..60)
            .map_while(|effect| moved_while_delivering(later, effect))
            .filter(|moved| *moved)
            .count();
        assert!(moved >= 3, "{moved}");
    }
}

/// Stopped after this effect, a letter is moved. Whether there was one to move; `None` if nothing was stopped.
fn moved_while_delivering(later: bool, effect: u64) -> Option<bool> {
    let mut town = Town::new(KeepLetters::Never, effect);
    if later {
        town.session().1.unwrap();
        town.arrives("late", content::mail(20));
        town.arrives("later", content::mail(21));
        town.world.steps.reset();
    }
    town.world.steps.stop_at(effect, When::After);
    let _ = town.session();
    if !town.world.steps.stopped() {
        return None;
    }
    town.world.restart(false);
    town.world.steps.reset();
    let (inbox, other) = (MailboxName::inbox(), MailboxName::parse("Else").unwrap());
    let files = town.world.local.files(&inbox);
    let letters = town.world.store.letters_now();
    let open = letters
        .iter()
        .filter(|it| it.known.state == LetterState::Delivering);
    let open: Vec<_> = open.map(|it| &it.local).collect();
    let file = files.iter().find(|file| open.contains(file));
    if let Some(file) = file {
        town.world.local.make_folder(&other);
        let fresh = [NameOnMove::Kept, NameOnMove::New, NameOnMove::Rewritten];
        let fresh = fresh[usize::try_from(effect % 3).unwrap()];
        town.world.local.move_file(&inbox, file, &other, fresh);
    }
    let why = format!("moved after effect {effect}, later: {later}");
    town.nothing_lost(&why);
    town.comes_home(&why);
    Some(file.is_some())
}

#[test]
fn new_letters_come_and_old_ones_stay_away_when_the_state_is_lost() {
    let mut town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    town.world.store.lose();
    town.tells = false;
    town.arrives("new", content::mail(9));
    town.comes_home("the state is lost");
}

#[test]
fn a_state_from_a_backup_brings_no_letter_twice() {
    let mut town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    town.world.back_up();
    town.world.clock.jump(7200);
    town.arrives("new", content::mail(9));
    town.session().1.unwrap();
    town.world.restore_state();
    town.tells = false;
    assert_eq!(town.session().0.problems, []);
    town.comes_home("the state is old");
}

#[test]
fn nothing_comes_into_an_empty_mount_point() {
    let mut town = Town::new(KeepLetters::Never, 3);
    town.session().1.unwrap();
    town.arrives("new", content::mail(9));
    town.world.local.unmount();
    assert!(town.session().1.is_err());
    assert!(town.world.local.mount_point_is_clean());
    assert_eq!(town.desk.letters.borrow().len(), 1);
    town.world.local.mount();
    town.comes_home("mounted again");
}

#[test]
fn a_name_that_is_given_to_another_letter_of_the_same_size_deletes_neither() {
    let mut town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    let other = content::mail(5);
    assert_eq!(content::size(&other), content::size(&content::mail(1)));
    town.desk.letters.borrow_mut()[0].1 = Rc::clone(&other);
    town.all.push(other);
    town.keep = KeepLetters::Never;
    town.nothing_lost("before");
    town.session().1.unwrap();
    town.nothing_lost("after");
    town.comes_home("the name was used again");
}

#[test]
fn a_letter_that_came_short_is_deleted_only_when_it_came_so_again() {
    let town = Town::new(KeepLetters::Never, 3);
    town.desk.boasts.set(7);
    town.session().1.unwrap();
    assert_eq!(town.desk.letters.borrow().len(), town.all.len());
    town.nothing_lost("short");
    town.comes_home("short again");
}

#[test]
fn letters_that_all_have_new_names_come_once() {
    let town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    let mut letters = town.desk.letters.borrow_mut();
    letters.iter_mut().for_each(|(name, _)| name.insert(0, 'x'));
    drop(letters);
    town.comes_home("new names");
}

#[test]
fn without_the_names_that_there_were_nothing_comes() {
    let town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    town.desk.nameless.set(true);
    assert!(town.session().1.is_err());
    town.nothing_lost("nameless");
    town.desk.nameless.set(false);
    town.comes_home("named again");
}

#[test]
fn nothing_comes_into_a_folder_that_lost_its_marker() {
    let mut town = Town::new(KeepLetters::Never, 3);
    town.session().1.unwrap();
    town.arrives("new", content::mail(9));
    town.world.local.remove_marker(&MailboxName::inbox());
    assert!(town.session().1.is_err());
    assert_eq!(town.desk.letters.borrow().len(), 1);
}

/// The server has no mailboxes; the Maildir has those that somebody wants.
#[test]
fn what_listeners_file_elsewhere_comes_no_second_time() {
    for keep in KEEPS {
        let town = Town::new(keep, 9);
        town.session().1.unwrap();
        let lists = MailboxName::parse("Lists").unwrap();
        let letters = town.world.store.letters_now();
        let wanted: Vec<Wanted> = letters
            .iter()
            .map(|letter| Wanted {
                row: RowId(letter.known.id.0),
                mailbox: MailboxName::inbox(),
                local: letter.local.clone(),
                act: Act::MoveTo(lists.clone()),
            })
            .collect();
        let acted = town.act(&wanted);
        assert_eq!(acted.refused, []);
        assert_eq!(town.world.local.files(&lists).len(), letters.len());
        town.comes_home("filed by a listener");
        assert!(town.world.local.files(&MailboxName::inbox()).is_empty());
    }
}
