//! Gathering figures over the rounds, and printing them.
//!
//! 1. Rows are printed in the order in which they were first noted.

/// All figures of a run.
#[derive(Default)]
pub struct Report {
    ratios: Vec<Row>,
    figures: Vec<Row>,
}

struct Row {
    name: String,
    unit: &'static str,
    target: Option<f64>,
    raw: Vec<f64>,
    stratum: Vec<f64>,
}

impl Report {
    /// Notes a rate of both sides, the more the better, with what the ratio should be.
    pub fn rate(&mut self, name: &str, unit: &'static str, target: Option<f64>, (raw, stratum): (f64, f64)) {
        let row = row(&mut self.ratios, name, unit, target);
        row.raw.push(raw);
        row.stratum.push(stratum);
    }

    /// Notes a figure of Stratum, and of the yardstick where it has one; `target` is what it should not exceed.
    pub fn figure(&mut self, name: &str, unit: &'static str, target: Option<f64>, raw: Option<f64>, stratum: f64) {
        let row = row(&mut self.figures, name, unit, target);
        row.raw.extend(raw);
        row.stratum.push(stratum);
    }

    /// Prints everything, as Markdown.
    pub fn print(&self) {
        println!("| phase | unit | raw | Stratum | Stratum : raw | (from - to) | target | reached |");
        println!("|---|---|---:|---:|---:|---:|---:|---|");
        for row in &self.ratios {
            let ratios: Vec<f64> = row.raw.iter().zip(&row.stratum).map(|(raw, stratum)| stratum / raw).collect();
            let ratio = median(&ratios);
            let (low, high) = ratios.iter().fold((f64::MAX, 0.0), |(low, high), r| (r.min(low), r.max(high)));
            let (raw, stratum) = (number(median(&row.raw)), number(median(&row.stratum)));
            let (target, reached) = verdict(row.target, ">=", |target| ratio >= target);
            let Row { name, unit, .. } = row;
            println!(
                "| {name} | {unit} | {raw} | {stratum} | {ratio:.2} | {low:.2} - {high:.2} | {target} | {reached} |"
            );
        }
        println!("\n| figure | unit | raw | Stratum | target | reached |");
        println!("|---|---|---:|---:|---:|---|");
        for row in &self.figures {
            let raw = if row.raw.is_empty() { String::new() } else { number(median(&row.raw)) };
            let stratum = median(&row.stratum);
            let (target, reached) = verdict(row.target, "<=", |target| stratum <= target);
            println!("| {} | {} | {raw} | {} | {target} | {reached} |", row.name, row.unit, number(stratum));
        }
    }
}

fn row<'a>(rows: &'a mut Vec<Row>, name: &str, unit: &'static str, target: Option<f64>) -> &'a mut Row {
    let at = rows.iter().position(|row| row.name == name).unwrap_or(rows.len());
    if at == rows.len() {
        rows.push(Row { name: name.to_string(), unit, target, raw: Vec::new(), stratum: Vec::new() });
    }
    &mut rows[at]
}

fn verdict(target: Option<f64>, sign: &str, is_reached: impl Fn(f64) -> bool) -> (String, &'static str) {
    match target {
        Some(target) => (format!("{sign} {target}"), if is_reached(target) { "yes" } else { "no" }),
        None => (String::new(), ""),
    }
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        _ if sorted.is_empty() => f64::NAN,
        1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

/// Three digits that count.
fn number(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
