//! Just enough of Rust's grammar to find paths: no macro is expanded, no name is looked up.

/// The code of a file: no comments, no literals, nothing behind `#[cfg(test)]`.
pub fn code(text: &str) -> String {
    without_tests(&without_comments_and_literals(text))
}

/// Lines with anything on them.
pub fn code_lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

/// Replaces comments and the content of literals with nothing; line ends of comments stay.
pub fn without_comments_and_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word_before = out
            .chars()
            .last()
            .is_some_and(|last| last.is_alphanumeric() || last == '_');
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !word_before) {
            out.push_str("\"\"");
            length
        } else if first == '"' {
            out.push_str("\"\"");
            quoted(rest)
        } else if let Some(length) = character(rest) {
            out.push_str("' '");
            length
        } else {
            out.push(first);
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        let step = if here.starts_with(b"/*") {
            depth += 1;
            2
        } else if here.starts_with(b"*/") {
            depth -= 1;
            2
        } else {
            1
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of `r"..."`, `r#"..."#`, and the same after `b` or `c`.
fn raw_string(text: &str) -> Option<usize> {
    let start = text.trim_start_matches(['b', 'c']);
    if text.len() - start.len() > 1 {
        return None;
    }
    let after = start.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body
        .find(&end)
        .map_or(body.len(), |found| found + end.len());
    Some(text.len() - body.len() + length)
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let mut characters = body.char_indices();
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next()?;
        let (start, _) = characters.next()?;
        return body[start..].find('\'').map(|end| start + end + 2);
    }
    let (at, second) = characters.next()?;
    (second == '\'').then_some(at + 2)
}

/// Takes out every item behind `#[cfg(test)]`: up to its closing brace or its semicolon.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        out.push_str(before);
        rest = &item[item_length(item)..];
    }
    out.push_str(rest);
    out
}

fn item_length(item: &str) -> usize {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (at, character) in item.char_indices() {
        match character {
            '{' => braces += 1,
            '}' => braces -= 1,
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            _ => {}
        }
        let over = character == '}' && braces == 0 && !item[at + 1..].trim_start().starts_with(';');
        if over && others == 0 {
            return at + 1;
        }
        if character == ';' && braces == 0 && others == 0 {
            return at + 1;
        }
    }
    item.len()
}

/// The modules that `#[cfg(test)] mod name;` declares in a file of this module.
pub fn test_modules(code: &str, module: &str) -> Vec<String> {
    let prefix = if matches!(module, "lib" | "main") {
        String::new()
    } else {
        format!("{module}::")
    };
    code.split("#[cfg(test)]")
        .skip(1)
        .filter_map(|item| {
            let head = item.get(..item.find([';', '{'])?)?;
            let name = head.trim().rsplit_once("mod ")?.1;
            item[head.len()..]
                .starts_with(';')
                .then(|| format!("{prefix}{}", name.trim()))
        })
        .collect()
}

/// Every path in the code: into this crate as `crate::room::...`, others as they are written.
pub fn paths(code: &str, module: &[String]) -> Vec<String> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // `use<'a>` behind `impl Trait` is no import.
        if tokens[at] == "use" && tokens.get(at + 1).is_some_and(|token| token != "<") {
            at = tree(&tokens, at + 1, &mut Vec::new(), &mut found);
        } else if is_word(&tokens[at]) || tokens[at] == "::" {
            let mut path = Vec::new();
            at = plain(&tokens, at, &mut path);
            if path.len() > 1 {
                found.push(path);
            }
        } else {
            at += 1;
        }
    }
    found
        .into_iter()
        .map(|path| resolved(path, module))
        .collect()
}

/// Words and `::`; every other character that matters is a token by itself.
fn tokens(code: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut rest = code.chars().peekable();
    while let Some(character) = rest.next() {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        if character == ':' && rest.peek() == Some(&':') {
            rest.next();
            out.push("::".to_owned());
        } else if !character.is_whitespace() {
            out.push(character.to_string());
        }
    }
    if !word.is_empty() {
        out.push(word);
    }
    out
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Reads `a::b::c` and gives the place after it; a leading `::` is skipped.
fn plain(tokens: &[String], mut at: usize, path: &mut Vec<String>) -> usize {
    if tokens[at] == "::" {
        at += 1;
    }
    while at < tokens.len() && is_word(&tokens[at]) {
        path.push(tokens[at].clone());
        at += 1;
        let goes_on = tokens.get(at).is_some_and(|token| token == "::")
            && tokens.get(at + 1).is_some_and(|token| is_word(token));
        if !goes_on {
            return at;
        }
        at += 1;
    }
    at.max(1)
}

/// Reads one `use` tree below a prefix and gives the place after it.
fn tree(
    tokens: &[String],
    mut at: usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let depth = prefix.len();
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens
                    .get(at)
                    .is_some_and(|token| !matches!(token.as_str(), "}" | ";"))
                {
                    at = tree(tokens, at, prefix, found);
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                prefix.truncate(depth);
                return at + 1;
            }
            "as" => at += 2,
            "," | "}" | ";" => break,
            "self" if !prefix.is_empty() => at += 1,
            word => {
                prefix.push(word.to_owned());
                at += 1;
            }
        }
    }
    found.push(prefix.clone());
    prefix.truncate(depth);
    at.min(tokens.len())
}

/// `super` and `self` are followed; what is left starts with `crate` if it led into this crate.
fn resolved(path: Vec<String>, module: &[String]) -> String {
    let mut place: Option<Vec<String>> = None;
    let mut rest = path.iter().peekable();
    while let Some(step) = rest.peek() {
        match step.as_str() {
            "crate" => place = Some(Vec::new()),
            "self" => place = Some(place.unwrap_or_else(|| module.to_vec())),
            "super" => {
                let mut from = place.unwrap_or_else(|| module.to_vec());
                from.pop();
                place = Some(from);
            }
            _ => break,
        }
        rest.next();
    }
    let inside = place.map(|place| std::iter::once("crate".to_owned()).chain(place));
    let head: Vec<String> = inside.map_or_else(Vec::new, Iterator::collect);
    head.into_iter()
        .chain(rest.cloned())
        .collect::<Vec<_>>()
        .join("::")
}
