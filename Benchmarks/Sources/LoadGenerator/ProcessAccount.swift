// Rollcall · LoadGenerator

public import Glibc

/// The CPU time and memory that the kernel reports for processes.
public enum ProcessAccount {
    /// Seconds of CPU, user and system, of all threads of these processes, ended threads included.
    public static func cpuSeconds(_ processes: [pid_t]) -> Double {
        processes.reduce(0) { $0 + cpuSeconds($1) }
    }

    /// Seconds of CPU, from the CPU clock of the process, which counts nanoseconds; 0 for a process that is gone.
    public static func cpuSeconds(_ process: pid_t) -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Resident bytes; a shared page counts in part for each of its processes.
    public static func bytes(_ processes: [pid_t]) -> Int {
        processes.reduce(0) { $0 + bytes($1) }
    }

    public static func bytes(_ process: pid_t) -> Int {
        if let text = ProcFile.text("/proc/\(process)/smaps_rollup"), let kilobytes = ProcFile.number("Pss", in: text) {
            return kilobytes * 1024
        }
        let status = ProcFile.text("/proc/\(process)/status") ?? ""
        return (ProcFile.number("VmRSS", in: status) ?? 0) * 1024
    }

    public static func children(of process: pid_t) -> [pid_t] {
        let text = ProcFile.text("/proc/\(process)/task/\(process)/children") ?? ""
        return text.split(separator: " ").compactMap { pid_t($0) }
    }
}
