//! Ids, hashes and bytes as strings. What is no id names nothing that this phone holds.

use portico_core::PortalError;
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::ids::{
    AttachmentId, ChallengeId, ConversationId, DeviceId, DocumentId, EntryId, Epoch, FirmId, MatterId,
    PersonId, SendKey,
};

macro_rules! ids_as_strings {
    ($($name:ident)*) => {$(
        uniffi::custom_type!($name, String, {
            remote,
            lower: |id| id.to_string(),
            try_lift: |text| text.parse().map_err(|_| PortalError::NotHere.into()),
        });
    )*};
}

ids_as_strings!(AttachmentId ChallengeId ConversationId DeviceId DocumentId EntryId Epoch FirmId MatterId PersonId SendKey);

uniffi::custom_type!(Sha256, String, {
    remote,
    lower: |hash| hash.to_string(),
    try_lift: |text| text.parse().map_err(|_| PortalError::NotHere.into()),
});

uniffi::custom_type!(Base64, String, {
    remote,
    lower: |bytes| bytes.to_string(),
    try_lift: |text| text.parse().map_err(|_| PortalError::NotHere.into()),
});
