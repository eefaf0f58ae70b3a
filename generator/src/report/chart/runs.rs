//! Charts over runs: each run has a place on the axis, by its number.

use super::{
    Axis, Chart, LEFT, Line, RIGHT, Tick, float, joined, place, point, step, steps, thinned, y_axis,
};

/// Lines over runs.
#[derive(Debug)]
pub(in crate::report) struct Over<'a> {
    /// What they are of, for those who do not see them.
    pub(in crate::report) of: &'a str,
    /// What they show.
    pub(in crate::report) title: &'a str,
    /// The same in a sentence, with the figure that matters.
    pub(in crate::report) description: String,
    /// The number of each run that has a point.
    pub(in crate::report) numbers: &'a [u32],
    /// What a line is called, how it looks, and its value in each of these runs.
    pub(in crate::report) lines: Vec<(&'static str, &'static str, Vec<u64>)>,
    /// How a value is written.
    pub(in crate::report) label: fn(u64) -> String,
    /// The axis goes at least so far.
    pub(in crate::report) at_least: u64,
}

/// A chart over runs; none with fewer than two, as there is no line through one.
pub(in crate::report) fn over_runs(over: Over<'_>) -> Option<Chart> {
    let (first, last) = (*over.numbers.first()?, *over.numbers.last()?);
    if over.numbers.len() < 2 || last <= first {
        return None;
    }
    let values = over.lines.iter().flat_map(|(.., values)| values);
    let greatest = values.max().copied().unwrap_or(0).max(over.at_least);
    let (y, y_ticks) = y_axis(greatest, over.label);
    let span = f64::from(last - first);
    let x = Axis { greatest: span, from: LEFT, to: RIGHT };
    let tick =
        |at: f64| Tick { at: place(x.place(at)), label: format!("{:.0}", at + f64::from(first)) };
    let lines = over
        .lines
        .iter()
        .map(|(label, style, values)| {
            let points: Vec<(u32, u64)> =
                over.numbers.iter().copied().zip(values.iter().copied()).collect();
            let points = thinned(&points).map(|(number, value)| {
                point(x.place(f64::from(number - first)), y.place(float(*value)))
            });
            Line { label, style, points: joined(points) }
        })
        .collect();
    Some(Chart {
        of: over.of.to_owned(),
        title: over.title.to_owned(),
        description: over.description,
        x_title: "run, by its number in the table",
        x_ticks: steps(step(span, 8.0).max(1.0), span).map(tick).collect(),
        y_ticks,
        bands: Vec::new(),
        lines,
    })
}
