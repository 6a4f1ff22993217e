//! Signing in with more than a code: an authenticator app, a sign-in that goes on, what a person holds.

use portico_wire::factor::{FactorAnswer, FactorsHeld, TotpSetUp, step_up_bytes};
use portico_wire::signin::{AnswerChallenge, ChallengeAnswered, ChallengeBegun, Nonce};
use portico_wire::totp::{TOTP_STEP_MS, TotpKey};

use super::{Phone, Reply, World};
use crate::assurance::SignInPolicy;

pub(crate) const MARA: &str = "mara@harbourlane.example";
pub(crate) const AMINA: &str = "amina@clients.example";

/// A world whose firm asks what every firm asks that recorded nothing.
pub(crate) async fn usual() -> World {
    let world = World::new().await;
    world.app.store().set_sign_in_policy(world.firm.firm_id, SignInPolicy::USUAL).await.unwrap();
    world
}

pub(crate) fn totp(code: &str) -> FactorAnswer {
    FactorAnswer::Totp { code: code.to_owned() }
}

pub(crate) fn recovery(code: &str) -> FactorAnswer {
    FactorAnswer::RecoveryCode { code: code.to_owned() }
}

/// An authenticator app, whose clock may be off.
pub(crate) struct App {
    pub(crate) key: TotpKey,
    pub(crate) off_ms: i64,
}

impl App {
    pub(crate) fn of(shown: &TotpSetUp) -> Self {
        Self { key: TotpKey::parse(&shown.uri).unwrap(), off_ms: 0 }
    }

    pub(crate) fn code(&self, world: &World) -> String {
        self.key.code(world.app.now_ms() + self.off_ms)
    }

    pub(crate) fn wrong(&self, world: &World) -> String {
        let near: Vec<String> =
            (-30..30).map(|step| self.key.code(world.app.now_ms() + step * TOTP_STEP_MS)).collect();
        (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

/// A sign-in that has its mailed code.
pub(crate) struct SigningIn {
    pub(crate) phone: Phone,
    pub(crate) begun: ChallengeBegun,
    pub(crate) answer: AnswerChallenge,
}

impl SigningIn {
    pub(crate) async fn begin(world: &World, email: &str) -> Self {
        Self::on(Phone::new(world), world, email).await
    }

    pub(crate) async fn on(phone: Phone, world: &World, email: &str) -> Self {
        let (begun, code) = world.begin(email).await;
        let answer = phone.answer_to(&begun, &code.unwrap());
        Self { phone, begun, answer }
    }

    pub(crate) async fn ask(&self, factor: Option<FactorAnswer>) -> Reply {
        self.phone.answer(&self.begun, &AnswerChallenge { factor, ..self.answer.clone() }).await
    }

    pub(crate) async fn asked(&self) -> ChallengeAnswered {
        self.ask(None).await.json()
    }

    pub(crate) async fn finish(mut self, factor: Option<FactorAnswer>) -> Phone {
        let answered = self.ask(factor).await.json();
        assert_eq!(self.phone.admit(answered), None);
        self.phone
    }
}

/// A staff member with an authenticator, signed in on a machine that asks for no face, finger or PIN.
pub(crate) async fn staff(world: &World) -> (Phone, App) {
    let mut desk = Phone::new(world);
    desk.asks = false;
    let sign_in = SigningIn::on(desk, world, MARA).await;
    let ChallengeAnswered::SetUpTotp(shown) = sign_in.asked().await else { panic!("an app is asked for") };
    let app = App::of(&shown);
    let code = app.code(world);
    (sign_in.finish(Some(totp(&code))).await, app)
}

pub(crate) async fn held(phone: &Phone) -> FactorsHeld {
    phone.get("/v1/factors").await.json()
}

pub(crate) fn mails(world: &World, subject: &str) -> usize {
    let files = std::fs::read_dir(world.config().mail()).into_iter().flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.filter(|text| text.contains(&format!("Subject: {subject}\r\n"))).count()
}

pub(crate) async fn in_person(phone: &Phone) -> Reply {
    let nonce: Nonce = phone.nonce().await.json();
    prove(phone, &nonce).await
}

pub(crate) async fn prove(phone: &Phone, nonce: &Nonce) -> Reply {
    let signature = phone.sign_in_person(&step_up_bytes(phone.device, &nonce.nonce.0));
    phone.post("/v1/step-up", &FactorAnswer::Presence { nonce: nonce.nonce.clone(), signature }).await
}
