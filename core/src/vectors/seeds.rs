//! What fuzzing begins with: the vectors, without their seals.

use super::decode::World;
use super::{folder, read, unhex};
use crate::crypto::{SecretKey, aead};
use crate::format::object;
use crate::format::pack::{PackHeader, PackKeys, TRAILER, open_trailer};
use crate::id::RepositoryId;
use crate::store::keys::Purpose;

/// Longest seed.
const MAX_SEED: usize = 4096;

/// The seeds of a target.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let folder = folder().join("objects");
    let world = World::new(&read(&folder.join("keys.json")));
    let cases = |kind: &str| -> Vec<Vec<u8>> {
        let cases = read(&folder.join(format!("{kind}.json")))["cases"].clone();
        cases.as_array().unwrap().iter().map(|case| unhex(&case["bytes"])).collect()
    };
    let envelopes = |kind, purpose| cases(kind).iter().filter_map(|bytes| plain(&world, bytes, purpose)).collect();
    let mut seeds: Vec<Vec<u8>> = match target {
        "snapshot" => envelopes("snapshot", Purpose::Envelope),
        "mark" => envelopes("mark", Purpose::Mark),
        "lease" | "condemnation" => envelopes("lease", Purpose::Lease),
        "checkpoint" => envelopes("checkpoint", Purpose::Checkpoint),
        "index" => envelopes("index", Purpose::Index),
        "device" => [cases("device_key"), cases("device_request")].concat(),
        "pack" => cases("pack").iter().filter_map(|bytes| header(bytes)).collect(),
        "footer" => cases("pack").iter().filter_map(|bytes| footer(&world, bytes)).collect(),
        "segment" => {
            (1..4_u32).map(|count| [&count.to_le_bytes()[..], &[b'x'; 30], &lengths(count)].concat()).collect()
        }
        "local_state" => vec![[&[7; 32][..], &[8; 16], &[1, 24, 0]].concat()],
        "repository" => (0..6_u8).map(|how| vec![how * 2, how, 9, 0, 1, 3, how, 40, 0, 200]).collect(),
        "tar" => vec![vec![0; 1024]],
        kind => cases(kind),
    };
    seeds.retain(|seed| seed.len() <= MAX_SEED);
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Three blobs at most, that are 30 bytes together.
fn lengths(count: u32) -> Vec<u8> {
    (0..count).flat_map(|_| (30 / count).to_le_bytes()).collect()
}

/// What is sealed in an object with an epoch in clear.
fn plain(world: &World, bytes: &[u8], purpose: Purpose) -> Option<Vec<u8>> {
    let (clear, sealed) = bytes.split_at_checked(object::HEADER + 4)?;
    let epoch = u32::from_le_bytes(*clear.last_chunk()?);
    let key: &SecretKey = world.keys.sealing(epoch, purpose).ok()?;
    aead::open(key, &[clear, world.repository.as_bytes()].concat(), sealed, "make a seed").ok()
}

/// The header of a pack.
fn header(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, length) = PackHeader::decode_fixed(bytes, &RepositoryId::from_bytes([0x22; 16])).ok()?;
    bytes.get(..length).map(<[u8]>::to_vec)
}

/// What is sealed in the footer of a pack.
fn footer(world: &World, bytes: &[u8]) -> Option<Vec<u8>> {
    let header = header(bytes)?;
    let (epoch, _) = PackHeader::decode_fixed(&header, &world.repository).ok()?;
    let epoch = world.keys.epoch(epoch).ok()?;
    let (before, trailer) = bytes.split_last_chunk::<TRAILER>()?;
    let keys = PackKeys { footer: &epoch.footer, trailer: &epoch.trailer };
    let (length, _) = open_trailer(keys, &header, trailer).ok()?;
    let start = before.len().checked_sub(usize::try_from(length).ok()?)?;
    aead::open(&epoch.footer, &header, before.get(start..)?, "make a seed").ok()
}

#[test]
fn there_are_seeds_that_decode() {
    for (target, _) in crate::fuzz_support::TARGETS {
        assert!(!of(target).is_empty(), "{target}");
    }
    let decodes = |target: &str, decode: &dyn Fn(&[u8]) -> bool| {
        let seeds: Vec<Vec<u8>> = of(target);
        assert!(seeds.iter().any(|seed| decode(seed)), "none of {target} decodes");
    };
    decodes("footer", &|bytes| crate::format::pack::decode_footer(bytes).is_ok());
    decodes("index", &|bytes| crate::format::index::IndexObject::decode(bytes).is_ok());
    decodes("node", &|bytes| crate::format::node::Node::decode(bytes).is_ok());
}
