//! Signed, expiring links to act on one incident, `/a/{token}`, or on all of a digest, `/d/{token}`, to answer a swap request, `/s/{token}`,
//! and to see a chart, `/c/{token}.png`. Whoever holds the link may do what it says, so it is treated as a secret:
//! it is in no log, and a GET only shows a page, because link scanners and previews follow GETs.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::{DeliveryId, DigestId, IncidentId, Name, Span, SwapId, Timestamp};
use crate::engine::calendar::CalendarOf;

/// How long a link is good for unless said otherwise.
pub const LIFETIME: Span = Span::from_hours(72);

/// Bytes of the signature that a link carries: 128 bits.
const TAG_BYTES: usize = 16;

/// Bytes before the person's id: version, verbs, kind of holder, incident, expiry, message.
const HEAD_BYTES: usize = 3 + 8 + 8 + 8;

/// Bytes of a person's id at most. Beyond: the link is invalid; names in the configuration are shorter anyway.
const PERSON_BYTES_MAX: usize = 255;

const VERSION: u8 = 1;
/// Of a link that is about a digest; the number in it is the digest's.
const VERSION_DIGEST: u8 = 2;
/// Of a link that is about a swap request; the number in it is the request's.
const VERSION_SWAP: u8 = 3;
/// Of a link that came with a code; the number in it is the code's.
const VERSION_CONTACT: u8 = 8;
/// Of a link to a chart; what stands for the message in others is the instant that it shows.
const VERSION_CHART: u8 = 4;

/// The key that signs links. Kept with the data; whoever has it can act on every incident.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(***)")
    }
}

/// What the holder of a link may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verbs(u8);

impl Verbs {
    /// Say that somebody is on it.
    pub const ACKNOWLEDGE: Self = Self(1);
    /// Quiet for a while.
    pub const SNOOZE: Self = Self(2);
    /// Over.
    pub const RESOLVE: Self = Self(4);
    /// The next step of the escalation at once.
    pub const ESCALATE: Self = Self(8);
    /// More or less urgent.
    pub const PRIORITY: Self = Self(16);
    /// All of these.
    pub const ALL: Self = Self(31);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn allow(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Who was sent a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A person, by id.
    Person(Name),
    /// A team channel: anybody in it.
    Channel,
}

/// What a link says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The incident.
    pub incident: IncidentId,
    /// What may be done, each once.
    pub verbs: Verbs,
    /// Who was sent it.
    pub holder: Holder,
    /// The message that carries it.
    pub message: DeliveryId,
    /// Not good from here on; whole seconds.
    pub expires_at: Timestamp,
}

/// What a link to a digest says: its holder may see and acknowledge all incidents in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DigestLink {
    /// The digest.
    pub digest: DigestId,
    /// Who was sent it.
    pub holder: Holder,
    /// The message that carries it.
    pub message: DeliveryId,
    /// Not good from here on; whole seconds.
    pub expires_at: Timestamp,
}

/// What a link to a chart says: whoever has it may see this one picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChartLink {
    /// The incident.
    pub incident: IncidentId,
    /// As of when; whole seconds.
    pub at: Timestamp,
    /// Not good from here on; whole seconds.
    pub expires_at: Timestamp,
}

/// What a link to a swap request says: the person may take the shift or decline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SwapLink {
    /// The request.
    pub swap: SwapId,
    /// Who was sent it.
    pub person: Name,
    /// Not good from here on; whole seconds.
    pub expires_at: Timestamp,
}

/// Of the addresses of calendars; the number in them is the generation.
const VERSIONS_CALENDAR: [u8; 3] = [5, 6, 7];

/// Why a link does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not made with this key, or damaged on the way.
    #[error("this link was not made by this callout, or it was damaged on the way")]
    Invalid,
    /// Too old.
    #[error("this link has expired")]
    Expired {
        /// What it was about.
        incident: IncidentId,
    },
    /// Too old, and about a digest.
    #[error("this link has expired")]
    ExpiredDigest,
    /// Too old, and about a swap request.
    #[error("this link has expired")]
    ExpiredSwap,
}

/// What is signed, whatever the number stands for.
struct Payload {
    version: u8,
    verbs: u8,
    number: u64,
    message: u64,
    holder: Holder,
    expires_at: Timestamp,
}

impl LinkKey {
    /// A key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new key from the system's randomness, with its bytes for keeping.
    ///
    /// # Errors
    /// When the system has none.
    pub fn make() -> Result<(Self, [u8; 32]), getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok((Self(bytes), bytes))
    }

    /// The text that goes after `/a/`.
    #[must_use]
    pub fn sign(&self, link: &Link) -> String {
        self.seal(&Payload {
            version: VERSION,
            verbs: link.verbs.0,
            number: link.incident.0,
            message: link.message.0,
            holder: link.holder.clone(),
            expires_at: link.expires_at,
        })
    }

    /// The text that goes after `/d/`.
    #[must_use]
    pub fn sign_digest(&self, link: &DigestLink) -> String {
        self.seal(&Payload {
            version: VERSION_DIGEST,
            verbs: Verbs::ACKNOWLEDGE.0,
            number: link.digest.0,
            message: link.message.0,
            holder: link.holder.clone(),
            expires_at: link.expires_at,
        })
    }

    /// The text that goes after `/c/`, without its ending.
    #[must_use]
    pub fn sign_chart(&self, link: ChartLink) -> String {
        self.seal(&Payload {
            version: VERSION_CHART,
            verbs: 0,
            number: link.incident.0,
            message: u64::try_from(link.at.as_millis() / 1000).unwrap_or(0),
            holder: Holder::Channel,
            expires_at: link.expires_at,
        })
    }

    /// Reads the text of a link to a chart.
    ///
    /// # Errors
    /// When it was not made with this key, or has expired.
    pub fn verify_chart(&self, text: &str, now: Timestamp) -> Result<ChartLink, LinkError> {
        let Payload { number, message, expires_at, .. } = self.open(text, VERSION_CHART)?;
        let incident = IncidentId(number);
        if now >= expires_at {
            return Err(LinkError::Expired { incident });
        }
        let at = Timestamp::from_seconds(i64::try_from(message).unwrap_or(i64::MAX));
        Ok(ChartLink { incident, at, expires_at })
    }

    /// The text that goes after `/s/`.
    #[must_use]
    pub fn sign_swap(&self, link: &SwapLink) -> String {
        self.seal(&Payload {
            version: VERSION_SWAP,
            verbs: Verbs::ACKNOWLEDGE.0,
            number: link.swap.0,
            message: 0,
            holder: Holder::Person(link.person.clone()),
            expires_at: link.expires_at,
        })
    }

    /// The text that stands after `/calendars/` and before `.ics`. It is good until the generation is counted up.
    #[must_use]
    pub fn sign_calendar(&self, of: &CalendarOf, generation: u64) -> String {
        let [person, schedule, team] = VERSIONS_CALENDAR;
        let version = match of {
            CalendarOf::Person(_) => person,
            CalendarOf::Schedule(_) => schedule,
            CalendarOf::Team(_) => team,
        };
        self.seal(&Payload {
            version,
            verbs: Verbs::ACKNOWLEDGE.0,
            number: generation,
            message: 0,
            holder: Holder::Person(of.name().clone()),
            expires_at: Timestamp::from_seconds(0),
        })
    }

    /// The text that goes after `/v/`: who holds it got the code of this number.
    #[must_use]
    pub fn sign_contact(&self, person: &Name, nonce: u64, expires_at: Timestamp) -> String {
        self.seal(&Payload {
            version: VERSION_CONTACT,
            verbs: Verbs::ACKNOWLEDGE.0,
            number: nonce,
            message: 0,
            holder: Holder::Person(person.clone()),
            expires_at,
        })
    }

    /// Reads the text of such a link; `None` when it was not made with this key, or has expired.
    #[must_use]
    pub fn verify_contact(&self, text: &str, now: Timestamp) -> Option<(Name, u64)> {
        let Payload { number, holder, expires_at, .. } = self.open(text, VERSION_CONTACT).ok()?;
        match holder {
            Holder::Person(person) if now < expires_at => Some((person, number)),
            _ => None,
        }
    }

    /// Reads a link's text.
    ///
    /// # Errors
    /// When it was not made with this key, or has expired.
    pub fn verify(&self, text: &str, now: Timestamp) -> Result<Link, LinkError> {
        let Payload { verbs, number, message, holder, expires_at, .. } = self.open(text, VERSION)?;
        let incident = IncidentId(number);
        if now >= expires_at {
            return Err(LinkError::Expired { incident });
        }
        Ok(Link { incident, verbs: Verbs(verbs), holder, message: DeliveryId(message), expires_at })
    }

    /// Reads the text of a link to a digest.
    ///
    /// # Errors
    /// When it was not made with this key, or has expired.
    pub fn verify_digest(&self, text: &str, now: Timestamp) -> Result<DigestLink, LinkError> {
        let Payload { number, message, holder, expires_at, .. } = self.open(text, VERSION_DIGEST)?;
        if now >= expires_at {
            return Err(LinkError::ExpiredDigest);
        }
        Ok(DigestLink { digest: DigestId(number), holder, message: DeliveryId(message), expires_at })
    }

    /// Reads the text of a link to a swap request.
    ///
    /// # Errors
    /// When it was not made with this key, or has expired.
    pub fn verify_swap(&self, text: &str, now: Timestamp) -> Result<SwapLink, LinkError> {
        let Payload { number, holder: Holder::Person(person), expires_at, .. } = self.open(text, VERSION_SWAP)? else {
            return Err(LinkError::Invalid);
        };
        if now >= expires_at {
            return Err(LinkError::ExpiredSwap);
        }
        Ok(SwapLink { swap: SwapId(number), person, expires_at })
    }

    /// Whose calendar a text is the address of, and its generation.
    ///
    /// # Errors
    /// When it was not made with this key.
    pub fn verify_calendar(&self, text: &str) -> Result<(CalendarOf, u64), LinkError> {
        let kinds = [CalendarOf::Person as fn(Name) -> CalendarOf, CalendarOf::Schedule, CalendarOf::Team];
        for (version, kind) in VERSIONS_CALENDAR.into_iter().zip(kinds) {
            if let Ok(Payload { number, holder: Holder::Person(name), .. }) = self.open(text, version) {
                return Ok((kind(name), number));
            }
        }
        Err(LinkError::Invalid)
    }

    fn seal(&self, payload: &Payload) -> String {
        let (kind, person) = match &payload.holder {
            Holder::Channel => (0, ""),
            Holder::Person(person) => (1, person.as_str()),
        };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + person.len() + TAG_BYTES);
        bytes.extend_from_slice(&[payload.version, payload.verbs, kind]);
        bytes.extend_from_slice(&payload.number.to_be_bytes());
        bytes.extend_from_slice(&(payload.expires_at.as_millis() / 1000).to_be_bytes());
        bytes.extend_from_slice(&payload.message.to_be_bytes());
        bytes.extend_from_slice(person.as_bytes());
        let tag = self.tag(&bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a text says, if it was signed with this key and is of this version.
    fn open(&self, text: &str, version: u8) -> Result<Payload, LinkError> {
        if text.len() > (HEAD_BYTES + PERSON_BYTES_MAX + TAG_BYTES) * 4 / 3 + 4 {
            return Err(LinkError::Invalid);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| LinkError::Invalid)?;
        let (payload, tag) = bytes.split_last_chunk::<TAG_BYTES>().ok_or(LinkError::Invalid)?;
        if !bool::from(self.tag(payload).ct_eq(tag)) {
            return Err(LinkError::Invalid);
        }
        read(payload).filter(|payload| payload.version == version).ok_or(LinkError::Invalid)
    }

    fn tag(&self, payload: &[u8]) -> [u8; TAG_BYTES] {
        self.mac(b"callout action link\0", payload)
    }

    /// A keyed hash, apart for each purpose.
    pub(super) fn mac(&self, purpose: &[u8], payload: &[u8]) -> [u8; TAG_BYTES] {
        // HMAC fills a short key with zeros up to the block of 64 bytes.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose);
        mac.update(payload);
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&full[..TAG_BYTES]);
        tag
    }
}

/// Reads a payload whose signature was right.
fn read(payload: &[u8]) -> Option<Payload> {
    let (head, person) = payload.split_first_chunk::<HEAD_BYTES>()?;
    let [version, verbs, kind, rest @ ..] = head;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (expires, message) = rest.split_first_chunk::<8>()?;
    let message: [u8; 8] = message.try_into().ok()?;
    let holder = match (kind, std::str::from_utf8(person).ok()?) {
        (0, "") => Holder::Channel,
        (1, person) if (1..=PERSON_BYTES_MAX).contains(&person.len()) => Holder::Person(person.into()),
        _ => return None,
    };
    Some(Payload {
        version: *version,
        verbs: *verbs,
        number: u64::from_be_bytes(*number),
        message: u64::from_be_bytes(message),
        holder,
        expires_at: Timestamp::from_seconds(i64::from_be_bytes(*expires)),
    })
}

/// The path of a chart.
#[must_use]
pub fn chart_path(token: &str) -> String {
    format!("/c/{token}.png")
}

/// The path of the page of a digest.
#[must_use]
pub fn digest_path(token: &str) -> String {
    format!("/d/{token}")
}

/// The path of the page that verifies a way.
#[must_use]
pub fn contact_path(token: &str) -> String {
    format!("/v/{token}")
}

/// The path of the page of a swap request.
#[must_use]
pub fn swap_path(token: &str) -> String {
    format!("/s/{token}")
}

/// The path of a calendar.
#[must_use]
pub fn calendar_path(token: &str) -> String {
    format!("/calendars/{token}.ics")
}

/// The path of an action's page, to be put after the service's address; `action` is `acknowledge`, `snooze`, `resolve`, or empty for the page itself.
#[must_use]
pub fn path(token: &str, action: &str) -> String {
    if action.is_empty() { format!("/a/{token}") } else { format!("/a/{token}?do={action}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link {
            incident: IncidentId(4711),
            verbs: Verbs::ACKNOWLEDGE.and(Verbs::SNOOZE),
            holder: Holder::Person("ana".into()),
            message: DeliveryId(17),
            expires_at: Timestamp::from_seconds(1_000),
        }
    }

    #[test]
    fn a_link_says_what_was_signed() {
        let (key, bytes) = LinkKey::make().unwrap();
        for holder in [Holder::Channel, Holder::Person("ana".into())] {
            let link = Link { holder, ..link() };
            let text = LinkKey::new(bytes).sign(&link);
            assert_eq!(key.verify(&text, Timestamp::from_seconds(999)), Ok(link));
        }
        assert!(link().verbs.allow(Verbs::ACKNOWLEDGE) && !link().verbs.allow(Verbs::RESOLVE));
    }

    #[test]
    fn a_link_to_a_digest_is_no_link_to_an_incident() {
        let key = LinkKey::new([7; 32]);
        let Link { holder, message, expires_at, .. } = link();
        let link = DigestLink { digest: DigestId(4711), holder, message, expires_at };
        let text = key.sign_digest(&link);
        let early = Timestamp::from_seconds(999);
        assert_eq!(key.verify_digest(&text, early), Ok(link));
        assert_eq!(key.verify(&text, early), Err(LinkError::Invalid));
        assert_eq!(key.verify_digest(&key.sign(&super::tests::link()), early), Err(LinkError::Invalid));
        assert_eq!(key.verify_digest(&text, Timestamp::from_seconds(1_000)), Err(LinkError::ExpiredDigest));
    }

    #[test]
    fn a_link_to_a_swap_request_is_for_one_person_and_nothing_else() {
        let key = LinkKey::new([7; 32]);
        let expires_at = Timestamp::from_seconds(1_000);
        let link = SwapLink { swap: SwapId(3), person: "bo".into(), expires_at };
        let (text, early) = (key.sign_swap(&link), Timestamp::from_seconds(999));
        assert_eq!(key.verify_swap(&text, early), Ok(link));
        assert_eq!(key.verify(&text, early), Err(LinkError::Invalid));
        assert_eq!(key.verify_digest(&text, early), Err(LinkError::Invalid));
        assert_eq!(key.verify_swap(&key.sign(&super::tests::link()), early), Err(LinkError::Invalid));
        assert_eq!(key.verify_swap(&text, expires_at), Err(LinkError::ExpiredSwap));
    }

    #[test]
    fn a_link_to_a_chart_shows_one_picture_and_acts_on_nothing() {
        let key = LinkKey::new([7; 32]);
        let seconds = Timestamp::from_seconds;
        let link = ChartLink { incident: IncidentId(4711), at: seconds(500), expires_at: seconds(1_000) };
        let text = key.sign_chart(link);
        assert_eq!(key.verify_chart(&text, seconds(999)), Ok(link));
        assert_eq!(key.verify_chart(&text, seconds(1_000)), Err(LinkError::Expired { incident: IncidentId(4711) }));
        assert_eq!(key.verify(&text, seconds(999)), Err(LinkError::Invalid));
        assert_eq!(key.verify_chart(&key.sign(&super::tests::link()), seconds(0)), Err(LinkError::Invalid));
    }

    #[test]
    fn the_address_of_a_calendar_says_whose_and_which_generation() {
        let key = LinkKey::new([7; 32]);
        let name = Name::from("checkout");
        for of in [CalendarOf::Person(name.clone()), CalendarOf::Schedule(name.clone()), CalendarOf::Team(name)] {
            let text = key.sign_calendar(&of, 3);
            assert_eq!(key.verify_calendar(&text), Ok((of, 3)));
            assert_eq!(key.verify(&text, Timestamp::from_seconds(-1)), Err(LinkError::Invalid));
            assert_eq!(LinkKey::new([8; 32]).verify_calendar(&text), Err(LinkError::Invalid));
        }
        assert_eq!(key.verify_calendar(&key.sign(&link())), Err(LinkError::Invalid));
    }

    #[test]
    fn an_expired_link_says_so() {
        let key = LinkKey::new([7; 32]);
        let text = key.sign(&link());
        let expired = Err(LinkError::Expired { incident: IncidentId(4711) });
        assert_eq!(key.verify(&text, Timestamp::from_seconds(1_000)), expired);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let key = LinkKey::new([7; 32]);
        let good = URL_SAFE_NO_PAD.decode(key.sign(&link())).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(bad);
            assert_eq!(key.verify(&text, Timestamp::from_seconds(0)), Err(LinkError::Invalid), "bit {bit}");
        }
        let other = LinkKey::new([8; 32]);
        assert_eq!(other.verify(&key.sign(&link()), Timestamp::from_seconds(0)), Err(LinkError::Invalid));
        for text in ["", "x", "!!!", &"A".repeat(10_000)] {
            assert_eq!(key.verify(text, Timestamp::from_seconds(0)), Err(LinkError::Invalid));
        }
    }

    #[test]
    fn debug_output_never_shows_the_key() {
        assert_eq!(format!("{:?}", LinkKey::new([7; 32])), "LinkKey(***)");
    }

    #[test]
    fn a_persons_id_has_so_many_bytes() {
        let key = LinkKey::new([7; 32]);
        let of = |bytes: usize| Link { holder: Holder::Person("x".repeat(bytes).into()), ..link() };
        let read = |link: &Link| key.verify(&key.sign(link), Timestamp::from_seconds(0));
        assert_eq!(read(&of(PERSON_BYTES_MAX)), Ok(of(PERSON_BYTES_MAX)));
        for past in [PERSON_BYTES_MAX + 1, PERSON_BYTES_MAX + 64] {
            assert_eq!(read(&of(past)), Err(LinkError::Invalid));
        }
    }
}
