//! The faults of the model.

/// The faults that may still happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    pub(super) crashes: usize,
    /// Responses of the store that are lost or are errors.
    pub(super) store: usize,
    /// Requests without a response, that the server has or has not received.
    pub(super) lost: usize,
    /// Requests that the server refuses for now.
    pub(super) refusals: usize,
    /// How often the server ends the login.
    pub(super) ended: usize,
    /// Tokens that have expired when they arrive.
    pub(super) expired: usize,
    /// Calls after one that failed.
    pub(super) calls: usize,
    /// Whether a claim may expire while its owner is alive.
    pub(super) expiring_claims: bool,
    /// Whether the server ends a login of which a refresh token is used twice (RFC 9700 section
    /// 4.14.2).
    pub(super) revokes_reused: bool,
    /// Whether the store has a lock that is released when its holder dies.
    pub(super) has_lock: bool,
}

impl Faults {
    pub(super) fn left(&self) -> String {
        let Self { crashes, store, lost, refusals, ended, expired, calls, .. } = self;
        format!("{crashes}{store}{lost}{refusals}{ended}{expired}{calls}")
    }
}
