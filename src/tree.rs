//! Documents as a whole: what goes into and comes out of the store in one call.
//!
//! 1. Column names are unique, 1 to 255 bytes of UTF-8, and kept sorted by their bytes, so that two
//!    equal documents have equal bytes.
//! 2. The order of `Tree::inputs` is the document's order.

use crate::error::{Error, Result};
use crate::ids::{DocumentId, InputId};
use crate::memory::{self, NoMemory};
use crate::value::Value;

/// The longest column name, in bytes.
pub const MAX_COLUMN_NAME: usize = 255;

/// Named values of a document or an input, sorted by name.
///
/// ```
/// use stratum::{Columns, Value};
/// let mut columns = Columns::from([("name", Value::String("Sum".into())), ("level", Value::Int64(1))]);
/// assert_eq!(columns.set("level", Value::Int64(2)), Some(Value::Int64(1)));
/// let names: Vec<&str> = columns.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["level", "name"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<(String, Value)>);

impl Columns {
    /// No columns.
    pub const fn new() -> Columns {
        Columns(Vec::new())
    }

    /// Makes room for so many more columns: until they are there, `set` takes no memory of its own.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve(&mut self, more: usize) -> std::result::Result<(), NoMemory> {
        memory::reserve(&mut self.0, more)
    }

    /// Columns in any order; `None` where two have the same name.
    pub fn from_unique(mut columns: Vec<(String, Value)>) -> Option<Columns> {
        columns.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        columns.windows(2).all(|pair| pair[0].0 != pair[1].0).then_some(Columns(columns))
    }

    /// Sets a column, replacing one of the same name; gives back what was there. For many columns at once, collecting
    /// them costs less.
    pub fn set(&mut self, name: impl Into<String>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.0.binary_search_by(|(other, _)| other.as_str().cmp(&name)) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// The column of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Removes a column; gives back what was there.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Name and value of each column, in the order of the names' bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every name and value may be stored.
    pub fn check(&self) -> Result<()> {
        self.iter().try_for_each(|(name, value)| {
            check_column_name(name)?;
            value.check()
        })
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for Columns {
    /// Of two columns with the same name the later one stays.
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(columns: I) -> Columns {
        let mut all: Vec<(String, Value)> = columns.into_iter().map(|(name, value)| (name.into(), value)).collect();
        all.reverse();
        all.sort_by(|(one, _), (other, _)| one.cmp(other)); // stable: of the same name, the later ones are first
        all.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Columns(all)
    }
}

impl<N: Into<String>, const COUNT: usize> From<[(N, Value); COUNT]> for Columns {
    fn from(columns: [(N, Value); COUNT]) -> Columns {
        columns.into_iter().collect()
    }
}

/// Whether `name` may name a column.
pub fn check_column_name(name: &str) -> Result<()> {
    check_column_name_length(name.len())
}

/// Whether a text of so many bytes may name a column.
pub fn check_column_name_length(length: usize) -> Result<()> {
    if length == 0 || length > MAX_COLUMN_NAME {
        return Err(Error::InvalidArgument(format!(
            "a column name of {length} bytes; names are 1 to {MAX_COLUMN_NAME} bytes long"
        )));
    }
    Ok(())
}

/// One input with what hangs on it.
///
/// ```
/// use stratum::{Input, Value};
/// let mut input = Input::new(Value::String("2 3".into()), Some(Value::Int64(5)));
/// input.columns.set("group", Value::String("sample".into()));
/// assert_eq!(input.id, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its id: `Some` in what is read; ignored in what is written, since ids are the store's to give.
    pub id: Option<InputId>,
    /// Its value.
    pub value: Value,
    /// Its columns (case name, group, points...).
    pub columns: Columns,
    /// Its output, if it has one.
    pub output: Option<Value>,
}

impl Input {
    /// An input without columns.
    pub fn new(value: Value, output: Option<Value>) -> Input {
        Input { id: None, value, columns: Columns::new(), output }
    }
}

/// A document with its columns, and its inputs and outputs in order.
///
/// ```
/// use stratum::{Columns, Db, Input, Options, Tree, Value};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// let db = Db::open(&path, &Options::default())?;
/// let tree = Tree {
///     blob: b"Add two numbers.".to_vec(),
///     columns: Columns::from([("level", Value::Int64(1))]),
///     inputs: vec![Input::new(Value::Int64List(vec![2, 3]), Some(Value::Int64(5)))],
/// };
/// let ids = db.write(|batch| batch.put_tree(&tree))?;
/// let read = db.view()?.tree(ids.document)?;
/// assert_eq!((&read.blob, &read.columns), (&tree.blob, &tree.columns));
/// assert_eq!(read.inputs[0].id, ids.first_input);
/// # Ok::<(), stratum::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The document's blob.
    pub blob: Vec<u8>,
    /// The document's columns.
    pub columns: Columns,
    /// The chain of inputs.
    pub inputs: Vec<Input>,
}

/// The ids that a tree got when it was put: its inputs are `first_input`, `first_input + 1`, ...
///
/// ```
/// use stratum::{DocumentId, InputId, TreeIds};
/// let ids = TreeIds { document: DocumentId::FIRST, first_input: InputId::new(7), inputs: 2 };
/// assert_eq!(ids.input(1), InputId::new(8));
/// assert_eq!(ids.input(2), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeIds {
    /// The document.
    pub document: DocumentId,
    /// The first input, `None` where the tree has none.
    pub first_input: Option<InputId>,
    /// How many inputs there are.
    pub inputs: u32,
}

impl TreeIds {
    /// The id of the input at `position` (from zero).
    pub fn input(&self, position: u32) -> Option<InputId> {
        if position >= self.inputs {
            return None;
        }
        InputId::new(self.first_input?.get() + u64::from(position))
    }
}
