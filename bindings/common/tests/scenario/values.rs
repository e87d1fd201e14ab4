//! What scenarios write down: bytes, content, text.

use serde_json::Value;

/// The bytes that an escaped text stands for.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        if *first == b'\\' {
            let digits = std::str::from_utf8(&after[1..3]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &after[3..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// The escaped text of some bytes.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'\\' => "\\x5c".to_owned(),
        32..=126 => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}

/// Escaped text in a step.
pub(crate) fn path(value: &Value) -> Vec<u8> {
    unescape(value.as_str().unwrap_or_default())
}

pub(crate) fn content(value: &Value) -> Vec<u8> {
    if let Some(text) = value["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(text) = value["escaped"].as_str() {
        return unescape(text);
    }
    let mut state = u32::try_from(value["random"].as_u64().expect("content")).unwrap();
    let step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(step).take(usize::try_from(value["length"].as_u64().unwrap()).unwrap()).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
