//! The planner: what is to be done about an account, from what both sides look like and what they last agreed on.
//!
//! Every operation leaves a state from which the next plan goes on, whatever was or was not done before it: a plan
//! may be stopped after any operation, and what is left follows from looking again. What adds comes before what
//! deletes, and what is in doubt is left alone.

mod decide;
mod elsewhere;
mod flags;
mod fresh;
mod halves;
mod holds;
mod moves;
pub(super) mod scene;
mod steps;

use super::guard::judge;
use super::input::{AccountInput, Known};
use super::pairing::{pair_files, pair_halves, pair_moved, pair_new, pair_renumbered};
use super::plan::Plan;
use super::policy::Policy;
use decide::Decider;
use scene::Scene;

pub use scene::same_content;

/// The plan for one pass over an account.
///
/// `known` should answer [`needs`](super::needs()) as far as it could be answered; what is not known is left for the
/// next pass, except that an unidentified message on the server counts as new.
#[must_use]
pub fn plan(input: &AccountInput, known: &Known, policy: &Policy) -> Plan {
    let mut scene = Scene::new(input, known);
    pair_files(&mut scene);
    pair_renumbered(&mut scene);
    if policy.pull.new && policy.pull.deletions {
        pair_moved(&mut scene);
    }
    pair_halves(&mut scene);
    let twins = pair_new(&mut scene);
    let mut decider = Decider::new(&scene, policy);
    decider.settle_deliveries();
    decider.relics();
    for row in scene.rows.iter().filter(|row| scene.concerns(row)) {
        decider.row(row);
    }
    decider.hold_unmarked();
    decider.adopt(&twins);
    decider.new_files();
    decider.new_mails();
    decider.drop_empty_holds();
    let mut steps = decider.into_steps();
    let (deletes, holds) = judge(&steps.doomed, input, policy.guard);
    steps.deletes.extend(deletes);
    steps.holds.extend(holds);
    steps.into_plan()
}

#[cfg(test)]
pub(in crate::sync) mod tests;
