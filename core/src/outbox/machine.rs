//! The rules of the outbox: `step(progress, event) -> (progress, effect)`. Pure; [`super::pump`] acts.
//!
//! Holds: every open state has a way on that needs no person, except `NeedsSignIn`, whose way is signing in, and
//! `Paused`, whose way is the person's own.

#![warn(clippy::wildcard_enum_match_arm)]

use portico_wire::refusal::Refusal;

use super::backoff;
use super::entry::{Fault, Progress, SendState, Tried};

/// What the server, or whoever answered, said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// In the log.
    Accepted,
    /// Never in the log.
    Refused(Refusal),
    /// Taken back.
    Withdrawn,
    /// Nothing decided; try again.
    Transient {
        /// What happened.
        fault: Fault,
        /// What the server asked for.
        retry_after_s: Option<u32>,
    },
    /// This device is signed out.
    SignedOut,
    /// The server was restored; nothing was looked up.
    EpochStale,
}

/// What happened to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is at the head of its lane and due.
    TurnCame,
    /// An answer came, or none ever will.
    Answered {
        /// What it said.
        answer: Answer,
        /// Whether another request passed since this entry began to fail.
        others_pass: bool,
        /// 32 random bits for the backoff.
        draw: u32,
    },
    /// The person discarded it.
    DiscardTapped,
    /// The person paused it.
    PauseTapped,
    /// The person lets it go on.
    ResumeTapped,
    /// The operating system carries it from here.
    HandedOver {
        /// When to take it back if nobody said how it ended, by the phone's clock.
        until_ms: i64,
    },
    /// The operating system is done with it, or lost it.
    HandedBack,
    /// The network that is here costs, and nobody allowed it for this batch.
    HeldBack {
        /// When to look again if nobody says that the network changed, by the phone's clock.
        until_ms: i64,
    },
    /// The network changed or the app came to the front: what waits is due.
    Nudged,
    /// The person signed in again.
    SignedIn,
    /// A new process found it, or a new epoch dropped its request.
    RequestForgotten,
    /// A restored server may lack it.
    ReofferDue,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Offer it to the server.
    Offer,
    /// Ask the server to take it back.
    PostWithdraw,
}

/// Server faults in a row after which an entry is set aside: at the backoff's ceiling that is over an hour.
pub const STUCK_AFTER: u32 = 20;

/// Decides. `now_ms`: the phone's clock.
#[must_use]
pub fn step(progress: Progress, event: Event, now_ms: i64) -> (Progress, Effect) {
    match event {
        Event::TurnCame => turn(progress),
        Event::Answered { answer, others_pass, draw } => {
            answered(progress, answer, others_pass, draw, now_ms)
        }
        Event::DiscardTapped => (discard(progress), Effect::None),
        Event::PauseTapped => (pause(progress), Effect::None),
        Event::ResumeTapped => (resume(progress), Effect::None),
        Event::HandedOver { until_ms } => (hand_over(progress, until_ms), Effect::None),
        Event::HandedBack => (hand_back(progress), Effect::None),
        Event::HeldBack { until_ms } => (hold_back(progress, until_ms), Effect::None),
        Event::Nudged => (nudge(progress), Effect::None),
        Event::SignedIn => (signed_in(progress), Effect::None),
        Event::RequestForgotten => (forget_request(progress), Effect::None),
        Event::ReofferDue => (reoffer(progress), Effect::None),
    }
}

fn turn(progress: Progress) -> (Progress, Effect) {
    match progress.state {
        // "Tried" is durable before the first byte leaves: the pump stores this state, then sends. One that is
        // `Sending` at its turn was abandoned: a run that ended early drops its other requests.
        // One that the system carries has its turn when nobody said in time how it ended.
        SendState::Queued
        | SendState::Sending
        | SendState::Waiting { .. }
        | SendState::NeedsSignIn
        | SendState::HandedToOs { .. } => {
            (Progress { state: SendState::Sending, tried: Tried::Perhaps, ..progress }, Effect::Offer)
        }
        SendState::Withdrawing { .. } => (progress, Effect::PostWithdraw),
        SendState::Paused | SendState::Accepted | SendState::Refused(_) | SendState::Withdrawn => {
            (progress, Effect::None)
        }
    }
}

fn answered(
    progress: Progress,
    answer: Answer,
    others_pass: bool,
    draw: u32,
    now_ms: i64,
) -> (Progress, Effect) {
    if !progress.state.is_open() {
        return (progress, Effect::None);
    }
    let withdrawing = matches!(progress.state, SendState::Withdrawing { .. });
    let settled = |state| Progress { state, attempts: 0, server_faults: 0, stuck: false, ..progress.clone() };
    let next = match answer {
        Answer::Accepted => settled(SendState::Accepted),
        // An entry on its way that was withdrawn from another copy of this phone.
        Answer::Withdrawn => settled(SendState::Withdrawn),
        Answer::Refused(refusal) => settled(SendState::Refused(refusal)),
        Answer::SignedOut if withdrawing => {
            Progress { state: SendState::Withdrawing { until_ms: 0 }, ..progress }
        }
        // Nothing of this app was on its way; what the person or the system decided stands.
        Answer::SignedOut | Answer::Transient { .. } if is_set_down(&progress.state) => progress,
        Answer::SignedOut => Progress { state: SendState::NeedsSignIn, ..progress },
        Answer::EpochStale => forget_request(progress),
        Answer::Transient { fault, retry_after_s } => {
            // Whoever answers in the server's place counts too: a firewall that dislikes one text is such a one.
            let answered = matches!(fault, Fault::ServerFault | Fault::NotPortico);
            let server_faults = progress.server_faults.saturating_add(u32::from(answered));
            // Whatever the firm does about it, those behind it need not wait for that.
            let waits_for_the_firm = fault == Fault::DocumentMissing;
            let stuck = progress.stuck || waits_for_the_firm || (server_faults >= STUCK_AFTER && others_pass);
            let wait_ms = if stuck {
                backoff::LONGEST_MS
            } else {
                backoff::delay_ms(progress.attempts, retry_after_s, draw)
            };
            let until_ms = now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX));
            let state = if withdrawing {
                SendState::Withdrawing { until_ms }
            } else {
                SendState::Waiting { until_ms, fault }
            };
            let attempts = progress.attempts.saturating_add(1);
            Progress { state, attempts, server_faults, stuck, ..progress }
        }
    };
    (next, Effect::None)
}

const fn is_set_down(state: &SendState) -> bool {
    matches!(state, SendState::Paused | SendState::HandedToOs { .. })
}

/// Whether it is to be sent, by whomever: the person may pause it, the system may take it.
const fn is_to_be_sent(state: &SendState) -> bool {
    match state {
        SendState::Queued
        | SendState::Sending
        | SendState::Waiting { .. }
        | SendState::NeedsSignIn
        | SendState::HandedToOs { .. } => true,
        SendState::Paused
        | SendState::Withdrawing { .. }
        | SendState::Accepted
        | SendState::Refused(_)
        | SendState::Withdrawn => false,
    }
}

fn pause(progress: Progress) -> Progress {
    if is_to_be_sent(&progress.state) { Progress { state: SendState::Paused, ..progress } } else { progress }
}

fn resume(progress: Progress) -> Progress {
    if progress.state == SendState::Paused { back_in_line(progress) } else { progress }
}

/// Bytes may leave from here on, so the entry counts as tried. What was paused was not to be sent.
fn hand_over(progress: Progress, until_ms: i64) -> Progress {
    if is_to_be_sent(&progress.state) {
        Progress { state: SendState::HandedToOs { until_ms }, tried: Tried::Perhaps, ..progress }
    } else {
        progress
    }
}

fn hand_back(progress: Progress) -> Progress {
    if matches!(progress.state, SendState::HandedToOs { .. }) { back_in_line(progress) } else { progress }
}

/// Nothing leaves, so it counts as little as tried as before.
fn hold_back(progress: Progress, until_ms: i64) -> Progress {
    if is_to_be_sent(&progress.state) {
        Progress { state: SendState::Waiting { until_ms, fault: Fault::Metered }, ..progress }
    } else {
        progress
    }
}

fn back_in_line(progress: Progress) -> Progress {
    Progress { state: SendState::Queued, attempts: 0, ..progress }
}

fn discard(progress: Progress) -> Progress {
    let state = match (&progress.state, progress.tried) {
        (
            SendState::Accepted
            | SendState::Refused(_)
            | SendState::Withdrawn
            | SendState::Withdrawing { .. },
            _,
        ) => {
            return progress;
        }
        // Nothing has left this phone, so nobody else has to know.
        (_, Tried::Never) => SendState::Withdrawn,
        (_, Tried::Perhaps) => SendState::Withdrawing { until_ms: 0 },
    };
    Progress { state, ..progress }
}

fn nudge(progress: Progress) -> Progress {
    let state = match progress.state {
        // What a server keeps failing on is not the network's fault.
        _ if progress.stuck => return progress,
        SendState::Waiting { .. } => SendState::Queued,
        SendState::Withdrawing { .. } => SendState::Withdrawing { until_ms: 0 },
        SendState::Queued
        | SendState::Sending
        | SendState::NeedsSignIn
        | SendState::Paused
        | SendState::HandedToOs { .. }
        | SendState::Accepted
        | SendState::Refused(_)
        | SendState::Withdrawn => return progress,
    };
    Progress { state, attempts: 0, ..progress }
}

fn signed_in(progress: Progress) -> Progress {
    match progress.state {
        SendState::NeedsSignIn => back_in_line(progress),
        SendState::Queued
        | SendState::Sending
        | SendState::Waiting { .. }
        | SendState::Paused
        | SendState::HandedToOs { .. }
        | SendState::Withdrawing { .. }
        | SendState::Accepted
        | SendState::Refused(_)
        | SendState::Withdrawn => nudge(progress),
    }
}

fn forget_request(progress: Progress) -> Progress {
    match progress.state {
        SendState::Sending => Progress { state: SendState::Queued, ..progress },
        SendState::Queued
        | SendState::Waiting { .. }
        | SendState::NeedsSignIn
        | SendState::Paused
        | SendState::HandedToOs { .. }
        | SendState::Withdrawing { .. }
        | SendState::Accepted
        | SendState::Refused(_)
        | SendState::Withdrawn => progress,
    }
}

fn reoffer(progress: Progress) -> Progress {
    match progress.state {
        SendState::Accepted => Progress { state: SendState::Queued, tried: Tried::Perhaps, ..Progress::NEW },
        SendState::Queued
        | SendState::Sending
        | SendState::Waiting { .. }
        | SendState::NeedsSignIn
        | SendState::Paused
        | SendState::HandedToOs { .. }
        | SendState::Withdrawing { .. }
        | SendState::Refused(_)
        | SendState::Withdrawn => forget_request(progress),
    }
}

#[cfg(test)]
mod tests {
    use portico_wire::refusal::RefusalCode;

    use super::*;

    fn states() -> Vec<SendState> {
        vec![
            SendState::Queued,
            SendState::Sending,
            SendState::Waiting { until_ms: 50, fault: Fault::NoConnection },
            SendState::NeedsSignIn,
            SendState::Paused,
            SendState::HandedToOs { until_ms: 50 },
            SendState::Withdrawing { until_ms: 0 },
            SendState::Accepted,
            SendState::Refused(Refusal::of(RefusalCode::BodyEmpty)),
            SendState::Withdrawn,
        ]
    }

    fn answers() -> Vec<Answer> {
        let mut out = vec![
            Answer::Accepted,
            Answer::Refused(Refusal::of(RefusalCode::ConversationClosed)),
            Answer::Withdrawn,
            Answer::SignedOut,
            Answer::EpochStale,
        ];
        for fault in [Fault::NoConnection, Fault::NotPortico, Fault::ServerFault, Fault::ServerBusy] {
            out.push(Answer::Transient { fault, retry_after_s: None });
        }
        out
    }

    fn at(state: SendState, tried: Tried) -> Progress {
        Progress { state, tried, ..Progress::NEW }
    }

    fn after(progress: Progress, answer: Answer) -> Progress {
        step(progress, Event::Answered { answer, others_pass: true, draw: 0 }, 100).0
    }

    // R51: transient trouble never gives up, and every entry can end.
    #[test]
    fn every_open_state_has_a_way_to_an_end() {
        for state in states().into_iter().filter(SendState::is_open) {
            let mut progress = at(state.clone(), Tried::Perhaps);
            for event in [Event::RequestForgotten, Event::SignedIn, Event::ResumeTapped, Event::TurnCame] {
                progress = step(progress, event, 100).0;
            }

            let ended = after(progress, Answer::Accepted);

            assert_eq!(ended.state, SendState::Accepted, "from {state:?}");
        }
    }

    // R51: accepted, refused and withdrawn are for ever, but for a server that was restored.
    #[test]
    fn no_event_but_a_restore_leaves_an_end() {
        for state in states().into_iter().filter(|state| !state.is_open()) {
            let events = [
                Event::TurnCame,
                Event::DiscardTapped,
                Event::PauseTapped,
                Event::ResumeTapped,
                Event::HandedOver { until_ms: 50 },
                Event::HandedBack,
                Event::Nudged,
                Event::SignedIn,
                Event::RequestForgotten,
            ];
            for event in events {
                assert_eq!(step(at(state.clone(), Tried::Perhaps), event, 100).0.state, state);
            }
            for answer in answers() {
                assert_eq!(after(at(state.clone(), Tried::Perhaps), answer).state, state);
            }
        }
    }

    // R51: only an untried entry is discarded on the phone alone.
    #[test]
    fn discarding_what_may_have_left_asks_the_server() {
        let untried = step(at(SendState::Queued, Tried::Never), Event::DiscardTapped, 100).0;
        let tried = step(at(SendState::Queued, Tried::Perhaps), Event::DiscardTapped, 100).0;

        assert_eq!(untried.state, SendState::Withdrawn);
        assert_eq!(tried.state, SendState::Withdrawing { until_ms: 0 });
        assert_eq!(step(tried, Event::TurnCame, 100).1, Effect::PostWithdraw);
    }

    // R40: a stuck entry holds nobody up, and is tried on.
    #[test]
    fn twenty_server_faults_while_others_pass_set_an_entry_aside() {
        let mut progress = at(SendState::Sending, Tried::Perhaps);
        for _ in 0..STUCK_AFTER {
            assert!(!progress.stuck);
            progress = after(progress, Answer::Transient { fault: Fault::ServerFault, retry_after_s: None });
        }

        assert!(progress.stuck);
        assert_eq!(step(progress.clone(), Event::TurnCame, 200).1, Effect::Offer);
        assert!(!after(progress, Answer::Accepted).stuck);
    }

    // R51: a request that was abandoned half way holds nothing up.
    #[test]
    fn turn_of_every_open_state_acts() {
        for state in states().into_iter().filter(|state| state.is_open() && *state != SendState::Paused) {
            assert_ne!(
                step(at(state.clone(), Tried::Perhaps), Event::TurnCame, 100).1,
                Effect::None,
                "{state:?}"
            );
        }
    }

    #[test]
    fn faults_of_the_network_never_make_an_entry_stuck() {
        let mut progress = at(SendState::Sending, Tried::Perhaps);
        for _ in 0..100 {
            progress = after(progress, Answer::Transient { fault: Fault::NoConnection, retry_after_s: None });
        }

        assert!(!progress.stuck);
    }

    #[test]
    fn withdrawal_goes_on_through_trouble_and_takes_any_answer() {
        for answer in answers() {
            let next =
                after(at(SendState::Withdrawing { until_ms: 0 }, Tried::Perhaps), answer.clone()).state;
            match answer {
                Answer::Accepted => assert_eq!(next, SendState::Accepted),
                Answer::Withdrawn => assert_eq!(next, SendState::Withdrawn),
                Answer::Refused(refusal) => assert_eq!(next, SendState::Refused(refusal)),
                Answer::Transient { .. } | Answer::SignedOut | Answer::EpochStale => {
                    assert!(matches!(next, SendState::Withdrawing { .. }));
                }
            }
        }
    }

    // R52: what the person paused, and what the system carries, no passing trouble sets going.
    #[test]
    fn set_down_entry_stays_where_it_was_put_until_its_own_word() {
        for state in [SendState::Paused, SendState::HandedToOs { until_ms: 50 }] {
            let down = at(state.clone(), Tried::Perhaps);
            for event in [Event::Nudged, Event::SignedIn, Event::RequestForgotten] {
                assert_eq!(step(down.clone(), event, 100).0.state, state);
            }
            for answer in answers() {
                let after = after(down.clone(), answer.clone()).state;
                let ends = matches!(answer, Answer::Accepted | Answer::Refused(_) | Answer::Withdrawn);
                assert_eq!(after == state, !ends, "{answer:?}");
            }
        }
        let resumed = step(at(SendState::Paused, Tried::Perhaps), Event::ResumeTapped, 100).0;
        let back = step(at(SendState::HandedToOs { until_ms: 50 }, Tried::Perhaps), Event::HandedBack, 100).0;
        assert_eq!((resumed.state, back.state), (SendState::Queued, SendState::Queued));
        let handed = step(at(SendState::Queued, Tried::Never), Event::HandedOver { until_ms: 9 }, 1).0;
        assert_eq!(handed, at(SendState::HandedToOs { until_ms: 9 }, Tried::Perhaps));
        assert_eq!(
            step(at(SendState::Paused, Tried::Never), Event::HandedOver { until_ms: 9 }, 1).0.state,
            SendState::Paused
        );
    }

    #[test]
    fn accepted_entry_is_offered_again_as_tried() {
        let again = step(at(SendState::Accepted, Tried::Perhaps), Event::ReofferDue, 100).0;

        assert_eq!(again, at(SendState::Queued, Tried::Perhaps));
    }
}
