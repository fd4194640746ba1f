//! Trying the login, before anything is written.

use std::time::Duration;

use super::place::Place;
use crate::auth::{Secret, SecretSource};
use crate::cli::output::Output;
use crate::cli::{Failure, backend, render};
use crate::config::{Config, ConfigErrors};
use crate::setup::init::{Address, Draft, Found, Listed};

/// A server that is there answers sooner.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a login is tried with.
pub(super) struct Trial<'a> {
    pub(super) place: &'a Place,
    pub(super) address: &'a Address,
    /// The user name that was said.
    pub(super) user: Option<&'a str>,
    /// The password that was typed.
    pub(super) typed: Option<Secret>,
}

/// What came of it.
pub(super) enum Verdict {
    /// The account as it works.
    In(Box<Draft>),
    /// A server is there and does not take the login.
    Refused(Box<Draft>, String),
    /// There is no server.
    Nowhere,
}

impl Trial<'_> {
    /// Tries one server after the other, until one has an opinion of the login.
    pub(super) async fn of_each(
        &self,
        draft: &Draft,
        found: &[Found],
        name: Option<&str>,
        output: &Output,
    ) -> Result<Verdict, Failure> {
        // Once a server was found, a mistake in the password is no reason to look for another one.
        let settled = found
            .iter()
            .filter(|one| name.is_none() || one.server == draft.server);
        for one in settled {
            let mut account = self.untried(draft.clone(), one);
            if let Some(name) = name {
                name.clone_into(&mut account.user);
            }
            output.note(&format!("Trying {} ({})", one.server, one.source));
            let config = self.config(&account)?;
            let Some(tried) = config.accounts.first() else {
                continue;
            };
            match backend::check(&config, tried).await {
                Ok(_) => return Ok(Verdict::In(Box::new(account))),
                Err(fault) if fault.advice.barred => {
                    return Ok(Verdict::Refused(Box::new(account), fault.to_string()));
                }
                Err(fault) => output.note(&format!("  {}", render::plain(&fault.to_string()))),
            }
        }
        Ok(Verdict::Nowhere)
    }

    /// The account with this server, and with the name that the user has there.
    pub(super) fn untried(&self, draft: Draft, found: &Found) -> Draft {
        let said = self.user.map(str::to_owned);
        Draft {
            server: found.server.clone(),
            user: said.unwrap_or_else(|| found.user.of(self.address)),
            ..draft
        }
    }

    /// The mailboxes of the account that works; none of a POP3 account.
    pub(super) async fn mailboxes(&self, account: &Draft) -> Result<Vec<Listed>, Failure> {
        let config = self.config(account)?;
        let Some(tried) = config.accounts.first() else {
            return Ok(Vec::new());
        };
        let report = backend::mailboxes(&config, tried).await?;
        let each = report.mailboxes.into_iter().map(|mailbox| Listed {
            name: mailbox.name,
            role: mailbox.role,
        });
        Ok(each.collect())
    }

    /// A configuration of this account alone.
    fn config(&self, account: &Draft) -> Result<Config, Failure> {
        let text = account.document().text();
        let config = Config::parse(
            text.as_bytes(),
            &self.place.target,
            false,
            &self.place.environment,
        );
        let mut config = config.map_err(|errors| Failure::Usage(mistakes(&errors)))?;
        for account in &mut config.accounts {
            account.timeout = PATIENCE;
            if let Some(secret) = &self.typed {
                account.secret = SecretSource::Plain(secret.clone());
            }
        }
        Ok(config)
    }
}

/// What is wrong with an account, without places in a file that nobody has seen.
fn mistakes(errors: &ConfigErrors) -> String {
    let each = errors
        .mistakes
        .iter()
        .map(|mistake| format!("{}: {}", mistake.key, mistake.message));
    each.collect::<Vec<_>>().join("\n")
}
