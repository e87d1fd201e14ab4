//! Links between the documents: every relative link of every Markdown file leads to something.

use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders that hold what others wrote or what a build made. Hidden folders are left out as well.
const FOREIGN: &[&str] = &["target", "node_modules", "venv"];

/// Checks the documents of the workspace. Each one counts as one test.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    check(workspace.root())
}

fn check(root: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for file in documents(root)? {
        let text = fs::read_to_string(root.join(&file)).with_context(|| format!("cannot read {}", file.display()))?;
        let mut faults = Vec::new();
        for (line, link) in links(&text) {
            if let Err(fault) = resolve(root, &file, &text, &link) {
                faults.push(format!("{}:{line}: {fault}", file.display()));
            }
        }
        outcome.tally += if faults.is_empty() { Tally::PASSED } else { Tally::FAILED };
        outcome.notes.extend(faults);
    }
    Ok(outcome)
}

/// The Markdown files, by their paths from the root.
fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut documents = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let listing = fs::read_dir(root.join(&folder))
            .with_context(|| format!("cannot list {}", root.join(&folder).display()))?;
        for entry in listing {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && !FOREIGN.contains(&name.as_ref()) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    Ok(documents)
}

/// Follows a link from a document; says what is wrong with it.
fn resolve(root: &Path, file: &Path, text: &str, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let own = path.is_empty();
    let place = if own {
        file.to_owned()
    } else {
        let path = decode(path);
        let from = match path.strip_prefix('/') {
            Some(_) => Path::new(""),
            None => file.parent().unwrap_or(Path::new("")),
        };
        normal(&from.join(path.trim_start_matches('/')))
            .ok_or_else(|| format!("`{link}` leads out of the repository"))?
    };
    if !root.join(&place).exists() {
        return Err(format!("`{link}` leads to {}, which is not there", place.display()));
    }
    if heading.is_empty() || place.extension().is_none_or(|extension| extension != "md") {
        return Ok(());
    }
    let there =
        if own { text.to_owned() } else { fs::read_to_string(root.join(&place)).map_err(|error| error.to_string())? };
    if anchors(&there).contains(&heading.to_owned()) {
        Ok(())
    } else {
        Err(format!("`{link}`: {} has no heading of that name", place.display()))
    }
}

/// The path without `.` and `..`, or nothing where it would leave its root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => normal.push(part),
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(normal)
}

/// Replaces `%20` and its kind.
fn decode(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The lines outside of code blocks, numbered from one, with code spans cut out.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((index + 1, without_code(line))),
            (Some(_), _) => {}
        }
        None
    })
}

fn without_code(line: &str) -> String {
    let mut parts = line.split('`');
    let mut text = parts.next().unwrap_or_default().to_owned();
    // Between two marks stands code; what follows a mark without a partner is text again.
    while let Some(code) = parts.next() {
        match parts.next() {
            Some(after) => text.push_str(after),
            None => text.push_str(code),
        }
    }
    text
}

/// The targets of all links, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let mut found: Vec<&str> = Vec::new();
        found.extend(line.split("](").skip(1).filter_map(|rest| target(rest, ')')));
        for attribute in ["src=\"", "href=\""] {
            found.extend(line.split(attribute).skip(1).filter_map(|rest| target(rest, '"')));
        }
        if line.starts_with('[')
            && let Some((_, rest)) = line.split_once("]: ")
        {
            found.extend(target(rest, ' '));
        }
        links.extend(found.into_iter().map(|link| (number, link.to_owned())));
    }
    links
}

/// The target at the start of `rest`: up to its end mark, or to the space before a title.
fn target(rest: &str, end: char) -> Option<&str> {
    let rest = rest.trim_start();
    let target = match rest.strip_prefix('<') {
        Some(rest) => rest.split('>').next()?,
        None => rest.split([end, ' ']).next()?,
    };
    (!target.is_empty()).then_some(target)
}

/// The anchors that a page of this text gets from its headings, the way code forges make them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fenced = !fenced;
        }
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let mut anchor = String::new();
        for letter in title.trim().chars() {
            match letter {
                ' ' => anchor.push('-'),
                '-' | '_' => anchor.push(letter),
                _ if letter.is_alphanumeric() => anchor.extend(letter.to_lowercase()),
                _ => {}
            }
        }
        let count = seen.entry(anchor.clone()).or_default();
        anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_only() {
        let text = "[a](docs/a.md) ![b](<b c.svg>) [c](c.md \"title\") `[no](no.md)`\n\
                    ```sh\n[no](no.md)\n```\n\
                    <img src=\"d.svg\" alt=\"\">\n[e]: e.md\n";
        let found: Vec<String> = links(text).into_iter().map(|(_, link)| link).collect();
        assert_eq!(found, ["docs/a.md", "b c.svg", "c.md", "d.svg", "e.md"]);
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# The house\n## `store`: packs & index\n```\n# no\n```\n## The house\n";
        assert_eq!(anchors(text), ["the-house", "store-packs--index", "the-house-1"]);
    }

    #[test]
    fn broken_links_are_told_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("docs/deep")).unwrap();
        fs::create_dir_all(root.join("target")).unwrap();
        fs::write(root.join("target/made.md"), "[x](nowhere.md)").unwrap();
        fs::write(root.join("docs/deep/b.md"), "# Top\n[up](../../README.md) [root](/docs/)").unwrap();
        fs::write(
            root.join("README.md"),
            "[b](docs/deep/b.md#top) [web](https://example.org/x)\n\n[gone](docs/gone.md)\n\
             [part](docs/deep/b.md#bottom) [out](../../elsewhere) [own](#nothing)",
        )
        .unwrap();
        let outcome = check(root).unwrap();
        assert_eq!(outcome.tally, Tally { passed: 1, failed: 1, skipped: 0 });
        assert_eq!(outcome.notes.len(), 4, "{:?}", outcome.notes);
        assert!(outcome.notes[0].starts_with("README.md:3: `docs/gone.md`"), "{:?}", outcome.notes);
    }

    #[test]
    fn encoded_names_are_decoded() {
        assert_eq!(decode("a%20b%2Fc%zz%"), "a b/c%zz%");
    }
}
