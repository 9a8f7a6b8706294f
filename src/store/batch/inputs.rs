//! Batch calls on inputs and outputs.

use super::Batch;
use super::documents::check_lookup_name;
use crate::error::{Error, Missing, Result};
use crate::ids::{DocumentId, InputId};
use crate::tree::check_column_name;
use crate::value::Value;

impl Batch {
    /// Adds an input at the end of a document's chain.
    ///
    /// # Errors
    /// `NotFound`; `InvalidArgument` for a value that may not be stored; `TooLarge`.
    pub fn append_input(&mut self, document: DocumentId, value: &Value) -> Result<InputId> {
        self.add_input(document, None, value)
    }

    /// Adds an input before another.
    ///
    /// # Errors
    /// `NotFound` for the document or `before`; as for [`Batch::append_input`].
    pub fn insert_input(&mut self, document: DocumentId, before: InputId, value: &Value) -> Result<InputId> {
        self.add_input(document, Some(before), value)
    }

    fn add_input(&mut self, document: DocumentId, before: Option<InputId>, value: &Value) -> Result<InputId> {
        let value = self.encode(value)?;
        self.pending(document)?;
        if let Some(before) = before {
            self.find_input(document, before)?;
        }
        self.pending(document)?.delta.expect_operation()?;
        let id = self.take_inputs(document, 1)?;
        let id = InputId::new(id).ok_or_else(|| Error::InvalidArgument("input ids are used up".to_string()))?;
        let size = value.len() as u64;
        self.pending(document)?.delta.insert(id, before, value);
        self.note(size, false);
        Ok(id)
    }

    /// Moves an input before another, or to the end. Before itself is where it is already.
    ///
    /// # Errors
    /// `NotFound` for the document or either input, `TooLarge` over `max_batch_bytes`.
    pub fn move_input(&mut self, document: DocumentId, input: InputId, before: Option<InputId>) -> Result<()> {
        self.check_room(0)?;
        self.find_input(document, input)?;
        if let Some(before) = before {
            self.find_input(document, before)?;
        }
        let delta = &mut self.pending(document)?.delta;
        delta.expect_operation()?;
        delta.move_(input, before);
        self.note(0, false);
        Ok(())
    }

    /// Replaces an input's value. Its place, columns and output stay.
    ///
    /// # Errors
    /// `NotFound`; as for [`Batch::append_input`].
    pub fn replace_input(&mut self, document: DocumentId, input: InputId, value: &Value) -> Result<()> {
        let value = self.encode(value)?;
        self.find_input(document, input)?;
        let size = value.len() as u64;
        self.pending(document)?.delta.set_value(input, value);
        self.note(size, false);
        Ok(())
    }

    /// Sets a column of an input, creating or replacing it.
    ///
    /// # Errors
    /// `NotFound` for document or input; `InvalidArgument` for a name or value that may not be stored; `TooLarge`.
    pub fn set_input_column(&mut self, document: DocumentId, input: InputId, name: &str, value: &Value) -> Result<()> {
        check_column_name(name)?;
        let value = self.encode(value)?;
        let size = (value.len() + name.len()) as u64;
        self.check_room(size)?;
        self.find_input(document, input)?;
        self.pending(document)?.delta.set_input_column(input, name, Some(value));
        self.note(size, false);
        Ok(())
    }

    /// Removes a column of an input.
    ///
    /// # Errors
    /// `NotFound` for the document, the input or the column, `TooLarge` over `max_batch_bytes`.
    pub fn remove_input_column(&mut self, document: DocumentId, input: InputId, name: &str) -> Result<()> {
        check_lookup_name(name)?;
        self.check_room(name.len() as u64)?;
        self.find_input(document, input)?;
        let delta = &self.pending(document)?.delta;
        let there = match delta.input_column(input, name) {
            Some(changed) => changed.is_some(),
            None if delta.is_inserted(input) => false,
            None => self.stored_input_column(document, input, name)?,
        };
        if !there {
            return Err(Missing::InputColumn(document, input).into());
        }
        self.pending(document)?.delta.set_input_column(input, name, None);
        self.note(name.len() as u64, true);
        Ok(())
    }

    /// Deletes an input with its columns and output.
    ///
    /// # Errors
    /// `NotFound` for the document or the input, `TooLarge` over `max_batch_bytes`.
    pub fn delete_input(&mut self, document: DocumentId, input: InputId) -> Result<()> {
        self.check_room(0)?;
        self.find_input(document, input)?;
        let pending = self.pending(document)?;
        pending.delta.expect_operation()?;
        pending.delta.delete(input);
        pending.need_output.remove(&input);
        self.note(0, true);
        Ok(())
    }

    /// Sets an input's output, creating or replacing it.
    ///
    /// # Errors
    /// `NotFound` for the document or the input; as for [`Batch::append_input`].
    pub fn set_output(&mut self, document: DocumentId, input: InputId, value: &Value) -> Result<()> {
        let value = self.encode(value)?;
        self.find_input(document, input)?;
        let size = value.len() as u64;
        self.pending(document)?.delta.set_output(input, Some(value));
        self.note(size, false);
        Ok(())
    }

    /// Replaces an input's output, which must be there.
    ///
    /// # Errors
    /// `NotFound` for the document, the input or the output; as for [`Batch::append_input`].
    pub fn update_output(&mut self, document: DocumentId, input: InputId, value: &Value) -> Result<()> {
        let value = self.encode(value)?;
        self.need_output(document, input)?;
        let size = value.len() as u64;
        self.pending(document)?.delta.set_output(input, Some(value));
        self.note(size, false);
        Ok(())
    }

    /// Deletes an input's output.
    ///
    /// # Errors
    /// `NotFound` for the document, the input or the output, `TooLarge` over `max_batch_bytes`.
    pub fn delete_output(&mut self, document: DocumentId, input: InputId) -> Result<()> {
        self.check_room(0)?;
        self.need_output(document, input)?;
        self.pending(document)?.delta.set_output(input, None);
        self.note(0, true);
        Ok(())
    }

    /// Makes sure that the input has an output, now, and when the batch is committed if it is not the batch's own.
    fn need_output(&mut self, document: DocumentId, input: InputId) -> Result<()> {
        if !self.find_input(document, input)? {
            return Err(Missing::Output(document, input).into());
        }
        let pending = self.pending(document)?;
        if pending.tree.is_none() && pending.delta.output_of(input).is_none() {
            pending.need_output.try_reserve(1).map_err(|_| Error::NoMemory)?;
            pending.need_output.insert(input);
        }
        Ok(())
    }

    fn stored_input_column(&self, document: DocumentId, input: InputId, name: &str) -> Result<bool> {
        if let Some(tree) = self.contents.get(document).and_then(|pending| pending.tree.as_ref()) {
            let columns = crate::store::read::input_columns_of_packed(&tree.packed, input)?;
            return Ok(columns.get(name).is_some());
        }
        let state = self.core.newest()?;
        let columns = crate::store::read::input_columns(
            &crate::store::read::open(&state, document, self.core.options.verify_reads)?,
            document,
            input,
        )?;
        Ok(columns.get(name).is_some())
    }
}
