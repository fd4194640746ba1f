use super::*;

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn names(names: &[&str]) -> BTreeSet<MailboxName> {
    let parse = |name: &&str| MailboxName::parse(name).unwrap();
    names.iter().map(parse).collect()
}

fn mailbox(name: &str) -> Hint {
    Hint::Mailbox(MailboxName::parse(name).unwrap())
}

#[test]
fn hints_that_follow_each_other_become_one_job() {
    let mut jobs = Jobs::default();
    jobs.hint(mailbox("a"), From::Local, ms(0));
    jobs.hint(mailbox("b"), From::Local, ms(10));
    assert_eq!(jobs.take(ms(25)), None);
    assert_eq!(jobs.due(), Some(ms(30)));
    let taken = jobs.take(ms(30)).unwrap();
    assert_eq!(taken.local, names(&["a", "b"]));
    assert!(taken.remote.is_empty() && !taken.all_local && !taken.all_remote);
    assert_eq!(jobs.take(ms(1000)), None);
    assert_eq!(jobs.due(), None);
}

#[test]
fn a_storm_does_not_put_off_a_job_for_ever() {
    let mut jobs = Jobs::default();
    for now in 0..600 {
        jobs.hint(mailbox("a"), From::Local, ms(now));
        if jobs.take(ms(now)).is_some() {
            assert_eq!(now, 400);
            return;
        }
    }
    panic!("it never came");
}

#[test]
fn mail_on_the_server_does_not_wait() {
    let mut jobs = Jobs::default();
    jobs.hint(mailbox("a"), From::Remote, ms(0));
    assert_eq!(jobs.due(), Some(ms(0)));
    jobs.hint(mailbox("a"), From::Local, ms(1));
    assert_eq!(jobs.due(), Some(ms(21)));
    jobs.hint(mailbox("b"), From::Remote, ms(2));
    assert_eq!(jobs.due(), Some(ms(21)));
    let taken = jobs.take(ms(21)).unwrap();
    assert_eq!(taken.remote, names(&["a", "b"]));
    assert_eq!(taken.local, names(&["a"]));
}

#[test]
fn what_concerns_everything_is_no_reason_to_hurry() {
    let mut jobs = Jobs::default();
    jobs.hint(Hint::Mailboxes, From::Local, ms(0));
    assert_eq!(jobs.take(ms(19)), None);
    assert!(jobs.take(ms(20)).unwrap().all_local);
    jobs.everything(ms(60));
    assert!(jobs.take(ms(60)).unwrap().all_remote);
}

fn news(names: &[(&str, u64)]) -> BTreeMap<MailboxName, u64> {
    let parse = |(name, count): &(&str, u64)| (MailboxName::parse(name).unwrap(), *count);
    names.iter().map(parse).collect()
}

#[test]
fn after_news_there_are_some_more_looks_and_then_silence() {
    let mut jobs = Jobs::default();
    jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(2), ms(0));
    let mut now = ms(0);
    let mut looks = Vec::new();
    while let Some(due) = jobs.due() {
        looks.push((due - now).as_millis());
        now = due;
        let work = jobs.take(now).unwrap();
        assert_eq!(work.remote, names(&["a"]));
        jobs.looked(&work, &news(&[]), ms(2), now);
    }
    assert_eq!(looks, [15, 30, 60, 120, 240]);
}

#[test]
fn news_in_a_later_look_begins_anew() {
    let mut jobs = Jobs::default();
    let work = Work {
        remote: names(&["a"]),
        echo: Some(ms(240)),
        ..Work::default()
    };
    jobs.looked(&work, &news(&[("b", 2)]), ms(1), ms(1000));
    assert_eq!(jobs.due(), Some(ms(1015)));
    assert_eq!(jobs.take(ms(1015)).unwrap().remote, names(&["a", "b"]));
}

#[test]
fn what_is_large_or_comes_in_a_burst_is_looked_at_rarely() {
    let mut jobs = Jobs::default();
    jobs.looked(&Work::default(), &news(&[("a", 10)]), ms(1), ms(0));
    assert_eq!(jobs.due(), Some(ms(300)));
    for (took, due) in [(70, 140), (700, 300)] {
        let mut jobs = Jobs::default();
        jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(took), ms(0));
        assert_eq!(jobs.due(), Some(ms(due)));
    }
}

#[test]
fn a_look_that_waits_is_not_forgotten_for_another() {
    let mut jobs = Jobs::default();
    jobs.everything(ms(0));
    let all = jobs.take(ms(0)).unwrap();
    jobs.changed(&all, &[From::Remote], ms(0));
    jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(1), ms(10));
    assert_eq!(jobs.due(), Some(ms(25)));
    let taken = jobs.take(ms(25)).unwrap();
    assert!(taken.all_remote);
    assert_eq!(taken.remote, names(&["a"]));
    jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(1), ms(30));
    // A burst does not put off what waits already.
    jobs.looked(&Work::default(), &news(&[("b", 99)]), ms(1), ms(31));
    assert_eq!(jobs.due(), Some(ms(45)));
    assert_eq!(jobs.take(ms(45)).unwrap().remote, names(&["a", "b"]));
}

fn told(jobs: &mut Jobs, name: &str, now: Duration) -> Work {
    jobs.hint(mailbox(name), From::Remote, now);
    let work = jobs.take(now).unwrap();
    jobs.looked(&work, &news(&[]), ms(1), now);
    work
}

#[test]
fn what_was_told_of_and_not_found_is_looked_for_once_more() {
    let mut jobs = Jobs::default();
    let _ = told(&mut jobs, "a", ms(0));
    let _ = told(&mut jobs, "b", ms(500));
    assert_eq!(jobs.due(), Some(ms(2000)));
    let again = jobs.take(ms(2000)).unwrap();
    assert_eq!(again.remote, names(&["a"]));
    assert!(again.is_afterthought());
    jobs.looked(&again, &news(&[]), ms(1), ms(2000));
    assert_eq!(jobs.due(), Some(ms(2500)));
    assert_eq!(jobs.take(ms(2500)).unwrap().remote, names(&["b"]));
    assert_eq!(jobs.due(), None);
}

#[test]
fn what_nobody_told_of_is_not_looked_for_once_more() {
    let mut jobs = Jobs::default();
    jobs.again(MailboxName::parse("a").unwrap(), ms(0));
    jobs.hint(mailbox("b"), From::Local, ms(0));
    let work = jobs.take(ms(20)).unwrap();
    assert_eq!(work.remote, names(&["a"]));
    jobs.looked(&work, &news(&[]), ms(1), ms(20));
    assert_eq!(jobs.due(), None);
}

#[test]
fn the_server_may_tell_of_each_change_of_ours_once() {
    let mut jobs = Jobs::default();
    jobs.sent(names(&["a"]), ms(0));
    let _ = told(&mut jobs, "a", ms(500));
    assert_eq!(jobs.due(), None);
    let _ = told(&mut jobs, "a", ms(600));
    assert_eq!(jobs.take(ms(2600)).unwrap().remote, names(&["a"]));
    jobs.sent(names(&["a"]), ms(3000));
    let _ = told(&mut jobs, "a", ms(13_000));
    assert_eq!(jobs.due(), Some(ms(15_000)));
}

#[test]
fn without_news_nobody_looks_again() {
    let mut jobs = Jobs::default();
    jobs.looked(&Work::default(), &news(&[]), ms(1), ms(0));
    assert_eq!(jobs.due(), None);
}

#[test]
fn where_both_sides_had_changes_there_is_one_more_look() {
    let mut jobs = Jobs::default();
    jobs.hint(mailbox("a"), From::Local, ms(0));
    let one_sided = jobs.take(ms(20)).unwrap();
    jobs.changed(&one_sided, &[From::Remote], ms(25));
    jobs.changed(&Work::default(), &[], ms(25));
    assert_eq!(jobs.due(), None);
    jobs.hint(mailbox("a"), From::Local, ms(30));
    jobs.hint(mailbox("b"), From::Remote, ms(30));
    let both = jobs.take(ms(50)).unwrap();
    jobs.changed(&both, &[From::Remote], ms(60));
    assert_eq!(jobs.due(), Some(ms(360)));
    let again = jobs.take(ms(360)).unwrap();
    assert_eq!(again.remote, names(&["a", "b"]));
    assert!(!again.all_remote);
    jobs.everything(ms(400));
    let all = jobs.take(ms(400)).unwrap();
    jobs.changed(&all, &[From::Remote], ms(500));
    assert!(jobs.take(ms(800)).unwrap().all_remote);
}

#[test]
fn a_further_look_takes_no_hint_along_before_its_time() {
    let mut jobs = Jobs::default();
    jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(1), ms(0));
    jobs.hint(mailbox("d"), From::Local, ms(10));
    let taken = jobs.take(ms(15)).unwrap();
    assert_eq!(taken.remote, names(&["a"]));
    assert!(taken.local.is_empty());
    assert_eq!(jobs.due(), Some(ms(30)));
    assert_eq!(jobs.take(ms(30)).unwrap().local, names(&["d"]));
    assert_eq!(jobs.due(), None);
}

#[test]
fn what_was_not_done_waits_again() {
    let mut jobs = Jobs::default();
    jobs.hint(mailbox("a"), From::Remote, ms(0));
    let taken = jobs.take(ms(4)).unwrap();
    jobs.give_back(taken, ms(5));
    jobs.hint(mailbox("b"), From::Remote, ms(6));
    assert_eq!(jobs.take(ms(50)).unwrap().remote, names(&["a", "b"]));
    jobs.give_back(Work::default(), ms(60));
    assert_eq!(jobs.due(), None);
}
