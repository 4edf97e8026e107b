//! What the program prints: one way for every command, by the macros that every program has.
//!
//! Whoever reads it may stop, as `head` does: what is left is not printed then, and the command ends as if it had been. What
//! cannot be printed for another reason, as on a full disk, is an error at the end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why standard output takes nothing any more.
static ENDED: OnceLock<io::Error> = OnceLock::new();

/// Standard output, as long as it takes something. Writing to it never fails: [`finish`] says what did.
pub struct Output;

impl Output {
    fn done(written: io::Result<()>) {
        if let Err(e) = written {
            // The first reason is the one.
            let _ = ENDED.set(e);
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if ENDED.get().is_none() {
            Self::done(io::stdout().lock().write_all(bytes));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if ENDED.get().is_none() {
            Self::done(io::stdout().lock().flush());
        }
        Ok(())
    }
}

/// Prints to standard output; see [`print!`].
pub fn print(text: Arguments<'_>) {
    // It cannot fail: see `Output`.
    let _ = Output.write_all(text.to_string().as_bytes());
}

/// Prints to standard error; see [`eprint!`]. When this fails there is nobody to tell.
pub fn tell(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_all(text.to_string().as_bytes());
}

/// Everything is printed.
///
/// # Errors
/// When something could not be, unless nobody wanted it any more.
pub fn finish() -> io::Result<()> {
    Output.flush()?;
    match ENDED.get() {
        Some(e) if e.kind() != ErrorKind::BrokenPipe => Err(io::Error::new(e.kind(), e.to_string())),
        _ => Ok(()),
    }
}

/// As the macro of this name in the standard library, which panics when nobody reads any more.
macro_rules! print {
    ($($said:tt)*) => { $crate::output::print(format_args!($($said)*)) };
}

/// As the macro of this name in the standard library, which panics when nobody reads any more.
macro_rules! println {
    () => { print!("\n") };
    ($($said:tt)*) => { print!("{}\n", format_args!($($said)*)) };
}

/// As the macro of this name in the standard library, which panics when nobody reads any more.
macro_rules! eprint {
    ($($said:tt)*) => { $crate::output::tell(format_args!($($said)*)) };
}

/// As the macro of this name in the standard library, which panics when nobody reads any more.
macro_rules! eprintln {
    ($($said:tt)*) => { eprint!("{}\n", format_args!($($said)*)) };
}
