//! Opens the user's browser.

use std::{
    io,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::task::spawn_blocking;

use crate::client::AUTH_TOKEN;

/// A launcher that runs for longer has started the browser, and ends with it.
const LAUNCH_TIME: Duration = Duration::from_secs(1);

/// Opens a URL with the system's default program. Returns the error of the last launcher if none
/// works.
pub(super) async fn open(url: String) -> io::Result<()> {
    let opened = spawn_blocking(move || {
        let mut result = Err(io::Error::from(io::ErrorKind::NotFound));
        for command in open::commands(url) {
            result = launch(command);
            if result.is_ok() {
                break;
            }
        }
        result
    });
    opened.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn launch(mut command: Command) -> io::Result<()> {
    // The browser needs no token.
    command.env_remove(AUTH_TOKEN);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C in the terminal does not end the browser.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    match receiver.recv_timeout(LAUNCH_TIME) {
        Ok(Ok(status)) if !status.success() => Err(io::Error::other(status.to_string())),
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn launch_gives_the_browser_no_auth_token() {
        let mut command = Command::new("sh");
        command.args(["-c", "test -z \"${POGGIO_AUTH_TOKEN+set}\""]).env(AUTH_TOKEN, "t0ken");
        launch(command).unwrap();
    }
}
