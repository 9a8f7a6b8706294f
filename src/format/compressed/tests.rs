//! Compressed trees: round trips, and everything that is none.

use super::*;
use crate::format::packed;
use crate::format::record::RecordKind;
use crate::tree::{Input, Tree};
use crate::value::Value;

const HEADER: usize = packed::HEADER_LEN;
const CODECS: [Compression; 2] = [Compression::Lz4, Compression::Zstd];

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

/// A tree that compresses, with a blob of so many bytes.
fn tree(inputs: i64, blob: usize) -> Vec<u8> {
    let value = |number: i64| Value::String(format!("{number} and the same words again and again"));
    let tree = Tree {
        blob: b"find the longest subsequence ".iter().copied().cycle().take(blob).collect(),
        columns: [("level", Value::Int64(3))].into(),
        inputs: (0..inputs).map(|number| Input::new(value(number), Some(Value::Int64(number)))).collect(),
    };
    packed::encode_tree(&tree, 1, false).unwrap()
}

fn compressed(plain: &[u8], codec: Compression) -> Option<(RecordHeader, Vec<u8>)> {
    let payload = Compressor::default().compress(plain, codec).unwrap()?;
    let header = RecordHeader::new(RecordKind::Tree, 1, plain).unwrap().recoded(&payload, codec);
    Some((header, payload))
}

/// The plain form of a payload whose checksum was not verified.
fn verified(header: &RecordHeader, payload: &[u8]) -> Decoded<Vec<u8>> {
    let frames = frames(header, payload)?;
    let mut packed = vec![0; header.plain_len() as usize];
    frames.open_each(payload, &mut packed, |frame, stored, into| frames.open(frame, stored, into))?;
    Ok(packed)
}

fn frames(header: &RecordHeader, payload: &[u8]) -> Decoded<Frames> {
    Frames::of_payload(header, payload)
}

/// The form is that of docs/format.md; what a compressor makes of a frame is its own affair.
#[test]
fn is_as_documented() {
    let packed = packed::encode_tree(&Tree { blob: b"ab".repeat(100), ..Tree::default() }, 1, false).unwrap();
    let payload = crate::format::golden::vectors().remove("compressed-tree").unwrap();
    let header = RecordHeader::new(RecordKind::Tree, 1, &packed).unwrap().recoded(&payload, Compression::Lz4);
    assert_eq!(verified(&header, &payload).as_ref(), Ok(&packed));
    let (header, payload) = compressed(&packed, Compression::Lz4).unwrap();
    assert_eq!(verified(&header, &payload), Ok(packed));
}

#[test]
fn trees_round_trip_and_shrink() {
    for codec in CODECS {
        for (inputs, blob) in [(10, 0), (0, 4000), (3, 300), (500, 700_000), (9000, 5), (2, FRAME as usize)] {
            let packed = tree(inputs, blob);
            let (header, payload) = compressed(&packed, codec).unwrap();
            assert!(payload.len() < packed.len(), "{inputs} {blob}");
            assert_eq!(header.plain_len(), packed.len() as u64);
            assert_eq!(plain(&header, &payload).unwrap(), packed, "{codec:?} {inputs} {blob}");
            assert_eq!(plain_in_part(&header, &payload).unwrap(), packed);
            let head = HeadFields::parse(&packed).unwrap().head_len() as usize;
            assert_eq!(payload[..head], packed[..head], "the head is plain");
        }
    }
}

#[test]
fn what_would_not_shrink_stays_plain() {
    let mut rng = Random(7);
    let noise: Vec<u8> = (0..5000).map(|_| rng.below(256) as u8).collect();
    let noisy = Tree { blob: noise.clone(), ..Tree::default() };
    for codec in CODECS {
        assert!(compressed(&packed::encode_tree(&noisy, 1, false).unwrap(), codec).is_none());
        assert!(compressed(&tree(0, 10), codec).is_none());
        // Beside nodes that shrink, noise is a frame that is stored as it is.
        let value = Value::String("words ".repeat(500));
        let both = Tree { blob: noise.clone(), inputs: vec![Input::new(value, None)], ..Tree::default() };
        let packed = packed::encode_tree(&both, 1, false).unwrap();
        let (header, payload) = compressed(&packed, codec).unwrap();
        assert_eq!(plain(&header, &payload).unwrap(), packed);
        let frames = frames(&header, &payload).unwrap();
        let noise = frames.count() - 1;
        assert_eq!(frames.plain(noise).1, frames.stored(noise).1);
    }
    assert!(compressed(&tree(10, 4000), Compression::None).is_none());
}

#[test]
fn a_range_is_in_the_frames_that_overlap_it() {
    let packed = tree(9000, 700_000);
    let (header, payload) = compressed(&packed, Compression::Zstd).unwrap();
    let frames = frames(&header, &payload).unwrap();
    let head = HeadFields::parse(&packed).unwrap();
    assert!(frames.count() > 4);
    for number in 0..frames.count() {
        let (from, length) = frames.plain(number);
        assert!(length <= FRAME);
        assert_eq!(frames.of(from..from + length), number..number + 1);
        assert_eq!(frames.of(from + 3..from + 4), number..number + 1);
        if number > 0 {
            assert_eq!(frames.of(from - 1..from + 1), number - 1..number + 1);
        }
    }
    let blob = (0..frames.count()).position(|number| frames.plain(number).0 == head.nodes_end());
    assert!(blob.is_some(), "the blob begins a frame");
    assert!(frames.of(packed.len() as u64..packed.len() as u64).is_empty());
}

#[test]
fn every_changed_byte_is_seen() {
    for codec in CODECS {
        let packed = tree(10, 300);
        let (header, payload) = compressed(&packed, codec).unwrap();
        let head = HeadFields::parse(&packed).unwrap().head_len() as usize;
        for at in (0..80).chain(head..payload.len()) {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = payload.clone();
                damaged[at] ^= flip;
                assert!(verified(&header, &damaged).is_err(), "{codec:?} byte {at}");
            }
            assert!(verified(&header, &payload[..at]).is_err());
        }
        for coded_len in [0, 8, header.coded_len - 8, header.coded_len + 8, u32::MAX] {
            assert!(verified(&RecordHeader { coded_len, ..header }, &payload).is_err());
        }
    }
}

/// A payload whose one frame has these stored bytes and this plain length, everything sealed.
fn forged(codec: Compression, stored: &[u8], packed: &[u8]) -> (RecordHeader, Vec<u8>) {
    let head = HeadFields::parse(packed).unwrap().head_len() as usize;
    forged_of(codec, &packed[..head], &[(&packed[head..], stored)])
}

/// As `forged`, of frames that have these plain and stored bytes.
fn forged_of(codec: Compression, head: &[u8], frames: &[(&[u8], &[u8])]) -> (RecordHeader, Vec<u8>) {
    let entry = |(plain, stored): &(&[u8], &[u8])| {
        [plain.len() as u32, stored.len() as u32, crc(stored), crc(plain)].map(u32::to_le_bytes).concat()
    };
    let entries: Vec<u8> = frames.iter().flat_map(entry).collect();
    let table = [&(frames.len() as u32).to_le_bytes()[..], &crc(&entries).to_le_bytes(), &entries].concat();
    let (plain, stored): (Vec<&[u8]>, Vec<&[u8]>) = frames.iter().copied().unzip();
    let (packed, payload) = ([head, &plain.concat()].concat(), [head, &table, &stored.concat()].concat());
    let header = RecordHeader::new(RecordKind::Tree, 1, &packed).unwrap().recoded(&payload, codec);
    (header, payload)
}

/// Each comes to the tree that it is of, and has what no frame or record may have.
#[test]
fn frames_that_no_compressor_makes_are_refused() {
    let packed = tree(10, 300);
    let head = HeadFields::parse(&packed).unwrap().head_len() as usize;
    let (head, body) = packed.split_at(head);
    let (first, second) = body.split_at(5);
    let lz4 = |frames: &[(&[u8], &[u8])]| forged_of(Compression::Lz4, head, frames);
    let is_accepted = |(header, payload): (RecordHeader, Vec<u8>)| {
        let whole = plain(&header, &payload);
        assert!(whole.as_ref().is_err() || whole == Ok(packed.clone()));
        whole.is_ok()
    };
    assert!(is_accepted(lz4(&[(body, body)])) && is_accepted(lz4(&[(first, first), (second, second)])));
    assert!(!is_accepted(lz4(&[(body, body), (b"", b"")])), "an empty frame");
    let longer = lz4_flex::block::compress(first);
    assert!(longer.len() > first.len());
    assert!(!is_accepted(lz4(&[(first, &longer), (second, second)])), "a frame that grew");
    let (header, payload) = lz4(&[(body, body)]);
    let more = [&payload[..], &[0; 8]].concat();
    let of_more = RecordHeader { payload_len: header.payload_len + 8, ..header };
    assert!(plain(&of_more, &more).is_err(), "bytes behind the last frame");
    let claims = RecordHeader { coded_len: header.coded_len + 8, ..header };
    assert!(plain(&claims, &payload).is_err(), "a record that says it is longer");
    let (header, payload) = lz4(&[(body, body), (&[0; 8], &[0; 8])]);
    assert!(plain(&header, &payload).is_err(), "a tree that says it is shorter");

    let packed = tree(0, FRAME as usize + 1000);
    let head = HeadFields::parse(&packed).unwrap().head_len() as usize;
    let (header, payload) = forged(Compression::Lz4, &packed[head..], &packed);
    assert!(plain(&header, &payload).is_err(), "a frame of more than memory is asked for");
}

/// To the byte: what is stored plain is read in place, and what is compressed is shorter in its segment.
#[test]
fn a_tree_is_compressed_from_the_first_eight_bytes_on_that_it_saves() {
    let mut rng = Random(7);
    let noise: Vec<u8> = (0..3000).map(|_| rng.below(256) as u8).collect();
    let saved = (0..600).find_map(|zeros| {
        let blob = [&noise[..], &vec![0; zeros]].concat();
        let packed = packed::encode_tree(&Tree { blob, ..Tree::default() }, 1, false).unwrap();
        let payload = compressed(&packed, Compression::Lz4)?.1;
        Some(packed.len() as i64 - payload.len().next_multiple_of(8) as i64)
    });
    assert!((1..=16).contains(&saved.unwrap()), "the first that is compressed saves {saved:?} bytes");
}

#[test]
fn sealed_nonsense_is_refused() {
    let packed = tree(10, 0);
    let head = HeadFields::parse(&packed).unwrap().head_len() as usize;
    let mut rng = Random(3);
    for codec in CODECS {
        let mut good = Vec::new();
        Compressor::default().append(&packed[head..], codec, &mut good).unwrap();
        let (header, payload) = forged(codec, &good, &packed);
        assert_eq!(plain(&header, &payload).unwrap(), packed, "the forger's hand is good");
        for _ in 0..3000 {
            let mut stored = good.clone();
            let at = rng.below(stored.len());
            match rng.below(3) {
                0 => stored[at] ^= 1 << rng.below(8),
                1 => stored.truncate(at),
                _ => stored.iter_mut().for_each(|byte| *byte = rng.below(256) as u8),
            }
            let (header, payload) = forged(codec, &stored, &packed);
            // Some changes are to nothing; those to content alone are told by the checksum of what comes out.
            if let Ok(changed) = plain(&header, &payload) {
                assert_eq!(changed, packed);
            }
        }
        // More, or less, than the table says.
        for length in [8, packed.len() - head - 8, packed.len() - head + 8] {
            let mut other = Vec::new();
            Compressor::default().append(&vec![b'x'; length], codec, &mut other).unwrap();
            let (header, payload) = forged(codec, &other, &packed);
            assert!(plain(&header, &payload).is_err(), "{codec:?} {length}");
        }
    }
}

#[test]
fn lengths_that_no_table_may_have_are_refused() {
    let packed = tree(10, 300);
    let (header, payload) = compressed(&packed, Compression::Zstd).unwrap();
    let head = HeadFields::parse(&packed).unwrap().head_len() as usize;
    let change = |at: usize, value: u32| {
        let mut payload = payload.clone();
        let at = head + COUNT_LEN as usize + at;
        payload[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let entries = head + COUNT_LEN as usize..head + (COUNT_LEN + 2 * ENTRY_LEN) as usize;
        assert!(at < entries.end);
        let sealed = crc(&payload[entries]);
        payload[head + 4..head + 8].copy_from_slice(&sealed.to_le_bytes());
        verified(&header, &payload)
    };
    let (at, length) = frames(&header, &payload).unwrap().stored(0);
    let whole = change(8, crc(&payload[at as usize..][..length as usize]));
    assert_eq!(whole, Ok(packed), "the forger's hand is good");
    for length in [0, 1, FRAME as u32 + 1, u32::MAX] {
        for at in [0, 4, 8, 12] {
            assert!(change(at, length).is_err());
        }
    }
    let mut cut = payload.clone();
    cut[head..head + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(verified(&header, &cut).is_err(), "a count beyond the payload");
}

#[test]
fn of_a_damaged_tree_the_other_frames_are_saved() {
    let packed = tree(10, 300);
    let (header, payload) = compressed(&packed, Compression::Zstd).unwrap();
    let frames = frames(&header, &payload).unwrap();
    assert_eq!(frames.count(), 2);
    let mut damaged = payload.clone();
    damaged[frames.stored(0).0 as usize] ^= 1;
    let saved = plain_in_part(&header, &damaged).unwrap();
    let (from, length) = frames.plain(0);
    let (from, end) = (from as usize, (from + length) as usize);
    assert_eq!(saved[..from], packed[..from]);
    assert!(saved[from..end].iter().all(|byte| *byte == 0));
    assert_eq!(saved[end..], packed[end..]);
    let mut damaged = payload.clone();
    damaged[from] ^= 1;
    assert_eq!(plain_in_part(&header, &damaged).unwrap(), damaged, "without its table only the head");
}

#[test]
fn what_does_not_come_back_is_not_taken_for_compressed() {
    let packed = tree(10, 300);
    for codec in CODECS {
        let mut compressor = Compressor::default();
        let mut stored = Vec::new();
        compressor.append(&packed, codec, &mut stored).unwrap();
        assert!(stored.len() < packed.len());
        assert_eq!(compressor.gives_again(&stored, codec, &packed), Ok(true));
        let mut other = packed.clone();
        other[200] ^= 1;
        assert_eq!(compressor.gives_again(&stored, codec, &other), Ok(false));
        assert_eq!(compressor.gives_again(&stored, codec, &packed[..packed.len() - 8]), Ok(false));
        assert_eq!(compressor.gives_again(&stored[..stored.len() - 1], codec, &packed), Ok(false));
    }
}

#[test]
fn a_form_of_another_length_than_it_says_is_not_compressed() {
    let packed = tree(10, 300);
    for length in [packed.len() - 8, HEADER] {
        assert!(Compressor::default().compress(&packed[..length], Compression::Lz4).is_err());
    }
    assert!(Compressor::default().compress(&[&packed[..], &[0; 8]].concat(), Compression::Lz4).is_err());
}
