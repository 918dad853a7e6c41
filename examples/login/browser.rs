//! Sends the user to the authorization page.

use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use poggio::reqwest::Url;
use tokio::task;

use crate::show::print;

/// The browser and the programs that it starts do not need this credential.
const AUTH_TOKEN: &str = "POGGIO_AUTH_TOKEN";

/// Opens the page in the user's browser. Prints the URL instead if `print_url` is set or no browser
/// can be opened. The URL contains the state, so do not write it to a log.
pub(crate) async fn open_or_print(url: &Url, print_url: bool) {
    if !print_url {
        let target = url.to_string();
        if let Ok(true) = task::spawn_blocking(move || open(&target)).await {
            print("\nallow or deny access in your browser (--print-url prints the URL instead)\n");
            return;
        }
        print("\nthe browser could not be opened\n");
    }
    print(&format!("\nopen this URL in a browser, and allow or deny access:\n\n  {url}\n"));
}

/// Tries the platform's programs in order. Returns whether one of them opened the page.
fn open(url: &str) -> bool {
    open::commands(url).iter_mut().any(|command| start(command.env_remove(AUTH_TOKEN)))
}

/// Starts a program that Ctrl-C does not end. Returns whether it runs or has succeeded.
fn start(command: &mut Command) -> bool {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    // Some programs run until the browser is closed. One that fails does so immediately.
    for _ in 0..20 {
        match child.try_wait() {
            Ok(None) => thread::sleep(Duration::from_millis(25)),
            // The exit code of the Explorer does not show whether it opened the page.
            Ok(Some(status)) => return status.success() || cfg!(windows),
            Err(_) => return false,
        }
    }
    true
}
