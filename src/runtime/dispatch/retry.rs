//! How long to wait before another try.

use std::time::Duration;

/// The first wait.
pub const WAIT_FIRST: Duration = Duration::from_secs(1);
/// The longest wait that we choose ourselves. Beyond: waits do not double any more.
pub const WAIT_MAX: Duration = Duration::from_mins(1);
/// The longest wait that the other side may ask for; beyond, this one is kept.
pub const WAIT_ASKED_MAX: Duration = Duration::from_hours(1);

/// The wait after the `failures`th failure in a row (from 1): doubling, between half and the whole of it by `chance` (any number, drawn
/// for each), never more than a quarter of `give_up`, so that several tries fit in. What the other side asked for comes first.
#[must_use]
pub fn wait(failures: u32, chance: u32, give_up: Duration, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked {
        return asked.clamp(Duration::from_millis(100), WAIT_ASKED_MAX);
    }
    let doubled = WAIT_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let most = doubled.min(WAIT_MAX).min(give_up / 4).max(Duration::from_millis(100));
    let half = most / 2;
    half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_vary() {
        let give_up = Duration::from_mins(10);
        for (failures, least, most) in [(1, 500, 1_000), (2, 1_000, 2_000), (4, 4_000, 8_000), (30, 30_000, 60_000)] {
            assert_eq!(wait(failures, 0, give_up, None).as_millis(), least);
            assert_eq!(wait(failures, u32::MAX, give_up, None).as_millis(), most);
        }
        assert!(wait(30, u32::MAX, Duration::from_secs(8), None) <= Duration::from_secs(2));
    }

    #[test]
    fn what_the_other_side_asks_for_counts_within_bounds() {
        let ask = |seconds| wait(1, 0, Duration::from_mins(10), Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!((ask(30), ask(120), ask(3_600), ask(3_601), ask(100_000)), (30, 120, 3600, 3600, 3600));
    }
}
