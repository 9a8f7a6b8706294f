//! Tables of cells, as Markdown.
//!
//! 1. Every row has as many cells as the head.

use std::fmt::Write as _;

/// A table.
pub struct Sheet {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// A table with this head and no rows.
    pub fn new<T: ToString>(head: impl IntoIterator<Item = T>) -> Sheet {
        Sheet { head: head.into_iter().map(|cell| cell.to_string()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<T: ToString>(&mut self, cells: impl IntoIterator<Item = T>) {
        let row: Vec<_> = cells.into_iter().map(|cell| cell.to_string()).collect();
        assert_eq!(row.len(), self.head.len(), "a row of another length");
        self.rows.push(row);
    }

    /// Everything; the first column is text, the others are numbers.
    pub fn markdown(&self) -> String {
        let mut text = format!("| {} |\n|---|{}\n", self.head.join(" | "), "---:|".repeat(self.head.len() - 1));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}
