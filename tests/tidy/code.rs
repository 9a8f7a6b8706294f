//! Rust sources as the rules look at them: comments and texts blanked out, tests cut off, paths picked out.
//!
//! 1. Blanking keeps every line where it is, so that places are right.
//! 2. This is no parser: it knows comments, literals and braces, which is what the rules need.

/// Blanks what `blank` says, keeping line ends.
fn space_out(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// The code alone: comments and the insides of literals become spaces.
pub fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = comment(rest).or_else(|| literal(rest, out.chars().next_back())).unwrap_or(0);
        let (token, after) = rest.split_at(length.max(first.len_utf8()));
        if length == 0 {
            out.push_str(token);
        } else {
            out.push_str(&space_out(token));
        }
        rest = after;
    }
    out
}

/// Length of the comment that begins here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.strip_prefix("/*").map(|inside| inside.find("*/").map_or(rest.len(), |end| end + 4))
}

/// Length of the text or character that begins here. `before` is what stands before it: the `r` in `bar"` is part of
/// a name.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !in_name || before == Some('b')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(inside) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(inside.find(&end).map_or(rest.len(), |at| 2 + hashes + at + end.len()));
        }
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = &rest[1..];
    if quote == '\'' && !inside.starts_with('\\') && inside.chars().nth(1) != Some('\'') {
        return None; // a lifetime
    }
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if c == quote && !escaped {
            return Some(at + 2);
        }
        escaped = c == '\\' && !escaped;
    }
    Some(rest.len())
}

/// The code without its inline test modules, and without anything if the whole file is a test.
pub fn product(path: &str, text: &str) -> String {
    let is_test = path.ends_with("/tests.rs") || path.ends_with("/models.rs") || path.contains("/tests/");
    let mut code = code(text);
    if is_test {
        return space_out(&code);
    }
    while let Some(at) = code.find("#[cfg(test)]") {
        let length = item_len(&code[at..]);
        let blank = space_out(&code[at..at + length]);
        code.replace_range(at..at + length, &blank);
    }
    code
}

/// Length of the item that begins here: to its `;`, or to the brace that closes its first one.
fn item_len(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Offsets at which `word` stands in `code`, not as a part of a longer word.
pub fn words(code: &str, word: &str) -> Vec<usize> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let starts_name = word.starts_with(is_name);
    let ends_name = word.ends_with(is_name);
    let found = code.match_indices(word).map(|(at, _)| at);
    found
        .filter(|at| {
            let before = code[..*at].chars().next_back().is_some_and(is_name) && starts_name;
            let after = code[at + word.len()..].chars().next().is_some_and(is_name) && ends_name;
            !before && !after
        })
        .collect()
}

/// The line on which an offset lies, from one on.
pub fn line_of(code: &str, offset: usize) -> usize {
    code[..offset].matches('\n').count() + 1
}

#[test]
fn comments_and_literals_are_blanked_and_lines_stay() {
    let text = "a // fs\nb /* std::fs\n */ c \"un\\\"safe\" d 'x' e<'f>(r#\"g\"h\"#) b\"i\" '\\'' j";
    let blanked = code(text);
    assert_eq!(blanked.split_whitespace().collect::<Vec<_>>().join(""), "abcde<'f>()bj");
    assert_eq!(blanked.matches('\n').count(), text.matches('\n').count());
}

#[test]
fn tests_are_cut_off_and_nothing_else() {
    let text =
        "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { if c {} }\n}\nfn d() {}\n#[cfg(test)]\nmod e;\nfn f() {}";
    assert_eq!(
        product("src/x.rs", text).split_whitespace().collect::<Vec<_>>(),
        ["fn", "a()", "{}", "fn", "d()", "{}", "fn", "f()", "{}"]
    );
    assert_eq!(product("src/x/tests.rs", text).trim(), "");
    assert_eq!(words("un unsafe unsafe_code (unsafe)", "unsafe"), [3, 23]);
    assert_eq!(line_of("a\nb\nc", 4), 3);
}
