//! `completions` and `man`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::{AFTER_HELP, Args};
use super::output::Output;
use super::{Failure, Outcome};

/// Prints a completion script.
pub(super) fn completions(shell: Shell, output: &mut Output) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "mailferry", &mut script);
    output.bytes(&script)?;
    Ok(Outcome::InSync)
}

/// Prints the manual page: the program's, then what each command takes.
pub(super) fn man(output: &mut Output) -> Result<Outcome, Failure> {
    let mut command = Args::command();
    command.build();
    let mut page = Vec::new();
    let main = clap_mangen::Man::new(command.clone())
        .section("1")
        .source(concat!("mailferry ", env!("CARGO_PKG_VERSION")));
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    for verb in command.get_subcommands() {
        describe(verb, &mut page);
    }
    for section in AFTER_HELP.split("\n\n") {
        page.extend_from_slice(listing(section).as_bytes());
    }
    output.bytes(&page)?;
    Ok(Outcome::InSync)
}

fn describe(verb: &clap::Command, page: &mut Vec<u8>) {
    if verb.get_name() == "help" {
        return;
    }
    let mut lines = String::new();
    let usage = verb.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    lines.push_str(&format!(".SS {}\n", roff(usage)));
    if let Some(about) = verb.get_about() {
        lines.push_str(&format!("{}.\n", roff(&about.to_string())));
    }
    for argument in verb.get_arguments() {
        let own =
            !argument.is_global_set() && !["help", "version"].contains(&argument.get_id().as_str());
        if let Some(help) = argument.get_help().filter(|_| own) {
            lines.push_str(&format!(
                ".TP\n\\fB{}\\fR\n{}.\n",
                roff(argument.to_string().trim()),
                roff(&help.to_string())
            ));
        }
    }
    page.extend_from_slice(lines.as_bytes());
    for verb in verb.get_subcommands() {
        describe(verb, page);
    }
}

/// A head line and lines that stay as they are.
fn listing(section: &str) -> String {
    let (head, lines) = section.split_once('\n').unwrap_or((section, ""));
    let mut text = format!(".SH {}\n.nf\n", head.trim_end_matches(':').to_uppercase());
    for line in lines.lines() {
        text.push_str(&roff(line.trim_start()));
        text.push('\n');
    }
    text.push_str(".fi\n");
    text
}

/// Text for roff: no line is taken for a request, and hyphens stay hyphens.
fn roff(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\n', " ");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}
