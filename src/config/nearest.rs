//! "Did you mean": the valid word that is closest to a wrong one.

/// The closest of `words` to `wrong`, if one is close enough to be what was meant.
///
/// A third of the longer word's letters may differ (at least one); a swap of two neighbours counts once, case does
/// not count.
pub fn nearest<'a>(wrong: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    // Nothing that people mistype is longer, and the distance costs the product of the lengths.
    if wrong.len() > 64 {
        return None;
    }
    words
        .into_iter()
        .map(|word| (distance(&wrong, &word.to_lowercase()), word))
        .filter(|(far, word)| {
            let longer = word.chars().count().max(wrong.chars().count());
            *far <= (longer / 3).max(1) && *far < longer
        })
        .min_by_key(|(far, _)| *far)
        .map(|(_, word)| word)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
pub(super) fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous_char = None;
    for (row, character) in from.chars().enumerate() {
        let mut line = Vec::with_capacity(to.len() + 1);
        line.push(row + 1);
        let mut left_char = None;
        for (column, &target) in to.iter().enumerate() {
            let substituted = at(&last, column) + usize::from(character != target);
            let inserted = at(&line, column) + 1;
            let deleted = at(&last, column + 1) + 1;
            let mut best = substituted.min(inserted).min(deleted);
            if previous_char == Some(target) && left_char == Some(character) && column > 0 {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            line.push(best);
            left_char = Some(target);
        }
        previous_char = Some(character);
        before_last = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or_default()
}

fn at(line: &[usize], column: usize) -> usize {
    line.get(column).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits_and_swaps() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("mäil", "mail"), 1);
    }

    #[test]
    fn a_close_word_is_found_and_a_far_one_is_not() {
        let keys = ["password", "password_command", "password_file", "port"];
        assert_eq!(nearest("pasword_comand", keys), Some("password_command"));
        assert_eq!(nearest("PORT", keys), Some("port"));
        assert_eq!(nearest("zebra", keys), None);
        assert_eq!(nearest("x", ["a"]), None);
        assert_eq!(nearest(&"p".repeat(10_000), keys), None);
    }
}
