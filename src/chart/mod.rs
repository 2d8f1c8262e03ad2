//! A small chart of a service level: one figure over time, the line that it must not cross, and when somebody was told.
//!
//! It is laid out once, in whole units, and drawn twice: as SVG for pages, whose style sheet gives the colours of day and night, and as PNG
//! for messages, on no ground at all and in colours that stand out on white and on black alike. Sizes are for a phone: nothing is smaller
//! than 12 points on a screen of 400.
//!
//! Absent on purpose: figures. Who makes a chart (`enrich`) has the counts; here are places and lines.

mod layout;
mod png;
mod svg;

use crate::domain::Timestamp;

/// Points of a chart. Beyond: further ones are not drawn; who makes a chart widens the intervals instead.
pub const POINTS_MAX: usize = 60;
/// Characters of a text in a chart. Beyond: it is cut.
pub const TEXT_MAX: usize = 48;

/// A figure over time. All figures are shares in millionths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What is drawn: `failed, every 2 min`.
    pub title: String,
    /// Beginning of the first interval.
    pub from: Timestamp,
    /// End of the last interval.
    pub to: Timestamp,
    /// One figure for each interval, all of one length; `None` where nothing is known.
    pub points: Vec<Option<i32>>,
    /// The line, and what it means: `1.44% = 14.4x the budget`.
    pub threshold: Option<(i32, String)>,
    /// When somebody was told.
    pub mark: Option<Timestamp>,
    /// The instants at both ends, as the reader's clock shows them.
    pub ends: (String, String),
    /// All of it in a sentence, for whoever does not see it.
    pub alt: String,
}

impl Chart {
    /// For a page.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// For a message; `None` where it cannot be drawn, which leaves the message without a picture.
    #[must_use]
    pub fn png(&self) -> Option<Vec<u8>> {
        png::draw(self)
    }
}

/// A share in millionths as people write it: `1.44%`, `0.005%`, `-12%`.
#[must_use]
pub fn percent(millionths: i32) -> String {
    let (sign, size) = (if millionths < 0 { "-" } else { "" }, millionths.unsigned_abs());
    let (whole, rest) = (size / 10_000, size % 10_000);
    let fraction = format!("{rest:04}");
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{sign}{whole}%") } else { format!("{sign}{whole}.{fraction}%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn chart() -> Chart {
        let outage = |n: i32| if (30..45).contains(&n) { 120_000 - n * 1_000 } else { 500 };
        Chart {
            title: "failed, every 2 min".into(),
            from: Timestamp::from_seconds(0),
            to: Timestamp::from_seconds(7_200),
            points: (0..60).map(|n| (n != 10).then(|| outage(n))).collect(),
            threshold: Some((14_400, "1.44% = 14.4x the budget".into())),
            mark: Some(Timestamp::from_seconds(4_000)),
            ends: ("19:15".into(), "21:15 CET".into()),
            alt: "failed & lost <every> 2 min".into(),
        }
    }

    #[test]
    fn shares_are_written_as_people_do() {
        for (millionths, text) in
            [(14_400, "1.44%"), (50, "0.005%"), (1_000_000, "100%"), (0, "0%"), (-120_000, "-12%")]
        {
            assert_eq!(percent(millionths), text);
        }
    }

    #[test]
    fn both_pictures_are_made_whatever_is_in_a_chart() {
        let far = Chart { points: vec![Some(i32::MAX), Some(i32::MIN), None], threshold: None, ..chart() };
        let none = Chart { points: Vec::new(), threshold: Some((i32::MAX, "x".repeat(1_000))), ..chart() };
        let still = Chart { to: Timestamp::from_seconds(0), points: vec![None; 60], mark: None, ..chart() };
        let odd = Chart { title: "größe 日本 🔥 \u{0}".into(), points: vec![Some(0); 500], ..chart() };
        for chart in [chart(), far, none, still, odd] {
            let png = chart.png().unwrap();
            assert!(png.starts_with(b"\x89PNG") && png.len() < 64 * 1024, "{} bytes", png.len());
            assert!(chart.svg().len() < 16 * 1024);
        }
    }

    #[test]
    fn the_svg_says_in_words_what_it_shows_and_holds_no_markup_from_outside() {
        let svg = chart().svg();
        assert!(svg.contains("role=\"img\"") && svg.contains("failed &#38; lost &#60;every&#62; 2 min"), "{svg}");
        assert!(!svg.contains("<every>") && !svg.contains("style=") && !svg.contains("script"));
        // The gap of the tenth interval parts the line in two.
        assert_eq!(svg.matches("class=\"chart-line\"").count(), 2, "{svg}");
    }
}
