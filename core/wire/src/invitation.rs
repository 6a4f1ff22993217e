//! Invitations: a link, or the QR code of it, that names the server and stands for an address, so that nobody types either.
//!
//! It proves nothing by itself: whoever follows it is mailed a code like everybody, at the address that was invited. Of a
//! server with a root certificate of its own it names the root too, so that a phone knows the server when it meets it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::crockford;
use crate::server_address::{ROOT, ServerAddress, root_in};

/// Between the server's address and the code. What follows a `#` stays on the phone: no server or proxy logs it.
const PATH: &str = "/invitation#";

/// Who is invited where. `Debug` shows the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The server.
    pub server: ServerAddress,
    /// What stands for the person's address.
    pub code: InvitationCode,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation({})", self.server.url)
    }
}

crockford::code! {
    /// What an invitation says of the person: 120 random bits. `Debug` hides it.
    InvitationCode: 15 bytes, 24 letters, ParseInvitationError
}

/// A text that is not the link of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no invitation")]
pub struct ParseInvitationError;

impl Invitation {
    /// The link.
    #[must_use]
    pub fn link(&self) -> String {
        let root = self.server.root.map(|root| format!("&{ROOT}{root}")).unwrap_or_default();
        format!("{}{PATH}{}{root}", self.server.url, self.code.shown())
    }

    /// Reads a link, as it was tapped, scanned or pasted.
    ///
    /// # Errors
    /// [`ParseInvitationError`].
    pub fn parse(link: &str) -> Result<Self, ParseInvitationError> {
        let (url, after) = link.trim().split_once(PATH).ok_or(ParseInvitationError)?;
        let code = InvitationCode::parse(after.split('&').next().unwrap_or_default())?;
        let root = root_in(after).map_err(|_| ParseInvitationError)?;
        Ok(Self { server: ServerAddress { url: url.trim_end_matches('/').to_owned(), root }, code })
    }
}

/// The body of `POST /v1/sign-in/invited`. The answer is the same for any code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BeginInvited {
    /// The letters of the invitation.
    pub invitation: String,
}

impl fmt::Debug for BeginInvited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BeginInvited")
    }
}

/// The answer of `POST /v1/people/{id}/invitation`: it is on its way by mail; the link is here too, for a QR code on a desk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invited {
    /// The link.
    pub link: String,
    /// Until when it works, UTC milliseconds.
    pub expires_at_ms: i64,
}

impl fmt::Debug for Invited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invited(until {})", self.expires_at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Sha256;

    #[test]
    fn link_goes_by_mail_and_comes_back() {
        let code = InvitationCode::from_random([7; 15]);
        let url = "https://portal.example:8443/office".to_owned();
        let invitation = Invitation { server: ServerAddress { url, root: None }, code };

        let link = invitation.link();

        assert_eq!(Invitation::parse(&format!(" {}\n", link.to_lowercase())), Ok(invitation.clone()));
        assert_eq!(format!("{invitation:?}"), "Invitation(https://portal.example:8443/office)");
        let cut = link.trim_end_matches(char::is_alphanumeric);
        for text in ["", "https://portal.example", "https://portal.example/invitation#", cut] {
            assert_eq!(Invitation::parse(text), Err(ParseInvitationError), "{text}");
        }
    }

    #[test]
    fn link_of_a_server_with_its_own_root_names_the_root() {
        let root = Sha256::of(&[b"root"]);
        let server = ServerAddress { url: "https://192.0.2.7:8443".to_owned(), root: Some(root) };
        let invitation = Invitation { server, code: InvitationCode::from_random([7; 15]) };

        let link = invitation.link();

        assert!(link.ends_with(&format!("&root={root}")), "{link}");
        assert_eq!(Invitation::parse(&link.to_lowercase()), Ok(invitation.clone()));
        assert_eq!(Invitation::parse(&format!("{link}&later=1")), Ok(invitation.clone()));
        let cut = link.strip_suffix(|_| true).unwrap();
        let nobody = link.replace(&invitation.code.shown(), "");
        for text in [cut, &nobody, &format!("https://192.0.2.7:8443/#root={root}")] {
            assert_eq!(Invitation::parse(text), Err(ParseInvitationError), "{text}");
        }
    }
}
