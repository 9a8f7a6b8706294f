//! The golden vectors: the blocks of docs/format.md that begin with "```hex NAME". In them `#` begins a comment that
//! goes to the end of the line.

use std::collections::BTreeMap;

/// The UUID of the store that the vectors of its files are of.
pub(crate) const STORE: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// All vectors of docs/format.md, by name.
pub(crate) fn vectors() -> BTreeMap<&'static str, Vec<u8>> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/format.md"));
    let mut vectors = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("```hex ") else { continue };
        let body = lines.by_ref().take_while(|line| *line != "```");
        let twice = vectors.insert(name, body.flat_map(bytes_of).collect());
        assert_eq!(twice, None, "docs/format.md has the vector {name:?} twice");
    }
    vectors
}

fn bytes_of(line: &str) -> Vec<u8> {
    let digits: Vec<char> = line.split('#').next().unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16);
    digits.chunks(2).map(|pair| byte(pair).unwrap_or_else(|_| panic!("not hex in docs/format.md: {line:?}"))).collect()
}

/// Compares what the code writes with the vector of docs/format.md, and shows what should stand there.
pub(crate) fn check(name: &str, written: &[u8]) {
    let lines: Vec<String> = written
        .chunks(8)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect();
    let in_document = vectors().remove(name);
    assert_eq!(
        in_document.as_deref(),
        Some(written),
        "docs/format.md should have:\n```hex {name}\n{}\n```\nA change to the format changes the version too.",
        lines.join("\n")
    );
}
