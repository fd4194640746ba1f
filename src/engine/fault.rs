//! One question about every error: how far does the damage reach, and is it worth trying again?

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How far an error reaches. Ordered: what reaches further compares greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// One message: it is parked, the others go on.
    Message,
    /// One mailbox: it is skipped in this pass.
    Mailbox,
    /// One connection: another one may do.
    Connection,
    /// The account: its pass ends.
    Account,
    /// The whole program.
    Process,
}

/// How soon it makes sense to try again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As soon as after any trouble.
    #[default]
    Soon,
    /// A login was refused, and it is not the password: servers count logins, too.
    Refused,
    /// Somebody may be asked for a passphrase each time.
    Asking,
}

/// What a server lets us know besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// This may have been one connection too many: fewer at once may do.
    pub crowded: bool,
    /// It ended before it said a word to the login. Beside others that may mean the same.
    pub wordless: bool,
    /// The server does not let us in: trying again just so is of no use, and may lock the user out.
    pub barred: bool,
    /// How often it may be tried.
    pub pace: Pace,
    /// Not again before this much time has gone by.
    pub wait: Option<Duration>,
}

/// An adapter's error as the engine sees it. Nothing reads its text but people.
#[derive(Debug)]
pub struct Fault {
    /// How far it reaches.
    pub reach: Reach,
    /// Whether the same again may work later without anybody doing anything.
    pub retry: bool,
    /// What else the server lets us know.
    pub advice: Advice,
    /// What went wrong.
    pub source: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// A fault with a cause.
    pub fn new(reach: Reach, retry: bool, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            reach,
            retry,
            advice: Advice::default(),
            source: source.into(),
        }
    }

    /// The same with what the server lets us know besides.
    #[must_use]
    pub fn advised(self, advice: Advice) -> Self {
        Self { advice, ..self }
    }

    /// The same cause, reaching further.
    #[must_use]
    pub fn at_least(mut self, reach: Reach) -> Self {
        self.reach = self.reach.max(reach);
        self
    }
}

impl fmt::Display for Fault {
    /// The cause and the causes behind it, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        let mut behind = self.source.source();
        while let Some(cause) = behind {
            write!(f, ": {cause}")?;
            behind = cause.source();
        }
        Ok(())
    }
}

impl Error for Fault {}
