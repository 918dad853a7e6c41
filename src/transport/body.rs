//! Reading a response's body under a cap and a deadline.

use std::pin::Pin;

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use tokio::time::Sleep;

use super::deadline::until;
use crate::response::{BYTE_ORDER_MARK, Truncated};

/// Reads up to `cap` bytes; what came before it is truncated is kept.
///
/// A body of one piece, which is the usual, is handed on as it lies in the HTTP library's buffer.
/// Of several, a copy is made, which is wiped on drop, since a success answer holds a secret.
pub(super) async fn read(
    response: &mut reqwest::Response,
    cap: usize,
    mut deadline: Pin<&mut Option<Sleep>>,
) -> (Bytes, Option<Truncated>) {
    let mut first = Bytes::new();
    let mut whole = Zeroizing::new(Vec::new());
    let truncated = loop {
        let chunk = match until(deadline.as_mut(), response.chunk()).await {
            None => break Some(Truncated::Timeout),
            Some(Err(error)) => break Some(Truncated::Broken(error)),
            Some(Ok(None)) => break None,
            Some(Ok(Some(chunk))) => chunk,
        };
        let room = cap - first.len().max(whole.len());
        let fitting = chunk.slice(..chunk.len().min(room));
        if first.is_empty() {
            first = fitting;
        } else {
            if whole.is_empty() {
                append(&mut whole, &first);
            }
            append(&mut whole, &fitting);
        }
        if chunk.len() > room {
            break Some(Truncated::TooLarge(cap));
        }
    };
    let body = if whole.is_empty() { first } else { Bytes::from_owner(whole) };
    (without_bom(body), truncated)
}

/// A body without the byte order mark that some servers send, and that the JSON library refuses.
fn without_bom(body: Bytes) -> Bytes {
    let is_marked = body.starts_with(BYTE_ORDER_MARK);
    if is_marked { body.slice(BYTE_ORDER_MARK.len()..) } else { body }
}

/// Appends, and wipes what is outgrown.
fn append(whole: &mut Zeroizing<Vec<u8>>, piece: &[u8]) {
    if whole.capacity() - whole.len() < piece.len() {
        let mut larger = Vec::with_capacity((whole.len() + piece.len()).max(16 * 1024) * 2);
        larger.extend_from_slice(whole);
        *whole = Zeroizing::new(larger);
    }
    whole.extend_from_slice(piece);
}
