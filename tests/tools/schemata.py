"""Many mutants in one build: a function that is to be changed holds each changed body beside its own.

A variable of the environment says which of them is to run, MUTANT; without it all is as it was.
"""

import re

SWITCH = """
mod mutant_switch {
    static CHOSEN: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();

    pub(crate) fn on(number: usize) -> bool {
        let chosen = || std::env::var("MUTANT").ok().and_then(|text| text.parse().ok());
        *CHOSEN.get_or_init(chosen) == Some(number)
    }
}
"""
# What may hold braces that are none, each up to its end. A lifetime is taken along, as it begins like a character.
OPAQUE = re.compile(
    r"""
    (?P<line> //[^\n]* )
    | (?P<block> /\* )
    | \b[bc]?r(?P<hashes>\#*)" .*? "(?P=hashes)
    | \b[bc]?" (?: \\. | [^"\\] )* "
    | " (?: \\. | [^"\\] )* "
    | ' (?: \\ (?: u\{[^}]*\} | x.. | . ) | [^\\'] ) '
    | '\w+
    """,
    re.VERBOSE | re.DOTALL,
)


def end_of_comment(text, at):
    """Where the block comment ends that begins there; they may be nested."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def blank(text):
    """The same text, as long, with spaces for comments and literals: what braces are left are braces."""
    out, at = [], 0
    while found := OPAQUE.search(text, at):
        end = end_of_comment(text, found.start()) if found["block"] else found.end()
        out += [text[at : found.start()], " " * (end - found.start())]
        at = end
    return "".join(out) + text[at:]


def closing(bare, at):
    """Where the bracket ends that opens there."""
    depth = 0
    for mark in re.compile(r"[{}()\[\]]").finditer(bare, at):
        depth += 1 if mark[0] in "{([" else -1
        if depth == 0:
            return mark.end()
    raise ValueError("a bracket is not closed")


def functions(text):
    """Where each function begins, and where its body begins and ends."""
    bare = blank(text)
    for found in re.finditer(r"\bfn\s+\w+", bare):
        at = found.end()
        # Arguments and arrays may hold semicolons; what has a semicolon after them has no body.
        while bare[at] not in "{;":
            at = closing(bare, at) if bare[at] in "([" else at + 1
        if bare[at] == "{":
            yield found.start(), at, closing(bare, at)


def homes(text, mutants):
    """The functions in which they lie, each with its mutants. A function within another one is changed with that."""
    all_functions = list(functions(text))
    lying = {}
    for number, mutant in mutants.items():
        begin = text.index(mutant["find"])
        end = begin + len(mutant["find"])
        around = [function for function in all_functions if function[1] < begin and end < function[2]]
        if around:
            lying[number] = around
    own = {around[-1] for around in lying.values()}
    grouped = {}
    for number, around in lying.items():
        grouped.setdefault(next(function for function in around if function in own), []).append(number)
    return sorted(grouped.items())


def weave(text, mutants):
    """The text with each mutant in it that can be, and which lines are whose, the narrower before the wider."""
    out, narrow, wide, at = "", [], [], 0
    for (begin, opening, end), numbers in homes(text, mutants):
        body = text[opening:end]
        out += text[at:begin]
        first = out.count("\n") + 1
        out += text[begin:opening] + "{"
        for number in numbers:
            out += f"\nif crate::mutant_switch::on({number})\n"
            begun = out.count("\n") + 1
            out += body.replace(mutants[number]["find"], mutants[number]["put"])
            narrow.append((begun, out.count("\n") + 1, {number}))
            out += "\nelse "
        out += body + "}"
        wide.append((first, out.count("\n") + 1, set(numbers)))
        at = end
    return out + text[at:], narrow + wide


def lines_of(span):
    """Where the compiler points, as file and line; for what a macro made, also where that was called."""
    while span:
        yield span["file_name"], span["line_start"]
        span = (span["expansion"] or {}).get("span")


def culprits(errors, areas):
    """Whose lines the compiler complains of. `areas` are the lines of each file."""
    found = set()
    for error in errors:
        # What it complains of comes before what it only shows.
        spans = sorted(error["spans"], key=lambda span: not span["is_primary"])
        for name, line in (place for span in spans for place in lines_of(span)):
            owners = [numbers for first, last, numbers in areas.get(name, []) if first <= line <= last]
            if owners:
                found |= owners[0]
                break
    return found
