//! What a line does to a stream of bytes: it is slow, it is cut, it flips one, clocks jump meanwhile.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use portico_core::ports::PackBytes;
use portico_core::testing::FakeClock;

/// A line on which time passes before each 64 KiB; whoever waits for it gets their turn.
pub(crate) fn slowed(line: PackBytes, clock: FakeClock, each_ms: i64) -> PackBytes {
    let pieces = line.flat_map(|read| {
        let pieces: Vec<io::Result<Bytes>> = match read {
            Ok(bytes) => bytes.chunks(PIECE_BYTES).map(|piece| Ok(bytes.slice_ref(piece))).collect(),
            Err(fault) => vec![Err(fault)],
        };
        futures_util::stream::iter(pieces)
    });
    let late = pieces.then(move |piece| {
        clock.advance(each_ms);
        async move {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            piece
        }
    });
    late.boxed()
}

/// A line after whose first piece the phone's clock jumps.
pub(crate) fn jumping(line: PackBytes, clock: FakeClock, by_ms: i64) -> PackBytes {
    let mut jump = Some(by_ms);
    let pieces = line.enumerate().map(move |(place, piece)| {
        if place > 0
            && let Some(by_ms) = jump.take()
        {
            clock.jump(by_ms);
        }
        piece
    });
    pieces.boxed()
}

/// A line that is cut after `bytes`, or one byte of which is flipped.
pub(crate) fn spoiled(
    line: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    bytes: u64,
    flipped: Option<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let mut at = 0;
    line.map(move |chunk| {
        let mut chunk = chunk?.to_vec();
        let begins = at;
        at += chunk.len() as u64;
        if begins >= bytes {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        chunk.truncate(usize::try_from(bytes - begins).unwrap_or(usize::MAX));
        let place = flipped.and_then(|place| usize::try_from(place.checked_sub(begins)?).ok());
        if let Some(byte) = place.and_then(|place| chunk.get_mut(place)) {
            *byte ^= 1;
        }
        Ok(Bytes::from(chunk))
    })
}

/// A slow line's step.
const PIECE_BYTES: usize = 65_536;
/// Enough for a phone to look how far its upload is, under the token that it has by then.
const TURNS: usize = 100;
