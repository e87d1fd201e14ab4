//! The file system source against real folders.
mod changing;
mod choosing;
mod content;
mod metadata;
mod walking;
use super::FileSource;
use crate::context::Context;
use crate::format::entry::Entry;
use crate::source::{EntrySource, SourceItem};
use std::path::Path;
/// Everything a source lists, without reading; fails on problems.
pub(super) fn listed(mut source: FileSource) -> Vec<Entry> {
    let ctx = Context::new();
    let mut entries = Vec::new();
    while let Some(item) = source.next(&ctx).unwrap() {
        match item {
            SourceItem::Entry(entry, _) => entries.push(entry),
            SourceItem::Problem(problem) => panic!("{problem}"),
            SourceItem::Link(entry, _) => panic!("{:?}", entry.path),
        }
    }
    assert!(entries.windows(2).all(|pair| pair[0].path < pair[1].path));
    entries
}
pub(super) fn names(source: FileSource) -> Vec<String> {
    listed(source).iter().map(|entry| entry.path.to_string()).collect()
}
/// Creates folders and files; a name that ends in `/` is a folder.
pub(super) fn tree(root: &Path, paths: &[&str]) {
    for path in paths {
        let full = root.join(path);
        if path.ends_with('/') {
            std::fs::create_dir_all(full).unwrap();
        } else {
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, path).unwrap();
        }
    }
}
