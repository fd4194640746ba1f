//! What is said before anything else: who we are, what is to be switched on, and where the mailboxes are.

use tokio::io::{AsyncRead, AsyncWrite};

use super::Session;
use crate::imap::command::Command;
use crate::imap::error::Error;
use crate::imap::exchange::Outcome;
use crate::imap::response::Personal;
use crate::sync::Naming;

/// How far NAMESPACE (RFC 2342) has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    /// Not sent.
    Unasked,
    /// Sent.
    Asked,
    /// Answered.
    Told,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Switches on what the server offers of QRESYNC, CONDSTORE and UTF8=ACCEPT (RFC 5161). The first call does it by
    /// itself, in the same flight where it can.
    ///
    /// # Errors
    /// The stream broke, or the server does not answer NAMESPACE although the names of mailboxes depend on it. Another
    /// refusal only means that nothing is enabled.
    pub async fn prepare(&mut self) -> Result<(), Error> {
        let opening = self.opening(false);
        if !opening.is_empty() {
            let outcomes = self.run(&opening, |_| {}).await?;
            self.opened(&outcomes)?;
        }
        Ok(())
    }

    /// What is to be sent before anything else: who we are (RFC 2971; some servers want to know), ENABLE, and NAMESPACE
    /// if nobody has asked yet, or where it goes along with a LIST. Once.
    pub(crate) fn opening(&mut self, listing: bool) -> Vec<Command> {
        if std::mem::replace(&mut self.opened, true) {
            return Vec::new();
        }
        let introduction = self.capabilities.has("ID").then(|| {
            let version = env!("CARGO_PKG_VERSION");
            let words =
                format_args!("(\"name\" \"mailferry\" \"version\" \"{version}\")").to_string();
            Command::new("ID", "ID ").text(words)
        });
        let enable = self
            .capabilities
            .has("ENABLE")
            .then(|| self.enable_command());
        let asks = self.offers("NAMESPACE") && (listing || !self.options.names.knows_namespace());
        let namespace = asks.then(|| {
            self.namespace = Namespace::Asked;
            Command::new("NAMESPACE", "NAMESPACE")
        });
        let commands = introduction.into_iter().chain(enable.flatten());
        commands.chain(namespace).collect()
    }

    /// Looks at what became of the opening. Without an answer to NAMESPACE a name that is called without its prefix
    /// here would mean another mailbox.
    pub(crate) fn opened(&mut self, outcomes: &[Outcome]) -> Result<(), Error> {
        if self.namespace != Namespace::Asked {
            return Ok(());
        }
        self.namespace = Namespace::Unasked;
        let answer = outcomes.iter().find(|one| one.is_of("NAMESPACE"));
        let words = answer.map(|answer| answer.status.words.to_string());
        let words = words.unwrap_or_default();
        if self.options.names.naming() == Some(Naming::Short) {
            return Err(Error::NoNamespace(words));
        }
        tracing::debug!(%words, "NAMESPACE is offered and not answered, going on without");
        Ok(())
    }

    /// Takes over an answer to NAMESPACE.
    pub(super) fn note_namespace(&mut self, personal: Option<&Personal>) {
        if self.namespace == Namespace::Asked {
            self.namespace = Namespace::Told;
            self.options.names.learn_namespace(personal);
        }
    }

    fn enable_command(&self) -> Option<Command> {
        let mut wanted = Vec::new();
        if self.capabilities.has("QRESYNC") {
            wanted.push("QRESYNC");
        } else if self.capabilities.has("CONDSTORE") {
            wanted.push("CONDSTORE");
        }
        if self.capabilities.has("UTF8=ACCEPT") || self.capabilities.has("UTF8=ONLY") {
            wanted.push("UTF8=ACCEPT");
        }
        (!wanted.is_empty()).then(|| Command::new("ENABLE", "ENABLE ").text(wanted.join(" ")))
    }
}
