//! What goes wrong, how often and for how long: drawn from the seed.

use callout::channel::Sending;
use callout::domain::{ChannelKind, ChannelRef};
use callout::engine::Receipt;

use crate::disk::Chance;
use crate::net::Sent;
use crate::truth::retry;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Kinds of trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The process is killed.
    Kill,
    /// The power goes after some more writes.
    Cut,
    /// It is stopped in order and started again, maybe with another configuration.
    Restart,
    /// The disk is full for a while.
    Full,
    /// The disk fails now and then.
    Errors,
    /// The wall clock is set.
    Jump,
    /// The machine stands still.
    Freeze,
    /// Another configuration.
    Reload,
    /// A channel misbehaves.
    Channel,
    /// A storm of duplicates.
    Storm,
    /// Somebody does something without being asked.
    Whim,
}

/// Kinds with the mean time between two of them where they happen at all, in a seed of the fastest pace.
const TROUBLES: [(Trouble, u64); 11] = [
    (Trouble::Kill, HOUR / 2),
    (Trouble::Cut, HOUR / 4),
    (Trouble::Restart, HOUR),
    (Trouble::Full, HOUR),
    (Trouble::Errors, HOUR / 2),
    (Trouble::Jump, HOUR),
    (Trouble::Freeze, HOUR),
    (Trouble::Reload, HOUR / 2),
    (Trouble::Channel, HOUR / 4),
    (Trouble::Storm, HOUR),
    (Trouble::Whim, HOUR / 8),
];

/// Which troubles a seed has: not all in each, so that some have much of one.
pub fn profile(chance: &mut Chance) -> Vec<(Trouble, u64)> {
    let mut profile = Vec::new();
    for (trouble, mean) in TROUBLES {
        match chance.below(4) {
            0 => {}
            1 => profile.push((trouble, mean / 3)),
            _ => profile.push((trouble, mean)),
        }
    }
    profile
}

/// A time until the next one: between nothing and twice the mean.
pub fn gap(mean: u64, chance: &mut Chance) -> u64 {
    1 + chance.below(2 * mean)
}

/// How a channel behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// It is down: connections are refused.
    Down,
    /// Answers come late, maybe after callout stopped waiting; the messages arrive.
    Slow,
    /// Nothing arrives and nothing is answered.
    Hangs,
    /// The messages arrive and the answer says they did not.
    Lies,
    /// Too many requests.
    Limits,
    /// Some messages are refused for good.
    Refuses,
    /// Some messages fail, one by one.
    Stumbles,
}

pub const MODES: [Mode; 7] =
    [Mode::Down, Mode::Slow, Mode::Hangs, Mode::Lies, Mode::Limits, Mode::Refuses, Mode::Stumbles];

/// How a call ends.
#[derive(Clone, Debug)]
pub struct Ending {
    pub after_ms: u64,
    /// What arrives.
    pub arrive: Vec<Sent>,
    pub answers: Vec<Sending>,
}

/// How a call ends that is made while the channel is in this mode (`None`: it is well).
pub fn ending(mode: Option<Mode>, channel: &ChannelRef, messages: &[Sent], chance: &mut Chance) -> Ending {
    let delivered = |sent: &Sent| Sending::Delivered { receipt: receipt(channel, sent) };
    let all_delivered = || messages.iter().map(delivered).collect();
    let all = |sending: Sending| vec![sending; messages.len()];
    match mode {
        None => Ending { after_ms: 20 + chance.below(800), arrive: messages.to_vec(), answers: all_delivered() },
        Some(Mode::Down) => {
            Ending { after_ms: 5, arrive: Vec::new(), answers: all(retry("the connection was refused", None, true)) }
        }
        Some(Mode::Slow) => {
            Ending { after_ms: 1_000 + chance.below(40_000), arrive: messages.to_vec(), answers: all_delivered() }
        }
        Some(Mode::Hangs) => Ending { after_ms: 60_000, arrive: Vec::new(), answers: Vec::new() },
        Some(Mode::Lies) => {
            let whole = chance.one_in(2);
            let answers = all(retry("the connection was closed", None, whole));
            Ending { after_ms: 50 + chance.below(3_000), arrive: messages.to_vec(), answers }
        }
        Some(Mode::Limits) => {
            let after = std::time::Duration::from_secs(1 + chance.below(90));
            Ending { after_ms: 30, arrive: Vec::new(), answers: all(retry("429", Some(after), true)) }
        }
        Some(mode @ (Mode::Refuses | Mode::Stumbles)) => {
            let mut arrive = Vec::new();
            let mut answers = Vec::new();
            for sent in messages {
                if chance.one_in(2) {
                    arrive.push(sent.clone());
                    answers.push(delivered(sent));
                } else if mode == Mode::Refuses {
                    answers.push(Sending::Failed { error: "it was refused".to_owned() });
                } else {
                    answers.push(retry("try again", None, false));
                }
            }
            Ending { after_ms: 100 + chance.below(500), arrive, answers }
        }
    }
}

fn receipt(channel: &ChannelRef, sent: &Sent) -> Option<Receipt> {
    let traced = matches!(channel.kind, ChannelKind::Slack | ChannelKind::Email);
    traced.then(|| Receipt {
        channel: channel.clone(),
        place: "C01".into(),
        message: format!("{}.0001", sent.delivery.0).into(),
    })
}
