//! Ports for programs that cannot take port 0.

use std::net::TcpListener;

/// Returns ports of 127.0.0.1 that were free a moment ago.
///
/// Another program may take one, so a test that cannot use the first tries the next.
pub(crate) fn free_ports() -> impl Iterator<Item = u16> {
    (0..10).map(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    })
}
