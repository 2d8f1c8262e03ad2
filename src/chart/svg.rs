//! As SVG, for a page of ours: colours come from its style sheet by class, since its security policy allows no styles in place.

use askama::Template;

use super::Chart;
use super::layout::{Anchor, HEIGHT, LETTER, Shape, Tone, WIDTH, shapes};

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<svg class="chart" viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ alt }}" font-size="{{ letter }}">
{% for drawn in drawn %}{% match drawn %}{% when Drawn::Area with (points) %}<polygon class="chart-area" points="{{ points }}"/>
{% when Drawn::Line with (points, class) %}<polyline class="{{ class }}" points="{{ points }}"/>
{% when Drawn::Text with (x, y, anchor, class, text) %}<text x="{{ x }}" y="{{ y }}" text-anchor="{{ anchor }}" class="{{ class }}">{{ text }}</text>
{% endmatch %}{% endfor %}</svg>"#
)]
struct Picture<'a> {
    width: i16,
    height: i16,
    letter: i16,
    alt: &'a str,
    drawn: Vec<Drawn>,
}

enum Drawn {
    Area(String),
    Line(String, &'static str),
    Text(i16, i16, &'static str, &'static str, String),
}

pub fn draw(chart: &Chart) -> String {
    let drawn = shapes(chart).into_iter().map(|shape| match shape {
        Shape::Area(area) => Drawn::Area(points(&area)),
        Shape::Line { points: line, tone, .. } => Drawn::Line(points(&line), line_class(tone)),
        Shape::Text { at: (x, y), anchor, tone, text } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::End => "end",
            };
            Drawn::Text(x, y, anchor, text_class(tone), text)
        }
    });
    let picture = Picture { width: WIDTH, height: HEIGHT, letter: LETTER, alt: &chart.alt, drawn: drawn.collect() };
    // Writing to a text cannot fail; without the picture the facts say the same.
    picture.render().unwrap_or_default()
}

const fn line_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Quiet => "chart-frame",
        Tone::Data => "chart-line",
        Tone::Threshold => "chart-threshold",
        Tone::Mark => "chart-mark",
    }
}

const fn text_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Threshold => "chart-words-threshold",
        _ => "chart-words",
    }
}

fn points(points: &[(i16, i16)]) -> String {
    points.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}
