//! Codes of an authenticator app: TOTP (RFC 6238) over HOTP (RFC 4226), and the URI that carries its secret.
//!
//! Holds: time comes from the caller, in UTC milliseconds. That a code counts once is the caller's part: [`TotpKey::check`]
//! says which step it is of.

use std::fmt;

use totp_rs::{Builder, Secret, Totp};

/// One code lives this long (RFC 6238 section 5.2).
pub const TOTP_STEP_MS: i64 = 30_000;
/// Steps before and after now that pass: the delay of typing and sending.
const SKEW_STEPS: u16 = 1;
/// How far from now a code is still recognised, to say by how much a clock is off: 10 minutes and a step.
const RECOGNISED_STEPS: u16 = 21;
/// How far a learned drift moves the window: two minutes, a watch left alone for years.
const DRIFT_STEPS_MAX: i64 = 4;

/// A secret that an authenticator app and the server share. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpKey(Totp);

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKey")
    }
}

/// A text that is not an `otpauth://totp/` URI with a secret this app can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no otpauth:// URI of an authenticator")]
pub struct ParseTotpError;

/// What a typed code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotpChecked {
    /// The code of `step`, which is now, give or take a step; `off_steps` from the server's.
    Right {
        /// Which step: Unix time by 30 seconds.
        step: i64,
        /// Steps that the authenticator's clock is ahead; negative for behind.
        off_steps: i64,
    },
    /// The code of a step too far from now: the clock of the authenticator is off.
    Off {
        /// Which step.
        step: i64,
        /// Seconds that it is ahead; negative for behind.
        off_s: i64,
    },
    /// The code of no step near now.
    Wrong,
}

impl TotpKey {
    /// A key over 160 random bits, as the server makes them: SHA-1, 6 digits, 30 seconds, which every app can do.
    /// `issuer`, `account`: what the app shows.
    #[must_use]
    pub fn of(secret: [u8; 20], issuer: &str, account: &str) -> Self {
        // The label of the URI is `issuer:account`.
        let shown = |text: &str| text.replace(':', " ");
        let built = Builder::new()
            .with_secret(Secret::from(secret.as_slice()))
            .with_skew(SKEW_STEPS)
            .with_issuer(Some(shown(issuer)))
            .with_account_name(shown(account));
        Self(built.build_noncompliant())
    }

    /// Reads what a QR code of an authenticator holds: `otpauth://totp/...`.
    ///
    /// # Errors
    /// [`ParseTotpError`] where it is another kind, has no secret of 128 bits or more, or steps of another length.
    pub fn parse(uri: &str) -> Result<Self, ParseTotpError> {
        let totp = Totp::from_url(uri.trim()).map_err(|_| ParseTotpError)?;
        if i64::try_from(totp.step()).ok() != Some(TOTP_STEP_MS / 1_000) {
            return Err(ParseTotpError);
        }
        Ok(Self(totp))
    }

    /// The URI for a QR code.
    #[must_use]
    pub fn uri(&self) -> String {
        self.0.to_url().unwrap_or_default()
    }

    /// The secret as people type it into an app: base 32 (RFC 4648 section 6).
    #[must_use]
    pub fn secret(&self) -> String {
        self.0.secret().to_base32()
    }

    /// Who made it, as the URI says.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.issuer().unwrap_or_default()
    }

    /// The code at `at_ms`.
    #[must_use]
    pub fn code(&self, at_ms: i64) -> String {
        self.0.generate(seconds(at_ms)).to_string()
    }

    /// What `code`, as typed, is at `now_ms` by the server's clock. `drift_steps`: how far ahead the authenticator was the
    /// last time.
    #[must_use]
    pub fn check(&self, code: &str, now_ms: i64, drift_steps: i64) -> TotpChecked {
        let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        let now = step_of(now_ms);
        let drifted = now + drift_steps.clamp(-DRIFT_STEPS_MAX, DRIFT_STEPS_MAX);
        for around in [now, drifted] {
            if let Some(step) = self.step_near(&code, around, SKEW_STEPS) {
                return TotpChecked::Right { step, off_steps: step - now };
            }
        }
        match self.step_near(&code, now, RECOGNISED_STEPS) {
            Some(step) => TotpChecked::Off { step, off_s: (step - now) * (TOTP_STEP_MS / 1_000) },
            None => TotpChecked::Wrong,
        }
    }

    /// The step within `skew` of `around` that `code` is of.
    fn step_near(&self, code: &str, around: i64, skew: u16) -> Option<i64> {
        let wide = Builder::new()
            .with_algorithm(self.0.algorithm())
            .with_digits(self.0.digits())
            .with_secret(self.0.secret().clone())
            .with_skew(skew)
            .build_noncompliant();
        let at_s = u64::try_from(around.checked_mul(TOTP_STEP_MS / 1_000)?).ok()?;
        wide.check(code, at_s).and_then(|step| i64::try_from(step).ok())
    }
}

/// The step that `at_ms` is in.
#[must_use]
pub const fn step_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(TOTP_STEP_MS)
}

fn seconds(at_ms: i64) -> u64 {
    u64::try_from(at_ms.div_euclid(1_000)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use totp_rs::Algorithm;

    use super::*;

    fn key(secret: &[u8], algorithm: Algorithm, digits: u8) -> TotpKey {
        let built = Builder::new()
            .with_secret(Secret::from(secret))
            .with_algorithm(algorithm)
            .with_digits(digits)
            .build_noncompliant();
        TotpKey(built)
    }

    // R8: RFC 6238 appendix B, all 18 rows; the secrets are those of its reference implementation.
    #[test]
    fn vectors_of_rfc_6238() {
        let seed = b"1234567890123456789012345678901234567890123456789012345678901234";
        let rows = [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ];
        let algorithms = [(Algorithm::SHA1, 20), (Algorithm::SHA256, 32), (Algorithm::SHA512, 64)];
        for (at_s, sha1, sha256, sha512) in rows {
            for ((algorithm, bytes), code) in algorithms.into_iter().zip([sha1, sha256, sha512]) {
                assert_eq!(key(&seed[..bytes], algorithm, 8).code(at_s * 1_000), code, "{algorithm} {at_s}");
            }
        }
    }

    // R8: RFC 4226 appendix D, counters 0 to 9.
    #[test]
    fn vectors_of_rfc_4226() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        let key = key(b"12345678901234567890", Algorithm::SHA1, 6);
        for (counter, code) in (0_i64..).zip(codes) {
            assert_eq!(key.code(counter * TOTP_STEP_MS), code, "{counter}");
        }
    }

    // R42: a step to either side passes; further off is told, as far as it can be recognised.
    #[test]
    fn clock_of_an_app_may_be_a_step_off_and_is_told_when_more() {
        let key = TotpKey::of([7; 20], "Harbour & Lane", "mara@harbourlane.example");
        let now_ms = 1_700_000_010_000;
        let checked = |off_s: i64, drift| key.check(&key.code(now_ms + off_s * 1_000), now_ms, drift);

        for off_steps in -1..=1 {
            let step = step_of(now_ms) + off_steps;
            assert_eq!(checked(off_steps * 30, 0), TotpChecked::Right { step, off_steps });
        }
        for off_s in [-600, -90, -60, 60, 90, 600] {
            let step = step_of(now_ms) + off_s / 30;
            assert_eq!(checked(off_s, 0), TotpChecked::Off { step, off_s });
        }
        assert_eq!(checked(3_600, 0), TotpChecked::Wrong);
        assert_eq!(key.check("000 00", now_ms, 0), TotpChecked::Wrong);
        assert_eq!(key.check("+12345", now_ms, 0), TotpChecked::Wrong);
    }

    // R42: a clock that goes wrong slowly is followed, up to two minutes.
    #[test]
    fn drift_that_was_learned_moves_the_window_and_not_now() {
        let key = TotpKey::of([7; 20], "a", "b");
        let now_ms = 1_700_000_010_000;
        let checked = |off: i64, drift| key.check(&key.code(now_ms + off * TOTP_STEP_MS), now_ms, drift);

        let right = |off_steps| TotpChecked::Right { step: step_of(now_ms) + off_steps, off_steps };
        assert_eq!(checked(2, 1), right(2));
        assert_eq!(checked(-5, -4), right(-5));
        assert_eq!(checked(0, 4), right(0), "a clock that was set right passes too");
        assert!(matches!(checked(6, 90), TotpChecked::Off { .. }), "the window does not wander off");
    }

    #[test]
    fn uri_goes_to_an_app_and_comes_back() {
        let key = TotpKey::of([9; 20], "Söderström: Lane & Co", "mara@harbourlane.example");

        let back = TotpKey::parse(&format!(" {}\n", key.uri())).unwrap();

        assert_eq!((back.code(59_000), back.issuer()), (key.code(59_000), "Söderström  Lane & Co"));
        assert!(key.uri().contains(&format!("secret={}", key.secret())));
        let short = "otpauth://totp/a:b?secret=JBSWY3DP&issuer=a";
        let slow = format!("{}&period=0", key.uri());
        let counted = key.uri().replace("totp/", "hotp/");
        for text in ["", "https://portal.example", short, &slow, &counted] {
            assert_eq!(TotpKey::parse(text), Err(ParseTotpError), "{text}");
        }
        assert_eq!(format!("{key:?}"), "TotpKey");
    }
}
