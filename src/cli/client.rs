//! The running daemon, asked to do what would otherwise be done here.

use serde::de::DeserializeOwned;

use super::Failure;
use super::reports::{HoldReport, StatusReport, SyncReport};
use crate::config::{Config, Environment};
use crate::control::{Client, ControlError, Place, RefusalKind, Request, Signals, connect};

/// The daemon of this configuration.
#[derive(Debug)]
pub(super) struct Daemon(Client);

/// Where the daemon of this configuration is, or would be.
pub(super) fn place(config: &Config) -> Place {
    let runtime_dir = Environment::of_process().runtime_dir;
    Place::new(runtime_dir.as_deref(), &config.state_dir, &config.file)
}

/// Looks for the daemon.
///
/// # Errors
/// One is there and cannot be spoken to.
pub(super) async fn look(config: &Config) -> Result<Option<Daemon>, ControlError> {
    Ok(connect(&place(config)).await?.map(Daemon))
}

/// Looks for the daemon. One that cannot be spoken to is complained of, and counts as none: the state can be read all
/// the same, and accounts that it has locked stay locked.
pub(super) async fn find(config: &Config) -> Option<Daemon> {
    look(config).await.unwrap_or_else(|error| {
        tracing::warn!("{error}; going on without it");
        None
    })
}

/// The daemon, which has to be there.
///
/// # Errors
/// [`Failure::NoDaemon`], or it cannot be spoken to.
pub(super) async fn required(config: &Config) -> Result<Daemon, Failure> {
    look(config).await?.ok_or(Failure::NoDaemon)
}

impl Daemon {
    /// Waits until the very mailboxes asked for have been synced.
    pub(super) async fn sync(
        &mut self,
        targets: Vec<String>,
        dry_run: bool,
    ) -> Result<SyncReport, Failure> {
        self.ask(Request::Sync { targets, dry_run }).await
    }

    pub(super) async fn status(&mut self) -> Result<StatusReport, Failure> {
        self.ask(Request::Status).await
    }

    pub(super) async fn holds(&mut self) -> Result<Vec<HoldReport>, Failure> {
        self.ask(Request::Holds).await
    }

    /// Asks for something that has no answer.
    pub(super) async fn tell(&mut self, request: Request) -> Result<(), Failure> {
        self.ask(request).await
    }

    /// What it tells from now on.
    pub(super) async fn signals(&self) -> Result<Signals, Failure> {
        Ok(self.0.signals().await?)
    }

    async fn ask<T: DeserializeOwned>(&mut self, request: Request) -> Result<T, Failure> {
        let text = self
            .0
            .call(request)
            .await?
            .map_err(|refusal| match refusal.kind {
                RefusalKind::Usage => Failure::Usage(refusal.message),
                RefusalKind::Failed => Failure::Refused(refusal.message),
            })?;
        serde_json::from_str(&text).map_err(Failure::Answer)
    }
}
