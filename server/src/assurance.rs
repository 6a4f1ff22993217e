//! What a firm asks of somebody who signs in on a device, beyond the code that was mailed to them. Pure.
//!
//! ```text
//! way_in: least of the firm x what the person holds -> Enough | Prove(any of these) | SetUpTotp
//! ```
//! Holds (R8, R42): the mailed code alone lets in where the person holds nothing else yet, and where the firm's recorded policy
//! says so. Where nothing that they hold helps, the firm lets them in again; no other firm is asked or touched (R7).

use portico_wire::conversation::Standing;
use portico_wire::factor::FactorKind;
use serde::{Deserialize, Serialize};

/// The least that a firm asks of people who sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Least {
    /// The mailed code alone. A recorded departure from R8 (docs/security.md).
    Email,
    /// Something that they hold besides: of staff always an authenticator app, of others on every further device.
    SecondFactor,
}

impl Least {
    /// As the database and the command line write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::SecondFactor => "second_factor",
        }
    }

    /// Reads [`Least::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Email, Self::SecondFactor].into_iter().find(|least| least.as_str() == text)
    }
}

/// A firm's recorded policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInPolicy {
    /// Of those who work there.
    pub staff: Least,
    /// Of clients and third parties.
    pub clients: Least,
}

impl SignInPolicy {
    /// What holds for a firm that recorded nothing.
    pub const USUAL: Self = Self { staff: Least::SecondFactor, clients: Least::SecondFactor };

    const fn of(self, standing: Standing) -> Least {
        match standing {
            Standing::Staff => self.staff,
            Standing::Client | Standing::ThirdParty => self.clients,
        }
    }

    /// Whether somebody of `standing` must have an authenticator app.
    #[must_use]
    pub fn requires_totp(self, standing: Standing) -> bool {
        standing == Standing::Staff && self.staff == Least::SecondFactor
    }
}

/// An authenticator app, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TotpState {
    None,
    Good,
    Disabled,
}

/// What the person holds at the firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) totp: TotpState,
    pub(crate) recovery_codes: u32,
    /// Signed-in devices but the one that asks.
    pub(crate) other_devices: u32,
    /// Those of them that can say yes: one that a restore signed out can not.
    pub(crate) approvers: u32,
    /// A device is signed in under the very key that is proved now: the key is the second factor.
    pub(crate) same_key: bool,
    /// It is the device that asks, under its old id too: one whose address changed comes back under a new one.
    pub(crate) same_device: bool,
}

impl Held {
    fn kinds(self) -> Vec<FactorKind> {
        let totp = (self.totp == TotpState::Good).then_some(FactorKind::Totp);
        let recovery = (self.recovery_codes > 0).then_some(FactorKind::RecoveryCode);
        let approval = (self.approvers > 0).then_some(FactorKind::Approval);
        totp.into_iter().chain(recovery).chain(approval).collect()
    }

    /// Nothing was ever set up, and no other device could speak for them.
    const fn is_new(self) -> bool {
        matches!(self.totp, TotpState::None) && self.recovery_codes == 0 && self.other_devices == 0
    }
}

/// What is still asked after the right code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WayIn {
    Enough,
    /// Any one of these; of none, the firm.
    Prove(Vec<FactorKind>),
    SetUpTotp,
}

/// What is asked. `proved`: a factor was proved in this sign-in.
pub(crate) fn way_in(policy: SignInPolicy, standing: Standing, held: Held, proved: bool) -> WayIn {
    let lacks_totp = policy.requires_totp(standing) && held.totp != TotpState::Good;
    let trusted = proved
        || match (policy.of(standing), standing) {
            // Who has set an authenticator up wants it asked, whatever the firm asks.
            (Least::Email, _) => held.totp == TotpState::None || held.same_key,
            (Least::SecondFactor, Standing::Staff) => held.is_new() || (held.same_key && lacks_totp),
            (Least::SecondFactor, Standing::Client | Standing::ThirdParty) => held.is_new() || held.same_key,
        };
    match (trusted, lacks_totp) {
        (false, _) => WayIn::Prove(held.kinds()),
        (true, true) => WayIn::SetUpTotp,
        (true, false) => WayIn::Enough,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Held = Held {
        totp: TotpState::None,
        recovery_codes: 0,
        other_devices: 0,
        approvers: 0,
        same_key: false,
        same_device: false,
    };

    fn usual(standing: Standing, held: Held, proved: bool) -> WayIn {
        way_in(SignInPolicy::USUAL, standing, held, proved)
    }

    // R8
    #[test]
    fn first_phone_of_a_client_needs_the_mailed_code_and_every_further_device_more() {
        let with_phone = Held { other_devices: 1, approvers: 1, ..NEW };
        let after_a_restore = Held { approvers: 0, ..with_phone };
        let with_codes = Held { recovery_codes: 9, ..with_phone };
        let with_app = Held { totp: TotpState::Good, ..NEW };

        for outside in [Standing::Client, Standing::ThirdParty] {
            assert_eq!(usual(outside, NEW, false), WayIn::Enough);
            assert_eq!(usual(outside, with_phone, false), WayIn::Prove(vec![FactorKind::Approval]));
            assert_eq!(usual(outside, after_a_restore, false), WayIn::Prove(vec![]));
            let either = vec![FactorKind::RecoveryCode, FactorKind::Approval];
            assert_eq!(usual(outside, with_codes, false), WayIn::Prove(either));
            assert_eq!(usual(outside, with_app, false), WayIn::Prove(vec![FactorKind::Totp]));
            assert_eq!(usual(outside, with_app, true), WayIn::Enough);
            let again = Held { same_key: true, ..with_app };
            assert_eq!(usual(outside, again, false), WayIn::Enough, "the device's key is the second factor");
        }
    }

    // R8
    #[test]
    fn staff_set_an_authenticator_up_first_and_are_asked_for_it_ever_after() {
        let with_app = Held {
            totp: TotpState::Good,
            recovery_codes: 3,
            other_devices: 2,
            approvers: 2,
            same_key: true,
            same_device: true,
        };
        let disabled = Held { totp: TotpState::Disabled, recovery_codes: 3, ..NEW };

        assert_eq!(usual(Standing::Staff, NEW, false), WayIn::SetUpTotp);
        let any = vec![FactorKind::Totp, FactorKind::RecoveryCode, FactorKind::Approval];
        assert_eq!(usual(Standing::Staff, with_app, false), WayIn::Prove(any));
        assert_eq!(usual(Standing::Staff, with_app, true), WayIn::Enough);
        assert_eq!(usual(Standing::Staff, disabled, false), WayIn::Prove(vec![FactorKind::RecoveryCode]));
        assert_eq!(usual(Standing::Staff, disabled, true), WayIn::SetUpTotp);
    }

    // R8: over every policy and holding, the mailed code alone lets in only where nothing was set up or the policy says so.
    #[test]
    fn mailed_code_alone_never_passes_what_was_set_up() {
        let leasts = [Least::Email, Least::SecondFactor];
        let totps = [TotpState::None, TotpState::Good, TotpState::Disabled];
        let mut seen = 0;
        for (staff, clients) in leasts.into_iter().flat_map(|a| leasts.map(|b| (a, b))) {
            for standing in [Standing::Staff, Standing::Client, Standing::ThirdParty] {
                for (totp, recovery_codes) in totps.into_iter().flat_map(|totp| [(totp, 0), (totp, 1)]) {
                    for (other_devices, same_key) in [(0, false), (1, false), (0, true), (1, true)] {
                        let held = Held {
                            totp,
                            recovery_codes,
                            other_devices,
                            approvers: other_devices,
                            same_key,
                            same_device: same_key,
                        };
                        let policy = SignInPolicy { staff, clients };
                        let way = way_in(policy, standing, held, false);
                        let by_policy = policy.of(standing) == Least::Email && totp == TotpState::None;
                        let allowed = by_policy || held.is_new() || same_key;
                        assert!(way != WayIn::Enough || allowed, "{policy:?} {standing:?} {held:?}");
                        let required = policy.requires_totp(standing);
                        let after = way_in(policy, standing, held, true);
                        assert_eq!(after == WayIn::SetUpTotp, required && totp != TotpState::Good);
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, 4 * 3 * 6 * 4);
    }
}
