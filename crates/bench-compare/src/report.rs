//! Gathering figures over the rounds, and printing them.
//!
//! 1. Rows are printed in the order in which they were first noted, engines in that of the run, the yardstick first.
//! 2. A figure is the median of the rounds, a ratio the median of the rounds' ratios.

use std::fmt::Write as _;

/// All figures of a run.
pub struct Report {
    /// The engines' names.
    pub engines: Vec<&'static str>,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// One measure.
pub struct Row {
    /// What it is.
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// Whether more is better.
    pub rate: bool,
    /// What Stratum should reach: of a rate the ratio to the yardstick, else the figure itself.
    pub target: Option<f64>,
    /// The figures of each engine, one a round.
    pub figures: Vec<Vec<f64>>,
}

impl Row {
    /// The median of an engine's figures; none where it has none.
    pub fn figure(&self, engine: usize) -> Option<f64> {
        median(&self.figures[engine])
    }

    /// An engine's figure as a share of the yardstick's, round by round; more is better.
    pub fn ratios(&self, engine: usize) -> Vec<f64> {
        self.figures[0].iter().zip(&self.figures[engine]).map(|(raw, figure)| figure / raw).collect()
    }
}

impl Report {
    /// A report on these engines.
    pub fn new(engines: Vec<&'static str>) -> Report {
        Report { engines, rows: Vec::new() }
    }

    /// Notes a rate of each engine, the more the better; `target` is a share of the yardstick's.
    pub fn rate(&mut self, name: &str, unit: &'static str, target: Option<f64>, figures: &[f64]) {
        let figures: Vec<_> = figures.iter().copied().map(Some).collect();
        self.note(name, unit, true, target, &figures);
    }

    /// Notes a figure of each engine that has one, the less the better; `target` is what it should not exceed.
    pub fn figure(&mut self, name: &str, unit: &'static str, target: Option<f64>, figures: &[Option<f64>]) {
        self.note(name, unit, false, target, figures);
    }

    fn note(&mut self, name: &str, unit: &'static str, rate: bool, target: Option<f64>, figures: &[Option<f64>]) {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or(self.rows.len());
        if at == self.rows.len() {
            let figures = vec![Vec::new(); self.engines.len()];
            self.rows.push(Row { name: name.to_string(), unit, rate, target, figures });
        }
        for (all, figure) in self.rows[at].figures.iter_mut().zip(figures) {
            all.extend(figure);
        }
    }

    /// The engine that the targets are for.
    pub fn judged(&self) -> Option<usize> {
        self.engines.iter().position(|name| *name == "Stratum")
    }

    /// Everything, as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for rate in [true, false] {
            let what = if rate { "phase (as a share of raw)" } else { "figure" };
            let _ = write!(text, "| {what} | raw |");
            let others = &self.engines[1..];
            let _ = write!(text, " {} |", others.join(" | "));
            let _ = writeln!(text, " target | reached |\n|---|---:|{}---:|---|", "---:|".repeat(others.len()));
            self.rows.iter().filter(|row| row.rate == rate).for_each(|row| self.line(row, &mut text));
            text.push('\n');
        }
        text
    }

    fn line(&self, row: &Row, text: &mut String) {
        let raw = row.figure(0).map_or(String::new(), |figure| format!("{} {}", number(figure), row.unit));
        let _ = write!(text, "| {} | {raw} |", row.name);
        for engine in 1..self.engines.len() {
            let cell = match row.rate {
                true => median(&row.ratios(engine)).map(|ratio| format!("{ratio:.2}")),
                false => row.figure(engine).map(|figure| format!("{} {}", number(figure), row.unit)),
            };
            let _ = write!(text, " {} |", cell.unwrap_or_default());
        }
        let reached = row.target.zip(self.judged()).and_then(|(target, engine)| match row.rate {
            true => median(&row.ratios(engine)).map(|ratio| (">=", target, ratio >= target)),
            false => row.figure(engine).map(|figure| ("<=", target, figure <= target)),
        });
        let _ = match reached {
            Some((sign, target, reached)) => {
                writeln!(text, " {sign} {target} | {} |", if reached { "yes" } else { "no" })
            }
            None => writeln!(text, " | |"),
        };
    }
}

/// The middle of some numbers; none of none.
pub fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Three digits that count.
pub fn number(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
