//! Running a program and knowing what it took.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// What a program and the children it waited for took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Largest resident set of any one of them, in bytes. On Linux it begins with that of the process that started
    /// the program, which is why this one keeps small.
    pub(crate) peak: u64,
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> io::Result<(ExitStatus, Usage)> {
    let began = Instant::now();
    let child = command.spawn()?;
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which all zeros is a value.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live variables of the types that wait4 writes, and `pid` is a child that
        // nothing else waits for.
        if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut used) } == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let usage = Usage {
        wall: began.elapsed(),
        cpu: duration(used.ru_utime) + duration(used.ru_stime),
        peak: u64::try_from(used.ru_maxrss).unwrap_or_default() * if cfg!(target_os = "macos") { 1 } else { 1024 },
    };
    Ok((ExitStatus::from_raw(status), usage))
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or_default())
}

/// Bytes of this process's own largest resident set: below it no peak can be told. Nothing where the system does not
/// say.
pub(crate) fn own_peak() -> Option<u64> {
    status("VmHWM")
}

/// Bytes of memory of its own that this process holds at this moment, files mapped into it left out.
pub(crate) fn anonymous() -> Option<u64> {
    status("RssAnon")
}

/// Forgets how much this process held at most, where the system can.
pub(crate) fn reset_peak() {
    // Where it cannot, peaks are those since the start, and so too high rather than too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().split(' ').next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_measured_with_its_children() {
        let mut shell = Command::new("sh");
        // The inner shell does the work, and the outer one waits for it.
        shell.args(["-c", "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; sleep 0.05; exit 3"]);
        let (status, usage) = run(&mut shell).unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(usage.wall >= Duration::from_millis(50));
        assert!(usage.cpu > Duration::ZERO);
        assert!(usage.peak > 100 * 1024);
    }
}
