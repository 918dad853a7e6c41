//! Runs a call of a session: its protocol, and the request that the protocol allows.

use futures_util::future::BoxFuture;

use super::{
    context::Context,
    document::{Entry, Token},
    protocol::{CallResult, Protocol, Step, Task},
};
use crate::{
    oauth::{access_token::AccessToken, error::OAuthError},
    store::{Call, Claim},
};

/// Prepares a call for this task.
pub(super) fn call(context: &Context, task: Task) -> Call<'_, Protocol> {
    let claim = Claim::new(context.timeout());
    let protocol = Protocol::new(context.key.clone(), task, claim);
    Call::new(&*context.tokens, context.timeout(), protocol)
}

/// Performs the steps of a call from `step` on. `send` requests a token, and gets the one that it
/// replaces.
///
/// A change that cannot be saved is left to the next call, unless there were more than `logouts` since.
pub(super) async fn run<'a>(
    context: &Context,
    mut call: Call<'_, Protocol>,
    mut step: Step,
    logouts: u64,
    send: impl FnOnce(Option<Entry>) -> BoxFuture<'a, Result<Entry, OAuthError>>,
) -> Result<CallResult, OAuthError> {
    let mut send = Some(send);
    let mut failure = None;
    loop {
        step = match step {
            Step::Return(CallResult::Failed) => {
                return Err(failure.unwrap_or_else(OAuthError::interrupted));
            }
            Step::Return(result) => return Ok(result),
            Step::Request(entry) => match call.prepare().await {
                Ok(Some(step)) => step,
                Ok(None) => match request(entry, send.take()).await {
                    Ok(entry) => call.protocol.on_token(entry),
                    Err(error) => {
                        let protocol = &mut call.protocol;
                        let step = if error.is_invalid_grant() {
                            protocol.on_invalid_grant()
                        } else if let Some(token) = error.recovered_refresh_token() {
                            protocol.on_recovered(Token::from(token))
                        } else {
                            protocol.on_failed()
                        };
                        failure = Some(error);
                        step
                    }
                },
                Err(error) => {
                    failure = Some(error.into());
                    call.protocol.on_failed()
                }
            },
            step => match call.run(step).await {
                Ok(step) => step,
                // The failed write may have taken effect, so read again.
                Err(_) if call.wait_before_retry().await => Step::Read,
                Err(error) => {
                    let Some(step) = call.protocol.on_store_error() else {
                        if let Some(change) = call.protocol.unsaved() {
                            context.set_unsaved(change, logouts);
                        }
                        return Err(error.into());
                    };
                    tracing::debug!(%error, "the claim was not written or not removed");
                    failure = failure.or(Some(error.into()));
                    step
                }
            },
        };
    }
}

/// Returns the token of a call, and keeps it in memory.
pub(super) fn finish(
    context: &Context,
    result: CallResult,
    logouts: u64,
) -> Result<AccessToken, OAuthError> {
    match result {
        CallResult::Token(entry) => Ok(context.keep(&entry, logouts)),
        CallResult::LoginRequired(problem) => Err(OAuthError::login_required(problem)),
        // Not reached: these calls return a token, or why there is none.
        CallResult::Removed(_) | CallResult::Saved | CallResult::Failed => {
            Err(OAuthError::interrupted())
        }
    }
}

async fn request<'a>(
    entry: Option<Entry>,
    send: Option<impl FnOnce(Option<Entry>) -> BoxFuture<'a, Result<Entry, OAuthError>>>,
) -> Result<Entry, OAuthError> {
    match send {
        Some(send) => send(entry).await,
        // Not reached: a protocol allows one request.
        None => Err(OAuthError::interrupted()),
    }
}

/// The `send` of a call without a request.
pub(super) fn no_request(_: Option<Entry>) -> BoxFuture<'static, Result<Entry, OAuthError>> {
    Box::pin(std::future::ready(Err(OAuthError::interrupted())))
}
