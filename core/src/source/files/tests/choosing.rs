//! What stands at the root, and what is left out.

use super::{names, tree};
use crate::context::Context;
use crate::error::ErrorKind;
use crate::format::entry::EntryKind;
use crate::problem::ProblemReason;
use crate::source::testing::{find, read_all};
use crate::source::{EntrySource, FileSource};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

fn failure(mut source: FileSource) -> crate::error::Error {
    source.next(&Context::new()).err().unwrap()
}

#[test]
fn one_folder_stands_at_the_root() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), &["a/b", "a.txt", "c/"]);
    assert_eq!(names(FileSource::new([folder.path()])), ["", "a", "a/b", "a.txt", "c"]);
    let with_detours = folder.path().join("a/.././/a/");
    assert_eq!(names(FileSource::new([with_detours])), ["", "b"]);
}

#[test]
fn one_file_stands_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), &["a/b", "a/c"]);
    let (seen, problems) = read_all(FileSource::new([folder.path().join("a/b")]));
    assert!(problems.is_empty());
    assert_eq!(seen.len(), 2);
    assert_eq!(find(&seen, "b").data, b"a/b");
    assert_eq!(find(&seen, "").entry.metadata.inode, Some(fs::metadata(folder.path().join("a")).unwrap().ino()));
}

#[test]
fn several_paths_are_named_from_the_deepest_common_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["x/a/b/c/1", "x/a/b/2", "x/a/3", "x/d/e/4", "x/f/5", "x/d.txt", "y"]);
    fs::set_permissions(root.join("x/a"), PermissionsExt::from_mode(0o711)).unwrap();
    let source = || FileSource::new(["x/d/e", "x/a/b/c", "x/d.txt", "x/a/3"].map(|path| root.join(path)));
    assert_eq!(names(source()), ["", "a", "a/3", "a/b", "a/b/c", "a/b/c/1", "d", "d/e", "d/e/4", "d.txt"]);
    let (seen, _) = read_all(source());
    assert_eq!(find(&seen, "a").entry.metadata.mode, 0o711);
    assert_eq!(find(&seen, "").entry.metadata.inode, Some(fs::metadata(root.join("x")).unwrap().ino()));
}

#[test]
fn paths_given_twice_or_inside_each_other_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["a/b/1", "a/2", "a.b/3"]);
    let given = |paths: &[&str]| FileSource::new(paths.iter().map(|path| root.join(path)).collect::<Vec<_>>());
    assert_eq!(names(given(&["a", "a/b", "a/b/1", "a"])), ["", "2", "b", "b/1"]);
    assert_eq!(names(given(&["a/b", "a.b", "a/b/1"])), ["", "a", "a/b", "a/b/1", "a.b", "a.b/3"]);
    let lineage = given(&["a.b", "a/b", "a.b", "a/b/1"]).lineage_paths();
    let expected = ["a.b", "a/b", "a/b/1"].map(|path| root.join(path).into_os_string().into_encoded_bytes());
    assert_eq!(lineage, expected);
}

#[test]
fn links_are_followed_only_where_they_were_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["real/inner/1", "real/2", "other"]);
    symlink("real", root.join("link")).unwrap();
    symlink("inner", root.join("real/deeper")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let given = |paths: &[&str]| FileSource::new(paths.iter().map(|path| root.join(path)).collect::<Vec<_>>());
    // The only path, and a link to a folder: its contents.
    assert_eq!(names(given(&["link"])), ["", "2", "deeper", "inner", "inner/1"]);
    // One of several, or not to a folder: the link.
    let (seen, _) = read_all(given(&["link", "other"]));
    assert_eq!(find(&seen, "link").entry.kind, EntryKind::Symlink { target: b"real".to_vec() });
    let (seen, _) = read_all(given(&["dangling"]));
    assert_eq!(find(&seen, "dangling").entry.kind, EntryKind::Symlink { target: b"nowhere".to_vec() });
    // On the way to a given path: the folder, under the name it was called by.
    assert_eq!(names(given(&["link/inner", "other"])), ["", "link", "link/inner", "link/inner/1", "other"]);
    // A given link with another given path behind it.
    let all = names(given(&["link", "link/2", "other"]));
    assert_eq!(all, ["", "link", "link/2", "link/deeper", "link/inner", "link/inner/1", "other"]);
}

#[test]
fn a_missing_path_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path(), &["file"]);
    for path in ["absent", "file/below", "../absent-too"] {
        let error = failure(FileSource::new([folder.path().to_owned(), folder.path().join(path)]));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let last = PathBuf::from(path);
        let last = last.file_name().unwrap().to_str().unwrap();
        assert!(error.object_name().unwrap().ends_with(last), "{error}");
    }
    assert_eq!(failure(FileSource::new(Vec::<PathBuf>::new())).kind(), ErrorKind::InvalidArgument);
    assert_eq!(failure(FileSource::new([""])).kind(), ErrorKind::InvalidArgument);
}

#[test]
fn patterns_follow_gitignore() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(
        root,
        &["a.o", "keep.o", "src/b.o", "src/keep.o", "build/x", "src/build/y", "cache/1", "src/cache", "deep/a/b/c"],
    );
    let source = || FileSource::new([root]);
    let listed = |source| names(source).into_iter().filter(|path| !path.is_empty()).collect::<Vec<_>>();
    let patterns = source().exclude("*.o").exclude("!keep.o").exclude("/build").exclude("cache/").exclude("deep/**/c");
    assert_eq!(
        listed(patterns),
        ["deep", "deep/a", "deep/a/b", "keep.o", "src", "src/build", "src/build/y", "src/cache", "src/keep.o"]
    );
    // What is below an excluded folder cannot be taken back in; what is below a kept one can.
    assert!(!listed(source().exclude("build").exclude("!build/x")).contains(&"build/x".to_owned()));
    assert!(listed(source().exclude("/build/*").exclude("!/build/x")).contains(&"build/x".to_owned()));
    // All but one.
    assert_eq!(listed(source().exclude("/*").exclude("!/cache")), ["cache", "cache/1"]);
}

#[test]
fn patterns_apply_to_given_paths_but_not_to_the_way_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["way/a.o", "way/b", "c.o", "d/e.o", "d/f"]);
    let source = FileSource::new(["way/a.o", "way/b", "c.o", "d"].map(|path| root.join(path)));
    assert_eq!(names(source.exclude("*.o").exclude("way")), ["", "d", "d/f", "way", "way/b"]);
}

#[test]
fn pattern_files_and_what_can_be_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["tree/a.tmp", "tree/b.log", "tree/keep.log"]);
    let patterns = root.join("patterns");
    fs::write(&patterns, "\u{feff}*.tmp\r\n\n# a remark\n*.log\n!keep.log").unwrap();
    let source = || FileSource::new([root.join("tree")]);
    assert_eq!(names(source().exclude_file(&patterns)), ["", "keep.log"]);
    // Later ones win, whether they come from a file or not.
    assert_eq!(names(source().exclude_file(&patterns).exclude("!a.tmp")), ["", "a.tmp", "keep.log"]);
    assert_eq!(names(source().exclude("!a.tmp").exclude_file(&patterns)), ["", "keep.log"]);

    assert_eq!(failure(source().exclude_file(root.join("absent"))).kind(), ErrorKind::NotFound);
    fs::write(&patterns, "fine\n{unclosed\n").unwrap();
    let error = failure(source().exclude_file(&patterns));
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("line 2"), "{error}");
    let error = failure(source().exclude("{unclosed"));
    assert_eq!((error.kind(), error.object_name()), (ErrorKind::InvalidArgument, Some("{unclosed")));
}

#[test]
fn ignore_files_apply_to_their_folder_and_below() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["a.log", "x/a.log", "x/b.tmp", "x/y/a.log", "x/y/b.tmp", "x/y/c", "x/z/a.log", "x/z/top", "top"]);
    fs::write(root.join(".ignore"), "*.log\n").unwrap();
    fs::write(root.join("x/.ignore"), "*.tmp\n/y/c\n/top\n").unwrap();
    fs::write(root.join("x/y/.ignore"), "!a.log\n").unwrap();
    assert_eq!(
        names(FileSource::new([root]).ignore_files(".ignore")),
        ["", ".ignore", "top", "x", "x/.ignore", "x/y", "x/y/.ignore", "x/y/a.log", "x/z", "x/z/top"]
    );
    // The backup's own patterns come first.
    let with_own = names(FileSource::new([root]).ignore_files(".ignore").exclude("!b.tmp").exclude(".ignore"));
    assert_eq!(with_own, ["", "top", "x", "x/b.tmp", "x/y", "x/y/a.log", "x/y/b.tmp", "x/z", "x/z/top"]);
    assert_eq!(names(FileSource::new([root])).len(), 16);
}

#[test]
fn ignore_files_that_cannot_be_used_are_named_and_exclude_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["a/1", "b/1", "c/.ignore/1"]);
    fs::write(root.join("a/.ignore"), b"{unclosed\n\xff\n1\n").unwrap();
    symlink("/etc/passwd", root.join("b/.ignore")).unwrap();
    let (seen, problems) = read_all(FileSource::new([root]).ignore_files(".ignore"));
    for path in ["b/1", "b/.ignore", "c/.ignore/1", "a/.ignore"] {
        find(&seen, path);
    }
    // The line that can be understood is applied.
    assert!(!seen.iter().any(|one| one.entry.path.to_string() == "a/1"));
    let named: Vec<_> = problems.iter().map(|problem| (problem.path.to_string(), problem.reason)).collect();
    assert_eq!(
        named,
        [
            ("a/.ignore".to_owned(), ProblemReason::Unsupported),
            ("a/.ignore".to_owned(), ProblemReason::Unsupported),
            ("b/.ignore".to_owned(), ProblemReason::Unreadable),
            ("c/.ignore".to_owned(), ProblemReason::Unreadable),
        ]
    );
}

#[test]
fn marked_folders_keep_only_themselves_and_their_mark() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    tree(root, &["cache/1", "cache/sub/2", "fake/1", "short/1", "no/.nobackup", "no/1", "no/2", "pipe/1"]);
    let signature = "Signature: 8a477f597d28d172789f06886806bc55";
    fs::write(root.join("cache/CACHEDIR.TAG"), format!("{signature}\n# a cache")).unwrap();
    fs::write(root.join("fake/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc56").unwrap();
    fs::write(root.join("short/CACHEDIR.TAG"), "Signature: 8a477f").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe/CACHEDIR.TAG"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let source = FileSource::new([root]).exclude_caches(true).exclude_if_present(".nobackup");
    let expected = [
        "",
        "cache",
        "cache/CACHEDIR.TAG",
        "fake",
        "fake/1",
        "fake/CACHEDIR.TAG",
        "no",
        "no/.nobackup",
        "pipe",
        "pipe/1",
        "pipe/CACHEDIR.TAG",
        "short",
        "short/1",
        "short/CACHEDIR.TAG",
    ];
    assert_eq!(names(source), expected);
    // What was asked for by its own path is kept whole.
    assert_eq!(names(FileSource::new([root.join("cache")]).exclude_caches(true)).len(), 5);
    assert_eq!(names(FileSource::new([root.join("cache"), root.join("no")]).exclude_caches(true)).len(), 10);
}

#[test]
fn large_files_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small"), [0; 100]).unwrap();
    fs::write(folder.path().join("large"), [0; 101]).unwrap();
    fs::create_dir(folder.path().join("z")).unwrap();
    assert_eq!(names(FileSource::new([folder.path()]).max_file_size(100)), ["", "small", "z"]);
}
