//! What a sign-in asks beyond the right code, and whether what proves it is in the hand that holds the device.
//!
//! What a firm asks is [`crate::assurance`]'s to say; this asks it, and keeps what was proved with the challenge.

use portico_wire::factor::{FactorAnswer, FactorKind};
use portico_wire::ids::ChallengeId;
use rusqlite::params;

use super::factors::{self, Proved, Who};
use super::signin::{Answered, NewDevice};
use super::writer::Write;
use crate::assurance::{WayIn, way_in};
use crate::keys::Keys;

/// What was proved beyond the right code.
#[derive(Clone, Copy)]
pub(super) struct Assured {
    pub(super) proved: bool,
    /// By something that is not in the hand that holds the device: a recovery code, or an app that was set up elsewhere.
    pub(super) apart: bool,
}

/// What was proved, where it is enough; else what is asked.
pub(super) fn assure(
    write: &mut Write<'_>,
    keys: &Keys,
    (id, tries_left): (ChallengeId, u32),
    who: Who,
    device: &NewDevice,
    so_far: Assured,
) -> rusqlite::Result<Result<Assured, Answered>> {
    let policy = factors::policy(write.connection, who.firm)?;
    let standing = factors::standing(write.connection, who)?;
    let held = factors::held(write.connection, who, device.device_id, &device.public_key)?;
    let (proof, apart) = match (way_in(policy, standing, held, so_far.proved), &device.factor) {
        (WayIn::Enough, _) => return Ok(Ok(so_far)),
        (WayIn::SetUpTotp, Some(FactorAnswer::Totp { code })) => {
            let installation = (device.device_id, device.public_key.as_slice());
            (factors::confirm_totp(write, keys, who, installation, code)?, so_far.apart)
        }
        (WayIn::SetUpTotp, _) => {
            let shown = factors::show_totp(write, keys, who, &device.public_key)?;
            return Ok(Err(Answered::SetUpTotp(shown)));
        }
        (WayIn::Prove(kinds), Some(answer)) if kinds.contains(&answer.kind()) => {
            let is_code = answer.kind() == FactorKind::RecoveryCode;
            let apart = is_code || !is_in_the_same_hand(write, who, &device.public_key)?;
            (factors::prove(write, keys, who, answer)?, apart)
        }
        (WayIn::Prove(kinds), _) => return Ok(Err(Answered::FactorNeeded(kinds))),
    };
    if proof == Proved::Right {
        write
            .connection
            .prepare_cached(
                "UPDATE challenges SET proved_firm_id = ?2, proved_device_id = ?3, proved_public_key = ?4,
                   proved_apart = ?5
                 WHERE challenge_id = ?1",
            )?
            .execute(params![
                id.as_bytes(),
                who.firm.as_bytes(),
                device.device_id.as_bytes(),
                device.public_key,
                apart
            ])?;
        // What proved them may not be all that the firm asks.
        let rest = NewDevice { factor: None, ..device.clone() };
        return assure(write, keys, (id, tries_left), who, &rest, Assured { proved: true, apart });
    }
    let tries_left = match proof {
        Proved::Wrong | Proved::Off { .. } | Proved::Disabled => tries_left - 1,
        Proved::Right | Proved::Used | Proved::Wait { .. } => tries_left,
    };
    write
        .connection
        .prepare_cached("UPDATE challenges SET factor_tries_left = ?2 WHERE challenge_id = ?1")?
        .execute(params![id.as_bytes(), tries_left])?;
    Ok(Err(Answered::NotProved { why: proof, tries_left }))
}

/// Whether the authenticator was set up under `public_key`, by an installation that asks for a face, a finger or a PIN:
/// whoever holds it unlocked may have the codes in the same hand.
pub(super) fn is_in_the_same_hand(write: &Write<'_>, who: Who, public_key: &[u8]) -> rusqlite::Result<bool> {
    write
        .connection
        .prepare_cached(
            "SELECT 1 FROM totps AS t JOIN devices AS d ON d.device_id = t.device_id
             WHERE t.firm_id = ?1 AND t.person_id = ?2 AND d.public_key = ?3
               AND EXISTS (SELECT 1 FROM devices AS p WHERE p.firm_id = ?1 AND p.person_id = ?2
                 AND p.public_key = ?3 AND p.presence_key IS NOT NULL)",
        )?
        .exists(params![who.firm.as_bytes(), who.person.as_bytes(), public_key])
}

/// Whether an installation with this key has a presence key here, signed in or not.
pub(super) fn has_presence(write: &Write<'_>, who: Who, public_key: &[u8]) -> rusqlite::Result<bool> {
    write
        .connection
        .prepare_cached(
            "SELECT 1 FROM devices WHERE firm_id = ?1 AND person_id = ?2 AND public_key = ?3
               AND presence_key IS NOT NULL",
        )?
        .exists(params![who.firm.as_bytes(), who.person.as_bytes(), public_key])
}
