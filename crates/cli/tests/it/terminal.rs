//! The command in a terminal: questions, a pasted URL, colours and width.

use poggio::testing::Reply;

use crate::{
    assert_shown,
    support::{Fixture, pty::Terminal},
};

const REGISTER: [&str; 3] = ["register", "--redirect-uri", "http://127.0.0.1/callback"];

#[tokio::test]
async fn question_is_answered_with_yes_or_no() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.run(&REGISTER).code, Some(0));
    for (reply, code, requests) in [("", 8, 1), ("n", 8, 1), ("y", 0, 2)] {
        let mut terminal = Terminal::start(&mut fixture.command(&REGISTER), 100);
        terminal.wait_for("[y/N] ");
        terminal.type_line(reply);
        let (printed, exit) = terminal.finish();
        assert_eq!((exit, fixture.server.requests().len()), (Some(code), requests), "{printed}");
    }
}

#[tokio::test]
async fn question_after_an_unknown_outcome_sends_after_a_yes() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::disconnect()]);
    fixture.run(&REGISTER);
    let mut terminal = Terminal::start(&mut fixture.command(&REGISTER), 100);
    terminal.wait_for("[y/N] ");
    terminal.type_line("y");
    let (printed, code) = terminal.finish();
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(fixture.server.requests().len(), 2);
}

#[tokio::test]
async fn question_can_be_interrupted() {
    let fixture = Fixture::new().await;
    fixture.run(&REGISTER);
    let mut terminal = Terminal::start(&mut fixture.command(&REGISTER), 100);
    terminal.wait_for("[y/N] ");
    crate::register::interrupt(terminal.child.id());
    let (printed, code) = terminal.finish();
    assert_eq!(code, Some(130), "{printed}");
    assert_eq!(fixture.server.requests().len(), 1);
}

#[tokio::test]
async fn login_accepts_a_callback_url_that_is_pasted() {
    let fixture = Fixture::new().await;
    let mut terminal = Terminal::start(&mut fixture.command(&["login", "--no-browser"]), 100);
    let printed = terminal.wait_for("paste the URL");
    let url = printed.lines().find_map(|line| line.strip_prefix("  http")).unwrap();
    let callback = fixture.server.allow(&format!("http{}", url.trim_end())).await;
    terminal.type_line(&callback);
    let (printed, code) = terminal.finish();
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(fixture.run(&["token"]).code, Some(0));
}

#[tokio::test]
async fn list_fits_a_narrow_terminal() {
    let fixture = Fixture::new().await;
    fixture.register(&[]);
    let terminal = Terminal::start(&mut fixture.command(&["clients", "list"]), 60);
    let (printed, code) = terminal.finish();
    assert_eq!(code, Some(0));
    assert!(printed.lines().all(|line| line.chars().count() <= 60), "{printed}");
    assert_shown!(fixture, "clients_narrow", printed);
}

#[tokio::test]
async fn errors_have_colours_unless_no_color_is_set() {
    let fixture = Fixture::new().await;
    let token = || fixture.command(&["token"]);
    let (printed, _) = Terminal::start(&mut token(), 100).finish();
    assert!(printed.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "), "{printed:?}");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let terminal = Terminal::start_with(&mut token(), 100, &[(name, value)]);
        let (printed, _) = terminal.finish();
        assert!(printed.starts_with("error: "), "{printed:?}");
        assert!(!printed.contains('\u{1b}'), "{name}: {printed:?}");
    }
}
