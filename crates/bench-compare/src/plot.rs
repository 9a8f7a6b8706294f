//! The rates of a run as a picture: for each phase a bar an engine, as a share of the yardstick.

use std::path::Path;

use plotters::prelude::*;

use crate::Outcome;
use crate::report::{Report, median};

const ROW: i32 = 14;
const LEFT: i32 = 290;
const WIDTH: i32 = 900;
const TOP: i32 = 70;
/// Shares above this are cut off.
const MOST: f64 = 2.0;

/// Draws the picture into a file.
pub fn draw(report: &Report, caption: &str, path: &Path) -> Outcome {
    let rates: Vec<_> = report.rows.iter().filter(|row| row.rate).collect();
    let engines = report.engines.len() as i32 - 1;
    let block = engines * ROW + 12;
    let height = TOP + rates.len() as i32 * block + 30;
    let area = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let font = |size: i32| ("sans-serif", size).into_font();
    area.draw(&Text::new(caption.to_string(), (12, 10), font(15)))?;
    for engine in 1..=engines {
        let x = 12 + (engine - 1) * ((WIDTH - 24) / engines).min(110);
        area.draw(&Rectangle::new([(x, 36), (x + 12, 48)], color(engine).filled()))?;
        area.draw(&Text::new(report.engines[engine as usize], (x + 17, 35), font(13)))?;
    }
    let scale = f64::from(WIDTH - LEFT - 60) / MOST;
    let at = |share: f64| LEFT + (share.min(MOST) * scale) as i32;
    for (block_top, row) in (0..).map(|number| TOP + number * block).zip(&rates) {
        area.draw(&Text::new(row.name.clone(), (12, block_top + block / 2 - 12), font(12)))?;
        for engine in 1..=engines {
            let Some(share) = median(&row.ratios(engine as usize)) else { continue };
            let y = block_top + (engine - 1) * ROW;
            area.draw(&Rectangle::new([(LEFT, y), (at(share), y + ROW - 3)], color(engine).filled()))?;
            area.draw(&Text::new(format!("{share:.2}"), (at(share) + 4, y - 1), font(11)))?;
        }
    }
    let bottom = height - 22;
    area.draw(&PathElement::new([(at(1.0), TOP - 6), (at(1.0), bottom)], BLACK.stroke_width(1)))?;
    area.draw(&Text::new("1.0: the yardstick, a raw append-only file", (at(1.0) + 4, bottom), font(12)))?;
    area.present()?;
    Ok(())
}

/// The color of an engine or a line, from 1 on.
pub fn color(number: i32) -> RGBColor {
    const COLORS: [(u8, u8, u8); 10] = [
        (0xc0, 0x39, 0x2b),
        (0xe6, 0x7e, 0x22),
        (0x29, 0x80, 0xb9),
        (0x27, 0xae, 0x60),
        (0x8e, 0x44, 0xad),
        (0x7f, 0x8c, 0x8d),
        (0x2c, 0x3e, 0x50),
        (0x16, 0xa0, 0x85),
        (0xf1, 0xc4, 0x0f),
        (0xd8, 0x7a, 0xb5),
    ];
    let (red, green, blue) = COLORS[(number - 1) as usize % COLORS.len()];
    RGBColor(red, green, blue)
}
