//! Encoders of credentials, written for the tests and independent of the crate.

/// A name, and a function from a credential to an encoded text.
pub(super) type Encoder = (&'static str, fn(&str) -> String);

pub(super) const ENCODERS: [Encoder; 25] = [
    ("as it is", str::to_owned),
    ("HTML, named", html_named),
    ("HTML, decimal", |text| text.chars().map(|c| format!("&#{};", u32::from(c))).collect()),
    ("HTML, hex", |text| text.chars().map(|c| format!("&#x{:X};", u32::from(c))).collect()),
    ("percent", |text| percent(text, |_| true, true)),
    ("percent, lowercase", |text| percent(text, |_| true, false)),
    ("percent, partly", |text| percent(text, |byte| !byte.is_ascii_alphanumeric(), true)),
    ("percent, twice", |text| percent(&percent(text, |_| true, true), |byte| byte == b'%', true)),
    ("form", |text| percent(text, |byte| !byte.is_ascii_alphanumeric(), true).replace("%20", "+")),
    ("HTML of percent", |text| percent(text, |_| true, true).replace('%', "&#37;")),
    ("JSON", |text| {
        let json = serde_json::to_string(text).unwrap();
        json[1..json.len() - 1].replace('/', "\\/")
    }),
    ("JSON, twice", |text| {
        let once = serde_json::to_string(text).unwrap();
        serde_json::to_string(&once).unwrap()
    }),
    ("JSON, code units", |text| text.encode_utf16().map(|u| format!("\\u{u:04x}")).collect()),
    ("Rust", |text| format!("{text:?}")),
    ("Rust, code points", |text| text.escape_unicode().to_string()),
    ("Python", |text| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))),
    ("hex escapes", |text| text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()),
    ("octal escapes", |text| text.bytes().map(|byte| format!("\\{byte:03o}")).collect()),
    ("hex", |text| text.bytes().map(|byte| format!("{byte:02x}")).collect()),
    ("hex, uppercase", |text| text.bytes().map(|byte| format!("{byte:02X}")).collect()),
    ("bytes", |text| format!("{:?}", text.as_bytes())),
    ("uppercase", str::to_uppercase),
    ("lowercase", str::to_lowercase),
    ("blanks inserted", |text| text.chars().map(|c| format!("{c} ")).collect()),
    ("line break", |text| {
        let middle = text.chars().count() / 2;
        let first: String = text.chars().take(middle).collect();
        let second: String = text.chars().skip(middle).collect();
        format!("{first}\r\n\t{second}")
    }),
];

fn html_named(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}

fn percent(text: &str, is_encoded: impl Fn(u8) -> bool, is_upper: bool) -> String {
    let mut encoded = Vec::new();
    for byte in text.bytes() {
        if !is_encoded(byte) {
            encoded.push(byte);
        } else if is_upper {
            encoded.extend(format!("%{byte:02X}").bytes());
        } else {
            encoded.extend(format!("%{byte:02x}").bytes());
        }
    }
    String::from_utf8(encoded).unwrap()
}

/// Base64 of a text after some other bytes, without the characters that the others share.
pub(super) fn base64(before: &str, text: &str, after: &str, is_url_safe: bool) -> (String, String) {
    let alphabet: &[u8; 64] = if is_url_safe {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    };
    let bytes = [before, text, after].concat().into_bytes();
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().enumerate().fold(0, |bits, (i, b)| bits | u32::from(*b) << (16 - 8 * i));
        for i in 0..=chunk.len() {
            encoded.push(char::from(alphabet[(bits >> (18 - 6 * i) & 63) as usize]));
        }
    }
    let start = (before.len() * 8).div_ceil(6);
    let end = (before.len() + text.len()) * 8 / 6;
    let own = encoded[start..end].to_owned();
    while !is_url_safe && !encoded.len().is_multiple_of(4) {
        encoded.push('=');
    }
    (encoded, own)
}

#[test]
fn encoders_return_what_their_names_say() {
    let encoded = |name: &str| {
        let (_, encode) = ENCODERS.iter().find(|(own, _)| *own == name).unwrap();
        encode("a/'<\u{fc} B")
    };
    assert_eq!(encoded("HTML, named"), "a/&apos;&lt;\u{fc} B");
    assert_eq!(encoded("form"), "a%2F%27%3C%C3%BC+B");
    assert_eq!(encoded("percent, twice"), "%2561%252F%2527%253C%25C3%25BC%2520%2542");
    assert_eq!(encoded("JSON"), "a\\/'<\u{fc} B");
    assert_eq!(encoded("JSON, code units"), "\\u0061\\u002f\\u0027\\u003c\\u00fc\\u0020\\u0042");
    assert_eq!(encoded("Python"), "'a/\\'<\u{fc} B'");
    assert_eq!(encoded("octal escapes"), "\\141\\057\\047\\074\\303\\274\\040\\102");
    assert_eq!(encoded("bytes"), "[97, 47, 39, 60, 195, 188, 32, 66]");
    let (basic, own) = base64("id:", "hunter-two-pass", "", false);
    assert_eq!(
        (basic.as_str(), own.as_str()),
        ("aWQ6aHVudGVyLXR3by1wYXNz", "aHVudGVyLXR3by1wYXNz")
    );
    assert_eq!(base64("ab", "c", "d", false).0, "YWJjZA==");
}
