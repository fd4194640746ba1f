//! `import`: a configuration from that of another mail program.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::ImportArgs;
use super::output::Output;
use super::{Failure, Outcome, render};
use crate::config::{ConfigError, Environment};
use crate::setup::Document;
use crate::setup::file::{self, FileError};
use crate::setup::import::{Context, Tool, stem};

/// Larger than any configuration, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Prints the configuration, or adds it to ours.
pub(super) fn run(
    wanted: &ImportArgs,
    config: Option<&Path>,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let environment = Environment::of_process();
    let home = environment.home.clone().ok_or(ConfigError::NoHome)?;
    let source = match &wanted.file {
        Some(file) => file.clone(),
        None => usual_place(wanted.tool, &home)?,
    };
    let target = match config {
        Some(file) => file.to_owned(),
        None => environment.config_file().ok_or(ConfigError::NoHome)?,
    };
    let text = read(&source)?;
    let directory = shown(target.parent().unwrap_or_else(|| Path::new("")), &home);
    let stem = stem(&source);
    let folders = |root: &str| folders_below(&expand(root, &home));
    let context = Context {
        stem: &stem,
        directory: &directory,
        folders: &folders,
    };
    let document = wanted
        .tool
        .convert(&text, &context)
        .map_err(|error| Failure::Usage(format!("{}: {error}", source.display())))?;
    for note in document.notes() {
        let note_text = render::plain(&note.text);
        output.note(&format!("{}:{}: {note_text}", source.display(), note.line));
    }
    if wanted.write {
        write(&document, &target, &home, &environment)?;
        let names: Vec<&str> = document.accounts().collect();
        output.report(&format!(
            "{}: added {}\nNext: mailferry check, then mailferry sync --dry-run\n",
            target.display(),
            names.join(", ")
        ))?;
    } else {
        output.text(&document.text())?;
    }
    Ok(Outcome::InSync)
}

fn usual_place(tool: Tool, home: &Path) -> Result<PathBuf, Failure> {
    let places = tool.places();
    let found = places
        .iter()
        .map(|place| home.join(place))
        .find(|place| place.exists());
    found.ok_or_else(|| {
        let places: Vec<String> = places.iter().map(|place| format!("~/{place}")).collect();
        Failure::Usage(format!(
            "there is no configuration of {} in {}; name its file",
            tool.name(),
            places.join(" or ")
        ))
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::Usage(format!("cannot read {}: {why}", file.display()));
    let size = fs::metadata(file)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size > LARGEST {
        return Err(failed(
            "it is larger than 1 MiB, which is no configuration".to_owned(),
        ));
    }
    let bytes = fs::read(file).map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| failed("it is not in UTF-8".to_owned()))
}

fn write(
    document: &Document,
    target: &Path,
    home: &Path,
    environment: &Environment,
) -> Result<(), Failure> {
    let names: Vec<&str> = document.accounts().collect();
    file::add(target, &document.text(), &names, environment).map_err(refused)?;
    for password in document.passwords() {
        file::put_secret(&expand(&password.file, home), &password.secret).map_err(refused)?;
    }
    Ok(())
}

pub(super) fn refused(error: FileError) -> Failure {
    match error {
        FileError::Io { .. } => Failure::Refused(error.to_string()),
        FileError::Taken { .. } | FileError::Invalid(_) => Failure::Usage(error.to_string()),
    }
}

/// A path with `~/` for the home directory, as users write it.
pub(super) fn shown(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(below) => format!("~/{}", below.display()),
        Err(_) => path.display().to_string(),
    }
}

pub(super) fn expand(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(below) => home.join(below),
        None if path == "~" => home.to_owned(),
        None => home.join(path),
    }
}

/// The directories below this one that have a `cur`, relative to it, sorted. What cannot be read has none.
fn folders_below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_directory || ["cur", "new", "tmp"].iter().any(|it| name == *it) {
                continue;
            }
            if let (true, Ok(below)) = (path.join("cur").is_dir(), path.strip_prefix(root)) {
                found.extend(below.to_str().map(str::to_owned));
            }
            waiting.push(path);
        }
    }
    found.sort();
    found
}
