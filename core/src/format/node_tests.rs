//! Round trips of nodes, and refusal of what is no node.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (any::<i64>(), 0u32..1_000_000_000).prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
}

fn key() -> impl Strategy<Value = EntryPath> {
    let name = prop::collection::vec(prop::sample::select(b"abz.\x01\xff".to_vec()), 1..4);
    prop::collection::vec(name, 1..5).prop_filter_map("dots are no names", |names| {
        let mut path = EntryPath::root();
        names.iter().try_for_each(|name| path.push(name)).ok().map(|()| path)
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let owner = (0u32..3, any::<u32>(), "[a-z]{0,6}")
        .prop_map(|(uid, gid, user)| Arc::new(Owner { uid, gid, user, group: "staff".to_owned() }));
    let xattrs = prop::collection::btree_map("[a-z]{1,4}", prop::collection::vec(any::<u8>(), 0..9), 0..3);
    let link = prop::option::of((any::<u64>(), any::<u64>()));
    (0u32..0o10000, owner, timestamp(), prop::option::of(timestamp()), prop::option::of(any::<u64>()), link, xattrs)
        .prop_map(|(mode, owner, modified, changed, inode, link, xattrs)| Metadata {
            mode,
            owner,
            modified,
            changed,
            inode,
            hard_link: link.map(|(device, inode)| HardLink { device, inode }),
            xattrs: xattrs.into_iter().map(|(name, value)| Xattr { name: name.into_bytes(), value }).collect(),
        })
}

fn file() -> impl Strategy<Value = (EntryKind, u64, Vec<Hole>, Content)> {
    let run = (0u8..4, 0u32..1000, 1u32..50, 0u64..1 << 40);
    let content = prop_oneof![
        Just(Content::Empty),
        prop::collection::vec(any::<u8>(), 1..20).prop_map(Content::Inline),
        prop::collection::vec(run, 1..5).prop_map(|runs| {
            let run = |(segment, first, count, bytes)| Run {
                segment: SegmentId::from_bytes([segment; 32]),
                first,
                count,
                bytes,
            };
            Content::Runs(runs.into_iter().map(run).collect())
        }),
        (any::<[u8; 32]>(), 1u8..4).prop_map(|(id, levels)| Content::List { id: BlobId::from_bytes(id), levels }),
    ];
    (content, prop::collection::vec((1u64..1000, 1u64..1000), 0..3)).prop_map(|(content, gaps)| {
        let data = match &content {
            Content::Empty => 0,
            Content::Inline(bytes) => bytes.len() as u64,
            Content::Runs(runs) => runs.iter().map(|run| run.bytes).sum(),
            Content::List { .. } => 1 << 30,
        };
        let mut holes = Vec::new();
        let mut end = 0;
        let mut before = 0;
        for (gap, length) in gaps {
            if before + gap > data {
                break;
            }
            before += gap;
            holes.push(Hole { offset: end + gap, length });
            end += gap + length;
        }
        let size = data + holes.iter().map(|hole| hole.length).sum::<u64>();
        (EntryKind::File, size, holes, content)
    })
}

fn other() -> impl Strategy<Value = (EntryKind, u64, Vec<Hole>, Content)> {
    prop_oneof![
        Just(EntryKind::Directory),
        Just(EntryKind::Fifo),
        Just(EntryKind::Socket),
        prop::collection::vec(1u8.., 0..20).prop_map(|target| EntryKind::Symlink { target }),
        any::<(u32, u32)>().prop_map(|(major, minor)| EntryKind::CharDevice { major, minor }),
        any::<(u32, u32)>().prop_map(|(major, minor)| EntryKind::BlockDevice { major, minor }),
    ]
    .prop_map(|kind| (kind, 0, Vec::new(), Content::Empty))
}

/// Any entries, ascending.
pub(crate) fn entries(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Entry>> {
    let body = (metadata(), prop_oneof![file(), other()]);
    prop::collection::vec((key(), body), count).prop_map(|pairs| {
        let map: BTreeMap<EntryPath, _> = pairs.into_iter().collect();
        let entry =
            |(path, (metadata, (kind, size, holes, content)))| Entry { path, kind, metadata, size, holes, content };
        map.into_iter().map(entry).collect()
    })
}

proptest! {
    #[test]
    fn leaves_go_there_and_back(entries in entries(0..20)) {
        let (bytes, references) = encode_leaf(&entries).unwrap();
        let node = Node::decode(&bytes).unwrap();
        for entry in &entries {
            match &entry.content {
                Content::Runs(runs) => for run in runs {
                    prop_assert!(references.contains(&Reference::Data(run.segment)));
                },
                Content::List { id, .. } => prop_assert!(references.contains(&Reference::Tree(*id))),
                Content::Empty | Content::Inline(_) => {}
            }
        }
        prop_assert_eq!(node, Node::Leaf(entries));
    }

    #[test]
    fn damaged_leaves_never_panic(entries in entries(1..6), at: prop::sample::Index, to: u8) {
        let (mut bytes, _) = encode_leaf(&entries).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = Node::decode(&bytes);
        let _ = Node::decode(&bytes[..at]);
        let _ = RunList::decode(&bytes);
    }

    #[test]
    fn rubbish_never_panics(mut bytes: Vec<u8>, kind in 1u8..4, level in 0u8..3) {
        bytes.splice(0..0, [kind, level]);
        let _ = Node::decode(&bytes);
        let _ = RunList::decode(&bytes);
    }

    #[test]
    fn inner_nodes_go_there_and_back(keys in prop::collection::btree_set(key(), 1..20), totals: [u64; 3]) {
        let child = |path: &EntryPath| Child {
            first: path.key().to_vec(),
            id: BlobId::from_bytes([7; 32]),
            totals: Totals { entries: totals[0], files: totals[1], bytes: totals[2] },
        };
        let children: Vec<Child> = keys.iter().map(child).collect();
        let (bytes, _) = encode_inner(3, &children);
        prop_assert_eq!(Node::decode(&bytes).unwrap(), Node::Inner { level: 3, children });
    }

    #[test]
    fn run_lists_go_there_and_back(runs in prop::collection::vec((0u8..4, 0u32..99, 1u32..9, any::<u64>()), 0..20)) {
        let run = |(segment, first, count, bytes)| Run { segment: SegmentId::from_bytes([segment; 32]), first, count, bytes };
        let list = RunList::Runs(runs.into_iter().map(run).collect());
        prop_assert_eq!(RunList::decode(&list.encode().0).unwrap(), list);
    }
}

#[test]
fn a_leaf_says_what_is_wrong_with_it() {
    let entry = |name: &str| Entry {
        path: EntryPath::parse(name).unwrap(),
        kind: EntryKind::Directory,
        metadata: Metadata::default(),
        size: 0,
        holes: Vec::new(),
        content: Content::Empty,
    };
    let (bytes, _) = encode_leaf(&[entry("b"), entry("a")]).unwrap();
    let error = Node::decode(&bytes).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
    assert!(error.to_string().contains("do not ascend"), "{error}");
    let (mut bytes, _) = encode_leaf(&[entry("a")]).unwrap();
    bytes[0] = 9;
    assert_eq!(Node::decode(&bytes).unwrap_err().kind(), crate::ErrorKind::Unsupported);
}

#[test]
fn nodes_of_more_elements_than_any_has_are_refused_before_they_are_decoded() {
    let many = MAX_ELEMENTS as u64 + 1;
    let with_count = |before: &[u8], each: usize| {
        let mut bytes = before.to_vec();
        put_varint(&mut bytes, many);
        bytes.resize(bytes.len() + (MAX_ELEMENTS + 1) * each, 0);
        bytes
    };
    let said = |error: Error| error.detail_text().unwrap_or_default().to_owned();
    for (before, each) in [(&[LEAF, 0][..], 32), (&[LEAF, 0, 0], 4), (&[LEAF, 0, 0, 0], 7), (&[INNER, 1], 37)] {
        assert!(said(Node::decode(&with_count(before, each)).unwrap_err()).contains("more elements"), "{before:?}");
    }
    for (before, each) in [(&[RUN_LIST, 1][..], 32), (&[RUN_LIST, 1, 0], 4), (&[RUN_LIST, 2], 33)] {
        assert!(said(RunList::decode(&with_count(before, each)).unwrap_err()).contains("more elements"), "{before:?}");
    }
    assert!(RunList::decode(&vec![RUN_LIST; MAX_NODE + 1]).is_err());
}

#[test]
fn a_file_of_too_many_holes_is_neither_written_nor_read() {
    let holes = |count: u64| -> Vec<Hole> { (0..count).map(|n| Hole { offset: 2 * n, length: 1 }).collect() };
    let entry = |count: u64| Entry {
        path: EntryPath::parse("file").unwrap(),
        kind: EntryKind::File,
        metadata: Metadata::default(),
        size: 2 * count,
        content: Content::Inline(vec![1; usize::try_from(count).unwrap()]),
        holes: holes(count),
    };
    let most = MAX_HOLES as u64;
    assert_eq!(fault(&entry(most)), None);
    assert!(fault(&entry(most + 1)).is_some());
    assert!(Node::decode(&encode_leaf(&[entry(most)]).unwrap().0).is_ok());
    assert!(Node::decode(&encode_leaf(&[entry(most + 1)]).unwrap().0).is_err());
}
