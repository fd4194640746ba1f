//! `init`: an account from an address. Asks what it has to know, finds the server, tries the login, writes the
//! configuration.

mod ask;
mod find;
mod place;
mod trial;

use std::path::Path;

use super::args::{InitArgs, SyncArgs};
use super::output::Output;
use super::progress::Terminal;
use super::{Failure, Outcome, block_on, read_config, render, sync};
use crate::auth::Secret;
use crate::config::Tls;
use crate::setup::command;
use crate::setup::init::{
    Address, Draft, Found, Password, Protocol, Provider, Server, SignIn, Source, UserName, rules,
};
use ask::Asker;
use place::Place;
use trial::{Trial, Verdict};

/// Runs the verb.
pub(super) fn run(
    args: &InitArgs,
    config: Option<&Path>,
    terminal: &Terminal,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    refuse_what_is_missing(args)?;
    let place = Place::of(config)?;
    let asker = Asker::of(args.yes);
    let address = ask_address(args, &asker)?;
    let name = ask_name(args, &asker, &address, &place)?;
    let protocol = match args.protocol.as_deref() {
        Some("pop3") => Protocol::Pop3,
        _ => Protocol::Imap,
    };
    let (provider, found) = servers(args, &asker, &address, protocol, output)?;
    if let Some(advice) = provider.and_then(|provider| provider.advice.as_deref()) {
        output.note(advice);
    }
    let (password, typed) = ask_secret(args, &asker, provider, &name, &place)?;
    let maildir = match &args.maildir {
        Some(directory) => directory.clone(),
        None => asker.text("Maildir", Some(format!("~/Mail/{name}")), "--maildir")?,
    };
    let draft = Draft {
        name,
        server: first(&found)?.server.clone(),
        ca_file: args.tls_ca_file.clone(),
        user: String::new(),
        password,
        maildir,
        rules: Vec::new(),
    };
    let trial = Trial {
        place: &place,
        address: &address,
        user: args.user.as_deref(),
        typed,
    };
    let (draft, typed) = if args.offline {
        (trial.untried(draft, first(&found)?), trial.typed)
    } else {
        try_login(trial, draft, &found, &asker, output)?
    };
    finish(
        &draft,
        typed.as_ref(),
        &place,
        &asker,
        args.yes,
        terminal,
        output,
    )
}

fn refuse_what_is_missing(args: &InitArgs) -> Result<(), Failure> {
    if args.password_keyring.is_some() {
        return Err(Failure::NotYet(
            "the keyring; `--password-command` with secret-tool, or `--password-file`, works",
        ));
    }
    if args.oauth2 {
        return Err(Failure::NotYet(
            "signing in by OAuth 2.0 from `init`; write the account with `token_command`",
        ));
    }
    Ok(())
}

fn ask_address(args: &InitArgs, asker: &Asker) -> Result<Address, Failure> {
    let parsed = |text: &str| {
        text.parse::<Address>()
            .map_err(|error| format!("{}: {error}", render::plain(text)))
    };
    if let Some(text) = &args.email {
        return parsed(text).map_err(|error| Failure::Usage(format!("--email {error}")));
    }
    asker.until("Your mail address", None, "--email", parsed)
}

fn ask_name(
    args: &InitArgs,
    asker: &Asker,
    address: &Address,
    place: &Place,
) -> Result<String, Failure> {
    let free = |name: &str| place.is_free(name).map(|()| name.to_owned());
    if let Some(name) = &args.name {
        return free(name).map_err(Failure::Usage);
    }
    let usual = address.account_name();
    asker.until("A name for the account", Some(usual), "--name", free)
}

/// Where the account's server may be, the most likely place first; never empty.
fn servers(
    args: &InitArgs,
    asker: &Asker,
    address: &Address,
    protocol: Protocol,
    output: &Output,
) -> Result<(Option<&'static Provider>, Vec<Found>), Failure> {
    if let Some(host) = &args.host {
        return Ok((find::known(address), vec![said(args, host, protocol)]));
    }
    let (provider, found) = if args.offline {
        let provider = find::known(address);
        (provider, find::offline(provider, address, protocol))
    } else {
        block_on(async { Ok(find::find(address, protocol, output).await) })?
    };
    let agreed = |found: &Found| {
        let question = format!(
            "DNS names {} for {}. Anybody on the way could have put that there. Is it right?",
            found.server.host,
            address.domain()
        );
        asker.yes(&question, false)
    };
    let mut kept = Vec::new();
    for one in found {
        if !one.needs_consent(address) || agreed(&one)? {
            kept.push(one);
        } else {
            output.note(&format!(
                "{} is left out: DNS alone names it; `--host {}` agrees to it",
                one.server, one.server.host
            ));
        }
    }
    Ok((provider, kept))
}

fn said(args: &InitArgs, host: &str, protocol: Protocol) -> Found {
    let tls = match args.tls.as_deref() {
        Some("starttls") => Tls::Starttls,
        Some("none") => Tls::None,
        _ => Tls::Implicit,
    };
    Found {
        server: Server {
            protocol,
            host: host.to_owned(),
            port: args.port.unwrap_or_else(|| protocol.port(tls)),
            tls,
        },
        user: UserName::Address,
        source: Source::User,
    }
}

fn first(found: &[Found]) -> Result<&Found, Failure> {
    found.first().ok_or_else(|| {
        Failure::Usage(
            "no server was found; name it with --host, and --port and --tls if they are unusual"
                .to_owned(),
        )
    })
}

/// Where the password comes from; the password itself where it was typed.
fn ask_secret(
    args: &InitArgs,
    asker: &Asker,
    provider: Option<&Provider>,
    name: &str,
    place: &Place,
) -> Result<(Password, Option<Secret>), Failure> {
    if let Some(text) = &args.password_command {
        return Ok((Password::Command(command(text)), None));
    }
    if let Some(file) = &args.password_file {
        return Ok((Password::File(file.clone()), None));
    }
    if !asker.asks() {
        return Err(Failure::Usage(
            "where does the password come from? Say --password-command or --password-file"
                .to_owned(),
        ));
    }
    let token = provider.is_some_and(|provider| provider.sign_in == SignIn::Token);
    match asker.choose(
        "The password",
        &[
            "type it now; it is kept in a file that only you can read",
            "a command prints it, such as `pass show mail`",
            "a command prints an access token (pizauth, oama, ...)",
        ],
        if token { 2 } else { 0 },
    )? {
        0 => {
            let file = place.password_file(name)?;
            Ok((Password::File(file), Some(asker.password("Password")?)))
        }
        1 => {
            let text = asker.text("The command", None, "--password-command")?;
            Ok((Password::Command(command(&text)), None))
        }
        _ => {
            let text = asker.text("The command", None, "--password-command")?;
            Ok((Password::Token(command(&text)), None))
        }
    }
}

/// Logs in, asking again where something was wrong; the account as it works.
fn try_login(
    mut trial: Trial<'_>,
    mut draft: Draft,
    found: &[Found],
    asker: &Asker,
    output: &Output,
) -> Result<(Draft, Option<Secret>), Failure> {
    let mut name = None;
    loop {
        match block_on(trial.of_each(&draft, found, name.as_deref(), output))? {
            Verdict::In(account) => {
                output.note(&format!(
                    "Logged in: {} as {}",
                    account.server, account.user
                ));
                let listed = block_on(trial.mailboxes(&account))?;
                let rules = rules(&listed);
                for rule in rules.iter().filter_map(|rule| rule.strip_prefix('!')) {
                    output.note(&format!(
                        "{rule} stays out: it shows messages of other mailboxes again"
                    ));
                }
                return Ok((Draft { rules, ..*account }, trial.typed));
            }
            Verdict::Refused(account, why) => {
                output.note(&format!(
                    "mailferry: {}: {}",
                    account.server,
                    render::plain(&why)
                ));
                if !asker.asks() || !asker.yes("Try with another user name or password?", true)? {
                    return Err(Failure::Refused(
                        "the login was refused; nothing was written".to_owned(),
                    ));
                }
                draft.server = account.server;
                name = Some(asker.text("User name", Some(account.user), "--user")?);
                if trial.typed.is_some() {
                    trial.typed = Some(asker.password("Password")?);
                }
            }
            Verdict::Nowhere => {
                return Err(Failure::Refused(
                    "no server could be logged in to; name it with --host, and --port and --tls if they are unusual. \
                     Nothing was written"
                        .to_owned(),
                ));
            }
        }
    }
}

fn finish(
    draft: &Draft,
    typed: Option<&Secret>,
    place: &Place,
    asker: &Asker,
    yes: bool,
    terminal: &Terminal,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let text = draft.document().text();
    let target = place.target.display().to_string();
    if !yes {
        output.text(&text)?;
        if !asker.yes(&format!("Add this to {target}?"), asker.asks())? {
            output.note(&format!("Nothing was written; --yes adds it to {target}"));
            return Ok(Outcome::InSync);
        }
    }
    place.write(draft, &text, typed)?;
    output.report(&format!("{target}: added {}\n", draft.name))?;
    if asker.asks() && asker.yes("Sync it now?", true)? {
        let wanted = SyncArgs {
            targets: vec![draft.name.clone()],
            dry_run: false,
            json: false,
        };
        let config = read_config(Some(&place.target))?;
        let outcome = sync::run(&wanted, &config, terminal, output)?;
        ask::offer_unit(asker, place, output)?;
        return Ok(outcome);
    }
    output.report("Next: mailferry sync --dry-run, then mailferry sync, then systemctl --user enable --now mailferry\n")?;
    Ok(Outcome::InSync)
}
