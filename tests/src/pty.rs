//! A terminal before which somebody sits: programs ask there, and hide what is typed where it is a secret.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// How long anything may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program at a terminal of its own.
#[derive(Debug)]
pub struct Pty {
    child: Child,
    terminal: File,
    coming: Receiver<Vec<u8>>,
    shown: String,
    /// How much of what was shown has been waited for.
    seen: usize,
}

impl Pty {
    /// Starts the command with the terminal as its stdin, stdout and stderr.
    pub fn start(mut command: Command) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&terminal).expect("a terminal");
        unlockpt(&terminal).expect("a terminal");
        let size = Winsize {
            ws_row: 24,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // A new one has no columns, and no bar is drawn in none.
        tcsetwinsize(&terminal, size).expect("its size");
        let name = ptsname(&terminal, Vec::new()).expect("its name");
        let program_side = || {
            let name = std::ffi::OsStr::from_bytes(name.as_bytes());
            let file = File::options().read(true).write(true).open(name);
            file.expect("the program's side")
        };
        command
            .stdin(program_side())
            .stdout(program_side())
            .stderr(program_side());
        let child = command.spawn().expect("the command starts");
        // With its copies of the program's side: what is shown ends when the program does.
        drop(command);
        let terminal = File::from(terminal);
        let mut reader = terminal.try_clone().expect("the terminal");
        let (sender, coming) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux answers EIO once the other side is closed.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            terminal,
            coming,
            shown: String::new(),
            seen: 0,
        }
    }

    /// Waits until this text is shown, after what was waited for before.
    ///
    /// # Panics
    /// Where that takes a minute, or the program ends.
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.shown[self.seen..].find(text) {
                self.seen += place + text.len();
                return;
            }
            match self.receive(deadline) {
                Ok(()) => {}
                Err(why) => panic!("{text:?} does not come ({why}): {:?}", self.shown),
            }
        }
    }

    /// Takes up what is shown next.
    fn receive(&mut self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let bytes = self.coming.recv_timeout(left)?;
        self.shown
            .push_str(&String::from_utf8(bytes).expect("whole characters"));
        Ok(())
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.terminal, "{line}").expect("the terminal");
    }

    /// Types a line once the program hides what is typed.
    ///
    /// # Panics
    /// Where it does not within a minute.
    pub fn type_secret(&mut self, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        let shows = |terminal: &File| {
            let modes = tcgetattr(terminal).expect("the terminal's modes").local_modes;
            modes.contains(LocalModes::ECHO)
        };
        while shows(&self.terminal) {
            assert!(Instant::now() < deadline, "what is typed would be shown");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.type_line(line);
    }

    /// Waits for the end: the exit code, and all that was shown.
    ///
    /// # Panics
    /// Where that takes a minute.
    pub fn end(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.receive(deadline) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:?}", self.shown),
            }
        }
        let status = self.child.wait().expect("its end");
        (
            status.code().expect("an exit code"),
            std::mem::take(&mut self.shown),
        )
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
