//! Charts of lines, one below the other, in one picture.
//!
//! 1. A logarithmic axis goes from a power of ten to a power of ten, a linear one from zero.

use std::path::Path;

use plotters::prelude::*;

use crate::Outcome;
use crate::plot::color;

const WIDTH: i32 = 900;
const HEIGHT: i32 = 380;
const LEFT: i32 = 70;
const RIGHT: i32 = 620;
const TOP: i32 = 56;
const BOTTOM: i32 = 326;

/// An axis.
pub struct Axis {
    /// What it shows.
    pub name: &'static str,
    /// Whether it is logarithmic.
    pub log: bool,
}

/// A line.
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
    /// The number of its color, from 1 on: the same for the same thing in all charts.
    pub color: i32,
}

/// A chart.
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// From left to right.
    pub across: Axis,
    /// From the bottom to the top.
    pub up: Axis,
    /// What it shows.
    pub lines: Vec<Line>,
}

/// Where on the picture a number of an axis is.
struct Scale {
    log: bool,
    least: f64,
    most: f64,
    pixels: (i32, i32),
}

impl Scale {
    fn new(axis: &Axis, numbers: impl Iterator<Item = f64> + Clone, pixels: (i32, i32)) -> Scale {
        let most = numbers.clone().fold(f64::MIN_POSITIVE, f64::max);
        let (least, most) = match axis.log {
            true => {
                let least = numbers.fold(most, f64::min).log10().floor();
                (least, most.log10().ceil().max(least + 1.0))
            }
            false => (0.0, most * 1.05),
        };
        Scale { log: axis.log, least, most, pixels }
    }

    fn at(&self, number: f64) -> i32 {
        let number = if self.log { number.log10() } else { number };
        let share = (number - self.least) / (self.most - self.least);
        self.pixels.0 + (share * f64::from(self.pixels.1 - self.pixels.0)).round() as i32
    }

    fn ticks(&self) -> Vec<f64> {
        if self.log {
            return (self.least as i32..=self.most as i32).map(|power| 10f64.powi(power)).collect();
        }
        let unit = 10f64.powf((self.most / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * unit).into_iter().find(|step| self.most / step <= 6.0);
        let step = step.unwrap_or(unit);
        (0..=(self.most / step) as i32).map(|number| f64::from(number) * step).collect()
    }
}

/// A number at an axis.
fn label(number: f64) -> String {
    let (number, unit) = match number.abs() {
        size if size >= 1e9 => (number / 1e9, "G"),
        size if size >= 1e6 => (number / 1e6, "M"),
        size if size >= 1e3 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    format!("{}{unit}", (number * 100.0).round() / 100.0)
}

/// Draws charts into a file.
pub fn draw(charts: &[Chart], caption: &str, path: &Path) -> Outcome {
    let height = 30 + HEIGHT * charts.len() as i32;
    let area = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let font = |size: i32| ("sans-serif", size).into_font();
    area.draw(&Text::new(caption.to_string(), (12, 10), font(15)))?;
    for (chart, y) in charts.iter().zip((30..).step_by(HEIGHT as usize)) {
        area.draw(&Text::new(chart.title.clone(), (LEFT, y + 14), font(14)))?;
        area.draw(&Text::new(chart.up.name, (12, y + 36), font(12)))?;
        area.draw(&Text::new(chart.across.name, (LEFT, y + BOTTOM + 22), font(12)))?;
        let points = || chart.lines.iter().flat_map(|line| line.points.iter().copied());
        let across = Scale::new(&chart.across, points().map(|point| point.0), (LEFT, RIGHT));
        let up = Scale::new(&chart.up, points().map(|point| point.1), (y + BOTTOM, y + TOP));
        let grid = RGBColor(0xdd, 0xdd, 0xdd);
        for tick in across.ticks() {
            let x = across.at(tick);
            area.draw(&PathElement::new([(x, y + TOP), (x, y + BOTTOM)], grid.stroke_width(1)))?;
            area.draw(&Text::new(label(tick), (x - 10, y + BOTTOM + 6), font(11)))?;
        }
        for tick in up.ticks() {
            let level = up.at(tick);
            area.draw(&PathElement::new([(LEFT, level), (RIGHT, level)], grid.stroke_width(1)))?;
            area.draw(&Text::new(label(tick), (LEFT - 40, level - 6), font(11)))?;
        }
        for (row, line) in (0..).zip(&chart.lines) {
            let color = color(line.color);
            let points: Vec<_> = line.points.iter().map(|(x, y)| (across.at(*x), up.at(*y))).collect();
            if points.len() < 20 {
                for point in &points {
                    area.draw(&Circle::new(*point, 3, color.filled()))?;
                }
            }
            area.draw(&PathElement::new(points, color.stroke_width(2)))?;
            let name_at = y + TOP + row * 20;
            area.draw(&Rectangle::new([(RIGHT + 20, name_at), (RIGHT + 32, name_at + 12)], color.filled()))?;
            area.draw(&Text::new(line.name.clone(), (RIGHT + 38, name_at - 1), font(13)))?;
        }
    }
    area.present()?;
    Ok(())
}
