//! Text on a terminal: names that cannot do harm there, and their width.

use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

/// A name as it can be shown: what is not UTF-8 and what would move the cursor, change colours or reorder the
/// line is written as an escape.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                _ if is_unsafe(character) => {
                    let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
                }
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A message that is shown as it is, except for what would control the terminal. Line breaks stay.
pub(crate) fn message(text: &str) -> String {
    text.chars().map(|character| if character != '\n' && is_unsafe(character) { '?' } else { character }).collect()
}

/// Control characters, and the marks that change the direction of writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Columns that text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// Cuts the middle out of a text that is wider than `columns`.
pub(crate) fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns < 2 {
        return "…".repeat(columns);
    }
    // The end of a path says more than its beginning.
    let tail_room = (columns - 1) * 2 / 3;
    let head_room = columns - 1 - tail_room;
    let take = |characters: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let mut taken = Vec::new();
        for character in characters {
            used += character.width().unwrap_or(0);
            if used > room {
                break;
            }
            taken.push(character);
        }
        taken
    };
    let head = take(&mut text.chars(), head_room);
    let tail = take(&mut text.chars().rev(), tail_room);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_control_a_terminal() {
        assert_eq!(printable(b"plain name.txt"), "plain name.txt");
        assert_eq!(printable("grün".as_bytes()), "grün");
        assert_eq!(printable(b"a\x1b[2Jb\nc\\d"), "a\\u{1b}[2Jb\\nc\\\\d");
        assert_eq!(printable(b"\xff\xfe."), "\\xff\\xfe.");
        assert_eq!(printable("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(message("a\u{1b}[1m\nb"), "a?[1m\nb");
    }

    #[test]
    fn long_paths_lose_their_middle() {
        assert_eq!(shorten("short", 10), "short");
        let shown = shorten("a/very/long/path/to/some/file.txt", 16);
        assert_eq!(width(&shown), 16);
        assert!(shown.starts_with("a/ver") && shown.ends_with("/file.txt"), "{shown}");
        assert!(width(&shorten("日本語日本語日本語", 7)) <= 7);
        assert_eq!(shorten("abc", 1), "…");
    }
}
