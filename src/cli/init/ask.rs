//! Questions at the terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, Input, Select};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use super::place::Place;
use crate::auth::Secret;
use crate::cli::Failure;
use crate::cli::output::Output;

/// The exit code after Ctrl-C, as shells count it.
const INTERRUPTED: i32 = 130;

/// Asks where there is a terminal to ask at, and takes what is usual where there is none.
pub(super) struct Asker {
    asks: bool,
}

impl Asker {
    /// `never`: nothing is asked, terminal or not.
    pub(super) fn of(never: bool) -> Self {
        let asks = !never && io::stdin().is_terminal() && io::stderr().is_terminal();
        if asks {
            leave_tidily();
        }
        Self { asks }
    }

    /// Whether anything can be asked.
    pub(super) fn asks(&self) -> bool {
        self.asks
    }

    /// A line of text. Where nothing can be asked, what is usual; nothing is usual: `flag` is missing.
    pub(super) fn text(
        &self,
        prompt: &str,
        usual: Option<String>,
        flag: &str,
    ) -> Result<String, Failure> {
        if !self.asks {
            return usual.ok_or_else(|| {
                Failure::Usage(format!(
                    "{flag} is missing, and there is no terminal to ask at"
                ))
            });
        }
        let theme = ColorfulTheme::default();
        let mut input = Input::<String>::with_theme(&theme).with_prompt(prompt);
        if let Some(usual) = usual {
            input = input.default(usual);
        }
        input.interact_text().map_err(unread)
    }

    /// The same, again and again until it is right; an error says why it is not.
    pub(super) fn until<T>(
        &self,
        prompt: &str,
        usual: Option<String>,
        flag: &str,
        right: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        loop {
            match right(&self.text(prompt, usual.clone(), flag)?) {
                Ok(value) => return Ok(value),
                Err(why) if self.asks => say(&format!("{why}\n")),
                Err(why) => return Err(Failure::Usage(why)),
            }
        }
    }

    /// A question to be answered with yes or no.
    pub(super) fn yes(&self, prompt: &str, usual: bool) -> Result<bool, Failure> {
        if !self.asks {
            return Ok(usual);
        }
        let theme = ColorfulTheme::default();
        let confirm = Confirm::with_theme(&theme)
            .with_prompt(prompt)
            .default(usual);
        confirm.interact().map_err(unread)
    }

    /// One of several; its place in the list.
    pub(super) fn choose(
        &self,
        prompt: &str,
        items: &[&str],
        usual: usize,
    ) -> Result<usize, Failure> {
        if !self.asks {
            return Ok(usual);
        }
        let theme = ColorfulTheme::default();
        let select = Select::with_theme(&theme)
            .with_prompt(prompt)
            .items(items)
            .default(usual);
        select.interact().map_err(unread)
    }

    /// A password, which is not shown.
    pub(super) fn password(&self, prompt: &str) -> Result<Secret, Failure> {
        let theme = ColorfulTheme::default();
        let typed = dialoguer::Password::with_theme(&theme)
            .with_prompt(prompt)
            .interact();
        typed.map(Secret::new).map_err(unread)
    }
}

/// Standard error is where questions are.
fn say(text: &str) {
    // Nobody reads it if this fails.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn unread(error: dialoguer::Error) -> Failure {
    Failure::Refused(format!(
        "no answer could be read: {error}; nothing was written"
    ))
}

/// Ctrl-C ends the program at once, with the terminal as it was: while a password is typed, it shows nothing.
fn leave_tidily() {
    let before: Option<Termios> = tcgetattr(io::stdin()).ok();
    let (ready, listening) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else {
            return;
        };
        let interrupted = runtime.block_on(async {
            let mut signals = signal(SignalKind::interrupt()).ok()?;
            // Nobody waits for this any more if it fails.
            let _ = ready.send(());
            signals.recv().await
        });
        if interrupted.is_some() {
            if let Some(before) = before {
                // It is on its way out in any case.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
            }
            say("\x1b[?25h\nNothing was written.\n");
            std::process::exit(INTERRUPTED);
        }
    });
    // Without a thread that listens, Ctrl-C ends the program as ever.
    let _ = listening.recv();
}

/// Offers to have systemd run the daemon, where it knows how.
pub(super) fn offer_unit(asker: &Asker, place: &Place, output: &mut Output) -> Result<(), Failure> {
    let usual = place.environment.config_file().as_ref() == Some(&place.target);
    let home = &place.home;
    let places = [
        home.join(".config/systemd/user"),
        home.join(".local/share/systemd/user"),
        "/etc/systemd/user".into(),
        "/usr/local/lib/systemd/user".into(),
        "/usr/lib/systemd/user".into(),
    ];
    let is_there = |place: &std::path::PathBuf| place.join("mailferry.service").exists();
    let running = Path::new("/run/systemd/system").exists();
    if !usual || !running || !places.iter().any(is_there) {
        return output.report("Next: mailferry run keeps it in sync all the time\n");
    }
    const WORDS: [&str; 4] = ["--user", "enable", "--now", "mailferry"];
    if asker.yes(
        "Keep it in sync all the time (systemctl --user enable --now mailferry)?",
        true,
    )? {
        let done = Command::new("systemctl").args(WORDS).status();
        if !done.is_ok_and(|status| status.success()) {
            return Err(Failure::Refused(
                "systemctl could not start the daemon".to_owned(),
            ));
        }
    }
    Ok(())
}
