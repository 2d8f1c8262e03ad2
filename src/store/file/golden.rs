//! Journals of released formats, which every later version must read. Never changed, never removed.

use std::fs;
use std::path::{Path, PathBuf};

use super::Reader;
use crate::domain::Seq;
use crate::journal::{self, FORMAT, Record};
use crate::store::JournalReader;

fn formats() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal");
    (1..=FORMAT).map(|format| dir.join(format!("v{format}"))).collect()
}

fn records(dir: &Path) -> Vec<Record> {
    Reader::open(dir).read_from(Seq(1)).map(|item| item.unwrap().1).collect()
}

#[test]
fn journals_of_every_released_format_are_read_as_they_were_written() {
    for dir in formats() {
        let expected = fs::read_to_string(dir.join("records.jsonl")).unwrap();
        let found = records(&dir);
        assert_eq!(found.len(), expected.lines().count(), "{}", dir.display());
        for (record, line) in found.iter().zip(expected.lines()) {
            assert_eq!(serde_json::to_string(record).unwrap(), line, "{}", dir.display());
        }
    }
}

#[test]
fn the_present_format_is_still_written_the_same_way() {
    for record in records(formats().last().unwrap()) {
        let mut bytes = Vec::new();
        journal::encode_into(&mut bytes, record.seq, record.at, &record.body).unwrap();
        assert_eq!(journal::decode(record.seq, &bytes).unwrap(), record);
        let file = fs::read(formats().last().unwrap().join("journal/00000000000000000001.seg")).unwrap();
        assert!(file.windows(bytes.len()).any(|window| window == bytes), "record {} has other bytes now", record.seq);
    }
}

#[test]
fn what_a_later_version_wrote_is_never_skipped() {
    let record = records(formats().last().unwrap()).remove(0);
    let mut bytes = Vec::new();
    journal::encode_into(&mut bytes, record.seq, record.at, &record.body).unwrap();
    let with = |at: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[at] = value;
        journal::decode(record.seq, &changed).unwrap_err().to_string()
    };
    assert!(with(0, FORMAT + 1).contains("start the version that wrote it"));
    assert!(with(1, 99).contains("kind 99"));
    bytes.push(0);
    assert!(journal::decode(record.seq, &bytes).is_err(), "bytes left over");
    assert!(journal::decode(Seq(record.seq.0 + 1), &bytes).unwrap_err().to_string().contains("should be"));
    for length in 0..bytes.len() - 1 {
        assert!(journal::decode(record.seq, &bytes[..length]).is_err(), "cut to {length} bytes");
    }
}
