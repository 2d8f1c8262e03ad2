//! Where everything is: lines, areas and words in tenths of a point, for both ways of drawing.

use super::{Chart, POINTS_MAX, TEXT_MAX, percent};

/// Width of the whole, in tenths of a point.
pub const WIDTH: i16 = 4_000;
/// Height of the whole.
pub const HEIGHT: i16 = 1_560;
/// Height of a letter.
pub const LETTER: i16 = 135;

const LEFT: i16 = 520;
const RIGHT: i16 = 3_960;
const TOP: i16 = 230;
const BOTTOM: i16 = 1_320;

/// What a line or a word is for; each way of drawing has its own colour for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Frame and words.
    Quiet,
    /// The figure.
    Data,
    /// What it must not cross.
    Threshold,
    /// When somebody was told.
    Mark,
}

/// Where a text is tied to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    End,
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Filled, of the figure's colour.
    Area(Vec<(i16, i16)>),
    /// A line; broken up where `dashed`.
    Line { points: Vec<(i16, i16)>, tone: Tone, dashed: bool },
    /// Words.
    Text { at: (i16, i16), anchor: Anchor, tone: Tone, text: String },
}

/// All shapes, the hindmost first.
pub fn shapes(chart: &Chart) -> Vec<Shape> {
    let points = &chart.points[..chart.points.len().min(POINTS_MAX)];
    let scale = Scale::of(points, chart.threshold.as_ref().map(|(at, _)| *at));
    let mut shapes = Vec::new();
    for at in scale.ticks() {
        let y = scale.y(at);
        shapes.push(Shape::Line { points: vec![(LEFT, y), (RIGHT, y)], tone: Tone::Quiet, dashed: false });
        shapes.push(text((LEFT - 50, y + LETTER / 3), Anchor::End, Tone::Quiet, &percent(at)));
    }
    for run in runs(points) {
        let outline: Vec<(i16, i16)> = run
            .iter()
            .flat_map(|(n, value)| [(x(*n, points.len()), scale.y(*value)), (x(n + 1, points.len()), scale.y(*value))])
            .collect();
        if let (Some(first), Some(last)) = (outline.first(), outline.last()) {
            let zero = scale.y(0);
            let ground = [(last.0, zero), (first.0, zero)];
            shapes.push(Shape::Area(outline.iter().copied().chain(ground).collect()));
        }
        shapes.push(Shape::Line { points: outline, tone: Tone::Data, dashed: false });
    }
    if let Some((at, words)) = &chart.threshold {
        let y = scale.y(*at);
        shapes.push(Shape::Line { points: vec![(LEFT, y), (RIGHT, y)], tone: Tone::Threshold, dashed: true });
        shapes.push(text((RIGHT, TOP - 100), Anchor::End, Tone::Threshold, words));
    }
    if let Some(x) = chart.mark.and_then(|at| between(chart, at)) {
        shapes.push(Shape::Line { points: vec![(x, TOP), (x, BOTTOM)], tone: Tone::Mark, dashed: true });
    }
    shapes.push(text((LEFT, TOP - 100), Anchor::Start, Tone::Quiet, &chart.title));
    shapes.push(text((LEFT, HEIGHT - 60), Anchor::Start, Tone::Quiet, &chart.ends.0));
    shapes.push(text((RIGHT, HEIGHT - 60), Anchor::End, Tone::Quiet, &chart.ends.1));
    shapes
}

fn text(at: (i16, i16), anchor: Anchor, tone: Tone, text: &str) -> Shape {
    let text = text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect();
    Shape::Text { at, anchor, tone, text }
}

/// Neighbours with figures, by number of the interval.
fn runs(points: &[Option<i32>]) -> Vec<Vec<(usize, i32)>> {
    let mut runs: Vec<Vec<(usize, i32)>> = Vec::new();
    let mut open = false;
    for (n, point) in points.iter().enumerate() {
        match (point, runs.last_mut()) {
            (Some(value), Some(run)) if open => run.push((n, *value)),
            (Some(value), _) => runs.push(vec![(n, *value)]),
            (None, _) => {}
        }
        open = point.is_some();
    }
    runs
}

/// Left edge of interval `n` of `count`.
fn x(n: usize, count: usize) -> i16 {
    let (n, count) = (i64::try_from(n).unwrap_or(0), i64::try_from(count.max(1)).unwrap_or(1));
    place(i64::from(LEFT) + i64::from(RIGHT - LEFT) * n / count)
}

/// Place of an instant, where it is within the chart.
fn between(chart: &Chart, at: crate::domain::Timestamp) -> Option<i16> {
    let (length, into) = (chart.to.since(chart.from).as_millis(), at.since(chart.from).as_millis());
    (length > 0 && (0..=length).contains(&into))
        .then(|| place(i64::from(LEFT) + i64::from(RIGHT - LEFT) * into / length))
}

fn place(at: i64) -> i16 {
    i16::try_from(at.clamp(0, i64::from(WIDTH))).unwrap_or(WIDTH)
}

/// From figures to heights.
struct Scale {
    low: i64,
    high: i64,
}

impl Scale {
    /// A round number above everything, with a little room; zero is always in.
    fn of(points: &[Option<i32>], threshold: Option<i32>) -> Self {
        let all = || points.iter().flatten().copied().chain(threshold).map(i64::from);
        let high = all().max().unwrap_or(0).max(1) * 11 / 10 + 1;
        let low = all().min().unwrap_or(0).min(0);
        Self { low: -round_up(-low), high: round_up(high) }
    }

    fn ticks(&self) -> Vec<i32> {
        let mut ticks = vec![self.low, 0, self.high / 2, self.high];
        ticks.dedup();
        ticks.into_iter().filter_map(|at| i32::try_from(at).ok()).collect()
    }

    fn y(&self, at: i32) -> i16 {
        let room = i64::from(BOTTOM - TOP);
        let at = i64::from(at).clamp(self.low, self.high);
        i16::try_from(i64::from(BOTTOM) - room * (at - self.low) / (self.high - self.low).max(1)).unwrap_or(BOTTOM)
    }
}

/// The next of 1, 2, 4, 5 or 10 times a power of ten; zero stays zero. A hundred percent is enough for shares just below it.
fn round_up(size: i64) -> i64 {
    if size <= 0 {
        return 0;
    }
    if (900_000..=1_200_000).contains(&size) {
        return 1_000_000;
    }
    let mut power = 1;
    while power * 10 < size {
        power *= 10;
    }
    [1, 2, 4, 5, 10].into_iter().map(|step| step * power).find(|round| *round >= size).unwrap_or(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_a_round_number_above_everything() {
        for (size, top) in [(1, 1), (15_841, 20_000), (23_000, 40_000), (41_000, 50_000), (1_100_001, 1_000_000)] {
            assert_eq!(round_up(size), top, "{size}");
        }
        let scale = Scale::of(&[Some(-300_000), Some(700_000)], None);
        assert_eq!((scale.low, scale.high), (-400_000, 800_000_i64.max(scale.high)));
        assert!(scale.y(-300_000) < BOTTOM && scale.y(700_000) > TOP);
    }

    #[test]
    fn everything_stays_within_the_picture() {
        let within = |(x, y): &(i16, i16)| (0..=WIDTH).contains(x) && (0..=HEIGHT).contains(y);
        for shape in shapes(&super::super::tests::chart()) {
            let inside = match &shape {
                Shape::Area(points) | Shape::Line { points, .. } => points.iter().all(within),
                Shape::Text { at, .. } => within(at),
            };
            assert!(inside, "{shape:?}");
        }
    }
}
