//! What holds for any configuration: see [`crate::fuzz`].

use std::path::Path;

use super::{Config, Environment};

/// A configuration file.
///
/// It is read or refused, the same way each time; each mistake has a place inside the file and is fit for a terminal.
pub fn config(data: &[u8]) {
    let environment = Environment {
        home: Some("/nowhere/home".into()),
        ..Environment::default()
    };
    let parse = || Config::parse(data, Path::new("/nowhere/c.toml"), true, &environment);
    match (parse(), parse()) {
        (Ok(one), Ok(other)) => {
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
            assert!(!one.accounts.is_empty());
        }
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            assert!(!one.mistakes.is_empty());
            let text = String::from_utf8_lossy(data);
            let lines = text.matches('\n').count() + 1;
            let shown = one.to_string();
            for mistake in &one.mistakes {
                assert!((1..=lines).contains(&mistake.line), "{mistake:?}");
                let line = text.split('\n').nth(mistake.line - 1).unwrap_or_default();
                assert!(mistake.column >= 1, "{mistake:?}");
                assert!(mistake.column <= line.chars().count() + 1, "{mistake:?}");
                assert!(!mistake.message.is_empty());
                let place = format!("c.toml:{}:{}: ", mistake.line, mistake.column);
                assert!(shown.contains(&place), "{shown}");
            }
            let plain = |letter: char| letter == '\n' || !letter.is_control();
            assert!(shown.chars().all(plain), "{shown:?}");
        }
        _ => unreachable!("read once and refused once"),
    }
}
