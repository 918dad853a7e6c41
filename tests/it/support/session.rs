//! Sessions on any store: a login without a browser, many callers when a token expires, and many
//! accounts. `tests/keyring` and `tests/interop` include this file too.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use poggio::{
    oauth::{AccessToken, AuthorizationServer, OAuthErrorKind, Session},
    testing::{Reply, Server},
};
use tokio::task::{JoinSet, spawn_blocking};

/// The number of processes, and of tasks.
const CALLERS: usize = 64;
const ACCOUNTS: usize = 50;
const SECOND_TOKEN: &str = "loopback-access-token-2-of-no-value-elsewhere";

/// Returns the endpoints of the loopback server with this URL.
pub(crate) fn endpoints_at(base_url: &str) -> AuthorizationServer {
    AuthorizationServer::new(
        format!("{base_url}/app/oauth/authorize"),
        format!("{base_url}/v2/oauth/token"),
    )
}

async fn log_in(server: &Server, session: &Session) -> AccessToken {
    let authorization = session.begin_login().await.unwrap();
    let callback = server.allow(authorization.url().as_str()).await;
    session.finish_login(authorization, &callback).await.unwrap()
}

/// Checks that 64 processes and 64 tasks send one request when a token expires, and get its token.
/// `open` returns a session as another process has it, and `process` the command of a process that
/// prints the token of such a session.
pub(crate) async fn check_one_refresh(
    server: &Server,
    open: impl Fn() -> Session,
    process: impl Fn() -> Command,
) {
    server.rotate_refresh_tokens(true);
    server.script_token([Reply::issued().with_member("expires_in", 0)]);
    log_in(server, &open()).await;

    // Callers arrive while the request is under way, and after it.
    server.script_token([Reply::issued().with_delay(Duration::from_secs(1))]);
    let start = || process().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let processes: Vec<_> = (0..CALLERS).map(|_| start()).collect();
    let sessions: Vec<_> = (0..CALLERS / 8).map(|_| open()).collect();
    let mut tasks = JoinSet::new();
    for index in 0..CALLERS {
        let session = sessions[index % sessions.len()].clone();
        tasks.spawn(async move { session.access_token().await.unwrap().expose().to_owned() });
    }
    assert_eq!(tasks.join_all().await, vec![SECOND_TOKEN; CALLERS]);
    for process in processes {
        let output = spawn_blocking(move || process.wait_with_output()).await.unwrap().unwrap();
        let is_valid = String::from_utf8_lossy(&output.stdout).contains(SECOND_TOKEN);
        assert!(output.status.success() && is_valid, "{output:?}");
    }

    let requests = server.token_requests();
    let grants: Vec<_> = requests.iter().map(|request| request.field("grant_type")).collect();
    assert_eq!(grants, [Some("authorization_code"), Some("refresh_token")]);
    let login = open().saved_login().await.unwrap().unwrap();
    assert!(login.can_refresh() && login.token().unwrap().expose() == SECOND_TOKEN);
}

/// Checks that 50 accounts share one registration, and that a logout affects one of them. `open`
/// returns a session of an account as another process has it.
///
/// With a token of 3,000 bytes, the document of an account does not fit into an entry of a keyring
/// with a limit of 2,560 bytes.
pub(crate) async fn check_accounts(server: &Server, open: impl Fn(&str) -> Session) {
    let long = |index: usize| format!("loopback-access-token-of-{index}-{}", "x".repeat(3000));
    let names: Vec<_> = (0..ACCOUNTS).map(|index| format!("User {index}@acme.example")).collect();
    for (index, name) in names.iter().enumerate() {
        server.script_token([Reply::issued().with_member("access_token", long(index))]);
        assert_eq!(log_in(server, &open(name)).await.expose(), long(index));
    }
    assert_eq!(server.registrations().len(), 1);

    let logged_out = ACCOUNTS / 2;
    open(&names[logged_out]).logout().await.unwrap();
    let sent = server.requests().len();
    for (index, name) in names.iter().enumerate() {
        let (login, token) = (open(name).saved_login().await, open(name).access_token().await);
        if index == logged_out {
            assert!(login.unwrap().is_none());
            assert_eq!(token.unwrap_err().kind(), OAuthErrorKind::LoginRequired);
        } else {
            assert_eq!(login.unwrap().unwrap().token().unwrap().expose(), long(index));
            assert_eq!(token.unwrap().expose(), long(index));
        }
    }
    assert_eq!(server.requests().len(), sent);

    // The account can log in again.
    log_in(server, &open(&names[logged_out])).await;
    open(&names[logged_out]).access_token().await.unwrap();
    assert_eq!(server.registrations().len(), 1);
}
