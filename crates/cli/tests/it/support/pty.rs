//! A terminal for the command.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Command},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// The command in a terminal.
pub(crate) struct Terminal {
    pub(crate) child: Child,
    screen: File,
    printed: String,
}

impl Terminal {
    /// Starts the command in a terminal of this width.
    pub(crate) fn start(command: &mut Command, columns: u16) -> Self {
        Self::start_with(command, columns, &[])
    }

    /// Starts the command with further variables.
    pub(crate) fn start_with(
        command: &mut Command,
        columns: u16,
        variables: &[(&str, &str)],
    ) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let open = || -> OwnedFd {
            File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap().into()
        };
        command.stdin(open()).stdout(open()).stderr(open());
        command.env_remove("NO_COLOR").env("TERM", "xterm");
        command.envs(variables.iter().copied());
        let child = command.spawn().unwrap();
        // The command holds the only other descriptors of the terminal, so that its end is seen.
        *command = Command::new("true");
        Self { child, screen: controller.into(), printed: String::new() }
    }

    /// Reads until the screen shows this text.
    pub(crate) fn wait_for(&mut self, text: &str) -> &str {
        while !self.printed.contains(text) {
            assert!(self.read(), "{text:?} is not in {}", self.printed);
        }
        &self.printed
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.screen, "{line}").unwrap();
    }

    /// Waits for the end; returns what was printed, and the exit code.
    pub(crate) fn finish(mut self) -> (String, Option<i32>) {
        while self.read() {}
        let code = self.child.wait().unwrap().code();
        (self.printed.replace("\r\n", "\n"), code)
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // At the end, Linux reports an error.
        let len = self.screen.read(&mut buffer).unwrap_or(0);
        self.printed += &String::from_utf8_lossy(&buffer[..len]);
        len > 0
    }
}
