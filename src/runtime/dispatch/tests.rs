//! Dispatch over a real shard with a journal in memory and a channel that does what it is told.

use std::collections::VecDeque;

use super::*;
use crate::channel::{Message, SendFuture, Sending};
use crate::domain::{ChannelKind, DeliveryId};
use crate::runtime::tests::{event, running_with};
use crate::store::MemoryJournal;

/// Keeps what it was given, and answers from a list; delivers when that is at its end.
#[derive(Debug, Default)]
struct Fake {
    sent: Mutex<Vec<Vec<DeliveryId>>>,
    answers: Mutex<VecDeque<Sending>>,
    hangs: bool,
    batch: usize,
}

impl Channel for Fake {
    fn batch_max(&self) -> usize {
        self.batch.max(1)
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn send<'a>(&'a self, _: &'a str, messages: &'a [Message]) -> SendFuture<'a> {
        Box::pin(async move {
            self.sent.lock().unwrap().push(messages.iter().map(|message| message.delivery).collect());
            if self.hangs {
                std::future::pending::<()>().await;
            }
            let answer = self.answers.lock().unwrap().pop_front();
            messages.iter().map(|_| answer.clone().unwrap_or(Sending::Delivered { receipt: None })).collect()
        })
    }
}

fn channels(fake: &Arc<Fake>) -> Channels {
    let reference = ChannelRef { kind: ChannelKind::Webhook, name: "sink".into() };
    BTreeMap::from([(reference, Arc::clone(fake) as Arc<dyn Channel>)])
}

async fn until(what: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("it happens in time");
}

/// A service with one channel; gives what the channel got once `n` messages are out of the outbox.
async fn story(fake: Arc<Fake>, n: usize) -> Vec<Vec<DeliveryId>> {
    let journal = MemoryJournal::new();
    let (handle, running, dispatcher) = running_with(&journal, |handle| {
        Dispatcher::start(handle.clone(), LinkKey::new([0; 32]), &channels(&fake), &Settings::default())
    });
    handle.accept((0..n).map(|_| event(None)).collect()).await.unwrap();
    until(|| handle.read(|state| state.outbox.is_empty() && state.last_delivery == n as u64)).await;
    dispatcher.stop(Duration::from_secs(5)).await;
    running.stop().await.unwrap();
    fake.sent.lock().unwrap().clone()
}

#[tokio::test]
async fn a_message_is_sent_and_its_report_empties_the_outbox() {
    assert_eq!(story(Arc::default(), 1).await.len(), 1);
}

#[tokio::test]
async fn what_waits_together_travels_together_up_to_the_batch() {
    let sent = story(Arc::new(Fake { batch: 4, ..Fake::default() }), 10).await;
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
}

#[tokio::test]
async fn a_failed_attempt_is_made_again() {
    let retry =
        Sending::Retry { error: "503".into(), after: Some(Duration::from_millis(100)), whole_destination: true };
    let fake = Fake { answers: Mutex::new([retry.clone(), retry].into()), ..Fake::default() };
    assert_eq!(story(Arc::new(fake), 1).await.len(), 3);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let fake = Fake { answers: Mutex::new([Sending::Failed { error: "410".into() }].into()), ..Fake::default() };
    assert_eq!(story(Arc::new(fake), 1).await.len(), 1);
}

#[tokio::test]
async fn a_superseded_row_is_not_sent() {
    let journal = MemoryJournal::new();
    let fake: Arc<Fake> = Arc::default();
    let (handle, running, dispatcher) = running_with(&journal, |handle| {
        Dispatcher::start(handle.clone(), LinkKey::new([0; 32]), &channels(&fake), &Settings::default())
    });
    // Never ordered by a decision, so not in the outbox: as if it had been dropped since.
    dispatcher.offer(vec![Arc::new(crate::runtime::tests::row(DeliveryId(99)))]);
    handle.accept(vec![event(None)]).await.unwrap();
    until(|| handle.read(|state| state.outbox.is_empty() && state.last_delivery == 1)).await;
    until(|| handle.counters().deliveries(ChannelKind::Webhook).dropped.get() == 1).await;
    assert!(!fake.sent.lock().unwrap().concat().contains(&DeliveryId(99)));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_channel_that_hangs() {
    let journal = MemoryJournal::new();
    let fake = Arc::new(Fake { hangs: true, ..Fake::default() });
    let (handle, running, dispatcher) = running_with(&journal, |handle| {
        Dispatcher::start(handle.clone(), LinkKey::new([0; 32]), &channels(&fake), &Settings::default())
    });
    handle.accept(vec![event(None)]).await.unwrap();
    until(|| !fake.sent.lock().unwrap().is_empty()).await;
    dispatcher.stop(Duration::from_millis(10)).await;
    running.stop().await.unwrap();
    assert_eq!(handle.read(|state| state.outbox.len()), 1, "it is sent again after the next start");
}
