//! Where a server is, and which root certificate it is known by: one text, so that whoever keeps the address keeps the root.
//!
//! `https://portal.example`, or `https://192.0.2.7:8443/#root=` and the SHA-256 of the root's DER, 64 hex digits. What
//! follows a `#` is sent to nobody.

use std::fmt;
use std::str::FromStr;

use crate::encoding::Sha256;

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Where requests go, without a slash at its end.
    pub url: String,
    /// The one root that its certificate comes from; none: any root that the world knows.
    pub root: Option<Sha256>,
}

/// A text that is not the address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no address of a server")]
pub struct ParseServerAddressError;

impl FromStr for ServerAddress {
    type Err = ParseServerAddressError;

    fn from_str(text: &str) -> Result<Self, ParseServerAddressError> {
        let text = text.trim();
        let (url, root) = match text.split_once('#') {
            None => (text, None),
            // A root that was cut off or mistyped must not read as none: any certificate would do then.
            Some((url, after)) => (url, Some(root_in(after)?.ok_or(ParseServerAddressError)?)),
        };
        Ok(Self { url: url.trim_end_matches('/').to_owned(), root })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root {
            None => f.write_str(&self.url),
            Some(root) => write!(f, "{}/#{ROOT}{root}", self.url),
        }
    }
}

/// The root that is named after the `#` of a link, if one is. Parts that another version wrote are passed over.
pub(crate) fn root_in(after: &str) -> Result<Option<Sha256>, ParseServerAddressError> {
    let mut roots = after.split('&').filter_map(|part| part.strip_prefix(ROOT));
    match (roots.next(), roots.next()) {
        (None, _) => Ok(None),
        (Some(root), None) => root.parse().map(Some).map_err(|_| ParseServerAddressError),
        // Which of two holds would be a guess.
        (Some(_), Some(_)) => Err(ParseServerAddressError),
    }
}

/// Before the hash, after the `#`.
pub(crate) const ROOT: &str = "root=";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_as_it_was_written() {
        let root = Sha256::of(&[b"root"]);
        let known = ServerAddress { url: "https://192.0.2.7:8443/office".to_owned(), root: Some(root) };
        let plain = ServerAddress { url: "https://portal.example".to_owned(), root: None };

        assert_eq!(known.to_string(), format!("https://192.0.2.7:8443/office/#root={root}"));
        assert_eq!(known.to_string().parse(), Ok(known.clone()));
        assert_eq!(format!(" https://192.0.2.7:8443/office#later=1&root={root}\n").parse(), Ok(known));
        for text in ["https://portal.example", " https://portal.example//\n"] {
            assert_eq!(text.parse(), Ok(plain.clone()), "{text}");
        }
        assert_eq!(plain.to_string(), plain.url);
    }

    #[test]
    fn root_that_can_not_be_read_is_never_none() {
        let root = Sha256::of(&[b"root"]).to_string();
        let cut = root.strip_prefix(|_| true).unwrap();

        for after in
            ["", "root=", "K7QM-3RXT", "Root=0", cut, &format!("root={cut}"), &format!("root={root}0")]
        {
            let text = format!("https://portal.example/#{after}");
            assert_eq!(text.parse::<ServerAddress>(), Err(ParseServerAddressError), "{text}");
        }
        let two = format!("https://portal.example/#root={root}&root={root}");
        assert_eq!(two.parse::<ServerAddress>(), Err(ParseServerAddressError));
    }
}
