//! What every backend must do, as one function to be called on each of them.

use super::noise;
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::{Duration, SystemTime};
use strongroom::{Backend, Error, ErrorKind, Folder, ObjectInfo, ObjectName, Timestamp};

/// Runs every check, each on an empty backend that `make` gives.
pub(crate) fn conformance<B: Backend>(make: impl Fn() -> B) {
    what_was_put_is_read(&make());
    ranges_are_exact(&make());
    what_is_missing_is_not_found(&make());
    a_name_is_taken_once(&make());
    of_concurrent_puts_of_one_name_exactly_one_wins(&make());
    nobody_sees_half_an_object(&make());
    many_threads_put_different_names(&make());
    listings_are_of_one_folder_and_complete(&make());
    a_listing_ends_with_the_error_of_its_caller(&make());
    objects_can_be_used_while_they_are_listed(&make());
    deleting_twice_is_as_good_as_once(&make());
    every_name_is_its_own(&make());
    large_objects_of_many_parts(&make());
    times_are_those_of_now(&make());
}

pub(crate) fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

pub(crate) fn listed(backend: &impl Backend, folder: Folder) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut add = |info: ObjectInfo| {
        assert_eq!(info.name.folder(), folder);
        assert_eq!(found.insert(info.name.file().to_owned(), info.length), None, "{} is listed twice", info.name);
        Ok(())
    };
    backend.list(folder, &mut add).unwrap();
    found
}

fn whole(backend: &impl Backend, name: &ObjectName) -> Vec<u8> {
    let info = backend.stat(name).unwrap();
    assert_eq!(info.name, *name);
    backend.read(name, 0..info.length).unwrap()
}

fn assert_names(error: &Error, name: &ObjectName) {
    let text = error.to_string();
    assert!(text.contains(name.file()), "{text:?} does not name {name}");
}

fn what_was_put_is_read(backend: &impl Backend) {
    let cases: [(&str, &[&[u8]]); 5] = [
        ("config", &[b"one part"]),
        ("keys/00", &[b"several ", b"", b"parts", b""]),
        ("packs/ab12", &[]),
        ("packs/ab13", &[b"", b""]),
        ("packs/cd", &[&[0, 255, 10, 13]]),
    ];
    for (text, parts) in cases {
        backend.put(&name(text), parts).unwrap();
    }
    for (text, parts) in cases {
        assert_eq!(whole(backend, &name(text)), parts.concat(), "{text}");
    }
}

fn ranges_are_exact(backend: &impl Backend) {
    let (object, bytes) = (name("packs/0123"), noise(1, 100_000));
    backend.put(&object, &[&bytes]).unwrap();
    for (start, end) in [(0, 0), (0, 1), (1, 2), (0, 100_000), (99_999, 100_000), (100_000, 100_000), (4095, 65_537)] {
        assert_eq!(backend.read(&object, start..end).unwrap(), bytes[start as usize..end as usize], "{start}..{end}");
    }
    // What an object does not have must not be allocated for either.
    for (start, end) in [(0, 100_001), (100_001, 100_001), (99_999, 100_001), (0, u64::MAX), (u64::MAX - 1, u64::MAX)] {
        let error = backend.read(&object, start..end).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{start}..{end}: {error}");
        assert_names(&error, &object);
    }
    #[allow(clippy::reversed_empty_ranges)]
    let reversed = backend.read(&object, 5..4);
    assert!(reversed.is_err());
}

fn what_is_missing_is_not_found(backend: &impl Backend) {
    // In folders that do not exist, and beside an object.
    for round in 0..2 {
        for text in ["config", "keys/00", "packs/aa00", "snapshots/ff"] {
            let missing = name(text);
            for error in [backend.stat(&missing).unwrap_err(), backend.read(&missing, 0..1).unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{text} in round {round}: {error}");
                assert_names(&error, &missing);
            }
        }
        for folder in Folder::ALL {
            let count = usize::from(round == 1 && folder != Folder::Root);
            assert_eq!(listed(backend, folder).len(), count, "{folder:?}");
        }
        for folder in Folder::ALL.iter().filter(|folder| **folder != Folder::Root && round == 0) {
            backend.put(&ObjectName::new(*folder, "aa01").unwrap(), &[b"x"]).unwrap();
        }
    }
}

fn a_name_is_taken_once(backend: &impl Backend) {
    let object = name("snapshots/5a");
    backend.put(&object, &[b"first"]).unwrap();
    for other in [&b"second"[..], b"", b"first"] {
        let error = backend.put(&object, &[other]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        assert_names(&error, &object);
        assert_eq!(whole(backend, &object), b"first");
    }
    assert_eq!(listed(backend, Folder::Snapshots), BTreeMap::from([("5a".to_owned(), 5)]));
}

fn of_concurrent_puts_of_one_name_exactly_one_wins(backend: &impl Backend) {
    const THREADS: usize = 8;
    for round in 0..20 {
        let object = ObjectName::new(Folder::Packs, format!("{round:02}")).unwrap();
        let content = |thread: usize| noise((round * THREADS + thread) as u64, 50_000 + thread);
        let start = Barrier::new(THREADS);
        let results: Vec<_> = std::thread::scope(|scope| {
            let put = |thread| {
                let bytes = content(thread);
                start.wait();
                backend.put(&object, &[&bytes[..10], &bytes[10..]])
            };
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || put(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..THREADS).filter(|thread| results[*thread].is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        }
        assert!(whole(backend, &object) == content(winners[0]), "round {round}: not what the winner stored");
    }
}

fn nobody_sees_half_an_object(backend: &impl Backend) {
    let objects: Vec<ObjectName> =
        (0..24).map(|number| ObjectName::new(Folder::Index, format!("{number:04}")).unwrap()).collect();
    let bytes = noise(7, 1 << 20);
    std::thread::scope(|scope| {
        let watch = || {
            let mut seen = 0;
            while let Some(object) = objects.get(seen) {
                match backend.stat(object) {
                    Ok(info) => {
                        assert_eq!(info.length, bytes.len() as u64, "{object} is seen before it is whole");
                        assert!(backend.read(object, 0..info.length).unwrap() == bytes, "{object} is not whole");
                        seen += 1;
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
                }
                for (file, length) in listed(backend, Folder::Index) {
                    assert_eq!(length, bytes.len() as u64, "{file} is listed before it is whole");
                }
            }
        };
        let watchers = [scope.spawn(watch), scope.spawn(watch)];
        for object in &objects {
            let parts: Vec<&[u8]> = bytes.chunks(64 << 10).collect();
            backend.put(object, &parts).unwrap();
        }
        watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
    });
}

fn many_threads_put_different_names(backend: &impl Backend) {
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            scope.spawn(move || {
                for number in 0..25_u64 {
                    // Folders are made on the way, by several threads at once.
                    let object = ObjectName::new(Folder::Packs, format!("{number:02x}{thread}")).unwrap();
                    backend.put(&object, &[&noise(thread * 100 + number, 100)]).unwrap();
                }
            });
        }
    });
    assert_eq!(listed(backend, Folder::Packs).len(), 200);
    for thread in 0..8_u64 {
        for number in 0..25_u64 {
            let object = ObjectName::new(Folder::Packs, format!("{number:02x}{thread}")).unwrap();
            assert_eq!(whole(backend, &object), noise(thread * 100 + number, 100));
        }
    }
}

fn listings_are_of_one_folder_and_complete(backend: &impl Backend) {
    let mut expected: BTreeMap<Folder, BTreeMap<String, u64>> = BTreeMap::new();
    for (position, folder) in Folder::ALL.into_iter().enumerate() {
        let count = if folder == Folder::Root { 1 } else { 300 };
        for number in 0..count {
            let file = if count == 1 { "config".to_owned() } else { format!("{:04x}", number * 211) };
            let length = (number + position) % 7;
            backend.put(&ObjectName::new(folder, &*file).unwrap(), &[&vec![1; length]]).unwrap();
            expected.entry(folder).or_default().insert(file, length as u64);
        }
    }
    for folder in Folder::ALL {
        assert_eq!(listed(backend, folder), expected[&folder], "{folder:?}");
    }
}

fn a_listing_ends_with_the_error_of_its_caller(backend: &impl Backend) {
    for number in 0..10 {
        backend.put(&ObjectName::new(Folder::Packs, format!("{number}{number}")).unwrap(), &[b"x"]).unwrap();
    }
    let mut calls = 0;
    let stopped = backend.list(Folder::Packs, &mut |_| {
        calls += 1;
        if calls == 3 { Err(Error::new(ErrorKind::Conflict, "stop here")) } else { Ok(()) }
    });
    let error = stopped.unwrap_err();
    assert_eq!((error.kind(), error.operation(), calls), (ErrorKind::Conflict, "stop here", 3));
}

fn objects_can_be_used_while_they_are_listed(backend: &impl Backend) {
    for number in 0..20 {
        backend.put(&ObjectName::new(Folder::Marks, format!("{number:02}")).unwrap(), &[&[number]]).unwrap();
    }
    let mut seen = Vec::new();
    let mut use_it = |info: ObjectInfo| {
        let bytes = backend.read(&info.name, 0..info.length)?;
        backend.put(&ObjectName::new(Folder::Sessions, info.name.file())?, &[&bytes])?;
        backend.delete(&info.name)?;
        seen.extend(bytes);
        Ok(())
    };
    backend.list(Folder::Marks, &mut use_it).unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<u8>>());
    assert!(listed(backend, Folder::Marks).is_empty());
    assert_eq!(listed(backend, Folder::Sessions).len(), 20);
}

fn deleting_twice_is_as_good_as_once(backend: &impl Backend) {
    let (object, other) = (name("marks/00"), name("marks/01"));
    backend.delete(&object).unwrap();
    backend.put(&object, &[b"old and longer"]).unwrap();
    backend.put(&other, &[b"other"]).unwrap();
    backend.delete(&object).unwrap();
    backend.delete(&object).unwrap();
    assert_eq!(backend.stat(&object).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(listed(backend, Folder::Marks).into_keys().collect::<Vec<_>>(), ["01"]);
    backend.put(&object, &[b"new"]).unwrap();
    assert_eq!((whole(backend, &object), whole(backend, &other)), (b"new".to_vec(), b"other".to_vec()));
}

fn every_name_is_its_own(backend: &impl Backend) {
    let longest = "0123456789abcdef".repeat(8);
    let files = ["a", "0", "-", "a.", "a-", "ab", "ab.", "abc", "a.b.c", "00..", "zz-zz", longest.as_str()];
    let mut names = Vec::new();
    for folder in Folder::ALL.into_iter().filter(|folder| *folder != Folder::Root) {
        names.extend(files.iter().map(|file| ObjectName::new(folder, *file).unwrap()));
    }
    for object in &names {
        backend.put(object, &[object.to_string().as_bytes()]).unwrap();
    }
    for object in &names {
        assert_eq!(whole(backend, object), object.to_string().into_bytes());
    }
    let mut expected: Vec<&str> = files.to_vec();
    expected.sort_unstable();
    for folder in Folder::ALL.into_iter().filter(|folder| *folder != Folder::Root) {
        assert_eq!(listed(backend, folder).into_keys().collect::<Vec<_>>(), expected, "{folder:?}");
    }
    for object in &names {
        backend.delete(object).unwrap();
        assert_eq!(backend.stat(object).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

fn large_objects_of_many_parts(backend: &impl Backend) {
    // More parts than a system call takes, among them empty ones at either end.
    let bytes = noise(3, 24 << 20);
    let mut parts: Vec<&[u8]> = vec![b""];
    parts.extend(bytes.chunks(8191));
    parts.extend([&b""[..], b""]);
    assert!(parts.len() > 3000);
    let object = name("packs/f00d");
    backend.put(&object, &parts).unwrap();
    assert_eq!(backend.stat(&object).unwrap().length, bytes.len() as u64);
    assert!(whole(backend, &object) == bytes);
    let end = bytes.len() as u64;
    assert_eq!(backend.read(&object, end - 5..end).unwrap(), bytes[bytes.len() - 5..]);
}

fn times_are_those_of_now(backend: &impl Backend) {
    // Storage has its own clock, which these tests trust to a few minutes.
    let margin = Duration::from_secs(300);
    let earliest = Timestamp::from(SystemTime::now() - margin);
    backend.put(&name("sessions/00"), &[b"lease"]).unwrap();
    let latest = Timestamp::from(SystemTime::now() + margin);
    let found = backend.stat(&name("sessions/00")).unwrap().modified;
    assert!(earliest <= found && found <= latest, "{found:?}");
    let mut in_listing = None;
    backend
        .list(Folder::Sessions, &mut |info| {
            in_listing = Some(info.modified);
            Ok(())
        })
        .unwrap();
    assert_eq!(in_listing, Some(found));
}
