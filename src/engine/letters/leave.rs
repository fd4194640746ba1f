//! Letters that are due to leave the server: first proved to be those that are here.

use std::collections::{BTreeMap, BTreeSet};

use super::commit::Knowledge;
use super::names::Named;
use super::{LetterPorts, Session};
use crate::engine::fault::Fault;
use crate::engine::ports::{Clock, Maildrop};
use crate::mail::{MailboxName, Uidl};
use crate::sync::{Change, FetchLetter, Letter, LetterId, LetterState, LettersPlan};

/// What is due.
pub(super) struct Due {
    /// Numbers in this session of letters that are certainly here.
    sure: Vec<(u32, LetterId)>,
    /// To be fetched once more and compared: only whole content proves what the rest leaves open.
    pub(super) doubtful: Vec<FetchLetter>,
}

/// Compares the headers on the server (TOP) with those that came. A name may have been given to another letter of the
/// same size; a letter may have come shorter than it was listed; one without a name may only look like another.
pub(super) async fn verify<M: Maildrop>(
    maildrop: &mut M,
    plan: &LettersPlan,
    knowledge: &Knowledge,
    named: &Named,
) -> Result<Due, Fault> {
    let mut due = Due {
        sure: Vec::new(),
        doubtful: unproved(plan, knowledge, named),
    };
    let unproved: BTreeSet<u32> = due.doubtful.iter().map(|it| it.number).collect();
    let mut looked: Vec<(u32, Letter)> = Vec::new();
    for (number, id) in &plan.delete {
        let Some(letter) = knowledge.get(*id).filter(|_| !unproved.contains(number)) else {
            continue;
        };
        if named.by_header.contains(number) {
            due.doubtful.push(again(*number, &letter));
        } else {
            looked.push((*number, letter));
        }
    }
    let numbers: Vec<u32> = looked.iter().map(|(number, _)| *number).collect();
    let headers = maildrop.headers(&numbers).await?;
    for ((number, letter), header) in looked.iter().zip(headers) {
        if header == Some(letter.header) {
            due.sure.push((*number, letter.known.id));
        } else {
            due.doubtful.push(again(*number, letter));
        }
    }
    Ok(due)
}

/// Letters that came shorter than they were listed are fetched once more: they may not have been whole. What comes the
/// same twice is what the server has.
fn unproved(plan: &LettersPlan, knowledge: &Knowledge, named: &Named) -> Vec<FetchLetter> {
    let mut short: BTreeMap<(Uidl, u64), Vec<Letter>> = BTreeMap::new();
    let all = knowledge.all().into_iter();
    for letter in all.filter(|letter| letter.is_short() && letter.known.missing.is_none()) {
        let key = (letter.known.uidl.clone(), letter.known.size);
        short.entry(key).or_default().push(letter);
    }
    if short.is_empty() {
        return Vec::new();
    }
    let fetched: BTreeSet<u32> = plan.fetch.iter().map(|it| it.number).collect();
    let rest = named.letters.iter();
    rest.filter(|listed| !fetched.contains(&listed.number))
        .filter_map(|listed| {
            let key = (listed.uidl.clone()?, listed.size);
            let letter = short.get_mut(&key)?.pop()?;
            Some(again(listed.number, &letter))
        })
        .collect()
}

fn again(number: u32, letter: &Letter) -> FetchLetter {
    FetchLetter {
        number,
        uidl: letter.known.uidl.clone(),
        size: letter.known.size,
        compare: vec![letter.known.id],
    }
}

/// Marks for deletion what is due and certainly here; how many the server has marked.
pub(super) async fn mark<P: LetterPorts, M: Maildrop>(
    session: &Session<'_, '_, P>,
    maildrop: &mut M,
    due: Due,
) -> Result<u64, Fault> {
    let knowledge = &session.knowledge;
    let now = session.pass.clock().now();
    let is_due = |letter: &Letter| session.policy.keep.due(letter.known.since, now);
    let mut leaving = due.sure;
    let proved = due.doubtful.iter().filter_map(|wanted| {
        let letter = knowledge.get(knowledge.matched(wanted.number)?)?;
        is_due(&letter).then_some((wanted.number, letter.known.id))
    });
    leaving.extend(proved);
    // A letter that came shorter than it was listed may not be whole: it stays until it comes the same once more.
    let arrived = knowledge.arrived().into_iter();
    let arrived = arrived.filter(|(_, letter)| !letter.is_short() && is_due(letter));
    leaving.extend(arrived.map(|(number, letter)| (number, letter.known.id)));
    if leaving.is_empty() {
        return Ok(0);
    }
    leaving.sort_unstable();
    let (numbers, ids): (Vec<u32>, Vec<LetterId>) = leaving.into_iter().unzip();
    session
        .pass
        .commit(vec![Change::SetLetters(ids, LetterState::Deleting)])
        .await?;
    let mut marked = 0;
    for (number, result) in numbers.iter().zip(maildrop.delete(&numbers).await?) {
        match result {
            Ok(()) => marked += 1,
            Err(fault) => {
                let text =
                    format!("letter {number} is here and cannot be deleted on the server: {fault}");
                session.pass.problem(Some(&MailboxName::inbox()), &text);
            }
        }
    }
    Ok(marked)
}
