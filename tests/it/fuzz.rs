//! The fuzz targets as ordinary tests: their corpora, and mutations of these by a generator that does the same each time.
//! `tests/fuzz/run.sh` lets cargo-fuzz look for more; `CALLOUT_MUTATIONS` and `CALLOUT_SEED` let this one do so, without its guidance.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::PathBuf;

use callout::ingest::DIALECTS;

/// Mutations of each seed unless said otherwise.
const MUTATIONS: u64 = 60;
/// A seed is small, so that the repository stays small and each says one thing.
const SEED_BYTES_MAX: usize = 16 * 1024;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder().join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut seeds: Vec<_> = entries
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds
}

/// splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit.max(1) as u64).unwrap()
    }

    /// Some bytes changed, doubled, left out, or taken from another seed.
    fn mutate(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        const ODD: [u8; 12] = [0, 0xff, 0x80, 0x7f, b'"', b'\\', b'{', b'}', b'[', b'-', b'9', b'\n'];
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let to = (at + self.below(16)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = ODD[self.below(ODD.len())],
                2 => drop(bytes.drain(at..to)),
                3 => {
                    let part = bytes[at..to].to_vec();
                    bytes.splice(at..at, part.repeat(1 + self.below(8)));
                }
                4 => {
                    let from = self.below(other.len() + 1);
                    let part = &other[from..(from + self.below(24)).min(other.len())];
                    bytes.splice(at..to, part.iter().copied());
                }
                _ => bytes.insert(at, ODD[self.below(ODD.len())]),
            }
        }
        bytes
    }
}

#[test]
fn no_bytes_break_a_parser() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mutations = number("CALLOUT_MUTATIONS").unwrap_or(MUTATIONS);
    let mut tried = 0;
    for (name, target) in targets::TARGETS {
        let seeds = corpus(name);
        let mut chance = Chance(number("CALLOUT_SEED").unwrap_or(17));
        for (number, (file, seed)) in seeds.iter().enumerate() {
            assert!(seed.len() <= SEED_BYTES_MAX, "{name}/{file} is too large for a seed");
            let other = &seeds[(number + 1) % seeds.len()].1;
            let all = std::iter::once(seed.clone()).chain((0..mutations).map(|_| chance.mutate(seed, other)));
            for (mutation, bytes) in all.enumerate() {
                tried += 1;
                let done = std::panic::catch_unwind(|| target(&bytes));
                assert!(
                    done.is_ok(),
                    "{name}, seed {file}, mutation {mutation}: {:?}",
                    String::from_utf8_lossy(&bytes)
                );
            }
        }
    }
    println!("fuzz: {tried} inputs to {} parsers", targets::TARGETS.len());
}

#[test]
fn every_target_is_known_to_cargo_fuzz_and_every_dialect_is_a_target() {
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let binaries: BTreeSet<&str> = manifest.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1)).collect();
    let registered: BTreeSet<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(binaries, registered, "tests/fuzz/Cargo.toml and tests/fuzz/targets.rs");
    for dialect in DIALECTS {
        let name = format!("dialect_{}", dialect.name);
        assert!(registered.contains(name.as_str()), "add {name} to tests/fuzz/targets.rs");
    }
    targets::run("duration", b"5m");
}
