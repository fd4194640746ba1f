//! `notify test`: whether notifications work here, and what they can do.

use std::fmt::Write as _;

use super::output::Output;
use super::{Failure, Outcome, block_on, render};
use crate::desktop::{self, Bus, Server, Trial};

/// Shows one notification, and says who shows it.
pub(super) fn test(output: &mut Output) -> Result<Outcome, Failure> {
    let trial = block_on(async { Ok(desktop::test(&Bus::Session).await?) })?;
    output.text(&report(&trial))?;
    Ok(Outcome::InSync)
}

/// What a server can do and mailferry makes use of, and what it means if it cannot.
const USES: [(&str, &str, &str); 5] = [
    (
        "body",
        "subject and text are shown",
        "only one line is shown",
    ),
    (
        "body-markup",
        "texts are escaped, since it reads markup",
        "texts are shown as they are",
    ),
    ("actions", "there are buttons", "there are no buttons"),
    ("sound", "new mail is heard", "new mail makes no sound"),
    (
        "persistence",
        "what was missed can be looked up",
        "what was missed is gone",
    ),
];

fn report(trial: &Trial) -> String {
    let Server {
        name,
        specification,
        capabilities,
        inhibited,
        ..
    } = &trial.server;
    let mut text = format!(
        "A notification was shown by {} (specification {}), number {}.\n\n",
        render::plain(name),
        render::plain(specification),
        trial.id
    );
    for (word, with, without) in USES {
        let known = capabilities.iter().any(|capability| capability == word);
        let (mark, meaning) = if known {
            ("yes", with)
        } else {
            ("no", without)
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {word:<12} {mark:<4} {meaning}");
    }
    let disturb = match inhibited {
        Some(true) => "on: notifications wait until it is off",
        Some(false) => "off",
        None => "the server does not tell; it holds notifications back by itself",
    };
    let _ = writeln!(text, "\nDo not disturb: {disturb}");
    text
}
