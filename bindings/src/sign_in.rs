//! An installation of the app, and how somebody signs in on it.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use portico_core::PortalError;
use portico_core::net::transport::{RealNetwork, certificate};
use portico_core::signin::driver::{Answered, PendingSignIn, Phone};
use portico_wire::factor::{FactorAnswer, FactorKind, TotpSetUp};
use portico_wire::ids::FirmId;
use portico_wire::push::PushContent;
use portico_wire::signin::FirmChoice;

use crate::portal::Portal;
use crate::ports::{DeviceKey, NetworkStatus, SecretStore, ports};
use crate::runtime::{self, guarded};

/// What a right code came to.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Answer {
    /// Signed in; `portal` gives the portal.
    SignedIn {
        /// Somebody else was signed in before: their store is sealed, and this many entries wait in it.
        sealed: Option<u64>,
        /// The key of this person's store was lost, so a new store was begun; what was unsent in it is gone.
        began_anew: bool,
    },
    /// The person belongs to several firms: `choose_firm`.
    ChooseFirm {
        /// Which.
        firms: Vec<FirmChoice>,
    },
    /// The firm asks for one of these besides: `prove`. An empty list: the firm must let this person in.
    FactorNeeded {
        /// Any one of these.
        factors: Vec<FactorKind>,
    },
    /// Another device must say yes, by this number (`approve` there): `prove` with `Approval` again asks whether it did.
    ApprovalAwaited {
        /// Two digits, to be typed there.
        number: String,
    },
    /// The firm asks for an authenticator app, and there is none: `prove` with the first code of one, or
    /// `prove_with_this_phone`.
    SetUpTotp {
        /// What the app needs.
        set_up: TotpSetUp,
    },
}

/// One installation: a home folder and the platform's ports. Make one, and keep it.
#[derive(Debug, uniffi::Object)]
pub struct SignIn {
    phone: Phone,
    /// Guards the portal that is open, so that there is one per store. A port that is asked while it opens must not
    /// call back into this installation.
    open: Arc<Mutex<Option<Arc<Portal>>>>,
}

#[uniffi::export]
impl SignIn {
    /// An installation with its home in the folder `home`, which only this app may read.
    ///
    /// `device_key`: none keeps the key in `secrets` instead of a chip. `extra_root`: the certificate, PEM or DER, of a
    /// server that is not known to the world; trusted besides the bundled ones.
    ///
    /// # Errors
    /// `UntrustedServer` where `extra_root` is no certificate, `DiskFull` where `home`
    /// is not the absolute path of a folder that can be written.
    #[uniffi::constructor]
    pub fn new(
        home: String,
        secrets: Arc<dyn SecretStore>,
        device_key: Option<Arc<dyn DeviceKey>>,
        network: Arc<dyn NetworkStatus>,
        extra_root: Option<Vec<u8>>,
    ) -> Result<Arc<Self>, PortalError> {
        guarded(|| {
            let root = extra_root.map(|bytes| certificate(&bytes));
            let real = RealNetwork::new(root).map_err(|_| PortalError::UntrustedServer)?;
            let home = PathBuf::from(home);
            if !home.is_absolute() {
                return Err(PortalError::DiskFull);
            }
            std::fs::create_dir_all(&home).map_err(|_| PortalError::DiskFull)?;
            let phone = Phone::new(home, ports(secrets, device_key, network, real));
            Ok(Arc::new(Self { phone, open: Arc::default() }))
        })
    }

    /// The portal of whoever signed in last, the same one each time until it is ended; none if nobody ever did.
    ///
    /// # Errors
    /// `KeyLocked`, `KeyLost`, `StoreNewer`: nothing is touched.
    pub fn portal(&self) -> Result<Option<Arc<Portal>>, PortalError> {
        guarded(|| {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(portal) = open.as_ref().filter(|portal| !portal.is_over()) {
                return Ok(Some(Arc::clone(portal)));
            }
            *open = self.phone.portal()?.map(|core| Arc::new(Portal::of(core)));
            Ok(open.clone())
        })
    }

    /// Asks the server at `server_url` to mail a code to `email`, and keeps the question for `pending`. The
    /// answer is the same for any address. A server with a root of its own shows a link that names the root: it goes here whole.
    ///
    /// # Errors
    /// Every state of a server that is not one: `BadServerUrl`, `Offline`,
    /// `UntrustedServer`, `NotPortico`, `OtherVersion`,
    /// `RetryLater`.
    pub async fn begin(
        &self,
        server_url: String,
        email: String,
        call: u64,
    ) -> Result<PendingSignIn, PortalError> {
        let phone = self.phone.clone();
        runtime::run(Some(call), async move { phone.begin_sign_in(&server_url, &email).await }).await
    }

    /// The same by an invitation, as its link was tapped, scanned or pasted.
    ///
    /// # Errors
    /// `Malformed` where it is none, or names a server and nobody: that one goes to `begin`, with a typed address. And
    /// those of `begin`.
    pub async fn begin_invited(&self, link: String, call: u64) -> Result<PendingSignIn, PortalError> {
        let phone = self.phone.clone();
        runtime::run(Some(call), async move { phone.begin_invited(&link).await }).await
    }

    /// The sign-in that waits for its code, also after the app was away.
    ///
    /// # Errors
    /// `Bug`.
    pub fn pending(&self) -> Result<Option<PendingSignIn>, PortalError> {
        guarded(|| Ok(self.phone.pending_sign_in()))
    }

    /// Answers the pending sign-in with the code from the mail, as typed. The portal that was open before is ended.
    ///
    /// # Errors
    /// `ChallengeEnded` also where none was begun, `CodeMalformed` (no try spent),
    /// `WrongCode`, and those of `begin`. The one who was signed in before stays so.
    pub async fn answer(&self, code: String, device_name: String, call: u64) -> Result<Answer, PortalError> {
        self.admitted(call, move |phone| async move { phone.answer(&code, &device_name).await }).await
    }

    /// Chooses one of the firms that were offered.
    ///
    /// # Errors
    /// As `answer`.
    pub async fn choose_firm(&self, firm: FirmId, call: u64) -> Result<Answer, PortalError> {
        self.admitted(call, move |phone| async move { phone.choose_firm(firm).await }).await
    }

    /// Proves the person beyond the code.
    ///
    /// # Errors
    /// `WrongFactor`, `FactorUsed` (wait for the next code), `ClockOff`, `FactorDisabled`, and those of `answer`. The
    /// sign-in stands where it stood.
    pub async fn prove(&self, factor: FactorAnswer, call: u64) -> Result<Answer, PortalError> {
        self.admitted(call, move |phone| async move { phone.prove(factor).await }).await
    }

    /// Makes this phone the authenticator app that the firm asks for; `authenticator` of the portal shows its codes.
    ///
    /// # Errors
    /// As `prove`; `ChallengeEnded` where no app is to be set up.
    pub async fn prove_with_this_phone(&self, call: u64) -> Result<Answer, PortalError> {
        self.admitted(call, |phone| async move { phone.prove_with_this_phone().await }).await
    }

    /// Goes back to the beginning. What was mailed answers nothing on this phone any more.
    ///
    /// # Errors
    /// `Ended`.
    pub async fn leave(&self, call: u64) -> Result<(), PortalError> {
        let phone = self.phone.clone();
        runtime::run(Some(call), async move { phone.leave_sign_in().await }).await
    }

    /// Opens a push and keeps it, still sealed, for the portal. All that a notification extension does: no store is
    /// opened, nothing is sent.
    ///
    /// # Errors
    /// `NotHere` where nobody is signed in or it does not open, `KeyLocked`,
    /// `DiskFull`.
    pub fn receive_push(&self, payload: String) -> Result<PushContent, PortalError> {
        guarded(|| self.phone.receive_push(&payload))
    }
}

impl SignIn {
    /// All of it in one body: who takes the call back finds the portal of whoever is signed in by then.
    async fn admitted<F>(
        &self,
        call: u64,
        act: impl FnOnce(Phone) -> F + Send + 'static,
    ) -> Result<Answer, PortalError>
    where
        F: Future<Output = Result<Answered, PortalError>> + Send,
    {
        let (phone, open) = (self.phone.clone(), Arc::clone(&self.open));
        runtime::run(Some(call), async move { Ok(admit(act(phone).await?, &open)) }).await
    }
}

/// Puts the portal of a person who signed in in the place of the one before, which ends.
fn admit(answered: Answered, open: &Mutex<Option<Arc<Portal>>>) -> Answer {
    match answered {
        Answered::ChooseFirm(firms) => Answer::ChooseFirm { firms },
        Answered::FactorNeeded(factors) => Answer::FactorNeeded { factors },
        Answered::ApprovalAwaited(awaited) => Answer::ApprovalAwaited { number: awaited.number },
        Answered::SetUpTotp(set_up) => Answer::SetUpTotp { set_up },
        Answered::SignedIn(signed_in) => {
            let portal = Arc::new(Portal::of(signed_in.portal));
            let before = open.lock().unwrap_or_else(PoisonError::into_inner).replace(portal);
            if let Some(before) = before {
                before.end();
            }
            Answer::SignedIn { sealed: signed_in.sealed, began_anew: signed_in.began_anew }
        }
    }
}
