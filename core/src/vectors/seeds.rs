//! What fuzzing begins with: the vectors, without their seals.

use super::decode::World;
use super::{folder, read, unhex};
use crate::crypto::{SecretKey, aead};
use crate::format::node::{Node, RunList};
use crate::format::pack::{PackHeader, PackKeys, TRAILER, open_trailer};
use crate::format::{object, parity, signed};
use crate::fuzz_support::{PACK_OF_PARITY, REPOSITORY};
use crate::id::{PackId, RepositoryId};
use crate::store::keys::Purpose;

/// Longest seed, but for what comes in blocks: parity and tar.
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
        "lease" => envelopes("lease", Purpose::Lease),
        "condemnation" => envelopes("condemnation", Purpose::Condemnation),
        "checkpoint" => envelopes("checkpoint", Purpose::Checkpoint),
        "index" => envelopes("index", Purpose::Index),
        "device_list" => cases("device_list").iter().filter_map(|bytes| fields(bytes)).collect(),
        "device" => [cases("device_key"), cases("device_request")].concat(),
        "pack" => cases("pack").iter().filter_map(|bytes| header(bytes)).collect(),
        "footer" => cases("pack").iter().filter_map(|bytes| footer(&world, bytes)).collect(),
        "segment" => {
            (1..4_u32).map(|count| [&count.to_le_bytes()[..], &[b'x'; 30], &lengths(count)].concat()).collect()
        }
        "local_state" => vec![[&[7; 32][..], &[8; 16], &[1, 24, 0]].concat()],
        "repository" => (0..6_u8).map(|how| vec![how * 2, how, 9, 0, 1, 3, how, 40, 0, 200]).collect(),
        "forged" => forged(cases("node"), cases("run_list")),
        "parity" => vec![parity()],
        "tar" => vec![tar(false), tar(true)],
        "account_flow" => account_flow(),
        "account_message" => account_message(),
        "text" => [cases("recovery_code"), text()].concat(),
        kind => cases(kind),
    };
    seeds.retain(|seed| seed.len() <= MAX_SEED || ["parity", "tar"].contains(&target));
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Messages, headers and wraps of the account protocol, each behind the byte that says what it is.
fn account_message() -> Vec<Vec<u8>> {
    let told = read(&folder().join("account.json"));
    let message = |which: u8, json: &serde_json::Value| [&[which], json.to_string().as_bytes()].concat();
    let derived = &told["derived"];
    let problem = serde_json::json!({
        "type": "urn:strongroom:problem:unavailable", "title": "unavailable", "status": 429, "detail": "wait",
        "kind": "unavailable", "code": 14, "object": "config", "retry_after_ms": 1500,
    });
    let mut seeds = vec![
        message(3, &derived["known_device"]["json"]),
        message(13, &derived["token_request"]["json"]),
        message(6, &serde_json::json!({"email": "kim@example.org"})),
        message(20, &serde_json::json!({"name": "photos", "minimum_age_ms": 86_400_000})),
        message(45, &serde_json::json!({"items": [{"name": "config", "length": 1, "modified_at": 2}], "next": "a"})),
        message(48, &problem),
    ];
    for proof in derived["proofs"].as_array().unwrap() {
        for by in ["authorization_by_session", "authorization_by_device"] {
            seeds.push([&[64], proof[by].as_str().unwrap().as_bytes()].concat());
        }
    }
    for wrap in told["wraps"].as_object().unwrap().values() {
        seeds.push([vec![65], unhex(&wrap["wrap"])].concat());
    }
    seeds
}

/// The answers of a service that begin a sign-in and a registration.
fn account_flow() -> Vec<Vec<u8>> {
    let told = read(&folder().join("account.json"))["opaque"].clone();
    let answer = |id: &str, step: &str| {
        let response = crate::account::wire::Base64Url(unhex(&told[step]["response"]));
        serde_json::json!({ id: "01".repeat(16), "opaque_response": response, "stretching": told["stretching"] })
    };
    [answer("sign_in_id", "sign_in"), answer("registration_id", "registration")]
        .map(|json| json.to_string().into_bytes())
        .to_vec()
}

/// Three blobs at most, that are 30 bytes together.
fn lengths(count: u32) -> Vec<u8> {
    (0..count).flat_map(|_| (30 / count).to_le_bytes()).collect()
}

/// The map of a signed object, without its signature.
fn fields(bytes: &[u8]) -> Option<Vec<u8>> {
    signed::split(bytes, object::Kind::DeviceList, "make a seed").ok().map(|signed| signed.map().to_vec())
}

/// Every leaf as the only node of a tree, with run lists before it; inner nodes above two leaves.
fn forged(mut nodes: Vec<Vec<u8>>, lists: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    nodes.retain(|node| Node::decode(node).is_ok() && node.len() < 2000);
    let with_length = |node: &Vec<u8>| [&u16::try_from(node.len()).unwrap().to_le_bytes()[..], node].concat();
    let (leaves, inner): (Vec<Vec<u8>>, Vec<Vec<u8>>) = nodes.into_iter().partition(|node| Node::is_leaf(node));
    let lists = lists.iter().filter(|list| RunList::decode(list).is_ok() && list.len() < 500).take(3);
    let lists: Vec<u8> = lists.flat_map(with_length).collect();
    let below: Vec<u8> = leaves.iter().take(2).flat_map(with_length).collect();
    let above = inner.iter().map(|node| [below.clone(), with_length(node)].concat());
    leaves.iter().map(|leaf| [lists.clone(), with_length(leaf)].concat()).chain(above).collect()
}

fn parity() -> Vec<u8> {
    let pack = PackId::from_bytes(*blake3::hash(&PACK_OF_PARITY).as_bytes());
    parity::encode(&REPOSITORY, &pack, &[&PACK_OF_PARITY], 10, &|| Ok(())).unwrap().parts().concat()
}

fn text() -> Vec<Vec<u8>> {
    ["a/b.txt", "**/*.{jpg,png}", "/album/[a-z]?", "packs/00ff", "config"].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// A member of every kind, and what extends headers in the ways of POSIX and of GNU.
fn tar(gnu: bool) -> Vec<u8> {
    use tar::EntryType;
    let mut builder = tar::Builder::new(vec![1]);
    let mut add = |kind, name: &str, target: &str, content: &[u8]| {
        let mut header = if gnu { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000);
        header.set_path(name).unwrap();
        if !target.is_empty() {
            header.set_link_name(target).unwrap();
        }
        header.set_cksum();
        builder.append(&header, content).unwrap();
    };
    if gnu {
        add(EntryType::GNULongName, "long", "", b"a name that is long\0");
        add(EntryType::GNUSparse, "sparse", "", b"");
    } else {
        add(EntryType::XHeader, "pax", "", b"16 mtime=7.2500\n28 SCHILY.xattr.user.a=value\n22 GNU.sparse.major=1\n");
    }
    add(EntryType::Regular, "file", "", b"content");
    add(EntryType::Link, "hard", "file", b"");
    add(EntryType::Symlink, "link", "../away", b"");
    builder.into_inner().unwrap()
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
