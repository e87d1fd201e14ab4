//! What several tests need: storage in a dictionary, cheap repositories, readers and writers over bytes.
#![allow(dead_code)] // each test program uses another part

use std::collections::BTreeMap;
use std::sync::Mutex;
use strongroom_bindings::options::{BackupOptions, Cost, CreateOptions};
use strongroom_bindings::records::Timestamp;
use strongroom_bindings::{
    Backend, EntryKind, ErrorKind, HostBackend, HostContent, HostEntries, HostEntry, HostError, HostObject, HostReader,
    HostResult, HostWriter, Repository, Run, Secret, Source,
};

/// Objects in a dictionary.
#[derive(Default)]
pub(crate) struct Dictionary {
    pub(crate) objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Dictionary {
    fn found<T>(&self, name: &str, use_it: impl FnOnce(&mut Vec<u8>) -> T) -> HostResult<T> {
        let mut objects = self.objects.lock().unwrap();
        objects.get_mut(name).map(use_it).ok_or_else(|| HostError::new(ErrorKind::NotFound, format!("no {name}")))
    }
}

fn now() -> Timestamp {
    strongroom::Timestamp::from(std::time::SystemTime::now()).into()
}

impl HostBackend for Dictionary {
    fn put(&self, name: &str, parts: &[&[u8]]) -> HostResult<()> {
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(name) {
            return Err(HostError::new(ErrorKind::AlreadyExists, format!("{name} is there")));
        }
        objects.insert(name.to_owned(), parts.concat());
        Ok(())
    }

    fn read(&self, name: &str, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        let short = || HostError::new(ErrorKind::Corrupt, format!("{name} is too short"));
        self.found(name, |bytes| {
            bytes.get(offset as usize..(offset + length) as usize).map(<[u8]>::to_vec).ok_or_else(short)
        })?
    }

    fn stat(&self, name: &str) -> HostResult<HostObject> {
        self.found(name, |bytes| HostObject { name: name.to_owned(), length: bytes.len() as u64, modified: now() })
    }

    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()> {
        let objects: Vec<_> = self.objects.lock().unwrap().iter().map(|(k, v)| (k.clone(), v.len())).collect();
        for (name, length) in objects {
            if name.split_once('/').map_or("", |(folder, _)| folder) == folder {
                found(HostObject { name, length: length as u64, modified: now() })?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> HostResult<()> {
        self.objects.lock().unwrap().remove(name);
        Ok(())
    }

    fn location(&self) -> String {
        "a dictionary".to_owned()
    }
}

/// A reader by a function.
pub(crate) struct Reader<F>(pub(crate) F);

impl<F: FnMut(&mut [u8]) -> HostResult<usize> + Send> HostReader for Reader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> HostResult<usize> {
        (self.0)(buffer)
    }
}

/// A reader over bytes.
pub(crate) fn reader(bytes: Vec<u8>) -> Box<dyn HostReader> {
    let mut at = 0;
    Box::new(Reader(move |buffer: &mut [u8]| {
        let count = buffer.len().min(bytes.len() - at);
        buffer[..count].copy_from_slice(&bytes[at..at + count]);
        at += count;
        Ok(count)
    }))
}

/// Entries by a function.
pub(crate) struct Entries<F>(pub(crate) F);

impl<F: FnMut() -> HostResult<Option<HostEntry>> + Send> HostEntries for Entries<F> {
    fn next(&mut self) -> HostResult<Option<HostEntry>> {
        (self.0)()
    }
}

/// Entries of a list.
pub(crate) fn entries(list: Vec<HostEntry>) -> Box<dyn HostEntries> {
    let mut list = list.into_iter();
    Box::new(Entries(move || Ok(list.next())))
}

pub(crate) fn file(path: &str, bytes: impl Into<Vec<u8>>) -> HostEntry {
    HostEntry { content: Some(HostContent::Bytes(bytes.into())), ..HostEntry::new(path, EntryKind::File) }
}

/// What was written.
#[derive(Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl HostWriter for Writer {
    fn write(&mut self, data: &[u8]) -> HostResult<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }
}

pub(crate) fn secret() -> Secret {
    Secret::passphrase(b"correct horse".to_vec())
}

pub(crate) fn cheap() -> CreateOptions {
    CreateOptions { cost: Some(Cost::FLOOR), ..CreateOptions::default() }
}

pub(crate) fn repository() -> Repository {
    Repository::create(&Backend::memory(), &secret(), &cheap(), None).unwrap()
}

/// Backs up these entries; the id of the snapshot.
pub(crate) fn back_up(repository: &Repository, list: Vec<HostEntry>) -> String {
    let source = Source::entries(entries(list), false).known_as(vec![b"rows".to_vec()]);
    repository.backup(source, &BackupOptions::default(), &Run::default()).unwrap().snapshot.unwrap()
}
