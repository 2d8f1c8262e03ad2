//! Named limits of the engine, and what happens beyond each.

use crate::domain::Span;

/// A resolved incident stays in memory so long (it can be re-opened and followed up); beyond, the journal and the index keep it.
pub const RESOLVED_KEPT: Span = Span::from_hours(24);
/// An ended source is remembered so long, so that a late repeat finds its content; beyond, it is forgotten.
pub const ENDED_ALERT_KEPT: Span = Span::from_minutes(15);
/// A source that never says its end and has no open incident is remembered so long without a word; beyond, it is forgotten.
pub const UNENDED_ALERT_KEPT: Span = Span::from_hours(24);
/// What an alert rule remembers of an evaluation is known so long; beyond, it is forgotten.
pub const SCOPE_KEPT: Span = Span::from_hours(24);
/// An ended silence is shown as expired so long (Alertmanager keeps 120 h); beyond, it is forgotten.
pub const SILENCE_KEPT: Span = Span::from_hours(120);
/// A sender's idempotency key is known so long; beyond, the same key is a new event.
pub const IDEMPOTENCY_KEPT: Span = Span::from_hours(24);
/// Idempotency keys kept at most; beyond, the oldest are forgotten early.
pub const IDEMPOTENCY_MAX: usize = 500_000;
/// Times of occurrence kept per incident for rules that count; beyond, the oldest are forgotten (no rule may count further).
pub const OCCURRENCES_MAX: usize = 64;
/// Messages remembered per incident for follow-ups; beyond, later ones get none.
pub const SENT_MAX: usize = 256;
/// Uses of links that an incident remembers; beyond, the oldest are forgotten, and such a link is good once more until it expires.
pub const LINK_USES_MAX: usize = 100;
/// Remarks kept in memory per incident; beyond, the oldest are in the journal only.
pub const NOTES_MAX: usize = 200;
/// Sources of one incident; beyond, further ones are counted but do not keep it open.
pub const SOURCES_MAX: usize = 1_000;
/// Other ways tried after a message failed for good; beyond, it is given up, and a page lets its chain go on.
pub const FALLBACKS_MAX: u8 = 4;
/// The same alarm of callout's own is not raised again for so long.
pub const ALARM_QUIET: Span = Span::from_hours(1);
/// Different alarms of callout's own that are told within [`ALARM_QUIET`]; beyond, one says that there are more, and the others are in the journal.
pub const ALARMS_MAX: usize = 30;
/// A notice that could not be delivered for so long is not worth sending any more. Pages have no such limit while nobody is on it.
pub const NOTICE_WORTH: Span = Span::from_hours(24);
/// The least wait before a chain begins again, so that it cannot spin.
pub const ROUND_WAIT_MIN: Span = Span::from_minutes(1);
/// Deadlines judged in one tick; the rest follow in the next, so that inputs get their turn.
pub const TIMERS_PER_TICK: usize = 256;
/// Moments looked at in one tick of which nothing came (a source was sent again, its end moved), before inputs get their turn.
pub const STALE_TIMERS_PER_TICK: usize = 4_096;
/// A sample may come so long after its minute and is judged as if it had come in time; beyond, see [`BACKLOG_KEPT`].
pub const SAMPLE_LATENESS: Span = Span::from_minutes(10);
/// A sample may lie so far ahead of callout's clock; beyond, it is refused, since a clock must be wrong.
pub const SAMPLE_SKEW: Span = Span::from_minutes(2);
/// A source that was cut off may send what it counted meanwhile, in order, for so long; beyond, samples are refused.
pub const BACKLOG_KEPT: Span = Span::from_hours(24 * 31);
/// Series that are known; beyond, samples of further ones are refused.
pub const SERIES_MAX: usize = 250_000;
/// Sources of one series; beyond, samples of further ones are refused.
pub const FEEDS_PER_SERIES_MAX: usize = 256;
/// Memory of finished days of all series, roughly; beyond, minutes older than four days are given up and their hours stay.
pub const HISTORY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Service levels that got no sample of a minute are judged so long after its end; those that did, at once.
pub const EVALUATION_WAIT: Span = Span::from_seconds(45);
/// Service levels judged in one tick; the rest follow in the next, so that inputs get their turn.
pub const LEVELS_PER_TICK: usize = 2_048;
/// Intervals of minutes that are left out of budgets; beyond, the oldest are forgotten, and their minutes stay left out.
pub const EXCLUSIONS_MAX: usize = 1_000;
/// A maintenance window that ended while callout was down is recorded as left out for so long after its end; beyond, its minutes count.
pub const EXCLUDED_AFTER: Span = Span::from_hours(24);
/// Changes of one objective that are remembered; beyond, the oldest are forgotten.
pub const OBJECTIVES_KEPT: usize = 32;
/// Messages that went out one by one, remembered per recipient; beyond, the oldest are forgotten (no rule counts further).
pub const SINGLES_KEPT_MAX: usize = 128;
/// Messages to one recipient within the time of `[digest]` that go out one by one at most; beyond, a mistake of the configuration.
pub const SINGLES_MAX: u32 = 30;
/// Recipients whose flow is remembered; beyond, those who were told nothing for [`FLOW_KEPT`] are forgotten.
pub const FLOWS_MAX: usize = 4_096;
/// A recipient who was told nothing is remembered so long; beyond, they may be forgotten.
pub const FLOW_KEPT: Span = Span::from_hours(1);
/// A digest takes in incidents for so long at least, also where a step waits less.
pub const DIGEST_WAIT_MIN: Span = Span::from_seconds(10);
/// Shifts to come that are told of at once; beyond, each when the one before it begins.
pub const HANDOFFS_AHEAD_MAX: usize = 32;
/// Handoffs are told so long before at most; beyond, a mistake of the configuration.
pub const HANDOFF_BEFORE_MAX: Span = Span::from_hours(14 * 24);
/// Who was paged when is known so long, a quarter of a year; beyond, it is forgotten.
pub const LOAD_KEPT: Span = Span::from_hours(13 * 7 * 24);
/// A code that verifies a way is good for so long; beyond, a new one must be sent.
pub const CODE_KEPT: Span = Span::from_minutes(15);
/// Wrong codes that may be entered for one that was sent; beyond, a new one must be sent.
pub const CODE_TRIES_MAX: u32 = 5;
/// Codes that go out by one way within [`CODES_WITHIN`]; beyond, 409.
pub const CODES_MAX: usize = 5;
/// That time; beyond, codes are counted anew.
pub const CODES_WITHIN: Span = Span::from_hours(1);
/// Ways of a person's rule; beyond, a mistake of the configuration.
pub const CHAIN_STEPS_MAX: usize = 10;
/// A person's rule gathers pages for so long at most; beyond, a mistake of the configuration.
pub const BUNDLE_MAX: Span = Span::from_hours(4);
/// Digests remembered per incident for follow-ups; beyond, it is taken out of the oldest.
pub const DIGESTS_MAX: usize = 64;
/// Incidents of a digest that are worked on at once when all of them are acknowledged; beyond, the others follow a moment later.
pub const DIGEST_WORK_MAX: usize = 64;
/// That moment.
pub const DIGEST_WORK_PAUSE: Span = Span::from_millis(1);
/// A minute of counters is judged so long after its end, since the counters of one scrape come in several requests.
pub const MINUTE_HOLD: Span = Span::from_seconds(15);
/// A counter that is not read is remembered so long; beyond, it is forgotten, and read again it begins anew.
pub const COUNTER_KEPT: Span = Span::from_hours(24);
/// Counters are looked over for such so often.
pub const COUNTERS_SWEPT_EVERY: Span = Span::from_hours(1);
/// Counters that are remembered; beyond, readings of further ones are refused.
pub const COUNTERS_MAX: usize = 1_000_000;
/// Counters that count for one source of one series; beyond, readings of further ones are refused.
pub const COUNTERS_PER_FEED_MAX: usize = 20_000;
/// Sources whose minutes are handed over in one decision; the rest follow in the next, so that inputs get their turn.
pub const FEEDS_PER_TICK: usize = 4_096;
/// Inputs that could not be judged and are listed; beyond, the oldest are in the journal only.
pub const QUARANTINE_MAX: usize = 100;
/// Characters of such an input that are kept in the list; beyond, it is cut, and the journal has all of it.
pub const QUARANTINED_CHARS_MAX: usize = 16_384;
/// A deadline that could not be judged is tried again after so long.
pub const SET_ASIDE_FOR: Span = Span::from_minutes(15);
/// Sources that fire or ended lately; beyond, events of further ones are refused with 503 until some are over.
pub const ALERTS_MAX: usize = 2_000_000;
/// Incidents in memory, resolved ones of the last day included; beyond, new events are refused with 503 until some are forgotten.
pub const INCIDENTS_MAX: usize = 1_000_000;
/// Messages that wait to be delivered; beyond, new events are refused with 503 until some are delivered or given up.
pub const OUTBOX_MAX: usize = 2_000_000;
/// What alert rules remember, by SLO and endpoint; beyond, new events are refused with 503 until some is forgotten.
pub const SCOPES_MAX: usize = 1_000_000;
/// Silences that are known, ended ones of the last days included; beyond, further ones are refused with 422 (400 on Alertmanager's routes).
pub const SILENCES_MAX: usize = 10_000;
/// Open incidents that have a room of their own; beyond, further ones get none, and their messages go where all go.
pub const ROOMS_MAX: usize = 50;
/// Outages of one service level that are remembered at most; beyond, the oldest are forgotten.
pub const EPISODES_MAX: usize = 64;
/// An outage is remembered so long, about a quarter; beyond, it is forgotten.
pub const EPISODES_KEPT: Span = Span::from_hours(93 * 24);
/// An override may last so long; beyond, it is refused with 422.
pub const OVERRIDE_LENGTH_MAX: Span = Span::from_hours(366 * 24);
/// An override may begin so far ahead; beyond, it is refused with 422.
pub const OVERRIDE_AHEAD_MAX: Span = Span::from_hours(400 * 24);
/// People that one override names; beyond, it is refused with 422.
pub const OVERRIDE_PEOPLE_MAX: usize = 20;
/// Overrides that people made and that are not long over; beyond, further ones are refused with 409.
pub const OVERRIDES_MAX: usize = 2_000;
/// The same of one schedule; beyond, further ones are refused with 409.
pub const OVERRIDES_PER_SCHEDULE_MAX: usize = 200;
/// An override is shown in lists and calendars so long after its end; beyond, it is forgotten.
pub const OVERRIDE_KEPT: Span = Span::from_hours(31 * 24);
/// Characters of the reason of an override or a swap request; beyond, it is refused with 422.
pub const STAND_IN_WHY_CHARS_MAX: usize = 500;
/// Shifts that are on offer at once; beyond, further ones are refused with 409.
pub const SWAPS_MAX: usize = 500;
/// People who are asked to take one shift by a message; beyond, the others find it in the list.
pub const SWAP_ASKED_MAX: usize = 50;
/// A swap request is shown so long after it was settled; beyond, it is forgotten.
pub const SWAP_KEPT: Span = Span::from_hours(31 * 24);
/// A shift is on offer so long unless said otherwise, and not after its end; beyond, the offer is over.
pub const SWAP_OFFERED_FOR: Span = Span::from_hours(7 * 24);
/// People with a role in the response to one incident; beyond, a further role is not recorded.
pub const ROLES_MAX: usize = 16;
/// Status updates of one incident that are kept in memory; beyond, the oldest are in the journal only.
pub const UPDATES_MAX: usize = 100;
/// Changes of priority and severity of one incident that are kept in memory; beyond, the oldest are in the journal only.
pub const CHANGES_MAX: usize = 50;
/// Postmortems on the list; beyond, the one of the oldest incident is forgotten.
pub const POSTMORTEMS_MAX: usize = 10_000;
/// A postmortem is to be written within so long after the end of its incident, unless the priority says otherwise; beyond, it is asked for.
pub const POSTMORTEM_WITHIN: Span = Span::from_hours(5 * 24);
/// An overdue postmortem is asked for again after so long.
pub const POSTMORTEM_ASKED_EVERY: Span = Span::from_hours(7 * 24);
/// How often an overdue postmortem is asked for; beyond, it stays on the list for [`POSTMORTEM_KEPT`] and nobody is told.
pub const POSTMORTEM_ASKED_MAX: u32 = 4;
/// A settled postmortem stays on the list so long, about a quarter; beyond, it is forgotten.
pub const POSTMORTEM_KEPT: Span = Span::from_hours(93 * 24);
/// Of a silence that lasts so long, whoever made it and its team are reminded; shorter ones end without a word.
pub const SILENCE_REMINDED_AFTER: Span = Span::from_hours(24);
/// The first reminder comes so long before the end, the second at the end.
pub const SILENCE_REMINDED_BEFORE: Span = Span::from_hours(1);
/// Whoever is on call while away is told so long ahead, once; what lies further ahead is told when it comes nearer.
pub const ABSENCE_TOLD_AHEAD: Span = Span::from_hours(14 * 24);
/// Schedules are looked over for people who are on call while away this often, and whenever a calendar changes.
pub const ABSENCES_LOOKED_EVERY: Span = Span::from_hours(24);
/// That somebody was told is remembered so long after it began; beyond, it is forgotten.
pub const ABSENCE_TOLD_KEPT: Span = Span::from_hours(31 * 24);
/// People on call while away that one look finds; beyond, further ones are found by the next.
pub const ABSENCE_CONFLICTS_MAX: usize = 200;
