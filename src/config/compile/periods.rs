//! Error budget periods: a length, or boundaries of the calendar for a century, in their zone.

use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Compiler;
use crate::config::diagnostic::Diagnostic;
use crate::config::levels::{PeriodText, period};
use crate::config::tree::Value;
use crate::config::view::{View, date};
use crate::domain::{Span, Timestamp};
use crate::engine::policy::PERIOD_DEFAULT;
use crate::schedule::Zone;
use crate::slo::{Calendar, Period, Unit};

/// First and last year of calendar periods. Beyond: the longest period of that kind, rolling.
const YEARS: (i16, i16) = (2000, 2100);
/// Where the table begins.
const FIRST: Date = Date::constant(YEARS.0, 1, 1);
/// Its first Monday.
const MONDAY: Date = Date::constant(YEARS.0, 1, 3);
const DAY: Span = Span::from_hours(24);

impl Compiler<'_> {
    /// The period of an SLO: `period`, `period_from` and `timezone`.
    pub(super) fn period(&mut self, view: &View<'_>) -> Period {
        let written = view.text("period").and_then(|text| period(text).ok());
        let written = written.unwrap_or(PeriodText::Length(PERIOD_DEFAULT));
        let zone = view.text("timezone").and_then(|name| self.named_zone(name));
        let from = self.period_from(view, written);
        if let (PeriodText::Length(_), None, Some(_)) = (written, from, view.get("timezone")) {
            self.findings.push(
                Diagnostic::warning("no-effect", view.place_of("timezone"), "a rolling period has no zone")
                    .hint("drop it, or write `period = \"month\"`"),
            );
        }
        let zone = zone.unwrap_or_else(|| self.zone.clone());
        match (written, from) {
            (PeriodText::Length(length), Some(from)) => {
                let days = length.as_millis() / DAY.as_millis();
                // The last beginning before the table, so that the date is one of them.
                let behind = from.since(FIRST).map_or(0, |span| i64::from(span.get_days()));
                let start = from.saturating_sub((behind.div_euclid(days) * days).days());
                self.calendar(Unit::Days(days, (from.year(), from.month(), from.day())), start, &zone)
            }
            (written, _) => self.period_in(written, &zone),
        }
    }

    /// A period in a zone.
    pub(super) fn period_in(&mut self, written: PeriodText, zone: &Zone) -> Period {
        match written {
            PeriodText::Length(length) => Period::Rolling(length),
            PeriodText::Week => self.calendar(Unit::Week, MONDAY, zone),
            PeriodText::Month => self.calendar(Unit::Month, FIRST, zone),
            PeriodText::Quarter => self.calendar(Unit::Quarter, FIRST, zone),
        }
    }

    /// The date from which periods of whole days are counted.
    fn period_from(&mut self, view: &View<'_>, written: PeriodText) -> Option<Date> {
        let Value::Time(time) = &view.get("period_from")?.value else { return None };
        let from = date(time)?;
        let finding = match written {
            PeriodText::Length(length) if length.as_millis() % DAY.as_millis() == 0 => {
                if (YEARS.0..YEARS.1).contains(&from.year()) {
                    return Some(from);
                }
                Diagnostic::error("out-of-range", view.place_of("period_from"), format!("{from} is out of range"))
                    .hint(format!("write a date between {} and {}", YEARS.0, YEARS.1))
            }
            PeriodText::Length(length) => Diagnostic::error(
                "bad-period",
                view.place_of("period"),
                format!("a period with `period_from` is whole days long, not {length}"),
            ),
            _ => Diagnostic::error("two-of-one", view.place_of("period_from"), "the calendar says when it begins")
                .also(view.place_of("period"), "the period")
                .hint("drop `period_from`, or write a length such as `28d`"),
        };
        self.findings.push(finding);
        None
    }

    /// The calendar with these beginnings; made once for each kind and zone.
    fn calendar(&mut self, unit: Unit, start: Date, zone: &Zone) -> Period {
        let known = self.calendars.entry((unit, zone.name.clone())).or_insert_with(|| {
            let mut boundaries: Vec<Timestamp> = Vec::new();
            for n in 0_i64.. {
                let after = match unit {
                    Unit::Days(days, _) => (n * days).days(),
                    Unit::Week => (n * 7).days(),
                    Unit::Month => n.months(),
                    Unit::Quarter => (n * 3).months(),
                };
                let Ok(begins) = start.checked_add(after) else { break };
                let Ok(zoned) = begins.to_zoned(zone.tz.clone()) else { break };
                if begins.year() > YEARS.1 {
                    break;
                }
                boundaries.push(whole_minute(Timestamp::from_jiff(zoned.timestamp())));
            }
            Calendar::new(unit, zone.name.clone(), boundaries).map(Arc::new)
        });
        // A century has boundaries in order; should one not, a rolling period is the answer that is not wrong by much.
        known.clone().map_or(Period::Rolling(PERIOD_DEFAULT), Period::Calendar)
    }
}

/// Counts are by the minute; an offset with seconds is cut.
const fn whole_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().div_euclid(60_000) * 60_000)
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;

    use super::*;

    #[test]
    fn weeks_begin_on_mondays() {
        assert_eq!(MONDAY.weekday(), Weekday::Monday);
    }
}
