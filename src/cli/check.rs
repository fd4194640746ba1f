//! `check`: is the configuration right, and do the servers take us?

use std::fmt::Write as _;
use std::path::Path;

use super::args::CheckArgs;
use super::output::Output;
use super::render::{self, Table, Tone};
use super::reports::{AccountCheck, CheckReport, ConfigMistake, Problem};
use super::{Failure, Outcome, backend, block_on, read_config, selection, status};
use crate::auth::SecretSource;
use crate::config::{Account, Config, ConfigError, secret_key};
use crate::maildir::writable;

/// Runs the verb.
pub(super) fn run(
    args: &CheckArgs,
    file: Option<&Path>,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let config = match read_config(file) {
        Ok(config) => config,
        Err(error) => {
            if args.json {
                output.json(&of_mistakes(&error))?;
                output.finish()?;
            }
            return Err(error.into());
        }
    };
    let accounts = selection::accounts(&config, args.account.as_deref())?;
    let report = block_on(check(&config, &accounts, args.offline))?;
    if args.json {
        output.json(&report)?;
    } else {
        output.text(&text(&report, output.colour()))?;
    }
    let accounts = report.accounts.iter();
    let problems = accounts.map(|account| (account.name.as_str(), account.problems.as_slice()));
    let mut outcome = output.complain_of_all(problems);
    for hook in &report.hooks {
        if let Some(error) = &hook.error {
            let file = render::plain(&hook.file);
            output.note(&format!("mailferry: hook {file}: {}", render::lines(error)));
            // A script may come later, as the files of accounts may.
            if hook.readable || !args.offline {
                outcome = outcome.max(Outcome::Failed);
            }
        }
    }
    Ok(outcome)
}

async fn check(
    config: &Config,
    accounts: &[&Account],
    offline: bool,
) -> Result<CheckReport, Failure> {
    let checks = accounts
        .iter()
        .map(|account| check_account(config, account, offline));
    Ok(CheckReport {
        config: config.file.display().to_string(),
        state_dir: Some(config.state_dir.display().to_string()),
        mistakes: Vec::new(),
        accounts: futures_util::future::join_all(checks).await,
        hooks: backend::check_hooks(config, accounts).await,
    })
}

async fn check_account(config: &Config, account: &Account, offline: bool) -> AccountCheck {
    let mut server = None;
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    if offline {
        // The configuration is right; that the files are there is asked when they are needed.
        warnings = missing(account);
    } else {
        problems = missing(account);
        match backend::check(config, account).await {
            Ok(check) => server = Some(check),
            Err(failure) => problems.push(Problem::of_account(failure.to_string())),
        }
    }
    AccountCheck {
        name: account.name.to_string(),
        protocol: account.protocol.name().to_owned(),
        host: account.endpoint.host.clone(),
        port: account.endpoint.port,
        tls: account.endpoint.tls.name().to_owned(),
        user: account.user.clone(),
        password_from: secret_key(&account.secret).to_owned(),
        maildir: account.maildir.display().to_string(),
        server,
        warnings,
        problems,
    }
}

/// What the configuration names and the account could not be synced with.
fn missing(account: &Account) -> Vec<Problem> {
    let mut problems = missing_files(account);
    if let Err(error) = writable(&account.maildir) {
        let text = format!("accounts.{}.maildir: {error}", account.name);
        problems.push(Problem::of_account(text));
    }
    problems
}

/// Files that the configuration names and that cannot be opened.
fn missing_files(account: &Account) -> Vec<Problem> {
    let secret = match &account.secret {
        SecretSource::File(file) => Some(("password_file", file)),
        _ => None,
    };
    let ca = account
        .endpoint
        .ca_file
        .as_ref()
        .map(|file| ("tls_ca_file", file));
    let client = account.endpoint.certificate.as_ref();
    let client = client.into_iter().flat_map(|files| {
        [
            ("tls_client_cert", &files.certificate),
            ("tls_client_key", &files.key),
        ]
    });
    let named = secret.into_iter().chain(ca).chain(client);
    named
        .filter_map(|(key, file)| {
            let error = std::fs::File::open(file).err()?;
            let name = &account.name;
            let file = file.display();
            Some(Problem::of_account(format!(
                "accounts.{name}.{key}: cannot open {file}: {error}"
            )))
        })
        .collect()
}

/// The report of a configuration that cannot be used. (What it says is told on standard error as well.)
fn of_mistakes(error: &ConfigError) -> CheckReport {
    let (config, mistakes) = match error {
        ConfigError::Unreadable { file, .. } | ConfigError::Absent { file } => {
            (file.display().to_string(), Vec::new())
        }
        ConfigError::NoHome => (String::new(), Vec::new()),
        ConfigError::Invalid(errors) => {
            let mistakes = errors.mistakes.iter().map(|mistake| ConfigMistake {
                line: mistake.line,
                column: mistake.column,
                key: mistake.key.clone(),
                message: mistake.message.clone(),
                help: mistake.help.clone(),
            });
            (errors.file.display().to_string(), mistakes.collect())
        }
    };
    CheckReport {
        config,
        mistakes,
        ..CheckReport::default()
    }
}

fn text(report: &CheckReport, colour: bool) -> String {
    let fine = render::paint("is valid", Tone::Good, colour);
    let mut text = format!("{} {fine}\n", render::plain(&report.config));
    if let Some(state_dir) = &report.state_dir {
        let _ = writeln!(text, "state is kept in {}", render::plain(state_dir));
    }
    for hook in report.hooks.iter().filter(|hook| hook.error.is_none()) {
        let _ = writeln!(text, "hook {}: fine", render::plain(&hook.file));
    }
    for account in &report.accounts {
        let AccountCheck {
            name,
            protocol,
            host,
            port,
            tls,
            user,
            password_from,
            maildir,
            ..
        } = account;
        let (user, maildir) = (render::plain(user), render::plain(maildir));
        let _ = writeln!(
            text,
            "{name}: {protocol} {host}:{port} (tls {tls}), {user} ({password_from}), {maildir}"
        );
        for warning in &account.warnings {
            let _ = writeln!(text, "  warning: {}", render::plain(&warning.message));
        }
        if let Some(server) = &account.server {
            if let Some(software) = &server.software {
                let _ = writeln!(text, "  server: {}", render::plain(software));
            }
            let capabilities = render::plain(&server.capabilities.join(" "));
            let _ = writeln!(text, "  logged in; the server can: {capabilities}");
            let watch = status::watch_words(server.watch);
            let reason = render::plain(&server.watch_reason);
            let _ = writeln!(text, "  with `run` it is {watch} ({reason})");
            let mut table = Table::new(&["FEATURE", "USED", "WHY"], &[], colour);
            for feature in &server.features {
                let (used, tone) = if feature.used {
                    ("yes", Tone::Good)
                } else {
                    ("no", Tone::Plain)
                };
                table.row([
                    (&feature.name, Tone::Plain),
                    (used, tone),
                    (&feature.note, Tone::Plain),
                ]);
            }
            if !table.is_empty() {
                text.push_str(&table.render());
            }
        }
    }
    text
}
