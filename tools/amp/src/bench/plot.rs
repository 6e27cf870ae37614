//! The figures as a picture: each as a share of what C OpenAMP takes, with the limit beside it.

use std::path::Path;

use anyhow::{Error, Result};
use plotters::prelude::*;

use super::Row;

/// Pixels: of the picture, of a row, of the names at the left, of one times C's figure.
const WIDTH: u32 = 960;
const ROW: i32 = 34;
const NAMES: i32 = 260;
const ONE: f64 = 420.0;
/// Bars that are longer are cut here.
const LONGEST: f64 = 1.25;

/// Draws `rows` into an SVG file; those that C has no figure for, or that are better when more, are not comparable and
/// left out.
///
/// # Errors
/// The file cannot be written.
pub fn draw(path: &Path, rows: &[Row]) -> Result<()> {
    let rows: Vec<_> = rows.iter().filter_map(|row| Some((row, shares(row)?))).collect();
    let height = u32::try_from(rows.len())?.saturating_mul(ROW.unsigned_abs()) + 80;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let failed = |error: DrawingAreaErrorKind<_>| -> Error {
        Error::msg(format!("{} cannot be drawn: {error}", path.display()))
    };
    area.fill(&WHITE).map_err(failed)?;
    let text = |text: String, x: i32, y: i32, size: u32| Text::new(text, (x, y), ("sans-serif", size));
    let title = "Each figure as a share of C OpenAMP's (grey); the limit is the line; less is better";
    area.draw(&text(title.to_owned(), 16, 14, 16)).map_err(failed)?;
    for (y, (row, (value, limit))) in (50..).step_by(ROW.unsigned_abs() as usize).zip(&rows) {
        let x = |share: f64| NAMES + (share.min(LONGEST) * ONE) as i32;
        let bar = |share: f64, top: i32, bottom: i32, colour: RGBColor| {
            Rectangle::new([(NAMES, y + top), (x(share), y + bottom)], colour.filled())
        };
        area.draw(&text(row.key.to_owned(), 16, y + 5, 14)).map_err(failed)?;
        area.draw(&bar(1.0, 0, 20, RGBColor(205, 205, 205))).map_err(failed)?;
        let colour = if row.met { RGBColor(46, 125, 80) } else { RGBColor(200, 110, 30) };
        area.draw(&bar(*value, 4, 16, colour)).map_err(failed)?;
        if let Some(limit) = limit {
            area.draw(&PathElement::new([(x(*limit), y - 2), (x(*limit), y + 22)], BLACK.stroke_width(2)))
                .map_err(failed)?;
        }
        let said = format!("{} of {}", super::number(row.value), super::number(row.c_openamp.unwrap_or_default()));
        area.draw(&text(said, NAMES + (LONGEST * ONE) as i32 + 16, y + 5, 14)).map_err(failed)?;
    }
    area.present().map_err(failed)
}

/// Value and limit as shares of C's figure.
fn shares(row: &Row) -> Option<(f64, Option<f64>)> {
    let c = row.c_openamp.filter(|&c| c > 0.0)?;
    row.is.is_worse(2.0, 1.0).then(|| (row.value / c, row.limit.map(|limit| limit / c)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::of;
    use super::*;

    #[test]
    fn what_c_has_a_figure_for_is_drawn() {
        let file = tempfile::NamedTempFile::with_suffix(".svg").unwrap();
        let rows = [of("flash.m3.remote", 3116.0, &[]), of("flash.m3.host", 1.0, &[])];
        assert_eq!(shares(&rows[0]), Some((0.5, Some(3500.0 / 6232.0))));
        draw(file.path(), &rows).unwrap();
        let svg = std::fs::read_to_string(file.path()).unwrap();
        assert!(svg.contains("flash.m3.remote") && svg.contains("3116 of 6232") && !svg.contains("flash.m3.host"));
        assert!(draw(Path::new("/nowhere/figures.svg"), &rows).is_err());
    }
}
