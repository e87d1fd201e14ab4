//! Names of users and groups, from the system's own files.

use crate::format::entry::Owner;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Largest user database read. One this large would hold some hundred thousand users.
const MAX_DATABASE: u64 = 16 * 1024 * 1024;

/// Owners seen so far, each built once.
///
/// Names come from `/etc/passwd` and `/etc/group`. Users and groups that only a directory service (NSS) knows
/// are recorded by number alone: asking it would take the C library, and could block on the network.
#[derive(Debug)]
pub(super) struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Most files have the owner of the one before.
    last: Option<Arc<Owner>>,
    all: HashMap<(u32, u32), Arc<Owner>>,
}

impl Owners {
    pub(super) fn of_system() -> Self {
        Owners::from_files(Path::new("/etc/passwd"), Path::new("/etc/group"))
    }

    fn from_files(users: &Path, groups: &Path) -> Self {
        Owners { users: names(users), groups: names(groups), seen: Mutex::default() }
    }

    pub(super) fn get(&self, uid: u32, gid: u32) -> Arc<Owner> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &seen.last
            && last.uid == uid
            && last.gid == gid
        {
            return Arc::clone(last);
        }
        let owner = Arc::clone(seen.all.entry((uid, gid)).or_insert_with(|| {
            Arc::new(Owner {
                uid,
                gid,
                user: self.users.get(&uid).cloned().unwrap_or_default(),
                group: self.groups.get(&gid).cloned().unwrap_or_default(),
            })
        }));
        seen.last = Some(Arc::clone(&owner));
        owner
    }
}

/// Numbers of users and groups by their names, as this system has them.
#[derive(Debug)]
pub(crate) struct Ids {
    users: HashMap<String, u32>,
    groups: HashMap<String, u32>,
}

impl Ids {
    pub(crate) fn of_system() -> Self {
        Ids::from_files(Path::new("/etc/passwd"), Path::new("/etc/group"))
    }

    fn from_files(users: &Path, groups: &Path) -> Self {
        Ids { users: numbers(users), groups: numbers(groups) }
    }

    /// The user an owner is here: the one of the same name, or else of the same number.
    pub(crate) fn user(&self, owner: &Owner) -> u32 {
        self.users.get(&owner.user).copied().unwrap_or(owner.uid)
    }

    /// The same of the group.
    pub(crate) fn group(&self, owner: &Owner) -> u32 {
        self.groups.get(&owner.group).copied().unwrap_or(owner.gid)
    }
}

/// Numbers and names of a file of lines `name:password:number:…`; empty when there is no such file.
fn names(path: &Path) -> HashMap<u32, String> {
    let mut found = HashMap::new();
    // Of several names for a number, the system's own look-up returns the first.
    for_each_line(path, |name, number| {
        found.entry(number).or_insert_with(|| name.to_owned());
    });
    found
}

/// The same by name; of several numbers for a name, the first.
fn numbers(path: &Path) -> HashMap<String, u32> {
    let mut found = HashMap::new();
    for_each_line(path, |name, number| {
        found.entry(name.to_owned()).or_insert(number);
    });
    found
}

fn for_each_line(path: &Path, mut line_found: impl FnMut(&str, u32)) {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_DATABASE).read_to_end(&mut bytes));
    if read.is_err() {
        return;
    }
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(number)) = (fields.next(), fields.next(), fields.next())
            && !name.is_empty()
            && !name.starts_with('#')
            && let Ok(number) = number.parse()
        {
            line_found(name, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_files_and_unknown_ids_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("passwd");
        let groups = folder.path().join("group");
        std::fs::write(
            &users,
            b"# all of us\nroot:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad\nw\xff:x:7:7\nme:x:1000:100::/:\n",
        )
        .unwrap();
        std::fs::write(&groups, "wheel:x:0:root\nx:y:not-a-number:\n\nusers:x:100:\n").unwrap();
        let owners = Owners::from_files(&users, &groups);
        let me = owners.get(1000, 100);
        assert_eq!((me.user.as_str(), me.group.as_str()), ("me", "users"));
        assert_eq!(owners.get(0, 0).user, "root");
        assert_eq!(*owners.get(7, 8), Owner::ids(7, 8));
        assert!(Arc::ptr_eq(&me, &owners.get(1000, 100)));

        let ids = Ids::from_files(&users, &groups);
        let owner =
            |user: &str, group: &str| Owner { user: user.to_owned(), group: group.to_owned(), ..Owner::ids(5, 6) };
        let of = |owner: &Owner| (ids.user(owner), ids.group(owner));
        assert_eq!(of(&owner("me", "users")), (1000, 100));
        assert_eq!(of(&owner("toor", "nobody-here")), (0, 6));
        assert_eq!(of(&owner("", "")), (5, 6), "no name is nobody's");
    }

    #[test]
    fn without_files_there_are_only_numbers() {
        let owners = Owners::from_files(Path::new("/nonexistent/passwd"), Path::new("/nonexistent/group"));
        assert_eq!(*owners.get(0, 0), Owner::ids(0, 0));
    }
}
