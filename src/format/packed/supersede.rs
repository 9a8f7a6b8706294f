//! Whether one delta says anew everything that an older one said.

use super::{BlobState, Head, OutputState};
use crate::format::Decoded;

/// Whether laying `newer` over `older` comes to `newer` alone. May answer no where the answer is yes: an older delta
/// that changes the order of inputs, or their columns, is never superseded.
pub fn supersedes(newer: &Head<'_>, older: &Head<'_>) -> Decoded<bool> {
    if older.blob() != BlobState::Unchanged && newer.blob() == BlobState::Unchanged {
        return Ok(false);
    }
    let columns = newer.columns()?;
    for column in older.columns()?.iter() {
        if columns.get(column?.0)?.is_none() {
            return Ok(false);
        }
    }
    let (newer, older) = (newer.directory()?, older.directory()?);
    if older.order_ops().len() > 0 {
        return Ok(false);
    }
    for old in older.iter() {
        let old = old?;
        let Some(new) = newer.find(old.id)? else { return Ok(false) };
        let value = new.deleted || old.value.is_none() || new.value.is_some();
        let output = new.deleted || old.output == OutputState::Unchanged || new.output != OutputState::Unchanged;
        if !value || !output || old.columns.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::packed::{DeltaBuilder, compose};
    use crate::ids::InputId;
    use proptest::prelude::*;

    /// A few random changes; inputs 1 to 3 are there already.
    fn delta() -> impl Strategy<Value = Vec<u8>> {
        let change = (0..8u8, 1..4u64, any::<u8>());
        prop::collection::vec(change, 1..5).prop_map(|changes| {
            let mut delta = DeltaBuilder::default();
            for (what, id, content) in changes {
                let id = InputId::new(id).unwrap();
                let value = || vec![2, 0, 0, 0, content & 1, 0, 0, 0];
                match what {
                    _ if delta.is_deleted(id) => {}
                    0 => delta.set_blob(vec![content; 9]),
                    1 => delta.set_column(if content & 2 == 0 { "a" } else { "b" }, Some(value())),
                    2 => delta.set_column("a", None),
                    3 | 4 => delta.set_value(id, value()),
                    5 => delta.set_output(id, (content & 2 == 0).then(value)),
                    6 => delta.move_(id, None),
                    _ => delta.delete(id),
                }
            }
            delta.encode(4).unwrap()
        })
    }

    proptest! {
        #[test]
        fn what_is_superseded_leaves_no_trace(older in delta(), newer in delta()) {
            let (old, new) = (Head::parse(&older).unwrap(), Head::parse(&newer).unwrap());
            if supersedes(&new, &old).unwrap() {
                prop_assert_eq!(compose(&[&older, &newer]).unwrap(), newer);
            }
        }
    }

    #[test]
    fn a_new_blob_supersedes_an_old_one() {
        let blob = |byte| {
            let mut delta = DeltaBuilder::default();
            delta.set_blob(vec![byte; 100]);
            delta.encode(1).unwrap()
        };
        let (older, newer) = (blob(1), blob(2));
        assert_eq!(supersedes(&Head::parse(&newer).unwrap(), &Head::parse(&older).unwrap()), Ok(true));
    }
    #[test]
    fn what_is_said_anew_of_an_input_is_superseded_and_what_is_not_stays() {
        let id = InputId::new(1).unwrap();
        let null = || vec![0, 0, 0, 0, 0, 0, 0, 0];
        let made = |change: &dyn Fn(&mut DeltaBuilder)| {
            let mut delta = DeltaBuilder::default();
            change(&mut delta);
            delta.encode(4).unwrap()
        };
        let (value, output) = (made(&|delta| delta.set_value(id, null())), made(&|delta| delta.set_output(id, None)));
        let (both, deleted) = (
            made(&|delta| {
                delta.set_value(id, null());
                delta.set_output(id, Some(null()));
            }),
            made(&|delta| delta.delete(id)),
        );
        let says_all = |newer: &[u8], older: &[u8]| {
            supersedes(&Head::parse(newer).unwrap(), &Head::parse(older).unwrap()).unwrap()
        };
        for older in [&value, &output, &both] {
            assert!(says_all(older, older) && says_all(&both, older) && says_all(&deleted, older));
        }
        assert!(!says_all(&value, &output) && !says_all(&output, &value));
        assert!(!says_all(&value, &both) && !says_all(&output, &both));
    }
}
