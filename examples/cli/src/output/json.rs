//! JSON for scripts: one object a line, each with its `type`. docs/cli.md describes them.

use super::units::rfc3339;
use crate::exit::Failure;
use serde_json::{Map, Value, json};
use std::time::Duration;
use strongroom::{Entry, EntryKind, Problem, Progress, Retry};

/// Puts a path into an object: `path`, decoded lossily, and, where something was lost, its bytes in hexadecimal as
/// `path_bytes`.
pub(crate) fn put_path(object: &mut Map<String, Value>, path: &[u8]) {
    put_bytes(object, "path", path);
}

/// As [`put_path`], under another name.
pub(crate) fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), text.into()),
        Err(_) => {
            object.insert(name.to_owned(), String::from_utf8_lossy(bytes).into());
            object.insert(format!("{name}_bytes"), hex(bytes).into())
        }
    };
}

/// Paths as a list of objects with `path` and, where needed, `path_bytes`.
pub(crate) fn paths(paths: &[Vec<u8>]) -> Value {
    let object = |path: &Vec<u8>| {
        let mut object = Map::new();
        put_path(&mut object, path);
        Value::Object(object)
    };
    paths.iter().map(object).collect()
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Seconds, with as many digits as milliseconds need.
pub(crate) fn seconds(time: Duration) -> Value {
    #[allow(clippy::cast_precision_loss)] // exact up to 285,000 years
    let seconds = time.as_millis() as f64 / 1000.0;
    seconds.into()
}

/// What an object begins with.
pub(crate) fn object(kind: &str) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".to_owned(), kind.into());
    object
}

/// Adds the fields of `more`, which is an object.
pub(crate) fn extend(object: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        object.extend(more);
    }
}

/// An object of this type with the fields of `fields`.
pub(crate) fn record(kind: &str, fields: Value) -> Value {
    let mut object = object(kind);
    extend(&mut object, fields);
    Value::Object(object)
}

pub(crate) fn warning(message: &str) -> Value {
    record("warning", json!({ "message": message }))
}

pub(crate) fn problem(problem: &Problem) -> Value {
    let mut fields = object("problem");
    put_path(&mut fields, &problem.path.to_os_bytes());
    extend(&mut fields, json!({ "reason": problem.reason.name(), "detail": problem.detail }));
    Value::Object(fields)
}

pub(crate) fn progress(progress: &Progress, total_entries: Option<u64>, total_bytes: Option<u64>) -> Value {
    record(
        "progress",
        json!({
            "phase": progress.phase.name(),
            "entries": progress.entries,
            "total_entries": total_entries,
            "bytes": progress.bytes,
            "total_bytes": total_bytes,
            "new_bytes": progress.new_bytes,
            "stored_bytes": progress.stored_bytes,
            "problems": progress.problems,
            "elapsed": seconds(progress.elapsed),
            "current": progress.current,
        }),
    )
}

pub(crate) fn failure(failure: &Failure) -> Value {
    let error = failure.error.as_deref();
    let retry_after = match error.map(strongroom::Error::retry) {
        Some(Retry::After(wait)) => seconds(wait),
        _ => Value::Null,
    };
    record(
        "error",
        json!({
            "kind": failure.kind_name(),
            "code": failure.code(),
            "operation": error.map(strongroom::Error::operation),
            "object": error.and_then(strongroom::Error::object_name),
            "message": failure.message,
            "hint": failure.hint,
            "retry_after": retry_after,
            "exit_code": failure.exit as u8,
        }),
    )
}

/// What a snapshot knows about a path.
pub(crate) fn entry(entry: &Entry) -> Map<String, Value> {
    let mut fields = Map::new();
    put_path(&mut fields, &entry.path.to_os_bytes());
    let metadata = &entry.metadata;
    extend(
        &mut fields,
        json!({
            "kind": entry.kind.name(),
            "mode": format!("{:04o}", metadata.mode & 0o7777),
            "uid": metadata.owner.uid,
            "gid": metadata.owner.gid,
            "user": metadata.owner.user,
            "group": metadata.owner.group,
            "size": entry.size,
            "modified": rfc3339(metadata.modified),
        }),
    );
    match &entry.kind {
        EntryKind::Symlink { target } => put_bytes(&mut fields, "target", target),
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            extend(&mut fields, json!({ "major": major, "minor": minor }));
        }
        _ => {}
    }
    if let Some(link) = metadata.hard_link {
        fields.insert("hard_link".to_owned(), format!("{:x}:{:x}", link.device, link.inode).into());
    }
    if !metadata.xattrs.is_empty() {
        let names = metadata.xattrs.iter().map(|xattr| String::from_utf8_lossy(&xattr.name));
        fields.insert("xattrs".to_owned(), names.collect::<Vec<_>>().into());
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use strongroom::{Error, ErrorKind};

    #[test]
    fn paths_that_are_not_utf_8_lose_nothing() {
        let mut fields = Map::new();
        put_path(&mut fields, b"a\xff");
        assert_eq!(Value::Object(fields), json!({ "path": "a\u{fffd}", "path_bytes": "61ff" }));
        assert_eq!(paths(&[b"/a".to_vec()]), json!([{ "path": "/a" }]));
    }

    #[test]
    fn errors_have_all_their_fields() {
        let error = Error::new(ErrorKind::Unavailable, "read the pack").object("packs/00");
        let value = failure(&error.into());
        assert_eq!(value["kind"], "unavailable");
        assert_eq!(value["code"], 14);
        assert_eq!(value["operation"], "read the pack");
        assert_eq!(value["object"], "packs/00");
        assert_eq!(value["retry_after"], 5.0);
        assert_eq!(value["exit_code"], Exit::Unavailable as u8);
        assert_eq!(value["type"], "error");
    }
}
