// SPDX-License-Identifier: Apache-2.0
//! Plots each figure and its limit as shares of C OpenAMP's figure.

use std::path::Path;

use anyhow::{Error, Result, ensure};
use plotters::prelude::*;

use super::report::{Row, number};
use super::table::Better;

/// Sizes in pixels: width of the picture, height of a row, width of the name column, and length of the bar for C
/// OpenAMP's figure.
const WIDTH: u32 = 960;
const ROW: i32 = 34;
const NAMES: i32 = 260;
const ONE: f64 = 360.0;
/// Maximum length of a bar, as a multiple of C OpenAMP's bar. Longer bars are cut off and marked.
const LONGEST: f64 = 1.5;
/// Height of the title in pixels.
const TITLE: i32 = 66;
/// Height in pixels of a line in the note below the plot.
const SMALL: i32 = 16;
/// Maximum number of characters in a line of the note below the plot.
const LETTERS: usize = 150;

/// Checks that [`draw`] can write this type of file.
///
/// # Errors
/// Returns an error if the file name does not end in `.svg`.
pub fn check(path: &Path) -> Result<()> {
    let svg = path.extension().is_some_and(|extension| extension == "svg");
    ensure!(svg, "--plot draws SVG: {} has to end in .svg", path.display());
    Ok(())
}

/// Plots `rows` in an SVG file. The text `source` below the plot describes the origin of C OpenAMP's figures. Skips
/// rows without a figure for C OpenAMP.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub fn draw(path: &Path, rows: &[Row], source: &str) -> Result<()> {
    let rows: Vec<_> = rows.iter().filter_map(|row| Some((row, shares(row)?))).collect();
    let source = lines(&format!("C OpenAMP: {source}"));
    let bottom = TITLE + i32::try_from(rows.len())?.saturating_mul(ROW);
    let height = bottom.saturating_add(i32::try_from(source.len())?.saturating_mul(SMALL) + SMALL).unsigned_abs();
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let failed = |error: DrawingAreaErrorKind<_>| -> Error {
        Error::msg(format!("{} cannot be drawn: {error}", path.display()))
    };
    area.fill(&WHITE).map_err(failed)?;
    let text = |text: String, x: i32, y: i32, size: u32| Text::new(text, (x, y), ("sans-serif", size));
    let title = "Each figure as a share of C OpenAMP's (grey), or where more is better C's as a share of it";
    area.draw(&text(title.to_owned(), 16, 14, 16)).map_err(failed)?;
    let title =
        "Shorter is better; the limit is the line; what is longer than the picture is wide is cut, with two strokes";
    area.draw(&text(title.to_owned(), 16, 38, 13)).map_err(failed)?;
    for (y, (row, (value, limit))) in (TITLE..).step_by(ROW.unsigned_abs() as usize).zip(&rows) {
        let x = |share: f64| NAMES + (share.min(LONGEST) * ONE) as i32;
        let bar = |share: f64, top: i32, bottom: i32, colour: RGBColor| {
            Rectangle::new([(NAMES, y + top), (x(share), y + bottom)], colour.filled())
        };
        area.draw(&text(row.key.to_owned(), 16, y + 5, 14)).map_err(failed)?;
        area.draw(&bar(1.0, 0, 20, RGBColor(205, 205, 205))).map_err(failed)?;
        let colour = if row.met { RGBColor(46, 125, 80) } else { RGBColor(200, 110, 30) };
        area.draw(&bar(*value, 4, 16, colour)).map_err(failed)?;
        for stroke in [8, 14].into_iter().filter(|_| *value > LONGEST) {
            let stroke = [(x(LONGEST) - stroke - 4, y + 20), (x(LONGEST) - stroke + 4, y)];
            area.draw(&PathElement::new(stroke, WHITE.stroke_width(3))).map_err(failed)?;
        }
        if let Some(limit) = limit {
            area.draw(&PathElement::new([(x(*limit), y - 2), (x(*limit), y + 22)], BLACK.stroke_width(2)))
                .map_err(failed)?;
        }
        let said = format!("{} (C {})", number(row.value), number(row.c_openamp.unwrap_or_default()));
        area.draw(&text(said, NAMES + (LONGEST * ONE) as i32 + 16, y + 5, 14)).map_err(failed)?;
    }
    for (y, line) in (bottom + SMALL / 2..).step_by(SMALL.unsigned_abs() as usize).zip(source) {
        area.draw(&text(line, 16, y, 11)).map_err(failed)?;
    }
    area.present().map_err(failed)
}

/// Returns the value and the limit as shares of C OpenAMP's figure. If higher values are better, returns the inverse
/// ratios.
fn shares(row: &Row) -> Option<(f64, Option<f64>)> {
    let c = row.c_openamp.filter(|&c| c > 0.0)?;
    let share = |value: f64| match row.is.better {
        Better::Lower => value / c,
        Better::Higher => c / value,
    };
    Some((share(row.value), row.limit.map(share)))
}

/// Splits `text` into lines that fit the picture.
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if last.len() + word.len() < LETTERS => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::of;
    use super::*;

    #[test]
    fn what_c_has_a_figure_for_is_drawn() {
        let file = tempfile::NamedTempFile::with_suffix(".svg").unwrap();
        let mut flood = of("blocking_flood_per_s.a53", 80_800.0, &[]);
        flood.c_openamp = Some(808.0);
        let rows = [of("flash.m3.remote", 3116.0, &[]), of("flash.m3.host", 1.0, &[]), flood];
        assert_eq!(shares(&rows[0]), Some((0.5, Some(3500.0 / 6232.0))));
        assert_eq!(shares(&rows[1]), None);
        assert_eq!(shares(&rows[2]), Some((0.01, Some(0.025))));
        draw(file.path(), &rows, "measured by hand").unwrap();
        let svg = std::fs::read_to_string(file.path()).unwrap();
        assert!(svg.contains("flash.m3.remote") && svg.contains("3116 (C 6232)") && !svg.contains("flash.m3.host"));
        assert!(svg.contains("80800 (C 808)"));
        assert!(svg.find("measured by hand") > svg.find("80800"), "the source is the last line");
        assert!(draw(Path::new("/nowhere/figures.svg"), &rows, "").is_err());
    }

    #[test]
    fn what_is_cut_is_marked() {
        let strokes = |value| {
            let file = tempfile::NamedTempFile::with_suffix(".svg").unwrap();
            draw(file.path(), &[of("flash.m3.remote", value, &[])], "").unwrap();
            std::fs::read_to_string(file.path()).unwrap().matches(r##"stroke="#FFFFFF""##).count()
        };
        // A bar for 1.35 times C OpenAMP's figure still fits.
        assert_eq!((strokes(8420.0), strokes(9400.0)), (0, 2));
    }

    #[test]
    fn only_svg_is_drawn() {
        check(Path::new("a/figures.svg")).unwrap();
        let error = check(Path::new("figures.png")).unwrap_err().to_string();
        assert_eq!(error, "--plot draws SVG: figures.png has to end in .svg");
    }

    #[test]
    fn a_long_source_is_broken() {
        let text = ["word"; 100].join(" ");
        let lines = lines(&text);
        assert!(lines.len() > 3 && lines.iter().all(|line| line.len() <= LETTERS), "{lines:?}");
        assert_eq!(lines.join(" "), text);
    }
}
