use super::*;
use crate::crypto::sign::SigningKey;
use crate::crypto::{SecretKey, random};
use crate::format::bundle::Role;
use crate::format::device::DeviceKey;
use crate::format::device_list::Revoked;
use crate::format::mark::{Mark, MarkBody};
use crate::format::snapshot::MAX_DESCRIPTION;
use crate::store::devices::requested;
use crate::store::keys::{self, NewRepository, Secret};
use crate::store::marks::{self, NewMark};
use crate::store::testing::TestBackend;
use proptest::prelude::*;

/// A repository with an owner, and devices of the other roles on its list but one.
pub(crate) struct World {
    pub(crate) backend: TestBackend,
    pub(crate) owner: Keys,
    pub(crate) reader: Keys,
    pub(crate) writer: Keys,
    pub(crate) maintainer: Keys,
    /// Has a writer's bundle and a key that is not on the list.
    pub(crate) stranger: Keys,
    pub(crate) devices: DeviceList,
}

impl World {
    pub(crate) fn new() -> Self {
        let backend = TestBackend::at(1_000_000);
        let device = DeviceKey::generate().unwrap();
        let (_, owner) = keys::create(&backend, &NewRepository::default(), &Secret::device(device)).unwrap();
        let member = |role| {
            let device = DeviceKey::generate().unwrap();
            (Keys::new(owner.bundle_for(role, None).unwrap(), None, Some(&device)).unwrap(), device)
        };
        let [reader, writer, maintainer, stranger] =
            [Role::Reader, Role::Writer, Role::Maintainer, Role::Writer].map(member);
        let devices = DeviceList::update(&backend, &owner, |devices| {
            for (keys, device) in [&reader, &writer, &maintainer] {
                let request = device.request("device").unwrap();
                devices.insert(request.id(), requested(&request, keys.role, 0));
            }
            Ok(true)
        });
        World {
            devices: devices.unwrap(),
            reader: reader.0,
            writer: writer.0,
            maintainer: maintainer.0,
            stranger: stranger.0,
            backend,
            owner,
        }
    }

    pub(crate) fn snapshots<'a>(&'a self, keys: &'a Keys) -> Snapshots<'a> {
        Snapshots::open(&self.backend, keys, &self.devices).unwrap()
    }

    pub(crate) fn list(&self, keys: &Keys) -> SnapshotListing {
        self.snapshots(keys).list(&SnapshotFilter::all()).unwrap()
    }

    pub(crate) fn write(&self, keys: &Keys, new: NewSnapshot) -> SnapshotId {
        write(&self.backend, keys, &self.devices, new).unwrap()
    }

    pub(crate) fn mark(&self, keys: &Keys, snapshot: SnapshotId, new: NewMark) {
        let marks = Marks::load(&self.backend, keys, &self.devices).unwrap();
        marks::write(&self.backend, keys, &self.devices, &marks, snapshot, new, Timestamp::default()).unwrap();
    }

    /// Stores an object under the hash of its bytes, whatever it is.
    pub(crate) fn plant(&self, folder: Folder, bytes: &[u8]) -> ObjectName {
        let name = ObjectName::of(folder, crate::id::hex(&hash::name(bytes)));
        self.backend.put(&name, &[bytes]).unwrap();
        name
    }
}

pub(crate) fn new(seconds: i64) -> NewSnapshot {
    NewSnapshot {
        root: BlobId::from_bytes([1; 32]),
        time: Timestamp::new(seconds, 0),
        lineage: LineageId::from_bytes([2; 16]),
        session: SessionId::from_bytes([3; 16]),
        counts: SnapshotCounts { entries: 5, ..SnapshotCounts::default() },
        parents: vec![SnapshotId::from_bytes([4; 32])],
        outcome: SnapshotOutcome::Partial,
        body: SnapshotBody {
            host: "laptop".into(),
            paths: vec![b"/home/kim".to_vec(), b"/etc\xff".to_vec()],
            tags: vec!["daily".into(), "a".into(), "daily".into()],
            metadata: [("app".to_owned(), vec![0, 1])].into(),
            user: "kim".into(),
            program: "strongroom 0.1".into(),
            description: Some("before the trip".into()),
        },
    }
}

/// An envelope and what signs it, for making objects that the functions under test would not make.
fn envelope(keys: &Keys, new: NewSnapshot) -> SnapshotEnvelope {
    let NewSnapshot { root, time, lineage, session, counts, parents, outcome, mut body } = new;
    body.tags.clear();
    let device = keys.signer().unwrap().0;
    let sealed_body = Vec::new();
    let mut envelope = SnapshotEnvelope { root, time, lineage, device, session, counts, parents, outcome, sealed_body };
    envelope.seal_body(&body, &keys.repository, sealed::readers(keys.current().unwrap(), "test").unwrap()).unwrap();
    envelope
}

fn kinds(rejected: &Rejected) -> Vec<ErrorKind> {
    rejected.iter().map(|(_, error)| error.kind()).collect()
}

#[test]
fn readers_see_everything_and_others_the_envelope() {
    let world = World::new();
    let id = world.write(&world.writer, new(7));
    for keys in [&world.owner, &world.reader, &world.writer, &world.maintainer] {
        let snapshot = world.snapshots(keys).load(&id).unwrap();
        assert_eq!(world.list(keys).snapshots, std::slice::from_ref(&snapshot));
        assert_eq!((snapshot.id, snapshot.time), (id, Timestamp::new(7, 0)));
        assert_eq!((snapshot.root, snapshot.counts.entries), (new(7).root, 5));
        assert_eq!((snapshot.parents, snapshot.outcome), (new(7).parents, SnapshotOutcome::Partial));
        assert_eq!(snapshot.device, world.writer.signer().unwrap().0);
        assert_eq!(snapshot.received, world.backend.stat(&object_name(&id)).unwrap().modified);
        assert_eq!(snapshot.body_readable, keys.can_read());
        if keys.can_read() {
            assert_eq!(snapshot.host.as_deref(), Some("laptop"));
            assert_eq!(snapshot.paths, new(7).body.paths);
            assert_eq!(snapshot.tags, ["a", "daily"]);
            assert_eq!(snapshot.user.as_deref(), Some("kim"));
            assert_eq!(snapshot.program.as_deref(), Some("strongroom 0.1"));
            assert_eq!(snapshot.description.as_deref(), Some("before the trip"));
            assert_eq!(snapshot.metadata, new(7).body.metadata);
        } else {
            assert_eq!((snapshot.host, snapshot.user, snapshot.program), (None, None, None));
            assert!(snapshot.paths.is_empty() && snapshot.tags.is_empty() && snapshot.metadata.is_empty());
        }
    }
}

#[test]
fn maintainers_and_strangers_write_none() {
    let world = World::new();
    let written = |keys, new| write(&world.backend, keys, &world.devices, new).map(drop).map_err(|error| error.kind());
    assert_eq!(written(&world.maintainer, new(1)), Err(ErrorKind::Forbidden));
    assert_eq!(written(&world.stranger, new(1)), Err(ErrorKind::Untrusted));
    let many = NewSnapshot { parents: vec![SnapshotId::default(); MAX_PARENTS + 1], ..new(1) };
    assert_eq!(written(&world.writer, many), Err(ErrorKind::InvalidArgument));
    assert!(world.list(&world.owner).snapshots.is_empty());
}

#[test]
fn forged_snapshots_are_rejected_and_the_others_listed() {
    let world = World::new();
    let good = world.write(&world.writer, new(1));
    let (owner_id, stranger) = (world.owner.owner_id(), &world.stranger);
    let key = stranger.signer().unwrap().1;
    let plant = |envelope: &SnapshotEnvelope, key: &SigningKey| {
        world.plant(Folder::Snapshots, &sealed::seal(stranger, envelope, Some(key)).unwrap())
    };
    // Its own name, that of a device on the list, the owner's, and the maintainer's with the maintainer's own key.
    let own = plant(&envelope(stranger, new(2)), &key);
    let mut as_writer = envelope(stranger, new(3));
    as_writer.device = world.writer.signer().unwrap().0;
    plant(&as_writer, &key);
    let mut as_owner = envelope(stranger, new(4));
    as_owner.device = owner_id;
    plant(&as_owner, &world.writer.signer().unwrap().1);

    for keys in [&world.owner, &world.reader, &world.maintainer, &world.writer] {
        let listing = world.list(keys);
        assert_eq!(listing.snapshots.iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), [good]);
        assert_eq!(kinds(&listing.rejected), [ErrorKind::Untrusted; 3]);
        for (name, error) in &listing.rejected {
            assert_eq!(error.object_name(), Some(name.to_string().as_str()));
        }
    }
    let error = world.snapshots(&world.owner).load(&own.id().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    let device = stranger.signer().unwrap().0.to_string();
    assert!(error.to_string().contains(&device), "{error}");
}

#[test]
fn what_storage_received_after_a_revocation_is_rejected() {
    let mut world = World::new();
    let id = world.write(&world.writer, new(1));
    let received = world.snapshots(&world.owner).load(&id).unwrap().received;
    let before = Timestamp::new(received.seconds - 1, 999_999_999);
    let device = world.writer.signer().unwrap().0;
    for (revoked, accepted) in [(received, true), (before, false)] {
        world.devices = DeviceList::update(&world.backend, &world.owner, |devices| {
            devices.get_mut(&device).unwrap().revoked = Some(Revoked::Since(revoked));
            Ok(true)
        })
        .unwrap();
        let listing = world.list(&world.owner);
        assert_eq!(listing.snapshots.len(), usize::from(accepted));
        assert_eq!(listing.rejected.len(), usize::from(!accepted));
    }
    let error = write(&world.backend, &world.writer, &world.devices, new(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
}

#[test]
fn damage_is_found_under_the_old_name_and_under_a_fitting_one() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    let name = object_name(&id);
    let bytes = world.backend.bytes(&name);
    let snapshots = world.snapshots(&world.owner);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        world.backend.replace(&name, &damaged);
        let error = snapshots.load(&id).unwrap_err();
        assert_eq!((error.kind(), error.object_name()), (ErrorKind::Corrupt, Some(name.to_string().as_str())));
        // Anybody can compute the name that fits.
        let other = world.plant(Folder::Snapshots, &damaged);
        let expected = match at {
            7 => ErrorKind::Unsupported,
            8..12 => ErrorKind::Forbidden, // an epoch these keys do not reach
            _ => ErrorKind::Corrupt,
        };
        assert_eq!(snapshots.load(&other.id().unwrap()).unwrap_err().kind(), expected, "byte {at}");
        world.backend.delete(&other).unwrap();
    }
    for length in [0, 7, 11, 30, bytes.len() - 1] {
        let other = world.plant(Folder::Snapshots, &bytes[..length]);
        assert_eq!(snapshots.load(&other.id().unwrap()).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(kinds(&world.list(&world.owner).rejected), [ErrorKind::Corrupt; 6]);
}

#[test]
fn what_is_too_long_is_not_read() {
    let world = World::new();
    let mut bytes = vec![0; usize::try_from(SnapshotEnvelope::MAX_OBJECT).unwrap() + 1];
    bytes[..8].copy_from_slice(&crate::format::object::header(crate::format::object::Kind::Snapshot));
    world.plant(Folder::Snapshots, &bytes);
    assert_eq!(kinds(&world.list(&world.owner).rejected), [ErrorKind::Corrupt]);
    bytes[7] = 2;
    let later = world.plant(Folder::Snapshots, &bytes);
    let error = world.snapshots(&world.owner).load(&later.id().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn snapshots_of_another_repository_are_rejected() {
    let (world, other) = (World::new(), World::new());
    let foreign = other.write(&other.writer, new(1));
    world.plant(Folder::Snapshots, &other.backend.bytes(&object_name(&foreign)));
    let mark = NewMark { tags: vec!["x".into()], ..NewMark::default() };
    other.mark(&other.owner, foreign, mark);
    for name in other.backend.names(Folder::Marks) {
        world.plant(Folder::Marks, &other.backend.bytes(&name));
    }
    let listing = world.list(&world.owner);
    assert!(listing.snapshots.is_empty());
    assert_eq!(kinds(&listing.rejected), [ErrorKind::Corrupt; 2]);
}

#[test]
fn a_body_moved_to_another_snapshot_is_refused() {
    let world = World::new();
    let victim = envelope(&world.reader, new(1));
    // A writer cannot read bodies, but can sign any envelope of its own, with any body in it.
    let (device, key) = world.writer.signer().unwrap();
    let thief = SnapshotEnvelope { device, ..victim };
    let name = world.plant(Folder::Snapshots, &sealed::seal(&world.writer, &thief, Some(&key)).unwrap());
    let error = world.snapshots(&world.reader).load(&name.id().unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.object_name()), (ErrorKind::Corrupt, Some(name.to_string().as_str())));
    assert_eq!(kinds(&world.list(&world.reader).rejected), [ErrorKind::Corrupt]);
    assert_eq!(world.list(&world.maintainer).snapshots.len(), 1);
}

#[test]
fn the_highest_valid_mark_counts() {
    let world = World::new();
    let (id, other) = (world.write(&world.writer, new(1)), world.write(&world.writer, new(2)));
    let mark = |tag: &str, hold_until| NewMark { tags: vec![tag.into()], description: None, hold_until };
    world.mark(&world.owner, id, mark("first", Some(50)));
    world.mark(&world.reader, id, mark("second", None));
    world.mark(&world.reader, id, mark("third", Some(100)));
    // A stranger's, for a higher sequence, and rubbish.
    let (device, key) = world.stranger.signer().unwrap();
    let time = Timestamp::default();
    let forged = Mark { snapshot: id, sequence: 9, device, time, hold_until: None, sealed_body: Vec::new() };
    world.plant(Folder::Marks, &sealed::seal(&world.stranger, &forged, Some(&key)).unwrap());
    world.plant(Folder::Marks, b"rubbish");
    world.backend.put(&"marks/short".parse().unwrap(), &[b"rubbish"]).unwrap();

    let snapshots = world.snapshots(&world.reader);
    let snapshot = snapshots.load(&id).unwrap();
    assert_eq!((snapshot.tags.as_slice(), snapshot.description), (["third".to_owned()].as_slice(), None));
    assert_eq!(snapshot.hold_until, Some(Timestamp::new(100, 0)));
    let snapshot = snapshots.load(&other).unwrap();
    assert_eq!((snapshot.tags.len(), snapshot.description.is_some(), snapshot.hold_until), (2, true, None));
    let mut rejected = kinds(&world.list(&world.reader).rejected);
    rejected.sort_by_key(|kind| kind.code());
    assert_eq!(rejected, [ErrorKind::Corrupt, ErrorKind::Corrupt, ErrorKind::Untrusted]);
    // Holds are for those, too, who may not read the rest.
    let snapshot = world.snapshots(&world.maintainer).load(&id).unwrap();
    assert_eq!((snapshot.tags.len(), snapshot.hold_until), (0, Some(Timestamp::new(100, 0))));
}

#[test]
fn of_marks_with_one_sequence_the_highest_id_counts() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    // As if written at the same time: nobody knows of the others.
    let none = Marks::default();
    for number in 0..5 {
        let new = NewMark { tags: vec![number.to_string()], ..NewMark::default() };
        marks::write(&world.backend, &world.owner, &world.devices, &none, id, new, Timestamp::default()).unwrap();
    }
    let highest = world.backend.names(Folder::Marks).into_iter().max().unwrap();
    let bytes = world.backend.bytes(&highest);
    let epoch = world.owner.current().unwrap();
    let winner = crate::format::sealed::open::<Mark>(&bytes, &world.owner.repository, &epoch.mark).unwrap();
    let winner = winner.verify(|_, _, _, _| Ok(())).unwrap();
    let body = winner.open_body(&world.owner.repository, epoch.data_private.as_ref().unwrap()).unwrap();
    assert_eq!(world.snapshots(&world.owner).load(&id).unwrap().tags, body.tags);
}

#[test]
fn a_mark_with_a_bad_body_changes_the_hold_alone() {
    let world = World::new();
    let id = world.write(&world.writer, new(1));
    let (device, key) = world.reader.signer().unwrap();
    let time = Timestamp::default();
    let mut mark = Mark { snapshot: id, sequence: 1, device, time, hold_until: Some(8), sealed_body: Vec::new() };
    let readers = world.reader.current().unwrap().data_public.as_ref().unwrap();
    mark.seal_body(&MarkBody::default(), &world.reader.repository, readers).unwrap();
    // Sealed for another sequence.
    mark.sequence = 2;
    let name = world.plant(Folder::Marks, &sealed::seal(&world.reader, &mark, Some(&key)).unwrap());
    let listing = world.list(&world.reader);
    assert_eq!(listing.snapshots[0].tags, ["a", "daily"]);
    assert_eq!(listing.snapshots[0].hold_until, Some(Timestamp::new(8, 0)));
    assert_eq!(listing.rejected.len(), 1);
    assert_eq!((&listing.rejected[0].0, listing.rejected[0].1.kind()), (&name, ErrorKind::Corrupt));
    assert!(world.snapshots(&world.reader).load(&id).is_ok());
}

#[test]
fn marks_beyond_what_is_kept_in_memory_are_read_again() {
    let world = World::new();
    let description = Some("d".repeat(MAX_DESCRIPTION));
    let none = Marks::default();
    let ids: Vec<SnapshotId> = (0..300).map(|_| SnapshotId::from_bytes(random().unwrap())).collect();
    for id in &ids {
        let new = NewMark { tags: vec![id.to_string()], description: description.clone(), hold_until: None };
        marks::write(&world.backend, &world.owner, &world.devices, &none, *id, new, Timestamp::default()).unwrap();
    }
    let marks = Marks::load(&world.backend, &world.owner, &world.devices).unwrap();
    for id in &ids {
        let body = marks.body(&world.backend, &world.owner, &world.devices, id).unwrap().unwrap();
        assert_eq!(body.tags, [id.to_string()]);
    }
}

#[test]
fn filters_choose() {
    let world = World::new();
    let with = |seconds, host: &str, path: &str, tags: &[&str], lineage| {
        let mut new = new(seconds);
        new.body.host = host.into();
        new.body.paths = vec![path.into(), b"/both".to_vec()];
        new.body.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        new.lineage = LineageId::from_bytes([lineage; 16]);
        world.write(&world.writer, new);
    };
    with(10, "a", "/x", &["t", "u"], 1);
    with(20, "a", "/x/y", &["t"], 2);
    with(30, "b", "/x", &[], 3);
    let chosen = |keys: &Keys, filter: SnapshotFilter| -> Result<Vec<i64>> {
        let listing = world.snapshots(keys).list(&filter)?;
        Ok(listing.snapshots.iter().map(|snapshot| snapshot.time.seconds).collect())
    };
    let all = SnapshotFilter::all;
    let at = |seconds| Timestamp::new(seconds, 0);
    for (filter, expected) in [
        (all(), &[10, 20, 30][..]),
        (all().host("a"), &[10, 20]),
        (all().path("/x"), &[10, 30]),
        (all().path("/x").path("/both"), &[10, 30]),
        (all().path("/"), &[]),
        (all().tag("t"), &[10, 20]),
        (all().tag("t").tag("u"), &[10]),
        (all().after(at(20)), &[20, 30]),
        (all().before(at(20)), &[10]),
        (all().after(at(11)).before(at(30)), &[20]),
        (all().lineage(LineageId::from_bytes([3; 16])), &[30]),
        (all().host("b").tag("t"), &[]),
    ] {
        assert_eq!(chosen(&world.reader, filter.clone()).unwrap(), expected, "{filter:?}");
        let maintained = chosen(&world.maintainer, filter.clone());
        match filter.needs_body() {
            true => assert_eq!(maintained.unwrap_err().kind(), ErrorKind::Forbidden),
            false => assert_eq!(maintained.unwrap(), expected),
        }
    }
}

#[test]
fn specs_name_the_latest_or_the_beginning_of_an_id() {
    let world = World::new();
    let resolve = |spec: &str, filter: &SnapshotFilter| {
        world.snapshots(&world.reader).resolve(spec, filter).map(|(snapshot, _)| snapshot.id)
    };
    let all = SnapshotFilter::all();
    assert_eq!(resolve("latest", &all).unwrap_err().kind(), ErrorKind::NotFound);
    let old = world.write(&world.writer, new(1));
    let same = [world.write(&world.writer, new(5)), world.write(&world.writer, new(5))];
    assert_eq!(resolve("latest", &all).unwrap(), same[0].max(same[1]));
    assert_eq!(resolve("latest", &SnapshotFilter::all().before(Timestamp::new(5, 0))).unwrap(), old);
    let text = old.to_string();
    for spec in [&text, &text[..12], &text[..12].to_ascii_uppercase()] {
        assert_eq!(resolve(spec, &SnapshotFilter::all().tag("none")).unwrap(), old);
    }
    for spec in ["", "abc", "newest", "latest ", "../../x", &format!("{text}0"), "äöü", "\u{1b}[2J"] {
        assert_eq!(resolve(spec, &all).unwrap_err().kind(), ErrorKind::InvalidArgument, "{spec}");
    }
    let last = if text.ends_with('0') { '1' } else { '0' };
    let close = format!("{}{last}", &text[..63]);
    assert_eq!(resolve(&close, &all).unwrap_err().kind(), ErrorKind::NotFound);
    // A second object of that beginning.
    world.backend.put(&ObjectName::of(Folder::Snapshots, &close), &[b"x"]).unwrap();
    let error = resolve(&text[..63], &all).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("ambiguous") && error.to_string().contains(&text[..16]), "{error}");
    assert_eq!(resolve(&text, &all).unwrap(), old);
    // The damaged one might have been the latest.
    assert_eq!(world.snapshots(&world.reader).resolve("latest", &all).unwrap().1.len(), 1);
}

#[test]
fn what_went_away_is_passed_over_and_storage_that_fails_ends_the_listing() {
    let world = World::new();
    let [gone, other] = [world.write(&world.writer, new(1)), world.write(&world.writer, new(2))];
    let list = |kind| {
        world.backend.refuse_read(Some((object_name(&gone), kind)));
        world.snapshots(&world.owner).list(&SnapshotFilter::all())
    };
    for (kind, rejected) in [(ErrorKind::NotFound, 0), (ErrorKind::PermissionDenied, 1), (ErrorKind::Io, 1)] {
        let listing = list(kind).unwrap();
        assert_eq!(listing.snapshots.iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), [other]);
        assert_eq!(kinds(&listing.rejected), vec![kind; rejected]);
    }
    for kind in [ErrorKind::Unavailable, ErrorKind::Cancelled] {
        assert_eq!(list(kind).unwrap_err().kind(), kind);
    }
}

#[test]
fn a_lost_answer_is_made_up_for_and_other_bytes_are_not_taken() {
    let world = World::new();
    let name: ObjectName = "snapshots/00".parse().unwrap();
    sealed::put(&world.backend, &name, b"bytes").unwrap();
    sealed::put(&world.backend, &name, b"bytes").unwrap();
    assert_eq!(sealed::put(&world.backend, &name, b"other").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(sealed::put(&world.backend, &name, b"longer").unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn lineages_are_sets_of_paths_of_a_host_in_a_repository() {
    let (world, other) = (World::new(), World::new());
    let of = |keys: &Keys, host, paths: &[&str]| lineage(keys, host, paths).unwrap();
    let reference = of(&world.owner, "a", &["/x", "/y"]);
    assert_eq!(of(&world.writer, "a", &["/y", "/x", "/y"]), reference);
    for different in [
        of(&world.owner, "b", &["/x", "/y"]),
        of(&world.owner, "a", &["/x"]),
        of(&world.owner, "a", &["/x/y"]),
        of(&world.owner, "a/x", &["/y"]),
        of(&other.owner, "a", &["/x", "/y"]),
    ] {
        assert_ne!(different, reference);
    }
    assert_eq!(lineage(&world.maintainer, "a", &["/x"]).unwrap_err().kind(), ErrorKind::Forbidden);
}

/// The keys of the seal alone let nobody in: they are the maintainer's, who signs nothing.
#[test]
fn a_maintainer_on_the_list_signs_nothing() {
    let world = World::new();
    let key = SigningKey::from_seed(SecretKey::from_bytes([1; 32]));
    let mut forged = envelope(&world.writer, new(1));
    forged.device = world.devices.devices().find(|device| device.role == Role::Maintainer).unwrap().id;
    world.plant(Folder::Snapshots, &sealed::seal(&world.maintainer, &forged, Some(&key)).unwrap());
    assert_eq!(kinds(&world.list(&world.owner).rejected), [ErrorKind::Untrusted]);
}

proptest! {
    #[test]
    fn specs_never_panic(spec: String) {
        let _ = SnapshotSpec::parse(&spec);
    }
}
