//! What stays open through everything else: views, snapshots, cursors, pinned bytes.
//!
//! 1. A view shows its moment until the store is closed, and says `Closed` from then on. A snapshot may be given up
//!    where the options bound what snapshots hold; it stays so then.
//! 2. Cursors and pinned bytes go on after the store was closed.

use std::collections::VecDeque;

use stratum::{DocumentId, Documents, Error, Input, Inputs, PackedTree, Pinned, Tree, View};

use super::steps::Keep;
use crate::model::{Checked, Model, Stop, compare, same, wrong};

/// Something that is held, with what it must show.
pub(super) enum Held {
    View(View, Model),
    Snapshot { view: View, model: Model, may_go: bool, is_gone: bool },
    Documents { cursor: Documents, all: Vec<DocumentId>, next: usize },
    Inputs(Inputs, VecDeque<Input>),
    Blob(Pinned, Vec<u8>),
    Packed(PackedTree, Tree),
}

impl Held {
    /// Takes something from a view, which is dropped or kept in it. `None` where there is nothing to take it from.
    pub(super) fn take(kind: Keep, number: u8, view: View, model: &Model, may_go: bool) -> Checked<Option<Held>> {
        let ids = model.ids();
        let id = ids.get(usize::from(number) % ids.len().max(1)).copied();
        let tree = id.and_then(|id| model.get(id)).cloned().unwrap_or_default();
        Ok(match (kind, id) {
            (Keep::View, _) => Some(Held::View(view, model.clone())),
            (Keep::Snapshot, _) => Some(Held::Snapshot { view, model: model.clone(), may_go, is_gone: false }),
            (Keep::Documents, _) => {
                Some(Held::Documents { cursor: view.documents(DocumentId::FIRST)?, all: ids, next: 0 })
            }
            (_, None) => None,
            (Keep::Inputs, Some(id)) => Some(Held::Inputs(view.inputs(id)?, tree.inputs.into())),
            (Keep::Blob, Some(id)) => Some(Held::Blob(view.blob(id)?, tree.blob)),
            (Keep::Packed, Some(id)) => Some(Held::Packed(view.packed_tree(id)?, tree)),
        })
    }

    /// Whether it is a snapshot that was not given up.
    pub(super) fn is_open_snapshot(&self) -> bool {
        matches!(self, Held::Snapshot { view, .. } if view.document_count().is_ok())
    }

    /// Compares it with what it must show; cursors go on.
    pub(super) fn look(&mut self, number: u8) -> Checked {
        match self {
            Held::View(view, model) => compare(view, model),
            Held::Snapshot { view, model, may_go, is_gone } => match compare(view, model) {
                Err(Stop::Failed(Error::SnapshotTooOld)) if *may_go => {
                    *is_gone = true;
                    Ok(())
                }
                Ok(()) if *is_gone => wrong("a snapshot that was given up is there again"),
                other => other,
            },
            Held::Documents { cursor, all, next } => {
                if let Some(from) = DocumentId::new(u64::from(number)).filter(|_| number % 4 == 0) {
                    cursor.seek(from);
                    *next = all.partition_point(|id| *id < from);
                }
                for _ in 0..number % 4 {
                    same("the cursor over documents", cursor.next(), all.get(*next).copied())?;
                    *next += 1;
                }
                Ok(())
            }
            Held::Inputs(cursor, rest) => {
                same("inputs to come", cursor.len(), rest.len())?;
                same("the cursor over inputs", cursor.next().transpose()?, rest.pop_front())
            }
            Held::Blob(pinned, bytes) => same("pinned bytes", &pinned[..], &bytes[..]),
            Held::Packed(packed, tree) => same("a pinned tree", packed.to_tree()?, tree.clone()),
        }
    }

    /// Compares it after its store was closed. Views are of no use from then on; the others go on.
    pub(super) fn after_close(mut self) -> Checked<Option<Held>> {
        let view = match &self {
            Held::View(view, _) | Held::Snapshot { view, .. } => view,
            _ => {
                self.look(1)?;
                return Ok(Some(self));
            }
        };
        let id = DocumentId::FIRST;
        let answers = [
            view.document_count().map(|_| ()).err(),
            view.exists(id).map(|_| ()).err(),
            view.documents(id).map(|_| ()).err(),
            view.tree(id).map(|_| ()).err(),
            view.blob(id).map(|_| ()).err(),
            view.packed_tree(id).map(|_| ()).err(),
            view.inputs(id).map(|_| ()).err(),
        ];
        match answers.iter().find(|answer| !matches!(answer, Some(Error::Closed))) {
            Some(other) => wrong(format!("a view of a closed store says {other:?}")),
            None => Ok(None),
        }
    }
}
