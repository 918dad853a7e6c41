//! [`Recovery`]: what a program can do after an [`OAuthError`].

use std::time::Duration;

use super::error::{OAuthError, OAuthErrorKind};
use crate::{
    error::{Error, Outcome},
    response::ErrorCode,
};

/// The wait before another attempt if the server does not say.
const WAIT: Duration = Duration::from_secs(5);

/// What a program can do after an [`OAuthError`].
///
/// # Examples
///
/// ```
/// use poggio::oauth::{OAuthError, Recovery};
///
/// fn message(error: &OAuthError) -> String {
///     match error.recovery() {
///         Recovery::RetryAfter(wait) => format!("trying again in {} s", wait.as_secs()),
///         Recovery::LogIn => "please log in".to_owned(),
///         _ => error.to_string(),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// The same call may succeed after this time: the server's `Retry-After`, or 5 seconds.
    RetryAfter(Duration),
    /// A person has to log in.
    LogIn,
    /// The client has to be registered again, by a person's decision:
    /// [`LoginOptions::renew_client`](super::LoginOptions::renew_client), or
    /// [`mark_rejected`](crate::RegistrationStoreExt::mark_rejected).
    Register,
    /// The program, its configuration or the request has to be corrected.
    FixRequest,
    /// Nothing of this helps; show the error to a person.
    GiveUp,
}

impl OAuthError {
    /// Returns what the program can do.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        if let Some(error) = self.registration() {
            return after_registration(error);
        }
        match self.kind() {
            OAuthErrorKind::LoginRequired
            | OAuthErrorKind::TimedOut
            | OAuthErrorKind::InsufficientScope
            | OAuthErrorKind::Callback => Recovery::LogIn,
            // A token that no header can have is in the store: only a login replaces it.
            OAuthErrorKind::Unreadable if self.expose_body().is_none() => Recovery::LogIn,
            OAuthErrorKind::Transport | OAuthErrorKind::Unreadable => Recovery::RetryAfter(WAIT),
            OAuthErrorKind::Discovery if self.is_unavailable() => Recovery::RetryAfter(WAIT),
            OAuthErrorKind::Refused => self.after_refusal(),
            OAuthErrorKind::Client
            | OAuthErrorKind::Endpoint
            | OAuthErrorKind::Listener
            | OAuthErrorKind::Discovery => Recovery::FixRequest,
            OAuthErrorKind::Interrupted | OAuthErrorKind::Registration => Recovery::GiveUp,
        }
    }

    fn after_refusal(&self) -> Recovery {
        if self.is_invalid_client() {
            return Recovery::Register;
        }
        let Some(refusal) = self.refusal() else { return Recovery::GiveUp };
        let code = refusal.code().map(ErrorCode::as_str);
        let status = refusal.status().map_or(400, |status| status.as_u16());
        match (code, refusal.retry_after(), status) {
            (Some("access_denied" | "invalid_grant" | "login_required"), ..) => Recovery::LogIn,
            (_, Some(wait), _) => Recovery::RetryAfter(wait),
            (Some("temporarily_unavailable" | "server_error"), ..) | (_, _, 408 | 429 | 500..) => {
                Recovery::RetryAfter(WAIT)
            }
            _ => Recovery::FixRequest,
        }
    }
}

fn after_registration(error: &Error) -> Recovery {
    if let Some(wait) = error.retry_after() {
        return Recovery::RetryAfter(wait);
    }
    match error {
        Error::Config(_) | Error::Validation(_) => Recovery::FixRequest,
        Error::Transport(_) if error.outcome() == Outcome::NotRegistered => {
            Recovery::RetryAfter(WAIT)
        }
        _ => Recovery::GiveUp,
    }
}
