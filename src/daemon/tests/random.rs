//! Random lives of the daemon, from the first look to the end, when all has to be well.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::life::{Life, POLL};
use super::outside::{Noise, Way};
use super::script::{Ask, Chaos, deed, gap};
use crate::engine::ports::Clock;
use crate::mail::MailboxName;
use crate::sim::world::Check;

/// In which all is there when nothing was lost on the way.
const SECONDS: Duration = Duration::from_secs(5);
/// In which it is when hints were lost, watches died and the server was away: a renewal (or a poll), its answer, the
/// longest wait between two tries, the longest that the server asked for, and a bit.
const MINUTES: Duration = Duration::from_secs(300 + 30 + 300 + 1200 + 120);
const HOUR: Duration = Duration::from_secs(3600);

/// Lives one random life; its trace.
///
/// # Panics
/// With the seed, the trace and the world, when a promise is broken.
pub(super) fn random(seed: u64, chaos: Chaos) -> Vec<String> {
    let mut life = Life::new(seed, chaos);
    life = {
        let idle = life.rng.below(4);
        life.with_idle(idle)
    };
    let mut check = begin(&mut life).and_then(|()| middle(&mut life));
    check = check.and_then(|()| end(&mut life));
    let trace = life.world().steps.trace();
    if let Err(wrong) = check {
        let (trace, text) = (trace.join("\n"), life.world().text());
        let view = life.view.borrow().clone();
        panic!("seed {seed}, {chaos:?}: {wrong}\n--- trace\n{trace}\n--- world\n{text}\n{view:?}");
    }
    trace
}

fn begin(life: &mut Life) -> Check {
    let world = life.world().clone();
    let archive = MailboxName::parse("Archive").unwrap();
    world.server.create(&archive, None);
    for _ in 0..life.rng.below(8) {
        world.random_action(&mut life.rng, life.chaos.mix);
    }
    let chaos = life.chaos;
    let rng = &mut life.rng;
    {
        let mut state = life.outside.state.borrow_mut();
        state.way = [Way::Notify, Way::Notify, Way::Idle, Way::Poll][rng.below(4)];
        state.mark_shown = rng.one_in(2);
        state.curt = rng.one_in(3);
        state.noise = Noise {
            odd: chaos.hints,
            lossy: chaos.hints && rng.one_in(2),
        };
        if !chaos.hints && !chaos.server {
            state.way = Way::Notify;
        }
    }
    world.server.switch(|switches| {
        switches.qresync = rng.one_in(2);
        switches.condstore = switches.qresync || rng.one_in(2);
        switches.list_status = rng.one_in(2);
        switches.uid_move = rng.one_in(2);
        if chaos.faults {
            switches.late = [None, None, Some(10), Some(60)][rng.below(4)];
        }
    });
    if chaos.faults && rng.one_in(2) {
        world.local.be_careless();
    }
    life.start();
    Ok(())
}

fn middle(life: &mut Life) -> Check {
    let calm = !life.chaos.hints && !life.chaos.server && !life.chaos.faults;
    for _ in 0..life.chaos.deeds {
        let (first, then) = deed(&mut life.rng, life.chaos);
        let wait = gap(&mut life.rng);
        life.plan(wait, first);
        if let Some((after, then)) = then {
            life.plan(wait + after, then);
        }
        life.live_for(wait)?;
        if life.rng.one_in(4) {
            life.world().nothing_lost()?;
        }
        if calm && life.rng.one_in(3) {
            life.outside.state.borrow_mut().lost = false;
            life.live_for(SECONDS)?;
            is_well(life).map_err(|wrong| format!("within seconds: {wrong}"))?;
        }
    }
    Ok(())
}

/// Everything is put right, and nothing happens any more.
pub(super) fn heal(life: &mut Life) -> Check {
    // What makes an end of things comes to pass.
    loop {
        let next = life.outside.next();
        let Some(next) = next else { break };
        life.live_until(next)?;
        life.live_for(Duration::from_millis(1))?;
    }
    life.reset_steps();
    if life.activity().is_none() {
        life.start();
    }
    let state = life.outside.state.borrow();
    let stuck = !state.mark_shown;
    drop(state);
    if life.is_paused() || stuck {
        life.ask(Ask::Resume);
    }
    Ok(())
}

fn end(life: &mut Life) -> Check {
    heal(life)?;
    life.world().nothing_lost()?;
    life.live_for(MINUTES)?;
    if life.outside.state.borrow().curt {
        // The longest wait after refusals that do not say why.
        life.live_for(HOUR)?;
    }
    await_parked(life)?;
    is_well(life)?;
    if life.chaos.polite && !life.chaos.mix.structure {
        life.world().nothing_doubled()?;
    }
    is_silent(life)
}

/// Nothing lost, both sides equal, and the state agrees.
fn is_well(life: &Life) -> Check {
    let world = life.world();
    world.nothing_lost()?;
    if world.store.holds_now().is_empty() {
        world.equal()?;
        world.base_agrees()?;
    }
    Ok(())
}

/// Parked messages wait for their time, and late ones come.
fn await_parked(life: &mut Life) -> Check {
    for _ in 0..4 {
        let parked = life.world().store.parked_now();
        let due = parked.iter().map(|parked| parked.retry_at).max();
        let open =
            !life.world().store.open_intents().is_empty() || !life.world().server.is_settled();
        let Some(due) = due.or_else(|| open.then_some(0)) else {
            break;
        };
        let wait = (due - life.world().clock.now()).clamp(0, 86_400);
        life.live_for(Duration::from_secs(u64::try_from(wait).unwrap()) + MINUTES)?;
    }
    Ok(())
}

/// At rest it does nothing but look at its times: an hour in which these are counted.
fn is_silent(life: &mut Life) -> Check {
    let renewals = |life: &Life| life.outside.state.borrow().renewals;
    let (before, renewed, polls) = (life.done(), renewals(life), life.polls);
    let world = life.world().clone();
    let (weighty, mark) = (world.store.weighty_changes(), world.steps.trace_len());
    life.live_for(HOUR)?;
    let [calls, server, local, tries] = life.done();
    let [calls, tries] = [calls - before[0], tries - before[3]];
    let looks = renewals(life) - renewed + HOUR.as_secs() / POLL.as_secs() + 2;
    let most = looks * 6;
    let polls = life.polls - polls;
    // Folders at rest are looked through once an hour, and that is written down, after the state's epoch.
    let marks = u64::try_from(world.steps.traced(mark, "local mark root")).unwrap();
    let commits = world.steps.traced(mark, "store commit");
    let quiet = world.store.weighty_changes() == weighty && commits <= 4 && marks <= 2;
    if [server, local - marks] != before[1..3] || !quiet {
        return Err("at rest, it writes".to_owned());
    }
    if calls > most || tries > 12 || polls > looks * 200 {
        return Err(format!(
            "at rest: {calls} commands, {tries} logins, {polls} polls in an hour of {looks} looks"
        ));
    }
    Ok(())
}

/// Lives lives on all processors; the seeds that failed, each told with the command that lives it again.
pub(super) fn lives(test: &str, chaos: Chaos, next: impl Fn() -> Option<u64> + Sync) -> Vec<u64> {
    let work = || {
        let mut bad = Vec::new();
        while let Some(seed) = next() {
            let life = || random(seed, chaos);
            if catch_unwind(AssertUnwindSafe(life)).is_err() {
                tell(&format!(
                    "seed {seed} fails. Again: SIM_FIRST={seed} SIM_LIVES=1 cargo test --lib {test}"
                ));
                bad.push(seed);
            }
        }
        bad
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut bad: Vec<u64> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|worker| worker.join().unwrap());
        ended.flatten().collect()
    });
    bad.sort_unstable();
    bad
}

#[allow(clippy::print_stderr, reason = "this is what the test has to say")]
fn tell(line: &str) {
    eprintln!("{line}");
}
