//! Devices and their access tokens. A device is bound to one person at one firm; its session key proves it.

use portico_wire::encoding::Sha256;
use portico_wire::ids::{DeviceId, FirmId, PersonId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::row;
use super::store::{Store, StoreError};
use super::writer::Write;
use crate::access::Membership;

/// An access token lives this long: a stolen one is worth little, and a refresh costs two requests.
const ACCESS_TOKEN_MS: i64 = 10 * 60 * 1000;

/// Somebody who proved themselves counts as there for this long.
pub(super) const STEP_UP_MS: i64 = 5 * 60 * 1000;
/// A device that was wiped stays in the list for this long.
const WIPED_LISTED_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Who a request comes from, once its token is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// At which firm.
    pub firm_id: FirmId,
    /// Who.
    pub person_id: PersonId,
    /// On which device.
    pub device_id: DeviceId,
    /// Whether they still belong to the firm.
    pub membership: Membership,
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Nothing: it is unknown or over. A refresh helps.
    Expired,
    /// Nothing: its device is signed out.
    SignedOut,
    /// The caller's things.
    Admitted(Caller),
}

/// One of a person's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Which.
    pub device_id: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// When it signed in, UTC milliseconds.
    pub signed_in_at_ms: i64,
    /// Since when it is to be wiped, UTC milliseconds.
    pub wiped_at_ms: Option<i64>,
    /// When it heard so, UTC milliseconds; it wipes itself before anything else.
    pub wipe_told_at_ms: Option<i64>,
}

/// What a refresh is checked against.
#[derive(Debug)]
pub(crate) struct RefreshRow {
    pub(crate) public_key: Vec<u8>,
    pub(crate) last_nonce_ms: i64,
    /// It is to wipe itself.
    pub(crate) wiped: bool,
}

/// A fresh token, shown once: the database keeps its hash.
#[derive(Clone)]
pub(crate) struct FreshToken {
    pub(crate) token: [u8; 32],
    pub(crate) expires_at_ms: i64,
}

impl Store {
    /// Who `token` is.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn admit(&self, token: Vec<u8>, now_ms: i64) -> Result<Admission, StoreError> {
        self.read(move |tx| {
            let found = tx
                .prepare_cached(
                    "SELECT d.firm_id, d.person_id, d.device_id, d.signed_out_at_ms IS NOT NULL,
                            m.ended_at_ms IS NOT NULL
                     FROM access_tokens AS t
                     JOIN devices AS d ON d.firm_id = t.firm_id AND d.device_id = t.device_id
                     JOIN memberships AS m ON m.firm_id = d.firm_id AND m.person_id = d.person_id
                     WHERE t.token_hash = ?1 AND t.expires_at_ms > ?2",
                )?
                .query_row(params![Sha256::of(&[&token]).as_bytes(), now_ms], |row| {
                    let caller = Caller {
                        firm_id: row::id(row, 0, FirmId::from_bytes)?,
                        person_id: row::id(row, 1, PersonId::from_bytes)?,
                        device_id: row::id(row, 2, DeviceId::from_bytes)?,
                        membership: if row.get(4)? { Membership::Ended } else { Membership::Current },
                    };
                    Ok(if row.get(3)? { Admission::SignedOut } else { Admission::Admitted(caller) })
                })
                .optional()?;
            Ok(found.unwrap_or(Admission::Expired))
        })
        .await
    }

    /// What a refresh of `device` is checked against; none where it is unknown or signed out. Whoever has left the firm goes
    /// on hearing what became of their sends, and nothing else.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn refresh_row(&self, device: DeviceId) -> Result<Option<RefreshRow>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT public_key, max(last_nonce_ms, last_presence_ms), wiped_at_ms IS NOT NULL FROM devices
                 WHERE device_id = ?1 AND (signed_out_at_ms IS NULL OR wiped_at_ms IS NOT NULL)",
            )?
            .query_row(params![device.as_bytes()], |row| {
                Ok(RefreshRow { public_key: row.get(0)?, last_nonce_ms: row.get(1)?, wiped: row.get(2)? })
            })
            .optional()
        })
        .await
    }

    /// Spends the nonce issued at `issued_at_ms` and gives a token; none where it, or a newer one, was spent.
    ///
    /// # Errors
    /// As [`Store::write`]; the nonce stays good.
    pub(crate) async fn refresh(
        &self,
        device: DeviceId,
        public_key: Vec<u8>,
        issued_at_ms: i64,
    ) -> Result<Option<FreshToken>, StoreError> {
        self.write(move |write| {
            let firm = write
                .connection
                .prepare_cached(
                    "UPDATE devices SET last_nonce_ms = ?2
                     WHERE device_id = ?1 AND last_nonce_ms < ?2 AND public_key = ?3 AND signed_out_at_ms IS NULL
                     RETURNING firm_id",
                )?
                .query_row(params![device.as_bytes(), issued_at_ms, public_key], |row| {
                    row::id(row, 0, FirmId::from_bytes)
                })
                .optional()?;
            firm.map(|firm| fresh_token(write, firm, device)).transpose()
        })
        .await
    }

    /// The caller's devices that are signed in, or would be but for a restore, and those that were wiped not long ago; the newest
    /// first.
    ///
    /// # Errors
    /// As `Store::read`.
    pub async fn devices(&self, caller: Caller, now_ms: i64) -> Result<Vec<DeviceRow>, StoreError> {
        self.read(move |tx| {
            tx.prepare_cached(
                "SELECT device_id, name, signed_in_at_ms, wiped_at_ms, wipe_told_at_ms FROM devices
                 WHERE firm_id = ?1 AND person_id = ?2 AND (signed_out_at_ms IS NULL OR ended_by_restore OR wiped_at_ms > ?3)
                 ORDER BY signed_in_at_ms DESC, device_id",
            )?
            .query_map(
                params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), now_ms - WIPED_LISTED_MS],
                |row| {
                    Ok(DeviceRow {
                        device_id: row::id(row, 0, DeviceId::from_bytes)?,
                        name: row.get(1)?,
                        signed_in_at_ms: row.get(2)?,
                        wiped_at_ms: row.get(3)?,
                        wipe_told_at_ms: row.get(4)?,
                    })
                },
            )?
            .collect()
        })
        .await
    }

    /// Keeps that a device heard that it is wiped.
    ///
    /// # Errors
    /// As [`Store::write`]; it is told again.
    pub(crate) async fn wipe_told(&self, device: DeviceId) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE devices SET wipe_told_at_ms = coalesce(wipe_told_at_ms, ?2)
                     WHERE device_id = ?1 AND wiped_at_ms IS NOT NULL",
                )?
                .execute(params![device.as_bytes(), write.now_ms])?;
            Ok(())
        })
        .await
    }

    /// Keeps where and sealed with what the caller's device is reached. `sealed_key` under server key `key_id`.
    ///
    /// # Errors
    /// As [`Store::write`]; the address before stays.
    pub(crate) async fn set_push_address(
        &self,
        caller: Caller,
        push_token: String,
        sealed_key: Vec<u8>,
        key_id: String,
    ) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE devices SET push_token = ?3, push_key = ?4, push_key_id = ?5
                     WHERE firm_id = ?1 AND device_id = ?2 AND signed_out_at_ms IS NULL",
                )?
                .execute(params![
                    caller.firm_id.as_bytes(),
                    caller.device_id.as_bytes(),
                    push_token,
                    sealed_key,
                    key_id
                ])?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
impl Store {
    /// Signs `device` in without a code: worlds of thousands of people are asked what they may know.
    pub(crate) async fn let_in(
        &self,
        firm: FirmId,
        person: PersonId,
        device: DeviceId,
    ) -> Result<portico_wire::encoding::Base64, StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "INSERT INTO devices (device_id, firm_id, person_id, name, public_key, signed_in_at_ms)
                     VALUES (?1, ?2, ?3, 'a phone', zeroblob(65), ?4)",
                )?
                .execute(params![device.as_bytes(), firm.as_bytes(), person.as_bytes(), write.now_ms])?;
            fresh_token(write, firm, device).map(|fresh| portico_wire::encoding::Base64(fresh.token.to_vec()))
        })
        .await
    }
}

/// Whether the caller's person belongs to the firm now; none where the device is signed out.
pub(super) fn membership_now(
    connection: &Connection,
    caller: Caller,
) -> rusqlite::Result<Option<Membership>> {
    connection
        .prepare_cached(
            "SELECT m.ended_at_ms IS NOT NULL FROM devices AS d
             JOIN memberships AS m ON m.firm_id = d.firm_id AND m.person_id = d.person_id
             WHERE d.device_id = ?1 AND d.firm_id = ?2 AND d.person_id = ?3 AND d.signed_out_at_ms IS NULL",
        )?
        .query_row(
            params![caller.device_id.as_bytes(), caller.firm_id.as_bytes(), caller.person_id.as_bytes()],
            |row| Ok(if row.get(0)? { Membership::Ended } else { Membership::Current }),
        )
        .optional()
}

/// Makes a token for the device and drops its tokens that are over. Others stay: a lost answer costs nothing.
pub(super) fn fresh_token(write: &Write<'_>, firm: FirmId, device: DeviceId) -> rusqlite::Result<FreshToken> {
    write
        .connection
        .prepare_cached("DELETE FROM access_tokens WHERE device_id = ?1 AND expires_at_ms <= ?2")?
        .execute(params![device.as_bytes(), write.now_ms])?;
    let fresh = FreshToken { token: write.ports.random(), expires_at_ms: write.now_ms + ACCESS_TOKEN_MS };
    write
        .connection
        .prepare_cached(
            "INSERT INTO access_tokens (token_hash, firm_id, device_id, expires_at_ms) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            Sha256::of(&[&fresh.token]).as_bytes(),
            firm.as_bytes(),
            device.as_bytes(),
            fresh.expires_at_ms
        ])?;
    Ok(fresh)
}
