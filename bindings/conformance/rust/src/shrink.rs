//! Makes a script smaller while it still shows what is looked for.

use crate::script::Script;

/// The smallest script that this way of leaving out steps finds for which `shows` holds, which must hold for `script`.
pub fn shrink(script: &Script, mut shows: impl FnMut(&Script) -> bool) -> Script {
    let mut smallest = script.clone();
    let mut length = smallest.steps.len() / 2;
    while length > 0 {
        let mut at = 0;
        let before = smallest.steps.len();
        while at < smallest.steps.len() {
            let mut smaller = smallest.clone();
            smaller.steps.drain(at..(at + length).min(smallest.steps.len()));
            if shows(&smaller) { smallest = smaller } else { at += length }
        }
        if smallest.steps.len() == before || length > 1 {
            length /= 2;
        }
    }
    smallest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::script::Step;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let steps = (0..100).map(|number| Step::new(&number.to_string(), None, json!({}))).collect();
        let script = Script { name: "s".to_string(), steps };
        let has = |script: &Script, op: &str| script.steps.iter().any(|step| step.op == op);
        let smallest = shrink(&script, |script| has(script, "17") && has(script, "81"));
        assert_eq!(smallest.steps.iter().map(|step| step.op.as_str()).collect::<Vec<_>>(), ["17", "81"]);
    }
}
