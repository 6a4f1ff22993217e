//! How a browser takes a file: under which name, and as a type that it does not run (R38). Pure.

use portico_wire::file::disk_name;

/// `Content-Disposition` of a file (RFC 6266): a name of ASCII, and the whole one in UTF-8 (RFC 8187).
pub(super) fn disposition(name: &str) -> String {
    let name = disk_name(name);
    let ascii: String = name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// What a quoted string holds as it is; a percent sign would be taken for an escape by some browsers.
const fn is_plain(letter: char) -> bool {
    matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\' | '%')
}

/// The type that is told to a browser: the recorded one, but none that it would run.
pub(super) fn served_type(media_type: &str) -> &str {
    let lower = media_type.to_ascii_lowercase();
    let runs = ["html", "xml", "svg", "script", "wasm", "xsl", "flash", "java"];
    if runs.iter().any(|word| lower.contains(word)) && !lower.contains("openxml") {
        return "application/octet-stream";
    }
    media_type
}

#[cfg(test)]
mod tests {
    use super::*;

    // R38
    #[test]
    fn name_travels_in_ascii_and_whole() {
        let table = [
            ("Vertrag.pdf", "attachment; filename=\"Vertrag.pdf\"; filename*=UTF-8''Vertrag.pdf"),
            (
                "a \u{F6}%\r\n.txt",
                "attachment; filename=\"a ____.txt\"; filename*=UTF-8''a%20%C3%B6%25__.txt",
            ),
            ("\u{5951}.docx", "attachment; filename=\"_.docx\"; filename*=UTF-8''%E5%A5%91.docx"),
            ("../x\"; y", "attachment; filename=\"_x_; y\"; filename*=UTF-8''_x_%3B%20y"),
        ];
        for (name, expected) in table {
            assert_eq!(disposition(name), expected);
        }
    }

    // R38
    #[test]
    fn type_that_a_browser_runs_is_not_told() {
        let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        for kept in ["image/png", "application/pdf", "text/plain", word] {
            assert_eq!(served_type(kept), kept);
        }
        for runs in ["text/html", "image/svg+xml", "text/xml", "application/xhtml+xml", "text/javascript"] {
            assert_eq!(served_type(runs), "application/octet-stream", "{runs}");
        }
    }
}
