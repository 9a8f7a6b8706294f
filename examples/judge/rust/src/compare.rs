//! Outputs, token by token or byte by byte.

/// How much of a token is shown.
const SHOWN_BYTES: usize = 40;

/// How outputs are compared.
#[derive(Default)]
pub struct Rules {
    case_sensitive: bool,
    space_sensitive: bool,
    absolute: Option<f64>,
    relative: Option<f64>,
}

impl Rules {
    /// What a package's flags ask for.
    pub fn new(flags: &[String]) -> Rules {
        let mut rules = Rules::default();
        let mut flags = flags.iter().peekable();
        while let Some(flag) = flags.next() {
            let (absolute, relative) = match flag.as_str() {
                "case_sensitive" => {
                    rules.case_sensitive = true;
                    continue;
                }
                "space_change_sensitive" => {
                    rules.space_sensitive = true;
                    continue;
                }
                "float_tolerance" => (true, true),
                "float_absolute_tolerance" => (true, false),
                "float_relative_tolerance" => (false, true),
                _ => continue,
            };
            let Some(tolerance) = flags.peek().and_then(|flag| number(flag.as_bytes())) else { continue };
            rules.absolute = if absolute { Some(tolerance) } else { rules.absolute };
            rules.relative = if relative { Some(tolerance) } else { rules.relative };
            flags.next();
        }
        rules
    }

    /// How the two differ; nothing where they agree.
    pub fn difference(&self, expected: &[u8], got: &[u8]) -> Option<String> {
        if self.space_sensitive {
            let agreeing = expected.iter().zip(got).take_while(|(a, b)| self.same_text(&[**a], &[**b])).count();
            return (agreeing < expected.len().max(got.len())).then(|| format!("at byte {}", agreeing + 1));
        }
        let (wanted, given) = (tokens(expected), tokens(got));
        let agreeing = wanted.iter().zip(&given).take_while(|(wanted, given)| self.same_token(wanted, given)).count();
        (agreeing < wanted.len().max(given.len())).then(|| {
            let [wanted, given] = [&wanted, &given].map(|tokens| shown(tokens.get(agreeing).copied()));
            format!("token {}: expected {wanted}, got {given}", agreeing + 1)
        })
    }

    fn same_text(&self, a: &[u8], b: &[u8]) -> bool {
        if self.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) }
    }

    fn same_token(&self, expected: &[u8], got: &[u8]) -> bool {
        let is_near = || {
            let (wanted, given) = (number(expected)?, number(got)?);
            let distance = (wanted - given).abs();
            let within = |tolerance: Option<f64>, size: f64| tolerance.is_some_and(|most| distance <= most * size);
            Some(within(self.absolute, 1.0) || within(self.relative, wanted.abs()))
        };
        let tolerant = self.absolute.is_some() || self.relative.is_some();
        (tolerant && is_near() == Some(true)) || self.same_text(expected, got)
    }
}

/// Between ASCII white space, the vertical tab included.
fn tokens(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).filter(|token| !token.is_empty()).collect()
}

/// What is a number as a whole; `parse` alone would also take `inf` and `nan`.
fn number(token: &[u8]) -> Option<f64> {
    let is_plain = token.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    is_plain.then(|| std::str::from_utf8(token).ok()?.parse().ok()).flatten()
}

fn shown(token: Option<&[u8]>) -> String {
    let Some(token) = token else { return "nothing".into() };
    let escape = |byte: &u8| match *byte {
        0x20..0x7f if !matches!(byte, b'"' | b'\\') => char::from(*byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    let text: String = token.iter().take(SHOWN_BYTES).map(escape).collect();
    format!("\"{text}\"{}", if token.len() > SHOWN_BYTES { "..." } else { "" })
}
