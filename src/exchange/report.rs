//! What became of each thing that was read or written.

use std::fmt;

/// How much of a thing was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// It means the same.
    Equal,
    /// It means something else than it did.
    Changed,
    /// It is not there.
    LeftOut,
}

impl Kept {
    /// The word in a report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Changed => "changed",
            Self::LeftOut => "left out",
        }
    }
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much of it was kept.
    pub kept: Kept,
    /// Which thing.
    pub what: String,
    /// What it became, or why not.
    pub how: String,
}

/// All of them, in the order of what was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Line by line.
    pub lines: Vec<Line>,
}

impl Report {
    pub(super) fn equal(&mut self, what: impl Into<String>, how: impl Into<String>) {
        self.say(Kept::Equal, what, how);
    }

    pub(super) fn changed(&mut self, what: impl Into<String>, how: impl Into<String>) {
        self.say(Kept::Changed, what, how);
    }

    pub(super) fn left_out(&mut self, what: impl Into<String>, how: impl Into<String>) {
        self.say(Kept::LeftOut, what, how);
    }

    fn say(&mut self, kept: Kept, what: impl Into<String>, how: impl Into<String>) {
        let line = |text: String| text.replace(|c: char| c.is_control(), " ");
        self.lines.push(Line { kept, what: line(what.into()), how: line(how.into()) });
    }

    /// How many things were kept so.
    #[must_use]
    pub fn count(&self, kept: Kept) -> usize {
        self.lines.iter().filter(|line| line.kept == kept).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { kept, what, how } in &self.lines {
            writeln!(f, "{:<9} {what}: {how}", kept.as_str())?;
        }
        let [equal, changed, left_out] = [Kept::Equal, Kept::Changed, Kept::LeftOut].map(|kept| self.count(kept));
        writeln!(f, "{equal} equal, {changed} changed, {left_out} left out")
    }
}
