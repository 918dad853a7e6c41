//! The example `login` and the authorization page, as a person has them in a browser.
//!
//! `POGGIO_SCREENSHOTS=folder cargo test browser` keeps how the pages look.

mod webdriver;

use std::net::{Ipv4Addr, TcpListener};

use poggio::{
    ClientMetadata,
    oauth::{Authorization, AuthorizationServer},
    testing::Server,
};

use self::webdriver::{ENTER, TAB, in_browser};
use crate::login::{Case, Login};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_allows() {
    in_browser(async |browser| {
        // At the embedded server, in the same process as the example.
        let case = Case::new().await;
        let port = free_port().to_string();
        let scopes = ["--scope", "accounts:read", "--scope", "search"];
        let mut command = case.command(&["--print-url", "--embedded-port", &port]);
        let mut login = Login::start(command.args(scopes));
        let url = login.url();
        let callback = format!("http://127.0.0.1:{}/callback", login.port());

        browser.open(&url).await.unwrap();
        assert_eq!(browser.title().await, "Allow Poggio login example?");
        assert_eq!(browser.read("h1").await, "Allow “Poggio login example” to act for you?");
        let facts = browser.read("dl").await;
        let (id, facts) = facts.strip_prefix("Its client id\n").unwrap().split_once('\n').unwrap();
        let expected = "What it asks for\naccounts:read\nsearch\n\
            Where you are sent with the answer\n";
        assert_eq!(facts, format!("{expected}{callback}"));
        browser.keep_screenshot("1-question").await;

        browser.press("Allow").await;
        browser.shows("Return to the application").await;
        let shown = "Return to the application\n\
            The application received the response and continues the login. You can close this \
            window.";
        assert_eq!(browser.read("main").await, shown);
        browser.keep_screenshot("2-allowed").await;
        let came_back_to = browser.url().await;
        assert!(came_back_to.starts_with(&format!("{callback}?code=")), "{came_back_to}");

        let printed = login.end(0);
        for part in [
            &format!("\n  client_id  {id}\n"),
            "\nallowed\n  token      bearer, not shown\n  lifetime   3600 s\n  \
             scope      accounts:read search\n",
            "\nrefreshed\n  token      bearer, not shown\n",
        ] {
            assert!(printed.contains(part), "{part}: {printed}");
        }

        browser.open_tab().await;
        let nobody = browser.open(&came_back_to).await.unwrap_err();
        assert!(nobody.contains("ERR_CONNECTION_REFUSED"), "{nobody}");
    })
    .await;
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_denies() {
    in_browser(async |browser| {
        let case = Case::new().await;
        let mut login = case.log_in(&[]);
        let url = login.url();

        // Not by the page, so it is no answer, and the program waits on.
        let callback = format!("http://127.0.0.1:{}/callback", login.port());
        browser.open(&format!("{callback}?code=guessed&state=guessed")).await.unwrap();
        assert_eq!(browser.title().await, "Request not accepted");
        assert!(browser.read("p").await.starts_with("This is not the response"));
        browser.keep_screenshot("3-no-answer").await;

        browser.open(&url).await.unwrap();
        browser.press("Deny").await;
        browser.shows("Access was denied").await;
        let shown = "Access was denied\n\
            The application did not get access. You can close this window and return to the \
            application.";
        assert_eq!(browser.read("main").await, shown);
        browser.keep_screenshot("4-denied").await;

        let printed = login.end(5);
        assert!(printed.contains("\nerror: denied; nobody is logged in\n"), "{printed}");
        assert_eq!(case.server.token_requests().len(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() {
    in_browser(async |browser| {
        for (button, shown, code) in
            [("Allow", "Return to the application", 0), ("Deny", "Access was denied", 5)]
        {
            let case = Case::new().await;
            let mut login = case.log_in(&[]);
            browser.open(&login.url()).await.unwrap();
            browser.key(TAB).await;
            assert_eq!(browser.read_focused().await, "Allow");
            if button == "Deny" {
                browser.key(TAB).await;
                assert_eq!(browser.read_focused().await, "Deny");
            }
            browser.keep_screenshot(&format!("5-keyboard-{button}")).await;
            browser.key(ENTER).await;
            browser.shows(shown).await;
            login.end(code);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_by_itself_is_an_end_too() {
    in_browser(async |browser| {
        let case = Case::new().await;
        let mut login = case.log_in(&["--scope", "a\"b"]);
        browser.open(&login.url()).await.unwrap();
        browser.shows("The login failed").await;
        browser.keep_screenshot("6-refused").await;
        let printed = login.end(8);
        assert!(printed.contains("invalid_scope"), "{printed}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_text() {
    in_browser(async |browser| {
        let server = Server::start().await;
        for (number, name) in [
            "<script>alert(1)</script>",
            "</title></h1><img src=x onerror=alert(1)>",
            "\"'><form action=https://evil.example><button>Allow</button></form>",
            "&lt;b&gt; &amp; {{7*7}}",
        ]
        .into_iter()
        .enumerate()
        {
            let redirect = "http://127.0.0.1:8910/callback";
            let metadata = ClientMetadata::new().with_redirect_uri(redirect).with_client_name(name);
            let client = server.client().register(&metadata).await.unwrap();
            let endpoints =
                AuthorizationServer::new(server.authorization_endpoint(), server.token_endpoint());
            let oauth = client.oauth2_client(&endpoints, Some(redirect)).unwrap();
            let authorization = Authorization::new(&oauth, &endpoints, ["read"]);

            // A dialog of a script would make each of these fail.
            browser.open(authorization.url().as_str()).await.unwrap();
            assert_eq!(browser.title().await, format!("Allow {name}?"));
            assert_eq!(browser.read("h1").await, format!("Allow “{name}” to act for you?"));
            assert_eq!(browser.read("form").await, "Allow\nDeny");
            let strange = "return document.querySelectorAll('script, img, bdi *').length";
            assert_eq!(browser.run(strange).await, 0);
            browser.keep_screenshot(&format!("7-hostile-{number}")).await;
        }
        assert_eq!(server.registrations().len(), 4);
    })
    .await;
}
