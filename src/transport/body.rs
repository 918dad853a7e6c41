//! Reads the body of a response, up to a size limit and a deadline.

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;

use super::deadline::Deadline;
use crate::response::{BYTE_ORDER_MARK, Truncated};

/// Reads up to `limit` bytes. If the body is truncated, returns the bytes that arrived, and why.
///
/// A body of one chunk, which is the usual case, is returned without a copy. Several chunks are copied
/// into a buffer that is wiped on drop, because a success response contains a secret.
pub(super) async fn read(
    response: &mut reqwest::Response,
    limit: usize,
    deadline: &mut Deadline<'_>,
) -> (Bytes, Option<Truncated>) {
    let mut first = Bytes::new();
    let mut buffer = Zeroizing::new(Vec::new());
    let truncated = loop {
        let chunk = match deadline.limit(response.chunk(), || true).await {
            None => break Some(Truncated::Timeout),
            Some(Err(error)) => break Some(Truncated::Broken(error.without_url())),
            Some(Ok(None)) => break None,
            Some(Ok(Some(chunk))) => chunk,
        };
        let remaining = limit - first.len().max(buffer.len());
        let accepted = chunk.slice(..chunk.len().min(remaining));
        if first.is_empty() {
            first = accepted;
        } else {
            if buffer.is_empty() {
                append(&mut buffer, &first);
            }
            append(&mut buffer, &accepted);
        }
        if chunk.len() > remaining {
            break Some(Truncated::TooLarge(limit));
        }
    };
    let body = if buffer.is_empty() { first } else { Bytes::from_owner(buffer) };
    (without_byte_order_mark(body), truncated)
}

/// Removes the byte order mark, which some servers send and `serde_json` rejects.
fn without_byte_order_mark(body: Bytes) -> Bytes {
    if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body }
}

/// Appends a chunk. If the buffer is too small, wipes it after copying it to a larger one.
fn append(buffer: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    if buffer.capacity() - buffer.len() < chunk.len() {
        let mut larger = Vec::with_capacity((buffer.len() + chunk.len()).max(16 * 1024) * 2);
        larger.extend_from_slice(buffer);
        *buffer = Zeroizing::new(larger);
    }
    buffer.extend_from_slice(chunk);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn append_replaces_a_full_buffer_instead_of_growing_it() {
        let mut buffer = Zeroizing::new(Vec::new());
        for (chunk, capacity) in [(10, 32_768), (32_758, 32_768), (1, 65_538), (65_530, 196_598)] {
            append(&mut buffer, &vec![7; chunk]);
            // A vector that grows by itself has another capacity, and its old memory is not wiped.
            assert_eq!(buffer.capacity(), capacity, "{} bytes", buffer.len());
        }
        assert_eq!(*buffer, vec![7; 98_299]);
    }
}
