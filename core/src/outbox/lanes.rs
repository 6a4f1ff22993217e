//! Who goes first where the two lanes of a conversation meet. Pure.
//!
//! Holds (R40): texts keep their order, batches keep theirs; a text waits for an earlier batch for at most
//! [`TEXT_WAITS_MS`] of connected time, then passes it. What is offered again after a restore is one line of both
//! kinds, before everything newer.

use super::entry::{Fault, SendState};

/// Nobody's "I am late" waits longer for 100 MB.
pub const TEXT_WAITS_MS: i64 = 10_000;

/// A batch that stands before a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Where it stands.
    pub state: SendState,
    /// Whether the server has answered in its present attempt.
    pub reached: bool,
}

/// Whether a text may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTurn {
    /// It may.
    Now,
    /// It waits; the time begins, or goes on, to count.
    Until(i64),
    /// It waits, and no time counts: there is no connection.
    WhileOffline,
}

/// Decides for the first text of a lane with `before` before it, held since `since_ms` if its time runs already.
#[must_use]
pub fn text_turn(before: Option<&Before>, since_ms: Option<i64>, now_ms: i64) -> TextTurn {
    let Some(before) = before else { return TextTurn::Now };
    let counts = match &before.state {
        SendState::Sending => before.reached,
        // Nobody knows when it moves, so nobody waits for it.
        SendState::Waiting { fault: Fault::Metered, .. } => return TextTurn::Now,
        SendState::Waiting { fault, .. } => !matches!(fault, Fault::NoConnection | Fault::Untrusted),
        SendState::HandedToOs { .. } => true,
        SendState::Queued => false,
        // It does not move by itself, so nobody waits for it.
        SendState::Paused
        | SendState::NeedsSignIn
        | SendState::Withdrawing { .. }
        | SendState::Accepted
        | SendState::Refused(_)
        | SendState::Withdrawn => return TextTurn::Now,
    };
    match since_ms {
        // A clock that jumped back must not hold it for longer.
        Some(since_ms) if !(since_ms..since_ms.saturating_add(TEXT_WAITS_MS)).contains(&now_ms) => {
            TextTurn::Now
        }
        Some(since_ms) => TextTurn::Until(since_ms.saturating_add(TEXT_WAITS_MS)),
        None if counts => TextTurn::Until(now_ms.saturating_add(TEXT_WAITS_MS)),
        None => TextTurn::WhileOffline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(state: SendState, reached: bool) -> Before {
        Before { state, reached }
    }

    // R40
    #[test]
    fn text_waits_ten_connected_seconds_for_an_earlier_batch() {
        let sending = batch(SendState::Sending, true);

        assert_eq!(text_turn(None, None, 500), TextTurn::Now);
        assert_eq!(text_turn(Some(&sending), None, 500), TextTurn::Until(10_500));
        assert_eq!(text_turn(Some(&sending), Some(500), 10_499), TextTurn::Until(10_500));
        assert_eq!(text_turn(Some(&sending), Some(500), 10_500), TextTurn::Now);
        assert_eq!(text_turn(Some(&sending), Some(500), 499), TextTurn::Now);
    }

    // R40: time without a connection is nobody's delay.
    #[test]
    fn offline_time_does_not_count() {
        let waiting = |fault| SendState::Waiting { until_ms: 0, fault };
        for before in [
            batch(waiting(Fault::NoConnection), true),
            batch(waiting(Fault::Untrusted), true),
            batch(SendState::Sending, false),
            batch(SendState::Queued, false),
        ] {
            assert_eq!(text_turn(Some(&before), None, 500), TextTurn::WhileOffline, "{before:?}");
        }
        let busy = SendState::Waiting { until_ms: 0, fault: Fault::ServerBusy };
        assert_eq!(text_turn(Some(&batch(busy, false)), None, 500), TextTurn::Until(10_500));
    }

    // R40: a batch that stands still by somebody's will holds nobody up.
    #[test]
    fn paused_batch_holds_no_text() {
        let metered = SendState::Waiting { until_ms: 0, fault: Fault::Metered };
        let withdrawing = SendState::Withdrawing { until_ms: 0 };
        for state in [SendState::Paused, SendState::NeedsSignIn, metered, withdrawing] {
            assert_eq!(text_turn(Some(&batch(state, true)), None, 500), TextTurn::Now);
        }
    }
}
