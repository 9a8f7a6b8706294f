//! The store as plain maps: what every test compares with.
//!
//! 1. A model is a value: cloning it is cheap (documents are shared) and keeps a moment.
//! 2. The model hands out no ids. It takes those that the store gave, and refuses one that was there before. In what
//!    order ids come into the store is not its business: of two batches the younger may be committed first.

use std::collections::BTreeMap;
use std::sync::Arc;

use stratum::{Db, DocumentId, Error, Input, InputId, Missing, Result as StoreResult, Tree, TreeIds, Value, View};

/// Why a run stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The store answered otherwise than the model.
    Wrong(String),
    /// A call failed with something other than `NotFound`.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

pub(crate) type Checked<T = ()> = Result<T, Stop>;

/// What stops a run where the store is wrong.
pub(crate) fn wrong<T>(what: impl Into<String>) -> Checked<T> {
    Err(Stop::Wrong(what.into()))
}

/// Ids that were there, a bit for each.
#[derive(Clone, Debug, Default)]
struct Used(Vec<u64>);

impl Used {
    /// Notes an id; false where it was there before.
    fn note(&mut self, id: u64) -> bool {
        let (word, bit) = ((id / 64) as usize, 1 << (id % 64));
        self.0.resize(self.0.len().max(word + 1), 0);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// The highest id that was there, or zero.
    fn highest(&self) -> u64 {
        self.0.last().map_or(0, |word| self.end() - 1 - u64::from(word.leading_zeros()))
    }

    /// Above every id that was there.
    fn end(&self) -> u64 {
        self.0.len() as u64 * 64
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        (1..self.end()).filter(|id| self.0[(id / 64) as usize] & (1 << (id % 64)) != 0)
    }
}

/// One document, its inputs with their ids, and the ids that it never gives again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(crate) tree: Tree,
    used: Used,
}

/// All documents at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    documents: BTreeMap<DocumentId, Arc<Document>>,
    used: Used,
}

impl Model {
    pub(crate) fn ids(&self) -> Vec<DocumentId> {
        self.documents.keys().copied().collect()
    }

    pub(crate) fn get(&self, id: DocumentId) -> Option<&Tree> {
        self.documents.get(&id).map(|document| &document.tree)
    }

    /// An id that was handed out, or not yet, and is not there now.
    pub(crate) fn dead_id(&self, choice: u64) -> DocumentId {
        let unused = DocumentId::new(self.used.end() + 1000 + choice).expect("above zero");
        let dead: Vec<_> = self.used.iter().filter_map(DocumentId::new).filter(|id| self.get(*id).is_none()).collect();
        if choice.is_multiple_of(4) {
            unused
        } else {
            dead.get(choice as usize % dead.len().max(1)).copied().unwrap_or(unused)
        }
    }

    /// The highest document id that was ever there, or zero.
    pub(crate) fn highest(&self) -> u64 {
        self.used.highest()
    }

    /// The highest input id that was ever in a document, or zero.
    pub(crate) fn highest_input(&self, id: DocumentId) -> u64 {
        self.documents.get(&id).map_or(0, |document| document.used.highest())
    }

    pub(crate) fn find(&mut self, id: DocumentId) -> Result<&mut Document, Missing> {
        self.documents.get_mut(&id).map(Arc::make_mut).ok_or(Missing::Document(id))
    }

    pub(crate) fn find_input(&mut self, id: DocumentId, input: InputId) -> Result<&mut Input, Missing> {
        let document = self.find(id)?;
        document.tree.inputs.iter_mut().find(|i| i.id == Some(input)).ok_or(Missing::Input(id, input))
    }

    /// Adds a document under the id that the store gave it.
    pub(crate) fn add(&mut self, id: DocumentId) -> Checked<&mut Document> {
        if !self.used.note(id.get()) {
            return wrong(format!("document id {id} was handed out again"));
        }
        Ok(Arc::make_mut(self.documents.entry(id).or_default()))
    }

    pub(crate) fn remove(&mut self, id: DocumentId) -> Result<(), Missing> {
        self.documents.remove(&id).map(|_| ()).ok_or(Missing::Document(id))
    }

    /// Whether both hold the same documents; what ids come next is not compared.
    pub(crate) fn same(&self, trees: &BTreeMap<DocumentId, Tree>) -> bool {
        self.documents.len() == trees.len()
            && self
                .documents
                .iter()
                .zip(trees)
                .all(|((id, document), (other, tree))| id == other && document.tree == *tree)
    }

    /// What tells the two apart, in a few words.
    pub(crate) fn difference(&self, trees: &BTreeMap<DocumentId, Tree>) -> String {
        let ids: Vec<_> = self.ids();
        let others: Vec<_> = trees.keys().copied().collect();
        if ids != others {
            return format!("documents {others:?}, the model has {ids:?}");
        }
        let differing = ids.iter().find(|id| self.get(**id) != trees.get(id));
        match differing {
            Some(id) => format!("document {id} is\n{:?}\nthe model has\n{:?}", trees.get(id), self.get(*id)),
            None => "no difference".to_string(),
        }
    }
}

impl Document {
    /// Takes over a whole tree under the ids that the store gave its inputs.
    pub(crate) fn put(&mut self, tree: &Tree, ids: &TreeIds) -> Checked {
        if ids.inputs as usize != tree.inputs.len() || ids.first_input.is_some() == tree.inputs.is_empty() {
            return wrong(format!("{ids:?} for a tree of {} inputs", tree.inputs.len()));
        }
        self.tree = Tree { inputs: Vec::new(), ..tree.clone() };
        for (position, input) in tree.inputs.iter().enumerate() {
            let Some(id) = ids.input(position as u32) else { return wrong(format!("{ids:?} has no id {position}")) };
            self.insert(id, Input { id: None, ..input.clone() }, None)?;
        }
        Ok(())
    }

    /// Puts an input before another, or last, under the id that the store gave it.
    pub(crate) fn insert(&mut self, id: InputId, input: Input, before: Option<InputId>) -> Checked {
        if !self.used.note(id.get()) {
            return wrong(format!("input id {id} was handed out again"));
        }
        let at = self.position(before);
        self.tree.inputs.insert(at, Input { id: Some(id), ..input });
        Ok(())
    }

    /// Moves an input before another, or last.
    pub(crate) fn shift(&mut self, id: InputId, before: Option<InputId>) {
        let from = self.position(Some(id));
        let input = self.tree.inputs.remove(from);
        let to = self.position(before);
        self.tree.inputs.insert(to, input);
    }

    pub(crate) fn remove(&mut self, id: InputId) {
        self.tree.inputs.retain(|input| input.id != Some(id));
    }

    /// An input id that this document never gave, or gave and lost.
    pub(crate) fn dead_input(&self, choice: u64) -> InputId {
        let unused = InputId::new(self.used.end() + 1000 + choice).expect("small");
        let is_dead = |id: &InputId| self.tree.inputs.iter().all(|input| input.id != Some(*id));
        let dead: Vec<_> = self.used.iter().filter_map(InputId::new).filter(is_dead).collect();
        if choice.is_multiple_of(4) {
            unused
        } else {
            dead.get(choice as usize % dead.len().max(1)).copied().unwrap_or(unused)
        }
    }

    fn position(&self, id: Option<InputId>) -> usize {
        let found = id.and_then(|id| self.tree.inputs.iter().position(|input| input.id == Some(id)));
        found.unwrap_or(self.tree.inputs.len())
    }
}

/// Splits "not there" from what really failed.
pub(crate) fn answer<T>(result: StoreResult<T>) -> Checked<Result<T, Missing>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::NotFound(missing)) => Ok(Err(missing)),
        Err(error) => Err(Stop::Failed(error)),
    }
}

/// Everything that a view holds, tree by tree.
pub(crate) fn read_all(view: &View) -> Checked<BTreeMap<DocumentId, Tree>> {
    view.documents(DocumentId::FIRST)?.map(|id| Ok((id, view.tree(id)?))).collect()
}

/// Compares the latest view of a store, every reading call with every document.
pub(crate) fn compare_store(db: &Db, model: &Model) -> Checked {
    compare(&db.view()?, model)
}

/// Compares a view with a model, every reading call with every document.
pub(crate) fn compare(view: &View, model: &Model) -> Checked {
    let trees = read_all(view)?;
    if !model.same(&trees) {
        return wrong(model.difference(&trees));
    }
    let ids = model.ids();
    if view.document_count()? != ids.len() as u64 {
        return wrong(format!("document_count is {}, there are {}", view.document_count()?, ids.len()));
    }
    for (at, id) in ids.iter().enumerate() {
        let rest: Vec<_> = view.documents(*id)?.collect();
        if rest != ids[at..] {
            return wrong(format!("documents({id}) lists {rest:?} of {ids:?}"));
        }
        compare_document(view, *id, &model.documents[id].tree)?;
        let dead = model.documents[id].dead_input(at as u64);
        same("a dead input", answer(view.input(*id, dead))?, Err(Missing::Input(*id, dead)))?;
        same("a dead input's output", answer(view.output(*id, dead))?, Err(Missing::Input(*id, dead)))?;
    }
    let dead = model.dead_id(ids.len() as u64);
    same("a dead document", view.exists(dead)?, false)?;
    same("a dead blob", answer(view.blob(dead))?.map(|_| ()), Err(Missing::Document(dead)))?;
    same("a dead tree", answer(view.tree(dead))?, Err(Missing::Document(dead)))?;
    same("dead columns", answer(view.columns(dead))?, Err(Missing::Document(dead)))
}

fn compare_document(view: &View, id: DocumentId, tree: &Tree) -> Checked {
    let same = |what, is_same: bool| if is_same { Ok(()) } else { wrong(format!("document {id}: {what}")) };
    same("exists", view.exists(id)?)?;
    same("blob", view.blob(id)?[..] == tree.blob)?;
    same("columns", view.columns(id)? == tree.columns)?;
    for (name, value) in tree.columns.iter() {
        same("column", view.column(id, name)? == *value)?;
    }
    same("a column not there", answer(view.column(id, "none"))? == Err(Missing::Column(id)))?;
    same("input_count", view.input_count(id)? == tree.inputs.len() as u64)?;
    let input_ids: Vec<_> = tree.inputs.iter().filter_map(|input| input.id).collect();
    same("input_ids", view.input_ids(id)? == input_ids)?;
    same("inputs", view.inputs(id)?.collect::<StoreResult<Vec<_>>>()? == tree.inputs)?;
    same("packed_tree", view.packed_tree(id)?.to_tree()? == *tree)?;
    for (input, input_id) in tree.inputs.iter().zip(input_ids) {
        same("input", view.input(id, input_id)? == input.value)?;
        same("input_columns", view.input_columns(id, input_id)? == input.columns)?;
        let output: Result<Value, Missing> = input.output.clone().ok_or(Missing::Output(id, input_id));
        same("output", answer(view.output(id, input_id))? == output)?;
    }
    Ok(())
}

/// Whether the store's answer is the model's.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, actual: T, expected: T) -> Checked {
    if actual == expected {
        Ok(())
    } else {
        wrong(format!("{what}: the store says {actual:?}, the model {expected:?}"))
    }
}
