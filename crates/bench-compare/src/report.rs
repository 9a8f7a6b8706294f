//! Gathering figures over the rounds, and printing them.
//!
//! 1. Rows are printed in the order in which they were first noted, engines in that of the run, the yardstick first.
//! 2. A figure is the median of the rounds, a ratio the median of the rounds' ratios.
//! 3. A row is about one engine, Stratum unless its target says otherwise: that one is compared with the best peer and
//!    with the target. Peers are all but the yardstick and Stratum in its forms.

use std::fmt::Write as _;

use golden_sets::Kind;
use golden_sets::native::STRATUM;
use golden_sets::raw::RAW;

use crate::sheet::Sheet;

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
    /// Whether it is a rate, which is compared with the yardstick's.
    pub rate: bool,
    /// What should be reached.
    pub target: Option<Target>,
    /// The figures of each engine, one a round.
    pub figures: Vec<Vec<f64>>,
}

/// What an engine should reach: of a rate the ratio to the yardstick, else the figure itself.
#[derive(Clone, Copy)]
pub struct Target {
    engine: &'static str,
    at_least: bool,
    number: f64,
}

/// At least this, for Stratum.
pub const fn at_least(number: f64) -> Target {
    Target { engine: STRATUM.name, at_least: true, number }
}

/// At most this, for Stratum.
pub const fn at_most(number: f64) -> Target {
    Target { at_least: false, ..at_least(number) }
}

impl Target {
    /// The same for another engine.
    pub const fn of(self, engine: Kind) -> Target {
        Target { engine: engine.name, ..self }
    }
}

/// Whether an engine is Stratum in one of its forms.
pub fn is_stratum(engine: &str) -> bool {
    engine.starts_with(STRATUM.name)
}

fn is_peer(engine: &str) -> bool {
    engine != RAW.name && !is_stratum(engine)
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

    fn more_is_better(&self) -> bool {
        self.rate || self.target.is_some_and(|target| target.at_least)
    }

    /// What the target is compared with.
    fn judged(&self, engine: usize) -> Option<f64> {
        if self.rate { median(&self.ratios(engine)) } else { self.figure(engine) }
    }
}

impl Report {
    /// A report on these engines.
    pub fn new(engines: Vec<&'static str>) -> Report {
        Report { engines, rows: Vec::new() }
    }

    /// Notes a rate of each engine, the more the better; the target is a share of the yardstick's.
    pub fn rate(&mut self, name: &str, unit: &'static str, target: Option<Target>, figures: &[f64]) {
        let figures: Vec<_> = figures.iter().copied().map(Some).collect();
        self.note(name, unit, true, target, &figures);
    }

    /// Notes a figure of each engine that has one, the less the better unless its target says otherwise.
    pub fn figure(&mut self, name: &str, unit: &'static str, target: Option<Target>, figures: &[Option<f64>]) {
        self.note(name, unit, false, target, figures);
    }

    fn note(&mut self, name: &str, unit: &'static str, rate: bool, target: Option<Target>, figures: &[Option<f64>]) {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or(self.rows.len());
        if at == self.rows.len() {
            let figures = vec![Vec::new(); self.engines.len()];
            self.rows.push(Row { name: name.to_string(), unit, rate, target, figures });
        }
        for (all, figure) in self.rows[at].figures.iter_mut().zip(figures) {
            all.extend(figure);
        }
    }

    /// The engine that a row is about, where it takes part.
    fn subject(&self, row: &Row) -> Option<usize> {
        let name = row.target.map_or(STRATUM.name, |target| target.engine);
        self.engines.iter().position(|engine| *engine == name)
    }

    /// What a row is about as a multiple of the best peer's, round by round.
    fn multiples(&self, row: &Row) -> Vec<f64> {
        let best = |round: usize| {
            let peers = self.engines.iter().zip(&row.figures).filter(|(engine, _)| is_peer(engine));
            let figures = peers.filter_map(|(_, figures)| figures.get(round).copied());
            if row.more_is_better() { figures.reduce(f64::max) } else { figures.reduce(f64::min) }
        };
        let ours = self.subject(row).map_or(&[][..], |engine| &row.figures[engine]);
        ours.iter().enumerate().filter_map(|(round, ours)| Some(ours / best(round)?)).collect()
    }

    /// Everything, as Markdown; rows that no engine has a figure for are left out.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for rate in [true, false] {
            let what = if rate { "phase (as a share of raw)" } else { "figure" };
            let head = [what, "raw"].into_iter().chain(self.engines[1..].iter().copied());
            let mut sheet = Sheet::new(head.chain(["x best peer", "target", "reached"]));
            let has_any = |row: &&Row| row.rate == rate && row.figures.iter().any(|figures| !figures.is_empty());
            self.rows.iter().filter(has_any).for_each(|row| sheet.row(self.cells(row)));
            let _ = writeln!(text, "{}", sheet.markdown());
        }
        text
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mut cells = vec![row.name.clone()];
        for engine in 0..self.engines.len() {
            let cell = match row.rate && engine > 0 {
                true => median(&row.ratios(engine)).map(|ratio| format!("{ratio:.2}")),
                false => row.figure(engine).map(|figure| format!("{} {}", number(figure), row.unit)),
            };
            cells.push(cell.unwrap_or_default().trim_end().to_string());
        }
        cells.push(median(&self.multiples(row)).map_or(String::new(), |multiple| format!("{multiple:.2}")));
        let judged = self.subject(row).and_then(|engine| row.judged(engine));
        let [mut bound, mut reached] = [const { String::new() }; 2];
        if let Some((target, judged)) = row.target.zip(judged) {
            let Target { at_least, number, .. } = target;
            bound = format!("{} {number}", if at_least { ">=" } else { "<=" });
            reached =
                if (at_least && judged >= number) || (!at_least && judged <= number) { "yes" } else { "no" }.into();
        }
        cells.extend([bound, reached]);
        cells
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
