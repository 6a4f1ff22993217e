//! Which part of a file is asked for (RFC 9110 section 14), and whether the caller has it already (section 13). Pure.

use http::HeaderMap;
use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};

/// What to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The caller has it.
    NotModified,
    /// All of it.
    Whole,
    /// Bytes `from` up to and without `until`; not empty.
    Range { from: u64, until: u64 },
    /// Nothing lies there.
    Unsatisfiable,
}

/// Reads the conditions. What is not understood is ignored, as the RFC has it: several ranges, other units.
pub(super) fn part(headers: &HeaderMap, tag: &str, size_bytes: u64) -> Part {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    if text(IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(|one| matches(one.trim(), tag))) {
        return Part::NotModified;
    }
    // A weak tag or a date can not promise that the bytes are the same.
    if text(IF_RANGE).is_some_and(|condition| condition.trim() != tag) {
        return Part::Whole;
    }
    text(RANGE).and_then(|range| range_of(range, size_bytes)).unwrap_or(Part::Whole)
}

/// For `If-None-Match` a weak tag is as good as a strong one.
fn matches(given: &str, tag: &str) -> bool {
    given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag
}

fn range_of(text: &str, size_bytes: u64) -> Option<Part> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (from, until) = match (first.trim(), last.trim()) {
        ("", last) => (size_bytes.saturating_sub(number(last)?), size_bytes),
        (first, "") => (number(first)?, size_bytes),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(size_bytes))
        }
    };
    Some(if from < until { Part::Range { from, until } } else { Part::Unsatisfiable })
}

/// Digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"ab\"";

    fn asked(pairs: &[(http::HeaderName, &str)]) -> Part {
        let headers = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        part(&headers, TAG, 100)
    }

    #[test]
    fn one_range_is_understood_and_odd_ones_are_ignored() {
        let table = [
            ("bytes=0-0", Part::Range { from: 0, until: 1 }),
            ("bytes=10-", Part::Range { from: 10, until: 100 }),
            ("bytes=90-500", Part::Range { from: 90, until: 100 }),
            ("bytes=-7", Part::Range { from: 93, until: 100 }),
            ("bytes=-700", Part::Range { from: 0, until: 100 }),
            ("bytes=100-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=+1-5", Part::Whole),
            ("bytes=-", Part::Whole),
            ("lines=1-2", Part::Whole),
        ];
        for (text, expected) in table {
            assert_eq!(asked(&[(RANGE, text)]), expected, "{text}");
        }
        assert_eq!(part(&HeaderMap::new(), TAG, 0), Part::Whole);
    }

    #[test]
    fn conditions_are_asked_before_the_range() {
        let range = (RANGE, "bytes=0-0");

        assert_eq!(asked(&[(IF_NONE_MATCH, "\"x\", W/\"ab\""), range.clone()]), Part::NotModified);
        assert_eq!(asked(&[(IF_NONE_MATCH, "*")]), Part::NotModified);
        assert_eq!(asked(&[(IF_RANGE, TAG), range.clone()]), Part::Range { from: 0, until: 1 });
        assert_eq!(asked(&[(IF_RANGE, "W/\"ab\""), range.clone()]), Part::Whole);
        assert_eq!(asked(&[(IF_RANGE, "\"other\""), range]), Part::Whole);
    }
}
