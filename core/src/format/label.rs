//! Short texts that people give to keys and devices, and that are shown to them again.

/// Longest label or device name in bytes.
pub(crate) const MAX_LENGTH: usize = 128;

/// The sentence on what is wrong with a label, if something is.
///
/// Labels come back from storage and are shown in terminals, so none may hold control characters.
pub(crate) fn fault(label: &str) -> Option<&'static str> {
    if label.len() > MAX_LENGTH {
        Some("a label is longer than 128 bytes")
    } else if label.chars().any(char::is_control) {
        Some("a label has control characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn long_labels_and_escape_sequences_are_refused() {
        assert_eq!(super::fault("Kim's phone ✓"), None);
        assert!(super::fault("\u{1b}[2J").is_some());
        assert!(super::fault(&"é".repeat(64)).is_none());
        assert!(super::fault(&"é".repeat(65)).is_some());
    }
}
