// Rollcall · LoadGenerator

public import Glibc

/// What the kernel says a process has used.
public enum ProcessAccount {
    /// Seconds of CPU, user and system, of all threads of these processes.
    ///
    /// Threads that have ended are not in it: servers keep theirs.
    public static func cpuSeconds(_ processes: [pid_t]) -> Double {
        processes.reduce(0) { $0 + cpuSeconds($1) }
    }

    public static func cpuSeconds(_ process: pid_t) -> Double {
        var nanoseconds = 0
        for thread in ProcFile.names(in: "/proc/\(process)/task") {
            guard let text = ProcFile.text("/proc/\(process)/task/\(thread)/schedstat"),
                let first = text.split(separator: " ").first, let used = Int(first)
            else { return ticks(process) }
            nanoseconds += used
        }
        return Double(nanoseconds) / 1e9
    }

    /// Resident bytes, shared pages counted in part.
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

    /// From /proc/PID/stat, in hundredths of a second, for kernels without schedstat.
    private static func ticks(_ process: pid_t) -> Double {
        guard let text = ProcFile.text("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return 0 }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
