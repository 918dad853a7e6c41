//! Questions, and lines from the terminal.

use std::{
    io::{self, IsTerminal, Write},
    thread,
};

use tokio::sync::oneshot;

use crate::{exit::Exit, failure::Failure};

/// Returns whether a person can type.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Reads a line from standard input. At its end, waits forever.
///
/// A thread reads, because a read cannot be cancelled, and the end of the command must not wait for
/// it.
pub(crate) async fn read_line() -> String {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut line = String::new();
        if io::stdin().read_line(&mut line).is_ok_and(|len| len > 0) {
            let _ = sender.send(line);
        }
    });
    match receiver.await {
        Ok(line) => line.trim().to_owned(),
        Err(_) => std::future::pending().await,
    }
}

/// Asks the person at the terminal. `question` is what is the case, and what happens then.
///
/// Without a terminal, or with another reply than yes, returns it as a failure with this help.
pub(crate) async fn confirm(what: &str, question: &str, help: &str) -> Result<(), Failure> {
    let failure = || Failure::new(Exit::Confirm, what).help(help);
    if !is_interactive() {
        return Err(failure().outcome(poggio::Outcome::NotRegistered));
    }
    let mut output = anstream::stderr();
    let _ = write!(output, "{what}\n{question} [y/N] ").and_then(|()| output.flush());
    match read_line().await.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(failure().outcome(poggio::Outcome::NotRegistered)),
    }
}
