//! x
/// x
pub trait Runner {}
