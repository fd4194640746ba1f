//! A world in memory: server, Maildir, state and clock, all of one thread, for tests of the engine.
//!
//! Everything here is deterministic: the same seed gives the same trace. Every effect is counted, so that a test can
//! stop the program after any of them, cut the connection in any call, and let other clients act in between. It knows
//! the engine's ports and how servers and disks behave; it must not know how the engine works.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "compiled for tests only; a broken assumption has to be loud"
)]
#![allow(
    clippy::or_fun_call,
    reason = "checks are chained with `and`; what they cost does not matter"
)]

pub mod clock;
pub mod content;
pub mod driver;
pub mod ledger;
pub mod local;
pub mod rng;
pub mod scenario;
pub mod server;
pub mod steps;
pub mod store;
pub mod world;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use clock::SimClock;
pub use driver::Runner;
pub use ledger::Ledger;
pub use local::{NameOnMove, SimLocal};
pub use rng::Rng;
pub use scenario::Scenario;
pub use server::{SimConnector, SimRemote, SimServer};
pub use steps::{Place, Steps, Trouble, When};
pub use store::SimStore;
pub use world::World;

/// Polls of one future before it counts as hanging.
const PATIENCE: u32 = 1_000_000;

/// Runs a future to its end; nothing in the sim ever waits for anything outside it.
///
/// # Panics
/// When the future waits for something that does not come.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..PATIENCE {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for something that never comes");
}
