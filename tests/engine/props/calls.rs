//! Calls of a batch: resolved against the model, made on the store, and made once more on the model when the batch is
//! committed, since others may have committed in between.
//!
//! 1. What a batch does to a document counts from its newest replacing or deleting of it; what it did to an input
//!    before it deleted it is forgotten.
//! 2. At the commit each call must still find what it found: else the whole commit is `NotFound`. Removing a column
//!    that is gone by then is no mistake.

use stratum::{Batch, DocumentId, Input, InputId, Missing, Result as StoreResult, Tree, TreeIds, Value, View};

use crate::model::{Checked, Document, Model, answer, wrong};
use crate::values;
use crate::workload::{self, Call, What};

/// A call with all that it says.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    what: What,
    document: DocumentId,
    input: InputId,
    before: Option<InputId>,
    name: String,
    value: Value,
    tree: Tree,
    /// The packed form that `tree` was taken from.
    packed: Vec<u8>,
}

/// What the store gave.
#[derive(Clone, Copy, Debug)]
enum Given {
    Nothing,
    Input(InputId),
    Tree(TreeIds),
}

/// The calls that an open batch holds.
#[derive(Clone, Default)]
pub(super) struct Log(Vec<(Asked, Given)>);

impl Asked {
    /// What a call means at a moment. Packed trees are taken from `view`; `None` where there is none to take.
    pub(super) fn new(call: &Call, model: &mut Model, view: &View) -> Checked<Option<Asked>> {
        let document = workload::document(model, call.document);
        let (input, before) = match model.find(document) {
            Ok(document) => (workload::input(document, call.input), workload::input(document, call.content as u8)),
            Err(_) => (InputId::FIRST, InputId::FIRST),
        };
        let mut asked = Asked {
            what: call.what,
            document,
            input,
            before: None,
            name: String::new(),
            value: Value::Null,
            tree: Tree::default(),
            packed: Vec::new(),
        };
        match call.what {
            What::CreateDocument => {
                (asked.tree.blob, asked.tree.columns) = (values::blob(call.content), values::columns(call.content));
            }
            What::PutTree | What::ReplaceTree => asked.tree = values::tree(call.content),
            What::PutPacked | What::ReplacePacked => {
                let sources: Vec<_> = view.documents(DocumentId::FIRST)?.collect();
                let Some(source) = sources.get(call.content as usize % sources.len().max(1)) else { return Ok(None) };
                let packed = view.packed_tree(*source)?;
                (asked.tree, asked.packed) = (packed.to_tree()?, packed.as_bytes().to_vec());
            }
            What::SetBlob => asked.tree.blob = values::blob(call.content),
            What::AppendInput => asked.value = values::value(call.content),
            What::InsertInput => {
                (asked.value, asked.before) = (values::value(call.content), Some(input));
            }
            What::MoveInput if before != input && !call.content.is_multiple_of(4) => {
                // Where the input itself is missing there is one thing missing only, so that one answer is right.
                asked.before = model.find_input(document, input).is_ok().then_some(before);
            }
            _ => (asked.name, asked.value) = (values::column_name(call.content), values::value(call.content / 16)),
        }
        Ok(Some(asked))
    }

    fn ask(&self, batch: &mut Batch) -> StoreResult<Given> {
        let Asked { what, document, input, before, name, value, tree, packed } = self;
        let (document, input) = (*document, *input);
        match what {
            What::CreateDocument => batch
                .create_document(&tree.blob, &tree.columns)
                .map(|document| Given::Tree(TreeIds { document, first_input: None, inputs: 0 })),
            What::PutTree => batch.put_tree(tree).map(Given::Tree),
            What::PutPacked => batch.put_packed(packed).map(Given::Tree),
            What::ReplaceTree => batch.replace_tree(document, tree).map(Given::Tree),
            What::ReplacePacked => batch.replace_packed(document, packed).map(Given::Tree),
            What::AppendInput => batch.append_input(document, value).map(Given::Input),
            What::InsertInput => batch.insert_input(document, input, value).map(Given::Input),
            What::SetBlob => batch.set_blob(document, &tree.blob).map(|()| Given::Nothing),
            What::SetColumn => batch.set_column(document, name, value).map(|()| Given::Nothing),
            What::RemoveColumn => batch.remove_column(document, name).map(|()| Given::Nothing),
            What::DeleteDocument => batch.delete_document(document).map(|()| Given::Nothing),
            What::MoveInput => batch.move_input(document, input, *before).map(|()| Given::Nothing),
            What::ReplaceInput => batch.replace_input(document, input, value).map(|()| Given::Nothing),
            What::SetInputColumn => batch.set_input_column(document, input, name, value).map(|()| Given::Nothing),
            What::RemoveInputColumn => batch.remove_input_column(document, input, name).map(|()| Given::Nothing),
            What::DeleteInput => batch.delete_input(document, input).map(|()| Given::Nothing),
            What::SetOutput => batch.set_output(document, input, value).map(|()| Given::Nothing),
            What::UpdateOutput => batch.update_output(document, input, value).map(|()| Given::Nothing),
            What::DeleteOutput => batch.delete_output(document, input).map(|()| Given::Nothing),
        }
    }

    /// Does the same to a model; `None` for the ids says that the store gave none, since it refused.
    fn follow(&self, given: Option<Given>, model: &mut Model) -> Checked<Result<(), Missing>> {
        let id = self.document;
        let is_new = self.is_new();
        if let Err(missing) = if is_new { Ok(()) } else { self.missing(model) } {
            return Ok(Err(missing));
        }
        match (self.what, given) {
            (_, None) => {}
            (What::DeleteDocument, _) => return Ok(model.remove(id)),
            (_, Some(Given::Tree(ids))) => {
                let document = if is_new { model.add(ids.document)? } else { found(model.find(id))? };
                document.put(&self.tree, &ids)?;
            }
            (_, Some(Given::Input(new))) => {
                found(model.find(id))?.insert(new, Input::new(self.value.clone(), None), self.before)?;
            }
            _ => self.change(found(model.find(id))?),
        }
        Ok(Ok(()))
    }

    fn change(&self, document: &mut Document) {
        let tree = &mut document.tree;
        let (name, value) = (self.name.clone(), self.value.clone());
        match self.what {
            What::SetBlob => tree.blob.clone_from(&self.tree.blob),
            What::SetColumn => drop(tree.columns.set(name, value)),
            What::RemoveColumn => drop(tree.columns.remove(&name)),
            What::MoveInput => document.shift(self.input, self.before),
            What::DeleteInput => document.remove(self.input),
            _ => {
                let Some(input) = tree.inputs.iter_mut().find(|input| input.id == Some(self.input)) else { return };
                match self.what {
                    What::ReplaceInput => input.value = value,
                    What::SetInputColumn => drop(input.columns.set(name, value)),
                    What::RemoveInputColumn => drop(input.columns.remove(&name)),
                    What::DeleteOutput => input.output = None,
                    _ => input.output = Some(value),
                }
            }
        }
    }

    /// What the call does not find.
    fn missing(&self, model: &mut Model) -> Result<(), Missing> {
        let (id, subject) = (self.document, self.input);
        let document = model.find(id)?;
        match self.what {
            What::RemoveColumn if document.tree.columns.get(&self.name).is_none() => return Err(Missing::Column(id)),
            What::ReplaceTree
            | What::ReplacePacked
            | What::SetBlob
            | What::SetColumn
            | What::RemoveColumn
            | What::DeleteDocument
            | What::AppendInput => return Ok(()),
            _ => {}
        }
        let input = model.find_input(id, subject)?;
        match self.what {
            What::RemoveInputColumn if input.columns.get(&self.name).is_none() => {
                return Err(Missing::InputColumn(id, subject));
            }
            What::UpdateOutput | What::DeleteOutput if input.output.is_none() => {
                return Err(Missing::Output(id, subject));
            }
            _ => {}
        }
        match self.before {
            Some(before) => model.find_input(id, before).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Whether a call that finds this missing at the commit is no mistake.
    fn may_lack(&self, missing: Missing) -> bool {
        matches!(missing, Missing::Column(_) | Missing::InputColumn(..))
            && matches!(self.what, What::RemoveColumn | What::RemoveInputColumn)
    }
}

/// What the call was found to have.
fn found<T>(found: Result<T, Missing>) -> Checked<T> {
    found.or_else(|missing| wrong(format!("the model lost {missing:?}")))
}

impl Log {
    /// Makes a call on the batch and on `working`, which is the newest moment with this batch's calls. Both give the
    /// same answer.
    pub(super) fn call(&mut self, asked: Asked, batch: &mut Batch, working: &mut Model, newest: &Model) -> Checked {
        let before = (batch.len(), batch.bytes());
        let given = answer(asked.ask(batch))?;
        let expected = asked.follow(given.ok(), working)?;
        match (given, expected) {
            (Ok(given), Ok(())) => {
                if batch.len() != before.0 + 1 || batch.bytes() <= before.1 {
                    return wrong(format!("{asked:?} brought the batch from {before:?} to {}", batch.len()));
                }
                check_rising(given, asked.document, newest)?;
                self.note(asked, given);
                Ok(())
            }
            (Err(missing), Err(expected)) if missing == expected => {
                if (batch.len(), batch.bytes()) != before {
                    return wrong(format!("{asked:?} was refused, and is in the batch"));
                }
                Ok(())
            }
            (given, expected) => wrong(format!("{asked:?}: the store says {given:?}, the model {expected:?}")),
        }
    }

    fn note(&mut self, asked: Asked, given: Given) {
        let id = asked.document;
        let makes =
            |other: &Asked, given: &Given| other.is_new() && matches!(given, Given::Tree(ids) if ids.document == id);
        let is_on = |other: &Asked| !other.is_new() && other.document == id;
        match asked.what {
            What::ReplaceTree | What::ReplacePacked => self.0.retain(|(other, _)| !is_on(other)),
            What::DeleteDocument => {
                let was_new = self.0.iter().any(|(other, given)| makes(other, given));
                self.0.retain(|(other, given)| !is_on(other) && !makes(other, given));
                if was_new {
                    return;
                }
            }
            What::DeleteInput => {
                let is_about = |other: &Asked| is_on(other) && other.input == asked.input && other.is_of_content();
                self.0.retain(|(other, _)| !is_about(other));
            }
            _ => {}
        }
        self.0.push((asked, given));
    }

    /// Does what the batch does to a moment, or says what the commit does not find.
    pub(super) fn replay(&self, model: &mut Model) -> Checked<Result<(), Missing>> {
        for (asked, given) in &self.0 {
            match asked.follow(Some(*given), model)? {
                Err(missing) if !asked.may_lack(missing) => return Ok(Err(missing)),
                _ => {}
            }
        }
        Ok(Ok(()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Asked {
    fn is_new(&self) -> bool {
        matches!(self.what, What::CreateDocument | What::PutTree | What::PutPacked)
    }

    /// Whether it changes what an input holds.
    fn is_of_content(&self) -> bool {
        use What::*;
        let what = self.what;
        matches!(what, ReplaceInput | SetInputColumn | RemoveInputColumn | SetOutput | UpdateOutput | DeleteOutput)
    }
}

/// Ids rise: what is handed out is above all that was ever committed.
fn check_rising(given: Given, document: DocumentId, newest: &Model) -> Checked {
    let rises = match given {
        Given::Tree(ids) => {
            let is_new = ids.document != document;
            let first = ids.first_input.map_or(u64::MAX, InputId::get);
            (!is_new || ids.document.get() > newest.highest()) && first > newest.highest_input(ids.document)
        }
        Given::Input(id) => id.get() > newest.highest_input(document),
        Given::Nothing => true,
    };
    if rises { Ok(()) } else { wrong(format!("{given:?} was handed out before, of {document}")) }
}
