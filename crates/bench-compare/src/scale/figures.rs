//! Figures by what they say, engine and size.
//!
//! 1. A figure is the median of those noted for it.
//! 2. What was measured comes in the order in which it was first noted, the engines that were below one another.

use crate::report::{median, number};
use crate::sheet::Sheet;

/// One that was measured.
struct Figure {
    what: String,
    engine: &'static str,
    nodes: u64,
    figure: f64,
}

/// All of a kind.
#[derive(Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Notes one.
    pub fn note(&mut self, what: &str, engine: &'static str, nodes: u64, figure: f64) {
        self.0.push(Figure { what: what.to_string(), engine, nodes, figure });
    }

    /// The median of those noted; none of none.
    pub fn figure(&self, what: &str, engine: &str, nodes: u64) -> Option<f64> {
        let same = |figure: &&Figure| figure.what == what && figure.engine == engine && figure.nodes == nodes;
        let figures: Vec<f64> = self.0.iter().filter(same).map(|figure| figure.figure).collect();
        median(&figures)
    }

    /// What there are figures of.
    pub fn names(&self) -> Vec<&str> {
        distinct(self.0.iter().map(|figure| &figure.what[..]))
    }

    /// The same for each engine that has any.
    pub fn rows(&self) -> Vec<(&str, &'static str)> {
        let names = self.names();
        let mut rows = distinct(self.0.iter().map(|figure| (&figure.what[..], figure.engine)));
        rows.sort_by_key(|(what, _)| names.iter().position(|name| name == what));
        rows
    }

    /// A table, a column a size.
    pub fn markdown(&self, title: &str, sizes: &[u64]) -> String {
        let head = [title.to_string(), "engine".to_string()];
        let mut sheet = Sheet::new(head.into_iter().chain(sizes.iter().map(|nodes| format!("{nodes} nodes"))));
        for (what, engine) in self.rows() {
            let cell = |nodes: &u64| self.figure(what, engine, *nodes).map_or(String::new(), number);
            sheet.row([what.to_string(), engine.to_string()].into_iter().chain(sizes.iter().map(cell)));
        }
        sheet.markdown()
    }
}

/// Each item once, where it comes first.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}
