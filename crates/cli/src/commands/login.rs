//! `login`: the browser, the URL on the terminal, and a callback URL that is pasted there.

use std::time::Duration;

use poggio::{
    FileStore, RegistrationStoreExt,
    oauth::{LoginOptions, SavedLogin},
};

use super::login_view;
use crate::{
    args::{LoginArgs, Options},
    environment::{Environment, Mode, login_metadata},
    exit::Exit,
    failure::Failure,
    output::Output,
    phase::Phase,
    terminal,
};

pub(super) async fn login(
    args: LoginArgs,
    options: &Options,
    output: Output,
    phase: &Phase,
) -> Result<(), Failure> {
    let environment = Environment::open(options, Mode::Online).await?;
    let scopes = args.scope.iter().flat_map(|scopes| scopes.split_whitespace());
    let scopes = scopes.map(str::to_owned).collect();
    let session = environment.session(options, args.token.resource.as_deref(), scopes)?;
    output.progress(&format!(
        "server  {}\nstore   {}",
        environment.server_name(),
        environment.store.path().display()
    ));

    let known = clients_in_use(&environment.store).await?;
    if registers(&environment).await? || args.renew_client {
        phase.start_registering();
    } else {
        phase.start_login();
    }
    session.login(login_options(args)).await?;
    phase.end();

    let Some(login) = session.saved_login().await? else {
        return Err(
            Failure::new(Exit::LogIn, "another process has logged out").help("log in again")
        );
    };
    let is_new = !known.iter().any(|known| known == login.client_id());
    report(&login, is_new, &environment, options, output)
}

/// Returns whether the login will register a client first.
async fn registers(environment: &Environment) -> Result<bool, Failure> {
    if !environment.registers {
        return Ok(false);
    }
    let poggio = environment.poggio.for_server(&environment.server)?;
    let found = poggio.find_registration(&login_metadata(), &*environment.store).await?;
    Ok(found.is_none())
}

async fn clients_in_use(store: &FileStore) -> Result<Vec<String>, Failure> {
    let all = store.list().await?;
    let in_use = all.iter().filter(|stored| stored.retired().is_none());
    Ok(in_use.map(|stored| stored.client().client_id.clone()).collect())
}

fn report(
    login: &SavedLogin,
    is_new: bool,
    environment: &Environment,
    options: &Options,
    output: Output,
) -> Result<(), Failure> {
    let rows = login_view::rows(login, environment, options);
    let title = if is_new { "logged in with a new client" } else { "logged in" };
    output.result(title, rows, &login_view::json(login, environment, options))?;
    let flag = if options.embedded { "--embedded " } else { "" };
    output.progress(&format!(
        "\nsend the token: curl -H \"Authorization: Bearer $(poggio {flag}token)\" URL"
    ));
    Ok(())
}

fn login_options(args: LoginArgs) -> LoginOptions {
    let can_paste = terminal::is_interactive();
    let mut options = LoginOptions::new()
        .browser(!args.no_browser)
        .timeout(Duration::from_secs(args.timeout))
        .renew_client(args.renew_client)
        .on_url(move |url| show(url, can_paste));
    if let Some(port) = args.port {
        options = options.redirect_uri(format!("http://127.0.0.1:{port}/callback"));
    }
    if can_paste {
        options = options.pasted(terminal::read_line());
    }
    args.param.into_iter().fold(options, |options, (name, value)| options.param(name, value))
}

/// Prints the URL, also with `--json`: without it, nobody can log in.
fn show(url: &str, can_paste: bool) {
    let paste = if can_paste {
        "\nIf the browser is on another machine, paste the URL that it ends at:"
    } else {
        ""
    };
    let output = Output { json: false };
    output.progress(&format!(
        "\nOpen this URL in a browser, if none has opened:\n\n  {url}\n{paste}"
    ));
}
