//! A file as it is named and typed: the name a screen shows, the name a disk may hold, the type its bytes tell (R38).

use crate::limits::FILE_NAME_BYTES_MAX;
use crate::refusal::{Refusal, RefusalCode};

/// Whether `name` can travel. It is kept as it is, whatever it looks like; an empty one is a file without a name.
///
/// # Errors
/// `file_name_too_long` with both numbers in bytes, `file_name_has_nul`.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    if name.len() > FILE_NAME_BYTES_MAX {
        return Err(Refusal::over(
            RefusalCode::FileNameTooLong,
            FILE_NAME_BYTES_MAX as u64,
            name.len() as u64,
        ));
    }
    if name.contains('\0') {
        return Err(Refusal::of(RefusalCode::FileNameHasNul));
    }
    Ok(())
}

/// How many bytes at a file's beginning its type is read from.
pub const TYPE_BYTES: usize = 8_192;

/// The media type that a file's first [`TYPE_BYTES`] tell; `text/plain` where they are valid UTF-8 without control
/// characters, else `application/octet-stream`. Its name is not asked: that may lie.
#[must_use]
pub fn media_type(head: &[u8]) -> &'static str {
    let head = head.get(..TYPE_BYTES).unwrap_or(head);
    match infer::get(head) {
        Some(kind) => kind.mime_type(),
        None if is_text(head) => "text/plain",
        None => "application/octet-stream",
    }
}

/// A cut inside a character at the end is no fault; anything else that is not UTF-8 is.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(fault) if fault.error_len().is_none() => {
            let valid = head.get(..fault.valid_up_to()).unwrap_or(&[]);
            std::str::from_utf8(valid).unwrap_or("")
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|letter| letter.is_control() && !"\t\n\r\u{C}".contains(letter))
}

/// Longest name on a disk: ext4, APFS and NTFS take 255 bytes or units; room is left for a number before the end.
const DISK_NAME_BYTES_MAX: usize = 200;

/// A name that every disk takes and that names nothing but a file of this folder (R38).
///
/// Without path separators, control characters, marks that turn the reading direction, characters that Windows
/// refuses, names that it reserves, dots and blanks at either end; cut between characters to 200 bytes, its ending
/// kept. A name of which nothing is left is `file`.
#[must_use]
pub fn disk_name(name: &str) -> String {
    let kept: String = name.chars().map(|letter| if is_hostile(letter) { '_' } else { letter }).collect();
    let trimmed = kept.trim_matches(|letter: char| letter == '.' || letter.is_whitespace());
    if trimmed.chars().all(|letter| letter == '_') {
        return "file".to_owned();
    }
    let cut = cut(trimmed);
    if is_reserved(&cut) { format!("_{cut}") } else { cut }
}

fn is_hostile(letter: char) -> bool {
    let turns = matches!(letter, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns || "/\\:*?\"<>|\u{2028}\u{2029}\u{FEFF}".contains(letter)
}

fn cut(name: &str) -> String {
    if name.len() <= DISK_NAME_BYTES_MAX {
        return name.to_owned();
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| ending.len() <= 16);
    let ending = ending.map(|ending| format!(".{ending}")).unwrap_or_default();
    let mut stem = String::new();
    for letter in name.chars() {
        if stem.len() + letter.len_utf8() + ending.len() > DISK_NAME_BYTES_MAX {
            break;
        }
        stem.push(letter);
    }
    stem.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace()).to_owned() + &ending
}

/// Device names of Windows, with or without an ending (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            rest.chars().count() == 1
                && rest.contains(|digit: char| "0123456789\u{B9}\u{B2}\u{B3}".contains(digit))
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    // R38
    #[test]
    fn hostile_names_become_harmless_ones_on_disk() {
        let table = [
            ("Vertrag.pdf", "Vertrag.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("C:\\boot.ini", "C__boot.ini"),
            ("a\0b\nc.txt", "a_b_c.txt"),
            ("invoice\u{202E}fdp.exe", "invoice_fdp.exe"),
            (" .hidden. ", "hidden"),
            ("", "file"),
            ("..", "file"),
            ("///", "file"),
            ("con", "_con"),
            ("LPT1.txt", "_LPT1.txt"),
            ("\u{1F469}\u{200D}\u{2695}\u{FE0F}.jpg", "\u{1F469}\u{200D}\u{2695}\u{FE0F}.jpg"),
            ("\u{5951}\u{7D04}\u{66F8}.docx", "\u{5951}\u{7D04}\u{66F8}.docx"),
        ];
        for (given, on_disk) in table {
            assert_eq!(disk_name(given), on_disk, "{given:?}");
        }
        let long = disk_name(&("\u{1F4C4}".repeat(100) + ".jpeg"));
        assert!(long.len() <= 200 && long.ends_with("\u{1F4C4}.jpeg"), "{long}");
    }

    // R38
    #[test]
    fn type_is_told_by_bytes_never_by_the_name() {
        let table: [(&[u8], &str); 7] = [
            (b"%PDF-1.7\n", "application/pdf"),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF", "image/jpeg"),
            (b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "image/png"),
            ("Sehr geehrte Frau \u{D6}zt\u{FC}rk".as_bytes(), "text/plain"),
            (b"caf\xC3", "text/plain"),
            (b"\x00\x01\x02", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ];
        for (head, expected) in table {
            assert_eq!(media_type(head), expected, "{head:?}");
        }
    }

    // R13, R38
    #[test]
    fn name_is_kept_or_refused_with_numbers() {
        assert_eq!(check_name("../a\u{202E}b"), Ok(()));
        assert_eq!(check_name(""), Ok(()));
        assert_eq!(check_name(&"\u{1F4C4}".repeat(256)), Ok(()));
        let long = "x".repeat(1_025);
        assert_eq!(check_name(&long), Err(Refusal::over(RefusalCode::FileNameTooLong, 1_024, 1_025)));
        assert_eq!(check_name("a\0"), Err(Refusal::of(RefusalCode::FileNameHasNul)));
    }
}
