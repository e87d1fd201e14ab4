//! Running a test in a process of its own, where nothing else uses memory or threads.

use std::process::Command;

const VARIABLE: &str = "STRONGROOM_TEST_CHILD";

/// Runs `test` in a child process: this test program, started again with the name of the test that calls this.
#[track_caller]
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(VARIABLE).is_some_and(|value| value == name) {
        test();
        println!("{name} ran to its end");
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(VARIABLE, name);
    // What the allocator of the system keeps for later would be measured, too, and is another amount every time.
    child.env("MALLOC_ARENA_MAX", "2").env("MALLOC_MMAP_THRESHOLD_", "131072");
    let output = child.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains(&format!("{name} ran to its end")), "{text}");
    print!("{text}");
}

/// A line such as `VmHWM:  1234 kB` of what the kernel says of this process, in bytes.
pub(crate) fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Forgets how much memory was in use at most.
pub(crate) fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The names of this process's threads.
pub(crate) fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // A thread may end between being listed and being looked at.
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}
