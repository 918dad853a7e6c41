//! `token`, `status` and `logout`: the login that the store has.

use poggio::oauth::{AccessToken, Logout, Session};
use serde_json::json;

use super::login_view;
use crate::{
    args::{Options, TokenArgs},
    environment::{Environment, Mode},
    exit::Exit,
    failure::{Failure, LOG_IN},
    output::Output,
    shown::{plain, time},
};

/// Prints a valid token. One that is not due for a refresh is printed without an HTTP client, whose
/// certificates take longer to load than the rest.
pub(super) async fn token(
    args: &TokenArgs,
    options: &Options,
    output: Output,
) -> Result<(), Failure> {
    let environment = Environment::open(options, Mode::Offline).await?;
    let session = environment.session(options, args.resource.as_deref(), Vec::new())?;
    let token = match session.saved_login().await? {
        Some(login) if login.token().is_none() => {
            let environment = Environment::open(options, Mode::Online).await?;
            let session = environment.session(options, args.resource.as_deref(), Vec::new())?;
            session.access_token().await?
        }
        Some(_) => session.access_token().await?,
        None => return Err(login_required(&session, &environment, options).await),
    };
    print(&token, output)
}

fn print(token: &AccessToken, output: Output) -> Result<(), Failure> {
    if !output.json {
        return Output::text(token.expose());
    }
    Output::json(&json!({
        "access_token": token.expose(),
        "token_type": token.token_type(),
        "expires_at": token.expires_at().map(time),
        "scopes": token.scopes(),
    }))
}

/// Returns the failure without a login. Sends nothing.
async fn login_required(
    session: &Session,
    environment: &Environment,
    options: &Options,
) -> Failure {
    let failure = match session.access_token().await {
        // Another process has logged in.
        Ok(_) => Failure::new(Exit::Retry, "the login has changed").help("run it again"),
        Err(error) => Failure::from(error),
    };
    let failure = failure.place(environment.store.path().display().to_string());
    match &options.account {
        Some(account) => {
            failure.note(format!("each account has its own login; this is {}", plain(account)))
        }
        None => failure,
    }
}

pub(super) async fn status(
    args: &TokenArgs,
    options: &Options,
    output: Output,
) -> Result<(), Failure> {
    let environment = Environment::open(options, Mode::Offline).await?;
    let session = environment.session(options, args.resource.as_deref(), Vec::new())?;
    let Some(login) = session.saved_login().await? else {
        return Err(login_required(&session, &environment, options).await);
    };
    let title = if login.token().is_some() || login.can_refresh() {
        "logged in"
    } else {
        "the login has ended"
    };
    let rows = login_view::rows(&login, &environment, options);
    output.result(title, rows, &login_view::json(&login, &environment, options))?;
    if login.token().is_some() || login.can_refresh() {
        return Ok(());
    }
    Err(Failure::new(Exit::LogIn, "the token has expired, and there is no refresh token")
        .help(LOG_IN))
}

pub(super) async fn logout(
    args: &TokenArgs,
    options: &Options,
    output: Output,
) -> Result<(), Failure> {
    // Only metadata names an endpoint that revokes tokens.
    let mode = if options.is_discovered() { Mode::Online } else { Mode::Offline };
    let environment = Environment::open(options, mode).await?;
    let session = environment.session(options, args.resource.as_deref(), Vec::new())?;
    let (title, name) = match session.logout().await? {
        Logout::Revoked => {
            ("logged out: the tokens were erased, and revoked at the server", "revoked")
        }
        Logout::NotLoggedIn => ("nobody was logged in", "not_logged_in"),
        _ => ("logged out: the tokens were erased here, but not revoked at the server", "erased"),
    };
    if output.json { Output::json(&json!({ "logout": name })) } else { Output::text(title) }
}
