//! A POP3 server's maildrop, as the engine sees it.

use super::super::Fault;
use super::Store;
use crate::mail::Digest;
use crate::sync::{Letter, ListedLetter};

/// Opens sessions.
pub trait Postbox {
    /// A session.
    type Maildrop: Maildrop;

    /// Connects and logs in. The server keeps the maildrop for this session alone. A fault of reach `Mailbox` says
    /// that somebody else has it, or that it is too soon.
    async fn open(&self) -> Result<Self::Maildrop, Fault>;
}

/// What a maildrop holds, complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// All letters in the order of their numbers.
    pub letters: Vec<ListedLetter>,
    /// Whether the server gives letters names at all (UIDL).
    pub named: bool,
}

/// One session. Nothing is deleted on the server unless [`quit`](Self::quit) is reached.
pub trait Maildrop {
    /// All letters. A listing that is not complete is a fault.
    async fn list(&mut self) -> Result<Listed, Fault>;
    /// The digests of letters' headers (see [`HeaderHasher`](crate::content::HeaderHasher)), in order; `None` for one
    /// that the server does not show without the rest.
    async fn headers(&mut self, numbers: &[u32]) -> Result<Vec<Option<Digest>>, Fault>;
    /// Fetches letters by number and listed size, in order. One that the server refuses goes to
    /// [`LetterSink::refused`]; any fault leaves the letter it was at incomplete.
    async fn fetch(
        &mut self,
        letters: &[(u32, u64)],
        sink: &mut impl LetterSink,
    ) -> Result<(), Fault>;
    /// Marks letters for deletion, in order; a letter that the server refuses to mark has its own fault.
    async fn delete(&mut self, numbers: &[u32]) -> Result<Vec<Result<(), Fault>>, Fault>;
    /// Ends the session. Only now the server deletes what was marked; a fault leaves open what it did.
    async fn quit(self) -> Result<(), Fault>;
    /// How long the server wants to be left alone after a login, in seconds.
    fn login_delay(&self) -> Option<u64>;
}

/// Takes letters as they arrive.
pub trait LetterSink {
    /// A letter begins.
    async fn begin(&mut self, number: u32) -> Result<(), Fault>;
    /// Some more of it.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault>;
    /// It is complete.
    async fn end(&mut self) -> Result<(), Fault>;
    /// The server does not give it.
    fn refused(&mut self, number: u32, fault: Fault);
}

/// A state that knows letters. They are changed by [`Store::commit`].
pub trait LetterStore: Store {
    /// All letters that are known, in the order of their numbers.
    async fn letters(&self) -> Result<Vec<Letter>, Fault>;
}
