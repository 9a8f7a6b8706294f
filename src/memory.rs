//! Memory whose amount a caller or a file decides: asked for so that it can be refused.
//!
//! 1. Rust ends the process where memory that it takes for granted is not there. So whatever may be large (blobs,
//!    values, packed trees, what is read, lists of a document's inputs, the bytes of a commit) comes from here, and a
//!    refusal is `NoMemory`, which becomes an error or a status. Small and fixed amounts are taken for granted.

/// The system refused memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// Makes room for `more` items, and some in reserve, so that many small steps cost little.
///
/// # Errors
/// `NoMemory`.
pub fn reserve<T>(items: &mut Vec<T>, more: usize) -> Result<(), NoMemory> {
    items.try_reserve(more).map_err(|_| NoMemory)
}

/// An empty vector with room for exactly `count` items.
///
/// # Errors
/// `NoMemory`.
pub fn vec<T>(count: usize) -> Result<Vec<T>, NoMemory> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| NoMemory)?;
    Ok(items)
}

/// Adds an item at the end.
///
/// # Errors
/// `NoMemory`; the vector is as it was.
#[inline]
pub fn push<T>(items: &mut Vec<T>, item: T) -> Result<(), NoMemory> {
    if items.len() == items.capacity() {
        reserve(items, 1)?;
    }
    items.push(item);
    Ok(())
}

/// As many zeros.
///
/// # Errors
/// `NoMemory`.
pub fn zeros<T: Copy + Default>(count: usize) -> Result<Vec<T>, NoMemory> {
    let mut items = vec(count)?;
    items.resize(count, T::default());
    Ok(items)
}

/// A copy of a slice.
///
/// # Errors
/// `NoMemory`.
#[inline]
pub fn copy<T: Copy>(items: &[T]) -> Result<Vec<T>, NoMemory> {
    let mut copied = vec(items.len())?;
    copied.extend_from_slice(items);
    Ok(copied)
}

/// A copy of a text.
///
/// # Errors
/// `NoMemory`.
#[inline]
pub fn text(text: &str) -> Result<String, NoMemory> {
    let mut copied = String::new();
    copied.try_reserve_exact(text.len()).map_err(|_| NoMemory)?;
    copied.push_str(text);
    Ok(copied)
}

/// What an iterator gives, as a vector.
///
/// # Errors
/// `NoMemory`.
pub fn collect<T>(items: impl IntoIterator<Item = T>) -> Result<Vec<T>, NoMemory> {
    let items = items.into_iter();
    let mut all = vec(items.size_hint().0)?;
    for item in items {
        push(&mut all, item)?;
    }
    Ok(all)
}

/// What an iterator gives, as a vector, up to its first error.
///
/// # Errors
/// `NoMemory`, and those of the items.
pub fn try_collect<T, E: From<NoMemory>>(items: impl IntoIterator<Item = Result<T, E>>) -> Result<Vec<T>, E> {
    let items = items.into_iter();
    let mut all = vec(items.size_hint().0)?;
    for item in items {
        push(&mut all, item?)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_refused() {
        let most = isize::MAX as usize;
        assert_eq!(vec::<u8>(most), Err(NoMemory));
        assert_eq!(vec::<u64>(usize::MAX), Err(NoMemory));
        assert_eq!(zeros::<u8>(most), Err(NoMemory));
        assert_eq!(reserve(&mut vec![0_u8; 9], most), Err(NoMemory));
        assert_eq!(collect((0..usize::MAX).map(|_| 0_u64)), Err(NoMemory));
    }

    #[test]
    fn copies_are_what_was_copied() {
        assert_eq!(copy(&[1, 2, 3]), Ok(vec![1, 2, 3]));
        assert_eq!(zeros::<u64>(2), Ok(vec![0, 0]));
        assert_eq!(text("grüße").as_deref(), Ok("grüße"));
        assert_eq!(collect([4, 5].into_iter().filter(|item| *item > 4)), Ok(vec![5]));
        assert_eq!(try_collect([Ok(1), Err(NoMemory), Ok(2)]), Err(NoMemory));
    }
}
