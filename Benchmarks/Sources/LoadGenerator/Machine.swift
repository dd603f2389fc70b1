// Rollcall · LoadGenerator

import Glibc

/// The machine that a figure was measured on.
public struct Machine: Codable, CustomStringConvertible, Sendable {
    public let cores: Int
    public let model: String
    public let kernel: String
    public let memoryGigabytes: Int
    public let openFiles: Int
    /// The load average at the start of the run: the other work of the machine.
    public let loadAverage: Double

    public static func here() -> Machine {
        let processors = ProcFile.text("/proc/cpuinfo") ?? ""
        let model = processors.split(separator: "\n").first { $0.hasPrefix("model name") }
        let memory = ProcFile.number("MemTotal", in: ProcFile.text("/proc/meminfo") ?? "") ?? 0
        let load = ProcFile.text("/proc/loadavg")?.split(separator: " ").first.flatMap { Double($0) }
        let kernel = ProcFile.text("/proc/sys/kernel/osrelease") ?? "unknown"
        return Machine(
            cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
            model: model?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown",
            kernel: String(kernel.prefix { $0 != "\n" }),
            memoryGigabytes: (memory + (1 << 19)) / (1 << 20),
            openFiles: OpenFiles.raise(),
            loadAverage: load ?? 0)
    }

    public var description: String {
        "\(cores) cores (\(model)), \(memoryGigabytes) GB, Linux \(kernel), \(openFiles) open files, "
            + "load \(loadAverage) at the start"
    }
}
