//! The command line: arguments in, text or JSON out, an exit code.
//!
//! Each verb has a file. A verb reads the configuration, asks the running daemon ([`client`]), or else [`backend`], for a plain report
//! and renders it; it knows nothing of connections, folders or databases. Standard output carries the report and nothing else.

mod args;
pub mod backend;
mod bubble;
mod check;
mod client;
mod failure;
mod generate;
mod holds;
mod hooks;
mod import;
mod init;
mod logging;
mod mailboxes;
mod outcome;
mod output;
mod pause;
pub mod progress;
mod render;
pub mod reports;
mod run;
pub mod selection;
mod status;
mod sync;
mod times;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

pub use failure::Failure;
pub use outcome::Outcome;

use self::args::{Args, Command, NotifyCommand};
use self::output::Output;
use crate::config::{Config, ConfigError, Environment};
use crate::hooks::{KEEPER, keep};

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == KEEPER) {
        return keep(words);
    }
    // clap prints help, version and its own errors, and exits with 0 or 2.
    let args = Args::parse();
    let terminal = match args.verbosity() {
        ..0 => progress::Terminal::hidden(),
        _ => progress::Terminal::of_stderr(),
    };
    let dated = matches!(args.command, Command::Run);
    logging::start(args.verbosity(), dated, &terminal);
    let mut output = Output::stdout(args.verbosity());
    let result = dispatch(&args, &terminal, &mut output);
    let result = result.and_then(|outcome| {
        output.finish()?;
        Ok(outcome)
    });
    match result {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            output.complain(&failure);
            failure.outcome().into()
        }
    }
}

fn dispatch(
    args: &Args,
    terminal: &progress::Terminal,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let file = args.config.as_deref();
    match &args.command {
        Command::Completions { shell } => generate::completions(*shell, output),
        Command::Man => generate::man(output),
        Command::Hooks(command) => hooks::run(command, file, output),
        Command::Notify(NotifyCommand::Test) => bubble::test(output),
        Command::Init(wanted) => init::run(wanted, file, terminal, output),
        Command::Import(wanted) => import::run(wanted, file, output),
        Command::Check(wanted) => check::run(wanted, file, output),
        Command::Run => run::run(file),
        Command::Pause { account } => {
            let config = config_or_daemon(file, output)?;
            pause::pause(account.as_deref(), &config, output)
        }
        Command::Resume { account } => {
            let config = config_or_daemon(file, output)?;
            pause::resume(account.as_deref(), &config, output)
        }
        Command::Sync(wanted) => {
            sync::run(wanted, &config_or_daemon(file, output)?, terminal, output)
        }
        Command::Status(wanted) => status::run(wanted, &config_or_daemon(file, output)?, output),
        Command::Mailboxes(wanted) => mailboxes::run(wanted, &read_config(file)?, output),
        Command::Holds(wanted) => holds::list(wanted, &config_or_daemon(file, output)?, output),
        Command::Approve { id } => {
            holds::approve(id, &config_or_daemon(file, output)?, terminal, output)
        }
        Command::Restore { id } => holds::restore(id, &read_config(file)?, terminal, output),
    }
}

/// The configuration; while the daemon runs on what its file said before, a mistake in it is told and stops nobody.
fn config_or_daemon(file: Option<&Path>, output: &Output) -> Result<Config, Failure> {
    let mistake = match read_config(file) {
        Ok(config) => return Ok(config),
        Err(mistake) => Failure::from(mistake),
    };
    let environment = Environment::of_process();
    let file = file
        .map(Path::to_owned)
        .or_else(|| environment.config_file());
    let stand_in = file.and_then(|file| Config::stand_in(&file, &environment));
    let Some(stand_in) = stand_in else {
        return Err(mistake);
    };
    let running = block_on(async { Ok(client::look(&stand_in).await.ok().flatten().is_some()) });
    if !running? {
        return Err(mistake);
    }
    output.complain(&mistake);
    output.note("mailferry: the daemon goes on with the configuration that it has read before");
    Ok(stand_in)
}

/// Reads the configuration the user named, or the one in its usual place.
fn read_config(file: Option<&Path>) -> Result<Config, ConfigError> {
    let environment = Environment::of_process();
    let file: PathBuf = match file {
        Some(file) => file.to_owned(),
        None => environment.config_file().ok_or(ConfigError::NoHome)?,
    };
    Config::load(&file, &environment)
}

/// Runs something of the backend to its end, on this thread.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// The same, and whatever still keeps a thread is not waited for: looking up a name may take minutes. What has to be
/// whole on the disk must be that by then.
fn block_on_and_leave<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = tokio::task::LocalSet::new().block_on(&runtime, future);
    runtime.shutdown_background();
    result
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::block_on_and_leave;

    #[test]
    fn what_keeps_a_thread_does_not_hold_up_the_end() {
        let begun = Instant::now();
        let looked_up = || std::thread::sleep(Duration::from_secs(20));
        let ended = block_on_and_leave(async {
            drop(tokio::task::spawn_blocking(looked_up));
            // It has begun.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(())
        });
        ended.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
