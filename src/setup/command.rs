//! Commands as people write them.

/// A shell's command, as program and arguments where it needs no shell.
#[must_use]
pub fn command(text: &str) -> Vec<String> {
    let plain = |character: char| character.is_alphanumeric() || "_-./:=@%+,~ ".contains(character);
    let words: Vec<&str> = text.split_whitespace().collect();
    let needs_shell = !text.chars().all(plain)
        || words.is_empty()
        || words.iter().skip(1).any(|word| word.starts_with('~'))
        || words.first().is_some_and(|word| word.contains('='));
    if needs_shell {
        return ["sh", "-c", text].map(str::to_owned).to_vec();
    }
    words.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn only_what_needs_a_shell_gets_one() {
        assert_eq!(
            command("pass show  mail/work"),
            ["pass", "show", "mail/work"]
        );
        for text in [
            "pass a | head -n1",
            "gpg -d ~/x",
            "A=b pass",
            "echo \"x\"",
            "cat $F",
        ] {
            assert_eq!(command(text), ["sh", "-c", text]);
        }
    }
}
