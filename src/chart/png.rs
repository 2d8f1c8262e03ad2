//! As PNG, for messages: twice as many dots as points, since phones have them, on no ground, in colours with a contrast of about four
//! to one on white and on the dark grounds of mail and chat alike.
//!
//! Letters are drawn as outlines of a font that is part of the program (`sans.ttf`): a server has none, and a picture must not depend on it.

use tiny_skia::{Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, StrokeDash, Transform};
use ttf_parser::{Face, OutlineBuilder};

use super::Chart;
use super::layout::{Anchor, HEIGHT, LETTER, Shape, Tone, WIDTH, shapes};

static FONT: &[u8] = include_bytes!("sans.ttf");
/// Tenths of a point to a dot.
const TENTHS_PER_DOT: u16 = 5;

pub fn draw(chart: &Chart) -> Option<Vec<u8>> {
    let face = Face::parse(FONT, 0).ok()?;
    let dots = |tenths: i16| u32::try_from(tenths).ok().map(|tenths| tenths / u32::from(TENTHS_PER_DOT));
    let mut canvas = Canvas {
        pixmap: Pixmap::new(dots(WIDTH)?, dots(HEIGHT)?)?,
        scale: Transform::from_scale(1.0 / f32::from(TENTHS_PER_DOT), 1.0 / f32::from(TENTHS_PER_DOT)),
    };
    for shape in shapes(chart) {
        match shape {
            Shape::Area(points) => canvas.fill(path(&points, true), Tone::Data, 0.22),
            Shape::Line { points, tone, dashed } => canvas.stroke(path(&points, false), tone, dashed),
            Shape::Text { at, anchor, tone, text } => canvas.fill(words(&face, &text, at, anchor), tone, 1.0),
        }
    }
    canvas.pixmap.encode_png().ok()
}

struct Canvas {
    pixmap: Pixmap,
    scale: Transform,
}

impl Canvas {
    fn fill(&mut self, path: Option<Path>, tone: Tone, alpha: f32) {
        if let Some(path) = path {
            self.pixmap.fill_path(&path, &paint(tone, alpha), FillRule::Winding, self.scale, None);
        }
    }

    fn stroke(&mut self, path: Option<Path>, tone: Tone, dashed: bool) {
        let Some(path) = path else { return };
        let width = if tone == Tone::Quiet { 8.0 } else { 20.0 };
        let dash = if dashed { StrokeDash::new(vec![60.0, 40.0], 0.0) } else { None };
        let stroke = Stroke { width, dash, line_cap: LineCap::Butt, line_join: LineJoin::Round, ..Stroke::default() };
        let alpha = if tone == Tone::Quiet { 0.45 } else { 1.0 };
        self.pixmap.stroke_path(&path, &paint(tone, alpha), &stroke, self.scale, None);
    }
}

fn paint(tone: Tone, alpha: f32) -> Paint<'static> {
    let [red, green, blue] = match tone {
        Tone::Quiet => [0x7a, 0x85, 0x92],
        Tone::Data => [0x3b, 0x82, 0xe0],
        Tone::Threshold => [0xe0, 0x48, 0x3c],
        Tone::Mark => [0xb8, 0x78, 0x14],
    };
    let mut paint = Paint::default();
    let mut color = Color::from_rgba8(red, green, blue, u8::MAX);
    color.apply_opacity(alpha);
    paint.set_color(color);
    paint.anti_alias = true;
    paint
}

fn path(points: &[(i16, i16)], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (n, (x, y)) in points.iter().enumerate() {
        let (x, y) = (f32::from(*x), f32::from(*y));
        if n == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

/// Outlines of a text. What the font lacks is a question mark.
fn words(face: &Face<'_>, text: &str, (x, y): (i16, i16), anchor: Anchor) -> Option<Path> {
    let size = f32::from(LETTER) / f32::from(face.units_per_em());
    let glyphs: Vec<_> = text.chars().filter_map(|c| face.glyph_index(c).or_else(|| face.glyph_index('?'))).collect();
    let advance = |glyph| f32::from(face.glyph_hor_advance(glyph).unwrap_or(0)) * size;
    let width: f32 = glyphs.iter().map(|glyph| advance(*glyph)).sum();
    let start = f32::from(x) - if anchor == Anchor::End { width } else { 0.0 };
    let mut pen = Pen { path: PathBuilder::new(), x: start, y: f32::from(y), size };
    for glyph in glyphs {
        face.outline_glyph(glyph, &mut pen);
        pen.x += advance(glyph);
    }
    pen.path.finish()
}

/// Writes outlines at a place; in a font, up is more.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
    size: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.size, self.y - y * self.size)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
